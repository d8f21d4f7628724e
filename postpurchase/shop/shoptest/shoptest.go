// Package shoptest is what every shop adapter passes, and a shop in memory to test
// your own code with.
//
// For most uses, put orders into a [Memory] and hand it to the service in place of
// the real shop:
//
//	store := shoptest.NewMemory(order.Order{ID: "100"})
//	header, body := store.Sign(shop.Event{Kind: shop.KindOrderChanged, OrderID: "100"})
//
// An adapter's own test is one call of [Run]. It asks for a shop with some orders in
// it and looks at it through the port; then it plays the shop itself, on bad days.
package shoptest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Suite describes an adapter and a shop to examine it with.
type Suite struct {
	// Shop returns a shop that is up and well. It is called once per test, which may
	// change the shop.
	Shop func(t *testing.T) Shop

	// Dial returns an adapter that sends its requests to baseURL, with client. Nil for
	// an adapter that sends none: then nothing is tested of bad days.
	Dial func(t *testing.T, baseURL string, client *http.Client) shop.Adapter

	// Patience writes into h how the shop asks for d of patience when it answers 429.
	// Nil: as "Retry-After" in seconds.
	Patience func(h http.Header, d time.Duration)

	// Secrets are the credentials that Dial and Shop give the adapter. No error may
	// hold one.
	Secrets []string
}

// Shop is a shop in a known state.
type Shop struct {
	Adapter shop.Adapter

	// Orders are all orders of the shop, as the adapter is to return them. There are at
	// least three, with at least two e-mail addresses and two moments of change; at
	// least one has a parcel and at least one has none.
	Orders []order.Order

	// Product and Customer are one of each, as the adapter is to return them. Needed
	// for a [shop.ProductReader] and a [shop.CustomerReader].
	Product  shop.Product
	Customer order.Customer

	// Link is the link that the shop shows for a parcel now, and how often a link was
	// written to the shop. Needed for a [shop.TrackingWriter].
	Link func(orderID, parcelID string) (link string, writes int)

	// Hooks is how many active webhooks the shop has, and how often one was created or
	// changed. Sleep makes all of them inactive. Needed for a [shop.HookEnsurer]; Sleep
	// may be nil where a shop never deactivates one.
	Hooks func() (active, writes int)
	Sleep func()

	// Webhooks is needed for a [shop.Notifier].
	Webhooks *Webhooks
}

// Webhooks makes the messages of a shop.
type Webhooks struct {
	// Now is what the adapter's clock shows.
	Now time.Time

	// Sign returns the headers that the shop sends with body at a time.
	Sign func(body []byte, at time.Time) http.Header

	// Changed is a message that an order has changed.
	Changed func(orderID string) []byte

	// Unknown is a message of a kind that the adapter has never heard of.
	Unknown []byte

	// OtherStore is a message of another shop of the same platform. Nil where each
	// shop has a secret of its own.
	OtherStore []byte

	// Stale is an age at which a message is too old. Zero where the platform does not
	// sign the time.
	Stale time.Duration

	// Unset returns the same adapter without a webhook secret.
	Unset func(t *testing.T) shop.Notifier
}

// Run examines an adapter. An optional interface that it implements is examined too,
// and fails where the Suite lacks what that takes.
func Run(t *testing.T, s Suite) {
	t.Run("Orders", s.orders)
	t.Run("Tracking", s.tracking)
	t.Run("Catalogue", s.catalogue)
	t.Run("Webhooks", s.webhooks)
	t.Run("Hooks", s.hooks)
	if s.Dial != nil {
		t.Run("BadDays", s.badDays)
	}
}

// shop checks what the author of a Suite promised.
func (s Suite) shop(t *testing.T) Shop {
	t.Helper()
	sh := s.Shop(t)
	mails, times, parcels, none := map[string]bool{}, map[int64]bool{}, 0, 0
	for _, o := range sh.Orders {
		mails[o.Customer.Email], times[o.UpdatedAt.Unix()] = true, true
		if len(o.Parcels) > 0 {
			parcels++
		} else {
			none++
		}
	}
	if len(sh.Orders) < 3 || len(mails) < 2 || len(times) < 2 || parcels == 0 || none == 0 {
		t.Fatalf("the suite's shop has %d orders, %d e-mail addresses, %d moments of change, %d orders with and %d without parcels: too few to tell anything",
			len(sh.Orders), len(mails), len(times), parcels, none)
	}
	return sh
}

// sameTime compares times as moments: adapters choose the location.
var sameTime = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func (s Suite) orders(t *testing.T) {
	sh := s.shop(t)
	ctx, a := t.Context(), sh.Adapter
	if a.Code() == "" || a.Code() != strings.ToLower(a.Code()) {
		t.Errorf("Code() = %q, want lower case", a.Code())
	}
	byID := map[string]order.Order{}
	for _, o := range sh.Orders {
		byID[o.ID] = o
		t.Run("Order", func(t *testing.T) {
			got, err := a.Order(ctx, o.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(o, got, sameTime); d != "" {
				t.Errorf("Order (-want +got):\n%s", d)
			}
			got, err = a.OrderByNumber(ctx, o.DisplayNumber())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(o, got, sameTime); d != "" {
				t.Errorf("OrderByNumber (-want +got):\n%s", d)
			}
		})
	}
	t.Run("NotFound", func(t *testing.T) {
		for _, id := range []string{"", "987654321", "no such order", "../1", "1/products", "\x00", strings.Repeat("9", 400), "-1", "1?x=y"} {
			if _, err := a.Order(ctx, id); !errors.Is(err, shop.ErrNotFound) {
				t.Errorf("Order(%.40q) error = %v, want %v", id, err, shop.ErrNotFound)
			}
			if _, err := a.OrderByNumber(ctx, id); !errors.Is(err, shop.ErrNotFound) {
				t.Errorf("OrderByNumber(%.40q) error = %v, want %v", id, err, shop.ErrNotFound)
			}
		}
	})
	list := func(t *testing.T, q shop.Query, want func(order.Order) bool) {
		t.Helper()
		wantIDs, got := map[string]order.Order{}, map[string]order.Order{}
		for id, o := range byID {
			if want(o) {
				wantIDs[id] = o
			}
		}
		for pages := 0; ; pages++ {
			page, err := a.Orders(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			if q.Limit > 0 && len(page.Orders) > q.Limit {
				t.Fatalf("a page of %d where %d was the limit", len(page.Orders), q.Limit)
			}
			for _, o := range page.Orders {
				got[o.ID] = o
			}
			if page.Next == "" {
				break
			}
			if page.Next == q.Cursor || pages > 10*len(byID) {
				t.Fatal("the list has no end")
			}
			q.Cursor = page.Next
		}
		if d := cmp.Diff(wantIDs, got, sameTime); d != "" {
			t.Errorf("orders (-want +got):\n%s", d)
		}
	}
	all := func(order.Order) bool { return true }
	newest := slices.MaxFunc(sh.Orders, func(a, b order.Order) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	t.Run("List", func(t *testing.T) { list(t, shop.Query{}, all) })
	t.Run("ListByOne", func(t *testing.T) { list(t, shop.Query{Limit: 1}, all) })
	t.Run("ListByTwo", func(t *testing.T) { list(t, shop.Query{Limit: 2}, all) })
	t.Run("ListLarge", func(t *testing.T) { list(t, shop.Query{Limit: 100000}, all) })
	t.Run("ListSince", func(t *testing.T) {
		since := newest.UpdatedAt
		list(t, shop.Query{ModifiedSince: since}, func(o order.Order) bool { return !o.UpdatedAt.Before(since) })
	})
	t.Run("ListByEmail", func(t *testing.T) {
		mail := sh.Orders[0].Customer.Email
		of := func(o order.Order) bool { return strings.EqualFold(o.Customer.Email, mail) }
		list(t, shop.Query{Email: mail, Limit: 1}, of)
		list(t, shop.Query{Email: strings.ToUpper(mail)}, of)
	})
	t.Run("ListEmpty", func(t *testing.T) {
		none := func(order.Order) bool { return false }
		list(t, shop.Query{Email: "nobody@nowhere.example"}, none)
		list(t, shop.Query{ModifiedSince: newest.UpdatedAt.Add(time.Hour)}, none)
	})
	t.Run("OwnCopy", func(t *testing.T) {
		for _, o := range sh.Orders {
			first, err := a.Order(ctx, o.ID)
			if err != nil {
				t.Fatal(err)
			}
			for i := range first.Lines {
				first.Lines[i].Title = "scribbled on"
			}
			for i := range first.Parcels {
				first.Parcels[i].ID = "scribbled on"
			}
			again, err := a.Order(ctx, o.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(o, again, sameTime); d != "" {
				t.Errorf("what a caller does to an order is in the next one (-want +got):\n%s", d)
			}
		}
	})
	t.Run("Concurrent", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 4 {
			for _, o := range sh.Orders {
				wg.Go(func() {
					got, err := a.Order(ctx, o.ID)
					if d := cmp.Diff(o, got, sameTime); err != nil || d != "" {
						t.Errorf("error %v, order (-want +got):\n%s", err, d)
					}
				})
			}
			wg.Go(func() {
				if _, err := a.Orders(ctx, shop.Query{Limit: 2}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("Cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := a.Order(ctx, sh.Orders[0].ID); !errors.Is(err, context.Canceled) {
			t.Errorf("Order error = %v, want %v", err, context.Canceled)
		}
		if _, err := a.Orders(ctx, shop.Query{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Orders error = %v, want %v", err, context.Canceled)
		}
	})
}

func (s Suite) tracking(t *testing.T) {
	sh := s.shop(t)
	w, ok := sh.Adapter.(shop.TrackingWriter)
	if !ok {
		t.Skip("no shop.TrackingWriter")
	}
	if sh.Link == nil {
		t.Fatal("the adapter is a shop.TrackingWriter and the suite has no Link")
	}
	i := slices.IndexFunc(sh.Orders, func(o order.Order) bool { return len(o.Parcels) > 0 })
	orderID, parcelID := sh.Orders[i].ID, sh.Orders[i].Parcels[0].ID
	ctx := t.Context()
	_, before := sh.Link(orderID, parcelID)
	for i, step := range []struct {
		link   string
		writes int
	}{
		{"https://shop.example/t/abc", 1},
		{"https://shop.example/t/abc", 1},
		{"https://shop.example/t/def", 2},
		{"https://shop.example/t/def", 2},
	} {
		if err := w.WriteTracking(ctx, orderID, parcelID, step.link); err != nil {
			t.Fatal(err)
		}
		if link, writes := sh.Link(orderID, parcelID); link != step.link || writes-before != step.writes {
			t.Errorf("step %d: the shop has %q after %d writes, want %q after %d", i, link, writes-before, step.link, step.writes)
		}
	}
	for _, c := range [][2]string{{orderID, "987654"}, {"987654", parcelID}, {orderID, ""}, {"", parcelID}, {orderID, "../x"}, {"1/../2", parcelID}} {
		if err := w.WriteTracking(ctx, c[0], c[1], "https://shop.example/t/abc"); !errors.Is(err, shop.ErrNotFound) {
			t.Errorf("WriteTracking(%q, %q) error = %v, want %v", c[0], c[1], err, shop.ErrNotFound)
		}
	}
}

func (s Suite) catalogue(t *testing.T) {
	sh := s.shop(t)
	ctx := t.Context()
	if r, ok := sh.Adapter.(shop.ProductReader); ok {
		if sh.Product.ID == "" {
			t.Fatal("the adapter is a shop.ProductReader and the suite has no Product")
		}
		got, err := r.Product(ctx, sh.Product.ID, sh.Product.VariantID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sh.Product, got); d != "" {
			t.Errorf("Product (-want +got):\n%s", d)
		}
		for _, id := range []string{"", "987654", "../1"} {
			if _, err := r.Product(ctx, id, ""); !errors.Is(err, shop.ErrNotFound) {
				t.Errorf("Product(%q) error = %v, want %v", id, err, shop.ErrNotFound)
			}
		}
	}
	if r, ok := sh.Adapter.(shop.CustomerReader); ok {
		if sh.Customer.ID == "" {
			t.Fatal("the adapter is a shop.CustomerReader and the suite has no Customer")
		}
		got, err := r.Customer(ctx, sh.Customer.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sh.Customer, got); d != "" {
			t.Errorf("Customer (-want +got):\n%s", d)
		}
		for _, id := range []string{"", "0", "987654", "../1"} {
			if _, err := r.Customer(ctx, id); !errors.Is(err, shop.ErrNotFound) {
				t.Errorf("Customer(%q) error = %v, want %v", id, err, shop.ErrNotFound)
			}
		}
	}
}

func (s Suite) webhooks(t *testing.T) {
	sh := s.shop(t)
	n, ok := sh.Adapter.(shop.Notifier)
	if !ok {
		t.Skip("no shop.Notifier")
	}
	w := sh.Webhooks
	if w == nil {
		t.Fatal("the adapter is a shop.Notifier and the suite has no Webhooks")
	}
	ctx, id := t.Context(), sh.Orders[0].ID
	body := w.Changed(id)
	header := w.Sign(body, w.Now)

	t.Run("Signed", func(t *testing.T) {
		events, err := n.ReceiveWebhook(ctx, header, body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := n.ReceiveWebhook(ctx, header.Clone(), slices.Clone(body))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(events, again, sameTime); d != "" {
			t.Errorf("the same message twice is not the same events (-first +second):\n%s", d)
		}
		if len(events) == 0 || events[0].Kind != shop.KindOrderChanged || events[0].OrderID != id || events[0].ID == "" {
			t.Errorf("events %+v, want an order that changed", events)
		}
	})
	t.Run("Unknown", func(t *testing.T) {
		events, err := n.ReceiveWebhook(ctx, w.Sign(w.Unknown, w.Now), w.Unknown)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].Kind != shop.KindUnknown || events[0].ID == "" {
			t.Errorf("events %+v, want one of kind %q", events, shop.KindUnknown)
		}
	})
	t.Run("NoMessage", func(t *testing.T) {
		for _, b := range []string{"", "{", "null", "[1,2]", `"x"`, "<html>", "{}{}"} {
			_, err := n.ReceiveWebhook(ctx, w.Sign([]byte(b), w.Now), []byte(b))
			if !errors.Is(err, shop.ErrMalformed) && !errors.Is(err, shop.ErrUnauthorized) {
				t.Errorf("body %q: error %v, want %v", b, err, shop.ErrMalformed)
			}
		}
	})
	unauthorized := func(name string, n shop.Notifier, h http.Header, b []byte) {
		t.Run(name, func(t *testing.T) {
			events, err := n.ReceiveWebhook(ctx, h, b)
			if !errors.Is(err, shop.ErrUnauthorized) || len(events) > 0 {
				t.Fatalf("events %v, error %v, want %v", events, err, shop.ErrUnauthorized)
			}
			s.checkError(t, sh.Adapter, err)
		})
	}
	unauthorized("Unsigned", n, http.Header{"Content-Type": {"application/json"}}, body)
	unauthorized("NilHeader", n, nil, body)
	unauthorized("Tampered", n, header, bytes.Replace(body, []byte(id), []byte("424242"), 1))
	unauthorized("LongerBody", n, header, append(slices.Clone(body), ' '))
	for name := range header {
		if name == "Content-Type" {
			continue
		}
		forged := header.Clone()
		forged.Set(name, "1"+header.Get(name))
		unauthorized("Forged"+name, n, forged, body)
	}
	if w.OtherStore != nil {
		unauthorized("OtherStore", n, w.Sign(w.OtherStore, w.Now), w.OtherStore)
	}
	if w.Stale > 0 {
		unauthorized("Stale", n, w.Sign(body, w.Now.Add(-w.Stale)), body)
		unauthorized("Future", n, w.Sign(body, w.Now.Add(w.Stale)), body)
	}
	if w.Unset == nil {
		t.Error("the suite has no Webhooks.Unset: a secret that is not set must not let everything in")
	} else {
		unset := w.Unset(t)
		unauthorized("NoSecret", unset, header, body)
		unauthorized("NoSecretUnsigned", unset, http.Header{}, body)
	}
}

func (s Suite) hooks(t *testing.T) {
	sh := s.shop(t)
	h, ok := sh.Adapter.(shop.HookEnsurer)
	if !ok {
		t.Skip("no shop.HookEnsurer")
	}
	if sh.Hooks == nil {
		t.Fatal("the adapter is a shop.HookEnsurer and the suite has no Hooks")
	}
	const destination = "https://plugin.example/webhooks/shop"
	ensure := func() (active, writes int) {
		t.Helper()
		if err := h.EnsureWebhooks(t.Context(), destination); err != nil {
			t.Fatal(err)
		}
		return sh.Hooks()
	}
	active, writes := ensure()
	if active == 0 {
		t.Fatal("no webhook after EnsureWebhooks")
	}
	if a, w := ensure(); a != active || w != writes {
		t.Errorf("the second call made %d webhooks of %d, with %d writes", a, active, w-writes)
	}
	if sh.Sleep != nil {
		sh.Sleep()
		if a, _ := ensure(); a != active {
			t.Errorf("%d webhooks are active after they were put to sleep, want %d", a, active)
		}
	}
	if err := h.EnsureWebhooks(t.Context(), "https://other.example/hook"); err != nil {
		t.Fatal(err)
	}
	if a, _ := sh.Hooks(); a != 2*active {
		t.Errorf("%d webhooks for two destinations, want %d", a, 2*active)
	}
}

// checkError looks at what every error of an adapter promises.
func (s Suite) checkError(t *testing.T, a shop.Adapter, err error) {
	t.Helper()
	var e *shop.Error
	if !errors.As(err, &e) || e.Shop != a.Code() || e.Op == "" {
		t.Errorf("error %#v does not name the shop and the operation", err)
	}
	for _, secret := range append(slices.Clone(s.Secrets), "jane@example.com") {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret or an e-mail address: %v", err)
		}
	}
}

// held is how long a call may take at most against a shop that answers at once. It is
// far above what adapters need, so that a slow computer does not fail them.
const held = 20 * time.Second

func (s Suite) badDays(t *testing.T) {
	patience := s.Patience
	if patience == nil {
		patience = func(h http.Header, d time.Duration) { h.Set("Retry-After", strconv.Itoa(int(d/time.Second))) }
	}
	header := http.Header{}
	patience(header, time.Hour)
	const words = `{"message":"jane@example.com did something"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		header http.Header
		kind   error
		temp   bool
		after  time.Duration
	}{
		{name: "Unauthorized", status: 401, body: words, kind: shop.ErrUnauthorized},
		{name: "Forbidden", status: 403, body: words, kind: shop.ErrUnauthorized},
		{name: "NotFound", status: 404, body: words, kind: shop.ErrNotFound},
		{name: "Invalid", status: 400, body: words, kind: shop.ErrInvalid},
		{name: "Unprocessable", status: 422, body: words, kind: shop.ErrInvalid},
		{name: "Conflict", status: 409, body: words, kind: shop.ErrConflict},
		{name: "RateLimited", status: 429, body: words, header: header, kind: shop.ErrRateLimited, temp: true, after: time.Hour},
		{name: "RateLimitedWithoutTime", status: 429, body: words, kind: shop.ErrRateLimited, temp: true},
		{name: "Down", status: 503, body: "<html>maintenance for jane@example.com</html>", kind: shop.ErrUnavailable, temp: true},
		{name: "DownForLong", status: 503, body: "", header: http.Header{"Retry-After": {"86400"}}, kind: shop.ErrUnavailable, temp: true, after: 24 * time.Hour},
		{name: "Gateway", status: 502, body: "", kind: shop.ErrUnavailable, temp: true},
		{name: "LoginPage", status: 200, body: "<html>please log in</html>", kind: shop.ErrMalformed},
		{name: "Redirect", status: 302, body: "", header: http.Header{"Location": {"/elsewhere"}}, kind: shop.ErrUnavailable, temp: true},
		{name: "Empty", status: 200, body: "", kind: shop.ErrMalformed},
		{name: "Truncated", status: 200, body: `[{"id": 1, "jane@example.com`, kind: shop.ErrMalformed},
		{name: "OtherShape", status: 200, body: `"jane@example.com"`, kind: shop.ErrMalformed},
		{name: "InvalidUTF8", status: 200, body: "\xff\xfe\x00", kind: shop.ErrMalformed},
		{name: "Huge", status: 200, body: `[{"id":"` + strings.Repeat("x", 32<<20) + `"}]`, kind: shop.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for k, v := range c.header {
					w.Header()[k] = v
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer srv.Close()
			a := s.Dial(t, srv.URL, srv.Client())
			call := map[string]func() error{
				"Order": func() error { _, err := a.Order(t.Context(), "1234567"); return err },
				"Orders": func() error {
					_, err := a.Orders(t.Context(), shop.Query{Email: "jane@example.com"})
					return err
				},
			}
			if w, ok := a.(shop.TrackingWriter); ok {
				call["WriteTracking"] = func() error {
					return w.WriteTracking(t.Context(), "1234567", "7", "https://shop.example/t/jane@example.com")
				}
			}
			for name, f := range call {
				start := time.Now()
				err := f()
				if d := time.Since(start); d > held {
					t.Errorf("%s held its caller for %v", name, d)
				}
				if !errors.Is(err, c.kind) {
					t.Errorf("%s error = %v, want %v", name, err, c.kind)
					continue
				}
				if got := shop.Temporary(err); got != c.temp {
					t.Errorf("%s: Temporary(%v) = %v, want %v", name, err, got, c.temp)
				}
				s.checkError(t, a, err)
				var e *shop.Error
				if errors.As(err, &e) && e.HTTPStatus != c.status {
					t.Errorf("%s: status %d in the error, want %d", name, e.HTTPStatus, c.status)
				}
				if e != nil && e.RetryAfter != c.after {
					t.Errorf("%s: RetryAfter = %v, want %v", name, e.RetryAfter, c.after)
				}
			}
		})
	}
	t.Run("Hangs", func(t *testing.T) {
		release := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}))
		defer srv.Close()
		defer close(release)
		a := s.Dial(t, srv.URL, srv.Client())
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := a.Order(ctx, "1234567")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Order error = %v, want %v", err, context.DeadlineExceeded)
		} else {
			s.checkError(t, a, err)
		}
		if d := time.Since(start); d > held {
			t.Errorf("Order went on for %v after its deadline", d)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		a := s.Dial(t, srv.URL, srv.Client())
		srv.Close()
		_, err := a.Order(t.Context(), "1234567")
		if !errors.Is(err, shop.ErrUnavailable) || !shop.Temporary(err) {
			t.Errorf("Order error = %v, want %v", err, shop.ErrUnavailable)
		} else {
			s.checkError(t, a, err)
		}
		if err != nil && strings.Contains(err.Error(), "1234567") {
			t.Errorf("the error tells what was asked for: %v", err)
		}
	})
}
