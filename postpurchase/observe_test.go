package postpurchase_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
)

// witness is an observer that remembers.
type witness struct {
	mu     sync.Mutex
	begun  map[postpurchase.Operation]int
	ended  map[postpurchase.Operation]int
	errs   map[postpurchase.Operation][]error
	inside map[string]bool // "poll in job"
	attrs  map[postpurchase.Attributes]bool
	counts map[string]int // "messages fake delivered sent"
}

type operationKey struct{}

func (w *witness) Begin(ctx context.Context, op postpurchase.Operation, a postpurchase.Attributes) (context.Context, func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun == nil {
		w.begun, w.ended, w.errs = map[postpurchase.Operation]int{}, map[postpurchase.Operation]int{}, map[postpurchase.Operation][]error{}
		w.inside = map[string]bool{}
	}
	w.begun[op]++
	w.saw(a)
	if outer, ok := ctx.Value(operationKey{}).(postpurchase.Operation); ok {
		w.inside[string(op)+" in "+string(outer)] = true
	}
	return context.WithValue(ctx, operationKey{}, op), func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended[op]++
		if err != nil {
			w.errs[op] = append(w.errs[op], err)
		}
	}
}

func (w *witness) Count(_ context.Context, c postpurchase.Counter, n int, a postpurchase.Attributes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saw(a)
	if w.counts == nil {
		w.counts = map[string]int{}
	}
	w.counts[strings.Join(strings.Fields(string(c)+" "+a.Carrier+" "+a.Kind+" "+a.Outcome), " ")] += n
}

func (w *witness) saw(a postpurchase.Attributes) {
	if w.attrs == nil {
		w.attrs = map[postpurchase.Attributes]bool{}
	}
	w.attrs[a] = true
}

// failed says whether all errors of an operation are of a kind, and there are any.
func (w *witness) failed(op postpurchase.Operation, kind error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.errs[op]) > 0 && !slices.ContainsFunc(w.errs[op], func(err error) bool { return !errors.Is(err, kind) })
}

func observedBy(o postpurchase.Observer) func(*postpurchase.Config) {
	return func(c *postpurchase.Config) { c.Observer = o }
}

func TestObserver(t *testing.T) {
	var o witness
	w := newShop(t, observedBy(&o), func(c *postpurchase.Config) {
		c.ShopID = "teehaus"
		c.Complete = func(o *order.Order) { o.Promise = shipment.Window{To: shipment.Day(2026, 3, 4)} }
	})
	w.put("TRACKME", fake.Late(cologne, berlin, 2))
	w.place("ORDER77", "TRACKME")
	w.live(10 * 24 * time.Hour)

	want := map[string]bool{"poll in job": true, "send in job": true, "subscribe in job": true}
	if d := cmp.Diff(want, o.inside); d != "" {
		t.Errorf("operations within others (-want +got):\n%s", d)
	}
	if d := cmp.Diff(o.begun, o.ended); d != "" {
		t.Errorf("operations that began and that ended (-begun +ended):\n%s", d)
	}
	if o.begun[postpurchase.OpSweep] == 0 {
		t.Error("no sweep was seen")
	}
	if len(o.errs) > 0 {
		t.Errorf("errors: %v", o.errs)
	}
	counts := map[string]int{}
	for _, k := range w.sender.kinds() {
		counts["messages "+string(k)+" sent"]++
	}
	for _, k := range w.alarms {
		counts["alarms fake "+string(k)]++
	}
	p, err := w.svc.Parcel(t.Context(), shipment.Ref{Carrier: "fake", TrackingNumber: "TRACKME"})
	if err != nil || len(counts) < 6 || len(p.Shipment.Events) == 0 {
		t.Fatalf("the story is too short to show anything: %v, %v", counts, err)
	}
	got := maps.Clone(o.counts)
	if n := got["events fake"]; n < len(p.Shipment.Events) {
		t.Errorf("%d events heard, and %d kept", n, len(p.Shipment.Events))
	}
	if n := got["changes fake"]; n == 0 || n > got["events fake"]*3 {
		t.Errorf("%d changes", n)
	}
	delete(got, "events fake")
	delete(got, "changes fake")
	if d := cmp.Diff(counts, got); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	for a := range o.attrs {
		if a.Shop != "teehaus" || a.Carrier != "" && a.Carrier != "fake" {
			t.Errorf("attributes %+v", a)
		}
		for _, secret := range []string{"TRACKME", "ORDER77", "ada", "Ada"} {
			if strings.Contains(fmt.Sprint(a), secret) {
				t.Errorf("attributes %+v hold %q", a, secret)
			}
		}
	}
}

func TestObserverHearsOfTrouble(t *testing.T) {
	t.Run("Carrier", func(t *testing.T) {
		var o witness
		broken := &unavailable{}
		w := newShop(t, observedBy(&o), func(c *postpurchase.Config) {
			broken.Adapter = c.Carriers[0]
			c.Carriers[0] = broken
		})
		w.place("1", "T1")
		w.live(time.Hour)
		if !o.failed(postpurchase.OpPoll, carriers.ErrUnavailable) || len(o.errs[postpurchase.OpJob]) > 0 {
			t.Errorf("of a carrier that is down: %v", o.errs)
		}
	})
	t.Run("Shop", func(t *testing.T) {
		var o witness
		f := &flaky{}
		w := newShop(t, observedBy(&o), withShop(f, 10*time.Minute))
		w.live(time.Hour)
		if o.begun[postpurchase.OpSync] == 0 || len(o.errs) > 0 {
			t.Errorf("of a shop that is up: %v, %v", o.begun, o.errs)
		}
		f.down = true
		w.live(time.Hour)
		if !o.failed(postpurchase.OpSync, shop.ErrUnavailable) || len(o.errs[postpurchase.OpJob]) > 0 {
			t.Errorf("of a shop that is down: %v", o.errs)
		}
	})
	t.Run("Sender", func(t *testing.T) {
		var o witness
		w := newShop(t, observedBy(&o))
		w.sender.fail = []error{notify.ErrThrottled, notify.ErrRejected}
		w.place("1")
		w.live(3 * time.Hour)
		want := map[string]int{"messages order_confirmed pending": 1, "messages order_confirmed failed": 1}
		if d := cmp.Diff(want, o.counts); d != "" {
			t.Errorf("counts (-want +got):\n%s", d)
		}
		if errs := o.errs[postpurchase.OpSend]; len(errs) != 2 || !errors.Is(errs[0], notify.ErrThrottled) || !errors.Is(errs[1], notify.ErrRejected) {
			t.Errorf("errors of send: %v", errs)
		}
	})
	t.Run("Panic", func(t *testing.T) {
		var o witness
		w := newShop(t, observedBy(&o), func(c *postpurchase.Config) { c.Sender = exploding{} })
		w.place("1")
		w.clock.Advance(time.Hour)
		if err := w.svc.Settle(t.Context()); err == nil {
			t.Error("Settle has no error of a job that panicked")
		}
		if len(o.errs[postpurchase.OpSend]) != 1 || len(o.errs[postpurchase.OpJob]) != 1 || o.begun[postpurchase.OpSend] != o.ended[postpurchase.OpSend] {
			t.Errorf("of a sender that panics: %v, begun %v, ended %v", o.errs, o.begun, o.ended)
		}
	})
	t.Run("Webhook", func(t *testing.T) {
		var o witness
		w := newShop(t, observedBy(&o))
		for _, carrier := range []string{"fake", "the stranger's word"} {
			if err := w.svc.ReceiveWebhook(t.Context(), carrier, http.Header{}, []byte("{}")); err == nil {
				t.Errorf("a webhook of nobody to %q has no error", carrier)
			}
		}
		if n := len(o.errs[postpurchase.OpWebhook]); n != 2 {
			t.Errorf("%d errors of webhooks, want 2", n)
		}
		want := map[postpurchase.Attributes]bool{{Shop: "default", Carrier: "fake"}: true, {Shop: "default"}: true}
		if d := cmp.Diff(want, o.attrs); d != "" {
			t.Errorf("attributes (-want +got):\n%s", d)
		}
	})
}

type unavailable struct{ carriers.Adapter }

func (u *unavailable) Track(context.Context, []carriers.Query) ([]carriers.Result, error) {
	return nil, &carriers.Error{Carrier: "fake", Op: "track", Kind: carriers.ErrUnavailable}
}

type exploding struct{}

func (exploding) Channel() notify.Channel { return notify.Email }
func (exploding) Send(context.Context, notify.Message) (notify.Receipt, error) {
	panic("the sender is broken")
}

// hesitant is a backend that runs each transaction twice and keeps the second, and that
// can fail to keep it. It is neither a Drainer nor a Queue.
type hesitant struct {
	postpurchase.Backend
	err error
}

var errHesitant = errors.New("not yet")

func (h *hesitant) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	_ = h.Backend.Update(ctx, shop, func(tx postpurchase.Tx) error { return errors.Join(fn(tx), errHesitant) })
	if h.err != nil {
		return h.err
	}
	return h.Backend.Update(ctx, shop, fn)
}

func TestObserverCountsWhatIsKept(t *testing.T) {
	var o witness
	h := &hesitant{Backend: postpurchase.NewMemory()}
	w := newShop(t, observedBy(&o), func(c *postpurchase.Config) { c.Backend = h })
	w.place("1", "T1")
	scan := func(number, code string, s shipment.Status) carriers.Update {
		return carriers.Update{TrackingNumber: number, Update: shipment.Update{Events: []shipment.Event{{
			Time: shipment.At(monday), Status: s, Code: code, Kind: "scan",
		}}}}
	}
	news := []carriers.Update{scan("T1", "MOVES", shipment.InTransit), scan("T1", "NEVER SEEN", ""), scan("T2", "MOVES", shipment.InTransit)}
	h.err = errHesitant
	if err := w.svc.Ingest(t.Context(), "fake", news...); !errors.Is(err, errHesitant) {
		t.Fatalf("Ingest = %v", err)
	}
	if len(o.counts) > 0 || !o.failed(postpurchase.OpIngest, errHesitant) {
		t.Errorf("of news that was not kept: %v, %v", o.counts, o.errs)
	}
	h.err = nil
	if err := w.svc.Ingest(t.Context(), "fake", news...); err != nil {
		t.Fatal(err)
	}
	changes := o.counts["changes fake"]
	want := map[string]int{"events fake": 2, "changes fake": changes, "strangers fake": 1, "unmapped fake": 1}
	if d := cmp.Diff(want, o.counts); d != "" || changes == 0 {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"fake scan NEVER SEEN": 1}, w.svc.Stats().Unmapped); d != "" {
		t.Errorf("unmapped codes (-want +got):\n%s", d)
	}
	// The same again is heard and changes nothing.
	if err := w.svc.Ingest(t.Context(), "fake", news...); err != nil {
		t.Fatal(err)
	}
	if o.counts["events fake"] != 4 || o.counts["changes fake"] != changes {
		t.Errorf("after the same again: %v", o.counts)
	}
}

func TestBacklog(t *testing.T) {
	f := &flaky{}
	w := newShop(t, withShop(f, -1))
	want := func(when string, b postpurchase.Backlog) {
		t.Helper()
		b.Shop = "default"
		got, err := w.svc.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	want("at first", postpurchase.Backlog{})
	w.put("T1", fake.OnTime(cologne, berlin, 1))
	w.place("1", "T1")
	want("of what is due now", postpurchase.Backlog{OldestDue: monday, Jobs: 1}) // the job is to tell the shop the link
	w.clock.Advance(90 * time.Minute)
	want("after an hour and a half", postpurchase.Backlog{OldestDue: monday, Lag: 90 * time.Minute, Jobs: 1})
	header, body := f.Sign(shop.Event{Kind: shop.KindOrderChanged, ID: "e1", OrderID: "1"})
	if err := w.svc.ReceiveShopWebhook(t.Context(), header, body); err != nil {
		t.Fatal(err)
	}
	want("after a push", postpurchase.Backlog{OldestDue: monday, Lag: 90 * time.Minute, Jobs: 2})
	if err := w.svc.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("when all is done", postpurchase.Backlog{})

	w = newShop(t, func(c *postpurchase.Config) { c.Backend = &hesitant{Backend: postpurchase.NewMemory()} })
	want("of a backend that cannot tell", postpurchase.Backlog{Jobs: -1})
}

// ailing is a backend that can be out of reach, or take no more.
type ailing struct {
	postpurchase.Backend
	full, gone atomic.Bool
}

var errBroken = errors.New("no connection")

func (a *ailing) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	if a.full.Load() {
		return errors.New("no room")
	}
	return a.Backend.Update(ctx, shop, fn)
}

func (a *ailing) View(ctx context.Context, shop string, fn func(r postpurchase.Reader) error) error {
	if a.gone.Load() {
		return errBroken
	}
	return a.Backend.View(ctx, shop, fn)
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &ailing{Backend: postpurchase.NewMemory()}
		w := newShop(t, func(c *postpurchase.Config) {
			c.Backend, c.Clock = b, clock.System
			c.Shop, c.ShopEvery = shoptest.NewMemory(), time.Minute // something is due every minute
		})
		want := func(when, why string) {
			t.Helper()
			synctest.Wait()
			err := w.svc.Ready(t.Context())
			switch {
			case why == "" && err != nil:
				t.Errorf("%s: %v", when, err)
			case why != "" && (!errors.Is(err, postpurchase.ErrNotReady) || !strings.Contains(err.Error(), why)):
				t.Errorf("%s: %v, want that %s", when, err, why)
			}
		}
		want("before Run", "Run is not running")
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- w.svc.Run(ctx) }()
		want("while Run waits", "")
		time.Sleep(9 * time.Minute)
		want("after some minutes", "")

		b.gone.Store(true)
		want("without a backend", "the backend does not answer")
		if err := w.svc.Ready(t.Context()); !errors.Is(err, errBroken) {
			t.Errorf("the cause is not told: %v", err)
		}
		b.gone.Store(false)

		b.full.Store(true) // reads go well, and what is due cannot be made into jobs
		time.Sleep(10 * time.Minute)
		want("when nothing can be kept", "could not look at the timers for")
		b.full.Store(false)
		time.Sleep(30 * time.Second)
		want("when there is room again", "")

		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
		want("after Run", "Run is not running")
	})
}

// BenchmarkIngest shows what an observer costs where news comes in, and that none costs
// nothing.
func BenchmarkIngest(b *testing.B) {
	for _, bench := range []struct {
		name     string
		observer postpurchase.Observer
	}{{"NoObserver", nil}, {"Observer", deaf{}}} {
		b.Run(bench.name, func(b *testing.B) {
			carrier, err := fake.New(fake.Config{})
			if err != nil {
				b.Fatal(err)
			}
			svc, err := postpurchase.New(postpurchase.Config{Carriers: []carriers.Adapter{carrier}, Observer: bench.observer})
			if err != nil {
				b.Fatal(err)
			}
			o := anOrder("1", 1)
			o.Parcels = []order.Parcel{{ID: "s", Ref: shipment.Ref{Carrier: "fake", TrackingNumber: "T1"}}}
			if err := svc.PlaceOrder(b.Context(), o); err != nil {
				b.Fatal(err)
			}
			news := carriers.Update{TrackingNumber: "T1", Update: shipment.Update{Events: []shipment.Event{{
				Time: shipment.At(time.Now()), Status: shipment.InTransit, Code: "X",
			}}}}
			b.ReportAllocs()
			for b.Loop() {
				if err := svc.Ingest(b.Context(), "fake", news); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// deaf is an observer that does nothing.
type deaf struct{}

func (deaf) Begin(ctx context.Context, _ postpurchase.Operation, _ postpurchase.Attributes) (context.Context, func(error)) {
	return ctx, func(error) {}
}
func (deaf) Count(context.Context, postpurchase.Counter, int, postpurchase.Attributes) {}
