package web_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

func push(path string, header http.Header, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, body)
	for k, v := range header {
		r.Header[k] = v
	}
	return r
}

func TestCarrierWebhook(t *testing.T) {
	const path = "/webhooks/carrier/fake"
	setup := func(t *testing.T) (*world, http.Header, []byte) {
		w := newWorld(t)
		w.place(w.anOrder("01"))
		w.ship("01", "FP4711001", fake.OnTime(cologne, berlin, 1))
		w.clock.Advance(day + 4*time.Hour)
		header, body, err := w.carrier.SignedPush("FP4711001")
		if err != nil {
			t.Fatal(err)
		}
		return w, header, body
	}
	delivered := func(w *world) bool { return strings.Contains(w.read("01"), "Today at 12:30") }

	t.Run("good", func(t *testing.T) {
		w, header, body := setup(t)
		// It comes from a server, which no browser's protection must keep out.
		r := push(path, header, bytes.NewReader(body))
		r.Header.Set("Origin", "https://carrier.example")
		if res := w.do(r); res.StatusCode != http.StatusNoContent {
			t.Errorf("answers %d", res.StatusCode)
		}
		if !delivered(w) {
			t.Error("the page does not show what was pushed")
		}
	})
	tests := []struct {
		name string
		req  func(w *world, header http.Header, body []byte) *http.Request
		want int
	}{
		{"not signed", func(_ *world, _ http.Header, b []byte) *http.Request { return push(path, nil, bytes.NewReader(b)) }, http.StatusUnauthorized},
		{"changed", func(_ *world, h http.Header, b []byte) *http.Request {
			return push(path, h, bytes.NewReader(append(b, ' ')))
		}, http.StatusUnauthorized},
		{"late", func(w *world, h http.Header, b []byte) *http.Request {
			w.clock.Advance(time.Hour)
			return push(path, h, bytes.NewReader(b))
		}, http.StatusUnauthorized},
		{"to a carrier we do not have", func(_ *world, h http.Header, b []byte) *http.Request {
			return push("/webhooks/carrier/nobody", h, bytes.NewReader(b))
		}, http.StatusNotFound},
		{"to no carrier", func(_ *world, h http.Header, b []byte) *http.Request {
			return push("/webhooks/carrier/", h, bytes.NewReader(b))
		}, http.StatusNotFound},
		{"too large", func(_ *world, h http.Header, b []byte) *http.Request {
			return push(path, h, io.MultiReader(bytes.NewReader(b), strings.NewReader(strings.Repeat(" ", 1<<20))))
		}, http.StatusRequestEntityTooLarge},
		{"broken off", func(_ *world, h http.Header, b []byte) *http.Request {
			return push(path, h, io.MultiReader(bytes.NewReader(b), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}, http.StatusBadRequest},
		{"with GET", func(_ *world, h http.Header, b []byte) *http.Request {
			r := push(path, h, bytes.NewReader(b))
			r.Method = http.MethodGet
			return r
		}, http.StatusMethodNotAllowed},
		{"to a service that can not keep it", func(w *world, h http.Header, b []byte) *http.Request {
			w.backend.err = errors.New("disk full")
			return push(path, h, bytes.NewReader(b))
		}, http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, header, b := setup(t)
			res := w.do(tt.req(w, header, b))
			if res.StatusCode != tt.want {
				t.Errorf("answers %d, want %d", res.StatusCode, tt.want)
			}
			if tt.want == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
				t.Error("does not say when to try again")
			}
			if got := body(t, res); tt.name != "to no carrier" && got != "" {
				t.Errorf("says %q", got)
			}
			w.backend.err = nil
			if delivered(w) {
				t.Error("it was kept")
			}
		})
	}
}

func TestShopWebhook(t *testing.T) {
	w := newWorld(t)
	w.shop.Put(w.anOrder("77"))
	header, b := w.shop.Sign(shop.Event{Kind: shop.KindOrderChanged, OrderID: "77"})
	if res := w.do(push("/webhooks/shop", nil, bytes.NewReader(b))); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a push that is not signed answers %d", res.StatusCode)
	}
	stranger := shoptest.NewMemory()
	stranger.Now = w.clock.Now
	forged, fb := stranger.Sign(shop.Event{Kind: shop.KindOrderChanged, OrderID: "77"})
	if res := w.do(push("/webhooks/shop", forged, bytes.NewReader(fb))); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a push with another secret answers %d", res.StatusCode)
	}
	if err := w.svc.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Order(t.Context(), "77"); !errors.Is(err, postpurchase.ErrNotFound) {
		t.Fatalf("the order is known before anyone proved who they are: %v", err)
	}
	if res := w.do(push("/webhooks/shop", header, bytes.NewReader(b))); res.StatusCode != http.StatusNoContent {
		t.Errorf("a good push answers %d", res.StatusCode)
	}
	if err := w.svc.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page := w.read("77"); !strings.Contains(page, "We are preparing your order") {
		t.Error("the order was not read from the shop")
	}
	if res := w.get("/webhooks/shop"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", res.StatusCode)
	}
	if res := w.do(push("/webhooks/shop", header, strings.NewReader(strings.Repeat("x", 1<<20+1)))); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of more than 1 MiB answers %d", res.StatusCode)
	}

	none := newWorld(t, func(c *postpurchase.Config, _ *web.Options) { c.Shop = nil })
	if res := none.do(push("/webhooks/shop", header, bytes.NewReader(b))); res.StatusCode != http.StatusNotFound {
		t.Errorf("a service without a shop answers %d", res.StatusCode)
	}
}
