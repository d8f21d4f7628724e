package postpurchase_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The number of a parcel has delivered another a year ago, and the carrier still tells
// of it. The customer is told of this parcel, and of nothing else.
func TestNumberWithAPast(t *testing.T) {
	w := newShop(t)
	w.place("1", "FAKE-TRANSIT")
	past := w.clock.Now().AddDate(-1, 0, 0)
	event := func(at time.Time, s shipment.Status) shipment.Event {
		return shipment.Event{Time: shipment.At(at), Place: berlin, Class: shipment.ClassStatus, Status: s, Code: string(s)}
	}
	u := carriers.Update{TrackingNumber: "FAKE-TRANSIT"}
	u.Events = []shipment.Event{
		event(past, shipment.OutForDelivery), event(past.Add(time.Hour), shipment.Delivered),
		event(w.clock.Now().Add(-24*time.Hour), shipment.PreTransit), // the label was made before the shop said so
		event(w.clock.Now(), shipment.InTransit),
	}
	if err := w.svc.Ingest(t.Context(), "fake", u); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if s := v.Parcels[0].Shipment; s.Status != shipment.InTransit || s.Journey != 0 || len(s.History) != 2 || len(s.Events) != 4 {
		t.Errorf("status %s, journey %d, history %v", s.Status, s.Journey, s.History)
	}
	shipped := slices.ContainsFunc(v.Messages, func(m *postpurchase.Message) bool {
		return m.Kind == notify.Shipped && (m.State == notify.StatePending || m.State == notify.StateSent)
	})
	if !shipped {
		t.Errorf("the customer does not hear that it was shipped: %+v", v.Messages)
	}
}

// A number of which only the form fits is nobody's: it may be of a carrier that the
// shop has no adapter for, and its double another person's parcel.
func TestCarrierIsNotGuessedByForm(t *testing.T) {
	u, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	w := newShop(t, func(c *postpurchase.Config) { c.Carriers = append(c.Carriers, u) })
	w.place("1")
	err = w.svc.Follow(t.Context(), "1", order.Parcel{ID: "s", Ref: shipment.Ref{TrackingNumber: "9274 8931 5077 0851 3018 0500"}})
	if !errors.Is(err, carriers.ErrUnsupported) {
		t.Errorf("a number with the form of USPS's is followed with UPS: %v", err)
	}
	if err := w.svc.Follow(t.Context(), "1", order.Parcel{ID: "s", Ref: shipment.Ref{TrackingNumber: "1Z999AA10123456784"}}); err != nil {
		t.Errorf("a number with UPS's prefix and check digit is not followed: %v", err)
	}
}
