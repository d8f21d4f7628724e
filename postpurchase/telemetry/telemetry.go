// Package telemetry tells OpenTelemetry what a post-purchase service does: traces of
// its operations, counts, durations, and how far the work is behind.
//
// For most uses, set up OpenTelemetry as for the rest of the program, and hand the
// observer to the service:
//
//	observer, err := telemetry.New(telemetry.Config{})
//	...
//	svc, err := postpurchase.New(postpurchase.Config{Observer: observer, ...})
//	...
//	stop, err := observer.WatchBacklog(svc)
//	...
//	defer stop()
//
// Every [postpurchase.Operation] is a span with the operation's name after "doorstep.".
// The metrics are:
//
//	doorstep.operation.duration  histogram, seconds  how long operations took, and how many there were
//	doorstep.events              counter             and likewise each other postpurchase.Counter
//	doorstep.backlog.lag         gauge, seconds      for how long the earliest timer that nobody has begun with has been due
//	doorstep.backlog.jobs        gauge               jobs that wait or run; only of backends that can tell
//
// Spans and metrics have the attributes "doorstep.shop", "doorstep.carrier",
// "doorstep.kind" and "doorstep.outcome", where they apply, durations also
// "doorstep.operation", and what failed "error.type". The words of an error, tracking
// numbers, order ids and personal data are in none of them.
//
// Only the API of OpenTelemetry is used: without a provider, nothing is recorded.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/doorstep-go/doorstep/postpurchase/telemetry"

// Config says where to. The zero value is right for most uses.
type Config struct {
	// TracerProvider makes the spans. Defaults to [otel.GetTracerProvider].
	TracerProvider trace.TracerProvider

	// MeterProvider takes the metrics. Defaults to [otel.GetMeterProvider].
	MeterProvider metric.MeterProvider
}

// Observer is a [postpurchase.Observer]. Make one with [New]; several services may
// share it. It is safe for concurrent use.
type Observer struct {
	tracer   trace.Tracer
	meter    metric.Meter
	duration metric.Float64Histogram
	counters map[postpurchase.Counter]metric.Int64Counter
	lag      metric.Float64ObservableGauge
	jobs     metric.Int64ObservableGauge
}

var _ postpurchase.Observer = (*Observer)(nil)

// counters are the counters with their units and what they say.
var counters = []struct {
	counter           postpurchase.Counter
	unit, description string
}{
	{postpurchase.CountEvents, "{event}", "Events that were heard of parcels that are followed."},
	{postpurchase.CountChanges, "{change}", "Changes that events made to parcels."},
	{postpurchase.CountStrangers, "{update}", "Updates about parcels that nobody follows."},
	{postpurchase.CountUnmapped, "{event}", "Events with a code that the carrier's table does not hold."},
	{postpurchase.CountMalformed, "{webhook}", "Webhooks that were authentic and not understood."},
	{postpurchase.CountMessages, "{message}", "Messages whose time to be sent had come, by outcome."},
	{postpurchase.CountAlarms, "{alarm}", "Alarms that were raised."},
}

// New makes an Observer. The error is of a MeterProvider that does not make an
// instrument.
func New(cfg Config) (*Observer, error) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	o := &Observer{
		tracer: cfg.TracerProvider.Tracer(scope), meter: cfg.MeterProvider.Meter(scope),
		counters: map[postpurchase.Counter]metric.Int64Counter{},
	}
	var errs []error
	check := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("telemetry: %w", err))
		}
	}
	var err error
	o.duration, err = o.meter.Float64Histogram("doorstep.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long operations took."),
		// From a commit that is shared to a carrier that hangs.
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	check(err)
	for _, c := range counters {
		o.counters[c.counter], err = o.meter.Int64Counter("doorstep."+string(c.counter), metric.WithUnit(c.unit), metric.WithDescription(c.description))
		check(err)
	}
	o.lag, err = o.meter.Float64ObservableGauge("doorstep.backlog.lag", metric.WithUnit("s"),
		metric.WithDescription("For how long the earliest timer that nobody has begun with has been due."))
	check(err)
	o.jobs, err = o.meter.Int64ObservableGauge("doorstep.backlog.jobs", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs that wait or run."))
	check(err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return o, nil
}

// Begin implements [postpurchase.Observer].
func (o *Observer) Begin(ctx context.Context, op postpurchase.Operation, a postpurchase.Attributes) (context.Context, func(err error)) {
	began := time.Now()
	attrs := attributes(a)
	ctx, span := o.tracer.Start(ctx, "doorstep."+string(op), trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		attrs = append(attrs, attribute.String("doorstep.operation", string(op)))
		if err != nil {
			kind := attribute.String("error.type", kindOf(err))
			attrs = append(attrs, kind)
			span.SetAttributes(kind)
			// The kind and not the words: those of a library's error could hold anything.
			span.SetStatus(codes.Error, kind.Value.AsString())
		}
		span.End()
		o.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributeSet(attribute.NewSet(attrs...)))
	}
}

// Count implements [postpurchase.Observer].
func (o *Observer) Count(ctx context.Context, c postpurchase.Counter, n int, a postpurchase.Attributes) {
	if counter, ok := o.counters[c]; ok {
		counter.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attributes(a)...)))
	}
}

// WatchBacklog has the gauges of the backlog ask svc, each time that metrics are
// collected, until stop is called. All processes see the same backlog: add up nothing.
func (o *Observer) WatchBacklog(svc *postpurchase.Service) (stop func() error, err error) {
	registration, err := o.meter.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		b, err := svc.Backlog(ctx)
		if err != nil {
			return fmt.Errorf("telemetry: backlog: %s", kindOf(err))
		}
		of := metric.WithAttributes(attributes(postpurchase.Attributes{Shop: b.Shop})...)
		to.ObserveFloat64(o.lag, b.Lag.Seconds(), of)
		if b.Jobs >= 0 {
			to.ObserveInt64(o.jobs, int64(b.Jobs), of)
		}
		return nil
	}, o.lag, o.jobs)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return registration.Unregister, nil
}

func attributes(a postpurchase.Attributes) []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, 0, 6) // room for the operation and the error
	for _, kv := range [...]struct{ key, value string }{
		{"doorstep.shop", a.Shop}, {"doorstep.carrier", a.Carrier}, {"doorstep.kind", a.Kind}, {"doorstep.outcome", a.Outcome},
	} {
		if kv.value != "" {
			kvs = append(kvs, attribute.String(kv.key, kv.value))
		}
	}
	return kvs
}

// kinds are the kinds of error, the first that fits.
var kinds = []struct {
	is   error
	kind string
}{
	{context.Canceled, "canceled"},
	{carriers.ErrUnauthorized, "unauthorized"},
	{shop.ErrUnauthorized, "unauthorized"},
	{carriers.ErrRateLimited, "rate_limited"},
	{shop.ErrRateLimited, "rate_limited"},
	{notify.ErrThrottled, "rate_limited"},
	{carriers.ErrUnavailable, "unavailable"},
	{shop.ErrUnavailable, "unavailable"},
	{notify.ErrTransient, "unavailable"},
	{carriers.ErrInvalid, "invalid"},
	{shop.ErrInvalid, "invalid"},
	{order.ErrInvalid, "invalid"},
	{notify.ErrRejected, "rejected"},
	{carriers.ErrMalformed, "malformed"},
	{shop.ErrMalformed, "malformed"},
	{carriers.ErrUnsupported, "unsupported"},
	{shop.ErrUnsupported, "unsupported"},
	{shop.ErrConflict, "conflict"},
	{notify.ErrUnknown, "uncertain"},
	{shop.ErrUncertain, "uncertain"},
	{carriers.ErrNotFound, "not_found"},
	{shop.ErrNotFound, "not_found"},
	{postpurchase.ErrNotFound, "not_found"},
	{context.DeadlineExceeded, "timeout"},
}

// kindOf is the attribute "error.type" of an error: one of few words and never the
// error's own. What is of no known kind is "_OTHER", as OpenTelemetry calls it.
func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.kind
		}
	}
	return "_OTHER"
}
