package postpurchase_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var (
	monday  = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) // nine in Berlin
	cologne = shipment.Place{City: "Köln", Country: "DE"}
	berlin  = shipment.Place{City: "Berlin", Country: "DE"}
)

// shopWorld is a shop with an invented carrier, a clock that is moved by hand and a
// sender that remembers.
type shopWorld struct {
	t       *testing.T
	clock   *clock.Fake
	carrier *fake.Adapter
	sender  *outgoing
	svc     *postpurchase.Service

	mu     sync.Mutex
	alarms []postpurchase.AlarmKind
}

// outgoing is a sender that remembers, and fails as it is told.
type outgoing struct {
	mu   sync.Mutex
	sent []notify.Message
	fail []error
}

func (o *outgoing) Channel() notify.Channel { return notify.Email }

func (o *outgoing) Send(_ context.Context, m notify.Message) (notify.Receipt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.fail) > 0 {
		err := o.fail[0]
		o.fail = o.fail[1:]
		if err != nil {
			return notify.Receipt{}, err
		}
	}
	o.sent = append(o.sent, m)
	return notify.Receipt{ProviderID: "r1"}, nil
}

func (o *outgoing) kinds() []notify.Kind {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ks []notify.Kind
	for _, m := range o.sent {
		ks = append(ks, m.Kind)
	}
	return ks
}

func newShop(t *testing.T, change ...func(*postpurchase.Config)) *shopWorld {
	t.Helper()
	w := &shopWorld{t: t, clock: clock.NewFake(monday), sender: &outgoing{}}
	var err error
	if w.carrier, err = fake.New(fake.Config{Now: w.clock.Now, WebhookSecret: "a secret of the fake carrier"}); err != nil {
		t.Fatal(err)
	}
	cfg := postpurchase.Config{
		Carriers: []carriers.Adapter{w.carrier}, Sender: w.sender, Clock: w.clock, Zone: "Europe/Berlin",
		Brand: notify.Shop{Name: "Teehaus", URL: "https://teehaus.example"}, BaseURL: "https://teehaus.example/post",
		LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)},
		OnAlarm: func(_ context.Context, a postpurchase.Alarm) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.alarms = append(w.alarms, a.Kind)
			return nil
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	if w.svc, err = postpurchase.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// place places an order with one line for each of numbers, and ships each in a parcel.
func (w *shopWorld) place(id string, numbers ...string) {
	w.t.Helper()
	o := anOrder(id, len(numbers))
	for i, n := range numbers {
		o.Parcels = append(o.Parcels, order.Parcel{
			ID: "s" + n, Ref: shipment.Ref{Carrier: "fake", TrackingNumber: n}, ShippedAt: w.clock.Now(),
			Lines: []order.ParcelLine{{LineID: o.Lines[i].ID, Quantity: 1}},
		})
	}
	o.PlacedAt, o.UpdatedAt = w.clock.Now(), w.clock.Now()
	if err := w.svc.PlaceOrder(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func anOrder(id string, lines int) order.Order {
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	o := order.Order{
		ID: id, Number: "10" + id, PlacedAt: monday, UpdatedAt: monday, Payment: order.PaymentPaid,
		Locale: "en", TimeZone: "Europe/Berlin",
		Customer: order.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
		ShipTo:   order.Address{City: "Berlin", PostalCode: "10115", Country: "DE"},
		Totals:   order.Totals{Items: eur(2000), Total: eur(2000)},
	}
	for i := range max(1, lines) {
		o.Lines = append(o.Lines, order.Line{ID: string(rune('a' + i)), Title: "Tea pot", Quantity: 1, UnitPrice: eur(2000), Paid: eur(2000)})
	}
	return o
}

// live lets time pass in steps of a quarter of an hour, and does what is due in each.
func (w *shopWorld) live(d time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		w.clock.Advance(15 * time.Minute)
		if err := w.svc.Settle(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *shopWorld) status(number string) shipment.Status {
	w.t.Helper()
	p, err := w.svc.Parcel(w.t.Context(), shipment.Ref{Carrier: "fake", TrackingNumber: number})
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Shipment.Status
}

func (w *shopWorld) put(number string, j fake.Journey) {
	w.t.Helper()
	if err := w.carrier.Put(number, w.clock.Now(), j); err != nil {
		w.t.Fatal(err)
	}
}

func TestThirtyDays(t *testing.T) {
	for _, tc := range []struct {
		name    string
		journey fake.Journey
		promise shipment.Window
		status  shipment.Status
		mails   []notify.Kind
		alarms  []postpurchase.AlarmKind
	}{
		{
			"on time", fake.OnTime(cologne, berlin, 2), shipment.Window{}, shipment.Delivered,
			[]notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.OutForDelivery, notify.Delivered}, nil,
		},
		{
			"late", fake.Late(cologne, berlin, 2), shipment.Window{To: shipment.Day(2026, 3, 4)}, shipment.Delivered,
			[]notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.Delayed, notify.OutForDelivery, notify.Delivered},
			[]postpurchase.AlarmKind{postpurchase.AlarmAtRisk, postpurchase.AlarmLate},
		},
		{
			"lost", fake.Lost(cologne, berlin, 2), shipment.Window{To: shipment.Day(2026, 3, 4)}, shipment.Failed,
			[]notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.Delayed, notify.Exception},
			[]postpurchase.AlarmKind{postpurchase.AlarmLate, postpurchase.AlarmStalled},
		},
		{
			"returned", fake.Returned(cologne, berlin, 2), shipment.Window{}, shipment.Returned,
			nil, nil,
		},
		{
			"never handed over", fake.NoScan(cologne, berlin, 2), shipment.Window{}, shipment.PreTransit,
			[]notify.Kind{notify.OrderConfirmed},
			[]postpurchase.AlarmKind{postpurchase.AlarmNoScan, postpurchase.AlarmLate},
		},
		{
			"out of order", fake.OutOfOrder(cologne, berlin, 2), shipment.Window{}, shipment.Delivered,
			nil, nil,
		},
		{
			"second attempt", fake.FailedThenDelivered(cologne, berlin, 2), shipment.Window{}, shipment.Delivered,
			[]notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.OutForDelivery, notify.Exception, notify.OutForDelivery, notify.Delivered}, nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newShop(t, func(c *postpurchase.Config) {
				c.Complete = func(o *order.Order) { o.Promise = tc.promise }
			})
			w.put("T1", tc.journey)
			w.place("1", "T1")
			w.live(30 * 24 * time.Hour)
			if got := w.status("T1"); got != tc.status {
				t.Errorf("status = %s, want %s", got, tc.status)
			}
			got := w.sender.kinds()
			if tc.mails != nil {
				if d := cmp.Diff(tc.mails, got); d != "" {
					t.Errorf("messages (-want +got):\n%s", d)
				}
			}
			for _, k := range []notify.Kind{notify.Delivered, notify.OrderConfirmed, notify.Shipped} {
				if n := len(slices.DeleteFunc(slices.Clone(got), func(g notify.Kind) bool { return g != k })); n > 1 {
					t.Errorf("%d messages of kind %s", n, k)
				}
			}
			if tc.alarms != nil {
				if d := cmp.Diff(tc.alarms, w.alarms); d != "" {
					t.Errorf("alarms (-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestSplitOrder(t *testing.T) {
	w := newShop(t)
	w.put("T1", fake.OnTime(cologne, berlin, 1))
	w.put("T2", fake.OnTime(cologne, berlin, 1))
	w.place("1", "T1", "T2")
	w.live(3 * 24 * time.Hour)
	// Both were scanned by the same van within minutes: one message tells of both.
	want := []notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.OutForDelivery, notify.Delivered}
	if d := cmp.Diff(want, w.sender.kinds()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Parcels) != 2 || v.Progress.Status != order.ProgressDelivered {
		t.Errorf("%d parcels, progress %v", len(v.Parcels), v.Progress)
	}
}

func TestPushBeatsPoll(t *testing.T) {
	w := newShop(t)
	w.put("T1", fake.OnTime(cologne, berlin, 2))
	w.place("1", "T1")
	w.live(24 * time.Hour)
	w.clock.Advance(28*time.Hour + 35*time.Minute) // somebody rings at the door; nobody has polled since
	header, body, err := w.carrier.SignedPush("T1")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // carriers push twice, and so do their retries
		if err := w.svc.ReceiveWebhook(t.Context(), "fake", header, body); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.status("T1"); got != shipment.Delivered {
		t.Fatalf("status after the push = %s", got)
	}
	w.live(time.Hour)
	if got := w.sender.kinds(); got[len(got)-1] != notify.Delivered {
		t.Errorf("messages = %v", got)
	}
}

// picky is a backend that keeps nothing of one parcel.
type picky struct {
	postpurchase.Backend
	number string
}

var errPicky = errors.New("not this one")

func (p *picky) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	return p.Backend.Update(ctx, shop, func(tx postpurchase.Tx) error { return fn(pickyTx{tx, p.number}) })
}

type pickyTx struct {
	postpurchase.Tx
	number string
}

func (p pickyTx) PutParcel(v *postpurchase.Parcel) error {
	if v.Shipment.Ref.TrackingNumber == p.number && v.Shipment.Status == shipment.Delivered {
		return errPicky
	}
	return p.Tx.PutParcel(v)
}

// TestIngestMany brings news of many parcels at once: one that cannot be kept does not
// keep back the others, and the news of one parcel is taken in its order.
func TestIngestMany(t *testing.T) {
	w := newShop(t, func(c *postpurchase.Config) { c.Backend = &picky{Backend: postpurchase.NewMemory(), number: "T3"} })
	var news []carriers.Update
	var numbers []string
	const parcels = 600
	for i := range parcels {
		n := fmt.Sprint("T", i)
		numbers = append(numbers, n)
		w.place(fmt.Sprint(i), n)
		for day, s := range []shipment.Status{shipment.InTransit, shipment.Delivered} {
			news = append(news, carriers.Update{TrackingNumber: n, Update: shipment.Update{Events: []shipment.Event{{
				Time: shipment.At(monday.AddDate(0, 0, day)), Class: shipment.ClassStatus, Status: s, Code: string(s),
			}}}})
		}
	}
	err := w.svc.Ingest(t.Context(), "fake", news...)
	if !errors.Is(err, errPicky) || strings.Count(err.Error(), errPicky.Error()) != 1 {
		t.Errorf("Ingest = %v, want %v once", err, errPicky)
	}
	for i, n := range numbers {
		want := shipment.Delivered
		if i == 3 {
			want = shipment.Pending // what is one parcel's is kept together or not at all
		}
		if got := w.status(n); got != want {
			t.Errorf("status of %s = %s, want %s", n, got, want)
		}
	}
}

func TestWebhookErrors(t *testing.T) {
	w := newShop(t)
	w.put("T1", fake.OnTime(cologne, berlin, 1))
	w.place("1", "T1")
	header, body, err := w.carrier.SignedPush("T1")
	if err != nil {
		t.Fatal(err)
	}
	tampered := append(bytes.Clone(body), ' ')
	if err := w.svc.ReceiveWebhook(t.Context(), "fake", header, tampered); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("tampered: %v", err)
	}
	if err := w.svc.ReceiveWebhook(t.Context(), "fake", nil, body); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("unsigned: %v", err)
	}
	w.clock.Advance(time.Hour)
	if err := w.svc.ReceiveWebhook(t.Context(), "fake", header, body); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("stale: %v", err)
	}
	if err := w.svc.ReceiveWebhook(t.Context(), "nobody", header, body); !errors.Is(err, carriers.ErrUnsupported) {
		t.Errorf("unknown carrier: %v", err)
	}
	items, err := w.svc.Inbox(t.Context(), 10)
	if err != nil || len(items) != 0 {
		t.Errorf("inbox = %v, %v; want nothing stored", items, err)
	}
	if got := w.status("T1"); got != shipment.Pending {
		t.Errorf("status = %s, want pending", got)
	}
}

func TestCarrierDown(t *testing.T) {
	w := newShop(t)
	w.place("1", "FAKE-DOWN")
	w.live(6 * time.Hour)
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	p := v.Parcels[0]
	if p.Failures < 3 || p.Trouble != carriers.ErrUnavailable.Error() || !p.StaleSince.Equal(monday) {
		t.Errorf("failures %d, trouble %q, stale since %v", p.Failures, p.Trouble, p.StaleSince)
	}
	if p.Failures > 20 {
		t.Errorf("asked %d times within six hours", p.Failures)
	}
}

func TestSending(t *testing.T) {
	fail := func(kind error) error { return &notify.SendError{Sender: "test", Kind: kind} }
	for _, tc := range []struct {
		name  string
		fail  []error
		sent  int
		state notify.State
	}{
		{"at once", nil, 1, notify.StateSent},
		{"after two tries", []error{fail(notify.ErrTransient), fail(notify.ErrThrottled)}, 1, notify.StateSent},
		{"rejected", []error{fail(notify.ErrRejected)}, 0, notify.StateFailed},
		{"perhaps", []error{fail(notify.ErrUnknown)}, 0, notify.StateUnknown},
		{"an error that says nothing", []error{errors.New("?")}, 0, notify.StateUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newShop(t)
			w.sender.fail = tc.fail
			w.place("1")
			w.live(12 * time.Hour)
			v, err := w.svc.Order(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Messages) != 1 || v.Messages[0].State != tc.state || len(w.sender.sent) != tc.sent {
				t.Fatalf("%d messages sent, kept %+v", len(w.sender.sent), v.Messages[0])
			}
			if tc.state != notify.StateSent {
				if err := w.svc.Resend(t.Context(), v.Messages[0].Key); err != nil {
					t.Fatal(err)
				}
				w.live(time.Hour)
				if len(w.sender.sent) != 1 {
					t.Errorf("sent again: %d messages", len(w.sender.sent))
				}
			}
		})
	}
}

func TestLinks(t *testing.T) {
	w, other := newShop(t), newShop(t, func(c *postpurchase.Config) { c.ShopID = "other" })
	token := w.svc.OrderToken("1001")
	if id, err := w.svc.OpenToken(token); id != "1001" || err != nil {
		t.Errorf("OpenToken = %q, %v", id, err)
	}
	for i := range token {
		b := []byte(token)
		b[i] ^= 1
		if id, err := w.svc.OpenToken(string(b)); err == nil && id != "1001" {
			t.Errorf("a token with character %d changed opens %q", i, id)
		}
	}
	if _, err := other.svc.OpenToken(token); !errors.Is(err, postpurchase.ErrLink) {
		t.Errorf("another shop opens it: %v", err)
	}
	w.clock.Advance(401 * 24 * time.Hour)
	if _, err := w.svc.OpenToken(token); !errors.Is(err, postpurchase.ErrLink) {
		t.Errorf("it is good for ever: %v", err)
	}
}

func TestFindOrder(t *testing.T) {
	w := newShop(t)
	w.place("1")
	if v, err := w.svc.FindOrder(t.Context(), " #101 ", "ADA@example.com "); err != nil || v.Order.ID != "1" {
		t.Errorf("FindOrder = %v, %v", v, err)
	}
	_, wrongMail := w.svc.FindOrder(t.Context(), "101", "eve@example.com")
	_, noOrder := w.svc.FindOrder(t.Context(), "999", "ada@example.com")
	if wrongMail != noOrder || !errors.Is(noOrder, postpurchase.ErrNotFound) {
		t.Errorf("the answers differ: %v and %v", wrongMail, noOrder)
	}
}

// pieces is a carrier that knows a consignment of two parcels under one number.
type pieces struct{ answer []carriers.Update }

func (pieces) Code() string            { return "pieces" }
func (pieces) Limits() carriers.Limits { return carriers.Limits{Batch: 10} }
func (p *pieces) Track(_ context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	results := make([]carriers.Result, len(queries))
	for i, q := range queries {
		for _, u := range p.answer {
			if u.TrackingNumber == q.Number {
				results[i].Updates = append([]carriers.Update{u}, results[i].Updates...)
			} else {
				results[i].Updates = append(results[i].Updates, u)
			}
		}
	}
	return results, nil
}

func TestOrderHasNotArrivedBeforeAllPieces(t *testing.T) {
	at := func(number string, child string, s shipment.Status) carriers.Update {
		u := carriers.Update{TrackingNumber: number}
		u.PieceCount = 2
		u.Events = []shipment.Event{{Time: shipment.At(monday.Add(-time.Hour)), Status: s, Code: string(s)}}
		if child != "" {
			u.Related = []shipment.Related{{TrackingNumber: child, Relation: shipment.RelatedChild}}
		}
		return u
	}
	carrier := &pieces{answer: []carriers.Update{at("LEAD", "SECOND", shipment.Delivered), at("SECOND", "", shipment.InTransit)}}
	w := newShop(t, func(c *postpurchase.Config) { c.Carriers = []carriers.Adapter{carrier} })
	o := anOrder("1", 1)
	o.Parcels = []order.Parcel{{ID: "s1", Ref: shipment.Ref{Carrier: "pieces", TrackingNumber: "LEAD"}, Lines: []order.ParcelLine{{LineID: "a", Quantity: 1}}}}
	if err := w.svc.PlaceOrder(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	w.live(time.Hour)
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Parcels) != 2 || v.Progress.Status != order.ProgressPartlyDelivered {
		t.Fatalf("%d parcels, progress %s", len(v.Parcels), v.Progress.Status)
	}
	carrier.answer[1] = at("SECOND", "", shipment.Delivered)
	w.live(24 * time.Hour)
	if v, err = w.svc.Order(t.Context(), "1"); err != nil || v.Progress.Status != order.ProgressDelivered {
		t.Errorf("progress %s, %v", v.Progress.Status, err)
	}
}

// limited is a carrier that counts requests, and allows few.
type limited struct {
	pieces
	now   func() time.Time
	asked []time.Time
}

func (l *limited) Limits() carriers.Limits {
	return carriers.Limits{PerDay: 50, Spacing: time.Minute}
}

func (l *limited) Track(_ context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	l.asked = append(l.asked, l.now())
	return []carriers.Result{{Err: &carriers.Error{Carrier: "pieces", Op: "track", Kind: carriers.ErrNotFound}}}, nil
}

func TestCarrierLimitsAreKept(t *testing.T) {
	carrier, backend := &limited{}, postpurchase.NewMemory()
	config := func(c *postpurchase.Config) {
		carrier.now = c.Clock.Now
		c.Carriers, c.Backend = []carriers.Adapter{carrier}, backend
	}
	w := newShop(t, config)
	for i := range 40 {
		o := anOrder(string(rune('A'+i)), 1)
		o.Parcels = []order.Parcel{{ID: "s", Ref: shipment.Ref{Carrier: "pieces", TrackingNumber: "N" + string(rune('A'+i%26)) + string(rune('A'+i/26))}}}
		if err := w.svc.PlaceOrder(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	w.live(12 * time.Hour)
	// A program that is started again has not forgotten what it asked.
	again := newShop(t, config)
	again.clock.Set(w.clock.Now())
	carrier.now = again.clock.Now
	again.live(36 * time.Hour)

	seen := map[string]bool{}
	for i, at := range carrier.asked {
		if i > 0 && at.Sub(carrier.asked[i-1]) < time.Minute {
			t.Errorf("asked %v after the request before", at.Sub(carrier.asked[i-1]))
		}
		n := 0
		for _, other := range carrier.asked[i:] {
			if other.Sub(at) < 24*time.Hour {
				n++
			}
		}
		if n > 50 && !seen["day"] {
			seen["day"] = true
			t.Errorf("asked %d times within a day", n)
		}
	}
	if len(carrier.asked) < 60 {
		t.Errorf("asked only %d times in two days; 50 a day are allowed", len(carrier.asked))
	}
}

func TestNumberWasUsedBefore(t *testing.T) {
	w := newShop(t)
	// The carrier's history holds the parcel of somebody else, a year ago.
	now := fake.OnTime(cologne, berlin, 2)
	w.put("T1", append(shift(now, -400*24*time.Hour), now...))
	w.place("1", "T1")
	w.live(5 * 24 * time.Hour)
	want := []notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.OutForDelivery, notify.Delivered}
	if d := cmp.Diff(want, w.sender.kinds()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}

	// Fifteen months later another order gets the number.
	w.clock.Advance(450 * 24 * time.Hour)
	w.put("T1", append(shift(now, -455*24*time.Hour), fake.OnTime(cologne, berlin, 2)...))
	w.place("2", "T1")
	w.live(5 * 24 * time.Hour)
	v, err := w.svc.Order(t.Context(), "2")
	if err != nil || len(v.Parcels) != 1 || v.Parcels[0].Shipment.Ref.Epoch != 1 || v.Parcels[0].Shipment.Status != shipment.Delivered {
		t.Fatalf("the second order's parcel: %+v, %v", v.Parcels[0].Shipment.Ref, err)
	}
	if got := len(w.sender.kinds()); got != 8 {
		t.Errorf("%d messages for two orders, want 8: %v", got, w.sender.kinds())
	}
	if first, err := w.svc.Order(t.Context(), "1"); err != nil || first.Parcels[0].Shipment.Ref.Epoch != 0 || !first.Parcels[0].Shipment.DeliveredAt.Before(v.Parcels[0].Shipment.DeliveredAt) {
		t.Errorf("the first order's parcel heard of the second: %v", err)
	}
}

func shift(j fake.Journey, by time.Duration) fake.Journey {
	out := slices.Clone(j)
	for i := range out {
		out[i].After += by
	}
	return out
}
