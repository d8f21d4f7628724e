package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	netmail "net/mail"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/notify/notifytest"
	"github.com/doorstep-go/doorstep/notify/smtp"
)

const (
	user     = "orders-user"
	password = "s3cret-p4ss"
)

// server is a mailbox that can have bad days.
type server struct {
	box  *notifytest.Mailbox
	mu   sync.Mutex
	does notifytest.Behaviour
	hung chan struct{}
	free chan struct{}
}

func (s *server) Behave(b notifytest.Behaviour) { s.mu.Lock(); s.does = b; s.mu.Unlock() }
func (s *server) Hung() <-chan struct{}         { return s.hung }

func (s *server) Received() []notifytest.Received {
	var out []notifytest.Received
	for _, m := range s.box.Mails() {
		r := notifytest.Received{To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML, Header: m.Get}
		if msg, err := netmail.ReadMessage(strings.NewReader(string(m.Raw))); err == nil {
			if to, err := msg.Header.AddressList("To"); err == nil && len(to) == 1 {
				r.ToName = to[0].Name
			}
		}
		out = append(out, r)
	}
	return out
}

func (s *server) reply([]string) error {
	s.mu.Lock()
	does := s.does
	s.mu.Unlock()
	switch does {
	case notifytest.Reject:
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "No such user zoe@customer.example"}
	case notifytest.Throttle:
		return &gosmtp.SMTPError{Code: 450, EnhancedCode: gosmtp.EnhancedCode{4, 7, 1}, Message: "Too many for customer.example"}
	case notifytest.Fail:
		return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 3, 0}, Message: "Try zoe@customer.example again"}
	case notifytest.Hang:
		s.hung <- struct{}{}
		<-s.free
		return errors.New("the test is over")
	case notifytest.HangUp:
		return notifytest.ErrHangUp
	}
	return nil
}

func start(t *testing.T, cfg notifytest.MailboxConfig) *server {
	t.Helper()
	s := &server{hung: make(chan struct{}, 1), free: make(chan struct{})}
	cfg.Reply = s.reply
	box, err := notifytest.NewMailbox(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.box = box
	done := make(chan error, 1)
	go func() { done <- box.Serve() }()
	t.Cleanup(func() {
		close(s.free)
		_ = box.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func sender(t *testing.T, change func(*smtp.Config)) *smtp.Sender {
	t.Helper()
	cfg := smtp.Config{
		Host: "127.0.0.1", TLS: smtp.TLSNone, From: notify.Address{Name: "Hearth & Linen, Größe", Email: "orders@shop.example"},
		Now: func() time.Time { return time.Date(2026, 11, 24, 9, 12, 0, 0, time.FixedZone("", 3600)) },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := smtp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSender(t *testing.T) {
	notifytest.Run(t, notifytest.Suite{
		New: func(t *testing.T) (notify.Sender, notifytest.FarEnd) {
			s := start(t, notifytest.MailboxConfig{})
			return sender(t, func(c *smtp.Config) { c.Port = s.box.Port() }), s
		},
		Down: func(t *testing.T) notify.Sender {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			_ = l.Close()
			return sender(t, func(c *smtp.Config) { c.Port = port })
		},
		Secrets: []string{user, password},
	})
}

func message() notify.Message {
	return notify.Message{
		Key: "shop1/o1/a/shipped/1", Kind: notify.Shipped, ThreadRoot: "shop1/o1",
		To:      notify.Address{Name: "Ann", Email: "ann@customer.example"},
		Content: notify.Content{Subject: "Your parcel", Text: "It is on its way.", HTML: "<p>It is on its way.</p>"},
	}
}

func TestHeaders(t *testing.T) {
	s := start(t, notifytest.MailboxConfig{})
	out := sender(t, func(c *smtp.Config) { c.Port = s.box.Port(); c.ReplyTo = notify.Address{Email: "help@shop.example"} })
	service := message()
	service.Key, service.Class, service.UnsubscribeURL = "shop1/o1/a/delayed/1", notify.Service, "https://shop.example/u/abc"
	service.Headers = map[string]string{"X-Shop": "1", "Auto-Submitted": "no"}
	for _, m := range []notify.Message{message(), message(), service} {
		if _, err := out.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	mails := s.box.For("ann@customer.example")
	if len(mails) != 3 {
		t.Fatalf("%d mails", len(mails))
	}
	first, again, other := mails[0], mails[1], mails[2]
	if first.Get("Message-Id") == "" || first.Get("Message-Id") != again.Get("Message-Id") || first.Get("Message-Id") == other.Get("Message-Id") {
		t.Errorf("Message-IDs %q, %q, %q: the same for the same key, and only then", first.Get("Message-Id"), again.Get("Message-Id"), other.Get("Message-Id"))
	}
	root := first.Get("References")
	if root == "" || root != other.Get("References") || root != other.Get("In-Reply-To") {
		t.Errorf("References %q and %q: one root for the order", root, other.Get("References"))
	}
	for _, id := range []string{first.Get("Message-Id"), root} {
		if strings.Contains(id, "o1") || !strings.HasSuffix(id, "@shop.example>") {
			t.Errorf("the id %q tells the order, or is not the shop's", id)
		}
	}
	var got []string
	for _, name := range []string{"Auto-Submitted", "X-Auto-Response-Suppress", "Reply-To", "Date", "List-Unsubscribe", "List-Unsubscribe-Post", "X-Shop"} {
		got = append(got, first.Get(name)+" | "+other.Get(name))
	}
	want := []string{
		"auto-generated | auto-generated", "All | All", "<help@shop.example> | <help@shop.example>",
		"Tue, 24 Nov 2026 09:12:00 +0100 | Tue, 24 Nov 2026 09:12:00 +0100",
		" | <https://shop.example/u/abc>", " | List-Unsubscribe=One-Click", " | 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.HasPrefix(first.Get("Content-Type"), "multipart/alternative") {
		t.Errorf("Content-Type %q", first.Get("Content-Type"))
	}
	for line := range strings.Lines(string(first.Raw)) {
		if len(line) > 998 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
}

func TestLogin(t *testing.T) {
	s := start(t, notifytest.MailboxConfig{Username: user, Password: password})
	// PLAIN in the clear is refused even where the caller asked for no TLS.
	out := sender(t, func(c *smtp.Config) { c.Port = s.box.Port(); c.Username, c.Password = user, password })
	_, err := out.Send(t.Context(), message())
	if !errors.Is(err, notify.ErrTransient) {
		t.Errorf("got %v: a login that does not work is not the mail's fault", err)
	}
	if err == nil || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), user) {
		t.Errorf("the error holds a credential: %v", err)
	}
	out = sender(t, func(c *smtp.Config) { c.Port = s.box.Port() })
	if _, err = out.Send(t.Context(), message()); !errors.Is(err, notify.ErrRejected) {
		t.Errorf("without login: %v", err)
	}
	if n := len(s.box.Mails()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestTLSIsRequired(t *testing.T) {
	s := start(t, notifytest.MailboxConfig{})
	for _, policy := range []smtp.TLS{smtp.TLSRequired, smtp.TLSImplicit} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		out := sender(t, func(c *smtp.Config) { c.Port = s.box.Port(); c.TLS = policy })
		if _, err := out.Send(ctx, message()); !errors.Is(err, notify.ErrTransient) {
			t.Errorf("%s: got %v", policy, err)
		}
		cancel()
	}
	if n := len(s.box.Mails()); n != 0 {
		t.Errorf("%d mails went out in the clear", n)
	}
}

func TestLoginOverTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	cert := &tls.Config{Certificates: web.TLS.Certificates}
	s := start(t, notifytest.MailboxConfig{Username: user, Password: password, TLS: cert})

	// For implicit TLS, something that takes the encryption off before the mailbox, as
	// a load balancer would.
	l, err := tls.Listen("tcp", "127.0.0.1:0", cert)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	clear := start(t, notifytest.MailboxConfig{Username: user, Password: password})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", clear.box.Addr())
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in) }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	for _, tt := range []struct {
		policy smtp.TLS
		port   int
		box    *notifytest.Mailbox
	}{
		{smtp.TLSRequired, s.box.Port(), s.box},
		{smtp.TLSImplicit, l.Addr().(*net.TCPAddr).Port, clear.box},
	} {
		out := sender(t, func(c *smtp.Config) {
			c.TLS, c.Port, c.Username, c.Password, c.RootCAs = tt.policy, tt.port, user, password, roots
		})
		if _, err := out.Send(t.Context(), message()); err != nil {
			t.Errorf("%s: %v: %v", tt.policy, err, errors.Unwrap(err))
		}
		if n := len(tt.box.Mails()); n != 1 {
			t.Errorf("%s: %d mails", tt.policy, n)
		}
		stranger := sender(t, func(c *smtp.Config) {
			c.TLS, c.Port, c.Username, c.Password = tt.policy, tt.port, user, password
		})
		if _, err := stranger.Send(t.Context(), message()); !errors.Is(err, notify.ErrTransient) {
			t.Errorf("%s: a certificate of nobody we know was accepted: %v", tt.policy, err)
		}
	}
}

func TestNewErrors(t *testing.T) {
	good := smtp.Config{Host: "mail.example.com", From: notify.Address{Email: "a@shop.example"}}
	for name, change := range map[string]func(*smtp.Config){
		"Host":            func(c *smtp.Config) { c.Host = "" },
		"From":            func(c *smtp.Config) { c.From.Email = "a@b, c@d" },
		"ReplyTo":         func(c *smtp.Config) { c.ReplyTo.Email = "x" },
		"Port":            func(c *smtp.Config) { c.Port = 70000 },
		"TLS":             func(c *smtp.Config) { c.TLS = "maybe" },
		"HELO":            func(c *smtp.Config) { c.HELO = "a b" },
		"MessageIDDomain": func(c *smtp.Config) { c.MessageIDDomain = "a\r\nb" },
		"Timeout":         func(c *smtp.Config) { c.Timeout = -1 },
		"Password":        func(c *smtp.Config) { c.Password = password },
	} {
		cfg := good
		change(&cfg)
		if _, err := smtp.New(cfg); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := smtp.New(good); err != nil {
		t.Error(err)
	}
}

func TestEveryBuiltInMailArrives(t *testing.T) {
	s := start(t, notifytest.MailboxConfig{})
	out := sender(t, func(c *smtp.Config) { c.Port = s.box.Port() })
	tmpl, err := notify.Load(notify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, kind := range tmpl.Kinds() {
		content, err := tmpl.Render(kind, "de", notify.Sample(kind))
		if err != nil {
			t.Fatal(err)
		}
		m := message()
		m.Key, m.Content = string(kind), content
		if _, err := out.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		want = append(want, content.Subject)
		mails := s.box.Mails()
		last := mails[len(mails)-1]
		if strings.ReplaceAll(last.HTML, "\r\n", "\n") != content.HTML || strings.ReplaceAll(last.Text, "\r\n", "\n") != content.Text {
			t.Errorf("%s arrived changed", kind)
		}
	}
	var got []string
	for _, m := range s.box.Mails() {
		got = append(got, m.Subject)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
