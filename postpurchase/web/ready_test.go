package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

func TestReadyz(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(_ *postpurchase.Config, o *web.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ask := func(when, method, path string, want int) {
		t.Helper()
		rec := httptest.NewRecorder()
		w.pages.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		if rec.Code != want || rec.Body.Len() > 0 {
			t.Errorf("%s: %s %s = %d with %q, want %d with nothing", when, method, path, rec.Code, rec.Body, want)
		}
	}
	ask("before Run", http.MethodGet, "/readyz", 503)
	ask("before Run", http.MethodGet, "/healthz", 204)
	if !strings.Contains(log.String(), "Run is not running") {
		t.Errorf("the log does not say why: %s", log.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.svc.Run(ctx) }()
	w.clock.BlockUntil(1)
	ask("within the same second", http.MethodGet, "/readyz", 503)
	w.clock.Advance(time.Second)
	ask("while Run runs", http.MethodGet, "/readyz", 204)
	ask("while Run runs", http.MethodHead, "/readyz", 204)
	ask("while Run runs", http.MethodPost, "/readyz", 405)
	w.backend.err = errors.New("no connection to 10.0.0.7")
	w.clock.Advance(time.Second)
	ask("without the backend", http.MethodGet, "/readyz", 503)
	ask("without the backend", http.MethodGet, "/healthz", 204)
	w.backend.err = nil
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v", err)
	}
	w.clock.Advance(time.Second)
	ask("after Run", http.MethodGet, "/readyz", 503)
}

func TestReadyzOfThePagesOnly(t *testing.T) {
	asked := 0
	var down error
	w := newWorld(t, func(_ *postpurchase.Config, o *web.Options) {
		o.Ready = func(context.Context) error { asked++; return down }
	})
	get := func() int {
		rec := httptest.NewRecorder()
		w.pages.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return rec.Code
	}
	for range 100 {
		if got := get(); got != 204 {
			t.Fatalf("status %d, want 204", got)
		}
	}
	if asked != 1 {
		t.Errorf("a hundred requests in a moment asked the backend %d times, want once", asked)
	}
	down = errors.New("down")
	w.clock.Advance(time.Second)
	if got := get(); got != 503 || asked != 2 {
		t.Errorf("status %d after %d checks, want 503 after 2", got, asked)
	}
}
