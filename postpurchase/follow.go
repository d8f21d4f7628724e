package postpurchase

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// PlaceOrder keeps an order as the shop says it now, follows the parcels it lists, and
// plans the messages that this calls for. Call it as often as you like: an order that
// is known changes nothing, and an older copy never replaces a newer one.
func (s *Service) PlaceOrder(ctx context.Context, o order.Order) error {
	if s.cfg.Complete != nil {
		s.cfg.Complete(&o)
	}
	if err := o.Validate(); err != nil {
		return err
	}
	o = s.withCarriers(o)
	err := s.update(ctx, func(tx Tx) error { return s.placeOrder(tx, &o, s.now()) })
	if err == nil {
		s.rouse()
	}
	return err
}

func (s *Service) placeOrder(tx Tx, o *order.Order, now time.Time) error {
	old, err := tx.Order(o.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if old != nil && !o.Replaces(old) {
		return nil
	}
	if err := s.keepForgotten(tx, o); err != nil {
		return err
	}
	if err := tx.PutOrder(o); err != nil {
		return err
	}
	if err := s.retain(tx, o.ID, now); err != nil {
		return err
	}
	for _, p := range o.Parcels {
		if p.Ref.TrackingNumber == "" || p.Ref.Carrier == "" {
			continue // nothing to follow yet: the shop will tell
		}
		if err := s.followParcel(tx, o, p, now); err != nil {
			return err
		}
	}
	if o.Cancelled || !paid(o.Payment) {
		return nil
	}
	return s.planFor(tx, o, []notify.News{{Kind: notify.OrderConfirmed, OrderID: o.ID, OccurredAt: o.PlacedAt}}, now)
}

func paid(p order.Payment) bool {
	switch p {
	case order.PaymentPaid, order.PaymentAuthorized, order.PaymentPartiallyRefunded:
		return true
	}
	return false
}

// withCarriers cleans the tracking numbers of an order and finds the carrier by the
// number where the shop's word for it was not understood. It guesses only where one
// carrier is surer than all others, and never by the form alone: a number of a carrier
// without an adapter has the form of somebody's, and would show a stranger's parcel.
func (s *Service) withCarriers(o order.Order) order.Order {
	o.Parcels = slices.Clone(o.Parcels)
	for i := range o.Parcels {
		ref := &o.Parcels[i].Ref
		ref.TrackingNumber = carriers.CleanNumber(ref.TrackingNumber)
		if _, known := s.set.Adapter(ref.Carrier); known || ref.TrackingNumber == "" {
			continue
		}
		ref.Carrier = ""
		found := s.set.Detect(ref.TrackingNumber)
		if len(found) > 0 && found[0].Confidence > carriers.Possible && (len(found) == 1 || found[0].Confidence > found[1].Confidence) {
			ref.Carrier = found[0].Carrier
		} else {
			s.log.Warn("carrier of a parcel is not known", "order", o.ID, "candidates", len(found))
		}
	}
	return o
}

// Follow begins to follow a parcel of an order that was placed before. p.Ref.Carrier
// may be empty when the tracking number tells the carrier. To follow a parcel again
// changes nothing but what the shop says of its contents.
func (s *Service) Follow(ctx context.Context, orderID string, p order.Parcel) error {
	p = s.withCarriers(order.Order{ID: orderID, Parcels: []order.Parcel{p}}).Parcels[0]
	if p.Ref.TrackingNumber == "" {
		return &carriers.Error{Carrier: cmp.Or(p.Ref.Carrier, "?"), Op: "follow", Kind: carriers.ErrInvalid, Message: "not a tracking number"}
	}
	if p.Ref.Carrier == "" {
		return &carriers.Error{Carrier: "?", Op: "follow", Kind: carriers.ErrUnsupported, Message: fmt.Sprintf("no adapter for this carrier, only for %v", s.set.Codes())}
	}
	err := s.update(ctx, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(o.Parcels, func(q order.Parcel) bool { return q.Ref == p.Ref && q.ID == p.ID })
		if i < 0 {
			o.Parcels = append(o.Parcels, p)
		} else {
			o.Parcels[i] = p
		}
		if err := tx.PutOrder(o); err != nil {
			return err
		}
		return s.followParcel(tx, o, p, s.now())
	})
	if err == nil {
		s.rouse()
	}
	return err
}

// reuse is how long after a parcel's end its number can mean a new parcel. Carriers
// rest a number for longer than that.
const reuse = 60 * 24 * time.Hour

func (s *Service) followParcel(tx Tx, o *order.Order, op order.Parcel, now time.Time) error {
	part := ParcelOrder{OrderID: o.ID, ShopID: op.ID, Lines: op.Lines}
	p, err := tx.LatestParcel(op.Ref.Carrier, op.Ref.TrackingNumber)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.newParcel(tx, o, op, part, 0, now)
	case err != nil:
		return err
	}
	if i := slices.IndexFunc(p.Orders, func(q ParcelOrder) bool { return q.OrderID == o.ID && q.ShopID == op.ID }); i >= 0 {
		if slices.Equal(p.Orders[i].Lines, part.Lines) {
			return nil
		}
		p.Orders[i].Lines = part.Lines
		return tx.PutParcel(p)
	}
	if p.Shipment.Status.Terminal() && now.Sub(p.NewsAt) > reuse {
		return s.newParcel(tx, o, op, part, p.Shipment.Ref.Epoch+1, now)
	}
	// Two orders in one box: both customers are told.
	p.Orders = append(p.Orders, part)
	if err := s.enqueueLink(tx, o.ID, part); err != nil {
		return err
	}
	return tx.PutParcel(p)
}

func (s *Service) newParcel(tx Tx, o *order.Order, op order.Parcel, part ParcelOrder, epoch int, now time.Time) error {
	ref := op.Ref
	ref.Epoch = epoch
	p := &Parcel{
		Shipment: shipment.Shipment{Ref: ref, Status: shipment.Pending},
		Orders:   []ParcelOrder{part}, PostalCode: o.ShipTo.PostalCode, Country: o.ShipTo.Country,
		ShippedAt: op.ShippedAt, Promise: o.Promise, Zone: o.TimeZone,
		Followed: now, Tracking: shipment.TrackingActive, PollAt: now,
	}
	// What the carrier still says of the number's last parcel, by whomever it was sent, is
	// not of this one.
	p.Shipment.NotBefore = notBefore(o, op, epoch, now)
	if s.set.CanSubscribe(ref.Carrier) {
		p.RenewAt = now
	}
	p.CheckAt = p.Shipment.HealthAt(now, s.healthRules(p)).NextCheck
	if err := s.enqueueLink(tx, o.ID, part); err != nil {
		return err
	}
	return tx.PutParcel(p)
}

// notBefore is the earliest moment of which news can be of a parcel: labels are
// printed before an order is placed only by days, and a number rests for months.
func notBefore(o *order.Order, op order.Parcel, epoch int, now time.Time) time.Time {
	first := cmp.Or(o.PlacedAt, op.ShippedAt, now)
	if !op.ShippedAt.IsZero() && op.ShippedAt.Before(first) {
		first = op.ShippedAt
	}
	if epoch > 0 { // we know the earlier parcel, and how near it is
		return first.Add(-7 * day).UTC()
	}
	return first.Add(-30 * day).UTC()
}

// Stop stops following a parcel. What is known of it stays.
func (s *Service) Stop(ctx context.Context, ref shipment.Ref) error {
	return s.update(ctx, func(tx Tx) error {
		p, err := tx.Parcel(ref)
		if err != nil {
			return err
		}
		p.Tracking = shipment.TrackingStopped
		p.PollAt, p.CheckAt, p.RenewAt = time.Time{}, time.Time{}, time.Time{}
		return tx.PutParcel(p)
	})
}

const (
	// corrections is how long after a parcel's end the carrier is still listened to:
	// deliveries are taken back, and the lost are found.
	corrections = 3 * 24 * time.Hour
	// silence is after how long without news asking is given up. The longest gap that
	// parcels by sea come back from is about two months.
	silence = 75 * 24 * time.Hour
)

// trackingOf is the state of the feed.
func (s *Service) trackingOf(p *Parcel, now time.Time) shipment.Tracking {
	if p.Tracking == shipment.TrackingStopped || p.Tracking == shipment.TrackingPaused {
		return p.Tracking
	}
	last := p.NewsAt
	if last.IsZero() {
		last = p.Followed
	}
	switch {
	case p.Shipment.Status.Terminal() && now.Sub(last) >= corrections:
		return shipment.TrackingCompleted
	case now.Sub(last) >= silence:
		return shipment.TrackingExpired
	}
	return shipment.TrackingActive
}
