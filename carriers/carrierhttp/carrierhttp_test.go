package carrierhttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

const secret = "s3cret-key"

// peer is a server that does what it is told, answered in memory. It lives in a
// synctest bubble, so that waiting takes no time.
type peer struct {
	serve    func(n int) (*http.Response, error)
	attempts atomic.Int64
}

func (p *peer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	n := int(p.attempts.Add(1))
	resp, err := p.serve(n)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

func answer(status int, body string, header ...string) *http.Response {
	resp := httpmock.NewStringResponse(status, body)
	for i := 0; i < len(header); i += 2 {
		resp.Header.Add(header[i], header[i+1])
	}
	return resp
}

func get(t *testing.T, ctx context.Context) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://carrier.test/track/AC123456?key="+secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func client(p http.RoundTripper, change ...func(*carrierhttp.Config)) *carrierhttp.Client {
	cfg := carrierhttp.Config{Carrier: "acme", HTTPClient: &http.Client{Transport: p}}
	for _, c := range change {
		c(&cfg)
	}
	return carrierhttp.New(cfg)
}

// checkText fails when an error tells what must not be in a log.
func checkText(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v %q", err, err)} {
		if strings.Contains(text, secret) || strings.Contains(text, "AC123456") || strings.Contains(text, "carrier.test") {
			t.Errorf("the text of the error tells too much: %s", text)
		}
	}
}

func TestHazards(t *testing.T) {
	always := func(resp func() *http.Response) func(int) (*http.Response, error) {
		return func(int) (*http.Response, error) { return resp(), nil }
	}
	then := func(n int, bad func() *http.Response) func(int) (*http.Response, error) {
		return func(i int) (*http.Response, error) {
			if i <= n {
				return bad(), nil
			}
			return answer(200, `{"ok":true}`), nil
		}
	}
	tests := []struct {
		name       string
		serve      func(int) (*http.Response, error)
		kind       error // nil: success
		attempts   int64
		retryAfter time.Duration
		most       time.Duration // that the caller may be held
	}{
		{"good", then(0, nil), nil, 1, 0, 0},
		{"429 for two seconds", then(1, func() *http.Response { return answer(429, "", "Retry-After", "2") }), nil, 2, 0, 2 * time.Second},
		{"429 for three seconds", then(1, func() *http.Response { return answer(429, "", "Retry-After", "3") }), carriers.ErrRateLimited, 1, 3 * time.Second, 0},
		{"429 until a date", always(func() *http.Response {
			return answer(429, "", "Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		}), carriers.ErrRateLimited, 1, time.Minute, 0},
		{"429 until a date that is past", then(1, func() *http.Response { return answer(429, "", "Retry-After", "Sat, 01 Jan 1994 00:00:00 GMT") }), nil, 2, 0, time.Second},
		{"429 for a day", always(func() *http.Response { return answer(429, "", "Retry-After", "86400") }), carriers.ErrRateLimited, 1, 24 * time.Hour, 0},
		{"429 with garbage", then(1, func() *http.Response { return answer(429, "", "Retry-After", "soon") }), nil, 2, 0, time.Second},
		{"429 with a negative", then(1, func() *http.Response { return answer(429, "", "Retry-After", "-5") }), nil, 2, 0, time.Second},
		{"429 with two", always(func() *http.Response { return answer(429, "", "Retry-After", "60", "Retry-After", "1") }), carriers.ErrRateLimited, 1, time.Minute, 0},
		{"503 twice", then(2, func() *http.Response { return answer(503, "<html>") }), nil, 3, 0, time.Second},
		{"503 for ever", always(func() *http.Response { return answer(503, "<html>") }), carriers.ErrUnavailable, 3, 0, time.Second},
		{"503 for an hour", always(func() *http.Response { return answer(503, "", "Retry-After", "3600") }), carriers.ErrUnavailable, 1, time.Hour, 0},
		{"501", always(func() *http.Response { return answer(501, "") }), carriers.ErrUnavailable, 1, 0, 0},
		{"400", always(func() *http.Response { return answer(400, "{}") }), carriers.ErrInvalid, 1, 0, 0},
		{"401", always(func() *http.Response { return answer(401, "{}") }), carriers.ErrUnauthorized, 1, 0, 0},
		{"403", always(func() *http.Response { return answer(403, "{}") }), carriers.ErrUnauthorized, 1, 0, 0},
		{"404", always(func() *http.Response { return answer(404, "{}") }), carriers.ErrNotFound, 1, 0, 0},
		{"410", always(func() *http.Response { return answer(410, "{}") }), carriers.ErrNotFound, 1, 0, 0},
		{"408", always(func() *http.Response { return answer(408, "{}") }), carriers.ErrUnavailable, 1, 0, 0},
		{"302", always(func() *http.Response { return answer(302, "", "Location", "https://elsewhere.test/") }), carriers.ErrUnavailable, 1, 0, 0},
		{"204", always(func() *http.Response { return answer(204, "") }), carriers.ErrMalformed, 1, 0, 0},
		{"a page", always(func() *http.Response { return answer(200, "<html>AC123456</html>") }), carriers.ErrMalformed, 1, 0, 0},
		{"another type", always(func() *http.Response { return answer(200, `{"ok":"AC123456"}`) }), carriers.ErrMalformed, 1, 0, 0},
		{"connection lost once", func(n int) (*http.Response, error) {
			if n == 1 {
				return nil, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
			}
			return answer(200, `{"ok":true}`), nil
		}, nil, 2, 0, time.Second},
		{"no such host", func(int) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "carrier.test"}
		}, carriers.ErrUnavailable, 3, 0, time.Second},
		{"half an answer", always(func() *http.Response {
			resp := answer(200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"ok":`), errReader{io.ErrUnexpectedEOF}))
			return resp
		}), carriers.ErrUnavailable, 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &peer{serve: tt.serve}
				var v struct {
					OK bool `json:"ok"`
				}
				began := time.Now()
				err := client(p).JSON(get(t, context.Background()), "track", &v)
				held := time.Since(began)
				if !errors.Is(err, tt.kind) || tt.kind == nil && !v.OK {
					t.Errorf("error = %v, want %v", err, tt.kind)
				}
				if p.attempts.Load() != tt.attempts {
					t.Errorf("%d requests, want %d", p.attempts.Load(), tt.attempts)
				}
				if d := carriers.RetryAfter(err) - tt.retryAfter; d < -time.Second || d > 0 {
					t.Errorf("RetryAfter = %v, want %v", carriers.RetryAfter(err), tt.retryAfter)
				}
				if held > tt.most {
					t.Errorf("held for %v, want at most %v", held, tt.most)
				}
				checkText(t, err)
			})
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestPostIsSentOnce holds that nothing is made twice: a POST is repeated only where
// the carrier recognises the repetition by its key.
func TestPostIsSentOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		serve func(int) (*http.Response, error)
		key   string
		want  int64
	}{
		"503":                   {func(int) (*http.Response, error) { return answer(503, ""), nil }, "", 1},
		"429":                   {func(int) (*http.Response, error) { return answer(429, "", "Retry-After", "1"), nil }, "", 1},
		"connection lost":       {func(int) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, "", 1},
		"503, and it has a key": {func(int) (*http.Response, error) { return answer(503, ""), nil }, "k", 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{serve: tt.serve}
			r, err := http.NewRequest(http.MethodPost, "https://carrier.test/", strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			if tt.key != "" {
				r.Header.Set("Idempotency-Key", tt.key)
			}
			resp, err := client(p).Do(r, "subscribe")
			if err == nil && resp.Status == 200 {
				t.Errorf("%s: success", name)
			}
			if p.attempts.Load() != tt.want {
				t.Errorf("%s: %d requests, want %d", name, p.attempts.Load(), tt.want)
			}
		})
	}
}

func TestBodyCap(t *testing.T) {
	for name, tt := range map[string]struct {
		body io.Reader
		kind error
	}{
		"just fits":    {strings.NewReader(`{"a":"` + strings.Repeat("x", 1000-8) + `"}`), nil},
		"one too many": {strings.NewReader(`{"a":"` + strings.Repeat("x", 1001-8) + `"}`), carriers.ErrMalformed},
		"endless":      {zeros{}, carriers.ErrMalformed},
	} {
		p := &peer{serve: func(int) (*http.Response, error) {
			resp := answer(200, "")
			resp.Body = io.NopCloser(tt.body)
			return resp, nil
		}}
		var v struct{ A string }
		err := client(p, func(c *carrierhttp.Config) { c.MaxBody = 1000 }).JSON(get(t, context.Background()), "track", &v)
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %v", name, err, tt.kind)
		}
	}
}

// TestGzipCap sends a small answer that is large when it is unpacked.
func TestGzipCap(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer srv.Close()
	r, err := http.NewRequest(http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := carrierhttp.New(carrierhttp.Config{Carrier: "acme", MaxBody: 64 << 10})
	if _, err := c.Do(r, "track"); !errors.Is(err, carriers.ErrMalformed) {
		t.Errorf("%d bytes on the wire, a mebibyte unpacked: %v, want ErrMalformed", bomb.Len(), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestDeadlineAndCancel(t *testing.T) {
	hang := roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err := client(hang).Do(get(t, ctx), "track")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, carriers.ErrUnavailable) || !carriers.Temporary(err) || time.Since(began) != 3*time.Second {
			t.Errorf("deadline: %v after %v", err, time.Since(began))
		}
		checkText(t, err)

		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err = client(hang).Do(get(t, ctx), "track")
		if !errors.Is(err, context.Canceled) || carriers.Temporary(err) {
			t.Errorf("cancel: %v", err)
		}
		checkText(t, err)

		// The client's own timeout.
		c := carrierhttp.New(carrierhttp.Config{Carrier: "acme", HTTPClient: &http.Client{Transport: hang, Timeout: time.Second}})
		_, err = c.Do(get(t, context.Background()), "track")
		if !errors.Is(err, carriers.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("timeout: %v", err)
		}
		checkText(t, err)

		// A deadline between two tries.
		ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		p := &peer{serve: func(int) (*http.Response, error) { return answer(500, ""), nil }}
		_, err = client(p).Do(get(t, ctx), "track")
		if !errors.Is(err, carriers.ErrUnavailable) || p.attempts.Load() != 1 {
			t.Errorf("deadline while waiting: %v, %d requests", err, p.attempts.Load())
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNoRedirectIsFollowed(t *testing.T) {
	var hosts []string
	p := roundTripper(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.URL.Host)
		resp := answer(302, "", "Location", "http://elsewhere.test/?key="+secret)
		resp.Request = r
		return resp, nil
	})
	base := &http.Client{Transport: p}
	c := carrierhttp.New(carrierhttp.Config{Carrier: "acme", HTTPClient: base})
	resp, err := c.Do(get(t, context.Background()), "track")
	if err != nil || resp.Status != 302 || strings.Join(hosts, " ") != "carrier.test" {
		t.Errorf("%v, %v, hosts %v", resp, err, hosts)
	}
	if base.CheckRedirect != nil || base.Timeout != 0 {
		t.Error("the caller's client was changed")
	}
}

func TestBudget(t *testing.T) {
	good := func(int) (*http.Response, error) { return answer(200, "{}"), nil }
	synctest.Test(t, func(t *testing.T) {
		p := &peer{serve: good}
		c := client(p, func(c *carrierhttp.Config) { c.Limits = carriers.Limits{Requests: 3, Per: time.Hour} })
		for i := range 5 {
			_, err := c.Do(get(t, context.Background()), "track")
			if i < 3 && err != nil || i >= 3 && !errors.Is(err, carriers.ErrRateLimited) {
				t.Errorf("request %d: %v", i, err)
			}
			if i >= 3 && (carriers.RetryAfter(err) <= 0 || carriers.RetryAfter(err) > 20*time.Minute) {
				t.Errorf("request %d: RetryAfter %v, want when there is room", i, carriers.RetryAfter(err))
			}
		}
		if p.attempts.Load() != 3 {
			t.Errorf("%d requests were sent, want 3", p.attempts.Load())
		}
		time.Sleep(20 * time.Minute)
		if _, err := c.Do(get(t, context.Background()), "track"); err != nil {
			t.Errorf("after twenty minutes: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &peer{serve: good}
		c := client(p, func(c *carrierhttp.Config) { c.Limits = carriers.Limits{Spacing: time.Second, PerDay: 3} })
		began := time.Now()
		for range 3 {
			if _, err := c.Do(get(t, context.Background()), "track"); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("three requests took %v, want a second between two", d)
		}
		if _, err := c.Do(get(t, context.Background()), "track"); !errors.Is(err, carriers.ErrRateLimited) {
			t.Errorf("the fourth of a day of three: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := c.Do(get(t, ctx), "track"); err == nil {
			t.Error("a cancelled caller was served")
		}
	})
}

// tokens is a carrier with tokens: each request for one gets another.
type tokens struct {
	mu       sync.Mutex
	fetched  int
	refuse   map[string]bool // tokens that are bad before their time
	requests int
	delay    time.Duration
	life     int
}

func (s *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/token" {
		time.Sleep(s.delay)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	var resp *http.Response
	switch auth := r.Header.Get("Authorization"); {
	case r.URL.Path == "/token":
		s.fetched++
		resp = answer(200, fmt.Sprintf(`{"access_token":"t%d","token_type":"Bearer","expires_in":"%d"}`, s.fetched, s.life), "Content-Type", "application/json")
	case s.refuse[auth]:
		s.requests++
		resp = answer(401, "{}")
	default:
		s.requests++
		resp = answer(200, `{}`, "X-Auth", auth)
	}
	resp.Request = r
	return resp, nil
}

func tokened(s http.RoundTripper, now func() time.Time) *carrierhttp.Client {
	hc := &http.Client{Transport: s}
	return carrierhttp.New(carrierhttp.Config{Carrier: "acme", HTTPClient: hc, Now: now, Token: carrierhttp.NewTokenSource(carrierhttp.TokenConfig{
		Carrier: "acme", URL: "https://carrier.test/token", ClientID: "id", ClientSecret: secret, HTTPClient: hc, Now: now,
		Header: http.Header{"X-Merchant-Id": {"A1"}}, Params: url.Values{"audience": {"x"}}, Scopes: []string{"track"},
	})})
}

func TestTokenIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokens{delay: time.Second, life: 3600}
		c := tokened(s, time.Now)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				resp, err := c.Do(get(t, context.Background()), "track")
				if err != nil || resp.Header.Get("X-Auth") != "Bearer t1" {
					t.Errorf("%v, %v", resp, err)
				}
			})
		}
		wg.Wait()
		if s.fetched != 1 {
			t.Errorf("%d tokens, want 1", s.fetched)
		}
		// One caller who leaves does not take the others with him.
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		s2 := &tokens{delay: time.Second, life: 3600}
		c = tokened(s2, time.Now)
		wg.Go(func() {
			if _, err := c.Do(get(t, ctx), "track"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who leaves: %v", err)
			}
		})
		wg.Go(func() {
			time.Sleep(10 * time.Millisecond)
			if _, err := c.Do(get(t, context.Background()), "track"); err != nil {
				t.Errorf("the one who waits: %v", err)
			}
		})
		wg.Wait()
	})
}

func TestTokenLife(t *testing.T) {
	now := time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)
	s := &tokens{life: 3600}
	c := tokened(s, func() time.Time { return now })
	ask := func(want int) {
		t.Helper()
		if _, err := c.Do(get(t, context.Background()), "track"); err != nil || s.fetched != want {
			t.Errorf("%d tokens, want %d (error %v)", s.fetched, want, err)
		}
	}
	ask(1)
	now = now.Add(58 * time.Minute)
	ask(1)
	now = now.Add(time.Minute + time.Second) // with a minute to spare
	ask(2)
	s.life = 0 // the carrier does not say
	now = now.Add(2 * time.Hour)
	ask(3)
	now = now.Add(1000 * time.Hour)
	ask(3)
}

func TestTokenRefreshedOnce(t *testing.T) {
	s := &tokens{life: 3600, refuse: map[string]bool{"Bearer t1": true}}
	c := tokened(s, time.Now)
	resp, err := c.Do(get(t, context.Background()), "track")
	if err != nil || resp.Status != 200 || s.fetched != 2 || s.requests != 2 {
		t.Errorf("%v, %v; %d tokens, %d requests", resp, err, s.fetched, s.requests)
	}
	// A POST is sent again with its body: the first was not let in.
	s.refuse["Bearer t2"] = true
	r, err := http.NewRequest(http.MethodPost, "https://carrier.test/", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Do(r, "subscribe"); err != nil || resp.Header.Get("X-Auth") != "Bearer t3" {
		t.Errorf("POST: %v, %v", resp, err)
	}
	// For ever refused: two tries and no more.
	s.refuse["Bearer t3"], s.refuse["Bearer t4"], s.refuse["Bearer t5"] = true, true, true
	before := s.requests
	resp, err = c.Do(get(t, context.Background()), "track")
	if err != nil || resp.Status != 401 || s.requests-before != 2 {
		t.Errorf("refused for ever: %v, %v, %d requests", resp, err, s.requests-before)
	}
}

func TestTokenFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func() (*http.Response, error)
		kind   error
	}{
		"401": {func() (*http.Response, error) { return answer(401, secret), nil }, carriers.ErrUnauthorized},
		"400": {func() (*http.Response, error) {
			return answer(400, `{"error":"invalid_client","error_description":"`+secret+`"}`, "Content-Type", "application/json"), nil
		}, carriers.ErrUnauthorized},
		"404":         {func() (*http.Response, error) { return answer(404, secret), nil }, carriers.ErrUnavailable},
		"500":         {func() (*http.Response, error) { return answer(500, secret), nil }, carriers.ErrUnavailable},
		"429":         {func() (*http.Response, error) { return answer(429, secret, "Retry-After", "60"), nil }, carriers.ErrRateLimited},
		"a page":      {func() (*http.Response, error) { return answer(200, "<html>"+secret), nil }, carriers.ErrMalformed},
		"no token":    {func() (*http.Response, error) { return answer(200, `{}`, "Content-Type", "application/json"), nil }, carriers.ErrMalformed},
		"not reached": {func() (*http.Response, error) { return nil, errors.New("dial carrier.test: " + secret) }, carriers.ErrUnavailable},
	} {
		sent := 0
		c := tokened(roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/token" {
				sent++
			}
			if id, key, _ := r.BasicAuth(); id != "id" || key != secret || r.Header.Get("X-Merchant-Id") != "A1" {
				t.Errorf("%s: token request without credentials", name)
			}
			return tt.answer()
		}), time.Now)
		_, err := c.Do(get(t, context.Background()), "track")
		var e *carriers.Error
		if !errors.Is(err, tt.kind) || !errors.As(err, &e) || e.Op != "token" || e.Carrier != "acme" {
			t.Errorf("%s: %v, want %v", name, err, tt.kind)
		}
		if name == "429" && carriers.RetryAfter(err) != time.Minute {
			t.Errorf("RetryAfter = %v", carriers.RetryAfter(err))
		}
		if sent != 0 {
			t.Errorf("%s: %d requests without a token", name, sent)
		}
		checkText(t, err)
	}
}

func Example() {
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder("GET", "https://api.acme.example/parcels/AC1", httpmock.NewStringResponder(200, `{"state":"moving"}`))
	c := carrierhttp.New(carrierhttp.Config{Carrier: "acme", HTTPClient: &http.Client{Transport: mock}})

	req, err := http.NewRequest(http.MethodGet, "https://api.acme.example/parcels/AC1", nil)
	if err != nil {
		panic(err)
	}
	var parcel struct{ State string }
	if err := c.JSON(req, "track", &parcel); err != nil {
		panic(err)
	}
	fmt.Println(parcel.State)
	// Output: moving
}
