// Package smtp sends messages as e-mail over SMTP.
//
// For most uses, make one [Sender] for the shop:
//
//	sender, err := smtp.New(smtp.Config{
//		Host:     "mail.example.com",
//		Username: user,
//		Password: password,
//		From:     notify.Address{Name: "ACME", Email: "orders@acme.example"},
//	})
//
// A mail is multipart/alternative with a real text part, carries a Message-ID made from
// the message's key, and threads by order. Each message is one connection and one
// attempt: trying again is the caller's job, who knows what was promised.
package smtp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/doorstep-go/doorstep/notify"
)

// TLS says how a connection is protected. It is an open string.
type TLS string

// The ways to protect a connection.
const (
	TLSRequired TLS = "required" // STARTTLS, or no mail
	TLSImplicit TLS = "implicit" // TLS from the first byte, usually on port 465
	TLSNone     TLS = "none"     // in the clear: for a server on the same machine, such as a test's
)

// Config says how to reach a mail server. Host and From are required.
type Config struct {
	Host     string
	Port     int // Defaults to 587, or 465 with TLSImplicit.
	TLS      TLS // Defaults to TLSRequired.
	Username string
	Password string // not sent without TLS, unless the server is on this machine

	// RootCAs are the authorities a server's certificate may be from. Defaults to the
	// system's.
	RootCAs *x509.CertPool

	From    notify.Address // who the mails are from
	ReplyTo notify.Address // Defaults to From.

	// HELO is the name this machine gives itself. Defaults to MessageIDDomain.
	HELO string

	// MessageIDDomain is the right side of the Message-IDs. Defaults to the domain of From.
	MessageIDDomain string

	// Timeout is how long one attempt may take, from connecting to the server's last word.
	// Defaults to 30 seconds.
	Timeout time.Duration

	// Now is the clock of the Date header. Defaults to time.Now.
	Now func() time.Time
}

// Sender sends e-mail. It is safe for concurrent use. Make one with [New].
type Sender struct {
	cfg    Config
	client *mail.Client
}

var _ notify.Sender = (*Sender)(nil)

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,253}$`)

// New returns a sender, or an error that says what in cfg cannot work. It does not
// connect.
func New(cfg Config) (*Sender, error) {
	var errs []error
	if !hostPattern.MatchString(cfg.Host) {
		errs = append(errs, errors.New("smtp: Host is missing or not a host name"))
	}
	if cfg.TLS == "" {
		cfg.TLS = TLSRequired
	}
	if cfg.Port == 0 {
		cfg.Port = 587
		if cfg.TLS == TLSImplicit {
			cfg.Port = 465
		}
	}
	if cfg.Port < 0 || cfg.Port > 65535 {
		errs = append(errs, errors.New("smtp: Port is out of range"))
	}
	from, ok := parse(cfg.From)
	if !ok {
		errs = append(errs, errors.New("smtp: From.Email is missing or not an e-mail address"))
	} else if cfg.MessageIDDomain == "" {
		cfg.MessageIDDomain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	}
	if cfg.ReplyTo.Email != "" {
		if _, ok := parse(cfg.ReplyTo); !ok {
			errs = append(errs, errors.New("smtp: ReplyTo.Email is not an e-mail address"))
		}
	}
	if cfg.MessageIDDomain != "" && !hostPattern.MatchString(cfg.MessageIDDomain) {
		errs = append(errs, errors.New("smtp: MessageIDDomain is not a domain"))
	}
	if cfg.HELO == "" {
		cfg.HELO = cfg.MessageIDDomain
	} else if !hostPattern.MatchString(cfg.HELO) {
		errs = append(errs, errors.New("smtp: HELO is not a host name"))
	}
	if cfg.Username == "" && cfg.Password != "" {
		errs = append(errs, errors.New("smtp: a Password without a Username"))
	}
	if cfg.Timeout < 0 {
		errs = append(errs, errors.New("smtp: Timeout is negative"))
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg}
	opts := []mail.Option{
		mail.WithPort(cfg.Port), mail.WithHELO(cfg.HELO), mail.WithTimeout(cfg.Timeout), mail.WithoutNoop(),
		mail.WithDialContextFunc(dial(cfg)), mail.WithTLSConfig(tlsConfig(cfg)),
	}
	switch cfg.TLS {
	case TLSRequired:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case TLSImplicit:
		// The dialer does the handshake; the library then finds the connection encrypted.
		// Its own WithSSL would not notice that and refuse to log in.
		opts = append(opts, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case TLSNone:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("smtp: TLS: no such policy %q; there is required, implicit, none", cfg.TLS)
	}
	if cfg.Username != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.Username), mail.WithPassword(cfg.Password))
	}
	client, err := mail.NewClient(cfg.Host, opts...)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	s.client = client
	return s, nil
}

// Channel returns [notify.Email].
func (s *Sender) Channel() notify.Channel { return notify.Email }

// Send delivers one mail to the server. Failures before the server was given the whole
// mail are ErrTransient (also a refused login: the mail itself is not at fault),
// ErrThrottled or ErrRejected, by the server's code; a connection lost while waiting for
// the server's last word is ErrUnknown.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	msg, err := s.build(m)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Sender: "smtp", Op: "build", Kind: notify.ErrRejected, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	line := &wire{}
	ctx = context.WithValue(ctx, wireKey{}, line)
	// The library looks at the context only while dialling: greeting, login and data are
	// reads and writes that know none. The connection ends with it.
	stop := context.AfterFunc(ctx, line.close)
	defer stop()
	client, err := s.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		line.close()
		return notify.Receipt{}, s.failure("connect", err, false, ctx)
	}
	err = s.client.SendWithSMTPClient(client, msg)
	switch {
	case msg.IsDelivered(): // an error after that, such as a failed reset, changes nothing
		if err == nil {
			_ = s.client.CloseWithSMTPClient(client)
		}
		line.close()
		return notify.Receipt{ProviderID: msg.GetMessageID(), AcceptedAt: s.cfg.Now()}, nil
	default:
		// Not QUIT: after a failed write the library's QUIT would end the data and make the
		// server take half a mail.
		line.close()
		var se *mail.SendError
		if !errors.As(err, &se) {
			return notify.Receipt{}, s.failure("send", err, false, ctx)
		}
		op := map[mail.SendErrReason]string{
			mail.ErrSMTPMailFrom: "mail from", mail.ErrSMTPRcptTo: "rcpt to", mail.ErrSMTPData: "data",
			mail.ErrWriteContent: "data", mail.ErrSMTPDataClose: "end of data",
		}[se.Reason]
		return notify.Receipt{}, s.failure(op, err, se.Reason == mail.ErrSMTPDataClose, ctx)
	}
}

// failure makes a SendError. last says that the whole mail was on its way.
func (s *Sender) failure(op string, err error, last bool, ctx context.Context) error {
	e := &notify.SendError{Sender: "smtp", Op: op, Kind: notify.ErrTransient, Err: err}
	if cause := ctx.Err(); cause != nil {
		e.Err = errors.Join(cause, err)
	}
	code, text := reply(err)
	if code == 0 {
		if last {
			e.Kind = notify.ErrUnknown
		}
		return e
	}
	e.Code = strconv.Itoa(code)
	enhanced := enhancedCode(code, text)
	if enhanced != "" {
		e.Code += " " + enhanced
	}
	switch {
	case op == "connect" && code != 421: // the way out is closed; the mail was not looked at
	case code >= 500:
		e.Kind = notify.ErrRejected
	case code == 421 || code == 452 || strings.HasPrefix(enhanced, "4.7.") || enhanced == "4.3.2" || enhanced == "4.4.5":
		e.Kind, e.RetryAfter = notify.ErrThrottled, 5*time.Minute // SMTP has no way to say how long
	}
	return e
}

// reply finds the server's answer in an error of the library.
func reply(err error) (int, string) {
	var tp *textproto.Error
	if errors.As(err, &tp) {
		return tp.Code, tp.Msg
	}
	var se *mail.SendError
	if errors.As(err, &se) && se.ErrorCode() > 0 {
		return se.ErrorCode(), se.EnhancedStatusCode()
	}
	return 0, ""
}

var enhancedPattern = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})\b`)

func enhancedCode(code int, text string) string {
	if m := enhancedPattern.FindStringSubmatch(text); m != nil && m[1][0] == byte('0'+code/100) {
		return m[1]
	}
	return ""
}

// wire lets Send close the connection that the library opened for it.
type wire struct{ conn atomic.Pointer[net.Conn] }

type wireKey struct{}

func tlsConfig(cfg Config) *tls.Config {
	return &tls.Config{ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
}

// dial connects and leaves the connection where Send can reach it.
func dial(cfg Config) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if w, ok := ctx.Value(wireKey{}).(*wire); ok {
			w.conn.Store(&conn)
			if err := ctx.Err(); err != nil { // it ended while nobody knew the connection
				_ = conn.Close()
				return nil, err
			}
		}
		if cfg.TLS != TLSImplicit {
			return conn, nil
		}
		secure := tls.Client(conn, tlsConfig(cfg))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

func (w *wire) close() {
	if c := w.conn.Load(); c != nil {
		_ = (*c).Close()
	}
}

// build makes the mail.
func (s *Sender) build(m notify.Message) (*mail.Msg, error) {
	if m.Key == "" {
		return nil, errors.New("no key")
	}
	if m.Content.Text == "" || m.Content.HTML == "" || strings.TrimSpace(m.Content.Subject) == "" {
		return nil, errors.New("no content")
	}
	to, ok := parse(m.To)
	if !ok {
		return nil, errors.New("no valid recipient")
	}
	sender := m.From
	if sender.Email == "" {
		sender = s.cfg.From
	}
	from, ok := parse(sender)
	if !ok {
		return nil, errors.New("no valid sender")
	}
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	for name, value := range m.Headers {
		if !headerName.MatchString(name) || mail.IsAddrHeader(name) || reserved[strings.ToLower(name)] || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, errors.New("a header that cannot be sent")
		}
		msg.SetGenHeader(mail.Header(textproto.CanonicalMIMEHeaderKey(name)), value)
	}
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	if reply, ok := parse(s.cfg.ReplyTo); ok {
		msg.ReplyToMailAddress(reply)
	}
	msg.Subject(oneLine(m.Content.Subject))
	msg.SetDateWithValue(s.cfg.Now())
	msg.SetMessageIDWithValue(id(m.Key) + "@" + s.cfg.MessageIDDomain)
	if m.ThreadRoot != "" {
		// Every mail points at the same root that was never sent: providers may replace
		// Message-IDs, and then a chain of real ones would break.
		root := "<order." + id(m.ThreadRoot) + "@" + s.cfg.MessageIDDomain + ">"
		msg.SetGenHeaderPreformatted(mail.HeaderInReplyTo, root)
		msg.SetGenHeaderPreformatted(mail.HeaderReferences, root)
	}
	// RFC 3834 and its Exchange counterpart: no out-of-office replies to a machine.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	if m.Class != "" && m.Class != notify.Transactional && m.UnsubscribeURL != "" {
		if strings.ContainsFunc(m.UnsubscribeURL, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '>' || r == '<' || r == ',' }) {
			return nil, errors.New("an unsubscribe link that cannot be sent")
		}
		if err := msg.SetListUnsubscribeOneClick(m.UnsubscribeURL); err != nil {
			return nil, errors.New("an unsubscribe link that is not https")
		}
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Content.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, m.Content.HTML)
	return msg, nil
}

// reserved are the fields that describe the body; the library writes them.
var reserved = map[string]bool{
	"content-type": true, "content-transfer-encoding": true, "mime-version": true, "to": true, "cc": true, "bcc": true,
	"from": true, "sender": true, "reply-to": true, "return-path": true,
}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,76}$`)

// id is a name that says nothing about what it is made from and is safe in a header.
func id(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}

// parse accepts one bare address, nothing that only looks like one.
func parse(a notify.Address) (*netmail.Address, bool) {
	if a.Email == "" || len(a.Email) > 254 || strings.ContainsFunc(a.Email, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, false
	}
	p, err := netmail.ParseAddress(a.Email)
	if err != nil || p.Address != a.Email || p.Name != "" {
		return nil, false
	}
	p.Name = strings.TrimSpace(oneLine(a.Name))
	return p, true
}
