package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/telemetry"
)

var monday = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// lab is an observer whose spans and metrics can be looked at.
type lab struct {
	t        *testing.T
	spans    *tracetest.InMemoryExporter
	reader   *sdkmetric.ManualReader
	observer *telemetry.Observer
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	var err error
	l.observer, err = telemetry.New(telemetry.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(l.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(l.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) collect() (metricdata.ResourceMetrics, error) {
	var rm metricdata.ResourceMetrics
	err := l.reader.Collect(l.t.Context(), &rm)
	return rm, err
}

// metrics are the values of all metrics by name, unit and attributes; of histograms, how
// many values there were.
func (l *lab) metrics() map[string]float64 {
	l.t.Helper()
	rm, err := l.collect()
	if err != nil {
		l.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Description == "" {
				l.t.Errorf("%s has no description", m.Name)
			}
			put := func(set attribute.Set, v float64) { got[m.Name+" "+m.Unit+" "+encode(set.ToSlice())] = v }
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				if !data.IsMonotonic {
					l.t.Errorf("%s can fall", m.Name)
				}
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Count))
				}
			default:
				l.t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return got
}

func encode(kvs []attribute.KeyValue) string {
	var words []string
	for _, kv := range kvs {
		words = append(words, strings.TrimPrefix(string(kv.Key), "doorstep.")+"="+kv.Value.String())
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

func TestSpans(t *testing.T) {
	l := newLab(t)
	ctx, endJob := l.observer.Begin(t.Context(), postpurchase.OpJob, postpurchase.Attributes{Shop: "s", Kind: "poll"})
	_, endPoll := l.observer.Begin(ctx, postpurchase.OpPoll, postpurchase.Attributes{Shop: "s", Carrier: "ups"})
	endPoll(&carriers.Error{Carrier: "ups", Op: "track", Kind: carriers.ErrUnavailable, Err: errors.New("of 1Z999 and ada@example.com")})
	endJob(nil)
	spans := l.spans.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	poll, job := spans[0], spans[1]
	if poll.Name != "doorstep.poll" || job.Name != "doorstep.job" || poll.Parent.SpanID() != job.SpanContext.SpanID() || job.Parent.IsValid() {
		t.Errorf("%s of %s, and %s of %s", poll.Name, poll.Parent.SpanID(), job.Name, job.Parent.SpanID())
	}
	if d := cmp.Diff("carrier=ups,error.type=unavailable,shop=s", encode(poll.Attributes)); d != "" {
		t.Errorf("attributes of what failed (-want +got):\n%s", d)
	}
	if d := cmp.Diff("kind=poll,shop=s", encode(job.Attributes)); d != "" {
		t.Errorf("attributes of what went well (-want +got):\n%s", d)
	}
	if poll.Status != (sdktrace.Status{Code: codes.Error, Description: "unavailable"}) || job.Status.Code != codes.Unset || len(poll.Events) > 0 {
		t.Errorf("status %+v and %+v, events %v", poll.Status, job.Status, poll.Events)
	}
	want := map[string]float64{
		"doorstep.operation.duration s carrier=ups,error.type=unavailable,operation=poll,shop=s": 1,
		"doorstep.operation.duration s kind=poll,operation=job,shop=s":                           1,
	}
	if d := cmp.Diff(want, l.metrics()); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
}

func TestErrorKinds(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{carriers.ErrUnauthorized, "unauthorized"},
		{carriers.ErrRateLimited, "rate_limited"},
		{carriers.ErrNotFound, "not_found"},
		{carriers.ErrMalformed, "malformed"},
		{carriers.ErrUnsupported, "unsupported"},
		{&shop.Error{Shop: "x", Kind: shop.ErrConflict}, "conflict"},
		{&shop.Error{Shop: "x", Kind: shop.ErrUncertain}, "uncertain"},
		{fmt.Errorf("a: %w", notify.ErrThrottled), "rate_limited"},
		{notify.ErrTransient, "unavailable"},
		{notify.ErrRejected, "rejected"},
		{notify.ErrUnknown, "uncertain"},
		{order.ErrInvalid, "invalid"},
		{postpurchase.ErrNotFound, "not_found"},
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "timeout"},
		{errors.New("ada@example.com has no mailbox"), "_OTHER"},
	} {
		l := newLab(t)
		_, end := l.observer.Begin(t.Context(), postpurchase.OpSend, postpurchase.Attributes{})
		end(tc.err)
		got := l.spans.GetSpans()[0]
		if s := encode(got.Attributes); s != "error.type="+tc.want || got.Status.Description != tc.want {
			t.Errorf("of %v: %s, %q; want %q", tc.err, s, got.Status.Description, tc.want)
		}
	}
}

func TestCounters(t *testing.T) {
	l := newLab(t)
	for i, c := range []postpurchase.Counter{
		postpurchase.CountEvents, postpurchase.CountChanges, postpurchase.CountStrangers, postpurchase.CountUnmapped,
		postpurchase.CountMalformed, postpurchase.CountMessages, postpurchase.CountAlarms, "of a later version",
	} {
		l.observer.Count(t.Context(), c, i+1, postpurchase.Attributes{Shop: "s", Carrier: "dhl", Kind: "k", Outcome: "sent"})
		l.observer.Count(t.Context(), c, 10, postpurchase.Attributes{Shop: "s", Carrier: "dhl", Kind: "k", Outcome: "sent"})
	}
	const of = " carrier=dhl,kind=k,outcome=sent,shop=s"
	want := map[string]float64{
		"doorstep.events {event}" + of: 11, "doorstep.changes {change}" + of: 12, "doorstep.strangers {update}" + of: 13,
		"doorstep.unmapped {event}" + of: 14, "doorstep.malformed {webhook}" + of: 15, "doorstep.messages {message}" + of: 16,
		"doorstep.alarms {alarm}" + of: 17,
	}
	if d := cmp.Diff(want, l.metrics()); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
}

// broken is a backend that can be out of order.
type broken struct {
	postpurchase.Backend
	postpurchase.Drainer
	err error
}

func (b *broken) View(ctx context.Context, shop string, fn func(postpurchase.Reader) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Backend.View(ctx, shop, fn)
}

func (b *broken) Depth(ctx context.Context, shop string) (int, error) {
	return b.Backend.(postpurchase.Queue).Depth(ctx, shop)
}

func TestService(t *testing.T) {
	l := newLab(t)
	c := clock.NewFake(monday)
	carrier, err := fake.New(fake.Config{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	memory := postpurchase.NewMemory()
	backend := &broken{Backend: memory, Drainer: memory}
	svc, err := postpurchase.New(postpurchase.Config{
		ShopID: "teehaus", Carriers: []carriers.Adapter{carrier}, Clock: c, Backend: backend, Zone: "Europe/Berlin",
		Sender: quiet{}, Brand: notify.Shop{Name: "Teehaus"}, BaseURL: "https://teehaus.example", LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)},
		Observer: l.observer,
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := l.observer.WatchBacklog(svc)
	if err != nil {
		t.Fatal(err)
	}
	o := order.Order{
		ID: "ORDER77", Payment: order.PaymentPaid, PlacedAt: monday, Locale: "en", Customer: order.Customer{Email: "ada@example.com"},
		Lines: []order.Line{{ID: "1", Title: "Tea pot", Quantity: 1}}, Totals: order.Totals{Total: money.Amount{Minor: 2000, Currency: "EUR"}},
		Parcels: []order.Parcel{{ID: "1", Ref: shipment.Ref{Carrier: fake.Code, TrackingNumber: "FAKE-LATE"}}},
	}
	if err := svc.PlaceOrder(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := svc.Ingest(t.Context(), fake.Code, carriers.Update{TrackingNumber: "NOBODYS"}); err != nil {
		t.Fatal(err)
	}
	c.Advance(90 * time.Second)
	if err := memory.Update(t.Context(), "teehaus", func(tx postpurchase.Tx) error {
		return tx.Enqueue(postpurchase.Job{Kind: "link", Key: "x", Args: []byte("{}")})
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"doorstep.operation.duration s carrier=fake,operation=ingest,shop=teehaus": 1,
		"doorstep.strangers {update} carrier=fake,shop=teehaus":                    1,
		"doorstep.backlog.lag s shop=teehaus":                                      90,
		"doorstep.backlog.jobs {job} shop=teehaus":                                 1,
	}
	if d := cmp.Diff(want, l.metrics()); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}

	backend.err = errors.New("ada@example.com is not in table parcel")
	if _, err := l.collect(); err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("the error of a backlog that cannot be read is %v", err)
	}
	backend.err = nil

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for name := range l.metrics() {
		if strings.HasPrefix(name, "doorstep.backlog") {
			t.Errorf("%s is still told after stop", name)
		}
	}

	for range 6 { // messages wait for others that they could be sent with
		if err := svc.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Advance(10 * time.Minute)
	}
	spans := l.spans.GetSpans()
	for _, name := range []string{"doorstep.ingest", "doorstep.sweep", "doorstep.job", "doorstep.poll", "doorstep.send"} {
		if !slices.ContainsFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == name }) {
			t.Errorf("no span %s", name)
		}
	}
	text := fmt.Sprintf("%+v %+v", spans, l.metrics())
	for _, secret := range []string{"ORDER77", "FAKE-LATE", "NOBODYS", "ada"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the spans or metrics", secret)
		}
	}
}

type quiet struct{}

func (quiet) Channel() notify.Channel { return notify.Email }
func (quiet) Send(context.Context, notify.Message) (notify.Receipt, error) {
	return notify.Receipt{}, nil
}

// TestNoProvider is of a program that has not set up OpenTelemetry.
func TestNoProvider(t *testing.T) {
	o, err := telemetry.New(telemetry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := o.Begin(t.Context(), postpurchase.OpIngest, postpurchase.Attributes{})
	o.Count(ctx, postpurchase.CountEvents, 1, postpurchase.Attributes{})
	end(errors.New("x"))
}
