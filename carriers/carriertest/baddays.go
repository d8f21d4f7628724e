package carriertest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/doorstep-go/doorstep/carriers"
)

// patience is how long a caller may be held who set no deadline. Longer waits are
// the job queue's business: the error says how long.
const patience = 10 * time.Second

// maxAttempts is the most requests that one query may cost on the worst of days.
const maxAttempts = 6

// badDay is one way in which a carrier, or what stands before it, misbehaves, and
// what must come of it.
type badDay struct {
	name  string
	serve func(w http.ResponseWriter, r *http.Request, attempt int)
	token func(w http.ResponseWriter, r *http.Request, attempt int) // where it is the token endpoint that misbehaves

	ok         bool // a good result is right
	kinds      []error
	httpStatus int           // that the error must hold; 0: any
	retryAfter time.Duration // that the error must hold, to the second
	temporary  bool          // asking again later may help
	attempts   int           // the most requests that are right, apart from those for tokens
	deadline   time.Duration // of the caller; 0: none, and then patience is what may be used up
}

const loginPage = `<!DOCTYPE html><html><head><title>Sign in</title></head><body><form method="post" action="/login"><input name="user"></form></body></html>`

func status(code int, header http.Header, body string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, r *http.Request, _ int) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		// A careless server repeats what it was asked, keys and all.
		_, _ = fmt.Fprint(w, strings.NewReplacer("{path}", r.URL.Path, "{auth}", r.Header.Get("Authorization")).Replace(body))
	}
}

func header(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return h
}

// silence is the carrier that accepts and never answers. The body is read first,
// because the server does not see that a client has left before it was.
func silence(_ http.ResponseWriter, r *http.Request, _ int) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

const echo = `{"message":"cannot serve {path} for {auth}"}`

// days is the table of bad days.
func (e exam) days() []badDay {
	good := func(w http.ResponseWriter, _ *http.Request, _ int) { e.good.answer(w) }
	html, json := header("Content-Type", "text/html; charset=utf-8"), header("Content-Type", "application/json")
	unauthorized, limited := []error{carriers.ErrUnauthorized}, []error{carriers.ErrRateLimited}
	unavailable, malformed := []error{carriers.ErrUnavailable}, []error{carriers.ErrMalformed}
	refusals := 1
	if e.TokenPath != "" {
		refusals = 2 // once more, with a new token
	}
	days := []badDay{
		{name: "good", serve: good, ok: true, attempts: 1},
		{name: "401 for ever", serve: status(401, json, echo), kinds: unauthorized, httpStatus: 401, attempts: refusals},
		{name: "403", serve: status(403, json, echo), kinds: unauthorized, httpStatus: 403, attempts: 1},
		{name: "404", serve: status(404, json, echo), kinds: []error{carriers.ErrNotFound}, attempts: 1},
		{name: "400 is not repeated", serve: status(400, json, echo), kinds: []error{carriers.ErrInvalid}, httpStatus: 400, attempts: 1},
		{name: "429 with seconds", serve: status(429, header("Retry-After", "120"), echo), kinds: limited, httpStatus: 429, retryAfter: 2 * time.Minute, temporary: true, attempts: 1},
		{name: "429 with a date", serve: func(w http.ResponseWriter, r *http.Request, n int) {
			status(429, header("Retry-After", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat)), echo)(w, r, n)
		}, kinds: limited, httpStatus: 429, retryAfter: 10 * time.Minute, temporary: true, attempts: 1},
		{name: "429 for a day", serve: status(429, header("Retry-After", "86400"), echo), kinds: limited, httpStatus: 429, retryAfter: 24 * time.Hour, temporary: true, attempts: 1},
		{name: "429 with a date that is past", serve: status(429, header("Retry-After", "Sat, 01 Jan 1994 00:00:00 GMT"), echo), kinds: limited, httpStatus: 429, temporary: true, attempts: maxAttempts},
		{name: "429 with garbage", serve: status(429, header("Retry-After", "soon"), echo), kinds: limited, httpStatus: 429, temporary: true, attempts: maxAttempts},
		{name: "429 without a word", serve: status(429, nil, echo), kinds: limited, httpStatus: 429, temporary: true, attempts: maxAttempts},
		{name: "500 for ever", serve: status(500, json, echo), kinds: unavailable, httpStatus: 500, temporary: true, attempts: maxAttempts},
		{name: "503 with a page", serve: status(503, html, loginPage), kinds: unavailable, httpStatus: 503, temporary: true, attempts: maxAttempts},
		{name: "503 for an hour", serve: status(503, header("Retry-After", "3600"), echo), kinds: unavailable, httpStatus: 503, retryAfter: time.Hour, temporary: true, attempts: 1},
		{name: "status 999", serve: status(999, json, echo), kinds: unavailable, temporary: true, attempts: maxAttempts},

		{name: "204", serve: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(204) }, kinds: malformed, temporary: true, attempts: 1},
		{name: "login page", serve: status(200, html, loginPage), kinds: malformed, temporary: true, attempts: 1},
		{name: "HTML labelled JSON", serve: status(200, json, loginPage), kinds: malformed, temporary: true, attempts: 1},
		{name: "empty body", serve: status(200, json, ""), kinds: malformed, temporary: true, attempts: 1},
		{name: "null", serve: status(200, json, "null"), kinds: malformed, temporary: true, attempts: 1},
		{name: "a JSON string", serve: status(200, json, `"down for maintenance"`), kinds: malformed, temporary: true, attempts: 1},
		{name: "a JSON number", serve: status(200, json, "12"+strings.Repeat("0", 400)), kinds: malformed, temporary: true, attempts: 1},
		{name: "an empty object", serve: status(200, json, "{}"), kinds: malformed, temporary: true, attempts: 1},
		{name: "another object", serve: status(200, json, `{"error":{"code":500,"message":"upstream"}}`), kinds: malformed, temporary: true, attempts: 1},
		{name: "eight megabytes", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"padding":"`+strings.Repeat("x", 8<<20)+`"}`)
		}, kinds: malformed, temporary: true, attempts: 1},
		{name: "deep nesting", serve: status(200, json, strings.Repeat(`{"a":[`, 100_000)), kinds: malformed, temporary: true, attempts: 1},
		{name: "truncated JSON", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			_, _ = w.Write(e.good.response[:len(e.good.response)/2])
		}, kinds: malformed, temporary: true, attempts: 1},
		{name: "truncated by a byte", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			body := strings.TrimSpace(string(e.good.response))
			_, _ = io.WriteString(w, body[:len(body)-1])
		}, kinds: malformed, temporary: true, attempts: 1},
		{name: "less than Content-Length says", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", fmt.Sprint(len(e.good.response)+100))
			_, _ = w.Write(e.good.response)
		}, kinds: append(unavailable, malformed...), temporary: true, attempts: maxAttempts},
		{name: "a gzip bomb", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			_ = z.Close()
		}, kinds: malformed, temporary: true, attempts: 1},
		{name: "gzip that is none", serve: status(200, header("Content-Encoding", "gzip"), string(e.good.response)), kinds: append(unavailable, malformed...), temporary: true, attempts: maxAttempts},
		{name: "gzip", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(e.good.response)
			_ = z.Close()
		}, ok: true, attempts: 1},

		{name: "hang", serve: silence, kinds: append(unavailable, context.DeadlineExceeded), temporary: true, attempts: 1, deadline: 5 * time.Second},
		{name: "hang in the middle of the body", serve: func(w http.ResponseWriter, r *http.Request, _ int) {
			_, _ = w.Write(e.good.response[:len(e.good.response)/2])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, kinds: []error{context.DeadlineExceeded}, temporary: true, attempts: 1, deadline: 5 * time.Second},
		{name: "500 for ever, short deadline", serve: status(500, json, echo), kinds: unavailable, temporary: true, attempts: maxAttempts, deadline: 50 * time.Millisecond},
		{name: "connection lost", serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		}, kinds: unavailable, temporary: true, attempts: maxAttempts},
		{name: "redirect to another host", serve: status(302, header("Location", "http://elsewhere.test/collect"), ""), kinds: append(unavailable, malformed...), temporary: true, attempts: maxAttempts},
		{name: "redirect to itself", serve: func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
		}, kinds: append(unavailable, malformed...), temporary: true, attempts: maxAttempts},
	}
	if e.TokenPath != "" {
		revoked := "" // the token that is bad before its time
		days = append(days,
			badDay{name: "401 until another token", serve: func(w http.ResponseWriter, r *http.Request, n int) {
				if n == 1 {
					revoked = r.Header.Get("Authorization")
				}
				if r.Header.Get("Authorization") == revoked {
					status(401, json, echo)(w, r, n)
					return
				}
				e.good.answer(w)
			}, ok: true, attempts: 2},
			badDay{name: "token refused", serve: good, token: status(401, json, echo), kinds: unauthorized, httpStatus: 401},
			badDay{name: "token refused with 400", serve: good, token: status(400, json, `{"error":"invalid_client","error_description":"{auth}"}`), kinds: unauthorized, httpStatus: 400},
			badDay{name: "token endpoint fails", serve: good, token: status(500, json, echo), kinds: unavailable, httpStatus: 500, temporary: true},
			badDay{name: "token endpoint limits", serve: good, token: status(429, header("Retry-After", "900"), echo), kinds: limited, httpStatus: 429, retryAfter: 15 * time.Minute, temporary: true},
			badDay{name: "token endpoint shows a page", serve: good, token: status(200, html, loginPage), kinds: append(unavailable, malformed...), temporary: true},
			badDay{name: "token endpoint is gone", serve: good, token: status(404, json, echo), kinds: unavailable, httpStatus: 404, temporary: true},
			badDay{name: "token endpoint gives none", serve: good, token: status(200, json, "{}"), kinds: malformed, temporary: true},
			badDay{name: "token endpoint hangs", serve: good, token: silence, kinds: append(unavailable, context.DeadlineExceeded), temporary: true, deadline: 5 * time.Second},
			badDay{name: "token endpoint redirects", serve: good, token: status(307, header("Location", "http://elsewhere.test/token"), ""), kinds: append(unavailable, malformed...), temporary: true},
		)
	}
	for _, a := range e.NotFound {
		days = append(days, badDay{name: "not found: " + a.Name, serve: a.serve, kinds: []error{carriers.ErrNotFound}, attempts: 1})
	}
	for _, a := range e.Errors {
		days = append(days, badDay{name: "carrier says: " + a.Name, serve: a.serve, kinds: []error{a.Kind}, attempts: maxAttempts, temporary: carriers.Temporary(a.Kind)})
	}
	return days
}

func (a Answer) serve(w http.ResponseWriter, _ *http.Request, _ int) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range a.Header {
		w.Header()[k] = v
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = io.WriteString(w, a.Body)
}

func (e exam) badDays(t *testing.T) {
	codes := map[string]string{}
	for _, a := range append(e.NotFound, e.Errors...) {
		if a.Code != "" {
			codes["not found: "+a.Name], codes["carrier says: "+a.Name] = a.Code, a.Code
		}
	}
	for _, d := range e.days() {
		t.Run(d.name, func(t *testing.T) {
			e.bubble(t, &carrier{handler: d.serve, token: d.token}, func(t *testing.T, c *carrier) {
				ctx, cancel := context.WithCancel(context.Background())
				if d.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, d.deadline)
				}
				defer cancel()
				began := time.Now()
				result := c.track(ctx, e.good.query(e.Suite))
				held := time.Since(began)
				e.judge(t, d, c, result, held)
				if code := codes[d.name]; code != "" && result.Err != nil {
					var err *carriers.Error
					if errors.As(result.Err, &err) && err.Code != code {
						t.Errorf("Code = %q, want the carrier's %q", err.Code, code)
					}
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		e.bubble(t, &carrier{handler: silence}, func(t *testing.T, c *carrier) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			began := time.Now()
			result := c.track(ctx, e.good.query(e.Suite))
			if !errors.Is(result.Err, context.Canceled) {
				t.Errorf("error = %v, want one that wraps context.Canceled", result.Err)
			}
			if held := time.Since(began); held > time.Second {
				t.Errorf("held for %v after the caller had left", held-time.Second)
			}
		})
	})
}

func (e exam) judge(t *testing.T, d badDay, c *carrier, result carriers.Result, held time.Duration) {
	t.Helper()
	c.mu.Lock()
	attempts, tokens, strayed := c.attempts, c.tokens, c.strayed
	c.mu.Unlock()
	if attempts > d.attempts {
		t.Errorf("%d requests, want at most %d", attempts, d.attempts)
	}
	if tokens > 2 {
		t.Errorf("%d requests for tokens, want at most 2", tokens)
	}
	limit := patience
	if d.deadline > 0 {
		limit = d.deadline
	}
	if held > limit {
		t.Errorf("the caller was held for %v, want at most %v", held, limit)
	}
	for _, r := range strayed {
		text := fmt.Sprint(r.Header, r.URL)
		if b, err := io.ReadAll(r.Body); err == nil {
			text += string(b)
		}
		if c.leaks(e, text) != "" || r.Header.Get("Authorization") != "" {
			t.Error("a redirect carried keys, or the number, to another host")
		}
	}
	if d.ok {
		if result.Err != nil {
			t.Fatalf("error = %v, want none", result.Err)
		}
		if want := e.goodUpdates(t); !reflect.DeepEqual(result.Updates, want) {
			t.Error("the result is not the one of a good day")
		}
		return
	}
	if result.Err == nil {
		t.Fatalf("no error, and %d updates", len(result.Updates))
	}
	if len(result.Updates) != 0 {
		t.Error("updates beside an error")
	}
	var err *carriers.Error
	if !errors.As(result.Err, &err) {
		t.Fatalf("error is %T, want a *carriers.Error", result.Err)
	}
	if err.Carrier != c.code || err.Op == "" {
		t.Errorf("Carrier = %q, Op = %q, want the carrier and what was done", err.Carrier, err.Op)
	}
	matched := false
	for _, kind := range d.kinds {
		matched = matched || errors.Is(result.Err, kind)
	}
	if !matched {
		t.Errorf("error = %v, want one that wraps %v", result.Err, d.kinds)
	}
	if d.httpStatus != 0 && err.HTTPStatus != d.httpStatus {
		t.Errorf("HTTPStatus = %d, want %d", err.HTTPStatus, d.httpStatus)
	}
	if diff := carriers.RetryAfter(result.Err) - d.retryAfter; diff < -time.Second || diff > time.Second {
		t.Errorf("RetryAfter = %v, want %v", carriers.RetryAfter(result.Err), d.retryAfter)
	}
	if got := carriers.Temporary(result.Err); got != d.temporary {
		t.Errorf("Temporary = %v, want %v", got, d.temporary)
	}
	e.checkSecrets(t, c, result.Err)
}

// checkSecrets fails when an error, in whatever way it is written, holds what must
// not be in a log.
func (e exam) checkSecrets(t *testing.T, c *carrier, err error) {
	t.Helper()
	for cause := err; cause != nil; {
		if c.leaks(e, fmt.Sprintf("%v %+v %q", cause, cause, cause)) != "" {
			t.Errorf("the text of an error (%T) holds a credential or the tracking number", cause)
		}
		switch u := cause.(type) {
		case interface{ Unwrap() error }:
			cause = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, each := range u.Unwrap() {
				if c.leaks(e, fmt.Sprintf("%v %+v", each, each)) != "" {
					t.Errorf("the text of a cause (%T) holds a credential or the tracking number", each)
				}
			}
			return
		default:
			return
		}
	}
}

// goodUpdates is what comes of the good answer.
func (e exam) goodUpdates(t *testing.T) []carriers.Update {
	t.Helper()
	var want carriers.Result
	// A bubble cannot be made within a bubble, so the adapter is asked through a
	// transport that answers at once.
	a, err := e.New(baseURL, &http.Client{Transport: direct{e}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := carriers.NewSet(a)
	if err != nil {
		t.Fatal(err)
	}
	want = set.Track(context.Background(), a.Code(), []carriers.Query{e.good.query(e.Suite)})[0]
	if want.Err != nil {
		t.Fatalf("testdata/%s: %v", e.Good, want.Err)
	}
	return want.Updates
}

// invalidText returns the first text in v that is not valid UTF-8.
func invalidText(v reflect.Value) (string, bool) {
	switch v.Kind() {
	case reflect.String:
		return v.String(), !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return invalidText(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if s, bad := invalidText(v.Index(i)); bad {
				return s, true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if s, bad := invalidText(v.Field(i)); bad {
				return s, true
			}
		}
	}
	return "", false
}
