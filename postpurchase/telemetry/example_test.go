package telemetry_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/telemetry"
)

func Example() {
	// A program sets these up once, with exporters to its own collector, and makes them
	// the default with otel.SetTracerProvider and otel.SetMeterProvider: then
	// telemetry.Config can be empty.
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	tracers := sdktrace.NewTracerProvider()

	observer, err := telemetry.New(telemetry.Config{TracerProvider: tracers, MeterProvider: meters})
	if err != nil {
		panic(err)
	}
	carrier, err := fake.New(fake.Config{})
	if err != nil {
		panic(err)
	}
	svc, err := postpurchase.New(postpurchase.Config{Carriers: []carriers.Adapter{carrier}, Observer: observer})
	if err != nil {
		panic(err)
	}
	stop, err := observer.WatchBacklog(svc)
	if err != nil {
		panic(err)
	}
	defer stop()

	ctx := context.Background()
	err = svc.PlaceOrder(ctx, order.Order{ID: "7", Payment: order.PaymentPaid, Parcels: []order.Parcel{
		{ID: "1", Ref: shipment.Ref{Carrier: fake.Code, TrackingNumber: "FAKE-LOST"}},
	}})
	if err != nil {
		panic(err)
	}
	if err := svc.Settle(ctx); err != nil { // a server would call Run instead
		panic(err)
	}

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &metrics); err != nil {
		panic(err)
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "doorstep.events" {
			carrier, _ := sum.DataPoints[0].Attributes.Value("doorstep.carrier")
			fmt.Println(m.Name, carrier.AsString(), sum.DataPoints[0].Value > 0)
		}
	}
	// Output: doorstep.events fake true
}
