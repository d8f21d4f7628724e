package upstest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/carriers/ups/upstest"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const number = "1ZD00R570312000016"

var (
	start   = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	cologne = shipment.Place{City: "Cologne", Country: "DE"}
	denver  = shipment.Place{City: "Denver", Region: "CO", Country: "US"}
	chicago = shipment.Place{City: "Chicago", Region: "IL", Country: "US"}
)

// world is a server, an adapter that speaks with it, and their clock.
type world struct {
	mu     sync.Mutex
	now    time.Time
	server *upstest.Server
	srv    *httptest.Server
	set    *carriers.Set
}

func (w *world) clock() time.Time  { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) goTo(at time.Time) { w.mu.Lock(); defer w.mu.Unlock(); w.now = at }
func (w *world) track() carriers.Result {
	return w.set.Track(context.Background(), ups.Code, []carriers.Query{{Number: number}})[0]
}

func newWorld(t *testing.T, cfg upstest.Config) *world {
	t.Helper()
	w := &world{now: start}
	cfg.ClientID, cfg.ClientSecret, cfg.Now = "id", "secret", w.clock
	w.server = upstest.New(cfg)
	w.srv = httptest.NewServer(w.server)
	t.Cleanup(w.srv.Close)
	a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", BaseURL: w.srv.URL, Now: w.clock, WebhookCredential: "shown"})
	if err != nil {
		t.Fatal(err)
	}
	if w.set, err = carriers.NewSet(a); err != nil {
		t.Fatal(err)
	}
	return w
}

var stories = map[string]fake.Journey{
	"on time":           fake.OnTime(chicago, denver, 3),
	"across a border":   fake.OnTime(cologne, denver, 4),
	"late":              fake.Late(chicago, denver, 3),
	"stalled":           fake.Stalled(chicago, denver, 3),
	"no scan":           fake.NoScan(chicago, denver, 3),
	"cancelled":         fake.Cancelled(chicago, denver, 3),
	"failed, delivered": fake.FailedThenDelivered(chicago, denver, 3),
	"pickup":            fake.Pickup(chicago, denver, 3),
	"unclaimed":         fake.Unclaimed(chicago, denver, 3),
	"returned":          fake.Returned(chicago, denver, 3),
	"held by customs":   fake.HeldByCustoms(cologne, denver, 3),
	"damaged":           fake.Damaged(chicago, denver, 3),
	"out of order":      fake.OutOfOrder(chicago, denver, 3),
	"retracted":         fake.Retracted(chicago, denver, 3),
	"delivered twice":   fake.DeliveredTwice(chicago, denver, 3),
	"not yet":           fake.NotYet(chicago, denver, 3),
}

// TestStories follows every story of package fake through UPS's wire format and
// through the fake carrier, step by step: the shipments must tell the same.
func TestStories(t *testing.T) {
	for name, journey := range stories {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, upstest.Config{})
			w.server.Put(number, start, journey, upstest.Options{})
			plain, err := fake.New(fake.Config{Now: w.clock})
			if err != nil {
				t.Fatal(err)
			}
			if err := plain.Put(number, start, journey); err != nil {
				t.Fatal(err)
			}
			var got, want shipment.Shipment
			for _, step := range journey {
				w.goTo(start.Add(step.After + step.Reported))
				result := w.track()
				expected, err := plain.Track(context.Background(), []carriers.Query{{Number: number}})
				if err != nil {
					t.Fatal(err)
				}
				if expected[0].Err != nil {
					if !errors.Is(result.Err, carriers.ErrNotFound) {
						t.Fatalf("error = %v, want ErrNotFound", result.Err)
					}
					continue
				}
				if result.Err != nil {
					t.Fatal(result.Err)
				}
				got.Apply(result.Updates[0].Update)
				want.Apply(expected[0].Updates[0].Update)
				if want.Detail == shipment.DetailSigned {
					want.Detail = shipment.DetailRecipient // UPS says who took it, not that they signed
				}
				if got.Status != want.Status || got.Detail != want.Detail || got.Reason != want.Reason || got.StatusAt.Compare(want.StatusAt) != 0 || got.DeliveredAt.Compare(want.DeliveredAt) != 0 {
					t.Errorf("after %v: %s/%s (%s) at %v, want %s/%s (%s) at %v", step.After, got.Status, got.Detail, got.Reason, got.StatusAt, want.Status, want.Detail, want.Reason, want.StatusAt)
				}
				g, gok := got.ETA()
				e, eok := want.ETA()
				if gok != eok || got.DeliveredAt.IsZero() && g.Window.To.Wall().Format(time.DateOnly) != e.Window.To.Wall().Format(time.DateOnly) {
					t.Errorf("after %v: estimate %v, want %v", step.After, g.Window, e.Window)
				}
			}
		})
	}
}

// TestPushes follows the stories by Track Alert alone.
func TestPushes(t *testing.T) {
	for name, journey := range stories {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, upstest.Config{})
			var pushed, polled shipment.Shipment
			refuse := false
			hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				updates, err := w.set.ReceiveWebhook(r.Context(), ups.Code, r.Header, body)
				if err != nil {
					t.Error(err)
					return
				}
				if refuse {
					rw.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				pushed.Apply(updates[0].Update)
			}))
			defer hook.Close()
			w.server.Hook(hook.URL, "", "shown")
			w.server.Put(number, start, journey, upstest.Options{SignedBy: "MORGAN"})
			w.goTo(start.Add(-time.Hour))
			if _, err := w.set.Subscribe(context.Background(), ups.Code, []carriers.Query{{Number: number}}); err != nil {
				t.Fatal(err)
			}
			for i, step := range journey {
				w.goTo(start.Add(step.After + step.Reported))
				if refuse = i == 1; refuse {
					if err := w.server.PushDue(context.Background()); err == nil {
						t.Error("no error for a push that was refused")
					}
					refuse = false // it is due again
				}
				if err := w.server.PushDue(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			polled.Apply(w.track().Updates[0].Update)
			if pushed.Status != polled.Status || pushed.Detail != polled.Detail || pushed.StatusAt != polled.StatusAt {
				t.Errorf("pushed: %s/%s at %v, polled: %s/%s at %v", pushed.Status, pushed.Detail, pushed.StatusAt, polled.Status, polled.Detail, polled.StatusAt)
			}
		})
	}
}

func TestSubscriptions(t *testing.T) {
	w := newWorld(t, upstest.Config{})
	count := 0
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { count++ }))
	defer hook.Close()
	push := func(at time.Duration, want int) {
		t.Helper()
		w.goTo(start.Add(at))
		if err := w.server.PushDue(context.Background()); err != nil {
			t.Fatal(err)
		}
		if count != want {
			t.Errorf("after %v: %d pushes, want %d", at, count, want)
		}
	}
	const day = 24 * time.Hour
	journey := fake.Journey{}
	for i := range 20 {
		journey = append(journey, fake.Step{After: time.Duration(i) * day, Status: shipment.InTransit, Detail: shipment.DetailMoving, Place: denver})
	}
	w.server.Put(number, start, journey, upstest.Options{})
	push(2*day, 0) // no hook, no subscription
	w.server.Hook(hook.URL, "", "shown")
	push(2*day, 0)
	subs, err := w.set.Subscribe(context.Background(), ups.Code, []carriers.Query{{Number: number}, {Number: "92612900000033499522966220"}})
	if err != nil || subs[0].Err != nil || !errors.Is(subs[1].Err, carriers.ErrInvalid) {
		t.Fatalf("%v, %v", subs, err)
	}
	push(2*day, 0) // no history
	push(3*day, 1) // and then each once
	push(3*day, 1)
	push(5*day, 3)
	w.server.SetDown(503)
	push(6*day, 3)
	w.server.SetDown(0)
	push(6*day, 4)
	push(30*day, 14) // fourteen days, and no more
	if _, err := w.set.Subscribe(context.Background(), ups.Code, []carriers.Query{{Number: "92612900000033499522966220"}}); err != nil {
		t.Errorf("none valid: %v, want the error at the number", err)
	}
}

func TestBadDays(t *testing.T) {
	w := newWorld(t, upstest.Config{TokenLife: time.Hour})
	w.server.Put(number, start, fake.OnTime(chicago, denver, 3), upstest.Options{})
	if err := w.track().Err; err != nil {
		t.Fatal(err)
	}
	w.server.RevokeTokens()
	if err := w.track().Err; err != nil {
		t.Errorf("after the tokens were revoked: %v", err)
	}
	w.goTo(start.Add(2 * time.Hour))
	if err := w.track().Err; err != nil {
		t.Errorf("after the token's life: %v", err)
	}
	w.server.SetDown(503)
	if err := w.track().Err; !errors.Is(err, carriers.ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	w.server.SetDown(0)
	w.server.Fail(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/track/") {
			return false
		}
		rw.Header().Set("Retry-After", "600")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if err := w.track().Err; !errors.Is(err, carriers.ErrRateLimited) || carriers.RetryAfter(err) != 10*time.Minute {
		t.Errorf("limited: %v", err)
	}
	w.server.Fail(nil)
	w.goTo(start.AddDate(1, 0, 0))
	if err := w.track().Err; !errors.Is(err, carriers.ErrNotFound) {
		t.Errorf("after the retention: %v, want ErrNotFound", err)
	}
}

func TestSiblings(t *testing.T) {
	w := newWorld(t, upstest.Config{})
	other := "1ZD00R570312000025"
	w.server.Put(number, start, fake.OnTime(chicago, denver, 3), upstest.Options{Siblings: []string{other}, WeightGrams: 2500, NoOffsets: true})
	w.server.Put(other, start, fake.NoScan(chicago, denver, 3), upstest.Options{Siblings: []string{number}})
	w.goTo(start.AddDate(0, 0, 4))
	updates := w.track().Updates
	if len(updates) != 2 || updates[0].TrackingNumber != number || updates[1].TrackingNumber != other || updates[0].PieceCount != 2 || updates[0].WeightGrams != 2500 {
		t.Fatalf("updates = %+v", updates)
	}
	if got := fmt.Sprint(updates[0].Related, updates[1].Related); got != fmt.Sprintf("[{%s  child }] [{%s  master }]", other, number) {
		t.Errorf("related = %s", got)
	}
	if _, ok := updates[0].Events[0].Time.Offset(); ok {
		t.Error("an offset although UPS gave none")
	}
	if _, ok := updates[1].Events[0].Time.Offset(); !ok {
		t.Error("no offset although UPS gave one")
	}
}

func TestCredentials(t *testing.T) {
	w := newWorld(t, upstest.Config{})
	a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "wrong", BaseURL: w.srv.URL, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Track(context.Background(), []carriers.Query{{Number: number}}); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("error = %v, want ErrUnauthorized", err)
	}
	resp, err := http.Get(w.srv.URL + "/api/track/v1/details/" + number)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d, want 401", resp.StatusCode)
	}
}

func ExampleServer() {
	clock := func() time.Time { return start.AddDate(0, 0, 1) }
	server := upstest.New(upstest.Config{Now: clock})
	srv := httptest.NewServer(server)
	defer srv.Close()
	server.Put(number, start, fake.OnTime(chicago, denver, 3), upstest.Options{})

	adapter, err := ups.New(ups.Config{ClientID: "any", ClientSecret: "any", BaseURL: srv.URL, Now: clock})
	if err != nil {
		panic(err)
	}
	results, err := adapter.Track(context.Background(), []carriers.Query{{Number: number}})
	if err != nil {
		panic(err)
	}
	newest := results[0].Updates[0].Events[0]
	fmt.Println(newest.Status, newest.Detail, newest.Time)
	// Output: in_transit departed 2026-03-02T16:35:00-06:00
}
