package notifytest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// MailboxConfig says how a [Mailbox] behaves. The zero value is usable.
type MailboxConfig struct {
	// Addr is where it listens for SMTP. Defaults to a free port on 127.0.0.1.
	Addr string

	// Dir keeps the mails, one file each, so that they outlive the program. Defaults to
	// memory only.
	Dir string

	// Keep is how many mails are kept; older ones are forgotten. Defaults to 500.
	Keep int

	// Username and Password are what a client must log in with. Defaults to no login.
	Username string
	Password string

	// TLS makes the server offer STARTTLS. Defaults to no encryption.
	TLS *tls.Config

	// Reply decides what becomes of a mail to the recipients, before it is kept: an
	// [*smtp.SMTPError] of go-smtp is the server's answer, and [ErrHangUp] drops the
	// connection after the mail was taken. Defaults to accepting everything.
	Reply func(to []string) error

	// Now is the clock of the arrival times. Defaults to time.Now.
	Now func() time.Time
}

// ErrHangUp makes a [Mailbox] keep the mail and drop the connection instead of saying so.
var ErrHangUp = errors.New("hang up")

// Mail is one mail as it arrived.
type Mail struct {
	ID         string // within the mailbox
	ReceivedAt time.Time
	From       string   // of the envelope
	To         []string // of the envelope
	Subject    string   // decoded
	Header     []Field  // decoded, in order
	Text       string
	HTML       string
	Raw        []byte
}

// Field is one header field.
type Field struct {
	Name  string
	Value string
}

// Get returns the first field of the name, or "".
func (m Mail) Get(name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Mailbox is an SMTP server that keeps what it is sent and shows it on a page. It
// delivers nothing. It is safe for concurrent use. Make one with [NewMailbox].
type Mailbox struct {
	cfg      MailboxConfig
	server   *smtp.Server
	listener net.Listener

	mu    sync.Mutex
	mails []Mail // oldest first
	next  int
}

const (
	maxMail    = 4 << 20
	mailSuffix = ".eml"
)

// NewMailbox reads the mails in cfg.Dir, if there is one, and opens the port. Nothing is
// answered before [Mailbox.Serve] runs.
func NewMailbox(cfg MailboxConfig) (*Mailbox, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Keep < 0 {
		return nil, errors.New("notifytest: Keep is negative")
	}
	if cfg.Keep == 0 {
		cfg.Keep = 500
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	b := &Mailbox{cfg: cfg}
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("notifytest: %w", err)
		}
		if err := b.restore(); err != nil {
			return nil, fmt.Errorf("notifytest: %w", err)
		}
	}
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("notifytest: %w", err)
	}
	b.listener = l
	b.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{box: b, conn: c, in: cfg.Username == ""}, nil
	}))
	b.server.Domain = "mailbox.test"
	b.server.MaxMessageBytes = maxMail
	b.server.MaxRecipients = 50
	b.server.ReadTimeout, b.server.WriteTimeout = time.Minute, time.Minute
	b.server.AllowInsecureAuth = true // it is meant for the same machine
	b.server.EnableSMTPUTF8 = true
	b.server.TLSConfig = cfg.TLS
	b.server.ErrorLog = silent{}
	return b, nil
}

// Serve answers until [Mailbox.Close], and then returns nil.
func (b *Mailbox) Serve() error {
	if err := b.server.Serve(b.listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("notifytest: %w", err)
	}
	return nil
}

// Close stops the server. The mails stay.
func (b *Mailbox) Close() error {
	err := b.server.Close()
	if e := b.listener.Close(); err == nil && !errors.Is(e, net.ErrClosed) {
		err = e
	}
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Addr is where it listens, as host and port.
func (b *Mailbox) Addr() string { return b.listener.Addr().String() }

// Port is the port it listens on.
func (b *Mailbox) Port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// Mails returns what has arrived, oldest first. The slice is the caller's.
func (b *Mailbox) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

// For returns what has arrived for one address, oldest first.
func (b *Mailbox) For(email string) []Mail {
	return slices.DeleteFunc(b.Mails(), func(m Mail) bool {
		return !slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, email) })
	})
}

// keep parses and stores a mail.
func (b *Mailbox) keep(from string, to []string, raw []byte) error {
	m := parseMail(raw)
	m.From, m.To, m.ReceivedAt = from, slices.Clone(to), b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	m.ID = fmt.Sprintf("%08d", b.next)
	if b.cfg.Dir != "" {
		if err := b.store(m); err != nil {
			return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Cannot store the mail"}
		}
	}
	b.mails = append(b.mails, m)
	for len(b.mails) > b.cfg.Keep {
		if b.cfg.Dir != "" {
			_ = os.Remove(filepath.Join(b.cfg.Dir, b.mails[0].ID+mailSuffix))
		}
		b.mails[0] = Mail{}
		b.mails = b.mails[1:]
	}
	return nil
}

// The envelope is not part of a mail, so the file begins with fields of our own.
const envelope = "X-Mailbox-"

// store writes the whole file beside its place and then moves it there.
func (b *Mailbox) store(m Mail) error {
	var f bytes.Buffer
	fmt.Fprintf(&f, "%sReceived: %s\r\n%sFrom: %s\r\n", envelope, m.ReceivedAt.Format(time.RFC3339Nano), envelope, m.From)
	for _, to := range m.To {
		fmt.Fprintf(&f, "%sTo: %s\r\n", envelope, to)
	}
	f.Write(m.Raw)
	name := filepath.Join(b.cfg.Dir, m.ID+mailSuffix)
	tmp, err := os.CreateTemp(b.cfg.Dir, "tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(f.Bytes())
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

func (b *Mailbox) restore() error {
	entries, err := os.ReadDir(b.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // ReadDir sorts by name, and names count upwards
		id, ok := strings.CutSuffix(e.Name(), mailSuffix)
		n, err := strconv.Atoi(id)
		if !ok || err != nil {
			continue
		}
		b.next = max(b.next, n)
		file, err := os.Open(filepath.Join(b.cfg.Dir, e.Name()))
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(io.LimitReader(file, maxMail+4096))
		_ = file.Close()
		if err != nil {
			return err
		}
		var m Mail
		var from string
		var to []string
		var at time.Time
		for {
			line, rest, ok := bytes.Cut(raw, []byte("\r\n"))
			field, found := strings.CutPrefix(string(line), envelope)
			name, value, _ := strings.Cut(field, ": ")
			if !ok || !found {
				break
			}
			switch name {
			case "Received":
				at, _ = time.Parse(time.RFC3339Nano, value)
			case "From":
				from = value
			case "To":
				to = append(to, value)
			}
			raw = rest
		}
		m = parseMail(raw)
		m.ID, m.From, m.To, m.ReceivedAt = id, from, to, at
		b.mails = append(b.mails, m)
	}
	if extra := len(b.mails) - b.cfg.Keep; extra > 0 {
		b.mails = slices.Clone(b.mails[extra:])
	}
	return nil
}

// parseMail reads as much as can be read: a mail that is broken is shown as it is.
func parseMail(raw []byte) Mail {
	m := Mail{Raw: raw}
	words := &mime.WordDecoder{}
	e, err := message.Read(bytes.NewReader(raw))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		m.Text = string(raw)
		return m
	}
	for f := e.Header.Fields(); f.Next(); {
		v := f.Value()
		if d, err := words.DecodeHeader(v); err == nil {
			v = d
		}
		m.Header = append(m.Header, Field{f.Key(), v})
	}
	m.Subject = m.Get("Subject")
	r := mail.NewReader(e)
	for range 20 {
		p, err := r.NextPart()
		if p == nil || err != nil {
			break
		}
		inline, ok := p.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(p.Body, maxMail))
		switch kind, _, _ := inline.ContentType(); kind {
		case "text/html":
			m.HTML = string(body)
		case "text/plain", "":
			m.Text = string(body)
		}
	}
	return m
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// session is one SMTP connection.
type session struct {
	box  *Mailbox
	conn *smtp.Conn
	in   bool // logged in, or no login is asked for
	from string
	to   []string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string {
	if s.box.cfg.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.box.cfg.Username || password != s.box.cfg.Password {
			return smtp.ErrAuthFailed
		}
		s.in = true
		return nil
	}), nil
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.in {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if reply := s.box.cfg.Reply; reply != nil {
		err := reply(slices.Clone(s.to))
		if errors.Is(err, ErrHangUp) {
			if err := s.box.keep(s.from, s.to, raw); err != nil {
				return err
			}
			_ = s.conn.Close()
			return err
		}
		if err != nil {
			return err
		}
	}
	return s.box.keep(s.from, s.to, raw)
}

// Handler is the mailbox's page: a list of the mails, newest first, and each one as
// HTML, as text and as it came over the wire. Mails are hostile: their HTML is shown in a
// frame without scripts, forms or the page's own origin.
func (b *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.list)
	mux.HandleFunc("GET /mails/{id}", b.show)
	mux.HandleFunc("GET /mails/{id}/html", b.html)
	mux.HandleFunc("GET /mails/{id}/raw", b.raw)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// mailPolicy is for the frame: pictures may load, nothing else may.
const mailPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

func (b *Mailbox) find(r *http.Request) (Mail, bool) {
	for _, m := range b.Mails() {
		if m.ID == r.PathValue("id") {
			return m, true
		}
	}
	return Mail{}, false
}

func (b *Mailbox) list(w http.ResponseWriter, r *http.Request) {
	mails := b.Mails()
	slices.Reverse(mails)
	writePage(w, listPage, mails)
}

func (b *Mailbox) show(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	writePage(w, mailPage, m)
}

func (b *Mailbox) html(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", mailPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, m.HTML)
}

func (b *Mailbox) raw(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(m.Raw)
}

func writePage(w http.ResponseWriter, t *template.Template, data any) {
	var buf bytes.Buffer
	if err := t.Execute(&buf, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(buf.Bytes())
}

const pageStyle = `:root{color-scheme:light dark;--bg:#f5f1eb;--card:#fff;--ink:#2a2522;--soft:#6a615a;--line:#e4ddd4;--accent:#a8481f}
@media(prefers-color-scheme:dark){:root{--bg:#171412;--card:#231f1c;--ink:#f3eee8;--soft:#b9afa5;--line:#3a342f;--accent:#f0a883}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 -apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:960px;margin:0 auto;padding:28px 16px 60px}h1{font-size:24px;line-height:32px;margin:0 0 4px;overflow-wrap:anywhere}
a{color:var(--accent)}.soft{color:var(--soft);font-size:15px}ul{list-style:none;margin:22px 0 0;padding:0}
li{background:var(--card);border:1px solid var(--line);border-radius:12px;margin:0 0 10px}li a{display:block;padding:14px 18px;color:inherit;text-decoration:none}
li a:focus-visible,li a:hover{outline:2px solid var(--accent);border-radius:12px}li b{display:block;overflow-wrap:anywhere}
iframe{width:100%;height:900px;border:1px solid var(--line);border-radius:12px;margin-top:18px;background:#fff}
details{background:var(--card);border:1px solid var(--line);border-radius:12px;margin-top:12px;padding:12px 18px}summary{cursor:pointer;font-weight:600}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:14px;line-height:21px}table{border-collapse:collapse;font-size:14px}th{text-align:left;vertical-align:top;padding:3px 16px 3px 0;white-space:nowrap}td{overflow-wrap:anywhere;padding:3px 0}`

var pageFuncs = template.FuncMap{
	"style": func() template.CSS { return template.CSS(pageStyle) },
	"when":  func(t time.Time) string { return t.Format("Mon 2 Jan 2006, 15:04:05 MST") },
	"join":  func(s []string) string { return strings.Join(s, ", ") },
}

var listPage = template.Must(template.New("list").Funcs(pageFuncs).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="10">
<title>Mailbox</title><style>{{style}}</style></head><body><main>
<h1>Mailbox</h1><p class="soft">{{len .}} {{if eq (len .) 1}}mail{{else}}mails{{end}}, newest first. Nothing here was delivered to anybody.</p>
<ul>{{range .}}<li><a href="mails/{{.ID}}"><b>{{if .Subject}}{{.Subject}}{{else}}(no subject){{end}}</b><span class="soft">to {{join .To}} · {{when .ReceivedAt}}</span></a></li>
{{else}}<li><a href="">No mail has arrived yet. This page looks again every ten seconds.</a></li>{{end}}</ul>
</main></body></html>
`))

var mailPage = template.Must(template.New("mail").Funcs(pageFuncs).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Subject}}</title><style>{{style}}</style></head><body><main>
<p><a href="..">← All mails</a></p>
<h1>{{if .Subject}}{{.Subject}}{{else}}(no subject){{end}}</h1>
<p class="soft">from {{.From}} to {{join .To}} · {{when .ReceivedAt}}</p>
{{if .HTML}}<iframe src="{{.ID}}/html" sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail as HTML"></iframe>{{end}}
<details{{if not .HTML}} open{{end}}><summary>Text part</summary><pre>{{.Text}}</pre></details>
<details><summary>Headers</summary><table>{{range .Header}}<tr><th scope="row">{{.Name}}</th><td>{{.Value}}</td></tr>{{end}}</table></details>
<p class="soft"><a href="{{.ID}}/raw">As it came over the wire</a></p>
</main></body></html>
`))
