// Package upstest is a simulated UPS for tests and demonstrations: OAuth tokens, the
// Tracking API and Track Alert in their real wire formats, about parcels whose life is
// a [fake.Journey].
//
// For most uses, serve it, put a parcel, and point the adapter at it:
//
//	server := upstest.New(upstest.Config{ClientID: "id", ClientSecret: "secret", Now: clock})
//	srv := httptest.NewServer(server)
//	server.Put("1Z999AA10123456784", start, fake.OnTime(from, to, 2), upstest.Options{})
//	adapter, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", BaseURL: srv.URL, Now: clock})
//
// A step of a journey shows in answers from its start plus Step.After plus
// Step.Reported on, in UPS's own codes. Where UPS has no word for a step, its nearest
// is said.
//
// A Server keeps nothing but what was put and subscribed, and its tokens; the same
// calls make the same Server again. It starts nothing by itself: [Server.PushDue]
// pushes what is due, and [Server.Run] does that until its context ends.
package upstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
)

// Config is a server's choices. The zero value is good.
type Config struct {
	// ClientID and ClientSecret are the app's credentials that a token is given for.
	// Defaults to any that are not empty.
	ClientID     string
	ClientSecret string

	// TokenLife is how long a token is good. Defaults to 14399 seconds, as UPS's.
	TokenLife time.Duration

	// Account makes every parcel be pushed, as an account-wide subscription does,
	// from New on. Defaults to only what is subscribed.
	Account bool

	// HTTPClient sends the pushes. Defaults to a client with a timeout of 5 seconds.
	HTTPClient *http.Client

	// Now tells the time: what has happened by then shows. Defaults to [time.Now].
	Now func() time.Time
}

// Server is a simulated UPS. It is an [http.Handler], and safe for concurrent use.
type Server struct {
	cfg   Config
	since time.Time // of New, for Account

	mu      sync.Mutex
	down    int
	fail    func(http.ResponseWriter, *http.Request) bool
	parcels map[string]*parcel
	tokens  map[string]time.Time // until when each is good
	issued  int
	hook    *hook
	subs    map[string]subscription
}

// Options are a parcel's further particulars. The zero value is good.
type Options struct {
	// Service is the service's name. Defaults to "UPS Ground".
	Service string

	// WeightGrams is the parcel's weight. Defaults to 1500.
	WeightGrams int

	// SignedBy is who signs when it is delivered. Defaults to nobody.
	SignedBy string

	// Siblings are the other parcels of the same shipment. Those that are put too are in
	// every answer about one of them.
	Siblings []string

	// NoOffsets leaves out GMT times and offsets, as some of UPS's answers do.
	NoOffsets bool
}

type parcel struct {
	number  string
	start   time.Time
	journey fake.Journey
	opts    Options
	pushed  map[int]bool // steps that the hook was told of
}

// New returns a Server.
func New(cfg Config) *Server {
	if cfg.TokenLife == 0 {
		cfg.TokenLife = 14399 * time.Second
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: 5 * time.Second}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{cfg: cfg, since: cfg.Now(), parcels: map[string]*parcel{}, tokens: map[string]time.Time{}, subs: map[string]subscription{}}
}

// Put gives a number a journey that begins at start. Put again, it is replaced.
func (s *Server) Put(number string, start time.Time, j fake.Journey, opts Options) {
	opts.Siblings = slices.Clone(opts.Siblings)
	p := &parcel{number: carriers.CleanNumber(number), start: start, journey: slices.Clone(j), opts: opts, pushed: map[int]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parcels[p.number] = p
}

// SetDown makes UPS answer every request with this HTTP status and a page of HTML, and
// push nothing; 0 ends it.
func (s *Server) SetDown(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = status
}

// Fail is asked before each request. Where it answers itself it returns true. Nil
// ends it.
func (s *Server) Fail(fail func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// RevokeTokens makes every token bad before its time.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

const details = "/api/track/v1/details/"

// ServeHTTP implements [http.Handler]: /security/v1/oauth/token,
// /api/track/v1/details/{number} and /api/track/v2/subscription/{type}/package.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil && s.fail(w, r) {
		return
	}
	switch {
	case s.down != 0:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(s.down)
		_, _ = w.Write([]byte("<html><body><h1>Service unavailable</h1></body></html>"))
	case r.URL.Path == "/security/v1/oauth/token":
		s.token(w, r)
	case !s.authorized(r):
		fail(w, http.StatusUnauthorized, "250002", "Invalid Authentication Information.")
	case r.Header.Get("transId") == "" || len(r.Header.Get("transId")) > 32:
		fail(w, http.StatusBadRequest, "VSS002", "Missing transId")
	case r.Header.Get("transactionSrc") == "":
		fail(w, http.StatusBadRequest, "VSS004", "Missing transactionSrc")
	case strings.HasPrefix(r.URL.Path, details) && r.Method == http.MethodGet:
		s.details(w, strings.TrimPrefix(r.URL.Path, details))
	case r.URL.Path == "/api/track/v2/subscription/standard/package" && r.Method == http.MethodPost:
		s.subscribe(w, r)
	default:
		fail(w, http.StatusNotFound, "404", "The requested resource was not found.")
	}
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has left: nobody to tell
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"response": map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}}})
}

// token gives a token for the right credentials. All members are strings, as UPS's.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	id, secret, ok := r.BasicAuth()
	switch {
	case r.Method != http.MethodPost || r.PostFormValue("grant_type") != "client_credentials":
		fail(w, http.StatusBadRequest, "10400", "Invalid/Missing grant_type")
		return
	case !ok || id == "" || secret == "", s.cfg.ClientID != "" && id != s.cfg.ClientID, s.cfg.ClientSecret != "" && secret != s.cfg.ClientSecret:
		fail(w, http.StatusUnauthorized, "10401", "ClientId is Invalid")
		return
	}
	now := s.cfg.Now()
	for t, until := range s.tokens {
		if !now.Before(until) {
			delete(s.tokens, t)
		}
	}
	s.issued++
	token := "upstest-" + strconv.FormatInt(now.UnixNano(), 36) + "-" + strconv.Itoa(s.issued)
	s.tokens[token] = now.Add(s.cfg.TokenLife)
	write(w, http.StatusOK, map[string]string{
		"token_type": "Bearer", "issued_at": strconv.FormatInt(now.UnixMilli(), 10), "client_id": id,
		"access_token": token, "expires_in": strconv.Itoa(int(s.cfg.TokenLife.Seconds())), "status": "approved",
	})
}

func (s *Server) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.cfg.Now().Before(s.tokens[token])
}
