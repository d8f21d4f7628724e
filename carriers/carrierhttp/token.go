package carrierhttp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/doorstep-go/doorstep/carriers"
)

// TokenConfig is where and with what a token is fetched: OAuth 2.0 client
// credentials, sent as HTTP Basic.
type TokenConfig struct {
	Carrier      string // the adapter's code, for errors
	URL          string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Params       url.Values  // more form fields
	Header       http.Header // more headers, such as an account number

	// HTTPClient is used for its Transport and Timeout. Defaults to a client with a
	// timeout of 20 seconds.
	HTTPClient *http.Client

	// Now tells the time. Defaults to [time.Now].
	Now func() time.Time
}

// TokenSource keeps a token for as long as it is good, and fetches a new one once
// however many callers wait for it. It is safe for concurrent use.
type TokenSource struct {
	cfg TokenConfig
	cc  clientcredentials.Config
	hc  *http.Client

	busy chan struct{} // holds one value: the right to fetch

	mu      sync.Mutex
	token   string
	expires time.Time
}

// NewTokenSource returns a TokenSource. It fetches nothing yet.
func NewTokenSource(cfg TokenConfig) *TokenSource {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	hc := plain(cfg.HTTPClient)
	if len(cfg.Header) > 0 {
		hc.Transport = headers{hc.Transport, cfg.Header.Clone()}
	}
	return &TokenSource{
		cfg: cfg, hc: hc, busy: make(chan struct{}, 1),
		cc: clientcredentials.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, TokenURL: cfg.URL,
			Scopes: cfg.Scopes, EndpointParams: cfg.Params, AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
}

// Token returns a token that is good for another minute at least, or as long as the
// carrier gives. Errors are *[carriers.Error] and hold nothing of the answer.
func (s *TokenSource) Token(ctx context.Context) (string, error) {
	if t, ok := s.cached(); ok {
		return t, nil
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return "", &carriers.Error{Carrier: s.cfg.Carrier, Op: "token", Kind: carriers.ErrUnavailable, Err: ctx.Err()}
	}
	if t, ok := s.cached(); ok { // another caller fetched it while we waited
		return t, nil
	}
	asked := s.cfg.Now()
	tok, err := s.cc.Token(context.WithValue(ctx, oauth2.HTTPClient, s.hc))
	if err != nil {
		return "", s.failure(ctx, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The lifetime is counted on our clock from before the request: the library's
	// Expiry is on the system's clock, which a test or a time-lapse need not share.
	life := time.Duration(tok.ExpiresIn) * time.Second
	if life == 0 && !tok.Expiry.IsZero() {
		life = time.Until(tok.Expiry)
	}
	s.token, s.expires = tok.AccessToken, time.Time{}
	if life > 0 {
		s.expires = asked.Add(life - min(time.Minute, life/4))
	}
	return s.token, nil
}

func (s *TokenSource) cached() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.token != "" && (s.expires.IsZero() || s.cfg.Now().Before(s.expires))
}

// Drop forgets token, because it was refused. It does nothing when another token has
// taken its place.
func (s *TokenSource) Drop(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

func (s *TokenSource) failure(ctx context.Context, err error) error {
	e := &carriers.Error{Carrier: s.cfg.Carrier, Op: "token", Kind: carriers.ErrUnavailable}
	var answer *oauth2.RetrieveError
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err()
		if errors.Is(e.Err, context.Canceled) {
			e.Kind = nil
		}
	case errors.As(err, &answer) && answer.Response != nil:
		e.HTTPStatus = answer.Response.StatusCode
		e.RetryAfter = RetryAfter(answer.Response.Header, s.cfg.Now())
		switch kind := KindOf(e.HTTPStatus); {
		case kind == nil:
			e.Kind = carriers.ErrMalformed
		case errors.Is(kind, carriers.ErrInvalid): // RFC 6749 §5.2 answers 400 for a wrong client
			e.Kind = carriers.ErrUnauthorized
		case errors.Is(kind, carriers.ErrNotFound): // a token endpoint that is not there is not a parcel that is not there
			e.Kind = carriers.ErrUnavailable
		default:
			e.Kind = kind
		}
	default:
		var timeout interface{ Timeout() bool }
		var u *url.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			e.Err = context.DeadlineExceeded
		case errors.As(err, &u):
			e.Message = "no answer"
		default: // a 2xx answer without a token in it, or not JSON
			e.Kind, e.Message = carriers.ErrMalformed, "no token in the answer"
		}
	}
	return e
}

type headers struct {
	next http.RoundTripper
	add  http.Header
}

func (t headers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for k, vs := range t.add {
		r.Header[k] = vs
	}
	if t.next == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return t.next.RoundTrip(r)
}
