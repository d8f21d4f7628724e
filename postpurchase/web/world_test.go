package web_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

var (
	monday  = time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC) // nine in Berlin
	cologne = shipment.Place{City: "Köln", PostalCode: "50667", Country: "DE"}
	berlin  = shipment.Place{City: "Berlin", PostalCode: "10115", Country: "DE"}
	newYork = shipment.Place{City: "New York", Region: "NY", Country: "US"}
)

// world is a shop with an invented carrier, a clock that is moved by hand and its pages.
type world struct {
	t       testing.TB
	clock   *clock.Fake
	carrier *moody
	shop    *shoptest.Memory
	backend *failing
	svc     *postpurchase.Service
	pages   http.Handler
}

// moody is the fake carrier that can be down.
type moody struct {
	*fake.Adapter
	down bool
}

func (m *moody) Track(ctx context.Context, q []carriers.Query) ([]carriers.Result, error) {
	if m.down {
		return nil, &carriers.Error{Carrier: fake.Code, Op: "track", Kind: carriers.ErrUnavailable}
	}
	return m.Adapter.Track(ctx, q)
}

// failing is a backend that can be out of order.
type failing struct {
	postpurchase.Backend
	postpurchase.Drainer
	err error
}

func (f *failing) Update(ctx context.Context, shop string, fn func(postpurchase.Tx) error) error {
	if f.err != nil {
		return f.err
	}
	return f.Backend.Update(ctx, shop, fn)
}

func (f *failing) View(ctx context.Context, shop string, fn func(postpurchase.Reader) error) error {
	if f.err != nil {
		return f.err
	}
	return f.Backend.View(ctx, shop, fn)
}

func newWorld(t testing.TB, change ...func(*postpurchase.Config, *web.Options)) *world {
	t.Helper()
	memory := postpurchase.NewMemory()
	w := &world{t: t, clock: clock.NewFake(monday), shop: shoptest.NewMemory(), backend: &failing{Backend: memory, Drainer: memory}}
	w.shop.Now = w.clock.Now
	adapter, err := fake.New(fake.Config{Now: w.clock.Now, WebhookSecret: "a secret of the fake carrier"})
	if err != nil {
		t.Fatal(err)
	}
	w.carrier = &moody{Adapter: adapter}
	cfg := postpurchase.Config{
		Carriers: []carriers.Adapter{w.carrier}, Clock: w.clock, Zone: "Europe/Berlin", Backend: w.backend,
		Shop: w.shop, ShopEvery: -1, Pace: func(*postpurchase.Parcel, time.Time) time.Duration { return time.Hour },
		BaseURL: "https://linden.example/post", LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)},
	}
	opt := web.Options{
		ShopName: "Linden & Loom", ShopURL: "https://linden.example", SupportURL: "https://linden.example/help",
		SupportEmail: "help@linden.example", Clock: w.clock,
	}
	for _, c := range change {
		c(&cfg, &opt)
	}
	if w.svc, err = postpurchase.New(cfg); err != nil {
		t.Fatal(err)
	}
	if w.pages, err = web.New(w.svc, opt); err != nil {
		t.Fatal(err)
	}
	return w
}

// anOrder is an order of three things that was placed at the clock's time.
func (w *world) anOrder(id string, change ...func(*order.Order)) order.Order {
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	o := order.Order{
		ID: id, Number: "10" + id, PlacedAt: w.clock.Now(), UpdatedAt: w.clock.Now(), Payment: order.PaymentPaid,
		Locale: "en-GB", TimeZone: "Europe/Berlin",
		Customer: order.Customer{Name: "Ada Beispiel", Email: "ada@customer.example"},
		ShipTo:   order.Address{Name: "Ada Beispiel", Street1: "Musterstraße 12", City: "Berlin", PostalCode: "10115", Country: "DE"},
		Lines: []order.Line{
			{ID: "l1", Title: "Linen throw, undyed", Options: "140 × 200 cm", Quantity: 1, UnitPrice: eur(8900), Paid: eur(8900)},
			{ID: "l2", Title: "Oak candle holder", Quantity: 2, UnitPrice: eur(2400), Paid: eur(4800)},
			{ID: "l3", Title: "Beeswax candles, set of six", Options: "Honey", Quantity: 1, UnitPrice: eur(1900), Paid: eur(1900)},
		},
		Totals: order.Totals{Total: eur(15600)},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func (w *world) place(o order.Order) {
	w.t.Helper()
	if err := w.svc.PlaceOrder(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// ship puts lines of an order into a parcel that goes on a journey from now.
func (w *world) ship(orderID, number string, j fake.Journey, lines ...order.ParcelLine) {
	w.t.Helper()
	if err := w.carrier.Put(number, w.clock.Now(), j); err != nil {
		w.t.Fatal(err)
	}
	err := w.svc.Follow(w.t.Context(), orderID, order.Parcel{
		ID: "s" + number, Ref: shipment.Ref{Carrier: fake.Code, TrackingNumber: number}, ShippedAt: w.clock.Now(), Lines: lines,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time pass, hour by hour.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for d > 0 {
		step := min(d, time.Hour)
		w.clock.Advance(step)
		d -= step
		if err := w.svc.Settle(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) tell(u carriers.Update) {
	w.t.Helper()
	if err := w.svc.Ingest(w.t.Context(), fake.Code, u); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) do(r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	w.pages.ServeHTTP(rec, r)
	return rec.Result()
}

func (w *world) get(path string) *http.Response {
	return w.do(httptest.NewRequest(http.MethodGet, path, nil))
}

// read is the tracking page of an order.
func (w *world) read(orderID string) string {
	w.t.Helper()
	res := w.get("/t/" + w.svc.OrderToken(orderID))
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("the page of order %s answers %d", orderID, res.StatusCode)
	}
	return body(w.t, res)
}

func body(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lookup(number, email string) *http.Request {
	form := url.Values{"number": {number}, "email": {email}}
	r := httptest.NewRequest(http.MethodPost, "/track", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

const day = 24 * time.Hour

func lines(pairs ...any) (ls []order.ParcelLine) {
	for i := 0; i < len(pairs); i += 2 {
		ls = append(ls, order.ParcelLine{LineID: pairs[i].(string), Quantity: pairs[i+1].(int)})
	}
	return ls
}

// promised promises an order for a day of the week after monday.
func promised(days int) func(*order.Order) {
	return func(o *order.Order) {
		d := monday.AddDate(0, 0, days)
		to := shipment.Day(d.Year(), d.Month(), d.Day())
		o.Promise = shipment.Window{To: to}
	}
}

func german(o *order.Order) { o.Locale = "de-DE" }

// story is an order at one moment of its life.
type story struct {
	name string
	tell func(w *world)
	want []string // what the page says
	not  []string // and what it does not
}

// single tells of an order in one parcel.
func single(j fake.Journey, after time.Duration, change ...func(*order.Order)) func(*world) {
	return func(w *world) {
		w.place(w.anOrder("01", change...))
		w.ship("01", "FP4711001", j, lines("l1", 1, "l2", 2, "l3", 1)...)
		w.pass(after)
	}
}

var stories = []story{
	{"preparing", func(w *world) { w.place(w.anOrder("01", promised(3))) },
		[]string{"We are preparing your order", "Arrives by Thursday 19\u00a0November"}, []string{"Tracking number"}},
	{"cancelled-order", func(w *world) { w.place(w.anOrder("01", func(o *order.Order) { o.Cancelled = true })) },
		[]string{"This order was cancelled"}, []string{"step.", "Out for delivery"}},
	{"cancelled-with-label", single(fake.NoScan(cologne, berlin, 3), 2*time.Hour, func(o *order.Order) { o.Cancelled = true }),
		[]string{"<h1>This order was cancelled</h1>"}, nil},
	{"announced", single(fake.OnTime(cologne, berlin, 3), 2*time.Hour, promised(3)),
		[]string{"Packed and waiting for", "Arrives Thursday 19\u00a0November"}, nil},
	{"in-transit", single(fake.OnTime(cologne, berlin, 3), day, promised(4)),
		[]string{"On its way to you", "Estimated arrival", "Promised at purchase", "Left a sorting centre", "Köln, DE"}, []string{"later than"}},
	{"in-transit-german", single(fake.OnTime(cologne, berlin, 3), day, german),
		[]string{"Unterwegs zu Ihnen", "Kommt am Donnerstag, 19.\u00a0November", `lang="de-DE"`}, []string{"Your", "your", "says"}},
	{"delayed", single(fake.Late(cologne, berlin, 3), 3*day, promised(3)),
		[]string{"On its way, later than planned", "Now expected Saturday 21\u00a0November", "later than promised", "The weather is holding things up."}, nil},
	{"out-for-delivery", single(fake.OnTime(cologne, berlin, 3), 3*day, promised(3)),
		[]string{"Out for delivery", "Arrives today, 11:00–14:00"}, nil},
	{"attempt-failed", single(fake.FailedThenDelivered(cologne, berlin, 3), 3*day+5*time.Hour),
		[]string{"We missed you", "Now expected tomorrow", "will normally try again"}, nil},
	{"pickup", single(fake.Pickup(cologne, berlin, 3), 3*day+9*time.Hour),
		[]string{"Ready for you to collect", "Waits for you until", "Corner Shop", "1 Example Street", "Berlin, DE", "Mo-Sa 08:00-20:00", "Your turn"}, nil},
	{"pickup-german", single(fake.Pickup(cologne, berlin, 3), 3*day+9*time.Hour, german),
		[]string{"Liegt zur Abholung bereit", "Wartet auf Sie bis Donnerstag, 26.\u00a0November", "Abholen bis"}, nil},
	{"customs", single(fake.HeldByCustoms(newYork, berlin, 5), 4*day+7*time.Hour),
		[]string{"Held by customs", "Customs ask for papers or details.", "UTC−5", "Estimate before this happened"}, []string{"Arrives"}},
	{"delivered", single(fake.OnTime(cologne, berlin, 3), 3*day+4*time.Hour, promised(3)),
		[]string{"Delivered", "Today at 12:30"}, []string{"later than", "Last checked", "Example", "Front door", "Promised"}},
	{"delivered-late", single(fake.Late(cologne, berlin, 3), 5*day+6*time.Hour, promised(3)),
		[]string{"Delivered", "Promised at purchase", "By Thursday 19\u00a0November"}, nil},
	{"signed", single(fake.FailedThenDelivered(cologne, berlin, 3), 4*day+6*time.Hour),
		[]string{"Handed over and signed for"}, []string{"A. Example"}},
	{"lost", single(fake.Lost(cologne, berlin, 3), 14*day),
		[]string{"This parcel is lost", "replacement or your money back"}, []string{"Arrives", "Estimated"}},
	{"returning", single(fake.Returned(cologne, berlin, 3), 3*day+9*time.Hour),
		[]string{"On its way back to us", "The parcel was declined at the door."}, nil},
	{"returned", single(fake.Returned(cologne, berlin, 3), 7*day),
		[]string{"Back with us"}, nil},
	{"unclaimed", single(fake.Unclaimed(cologne, berlin, 3), 10*day+time.Hour),
		[]string{"not collected in time"}, nil},
	{"damaged", single(fake.Damaged(cologne, berlin, 3), 3*day),
		[]string{"Found damaged on the way", "Our turn"}, nil},
	{"voided", single(fake.Cancelled(cologne, berlin, 3), 2*day),
		[]string{"This shipment was cancelled"}, []string{"Arrives"}},
	{"stalled", single(fake.Stalled(cologne, berlin, 3), 6*day, promised(9)),
		[]string{"No news for a while", "Last checked", "Last news from"}, nil},
	{"no-scan", single(fake.NoScan(cologne, berlin, 3), 3*day, promised(9)),
		[]string{"Still waiting for the first scan"}, nil},
	{"overdue", single(fake.Stalled(cologne, berlin, 3), 3*day+20*time.Hour, promised(3)),
		[]string{"On its way, later than planned", "It was expected"}, []string{"Arrives"}},
	{"taken-back", single(fake.Retracted(cologne, berlin, 3), 3*day+6*time.Hour),
		[]string{"On its way, later than planned", "Now expected tomorrow", "took back an earlier entry"}, []string{"Handed over to you", "is on the delivery vehicle"}},
	{"came-back-to-depot", single(fake.OnTime(cologne, berlin, 3)[:7], 4*day),
		[]string{"On its way, later than planned", "It was expected yesterday", "On the delivery vehicle"}, []string{"is on the delivery vehicle"}},
	{"delivered-twice", single(fake.DeliveredTwice(cologne, berlin, 3), 5*day),
		[]string{"Thursday 19\u00a0November at 12:30"}, []string{"Friday 20"}},
	{"carrier-down", func(w *world) {
		single(fake.OnTime(cologne, berlin, 3), day)(w)
		w.carrier.down = true
		w.pass(day)
	}, []string{"has not answered since", "What you see may be old", "Last checked"}, nil},
	{"split", func(w *world) {
		w.place(w.anOrder("01", promised(4)))
		w.ship("01", "FP4711001", fake.OnTime(cologne, berlin, 2), lines("l1", 1)...)
		w.ship("01", "FP4711002", fake.OnTime(cologne, berlin, 3), lines("l2", 1)...)
		w.ship("01", "FP4711003", fake.OnTime(newYork, berlin, 5), lines("l2", 1)...)
		w.pass(3 * day)
	}, []string{"1 of 3 parcels delivered", "Next: arrives today", "Parcel 2 of 3", "Still to come", "In this parcel"}, nil},
	{"split-trouble", func(w *world) {
		w.place(w.anOrder("01", german))
		w.ship("01", "FP4711001", fake.OnTime(cologne, berlin, 2), lines("l1", 1)...)
		w.ship("01", "FP4711002", fake.Pickup(cologne, berlin, 2), lines("l2", 2, "l3", 1)...)
		w.pass(2*day + 9*time.Hour)
	}, []string{"Für eines Ihrer Pakete sind Sie gefragt", "Paket 2 von 2: Liegt zur Abholung bereit"}, []string{"Kommt noch"}},
	{"split-needs-you-first", func(w *world) {
		w.place(w.anOrder("01"))
		w.ship("01", "FP4711001", fake.Damaged(cologne, berlin, 2))
		w.ship("01", "FP4711002", fake.Pickup(cologne, berlin, 2))
		w.pass(2*day + 9*time.Hour)
	}, []string{"One of your parcels needs you", "Parcel 2 of 2: Ready for you to collect"}, nil},
	{"split-delivered", func(w *world) {
		w.place(w.anOrder("01"))
		w.ship("01", "FP4711001", fake.OnTime(cologne, berlin, 2))
		w.ship("01", "FP4711002", fake.OnTime(cologne, berlin, 3))
		w.pass(4 * day)
	}, []string{"Everything has arrived", "Parcel 2 of 2"}, nil},
	{"honest-times", func(w *world) {
		w.place(w.anOrder("01"))
		w.ship("01", "FP4711001", nil)
		at := func(s string) shipment.Time {
			t, err := shipment.ParseTime(s)
			if err != nil {
				w.t.Fatal(err)
			}
			return t
		}
		w.clock.Advance(20 * time.Hour)
		w.tell(carriers.Update{TrackingNumber: "FP4711001", Update: shipment.Update{Events: []shipment.Event{
			{Time: at("2026-11-15"), Status: shipment.PreTransit, Code: "a"},
			{Time: at("2026-11-16T10:00:00-08:00"), Status: shipment.InTransit, Code: "b", Place: shipment.Place{City: "Portland", Country: "US"}},
			{Time: at("2026-11-16T21:40"), Status: shipment.InTransit, Code: "c", Place: shipment.Place{City: "Reno", Country: "US"}},
			{Time: at("2026-11-17T04:10:00+01:00"), Status: shipment.InTransit, Code: "d", Place: berlin},
		}}})
	}, []string{
		`datetime="2026-11-15"`, "time not known", `<time datetime="2026-11-16T10:00:00-08:00">10:00 <small>UTC−8</small>`,
		`<time datetime="2026-11-16T21:40">21:40</time>`, `<time datetime="2026-11-17T04:10:00&#43;01:00">04:10</time>`,
	}, nil},
}
