package carriertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/doorstep-go/doorstep/carriers"
)

const baseURL = "http://carrier.test"

// carrier is a carrier that has the days it is told to have. Its network is made of
// pipes, so it lives in a synctest bubble, and every host name leads to it.
type carrier struct {
	handler func(w http.ResponseWriter, r *http.Request, attempt int)
	token   func(w http.ResponseWriter, r *http.Request, attempt int) // nil: the good one

	client *http.Client
	set    *carriers.Set
	code   string

	mu       sync.Mutex
	attempts int // requests that were not for tokens
	tokens   int // requests for tokens
	issued   []string
	strayed  []*http.Request // to other hosts
}

// bubble runs f with a carrier and an adapter that speaks with it.
func (e exam) bubble(t *testing.T, c *carrier, f func(t *testing.T, c *carrier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: c.serve(e), ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l) // ends with ErrServerClosed
		}()
		transport := &http.Transport{DialContext: l.dial}
		c.client = &http.Client{Transport: transport}
		a, err := e.New(baseURL, c.client)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		c.code = a.Code()
		if c.set, err = carriers.NewSet(a); err != nil {
			t.Fatal(err)
		}
		f(t, c)
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
		// What is still running when the bubble ends was left behind by the adapter, and
		// synctest reports it.
	})
}

func (c *carrier) serve(e exam) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if r.Host != strings.TrimPrefix(baseURL, "http://") {
			c.strayed = append(c.strayed, r)
			c.mu.Unlock()
			return
		}
		if e.TokenPath != "" && r.URL.Path == e.TokenPath {
			c.tokens++
			n := c.tokens
			token := fmt.Sprintf("exam-access-token-%d", n)
			c.issued = append(c.issued, token)
			c.mu.Unlock()
			switch {
			case c.token != nil:
				c.token(w, r, n)
			case e.Token != nil:
				e.Token(w, token)
			default:
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
			}
			return
		}
		c.attempts++
		n := c.attempts
		c.mu.Unlock()
		if n > 10*maxAttempts {
			panic(http.ErrAbortHandler) // an adapter that goes on for ever is to fail, not to hang
		}
		_, _ = io.Copy(io.Discard, r.Body)
		c.handler(w, r, n)
	})
}

// track asks for q and returns the result.
func (c *carrier) track(ctx context.Context, q carriers.Query) carriers.Result {
	return c.set.Track(ctx, c.code, []carriers.Query{q})[0]
}

// leaks returns what text must not hold and does.
func (c *carrier) leaks(e exam, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range append(append([]string{e.Number}, e.Secrets...), c.issued...) {
		if s != "" && strings.Contains(text, s) {
			return s
		}
	}
	return ""
}

// pipes is a listener whose connections are made in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "carriertest", Net: "pipe"} }
