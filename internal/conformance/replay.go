package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

type replayAnswer struct {
	Error         *wireError        `json:"error,omitempty"` // of the last body
	Final         string            `json:"final"`
	Finals        []string          `json:"finals"`
	Events        int               `json:"events"`
	Notifications map[string]int    `json:"notifications"`
	Packages      map[string]string `json:"packages"`
	DeliveredAt   string            `json:"delivered_at,omitempty"`
}

// replay lets a shop live through what its carrier answers. After each body some hours
// pass, so that messages are sent when they are due, and the carrier is polled: it
// answers the same body again, as carriers do.
func replay(ctx context.Context, line []byte) (any, error) {
	var request struct {
		Carrier     string   `json:"carrier"`
		ContentType string   `json:"content_type"`
		Status      int      `json:"http_status"`
		Bodies      [][]byte `json:"bodies_base64"`
	}
	if err := decode(line, &request); err != nil {
		return nil, err
	}
	if request.Carrier != neutralCode {
		return unsupported{true}, nil
	}
	w, err := newWorld(ctx, request.Bodies)
	if err != nil {
		return nil, err
	}
	// Before the first answer the carrier does not know the number yet.
	w.peer.status = http.StatusNotFound
	if err := w.live(ctx, time.Hour); err != nil {
		return nil, err
	}
	w.peer.contentType, w.peer.status = request.ContentType, request.Status
	if w.peer.status < 100 {
		w.peer.status = http.StatusOK
	}
	a := replayAnswer{Finals: []string{}, Notifications: map[string]int{}, Packages: map[string]string{}}
	for _, body := range request.Bodies {
		w.clock.Set(later(w.clock.Now(), arrival(body)))
		w.peer.body = body
		a.Error = nil
		if err := w.feed(ctx); err != nil {
			f := failed(err)
			a.Error = &f.Error
		}
		p, err := w.svc.Parcel(ctx, w.ref)
		if err != nil {
			return nil, err
		}
		a.Finals = append(a.Finals, canonical(p.Shipment.Status))
		if err := w.live(ctx, 4*time.Hour); err != nil {
			return nil, err
		}
	}
	if err := w.live(ctx, 36*time.Hour); err != nil {
		return nil, err
	}
	v, err := w.svc.Order(ctx, orderID)
	if err != nil {
		return nil, err
	}
	for i := range v.Parcels {
		s := &v.Parcels[i].Shipment
		a.Packages[s.Ref.TrackingNumber] = canonical(s.Status)
		a.Final, a.Events, a.DeliveredAt = canonical(s.Status), len(s.Events), s.DeliveredAt.String()
	}
	for _, m := range v.Messages {
		switch m.State {
		case notify.StatePending, notify.StateSending, notify.StateSent, notify.StateUnknown, notify.StateFailed:
			a.Notifications[told(m, v.Parcels)]++
		}
	}
	return a, nil
}

// told is the judge's word for what a message tells.
func told(m *postpurchase.Message, parcels []postpurchase.ParcelView) string {
	switch m.Kind {
	case notify.Shipped:
		return string(shipment.InTransit)
	case notify.ReadyForPickup:
		return string(shipment.AvailableForPickup)
	case notify.Exception:
		// One kind of message tells of several statuses; the time says of which.
		for _, p := range parcels {
			for _, t := range p.Shipment.History {
				at, ok := t.At.Instant()
				if ok && at.Equal(m.OccurredAt) || t.Seen.Equal(m.OccurredAt) {
					return canonical(t.Status)
				}
			}
		}
	}
	return string(m.Kind)
}

// world is a shop with one order in one parcel.
type world struct {
	clock *clock.Fake
	peer  *peer
	set   *carriers.Set
	svc   *postpurchase.Service
	ref   shipment.Ref
}

const (
	orderID = "1"

	// transit is how long before the first answer the order was placed.
	transit = 10 * 24 * time.Hour
)

func newWorld(ctx context.Context, bodies [][]byte) (*world, error) {
	w := &world{peer: &peer{}, ref: shipment.Ref{Carrier: neutralCode, TrackingNumber: "0000000000"}}
	placed := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i, body := range bodies {
		if at := arrival(body); i == 0 && !at.IsZero() {
			placed = at.Add(-transit)
		}
		if b, err := readNeutral(body); err == nil && carriers.CleanNumber(b.TrackingNumber) != "" {
			w.ref.TrackingNumber = carriers.CleanNumber(b.TrackingNumber)
			break
		}
	}
	w.clock = clock.NewFake(placed)
	adapter := newNeutral(w.peer)
	var err error
	if w.set, err = carriers.NewSet(adapter); err != nil {
		return nil, err
	}
	w.svc, err = postpurchase.New(postpurchase.Config{
		Carriers: []carriers.Adapter{adapter}, Clock: w.clock, Zone: "America/New_York", Sender: mute{},
		Brand: notify.Shop{Name: "Conformance", URL: "https://shop.example"}, BaseURL: "https://shop.example/post",
		LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)},
	})
	if err != nil {
		return nil, err
	}
	usd := money.Amount{Minor: 1000, Currency: "USD"}
	return w, w.svc.PlaceOrder(ctx, order.Order{
		ID: orderID, Number: orderID, PlacedAt: placed, UpdatedAt: placed, Payment: order.PaymentPaid, Locale: "en",
		Customer: order.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
		ShipTo:   order.Address{City: "Hoboken", Region: "NJ", Country: "US"},
		Lines:    []order.Line{{ID: "a", Title: "Tea pot", Quantity: 1, UnitPrice: usd, Paid: usd}},
		Totals:   order.Totals{Items: usd, Total: usd},
		Parcels:  []order.Parcel{{ID: "p", Ref: w.ref, Lines: []order.ParcelLine{{LineID: "a", Quantity: 1}}}},
	})
}

// feed asks the carrier once and takes what it says.
func (w *world) feed(ctx context.Context) error {
	r := w.set.Track(ctx, neutralCode, []carriers.Query{{Number: w.ref.TrackingNumber}})[0]
	if r.Err != nil {
		return r.Err
	}
	return w.svc.Ingest(ctx, neutralCode, r.Updates...)
}

// live lets time pass, and does what is due in each hour.
func (w *world) live(ctx context.Context, d time.Duration) error {
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		w.clock.Advance(time.Hour)
		if err := w.svc.Settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// arrival is when a body may have come: a few minutes after its newest event. Where
// clocks are wrong by years, the events in the middle are believed. It is zero where
// the body has no times.
func arrival(body []byte) time.Time {
	b, err := readNeutral(body)
	if err != nil {
		return time.Time{}
	}
	var times []time.Time
	for _, e := range b.Events {
		if at := e.event().Time; !at.IsZero() {
			times = append(times, at.In(time.UTC))
		}
	}
	if len(times) == 0 {
		return time.Time{}
	}
	slices.SortFunc(times, time.Time.Compare)
	i := len(times) / 2
	for i+1 < len(times) && times[i+1].Sub(times[i]) < 2*365*24*time.Hour {
		i++
	}
	return times[i].Add(10 * time.Minute)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// mute is a sender that takes every message.
type mute struct{}

// Channel implements [notify.Sender].
func (mute) Channel() notify.Channel { return notify.Email }

// Send implements [notify.Sender].
func (mute) Send(context.Context, notify.Message) (notify.Receipt, error) {
	return notify.Receipt{ProviderID: "taken"}, nil
}
