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
	code, ok := adapterOf[request.Carrier]
	if !ok {
		return unsupported{true}, nil
	}
	if request.Status < 100 {
		request.Status = http.StatusOK
	}
	answers := make([]peer, len(request.Bodies))
	for i, body := range request.Bodies {
		answers[i] = peer{request.Status, request.ContentType, body}
	}
	w, err := newWorld(ctx, code, answers)
	if err != nil {
		return nil, err
	}
	a := replayAnswer{Finals: []string{}, Notifications: map[string]int{}, Packages: map[string]string{}}
	for i := range answers {
		if at := w.arrivals[i]; at.After(w.clock.Now()) {
			w.clock.Set(at)
		}
		*w.peer = answers[i]
		a.Error = nil
		if err := w.feed(ctx); err != nil {
			f := failed(err)
			a.Error = &f.Error
		}
		v, err := w.svc.Order(ctx, orderID)
		if err != nil {
			return nil, err
		}
		a.Finals = append(a.Finals, overall(v))
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
	a.Final = overall(v)
	for i := range v.Parcels {
		s := &v.Parcels[i].Shipment
		a.Packages[s.Ref.TrackingNumber] = canonical(s.Status)
		a.Events += len(s.Events)
		if a.Final == string(shipment.Delivered) {
			a.DeliveredAt = s.DeliveredAt.String()
		}
	}
	for _, m := range v.Messages {
		switch m.State {
		case notify.StatePending, notify.StateSending, notify.StateSent, notify.StateUnknown, notify.StateFailed:
			a.Notifications[told(m, v.Parcels)]++
		}
	}
	return a, nil
}

// overall is the judge's word for an order: that for its parcel, or, where it turned
// out to be several, for how far all of them are.
func overall(v *postpurchase.OrderView) string {
	if len(v.Parcels) == 1 {
		return canonical(v.Parcels[0].Shipment.Status)
	}
	switch p := v.Progress; p.Status {
	case order.ProgressDelivered, order.ProgressReturned, order.ProgressCancelled:
		return string(p.Status)
	case order.ProgressAttention:
		return canonical(p.Attention)
	case order.ProgressPreparing:
		return string(shipment.PreTransit)
	}
	return string(shipment.InTransit)
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

// world is a shop with one order in one parcel, and a carrier that gives one answer.
type world struct {
	clock    *clock.Fake
	peer     *peer
	set      *carriers.Set
	svc      *postpurchase.Service
	ref      shipment.Ref
	arrivals []time.Time // when each answer may have come; zero where it does not tell
}

const (
	orderID = "1"

	// transit is how long before the first answer the order was placed.
	transit = 10 * 24 * time.Hour
)

func newWorld(ctx context.Context, carrier string, answers []peer) (*world, error) {
	w := &world{peer: &peer{status: http.StatusNotFound}, ref: shipment.Ref{Carrier: carrier, TrackingNumber: anyNumber}}
	placed := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range answers {
		set, err := newSet(&answers[i])
		if err != nil {
			return nil, err
		}
		updates := set.Track(ctx, carrier, []carriers.Query{{Number: anyNumber}})[0].Updates
		w.arrivals = append(w.arrivals, arrival(updates))
		if i == 0 && !w.arrivals[0].IsZero() {
			placed = w.arrivals[0].Add(-transit)
		}
		if len(updates) > 0 && w.ref.TrackingNumber == anyNumber {
			w.ref.TrackingNumber = updates[0].TrackingNumber
		}
	}
	w.clock = clock.NewFake(placed)
	var err error
	if w.set, err = newSet(w.peer); err != nil {
		return nil, err
	}
	var adapters []carriers.Adapter
	for _, code := range w.set.Codes() {
		a, _ := w.set.Adapter(code)
		adapters = append(adapters, a)
	}
	w.svc, err = postpurchase.New(postpurchase.Config{
		Carriers: adapters, Clock: w.clock, Zone: "America/New_York", Sender: mute{},
		Brand: notify.Shop{Name: "Conformance", URL: "https://shop.example"}, BaseURL: "https://shop.example/post",
		LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)},
	})
	if err != nil {
		return nil, err
	}
	usd := money.Amount{Minor: 1000, Currency: "USD"}
	err = w.svc.PlaceOrder(ctx, order.Order{
		ID: orderID, Number: orderID, PlacedAt: placed, UpdatedAt: placed, Payment: order.PaymentPaid, Locale: "en",
		Customer: order.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
		ShipTo:   order.Address{City: "Hoboken", Region: "NJ", Country: "US"},
		Lines:    []order.Line{{ID: "a", Title: "Tea pot", Quantity: 1, UnitPrice: usd, Paid: usd}},
		Totals:   order.Totals{Items: usd, Total: usd},
		Parcels:  []order.Parcel{{ID: "p", Ref: w.ref, CarrierName: carrier}},
	})
	if err != nil {
		return nil, err
	}
	return w, w.live(ctx, time.Hour) // in which the carrier does not know the number yet
}

// feed asks the carrier once and takes what it says of the parcel, and nudges the
// service to ask for itself: then it also follows what turns out to be beside it.
func (w *world) feed(ctx context.Context) error {
	r := w.set.Track(ctx, w.ref.Carrier, []carriers.Query{{Number: w.ref.TrackingNumber}})[0]
	if r.Err != nil {
		return r.Err
	}
	err := w.svc.Ingest(ctx, w.ref.Carrier, r.Updates[0], carriers.Update{TrackingNumber: w.ref.TrackingNumber})
	if err != nil {
		return err
	}
	return w.svc.Settle(ctx)
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

// arrival is when an answer may have come: a few minutes after its newest event. Where
// clocks are wrong by years, the events in the middle are believed. It is zero where
// the answer has no times.
func arrival(updates []carriers.Update) time.Time {
	var times []time.Time
	for _, u := range updates {
		for _, e := range u.Events {
			if !e.Time.IsZero() {
				times = append(times, e.Time.In(time.UTC))
			}
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

// mute is a sender that takes every message.
type mute struct{}

// Channel implements [notify.Sender].
func (mute) Channel() notify.Channel { return notify.Email }

// Send implements [notify.Sender].
func (mute) Send(context.Context, notify.Message) (notify.Receipt, error) {
	return notify.Receipt{ProviderID: "taken"}, nil
}
