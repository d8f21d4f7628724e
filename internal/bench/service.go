package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// openService ingests through the whole service: every change of status is also put to
// the planner, which reads the order and its messages, and every decision is kept.
func openService(b postpurchase.Backend, closer func() error) (keeper, func() error, error) {
	ctx := context.Background()
	if err := errors.Join(fillBackend(ctx, b), fillOrders(ctx, b)); err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	svc, err := postpurchase.New(postpurchase.Config{
		ShopID: "shop", Carriers: []carriers.Adapter{silent{}}, Backend: b, Brand: notify.Shop{Name: "Shop"}, Zone: "Europe/Berlin",
		Clock: clock.NewFake(start.Add(time.Hour)),
	})
	if err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	keep := func(events ...event) error {
		news := make([]carriers.Update, len(events))
		for i, e := range events {
			news[i].TrackingNumber = parcelRef(e.parcel).TrackingNumber
			news[i].Events = []shipment.Event{e.shipmentEvent()}
		}
		return svc.Ingest(ctx, "ups", news...)
	}
	return keep, closer, nil
}

// silent is a carrier that is never asked: its news is pushed.
type silent struct{}

func (silent) Code() string { return "ups" }
func (silent) Track(context.Context, []carriers.Query) ([]carriers.Result, error) {
	return nil, errors.ErrUnsupported
}
func (silent) Limits() carriers.Limits { return carriers.Limits{} }

func fillOrders(ctx context.Context, b postpurchase.Backend) error {
	const chunk = 500
	for from := 0; from < parcels; from += chunk {
		err := b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
			for i := from; i < from+chunk; i++ {
				o := &order.Order{
					ID: orderID(i), Number: strings.TrimPrefix(orderID(i), "order-"), PlacedAt: start, UpdatedAt: start, Payment: order.PaymentPaid,
					Locale: "de-DE", TimeZone: "Europe/Berlin", Customer: order.Customer{Name: "A. Customer", Email: "a@example.com"},
					Lines: []order.Line{{ID: "1", SKU: "S", Title: "Shoes", Quantity: 1}},
				}
				if err := tx.PutOrder(o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
