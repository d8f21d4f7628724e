package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

// Order numbers can be counted up: a stranger must not learn which ones there are.
func TestLookupTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	type answer struct {
		Status int
		Header http.Header
		Body   string
	}
	ask := func(number, email string) answer {
		res := w.do(lookup(number, email))
		return answer{res.StatusCode, res.Header, body(t, res)}
	}
	wrongMail := ask("1001", "someone@else.example")
	noOrder := ask("1002", "ada@customer.example")
	if diff := cmp.Diff(wrongMail, noOrder); diff != "" {
		t.Errorf("the answers differ (-wrong address +no order):\n%s", diff)
	}
	if wrongMail.Status != http.StatusNotFound || !strings.Contains(wrongMail.Body, "We could not find an order") {
		t.Errorf("answers %d", wrongMail.Status)
	}
	if strings.Contains(wrongMail.Body, "else.example") {
		t.Error("the page repeats the address")
	}
	// Known and unknown numbers run out alike, too.
	for range 20 {
		wrongMail, noOrder = ask("1001", "someone@else.example"), ask("1002", "ada@customer.example")
		w.clock.Advance(time.Minute)
	}
	if diff := cmp.Diff(wrongMail, noOrder); diff != "" || wrongMail.Status != http.StatusTooManyRequests {
		t.Errorf("after many tries they answer %d and differ (-wrong address +no order):\n%s", wrongMail.Status, diff)
	}
}

func TestLookupFinds(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	for _, tt := range [][2]string{{"1001", "ada@customer.example"}, {" #1001 ", " Ada@Customer.EXAMPLE "}} {
		res := w.do(lookup(tt[0], tt[1]))
		if got, want := res.Header.Get("Location"), "t/"+w.svc.OrderToken("01"); res.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d, to %q, want %q", tt, res.StatusCode, got, want)
		}
	}
}

func TestLookupRefuses(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	good := func() *http.Request { return lookup("1001", "ada@customer.example") }
	tests := []struct {
		name   string
		change func(*http.Request) *http.Request
		want   int
	}{
		{"nothing filled in", func(*http.Request) *http.Request { return lookup("", "") }, http.StatusBadRequest},
		{"only a number", func(*http.Request) *http.Request { return lookup("1001", " ") }, http.StatusBadRequest},
		{"far too long", func(*http.Request) *http.Request { return lookup(strings.Repeat("1", 1<<20), "a") }, http.StatusRequestEntityTooLarge},
		{"from another site", func(r *http.Request) *http.Request {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			return r
		}, http.StatusForbidden},
		{"from another origin", func(r *http.Request) *http.Request {
			r.Header.Set("Origin", "https://evil.example")
			return r
		}, http.StatusForbidden},
		{"from our own form", func(r *http.Request) *http.Request {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			return r
		}, http.StatusSeeOther},
		{"in the address", func(*http.Request) *http.Request {
			return httptest.NewRequest(http.MethodPost, "/track?number=1001&email=ada@customer.example", nil)
		}, http.StatusBadRequest},
		{"with another method", func(r *http.Request) *http.Request { r.Method = http.MethodPut; return r }, http.StatusMethodNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if res := w.do(tt.change(good())); res.StatusCode != tt.want {
				t.Errorf("answers %d, want %d", res.StatusCode, tt.want)
			}
		})
	}
}

func TestLookupLimits(t *testing.T) {
	limited := func(change ...func(*postpurchase.Config, *web.Options)) *world {
		w := newWorld(t, append(change, func(_ *postpurchase.Config, o *web.Options) {
			o.Limits = web.Limits{PerClient: 3, PerOrder: 5, PerSecond: 2}
		})...)
		w.place(w.anOrder("01"))
		return w
	}
	from := func(r *http.Request, ip string) *http.Request {
		r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(ip), 4711).String()
		return r
	}
	wrong := func(i int) *http.Request { return lookup(fmt.Sprint("20", i), "a@b.example") }

	t.Run("client", func(t *testing.T) {
		w := limited()
		for i := range 3 {
			if res := w.do(from(wrong(i), "192.0.2.1")); res.StatusCode != http.StatusNotFound {
				t.Fatalf("try %d answers %d", i, res.StatusCode)
			}
		}
		res := w.do(from(wrong(3), "192.0.2.1"))
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "60" {
			t.Errorf("one more answers %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
		if res := w.do(from(lookup("1001", "ada@customer.example"), "192.0.2.1")); res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("the right address gets through: %d", res.StatusCode)
		}
		if res := w.do(from(wrong(4), "192.0.2.2")); res.StatusCode != http.StatusNotFound {
			t.Errorf("another client answers %d", res.StatusCode)
		}
		w.clock.Advance(time.Minute)
		if res := w.do(from(wrong(5), "192.0.2.1")); res.StatusCode != http.StatusNotFound {
			t.Errorf("a minute later it answers %d", res.StatusCode)
		}
	})
	t.Run("IPv6 network", func(t *testing.T) {
		w := limited()
		for i := range 3 {
			w.do(from(wrong(i), fmt.Sprint("2001:db8:1:2::", i+1)))
		}
		if res := w.do(from(wrong(3), "2001:db8:1:2:ffff::9")); res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("another address of the same /64 answers %d", res.StatusCode)
		}
		if res := w.do(from(wrong(3), "2001:db8:1:3::1")); res.StatusCode != http.StatusNotFound {
			t.Errorf("another /64 answers %d", res.StatusCode)
		}
	})
	t.Run("order", func(t *testing.T) {
		w := limited()
		for i := range 5 {
			w.do(from(lookup("1001", fmt.Sprintf("%d@guess.example", i)), fmt.Sprint("192.0.2.", i+1)))
		}
		if res := w.do(from(lookup(" #1001", "ada@customer.example"), "192.0.2.99")); res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("guessing goes on from another address: %d", res.StatusCode)
		}
		if res := w.get("/t/" + w.svc.OrderToken("01")); res.StatusCode != http.StatusOK {
			t.Errorf("guessing locks the customer's link: %d", res.StatusCode)
		}
	})
	t.Run("altogether", func(t *testing.T) {
		w := limited()
		refused := 0
		for i := range 40 {
			if w.do(from(wrong(i), fmt.Sprint("192.0.2.", i+1))).StatusCode == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 20 {
			t.Errorf("%d of 40 lookups at once were refused, want 20", refused)
		}
	})
	t.Run("proxy", func(t *testing.T) {
		w := limited(func(_ *postpurchase.Config, o *web.Options) {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		})
		via := func(i int, proxy, forwarded string) int {
			r := from(wrong(i), proxy)
			r.Header.Set("X-Forwarded-For", forwarded)
			return w.do(r).StatusCode
		}
		for i := range 3 { // the client makes up what is before its own address
			via(i, "10.0.0.1", fmt.Sprintf("198.51.100.%d, 203.0.113.5, 10.0.0.2", i))
		}
		if got := via(3, "10.0.0.1", "198.51.100.77, 203.0.113.5, 10.0.0.2"); got != http.StatusTooManyRequests {
			t.Errorf("a made-up address gets through: %d", got)
		}
		if got := via(4, "10.0.0.1", "203.0.113.6"); got != http.StatusNotFound {
			t.Errorf("another client behind the proxy answers %d", got)
		}
		for i := range 3 {
			via(10+i, "192.0.2.50", fmt.Sprint("198.51.100.", i))
		}
		if got := via(14, "192.0.2.50", "198.51.100.200"); got != http.StatusTooManyRequests {
			t.Errorf("a proxy that is not ours is believed: %d", got)
		}
	})
}

func BenchmarkTrackingPage(b *testing.B) {
	w := newWorld(b)
	single(nil, 0)(w)
	r := httptest.NewRequest(http.MethodGet, "/t/"+w.svc.OrderToken("01"), nil)
	b.ReportAllocs()
	for b.Loop() {
		w.pages.ServeHTTP(httptest.NewRecorder(), r)
	}
}
