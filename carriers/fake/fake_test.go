package fake_test

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var now = time.Date(2026, 3, 4, 9, 0, 0, 0, time.FixedZone("", 3600))

func Example() {
	clock := time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)
	carrier, err := fake.New(fake.Config{Now: func() time.Time { return clock }})
	if err != nil {
		panic(err)
	}
	set, err := carriers.NewSet(carrier)
	if err != nil {
		panic(err)
	}
	results := set.Track(context.Background(), "fake", []carriers.Query{{Number: "FAKE-DELIVERED"}})
	for _, e := range results[0].Updates[0].Events {
		fmt.Println(e.Time, e.Status, e.Place)
	}
	// Output:
	// 2026-03-02T09:00:00+01:00 pre_transit Cologne, DE
	// 2026-03-02T16:40:00+01:00 in_transit Cologne, DE
	// 2026-03-02T19:15:00+01:00 in_transit Sorting centre, Cologne, DE
	// 2026-03-02T22:05:00+01:00 in_transit Sorting centre, Cologne, DE
	// 2026-03-04T06:10:00+01:00 in_transit Delivery depot, Berlin, DE
	// 2026-03-04T08:10:00+01:00 out_for_delivery Delivery depot, Berlin, DE
	// 2026-03-04T12:30:00+01:00 delivered Berlin, DE
}

func adapter(t *testing.T, cfg fake.Config) *fake.Adapter {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return now }
	}
	a, err := fake.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ask(t *testing.T, a carriers.Adapter, number string) carriers.Result {
	t.Helper()
	set, err := carriers.NewSet(a)
	if err != nil {
		t.Fatal(err)
	}
	return set.Track(context.Background(), "fake", []carriers.Query{{Number: number}})[0]
}

// last is the status that a shipment has after r.
func last(r carriers.Result) shipment.Status {
	if len(r.Updates) == 0 {
		return ""
	}
	var s shipment.Shipment
	s.Apply(r.Updates[0].Update)
	return s.Status
}

// What each number shows when it is first asked for: the list is complete, so a new
// number needs a row.
var shows = map[string]any{
	"FAKE-DELIVERED":       shipment.Delivered,
	"FAKE-DELIVERED-TWICE": shipment.Delivered,
	"FAKE-ATTEMPT":         shipment.Delivered,
	"FAKE-CANCELLED":       shipment.Cancelled,
	"FAKE-LOST":            shipment.Failed,
	"FAKE-RETURNED":        shipment.Returned,
	"FAKE-UNCLAIMED":       shipment.Returned,
	"FAKE-OUTOFORDER":      shipment.Delivered,
	"FAKE-RETRACTED":       shipment.Delivered,
	"FAKE-DAMAGED":         shipment.Exception,
	"FAKE-ONTIME":          shipment.PreTransit,
	"FAKE-LATE":            shipment.PreTransit,
	"FAKE-NOTYET":          carriers.ErrNotFound,
	"FAKE-NOSCAN":          shipment.PreTransit,
	"FAKE-STALLED":         shipment.InTransit,
	"FAKE-TRANSIT":         shipment.InTransit,
	"FAKE-OUTFORDELIVERY":  shipment.OutForDelivery,
	"FAKE-PICKUP":          shipment.AvailableForPickup,
	"FAKE-CUSTOMS":         shipment.Exception,
	"FAKE-NOTFOUND":        carriers.ErrNotFound,
	"FAKE-INVALID":         carriers.ErrInvalid,
	"FAKE-DOWN":            carriers.ErrUnavailable,
	"FAKE-RATELIMITED":     carriers.ErrRateLimited,
	"FAKE-UNAUTHORIZED":    carriers.ErrUnauthorized,
	"FAKE-MALFORMED":       carriers.ErrMalformed,
}

func TestScripts(t *testing.T) {
	for _, s := range fake.Scripts() {
		want, ok := shows[s.Number]
		if !ok {
			t.Errorf("%s is not in the table of this test", s.Number)
			continue
		}
		for _, number := range []string{s.Number, strings.ToLower(s.Number), s.Number + "-17"} {
			r := ask(t, adapter(t, fake.Config{}), number)
			switch want := want.(type) {
			case error:
				if !errors.Is(r.Err, want) {
					t.Errorf("%s: error %v, want %v", number, r.Err, want)
				}
			case shipment.Status:
				if got := last(r); r.Err != nil || got != want {
					t.Errorf("%s: %q, error %v; want %q", number, got, r.Err, want)
				}
			}
		}
	}
	if len(fake.Scripts()) != len(shows) {
		t.Errorf("%d scripts, %d rows in the table", len(fake.Scripts()), len(shows))
	}
	if d := carriers.RetryAfter(ask(t, adapter(t, fake.Config{}), "FAKE-RATELIMITED").Err); d != time.Minute {
		t.Errorf("FAKE-RATELIMITED asks for %v", d)
	}
	for _, number := range []string{"FAKE", "FAKE-LATER", "FAKE-", "1Z999AA10123456784"} {
		if r := ask(t, adapter(t, fake.Config{}), number); !errors.Is(r.Err, carriers.ErrNotFound) {
			t.Errorf("%s: %v, want not found", number, r.Err)
		}
	}
}

func TestDocListsEveryScript(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(FAKE-[A-Z-]+) +(.+)$`).FindAllStringSubmatch(f.Doc.Text(), -1) {
		got[m[1]] = m[2]
	}
	want := map[string]string{}
	for _, s := range fake.Scripts() {
		want[s.Number] = s.What
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("package doc (-scripts +doc):\n%s", diff)
	}
}

// A parcel goes on by the adapter's clock, from when it was first asked for.
func TestClock(t *testing.T) {
	clock := now
	a := adapter(t, fake.Config{Now: func() time.Time { return clock }})
	var got []shipment.Status
	for range 5 {
		got = append(got, last(ask(t, a, "FAKE-LATE")))
		clock = clock.Add(24 * time.Hour)
	}
	want := []shipment.Status{shipment.PreTransit, shipment.InTransit, shipment.InTransit, shipment.InTransit, shipment.OutForDelivery}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	est := ask(t, adapter(t, fake.Config{}), "FAKE-LATE").Updates[0].Estimates
	promised := shipment.Day(2026, 3, 6)
	if diff := cmp.Diff([]shipment.Estimate{{Window: shipment.Window{From: promised, To: promised}, Source: shipment.EstimateCarrier}}, est, cmp.Comparer(func(a, b shipment.Time) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestStart(t *testing.T) {
	a := adapter(t, fake.Config{Start: now.Add(-72 * time.Hour)})
	if got := last(ask(t, a, "FAKE-ONTIME")); got != shipment.Delivered {
		t.Errorf("three days after Start: %q", got)
	}
	if r := ask(t, adapter(t, fake.Config{Start: now.Add(time.Hour)}), "FAKE-DELIVERED"); !errors.Is(r.Err, carriers.ErrNotFound) {
		t.Errorf("before Start: %v", r.Err)
	}
}

func TestPut(t *testing.T) {
	a := adapter(t, fake.Config{})
	from, to := shipment.Place{City: "Lyon", Country: "FR"}, shipment.Place{City: "Austin", Region: "TX", Country: "US"}
	j := fake.OnTime(from, to, 4)
	if err := a.Put("my parcel 1", now.Add(-40*24*time.Hour), j); err != nil {
		t.Fatal(err)
	}
	clear(j) // the adapter holds a copy
	r := ask(t, a, "MYPARCEL1")
	if got := last(r); got != shipment.Delivered {
		t.Fatalf("%q, error %v", got, r.Err)
	}
	events := r.Updates[0].Events
	if got := events[len(events)-1].Time.String(); got != "2026-01-27T05:30:00-06:00" {
		t.Errorf("delivered at %s, want the place's own clock", got)
	}
	if m := a.Detect("MYPARCEL1"); m.Confidence != carriers.Certain {
		t.Errorf("Detect: %+v", m)
	}
	if m := a.Detect("MYPARCEL2"); m.Confidence != carriers.NoMatch {
		t.Errorf("Detect: %+v", m)
	}
	if err := a.Put("Straße", now, j); err == nil {
		t.Error("a number that no carrier has was accepted")
	}
}

// The stories do what their names say, for any route and any number of days.
func TestStories(t *testing.T) {
	ends := map[string]struct {
		story func(from, to shipment.Place, days int) fake.Journey
		want  shipment.Status
	}{
		"OnTime": {fake.OnTime, shipment.Delivered}, "Late": {fake.Late, shipment.Delivered},
		"Lost": {fake.Lost, shipment.Failed}, "Stalled": {fake.Stalled, shipment.InTransit},
		"NoScan": {fake.NoScan, shipment.PreTransit}, "Cancelled": {fake.Cancelled, shipment.Cancelled},
		"FailedThenDelivered": {fake.FailedThenDelivered, shipment.Delivered}, "Pickup": {fake.Pickup, shipment.Delivered},
		"Unclaimed": {fake.Unclaimed, shipment.Returned}, "Returned": {fake.Returned, shipment.Returned},
		"HeldByCustoms": {fake.HeldByCustoms, shipment.Delivered}, "Damaged": {fake.Damaged, shipment.Exception},
		"OutOfOrder": {fake.OutOfOrder, shipment.Delivered}, "Retracted": {fake.Retracted, shipment.Delivered},
		"DeliveredTwice": {fake.DeliveredTwice, shipment.Delivered}, "NotYet": {fake.NotYet, shipment.Delivered},
	}
	for name, tt := range ends {
		for _, days := range []int{-1, 1, 2, 3, 9} {
			for _, to := range []shipment.Place{{City: "Kiel", Country: "DE"}, {City: "Reno", Region: "NV", Country: "US"}} {
				j := tt.story(shipment.Place{City: "Ulm", Country: "DE"}, to, days)
				a := adapter(t, fake.Config{})
				if err := a.Put("X1", now.Add(-j.Length()), j); err != nil {
					t.Fatal(err)
				}
				r := ask(t, a, "X1")
				if got := last(r); got != tt.want {
					t.Errorf("%s over %d days to %s ends %q, want %q", name, days, to.City, got, tt.want)
				}
				if len(r.Updates) == 1 && len(r.Updates[0].Events) != len(j) {
					t.Errorf("%s over %d days: %d of %d steps shown at its end", name, days, len(r.Updates[0].Events), len(j))
				}
				for i, s := range j {
					if s.After < 0 || !s.Detail.Known() || !s.Reason.Known() || (s.Status == "" && !s.Retracts) {
						t.Errorf("%s over %d days, step %d: %+v", name, days, i, s)
					}
				}
			}
		}
	}
}

func TestRetraction(t *testing.T) {
	r := ask(t, adapter(t, fake.Config{}), "FAKE-RETRACTED")
	for _, e := range r.Updates[0].Events {
		if e.Class == shipment.ClassRetraction {
			if e.Retracts != "DELIVERED.RECIPIENT" {
				t.Errorf("takes back %q", e.Retracts)
			}
			return
		}
	}
	t.Error("no retraction")
}

func TestWebhook(t *testing.T) {
	a := adapter(t, fake.Config{WebhookSecret: "s3cret"})
	header, body, err := a.SignedPush("FAKE-DELIVERED")
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.ReceiveWebhook(context.Background(), header, body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ask(t, a, "FAKE-DELIVERED").Updates, got, cmp.Comparer(func(a, b shipment.Time) bool { return a == b })); diff != "" {
		t.Errorf("pushed and asked (-asked +pushed):\n%s", diff)
	}

	other := func(key, value string) http.Header { h := header.Clone(); h.Set(key, value); return h }
	tests := map[string]struct {
		a      *fake.Adapter
		header http.Header
		body   []byte
	}{
		"tampered":      {a, header, append([]byte(" "), body...)},
		"no signature":  {a, http.Header{}, body},
		"other time":    {a, other("Fake-Timestamp", "1"), body},
		"wrong secret":  {adapter(t, fake.Config{WebhookSecret: "x"}), header, body},
		"no secret":     {adapter(t, fake.Config{}), header, body},
		"stale":         {adapter(t, fake.Config{WebhookSecret: "s3cret", Now: func() time.Time { return now.Add(6 * time.Minute) }}), header, body},
		"from tomorrow": {adapter(t, fake.Config{WebhookSecret: "s3cret", Now: func() time.Time { return now.Add(-6 * time.Minute) }}), header, body},
	}
	for name, tt := range tests {
		if got, err := tt.a.ReceiveWebhook(context.Background(), tt.header, tt.body); !errors.Is(err, carriers.ErrUnauthorized) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, _, err := a.SignedPush("FAKE-NOTFOUND"); !errors.Is(err, carriers.ErrNotFound) {
		t.Errorf("push of nothing: %v", err)
	}
	if _, _, err := adapter(t, fake.Config{}).SignedPush("FAKE-LATE"); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("push without a secret: %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	set, err := carriers.NewSet(adapter(t, fake.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	subs, err := set.Subscribe(context.Background(), "fake", []carriers.Query{{Number: "FAKE-ONTIME"}, {Number: "FAKE-DOWN"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := subs[0].Expires.Sub(now); got != 30*24*time.Hour || subs[0].Err != nil {
		t.Errorf("subscription %+v", subs[0])
	}
	if !errors.Is(subs[1].Err, carriers.ErrUnavailable) {
		t.Errorf("subscription %+v", subs[1])
	}
}
