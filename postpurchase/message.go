package postpurchase

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// plan decides on news of a parcel, for each order that has a part in it.
func (s *Service) plan(tx Tx, p *Parcel, news []notify.News, now time.Time) error {
	if len(news) == 0 {
		return nil
	}
	for _, part := range p.Orders {
		o, err := tx.Order(part.OrderID)
		if err != nil {
			return err
		}
		mine := slices.Clone(news)
		for i := range mine {
			mine[i].OrderID = o.ID
		}
		if err := s.planFor(tx, o, mine, now); err != nil {
			return err
		}
	}
	return nil
}

// planFor decides on news of an order and keeps every decision, also those against
// sending: they answer the question why somebody was not told.
func (s *Service) planFor(tx Tx, o *order.Order, news []notify.News, now time.Time) error {
	kept, err := tx.MessagesOfOrder(o.ID)
	if err != nil {
		return err
	}
	byKey := make(map[string]*Message, len(kept))
	in := notify.Input{News: news, Now: now, Zone: s.zoneOf(o.TimeZone)}
	for _, m := range kept {
		byKey[m.Key] = m
		in.History = append(in.History, m.Planned)
	}
	put := map[string]*Message{}
	var order []string
	touch := func(m *Message) {
		if put[m.Key] == nil {
			order = append(order, m.Key)
		}
		put[m.Key], byKey[m.Key] = m, m
	}
	for _, d := range s.cfg.Planner.Plan(in) {
		if d.Rule == notify.RuleDuplicate {
			continue
		}
		if d.Action == notify.Supersede {
			if t := byKey[d.Target]; t != nil {
				left := slices.DeleteFunc(slices.Clone(t.Parcels), func(q string) bool { return slices.Contains(d.Parcels, q) })
				if len(left) == 0 {
					t.State = notify.StateSuperseded
				} else {
					t.Parcels = left
				}
				t.Rule, t.Reason, t.Target = d.Rule, d.Reason, d.Key
				touch(t)
			}
			continue
		}
		m := &Message{
			Planned: notify.Planned{
				Key: d.Key, Kind: d.Kind, OrderID: d.OrderID, Parcels: d.Parcels,
				OccurredAt: d.OccurredAt.UTC(), SendAt: d.SendAt.UTC(), Expires: d.Expires.UTC(),
			},
			Channel: d.Channel, Rule: d.Rule, Reason: d.Reason, Target: d.Target, Decided: now,
		}
		switch d.Action {
		case notify.Send:
			m.State = notify.StatePending
			if o.Customer.Email == "" {
				m.State, m.Rule, m.Reason = notify.StateSuppressed, notify.RuleChannel, "the order has no address to write to"
			}
		case notify.Merge:
			m.State = notify.StateMerged
			if t := byKey[d.Target]; t != nil {
				for _, q := range d.Parcels {
					if !slices.Contains(t.Parcels, q) {
						t.Parcels = append(t.Parcels, q)
					}
				}
				touch(t)
			}
		default:
			m.State = notify.StateSuppressed
		}
		touch(m)
	}
	for _, key := range order {
		if err := tx.PutMessage(put[key]); err != nil {
			return err
		}
	}
	return nil
}

// takeBack cancels what was not sent yet about a status that the carrier took back.
func (s *Service) takeBack(tx Tx, p *Parcel, status shipment.Status) error {
	kind, ok := kinds[status]
	if !ok {
		return nil
	}
	ref := p.Shipment.Ref.String()
	for _, part := range p.Orders {
		kept, err := tx.MessagesOfOrder(part.OrderID)
		if err != nil {
			return err
		}
		for _, m := range kept {
			if m.Kind != kind || m.State != notify.StatePending || !slices.Contains(m.Parcels, ref) {
				continue
			}
			if m.Parcels = slices.DeleteFunc(m.Parcels, func(q string) bool { return q == ref }); len(m.Parcels) == 0 {
				m.Parcels, m.State = []string{ref}, notify.StateCancelled
			}
			m.Reason = "the carrier took the news back"
			if err := tx.PutMessage(m); err != nil {
				return err
			}
		}
	}
	return nil
}

type sendArgs struct {
	Key string `json:"key"`
}

// sweepMessages makes jobs of the messages whose time has come.
func (s *Service) sweepMessages(ctx context.Context, now time.Time) (n int, err error) {
	err = s.update(ctx, func(tx Tx) error {
		due, err := tx.DueMessages(now, sweepSize)
		if err != nil {
			return err
		}
		n = len(due)
		for _, m := range due {
			if s.cfg.Sender == nil {
				m.State, m.Rule, m.Reason = notify.StateSuppressed, notify.RuleChannel, "no sender is configured"
			} else {
				m.SendAt = now.Add(lease) // when this process dies, it is due again then
				if err := enqueue(tx, jobSend, m.Key+"#"+strconv.Itoa(m.Tries)+"@"+strconv.FormatInt(now.UnixNano(), 36), sendArgs{m.Key}); err != nil {
					return err
				}
			}
			if err := tx.PutMessage(m); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

const maxTries = 12 // about three days with the waits between them

// doSend sends one message. It is made at the last moment, so that it tells how the
// parcels are now. Between the two commits around the sending, the message is in the
// state "sending": when the process dies there, nobody can know whether the provider
// took it, and it becomes "unknown" instead of being sent twice.
func (s *Service) doSend(ctx context.Context, raw json.RawMessage) error {
	var args sendArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	var msg notify.Message
	var left *Message // what was decided instead of sending it
	var unwritten error
	go_ := false
	// The first commit: this process alone sends the message from here on.
	err := s.update(ctx, func(tx Tx) error {
		go_, left, unwritten = false, nil, nil
		m, err := tx.Message(args.Key)
		if err != nil {
			return err
		}
		left = m
		switch m.State {
		case notify.StatePending:
		case notify.StateSending: // by a process that died
			m.State, m.Trouble = notify.StateUnknown, "the program stopped while it was being sent"
			return tx.PutMessage(m)
		default:
			left = nil
			return nil
		}
		if go_, err = s.mayGo(tx, m); err != nil || !go_ {
			return err
		}
		if msg, err = s.render(tx, m); err != nil {
			go_ = false
			unwritten = err
			m.State, m.Trouble = notify.StateFailed, "it could not be written: "+err.Error()
			return tx.PutMessage(m)
		}
		m.State, m.Tried, m.Tries = notify.StateSending, s.now(), m.Tries+1
		m.Locale, m.Subject = msg.Content.Locale, msg.Content.Subject
		return tx.PutMessage(m)
	})
	if err != nil {
		return err
	}
	if unwritten != nil {
		s.log.Error("message could not be written", "kind", left.Kind, "err", unwritten)
	}
	if !go_ {
		if left != nil {
			s.countMessage(ctx, left.Kind, left.State)
		}
		return nil
	}
	// The sending itself is not stopped half-way by a program that ends: it has a moment
	// to come to a known end.
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var receipt notify.Receipt
	sendErr := s.observed(sending, OpSend, Attributes{Kind: string(msg.Kind)}, func(ctx context.Context) (err error) {
		receipt, err = s.cfg.Sender.Send(ctx, msg)
		return err
	})
	var kept *Message
	err = s.update(context.WithoutCancel(ctx), func(tx Tx) error {
		m, err := tx.Message(args.Key)
		if err != nil {
			return err
		}
		s.outcome(m, receipt, sendErr)
		kept = m
		return tx.PutMessage(m)
	})
	if err != nil {
		return err
	}
	if sendErr != nil {
		s.log.Warn("message was not sent", "kind", kept.Kind, "state", kept.State, "try", kept.Tries, "err", sendErr)
	}
	s.countMessage(ctx, msg.Kind, kept.State)
	return nil
}

// mayGo asks the planner once more, at the moment of sending.
func (s *Service) mayGo(tx Tx, m *Message) (bool, error) {
	o, err := tx.Order(m.OrderID)
	if err != nil {
		return false, err
	}
	kept, err := tx.MessagesOfOrder(m.OrderID)
	if err != nil {
		return false, err
	}
	in := notify.Input{Now: s.now(), Zone: s.zoneOf(o.TimeZone)}
	for _, k := range kept {
		if k.Key != m.Key {
			in.History = append(in.History, k.Planned)
		}
	}
	d := s.cfg.Planner.Recheck(m.Planned, in)
	if d.Action == notify.Send {
		m.Parcels = d.Parcels
		return true, nil
	}
	m.Rule, m.Reason = d.Rule, d.Reason
	if d.Action == notify.Defer {
		m.SendAt = d.SendAt.UTC()
	} else {
		m.State = notify.StateSuppressed
	}
	return false, tx.PutMessage(m)
}

// outcome records what became of a message.
func (s *Service) outcome(m *Message, receipt notify.Receipt, err error) {
	now := s.now()
	m.Trouble = ""
	switch {
	case err == nil:
		m.State, m.Sent, m.Receipt = notify.StateSent, now, receipt.ProviderID
		return
	case errors.Is(err, notify.ErrRejected):
		m.State = notify.StateFailed
	case errors.Is(err, notify.ErrThrottled), errors.Is(err, notify.ErrTransient):
		m.State = notify.StatePending
		wait := min(time.Minute<<min(m.Tries, 9), 6*time.Hour)
		var e *notify.SendError
		if errors.As(err, &e) && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		m.SendAt = now.Add(wait)
		if m.Tries >= maxTries {
			m.State = notify.StateFailed
		}
	default: // also an error that says nothing: it may have been sent
		m.State = notify.StateUnknown
	}
	m.Trouble = err.Error()
}

// Resend sends a message that failed, or whose fate is unknown, once more. It is a
// person's decision: the customer may get it twice.
func (s *Service) Resend(ctx context.Context, key string) error {
	err := s.update(ctx, func(tx Tx) error {
		m, err := tx.Message(key)
		if err != nil {
			return err
		}
		if m.State != notify.StateFailed && m.State != notify.StateUnknown {
			return errors.New("postpurchase: only a message that failed or whose fate is unknown can be sent again")
		}
		now := s.now()
		m.State, m.SendAt, m.Tries, m.Expires = notify.StatePending, now, 0, now.Add(24*time.Hour)
		return tx.PutMessage(m)
	})
	if err == nil {
		s.rouse()
	}
	return err
}

// render writes a message from how things are now.
func (s *Service) render(r Reader, m *Message) (notify.Message, error) {
	o, err := r.Order(m.OrderID)
	if err != nil {
		return notify.Message{}, err
	}
	parcels, err := r.ParcelsOfOrder(m.OrderID)
	if err != nil {
		return notify.Message{}, err
	}
	d := s.messageData(o, parcels)
	for _, key := range m.Parcels {
		i := slices.IndexFunc(d.Parcels, func(p notify.Parcel) bool { return p.ID == key })
		switch {
		case i < 0:
		case d.Parcel == nil:
			p := d.Parcels[i]
			d.Parcel = &p
		default:
			d.Merged = append(d.Merged, d.Parcels[i])
		}
	}
	locale := o.Locale
	if locale == "" {
		locale = s.cfg.Locale
	}
	content, err := s.cfg.Templates.Render(m.Kind, locale, d)
	if err != nil {
		return notify.Message{}, err
	}
	return notify.Message{
		Key: s.shop + "/" + m.Key, Kind: m.Kind, Class: s.cfg.Planner.Class(m.Kind), ThreadRoot: s.shop + "/" + o.ID,
		To: notify.Address{Name: o.Customer.Name, Email: o.Customer.Email}, Content: content,
	}, nil
}

// messageData is an order and its parcels in the words of package notify.
func (s *Service) messageData(o *order.Order, parcels []*Parcel) notify.Data {
	zone := s.zoneOf(o.TimeZone)
	d := notify.Data{
		Now: s.now(), Zone: zone, Shop: s.cfg.Brand, Customer: notify.Customer{Name: o.Customer.Name},
		Order: notify.Order{
			Number: o.DisplayNumber(), URL: s.OrderLink(o.ID), PlacedAt: o.PlacedAt,
			Totals: notify.Totals{
				Items: o.Totals.Items, Discount: o.Totals.Discount, Shipping: o.Totals.Shipping,
				Tax: o.Totals.Tax, Total: o.Totals.Total, TaxIncluded: o.Totals.TaxIncluded,
			},
			Promise: messageWindow(o.Promise, zone),
			ShipTo: notify.PostalAddress{
				Name: o.ShipTo.Name, Street: o.ShipTo.Street1, City: o.ShipTo.City, Region: o.ShipTo.Region,
				PostalCode: o.ShipTo.PostalCode, Country: o.ShipTo.Country,
			},
		},
	}
	lines := map[string]notify.Line{}
	for _, l := range o.Lines {
		line := notify.Line{Title: l.Title, Options: l.Options, Quantity: l.Quantity, Paid: l.Paid, ImageURL: l.ImageURL}
		d.Order.Lines = append(d.Order.Lines, line)
		lines[l.ID] = line
	}
	for _, p := range parcels {
		d.Parcels = append(d.Parcels, s.messageParcel(o.ID, p, zone, lines))
	}
	return d
}

func (s *Service) messageParcel(orderID string, p *Parcel, zone *time.Location, lines map[string]notify.Line) notify.Parcel {
	sh := &p.Shipment
	m := notify.Parcel{
		ID: sh.Ref.String(), Carrier: s.set.Name(sh.Ref.Carrier), TrackingNumber: sh.Ref.TrackingNumber,
		TrackURL: s.OrderLink(orderID), Status: string(sh.Status), Detail: string(sh.Detail), Reason: string(sh.Reason),
		ShippedAt: sh.PickedUpAt.In(zone), DeliveredAt: sh.DeliveredAt.In(zone), DayOnly: sh.DeliveredAt.Precision() == shipment.PrecisionDay,
		PromisedBy: p.Promise.End(zone),
	}
	if eta, ok := sh.ETA(); ok && !sh.Status.Terminal() {
		m.ETA = messageWindow(eta.Window, zone)
	}
	if sh.Proof != nil {
		m.Place = sh.Proof.LeftAt
	}
	if sh.Status == shipment.AvailableForPickup {
		m.PickupPoint = messagePickup(sh, m.Carrier, zone)
	}
	for _, part := range p.Orders {
		if part.OrderID != orderID {
			continue
		}
		for _, l := range part.Lines {
			if line, ok := lines[l.LineID]; ok {
				line.Quantity = l.Quantity
				line.Paid.Minor, line.Paid.Currency = 0, "" // a part's price is not ours to say
				m.Lines = append(m.Lines, line)
			}
		}
	}
	return m
}

func messageWindow(w shipment.Window, zone *time.Location) notify.Window {
	to := w.To
	if to.IsZero() {
		to = w.From
	}
	return notify.Window{
		From: w.From.In(zone), To: to.In(zone),
		DayOnly: to.Precision() == shipment.PrecisionDay,
	}
}

// messagePickup is where a parcel waits: what the carrier says of the place, or else
// the place of the scan, under the carrier's name.
func messagePickup(sh *shipment.Shipment, carrier string, zone *time.Location) *notify.PickupPoint {
	var q shipment.PickupPoint
	if sh.PickupPoint != nil {
		q = *sh.PickupPoint
	}
	if q.Street == "" && q.Place.IsZero() {
		for _, e := range slices.Backward(sh.Events) {
			if e.Status == shipment.AvailableForPickup {
				q.Place = e.Place
				break
			}
		}
	}
	out := &notify.PickupPoint{Name: cmp.Or(q.Name, q.Place.Name, carrier), Hours: q.Hours, Until: q.Until.In(zone)}
	for _, line := range []string{q.Street, joinSpace(q.Place.PostalCode, q.Place.City), q.Place.Region, q.Place.Country} {
		if line != "" {
			out.Address = append(out.Address, line)
		}
	}
	return out
}

func joinSpace(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
