package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Retention says how long things are kept. The zero value keeps everything for ever.
// Ages count from the last news of an order: from the shop or from a carrier.
type Retention struct {
	// Personal is after which age an order is forgotten as [Service.Forget] does it: what
	// is left says what became of the parcels and nothing about a person. What was received
	// and not understood ([Service.Inbox]) is deleted at this age.
	Personal time.Duration

	// Orders is after which age an order is deleted, with its parcels and messages.
	Orders time.Duration
}

// Export returns everything that is kept about the customer with this e-mail address,
// the newest order first: the answer to a request for access (GDPR Article 15). A
// customer who is not known gets none.
func (s *Service) Export(ctx context.Context, email string) (views []*OrderView, err error) {
	err = s.view(ctx, func(r Reader) error {
		orders, err := r.OrdersOfCustomer(email)
		if err != nil {
			return err
		}
		views = nil
		for _, o := range orders {
			v, err := s.orderView(r, o)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// Forget erases what is known about the customer with this e-mail address, in every
// order of theirs: names, addresses, contacts, who signed, what carriers wrote, and the
// subjects of messages (GDPR Article 17). Messages that were not sent yet are not sent.
// What is left is what became of each parcel, under its tracking number. The shop's
// later copies of these orders bring nothing back. Bodies in the inbox are not searched:
// the oldest fall out by themselves. It returns how many orders it was.
func (s *Service) Forget(ctx context.Context, email string) (n int, err error) {
	if strings.TrimSpace(email) == "" {
		return 0, nil
	}
	for {
		did := 0
		err := s.update(ctx, func(tx Tx) error {
			did = 0
			orders, err := tx.OrdersOfCustomer(email)
			if err != nil {
				return err
			}
			for _, o := range orders[:min(len(orders), sweepSize/4)] {
				if err := s.forgetOrder(tx, o); err != nil {
					return err
				}
				did++
			}
			return nil
		})
		if err != nil || did == 0 {
			return n, err
		}
		n += did // those that are forgotten have no address any more, so the rest come next
	}
}

const cursorForgotten = "forgotten/" // and the order's id: it was forgotten

func (s *Service) forgetOrder(tx Tx, o *order.Order) error {
	anonymize(o)
	if err := tx.PutOrder(o); err != nil {
		return err
	}
	if err := tx.PutCursor(Cursor{Name: cursorForgotten + o.ID}); err != nil {
		return err
	}
	parcels, err := tx.ParcelsOfOrder(o.ID)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		if len(p.Orders) > 1 {
			continue // it is also somebody else's, and says no more of this customer than of them
		}
		p.PostalCode = ""
		sh := &p.Shipment
		sh.Proof, sh.PickupPoint = nil, nil
		sh.Destination.PostalCode, sh.Destination.Name = "", ""
		for i := range sh.Events {
			e := &sh.Events[i]
			e.Place.PostalCode, e.Place.Name = "", ""
			if e.Code != "" {
				e.Text = "" // carriers write names into it; without a code it is all there is
			}
		}
		if err := tx.PutParcel(p); err != nil {
			return err
		}
	}
	messages, err := tx.MessagesOfOrder(o.ID)
	if err != nil {
		return err
	}
	for _, m := range messages {
		m.Subject = ""
		if m.State == notify.StatePending {
			m.State, m.Reason = notify.StateCancelled, "the customer was forgotten"
		}
		if err := tx.PutMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// anonymize takes everything personal out of an order.
func anonymize(o *order.Order) {
	o.Customer = order.Customer{}
	o.ShipTo = order.Address{Country: o.ShipTo.Country}
	o.BillTo = order.Address{Country: o.BillTo.Country}
	o.Parcels = slices.Clone(o.Parcels)
	for i := range o.Parcels {
		o.Parcels[i].TrackingURL = ""
	}
}

// keepForgotten makes sure that the shop's new copy of an order brings nothing back
// that was forgotten.
func (s *Service) keepForgotten(r Reader, o *order.Order) error {
	_, err := r.Cursor(cursorForgotten + o.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	anonymize(o)
	return nil
}

const cursorRetain = "retain/" // and the order's id: its age is looked at when it is due

// retain sets the timer after which an order is forgotten or deleted.
func (s *Service) retain(tx Tx, orderID string, now time.Time) error {
	var due time.Time
	for _, age := range []time.Duration{s.cfg.Retention.Personal, s.cfg.Retention.Orders} {
		if at := now.Add(age); age > 0 && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	if due.IsZero() {
		return nil
	}
	return tx.PutCursor(Cursor{Name: cursorRetain + orderID, Due: due})
}

// retire forgets or deletes an order whose time has come, or finds that something has
// happened since and sets the timer again. It returns the timer to keep.
func (s *Service) retire(tx Tx, c Cursor, now time.Time) (Cursor, error) {
	c.Due = time.Time{}
	id := strings.TrimPrefix(c.Name, cursorRetain)
	o, err := tx.Order(id)
	if errors.Is(err, ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	parcels, err := tx.ParcelsOfOrder(id)
	if err != nil {
		return c, err
	}
	last := o.PlacedAt
	if o.UpdatedAt.After(last) {
		last = o.UpdatedAt
	}
	for _, p := range parcels {
		if p.NewsAt.After(last) {
			last = p.NewsAt
		}
		if p.Tracking == shipment.TrackingActive {
			last = now // it is still on its way
		}
	}
	personal, orders := s.cfg.Retention.Personal, s.cfg.Retention.Orders
	if orders > 0 && now.Sub(last) >= orders {
		return c, enqueue(tx, jobErase, id, orderArgs{id})
	}
	if personal > 0 && now.Sub(last) >= personal {
		if o.Customer != (order.Customer{}) {
			if err := s.forgetOrder(tx, o); err != nil {
				return c, err
			}
		}
		personal = 0 // done
	}
	for _, age := range []time.Duration{personal, orders} {
		if at := last.Add(age); age > 0 && (c.Due.IsZero() || at.Before(c.Due)) {
			c.Due = at
		}
	}
	return c, nil
}

const cursorInbox = "retain-inbox" // what is in the inbox is looked at when it is due

// retainInbox sets the timer after which what comes into the inbox is deleted.
func (s *Service) retainInbox(tx Tx, now time.Time) error {
	if s.cfg.Retention.Personal <= 0 {
		return nil
	}
	c, err := tx.Cursor(cursorInbox)
	if err != nil && !errors.Is(err, ErrNotFound) || !c.Due.IsZero() {
		return err
	}
	return tx.PutCursor(Cursor{Name: cursorInbox, Due: now.Add(s.cfg.Retention.Personal)})
}

// retireInbox deletes what is too old, and returns when to look again.
func (s *Service) retireInbox(tx Tx, now time.Time) (next time.Time, _ error) {
	if s.cfg.Retention.Personal <= 0 {
		return next, nil
	}
	if err := tx.DropInbox(now.Add(-s.cfg.Retention.Personal).Add(1)); err != nil { // what is exactly that old as well
		return next, err
	}
	left, err := tx.Inbox(1000)
	if len(left) > 0 {
		next = left[len(left)-1].Received.Add(s.cfg.Retention.Personal)
	}
	return next, err
}

// doErase deletes an order whose time has come.
func (s *Service) doErase(ctx context.Context, raw json.RawMessage) error {
	var args orderArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	return s.backend.DeleteOrder(ctx, s.shop, args.ID)
}

// FoldEmail is the form in which e-mail addresses are compared: without outer space and
// case. Backends use it for [Reader.OrdersOfCustomer].
func FoldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
