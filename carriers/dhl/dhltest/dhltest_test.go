package dhltest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/carriers/dhl/dhltest"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var (
	start  = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) // nine o'clock in Cologne
	here   = shipment.Place{City: "Cologne", PostalCode: "50667", Country: "DE"}
	there  = shipment.Place{City: "Berlin", PostalCode: "10115", Country: "DE"}
	abroad = shipment.Place{City: "Boston", Region: "MA", PostalCode: "02108", Country: "US"}
)

// handled answers requests by calling the handler, without a network.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// world is a DHL, an adapter that speaks with it, and their clock.
type world struct {
	now    time.Time
	server *dhltest.Server
	dhl    *dhl.Adapter
}

func newWorld(t testing.TB, cfg dhltest.Config) *world {
	t.Helper()
	w := &world{now: start}
	cfg.Now = func() time.Time { return w.now }
	w.server = dhltest.New(cfg)
	var err error
	w.dhl, err = dhl.New(dhl.Config{
		APIKey: "demo-key", Now: cfg.Now, HTTPClient: &http.Client{Transport: handled{w.server}},
		WebhookHeader: "X-Shop", WebhookToken: "token", Limits: carriers.Limits{PerDay: -1, Spacing: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) ask(q carriers.Query) ([]carriers.Update, error) {
	results, err := w.dhl.Track(context.Background(), []carriers.Query{q})
	if err != nil {
		return nil, err
	}
	return results[0].Updates, results[0].Err
}

func Example() {
	clock := start.Add(48 * time.Hour)
	server := dhltest.New(dhltest.Config{APIKey: "key", Now: func() time.Time { return clock }})
	server.Put("00340434161094015902", "parcel-de", start, fake.OnTime(here, there, 2), dhltest.Options{})
	srv := httptest.NewServer(server)
	defer srv.Close()

	adapter, err := dhl.New(dhl.Config{APIKey: "key", BaseURL: srv.URL, Now: func() time.Time { return clock }})
	if err != nil {
		panic(err)
	}
	results, err := adapter.Track(context.Background(), []carriers.Query{{Number: "00340434161094015902"}})
	if err != nil {
		panic(err)
	}
	update := results[0].Updates[0]
	for _, e := range update.Events {
		fmt.Println(e.Time, e.Code, e.Status)
	}
	fmt.Println("expected between", update.Estimates[0].Window.From, "and", update.Estimates[0].Window.To)
	// Output:
	// 2026-03-02T09:00:00 VA pre_transit
	// 2026-03-02T16:40:00 AE in_transit
	// 2026-03-02T19:15:00 EE in_transit
	// 2026-03-02T22:05:00 AA in_transit
	// 2026-03-04T06:10:00 EE in_transit
	// 2026-03-04T08:10:00 LDTMV/PO out_for_delivery
	// expected between 2026-03-04T11:00:00 and 2026-03-04T14:00:00
}

type story struct {
	name string
	tell func(from, to shipment.Place, days int) fake.Journey
	ends shipment.Status
}

var stories = []story{
	{"OnTime", fake.OnTime, shipment.Delivered},
	{"Late", fake.Late, shipment.Delivered},
	{"Lost", fake.Lost, shipment.Failed},
	{"Stalled", fake.Stalled, shipment.InTransit},
	{"NoScan", fake.NoScan, shipment.PreTransit},
	{"Cancelled", fake.Cancelled, shipment.Cancelled},
	{"FailedThenDelivered", fake.FailedThenDelivered, shipment.Delivered},
	{"Pickup", fake.Pickup, shipment.Delivered},
	{"Unclaimed", fake.Unclaimed, shipment.Returned},
	{"Returned", fake.Returned, shipment.Returned},
	{"HeldByCustoms", fake.HeldByCustoms, shipment.Delivered},
	{"Damaged", fake.Damaged, shipment.Exception},
	{"OutOfOrder", fake.OutOfOrder, shipment.Delivered},
	{"Retracted", fake.Retracted, shipment.Delivered},
	{"DeliveredTwice", fake.DeliveredTwice, shipment.Delivered},
	{"NotYet", fake.NotYet, shipment.Delivered},
}

// A division that has no word for an end says the nearest.
var nearest = map[string]shipment.Status{
	"express Lost":               shipment.Exception,
	"express Cancelled":          shipment.Exception,
	"ecommerce-europe Lost":      shipment.Exception,
	"ecommerce-europe Cancelled": shipment.Exception,
	"post-de Lost":               shipment.Exception,
	"post-de Cancelled":          shipment.Exception,
	"freight Lost":               shipment.Exception,
	"freight Cancelled":          shipment.Exception,
	"freight Unclaimed":          shipment.Delivered,
	"freight Returned":           shipment.Delivered,
}

// Every story, told by every division and asked for every six hours, ends as it
// should: what the server says is what the adapter reads.
func TestStories(t *testing.T) {
	for _, service := range []string{"express", "parcel-de", "ecommerce", "ecommerce-europe", "post-de", "freight"} {
		for _, st := range stories {
			w := newWorld(t, dhltest.Config{})
			from := here
			if st.name == "HeldByCustoms" {
				from = abroad
			}
			j := st.tell(from, there, 3)
			w.server.Put("4206917831", service, start, j, dhltest.Options{})
			var s shipment.Shipment
			for ; w.now.Before(start.Add(j.Length() + 6*time.Hour)); w.now = w.now.Add(6 * time.Hour) {
				updates, err := w.ask(carriers.Query{Number: "4206917831"})
				if errors.Is(err, carriers.ErrNotFound) {
					continue
				}
				if err != nil {
					t.Fatalf("%s %s: %v", service, st.name, err)
				}
				s.Apply(updates[0].Update)
			}
			want, ok := nearest[service+" "+st.name]
			if !ok {
				want = st.ends
			}
			if s.Status != want {
				t.Errorf("%s %s ends %q, want %q", service, st.name, s.Status, want)
			}
		}
	}
}

// What happens between start and end, in the words of the division that says most.
func TestStatusesOnTheWay(t *testing.T) {
	tests := map[string]struct {
		service string
		journey fake.Journey
		want    []shipment.Status
	}{
		"refused parcel": {"parcel-de", fake.Returned(here, there, 2), []shipment.Status{
			shipment.PreTransit, shipment.InTransit, shipment.OutForDelivery, shipment.Exception, shipment.Returning, shipment.Returned}},
		"parcel in a locker": {"ecommerce-europe", fake.Pickup(here, there, 2), []shipment.Status{
			shipment.PreTransit, shipment.InTransit, shipment.OutForDelivery, shipment.AttemptFailed, shipment.AvailableForPickup, shipment.Delivered}},
		"held by customs": {"express", fake.HeldByCustoms(abroad, there, 3), []shipment.Status{
			shipment.PreTransit, shipment.InTransit, shipment.Exception, shipment.InTransit, shipment.OutForDelivery, shipment.Delivered}},
		"taken back": {"parcel-de", fake.Retracted(here, there, 2), []shipment.Status{
			shipment.PreTransit, shipment.InTransit, shipment.OutForDelivery, shipment.Delivered, shipment.OutForDelivery, shipment.Delivered}},
		"late": {"parcel-de", fake.Late(here, there, 2), []shipment.Status{
			shipment.PreTransit, shipment.InTransit, shipment.OutForDelivery, shipment.Delivered}},
	}
	for name, tt := range tests {
		w := newWorld(t, dhltest.Config{})
		w.server.Put("4206917831", tt.service, start, tt.journey, dhltest.Options{})
		var s shipment.Shipment
		var got []shipment.Status
		for ; w.now.Before(start.Add(tt.journey.Length() + 6*time.Hour)); w.now = w.now.Add(time.Hour) {
			updates, err := w.ask(carriers.Query{Number: "4206917831"})
			if err != nil {
				t.Fatal(err)
			}
			s.Apply(updates[0].Update)
			got = append(got, s.Status)
		}
		if got = slices.Compact(got); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestOffsets(t *testing.T) {
	for service, want := range map[string]bool{"express": true, "ecommerce-europe": true, "parcel-de": false, "ecommerce": false, "freight": false} {
		w := newWorld(t, dhltest.Config{})
		w.server.Put("4206917831", service, start, fake.OnTime(here, there, 2), dhltest.Options{})
		updates, err := w.ask(carriers.Query{Number: "4206917831"})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := updates[0].Events[0].Time.Offset(); got != want {
			t.Errorf("%s: offset %v", service, got)
		}
	}
}

func TestDivisions(t *testing.T) {
	w := newWorld(t, dhltest.Config{})
	w.server.Put("4206917831", "freight", start.Add(-400*24*time.Hour), fake.OnTime(here, there, 2), dhltest.Options{})
	w.server.Put("4206917831", "express", start, fake.OnTime(here, there, 2), dhltest.Options{PieceIDs: []string{"JD014600007731920451", "JD014600007731920452"}, Words: true})
	updates, err := w.ask(carriers.Query{Number: "4206917831"})
	if err != nil || len(updates) != 2 || updates[0].PieceID != "express/4206917831" {
		t.Fatalf("%v, %+v", err, updates)
	}
	if e := updates[0].Events[0]; e.Status != shipment.PreTransit || e.Code != "pre-transit" {
		t.Errorf("in words: %+v", e)
	}
	if updates, err = w.ask(carriers.Query{Number: "4206917831", Service: "freight"}); err != nil || len(updates) != 1 || updates[0].PieceID != "freight/4206917831" {
		t.Errorf("%v, %+v", err, updates)
	}
	if updates, err = w.ask(carriers.Query{Number: "JD014600007731920452"}); err != nil || len(updates) != 1 || updates[0].TrackingNumber != "JD014600007731920452" {
		t.Errorf("%v, %+v", err, updates)
	}
}

func TestBadDays(t *testing.T) {
	w := newWorld(t, dhltest.Config{Requests: 2, Per: time.Hour})
	w.server.Put("4206917831", "express", start.Add(24*time.Hour), fake.OnTime(here, there, 2), dhltest.Options{})
	if _, err := w.ask(carriers.Query{Number: "4206917831"}); !errors.Is(err, carriers.ErrNotFound) {
		t.Errorf("before its start: %v", err)
	}
	if _, err := w.ask(carriers.Query{Number: "JD0000"}); !errors.Is(err, carriers.ErrNotFound) {
		t.Errorf("never put: %v", err)
	}
	w.now = w.now.Add(20 * time.Minute)
	if _, err := w.ask(carriers.Query{Number: "4206917831"}); !errors.Is(err, carriers.ErrRateLimited) || carriers.RetryAfter(err) != 40*time.Minute {
		t.Errorf("the third within the hour: %v, retry after %v", err, carriers.RetryAfter(err))
	}
	w.now = w.now.Add(24 * time.Hour)
	if updates, err := w.ask(carriers.Query{Number: "4206917831"}); err != nil || len(updates) != 1 {
		t.Errorf("a day later: %v", err)
	}

	down := newWorld(t, dhltest.Config{})
	down.server.SetDown(http.StatusNotImplemented) // not tried again, so that the test does not wait
	if _, err := down.ask(carriers.Query{Number: "4206917831"}); !errors.Is(err, carriers.ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	once := newWorld(t, dhltest.Config{})
	once.server.Put("4206917831", "express", start, fake.OnTime(here, there, 2), dhltest.Options{})
	once.server.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("trackingNumber") != "4206917831" {
			return false
		}
		_, err := io.WriteString(w, `{"shipments":[{"id"`)
		return err == nil
	})
	if _, err := once.ask(carriers.Query{Number: "4206917831"}); !errors.Is(err, carriers.ErrMalformed) {
		t.Errorf("half an answer: %v", err)
	}
	if _, err := once.ask(carriers.Query{Number: "1"}); !errors.Is(err, carriers.ErrNotFound) {
		t.Errorf("another number: %v", err)
	}
	once.server.Fail(nil)
	if _, err := once.ask(carriers.Query{Number: "4206917831"}); err != nil {
		t.Errorf("when it is over: %v", err)
	}
	other := newWorld(t, dhltest.Config{APIKey: "another"})
	if _, err := other.ask(carriers.Query{Number: "4206917831"}); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("wrong key: %v", err)
	}
}

// shop is a webhook that keeps what it is told.
type shop struct {
	adapter *dhl.Adapter
	status  int
	bodies  [][]byte
	updates []carriers.Update
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	updates, err := s.adapter.ReceiveWebhook(r.Context(), r.Header, body)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.bodies, s.updates = append(s.bodies, body), append(s.updates, updates...)
	w.WriteHeader(s.status)
}

func TestPush(t *testing.T) {
	ctx := context.Background()
	hook := &shop{status: http.StatusOK}
	w := newWorld(t, dhltest.Config{HTTPClient: &http.Client{Transport: handled{hook}}})
	hook.adapter = w.dhl
	w.server.Hook("http://shop.test/dhl", "X-Shop", "token")
	w.server.Put("4206917831", "express", start, fake.OnTime(here, there, 2), dhltest.Options{SignedBy: "A. Example"})
	w.server.Put("CR520000184417", "ecommerce-europe", start.Add(24*time.Hour), fake.OnTime(here, there, 2), dhltest.Options{})

	if err := w.server.PushDue(ctx); err != nil || len(hook.updates) != 1 {
		t.Fatalf("%d pushes, %v; want the one that has begun", len(hook.updates), err)
	}
	if err := w.server.PushDue(ctx); err != nil || len(hook.updates) != 1 {
		t.Errorf("%d pushes, %v; want none for what is known", len(hook.updates), err)
	}
	w.now = start.Add(4 * 24 * time.Hour)
	hook.status = http.StatusInternalServerError
	if err := w.server.PushDue(ctx); err == nil {
		t.Error("no error for refused pushes")
	}
	hook.status, hook.updates, hook.bodies = http.StatusNoContent, nil, nil
	if err := w.server.PushDue(ctx); err != nil || len(hook.updates) != 2 {
		t.Fatalf("%d pushes, %v; want both again", len(hook.updates), err)
	}
	if bytes.HasPrefix(hook.bodies[1], []byte(`{"url"`)) {
		t.Error("eCommerce Europe pushes the shipment alone")
	}
	for _, pushed := range hook.updates {
		asked, err := w.ask(carriers.Query{Number: pushed.TrackingNumber})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asked[0], pushed, cmp.Comparer(func(a, b shipment.Time) bool { return a == b })); diff != "" {
			t.Errorf("pushed and asked (-asked +pushed):\n%s", diff)
		}
	}
	if got := hook.updates[0].Proof; got == nil || got.SignedBy != "A. Example" {
		t.Errorf("proof %+v", got)
	}
	w.server.Hook("http://shop.test/dhl", "X-Shop", "stolen")
	if err := w.server.PushDue(ctx); err == nil {
		t.Error("no error for a hook that does not take the token")
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook := &shop{status: http.StatusOK}
		w := newWorld(t, dhltest.Config{HTTPClient: &http.Client{Transport: handled{hook}}})
		hook.adapter = w.dhl
		w.server.Hook("http://shop.test/dhl", "X-Shop", "token")
		w.server.Put("4206917831", "express", start, fake.OnTime(here, there, 2), dhltest.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := w.server.Run(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ends with %v", err)
		}
		if len(hook.updates) != 1 {
			t.Errorf("%d pushes in five seconds, want one", len(hook.updates))
		}
	})
}

// The same calls make the same server, and answers depend on the clock alone.
func TestDeterministic(t *testing.T) {
	body := func() string {
		s := dhltest.New(dhltest.Config{Now: func() time.Time { return start.Add(50 * time.Hour) }})
		s.Put("4206917831", "express", start, fake.OutOfOrder(here, there, 2), dhltest.Options{})
		r := httptest.NewRequest(http.MethodGet, "/track/shipments?trackingNumber=4206917831", nil)
		r.Header.Set("DHL-API-Key", "demo-key")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Body.String()
	}
	if a, b := body(), body(); a != b || len(a) < 1000 {
		t.Errorf("two answers:\n%s\n%s", a, b)
	}
}
