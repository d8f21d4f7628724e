package notifytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/notify/notifytest"
)

// far plays the recorder's far end, so that the exam examines its own reference pupil.
type far struct {
	rec  *notifytest.Recorder
	does notifytest.Behaviour
	hung chan struct{}
}

func (f *far) Behave(b notifytest.Behaviour) { f.does = b }
func (f *far) Hung() <-chan struct{}         { return f.hung }

func (f *far) Received() []notifytest.Received {
	var out []notifytest.Received
	for _, m := range f.rec.Messages() {
		out = append(out, notifytest.Received{
			To: []string{m.To.Email}, ToName: m.To.Name, Subject: m.Content.Subject, Text: m.Content.Text, HTML: m.Content.HTML,
		})
	}
	return out
}

func (f *far) Channel() notify.Channel { return f.rec.Channel() }

func (f *far) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	switch f.does {
	case notifytest.Reject:
		f.rec.FailNext(1, notify.ErrRejected)
	case notifytest.Throttle:
		f.rec.FailNext(1, notify.ErrThrottled)
	case notifytest.Fail:
		f.rec.FailNext(1, notify.ErrTransient)
	case notifytest.HangUp:
		f.rec.FailNext(1, notify.ErrUnknown)
	case notifytest.Hang:
		f.hung <- struct{}{}
		<-ctx.Done()
		return notify.Receipt{}, &notify.SendError{Sender: "far", Kind: notify.ErrUnknown, Err: ctx.Err()}
	}
	return f.rec.Send(ctx, m)
}

func TestRecorderPassesTheExam(t *testing.T) {
	notifytest.Run(t, notifytest.Suite{
		New: func(t *testing.T) (notify.Sender, notifytest.FarEnd) {
			f := &far{rec: new(notifytest.Recorder), hung: make(chan struct{}, 1)}
			return f, f
		},
		Down: func(t *testing.T) notify.Sender {
			rec := new(notifytest.Recorder)
			rec.FailNext(1, notify.ErrTransient)
			return rec
		},
	})
}

func serve(t *testing.T, cfg notifytest.MailboxConfig) *notifytest.Mailbox {
	t.Helper()
	box, err := notifytest.NewMailbox(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- box.Serve() }()
	t.Cleanup(func() {
		_ = box.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return box
}

func post(t *testing.T, box *notifytest.Mailbox, to, raw string) {
	t.Helper()
	if err := try(box, to, strings.ReplaceAll(raw, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
}

func try(box *notifytest.Mailbox, to, raw string) error {
	c, err := gosmtp.Dial(box.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SendMail("shop@shop.example", []string{to}, strings.NewReader(raw))
}

const multipart = `Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
To: ann@customer.example
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Text f=C3=BCr Ann
--b
Content-Type: text/html; charset=utf-8

<h1>HTML</h1><script>parent.document.body.innerHTML='hacked'</script>
--b--
`

func TestMailboxOutlivesItsProgram(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 11, 24, 9, 0, 0, 5, time.FixedZone("CET", 3600))
	cfg := notifytest.MailboxConfig{Dir: dir, Keep: 3, Now: func() time.Time { return at }}
	box := serve(t, cfg)
	for i := range 5 {
		post(t, box, fmt.Sprintf("ann%d@customer.example", i), strings.Replace(multipart, "Text", fmt.Sprint("Text ", i), 1))
	}
	before := box.Mails()
	if len(before) != 3 || before[0].To[0] != "ann2@customer.example" || before[2].Subject != "Grüße" || strings.TrimSpace(before[2].Text) != "Text 4 für Ann" {
		t.Fatalf("the newest three, read right: %+v", before)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not a mail"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := serve(t, cfg)
	after := again.Mails()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	post(t, again, "bob@customer.example", multipart)
	mails := again.Mails()
	if len(mails) != 3 || mails[2].ID <= after[2].ID || len(again.For("BOB@customer.example")) != 1 {
		t.Errorf("after one more: %d mails, the last is %s", len(mails), mails[len(mails)-1].ID)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil || len(files) != 3 {
		t.Errorf("%d files (%v)", len(files), err)
	}
}

func TestMailboxPage(t *testing.T) {
	box := serve(t, notifytest.MailboxConfig{})
	web := httptest.NewServer(http.StripPrefix("/mailbox", box.Handler()))
	defer web.Close()
	get := func(path string) (*http.Response, string) {
		t.Helper()
		res, err := http.Get(web.URL + "/mailbox" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	if _, body := get("/"); !strings.Contains(body, "No mail has arrived yet") {
		t.Errorf("an empty mailbox: %s", body)
	}
	post(t, box, "ann@customer.example", multipart)
	post(t, box, "ann@customer.example", "Subject: <script>alert(1)</script>\n\nbroken \xff\n")
	mails := box.Mails()
	_, list := get("/")
	if !strings.Contains(list, "Grüße") || strings.Contains(list, "<script>") || strings.Index(list, "Grüße") < strings.Index(list, "&lt;script&gt;") {
		t.Errorf("the list: %s", list)
	}
	res, page := get("/mails/" + mails[0].ID)
	if !strings.Contains(page, `sandbox="allow-popups`) || !strings.Contains(page, "Text für Ann") || strings.Contains(page, "hacked") {
		t.Errorf("the mail's page: %s", page)
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "script-src") {
		t.Errorf("policy %q", p)
	}
	res, frame := get("/mails/" + mails[0].ID + "/html")
	if p := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(p, "sandbox") || strings.Contains(p, "allow-scripts") || strings.Contains(p, "allow-same-origin") {
		t.Errorf("the frame's policy %q", p)
	}
	if !strings.Contains(frame, "<h1>HTML</h1>") {
		t.Errorf("the frame: %s", frame)
	}
	if res, raw := get("/mails/" + mails[0].ID + "/raw"); !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") || !strings.Contains(raw, "--b--") {
		t.Errorf("raw as %s: %s", res.Header.Get("Content-Type"), raw)
	}
	for _, path := range []string{"/mails/7", "/mails/7/html", "/mails/..%2f", "/x"} {
		if res, _ := get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestMailboxRefusesWhatIsTooLarge(t *testing.T) {
	box := serve(t, notifytest.MailboxConfig{})
	err := try(box, "b@customer.example", strings.Repeat("0123456789\r\n", 1<<20))
	var se *gosmtp.SMTPError
	if !errors.As(err, &se) || se.Code != 552 {
		t.Errorf("got %v", err)
	}
	if len(box.Mails()) != 0 {
		t.Error("it was kept")
	}
}

func TestMailboxErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]notifytest.MailboxConfig{
		"a port in use": {Addr: l.Addr().String()}, "a folder that is a file": {Dir: file}, "a negative count": {Keep: -1},
	} {
		if box, err := notifytest.NewMailbox(cfg); err == nil {
			_ = box.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestCheckTemplates(t *testing.T) {
	tmpl := notifytest.CheckTemplates(t, fstest.MapFS{
		"locales/en.json": {Data: []byte(`{"track.button": "Where is it?"}`)},
	})
	c, err := tmpl.Render(notify.Shipped, "en", notify.Sample(notify.Shipped))
	if err != nil || !strings.Contains(c.Text, "Where is it?") {
		t.Errorf("the shop's words are not used (%v)", err)
	}
	var found complaints
	func() {
		defer func() { _ = recover() }()
		notifytest.CheckTemplates(&found, fstest.MapFS{
			"shipped.html": {Data: []byte("{{define \"content\"}}{{.A}}\n{{.B}}{{end}}")},
		})
	}()
	if len(found.texts) != 2 || !strings.Contains(found.texts[1], "shipped.html:2") || !found.stopped {
		t.Errorf("got %q", found.texts)
	}
}

// complaints is a testing.TB that keeps what it is told.
type complaints struct {
	testing.TB
	texts   []string
	stopped bool
}

func (c *complaints) Helper()           {}
func (c *complaints) Error(args ...any) { c.texts = append(c.texts, fmt.Sprint(args...)) }
func (c *complaints) FailNow()          { c.stopped = true; panic("stopped") }

func ExampleRecorder() {
	var sent notifytest.Recorder
	sent.FailNext(1, notify.ErrTransient)

	m := notify.Message{
		Key: "shop1/o1/a/shipped/1", To: notify.Address{Email: "ann@example.com"},
		Content: notify.Content{Subject: "Your parcel is on its way", Text: "Track it."},
	}
	_, err := sent.Send(context.Background(), m)
	fmt.Println(err)
	_, err = sent.Send(context.Background(), m)
	fmt.Println(err, len(sent.For("ann@example.com")))
	// Output:
	// notify: recorder: not sent for now
	// <nil> 1
}
