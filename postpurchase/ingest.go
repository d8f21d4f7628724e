package postpurchase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Ingest takes news of parcels of one carrier, whoever brings it: an import, a
// person's correction, a source of the shop's own. It returns when all of it is kept,
// with the messages and jobs it calls for. What one update brings is kept together or
// not at all, and updates of one parcel are taken in their order; an update that cannot
// be kept does not keep back the others. To bring news again changes nothing. News of
// parcels that nobody follows is dropped and counted. Updates share commits where the
// backend can, those of concurrent calls too.
func (s *Service) Ingest(ctx context.Context, carrier string, updates ...carriers.Update) error {
	return s.observed(ctx, OpIngest, Attributes{Carrier: carrier}, func(ctx context.Context) error {
		now := s.now()
		for i := range updates {
			stamp(&updates[i], now)
		}
		if len(updates) <= 1 {
			return s.ingest(ctx, carrier, updates, now)
		}
		return s.ingestAll(ctx, carrier, updates, now)
	})
}

// ingestSize is how many transactions one call asks for at a time.
const ingestSize = 256

// ingestAll takes the updates of each number in a transaction of its own.
func (s *Service) ingestAll(ctx context.Context, carrier string, updates []carriers.Update, now time.Time) error {
	byNumber := make(map[string]int, len(updates))
	var parts [][]carriers.Update
	for _, u := range updates {
		n := carriers.CleanNumber(u.TrackingNumber)
		i, ok := byNumber[n]
		if !ok {
			i, byNumber[n] = len(parts), len(parts)
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], u)
	}
	errs := make([]error, len(parts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(parts), ingestSize) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(parts); i = int(next.Add(1)) - 1 {
				errs[i] = s.ingest(ctx, carrier, parts[i], now)
			}
		})
	}
	wg.Wait()
	// One trouble is usually everybody's, and is said once.
	var said []error
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(said, func(e error) bool { return e.Error() == err.Error() }) {
			said = append(said, err)
		}
	}
	return errors.Join(said...)
}

// ingest takes updates in one transaction.
func (s *Service) ingest(ctx context.Context, carrier string, updates []carriers.Update, now time.Time) error {
	var met tally
	err := s.update(ctx, func(tx Tx) error {
		met = tally{}
		for i := range updates {
			p, err := s.whose(tx, carrier, &updates[i])
			if errors.Is(err, ErrNotFound) {
				met.strangers++
				continue
			}
			if err != nil {
				return err
			}
			before := p.PollAt
			if len(updates[i].Events) == 0 && len(updates[i].Estimates) == 0 && p.Tracking == shipment.TrackingActive {
				p.PollAt = now // a nudge: the carrier has news and wants to be asked
			}
			news, err := s.learn(tx, p, updates[i].Update, now, &met)
			if err != nil {
				return err
			}
			if !news && p.PollAt.Equal(before) && now.Sub(p.AnsweredAt) < time.Minute {
				continue // a carrier that repeats itself costs nothing
			}
			p.AnsweredAt = now
			if err := tx.PutParcel(p); err != nil {
				return err
			}
			met.moved = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.tell(ctx, carrier, &met)
	if met.moved {
		s.rouse()
	}
	return nil
}

// prefetch reads many parcels, and what belongs to them, in one step where that is faster.
func prefetch(tx Tx, refs []shipment.Ref) error {
	if p, ok := tx.(Prefetcher); ok && len(refs) > 1 {
		return p.Prefetch(refs)
	}
	return nil
}

// stamp says when news was heard, where the adapter did not.
func stamp(u *carriers.Update, now time.Time) {
	for i := range u.Events {
		if u.Events[i].Seen.IsZero() {
			u.Events[i].Seen = now
		}
	}
	for i := range u.Estimates {
		e := &u.Estimates[i]
		if e.First.IsZero() {
			e.First = now
		}
		if e.Last.IsZero() {
			e.Last = e.First
		}
	}
}

// whose finds the parcel that news is about: the latest use of the number, unless the
// carrier's own id says that it is another parcel.
func (s *Service) whose(r Reader, carrier string, u *carriers.Update) (*Parcel, error) {
	p, err := r.LatestParcel(carrier, carriers.CleanNumber(u.TrackingNumber))
	for i := 0; errors.Is(err, ErrNotFound) && i < len(u.Related); i++ {
		// The carrier speaks of the consignment, and the shop follows its one piece.
		if n := u.Related[i]; n.Relation == shipment.RelatedChild && u.PieceCount <= 1 {
			p, err = r.LatestParcel(carrier, carriers.CleanNumber(n.TrackingNumber))
		}
	}
	if err != nil {
		return nil, err
	}
	if u.PieceID != "" && p.PieceID != "" && p.PieceID != u.PieceID {
		return nil, ErrNotFound
	}
	return p, nil
}

// learn applies news to p, plans what it calls for, and reports whether it was any. The
// caller puts p.
func (s *Service) learn(tx Tx, p *Parcel, u shipment.Update, now time.Time, met *tally) (news bool, err error) {
	sh := &p.Shipment
	changes := sh.Apply(u)
	met.events += len(u.Events)
	met.changes += len(changes)
	met.unmapped = append(met.unmapped, unmapped(sh.Ref.Carrier, u.Events)...)
	if len(changes) == 0 {
		return false, nil
	}
	p.NewsAt = now
	p.Tracking = s.trackingOf(p, now)
	if p.Tracking == shipment.TrackingActive {
		// Health can change by any news; it is worked out in the same transaction and not
		// by a job that could come late.
		if err := s.checkHealth(tx, p, now, met); err != nil {
			return false, err
		}
		if next := now.Add(s.cfg.Pace(p, now)); p.PollAt.IsZero() || next.Before(p.PollAt) {
			p.PollAt = next
		}
	} else {
		p.PollAt, p.CheckAt, p.RenewAt = time.Time{}, time.Time{}, time.Time{}
		p.Health = sh.HealthAt(now, s.healthRules(p)).Health
	}
	return true, s.planChanges(tx, p, changes, now)
}

// planChanges turns changes of a parcel into news for its customers.
func (s *Service) planChanges(tx Tx, p *Parcel, changes []shipment.Change, now time.Time) error {
	var news []notify.News
	for _, c := range changes {
		if c.Kind != shipment.ChangeStatus || !c.Current || c.Journey > 0 {
			continue // history, or the number's next parcel: not this customer's news
		}
		if c.Correction {
			if err := s.takeBack(tx, p, c.From); err != nil {
				return err
			}
		}
		if n, ok := newsOf(&p.Shipment, c, s.zoneOf(p.Zone)); ok {
			news = append(news, n)
		}
	}
	if len(news) == 0 {
		return nil
	}
	if err := s.askSiblings(tx, p, now); err != nil {
		return err
	}
	return s.plan(tx, p, news, now)
}

// askSiblings makes the other parcels of p's orders due: they often ride in the same
// van, and one message can tell of all.
func (s *Service) askSiblings(tx Tx, p *Parcel, now time.Time) error {
	for _, part := range p.Orders {
		o, err := tx.Order(part.OrderID)
		if err != nil {
			return err
		}
		if len(o.Parcels) <= 1 && p.Shipment.PieceCount <= 1 {
			continue
		}
		siblings, err := tx.ParcelsOfOrder(part.OrderID)
		if err != nil {
			return err
		}
		for _, q := range siblings {
			if q.Shipment.Ref == p.Shipment.Ref || !q.PollAt.After(now) || now.Sub(q.AskedAt) < lease || q.Failures > 0 {
				continue
			}
			q.PollAt = now
			if err := tx.PutParcel(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// kinds says which message a status is news for.
var kinds = map[shipment.Status]notify.Kind{
	shipment.InTransit:          notify.Shipped,
	shipment.OutForDelivery:     notify.OutForDelivery,
	shipment.Delivered:          notify.Delivered,
	shipment.AvailableForPickup: notify.ReadyForPickup,
	shipment.AttemptFailed:      notify.Exception,
	shipment.Exception:          notify.Exception,
	shipment.Returning:          notify.Exception,
	shipment.Failed:             notify.Exception,
}

// newsOf is what a change is to a customer, and whether it is anything.
func newsOf(sh *shipment.Shipment, c shipment.Change, zone *time.Location) (notify.News, bool) {
	kind, ok := kinds[c.To]
	if !ok {
		return notify.News{}, false
	}
	n := notify.News{Kind: kind, Parcel: sh.Ref.String(), Occurrence: c.Occurrence, OccurredAt: c.At.In(zone), Detail: string(c.To)}
	if c.At.IsZero() {
		n.OccurredAt = c.Seen
	}
	switch kind {
	case notify.Shipped:
		// Only the first movement is the shipping; to move again after a problem is not.
		if c.Occurrence > 1 || sh.Homeward || (c.From != "" && c.From != shipment.Pending && c.From != shipment.PreTransit) {
			return n, false
		}
	case notify.Exception:
		// One kind of message for several statuses: count them together.
		n.Occurrence = 0
		for _, t := range sh.History {
			if kinds[t.Status] == notify.Exception && t.Journey == sh.Journey {
				n.Occurrence++
			}
		}
	}
	return n, true
}

// ReceiveWebhook takes what a carrier pushed: the request's header and its body, read
// whole and not changed. Errors wrap [carriers.ErrUnauthorized] when the sender is not
// proved, and then nothing is kept; answer 401. A body that is authentic and not
// understood is kept for people to look at ([Service.Inbox]) and is no error, so that
// the carrier does not send it again. Any other error means that the news is not kept;
// answer 5xx and the carrier will.
func (s *Service) ReceiveWebhook(ctx context.Context, carrier string, header http.Header, body []byte) error {
	return s.observed(ctx, OpWebhook, Attributes{Carrier: carrier}, func(ctx context.Context) error {
		return s.receiveWebhook(ctx, carrier, header, body)
	})
}

func (s *Service) receiveWebhook(ctx context.Context, carrier string, header http.Header, body []byte) error {
	updates, err := s.set.ReceiveWebhook(ctx, carrier, header, body)
	switch {
	case errors.Is(err, carriers.ErrMalformed):
		s.malformed(ctx, carrier)
		s.log.WarnContext(ctx, "webhook not understood", "carrier", carrier)
		return s.keep(ctx, "carrier/"+carrier, "not understood", body)
	case err != nil:
		return err
	}
	before := s.counters.strangers.Load()
	if err := s.Ingest(ctx, carrier, updates...); err != nil {
		return err
	}
	if len(updates) > 0 && s.counters.strangers.Load() > before {
		s.log.InfoContext(ctx, "webhook about a parcel that is not followed", "carrier", carrier)
	}
	return nil
}

const maxInboxBody = 64 << 10

func (s *Service) keep(ctx context.Context, source, why string, body []byte) error {
	sum := sha256.Sum256(body)
	if len(body) > maxInboxBody {
		body = body[:maxInboxBody]
	}
	now := s.now()
	return s.update(ctx, func(tx Tx) error {
		if err := s.retainInbox(tx, now); err != nil {
			return err
		}
		return tx.PutInbox(InboxItem{Source: source, Why: why, Received: now, Digest: hex.EncodeToString(sum[:]), Body: body})
	})
}
