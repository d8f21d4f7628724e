package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
)

// Options are a shop's choices for its pages. Only ShopName has to be set.
type Options struct {
	// ShopName is shown at the top of every page. Required.
	ShopName string

	// ShopURL is where the shop's name leads. Absolute, https or http. Defaults to
	// nowhere.
	ShopURL string

	// LogoURL is a picture that is shown in place of the name: https, or a path on the
	// same host such as "/logo.svg". Defaults to none: the name is shown.
	LogoURL string

	// SupportURL and SupportEmail are where customers get help. Defaults to neither:
	// then the page does not offer any.
	SupportURL   string
	SupportEmail string

	// Theme is the shop's colour.
	Theme Theme

	// Locales are the languages of the pages, the first for customers whose own is none
	// of them. A page is in the language of its order, and else in the browser's.
	// Defaults to "en", "de", which is all there is.
	Locales []string

	// FrameAncestors are the origins that may show the pages in a frame, such as
	// "https://shop.example". Defaults to none.
	FrameAncestors []string

	// TrustedProxies are the networks of the proxies in front of the handler, whose
	// X-Forwarded-For is believed. Defaults to none: a client is who is connected.
	TrustedProxies []netip.Prefix

	// ClientIP tells who asks, where TrustedProxies can not. Defaults to TrustedProxies
	// and the connection.
	ClientIP func(*http.Request) netip.Addr

	// Ready says what /readyz answers: an error means that nothing is to be sent here. It
	// is called at most once a second. Defaults to [postpurchase.Service.Ready], which is
	// right where Run runs in the same process; one that leaves Run to others sets one
	// that only asks for the Backlog.
	Ready func(ctx context.Context) error

	// Limits are how often strangers may look for an order.
	Limits Limits

	// Logger hears of what fails, without personal data. Defaults to silence.
	Logger *slog.Logger

	// Clock tells the time for Limits. Defaults to [clock.System].
	Clock clock.Clock
}

// Handler serves the pages and the webhooks. Make one with [New]. It is safe for
// concurrent use.
type Handler struct {
	svc    *postpurchase.Service
	opt    Options
	log    *slog.Logger
	words  []*words // by preference
	page   *template.Template
	style  template.CSS
	policy string // the Content-Security-Policy
	limit  *lookupLimit
	ready  *readiness
	mux    *http.ServeMux
}

var _ http.Handler = (*Handler)(nil)

//go:embed page.html style.css
var files embed.FS

var originForm = regexp.MustCompile(`^https?://[A-Za-z0-9.*-]+(:[0-9]+)?$`)

// New checks opt and returns a Handler for svc. It starts nothing. The error names the
// field that is wrong.
func New(svc *postpurchase.Service, opt Options) (*Handler, error) {
	if svc == nil {
		return nil, errors.New("web: the service is nil")
	}
	if strings.TrimSpace(opt.ShopName) == "" {
		return nil, errors.New("web: Options.ShopName is empty; a page must say whose it is")
	}
	for field, s := range map[string]string{"ShopURL": opt.ShopURL, "SupportURL": opt.SupportURL} {
		if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return nil, fmt.Errorf("web: Options.%s is not an absolute http(s) URL", field)
		}
	}
	if s := opt.LogoURL; s != "" && !secure(s) && (!strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//")) {
		return nil, errors.New("web: Options.LogoURL is neither https nor a path such as /logo.svg")
	}
	if s := opt.SupportEmail; s != "" && (strings.Count(s, "@") != 1 || strings.ContainsAny(s, " \t\r\n?&,;<>\"")) {
		return nil, errors.New("web: Options.SupportEmail is not an e-mail address")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = clock.System
	}
	if opt.ClientIP == nil {
		trusted := append([]netip.Prefix(nil), opt.TrustedProxies...)
		opt.ClientIP = func(r *http.Request) netip.Addr { return clientIP(r, trusted) }
	}
	if opt.Ready == nil {
		opt.Ready = svc.Ready
	}
	h := &Handler{
		svc: svc, opt: opt, log: opt.Logger, limit: newLookupLimit(opt.Limits, opt.Clock.Now),
		ready: &readiness{check: opt.Ready, log: opt.Logger, now: opt.Clock.Now}, mux: http.NewServeMux(),
	}

	locales := opt.Locales
	if len(locales) == 0 {
		locales = []string{"en", "de"}
	}
	for _, l := range locales {
		lang, _, _ := strings.Cut(l, "-")
		w, err := loadWords(lang)
		if err != nil {
			return nil, err
		}
		if lang != l {
			w = w.in(l)
		}
		h.words = append(h.words, w)
	}

	theme, err := opt.Theme.css()
	if err != nil {
		return nil, err
	}
	sheet, err := files.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	h.style = template.CSS(string(sheet) + theme)
	ancestors := "'none'"
	if len(opt.FrameAncestors) > 0 {
		for _, o := range opt.FrameAncestors {
			if o != "'self'" && !originForm.MatchString(o) {
				return nil, fmt.Errorf("web: Options.FrameAncestors: %q is not an origin such as https://shop.example", o)
			}
		}
		ancestors = strings.Join(opt.FrameAncestors, " ")
	}
	// The style sheet is in the page and allowed by its hash: one request, wherever the
	// handler is mounted, and nothing else that says style is obeyed.
	sum := sha256.Sum256([]byte(h.style))
	h.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src 'self' https:; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors
	if h.page, err = template.ParseFS(files, "page.html"); err != nil {
		return nil, err
	}

	h.mux.HandleFunc("/t/{token}", h.only(http.MethodGet, h.track))
	h.mux.HandleFunc("/{$}", h.only(http.MethodGet, h.form))
	// Only the form is used by browsers. Pushes come from programs, which prove who
	// they are by a signature.
	h.mux.HandleFunc("/track", h.findPage())
	h.mux.HandleFunc("/webhooks/carrier/{code}", h.carrierWebhook)
	h.mux.HandleFunc("/webhooks/shop", h.shopWebhook)
	h.mux.HandleFunc("/healthz", h.only(http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	h.mux.HandleFunc("/readyz", h.only(http.MethodGet, h.ready.serve))
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.noPage(w, r, http.StatusNotFound) })
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", h.policy)
	head.Set("Cache-Control", "private, no-store")
	head.Set("X-Robots-Tag", "noindex, nofollow")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
	if len(h.opt.FrameAncestors) == 0 {
		head.Set("X-Frame-Options", "DENY")
	}
	h.mux.ServeHTTP(w, r)
}

// only answers other methods than the one, and HEAD where that is GET, with 405.
func (h *Handler) only(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
			w.Header().Set("Allow", method)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}

// frame is what every page shows, around what it is about.
type frame struct {
	*words
	Root     string // the relative path to where the handler is mounted
	Title    string
	ShopName string
	ShopURL  string
	LogoURL  string
	Help     helpView
	Others   []otherLanguage
	Style    template.CSS

	Order *orderPage // the tracking page
	Form  *formView  // the lookup form, also where a link does not work
	Note  *noteView  // said before the form
}

type helpView struct{ URL, Email, Text string }

type otherLanguage struct{ Lang, Name string }

type noteView struct{ Title, Text string }

func (h *Handler) frame(r *http.Request, w *words) *frame {
	f := &frame{
		words: w, ShopName: h.opt.ShopName, ShopURL: h.opt.ShopURL, LogoURL: h.opt.LogoURL, Style: h.style,
		Help: helpView{URL: h.opt.SupportURL, Email: h.opt.SupportEmail, Text: w.say("ui.help_text_plain")},
		Root: strings.Repeat("../", strings.Count(strings.TrimPrefix(r.URL.Path, "/"), "/")),
	}
	if f.Root == "" {
		f.Root = "./"
	}
	for _, o := range h.words {
		if o.lang != w.lang {
			f.Others = append(f.Others, otherLanguage{o.lang, o.say("lang.name")})
		}
	}
	return f
}

// Say is say for the template.
func (w *words) Say(key string, args ...string) string { return w.say(key, args...) }

// Language is the language of the texts.
func (f *frame) Language() string { return f.lang }

// Lang is the page's language as BCP 47.
func (f *frame) Lang() string { return f.tag }

// show writes a page, whole or not at all.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, status int, f *frame) {
	var b bytes.Buffer
	if err := h.page.Execute(&b, f); err != nil {
		h.log.ErrorContext(r.Context(), "page could not be made", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", f.lang)
	if f.Form != nil {
		// With no-referrer a browser sends "Origin: null" with the form, which is then
		// refused where it does not send Sec-Fetch-Site: old Safari, and plain http.
		w.Header().Set("Referrer-Policy", "same-origin")
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// wordsFor picks the language of a page: asked for by a link, the order's, the browser's.
func (h *Handler) wordsFor(r *http.Request, orderLocale string) *words {
	return h.pick(r.URL.Query().Get("lang"), orderLocale, r.Header.Get("Accept-Language"))
}

// noPage is shown where there is nothing: what was looked for may still be found.
func (h *Handler) noPage(w http.ResponseWriter, r *http.Request, status int) {
	f := h.frame(r, h.wordsFor(r, ""))
	f.Title = f.say("ui.no_page")
	f.Note, f.Form = &noteView{f.Title, f.say("ui.no_page_text")}, &formView{}
	h.show(w, r, status, f)
}

// broken is shown when it is our fault.
func (h *Handler) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		h.log.ErrorContext(r.Context(), "order could not be read", "err", err)
	}
	f := h.frame(r, h.wordsFor(r, ""))
	f.Title = f.say("ui.broken")
	f.Note = &noteView{f.Title, f.say("ui.broken_text")}
	w.Header().Set("Retry-After", "60")
	h.show(w, r, http.StatusServiceUnavailable, f)
}

// secure reports whether s is an https address, the only kind of picture we show.
func secure(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// track is the tracking page.
func (h *Handler) track(w http.ResponseWriter, r *http.Request) {
	id, err := h.svc.OpenToken(r.PathValue("token"))
	if err != nil {
		h.noPage(w, r, http.StatusNotFound)
		return
	}
	v, err := h.svc.Order(r.Context(), id)
	switch {
	case errors.Is(err, postpurchase.ErrNotFound):
		h.noPage(w, r, http.StatusNotFound)
		return
	case err != nil:
		h.broken(w, r, err)
		return
	}
	f := h.frame(r, h.wordsFor(r, v.Order.Locale))
	f.Order = newOrderPage(v, &calendar{f.words, v.At, v.Zone})
	f.Title = f.Order.Title
	f.Help.Text = f.say("ui.help_text", "number", v.Order.DisplayNumber())
	h.show(w, r, http.StatusOK, f)
}
