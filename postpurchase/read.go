package postpurchase

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// OrderView is an order and all that is known of it at one moment: what a tracking
// page, an agent and an answering machine need in one read.
type OrderView struct {
	Order    order.Order
	Progress order.Progress
	Parcels  []ParcelView // in the order they were followed
	Messages []*Message   // in the order they were decided on
	At       time.Time    // the moment of the view
	Zone     *time.Location
}

// ParcelView is a parcel at one moment.
type ParcelView struct {
	Parcel
	CarrierName string // for people
	Health      shipment.HealthReport

	// StaleSince is since when the carrier has not answered, where it should have; zero
	// while it does. News older than that is all there is.
	StaleSince time.Time
}

// Explain says why the parcel has the status it has.
func (p *ParcelView) Explain() shipment.Explanation { return p.Shipment.Explain() }

// Order returns all that is known of an order. The error wraps [ErrNotFound] where the
// order is not known.
func (s *Service) Order(ctx context.Context, orderID string) (*OrderView, error) {
	var v *OrderView
	err := s.view(ctx, func(r Reader) error {
		o, err := r.Order(orderID)
		if err != nil {
			return err
		}
		v, err = s.orderView(r, o)
		return err
	})
	return v, err
}

func (s *Service) orderView(r Reader, o *order.Order) (*OrderView, error) {
	parcels, err := r.ParcelsOfOrder(o.ID)
	if err != nil {
		return nil, err
	}
	messages, err := r.MessagesOfOrder(o.ID)
	if err != nil {
		return nil, err
	}
	v := &OrderView{Order: *o, Messages: messages, At: s.now(), Zone: s.zoneOf(o.TimeZone)}
	shipments := make([]*shipment.Shipment, len(parcels))
	for i, p := range parcels {
		shipments[i] = &p.Shipment
		v.Parcels = append(v.Parcels, s.parcelView(p, v.At))
	}
	v.Progress = order.DeriveProgress(o, shipments)
	return v, nil
}

func (s *Service) parcelView(p *Parcel, now time.Time) ParcelView {
	v := ParcelView{Parcel: *p, CarrierName: s.set.Name(p.Shipment.Ref.Carrier), Health: p.Shipment.HealthAt(now, s.healthRules(p))}
	if p.Failures > 0 {
		v.StaleSince = p.AnsweredAt
		if v.StaleSince.IsZero() {
			v.StaleSince = p.Followed
		}
	}
	return v
}

// FindOrder returns the order with this number that was placed with this e-mail
// address, in whatever case. The error is [ErrNotFound] alike for a number that is not
// known and for another address, and takes the same time: numbers can be counted up,
// and must tell a stranger nothing.
func (s *Service) FindOrder(ctx context.Context, number, email string) (*OrderView, error) {
	var v *OrderView
	err := s.view(ctx, func(r Reader) error {
		orders, err := r.OrdersByNumber(strings.TrimPrefix(strings.TrimSpace(number), "#"))
		if err != nil {
			return err
		}
		want := digest(email)
		var found *order.Order
		if len(orders) == 0 {
			orders = []*order.Order{{}} // nobody's order takes as long to be compared
		}
		for _, o := range orders {
			have := digest(o.Customer.Email)
			if subtle.ConstantTimeCompare(want[:], have[:]) == 1 && o.Customer.Email != "" && found == nil {
				found = o
			}
		}
		if found == nil {
			return ErrNotFound
		}
		v, err = s.orderView(r, found)
		return err
	})
	if err != nil && errors.Is(err, ErrNotFound) {
		return nil, ErrNotFound
	}
	return v, err
}

func digest(email string) [32]byte {
	return sha256.Sum256([]byte(FoldEmail(email)))
}

// Parcel returns a parcel as it is now. The error wraps [ErrNotFound] where it is not
// followed.
func (s *Service) Parcel(ctx context.Context, ref shipment.Ref) (*ParcelView, error) {
	var v ParcelView
	err := s.view(ctx, func(r Reader) error {
		p, err := r.Parcel(ref)
		if err != nil {
			return err
		}
		v = s.parcelView(p, s.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// AttentionView is what wants a person.
type AttentionView struct {
	Parcels  []ParcelView // stalled, late or at risk
	Messages []*Message   // failed, or of unknown fate
}

// Attention returns up to limit parcels and messages that want a person, the worst
// first.
func (s *Service) Attention(ctx context.Context, limit int) (AttentionView, error) {
	var v AttentionView
	err := s.view(ctx, func(r Reader) error {
		now := s.now()
		for _, h := range []shipment.Health{shipment.HealthStalled, shipment.HealthLate, shipment.HealthAtRisk} {
			parcels, err := r.ParcelsByHealth(h, limit-len(v.Parcels))
			if err != nil {
				return err
			}
			for _, p := range parcels {
				if p.Tracking == shipment.TrackingActive && !p.Shipment.Status.Terminal() {
					v.Parcels = append(v.Parcels, s.parcelView(p, now))
				}
			}
		}
		for _, state := range []notify.State{notify.StateUnknown, notify.StateFailed} {
			messages, err := r.MessagesByState(state, limit-len(v.Messages))
			if err != nil {
				return err
			}
			v.Messages = append(v.Messages, messages...)
		}
		return nil
	})
	return v, err
}

// Inbox returns up to limit things that were received from known senders and not
// understood, the newest first. Bodies may hold personal data.
func (s *Service) Inbox(ctx context.Context, limit int) (items []InboxItem, err error) {
	err = s.view(ctx, func(r Reader) error { items, err = r.Inbox(limit); return err })
	return items, err
}
