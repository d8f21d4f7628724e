package carriers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// scripted is an adapter that does what it is told.
type scripted struct {
	code   string
	limits carriers.Limits
	track  func(queries []carriers.Query) ([]carriers.Result, error)

	mu    sync.Mutex
	asked [][]string
}

func (s *scripted) Code() string            { return s.code }
func (s *scripted) Limits() carriers.Limits { return s.limits }
func (s *scripted) Track(_ context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	var numbers []string
	for _, q := range queries {
		numbers = append(numbers, q.Number)
	}
	s.mu.Lock()
	s.asked = append(s.asked, numbers)
	s.mu.Unlock()
	if s.track != nil {
		return s.track(queries)
	}
	return echo(queries), nil
}

func echo(queries []carriers.Query) []carriers.Result {
	results := make([]carriers.Result, len(queries))
	for i, q := range queries {
		results[i].Updates = []carriers.Update{{TrackingNumber: q.Number}}
	}
	return results
}

// detector is a scripted that knows numbers by their prefix.
type detector struct {
	*scripted
	prefix string
	sure   carriers.Confidence
}

func (d detector) Detect(number string) carriers.Match {
	if strings.HasPrefix(number, d.prefix) {
		return carriers.Match{Confidence: d.sure, Why: "prefix"}
	}
	return carriers.Match{}
}

// pusher is a scripted with webhooks and subscriptions.
type pusher struct {
	*scripted
	receive   func(body []byte) ([]carriers.Update, error)
	subscribe func(queries []carriers.Query) ([]carriers.Subscription, error)
}

func (p pusher) ReceiveWebhook(_ context.Context, _ http.Header, body []byte) ([]carriers.Update, error) {
	return p.receive(body)
}

func (p pusher) Subscribe(_ context.Context, queries []carriers.Query) ([]carriers.Subscription, error) {
	return p.subscribe(queries)
}

func newSet(t *testing.T, adapters ...carriers.Adapter) *carriers.Set {
	t.Helper()
	s, err := carriers.NewSet(adapters...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSet(t *testing.T) {
	for name, adapters := range map[string][]carriers.Adapter{
		"no code":    {&scripted{}},
		"upper case": {&scripted{code: "Acme"}},
		"a slash":    {&scripted{code: "a/b"}},
		"an epoch":   {&scripted{code: "a#1"}},
		"a space":    {&scripted{code: "a b"}},
		"twice":      {&scripted{code: "acme"}, &scripted{code: "acme"}},
	} {
		if _, err := carriers.NewSet(adapters...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s := newSet(t, &scripted{code: "b", limits: carriers.Limits{Batch: 7}}, &scripted{code: "a"})
	if diff := cmp.Diff([]string{"a", "b"}, s.Codes()); diff != "" {
		t.Errorf("Codes (-want +got)\n%s", diff)
	}
	if s.Limits("b").Batch != 7 || s.Limits("c") != (carriers.Limits{}) {
		t.Errorf("Limits = %+v, %+v", s.Limits("b"), s.Limits("c"))
	}
	if _, ok := s.Adapter("c"); ok {
		t.Error("an adapter that is not in the set")
	}
}

func TestTrackCleansAndBatches(t *testing.T) {
	a := &scripted{code: "acme", limits: carriers.Limits{Batch: 2}}
	s := newSet(t, a)
	queries := []carriers.Query{{Number: "a1"}, {Number: "??"}, {Number: " A-2 "}, {Number: ""}, {Number: "A3"}, {Number: "a4"}, {Number: "a5"}}
	results := s.Track(context.Background(), "acme", queries)
	if diff := cmp.Diff([][]string{{"A1", "A2"}, {"A3", "A4"}, {"A5"}}, a.asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	var got []string
	for _, r := range results {
		if r.Err != nil {
			var e *carriers.Error
			if !errors.As(r.Err, &e) || e.Carrier != "acme" || e.Op != "track" || !errors.Is(e, carriers.ErrInvalid) {
				t.Errorf("error = %v", r.Err)
			}
			got = append(got, "invalid")
			continue
		}
		got = append(got, r.Updates[0].TrackingNumber)
	}
	if diff := cmp.Diff([]string{"A1", "invalid", "A2", "invalid", "A3", "A4", "A5"}, got); diff != "" {
		t.Errorf("results (-want +got)\n%s", diff)
	}
	if queries[0].Number != "a1" {
		t.Error("the caller's queries were changed")
	}
	one := &scripted{code: "one"}
	newSet(t, one).Track(context.Background(), "one", []carriers.Query{{Number: "1"}, {Number: "2"}})
	if len(one.asked) != 2 {
		t.Errorf("a zero Batch: %v, want one number at a time", one.asked)
	}
}

func TestTrackErrors(t *testing.T) {
	two := []carriers.Query{{Number: "A1"}, {Number: "A2"}, {Number: "A3"}}
	limited := &carriers.Error{Carrier: "acme", Op: "track", Kind: carriers.ErrRateLimited, RetryAfter: time.Hour}
	tests := []struct {
		name  string
		track func([]carriers.Query) ([]carriers.Result, error)
		kinds []error // of each result; nil: good
		asked int
	}{
		{"each its own", func(q []carriers.Query) ([]carriers.Result, error) {
			r := echo(q)
			if q[0].Number == "A2" {
				r[0] = carriers.Result{Err: carriers.ErrNotFound}
			}
			return r, nil
		}, []error{nil, carriers.ErrNotFound, nil}, 3},
		{"updates beside an error are not used", func(q []carriers.Query) ([]carriers.Result, error) {
			r := echo(q)
			r[0].Err = carriers.ErrMalformed
			return r, nil
		}, []error{carriers.ErrMalformed, carriers.ErrMalformed, carriers.ErrMalformed}, 3},
		{"waiting helps", func([]carriers.Query) ([]carriers.Result, error) { return nil, limited }, []error{carriers.ErrRateLimited, carriers.ErrRateLimited, carriers.ErrRateLimited}, 1},
		{"a key helps", func([]carriers.Query) ([]carriers.Result, error) { return nil, carriers.ErrUnauthorized }, []error{carriers.ErrUnauthorized, carriers.ErrUnauthorized, carriers.ErrUnauthorized}, 1},
		{"one batch's trouble", func(q []carriers.Query) ([]carriers.Result, error) {
			if q[0].Number == "A1" {
				return nil, carriers.ErrUnavailable
			}
			return echo(q), nil
		}, []error{carriers.ErrUnavailable, nil, nil}, 3},
		{"a wrong number of results", func([]carriers.Query) ([]carriers.Result, error) { return nil, nil }, []error{carriers.ErrMalformed, carriers.ErrMalformed, carriers.ErrMalformed}, 3},
		{"a bare error", func([]carriers.Query) ([]carriers.Result, error) { return nil, errBare }, []error{errBare, errBare, errBare}, 3},
		{"a deadline", func([]carriers.Query) ([]carriers.Result, error) {
			return nil, fmt.Errorf("x: %w", context.DeadlineExceeded)
		}, []error{context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded}, 3},
	}
	for _, tt := range tests {
		a := &scripted{code: "acme", track: tt.track}
		for i, r := range newSet(t, a).Track(context.Background(), "acme", two) {
			var e *carriers.Error
			switch {
			case tt.kinds[i] == nil && (r.Err != nil || len(r.Updates) != 1):
				t.Errorf("%s: result %d: %v", tt.name, i, r.Err)
			case tt.kinds[i] == nil:
			case !errors.Is(r.Err, tt.kinds[i]), !errors.As(r.Err, &e), e.Carrier != "acme", e.Op != "track", r.Updates != nil:
				t.Errorf("%s: result %d: %v, %d updates; want %v", tt.name, i, r.Err, len(r.Updates), tt.kinds[i])
			}
		}
		if len(a.asked) != tt.asked {
			t.Errorf("%s: asked %d times, want %d", tt.name, len(a.asked), tt.asked)
		}
	}
	for _, r := range newSet(t).Track(context.Background(), "acme", two) {
		if !errors.Is(r.Err, carriers.ErrUnsupported) {
			t.Errorf("no adapter: %v", r.Err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &scripted{code: "acme", track: func([]carriers.Query) ([]carriers.Result, error) { cancel(); return nil, ctx.Err() }}
	for _, r := range newSet(t, a).Track(ctx, "acme", two) {
		if !errors.Is(r.Err, context.Canceled) || carriers.Temporary(r.Err) {
			t.Errorf("cancelled: %v", r.Err)
		}
	}
	if len(a.asked) != 1 {
		t.Errorf("asked %d times after the caller had left", len(a.asked)-1)
	}
}

var errBare = errors.New("bare")

func TestTrackAll(t *testing.T) {
	down := &scripted{code: "down", track: func([]carriers.Query) ([]carriers.Result, error) { return nil, carriers.ErrUnavailable }}
	s := newSet(t, &scripted{code: "acme"}, down)
	got := s.TrackAll(context.Background(), []carriers.Job{
		{Carrier: "down", Queries: []carriers.Query{{Number: "A1"}}},
		{Carrier: "acme", Queries: []carriers.Query{{Number: "A1"}, {Number: "A2"}}},
		{Carrier: "none", Queries: []carriers.Query{{Number: "A1"}}},
	})
	if len(got) != 3 || !errors.Is(got[0][0].Err, carriers.ErrUnavailable) || got[1][1].Err != nil || !errors.Is(got[2][0].Err, carriers.ErrUnsupported) {
		t.Errorf("%+v", got)
	}
}

func TestDetect(t *testing.T) {
	s := newSet(t,
		detector{&scripted{code: "b"}, "1", carriers.Possible},
		detector{&scripted{code: "a"}, "1", carriers.Possible},
		detector{&scripted{code: "c"}, "1Z", carriers.Certain},
		detector{&scripted{code: "d"}, "2", carriers.Certain},
		&scripted{code: "e"},
	)
	var got []string
	for _, c := range s.Detect(" 1z-9 ") {
		got = append(got, c.Carrier)
	}
	if diff := cmp.Diff([]string{"c", "a", "b"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if c := s.Detect("not a number!"); c != nil {
		t.Errorf("Detect of nonsense = %v", c)
	}
}

func TestWebhooksAndSubscriptions(t *testing.T) {
	ctx := context.Background()
	p := pusher{scripted: &scripted{code: "acme"}}
	s := newSet(t, p, &scripted{code: "deaf"})
	for _, code := range []string{"deaf", "none"} {
		_, err := s.ReceiveWebhook(ctx, code, nil, nil)
		_, err2 := s.Subscribe(ctx, code, nil)
		if !errors.Is(err, carriers.ErrUnsupported) || !errors.Is(err2, carriers.ErrUnsupported) || s.CanSubscribe(code) {
			t.Errorf("%s: %v, %v", code, err, err2)
		}
	}
	if !s.CanSubscribe("acme") {
		t.Error("CanSubscribe = false")
	}
	tests := []struct {
		updates []carriers.Update
		err     error
		want    error
	}{
		{[]carriers.Update{{TrackingNumber: "a-1"}}, nil, nil},
		{[]carriers.Update{{TrackingNumber: "??"}}, nil, carriers.ErrMalformed},
		{nil, carriers.ErrUnauthorized, carriers.ErrUnauthorized},
	}
	for _, tt := range tests {
		p.receive = func([]byte) ([]carriers.Update, error) { return tt.updates, tt.err }
		got, err := newSet(t, p).ReceiveWebhook(ctx, "acme", nil, nil)
		var e *carriers.Error
		switch {
		case tt.want == nil && (err != nil || got[0].TrackingNumber != "A1"):
			t.Errorf("%v, %v", got, err)
		case tt.want != nil && (!errors.Is(err, tt.want) || !errors.As(err, &e) || e.Op != "webhook" || got != nil):
			t.Errorf("%v, %v; want %v", got, err, tt.want)
		}
	}
	p.subscribe = func([]carriers.Query) ([]carriers.Subscription, error) { return nil, nil }
	if _, err := newSet(t, p).Subscribe(ctx, "acme", []carriers.Query{{Number: "A1"}}); !errors.Is(err, carriers.ErrMalformed) {
		t.Errorf("no answer for a query: %v", err)
	}
}

// TestHostileUpdates checks that what a carrier sends without end, or to do harm, is
// cut and cleaned before a program sees it.
func TestHostileUpdates(t *testing.T) {
	evil := "\x00\x1b[31m\u202eevil\xff" + strings.Repeat("ä", 2000)
	place := shipment.Place{Name: evil, City: evil, Region: evil, PostalCode: evil, Country: evil}
	u := carriers.Update{TrackingNumber: "A1", PieceID: evil, Update: shipment.Update{
		Service: evil, Origin: place, Destination: place,
		Proof:       &shipment.Proof{SignedBy: evil, LeftAt: evil, PhotoURL: "javascript:alert(1)", SignatureURL: "https://example.com/s?a=1", DocumentURL: evil},
		PickupPoint: &shipment.PickupPoint{ID: evil, Name: evil, Street: evil, Place: place, Comment: evil, Hours: []string{evil}},
		Related:     make([]shipment.Related, 5000),
		Estimates:   make([]shipment.Estimate, 5000),
	}}
	for i := range 5000 {
		if i != 0 && i != 4095 {
			u.Events = append(u.Events, shipment.Event{Code: "A"})
			continue
		}
		u.Events = append(u.Events, shipment.Event{Status: shipment.Status(evil), Detail: shipment.Detail(evil), Reason: shipment.Reason(evil), Code: evil, Kind: evil, Text: evil, Piece: evil, Retracts: evil, Place: place, Source: evil})
	}
	for i := range u.Related {
		u.Related[i] = shipment.Related{TrackingNumber: evil, Kind: evil, Carrier: evil, Relation: shipment.Relation(evil)}
	}
	u.Related[0] = shipment.Related{TrackingNumber: "b 2", Kind: evil, Carrier: evil, Relation: shipment.Relation(evil)}
	a := &scripted{code: "acme", track: func([]carriers.Query) ([]carriers.Result, error) {
		return []carriers.Result{{Updates: []carriers.Update{u}}}, nil
	}}
	got := newSet(t, a).Track(context.Background(), "acme", []carriers.Query{{Number: "A1"}})[0].Updates[0]
	if len(got.Events) > 4096 || len(got.Related) > 256 || len(got.Estimates) > 256 {
		t.Errorf("%d events, %d related, %d estimates", len(got.Events), len(got.Related), len(got.Estimates))
	}
	texts(reflect.ValueOf(got), "update", func(path, s string) {
		if len(s) > 1000 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\u202e") {
			t.Errorf("%s: %d bytes, %.20q", path, len(s), s)
		}
	})
	if p := got.Proof; p.PhotoURL != "" || p.SignatureURL != "https://example.com/s?a=1" || p.DocumentURL != "" {
		t.Errorf("links: %q, %q, %q", p.PhotoURL, p.SignatureURL, p.DocumentURL)
	}
	if n := len(got.Related); n != 1 || got.Related[0].TrackingNumber != "B2" {
		t.Errorf("%d related numbers, want the one that is a number", n)
	}
	if got.Events[0].Text == "" || !strings.Contains(got.Events[0].Text, "evil") {
		t.Errorf("text = %.40q, want what is harmless of it", got.Events[0].Text)
	}
}

// texts calls f with each text in v, those of lists once.
func texts(v reflect.Value, path string, f func(path, s string)) {
	switch v.Kind() {
	case reflect.String:
		f(path, v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			texts(v.Elem(), path, f)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			texts(v.Index(v.Len()-1), path+"[]", f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	}
}

func ExampleSet() {
	acme := detector{&scripted{code: "acme"}, "AC", carriers.Likely}
	set, err := carriers.NewSet(acme)
	if err != nil {
		panic(err)
	}
	for _, c := range set.Detect("ac 12-34") {
		fmt.Println("perhaps of", c.Carrier)
	}
	results := set.Track(context.Background(), "acme", []carriers.Query{{Number: "ac 12-34"}, {Number: "my parcel?"}})
	for _, r := range results {
		if errors.Is(r.Err, carriers.ErrInvalid) {
			fmt.Println(r.Err)
			continue
		}
		fmt.Println(r.Updates[0].TrackingNumber)
	}
	// Output:
	// perhaps of acme
	// AC1234
	// acme: track: refused as invalid: not a tracking number
}
