package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Pace is the built-in [Config.Pace]: often when the door may ring, rarely when
// nothing can have happened. A parcel whose carrier pushes is asked about a quarter as
// often, but for the day on which it is to come: pushes get lost.
func Pace(p *Parcel, now time.Time) time.Duration {
	var d time.Duration
	switch p.Shipment.Status {
	case shipment.OutForDelivery:
		d = 20 * time.Minute
	case shipment.InTransit:
		d = 4 * time.Hour
	case shipment.AttemptFailed, shipment.Exception:
		d = 3 * time.Hour
	case shipment.AvailableForPickup:
		d = 6 * time.Hour
	case shipment.Returning, shipment.Delivered, shipment.Returned, shipment.Failed, shipment.Cancelled:
		d = 12 * time.Hour
	default: // not scanned yet: soon after the label, then less and less
		d = 2 * time.Hour
		if now.Sub(p.Followed) > 3*24*time.Hour {
			d = 8 * time.Hour
		}
	}
	quiet := p.NewsAt
	if quiet.IsZero() {
		quiet = p.Followed
	}
	if now.Sub(quiet) > 14*24*time.Hour {
		d = max(d, 24*time.Hour)
	}
	if now.Before(p.PushUntil) && d >= 2*time.Hour {
		d *= 4
	}
	if s := p.Shipment.Status; s == shipment.InTransit || s == shipment.AttemptFailed {
		// The day on which it is to come begins with a question, and has one every hour.
		end := p.Promise.End(time.UTC)
		if eta, ok := p.Shipment.ETA(); ok {
			end = eta.Window.End(time.UTC)
		}
		if left := end.Sub(now); left > day {
			d = min(d, left-day)
		} else if left > -day {
			d = min(d, time.Hour)
		}
	}
	// Parcels that were followed together are not asked about together for ever.
	h := fnv.New32a()
	h.Write([]byte(p.Shipment.Ref.TrackingNumber))
	return d + d*time.Duration(h.Sum32()%21)/100
}

const (
	// lease is how long a claimed parcel is left to the job that asks about it. When the
	// process dies, the parcel is due again after it.
	lease     = 10 * time.Minute
	sweepSize = 200
)

type pollArgs struct {
	Carrier string         `json:"carrier"`
	Refs    []shipment.Ref `json:"refs"`
}

// sweepPolls claims the parcels that are due to be asked about, carrier by carrier and
// within each carrier's budget, and makes jobs of them in the same transaction. What is
// over the budget stays due, and does not become jobs that fail. next is when a carrier
// without budget has some again.
func (s *Service) sweepPolls(ctx context.Context, now time.Time) (n int, next time.Time, err error) {
	for _, code := range s.set.Codes() {
		limits := s.set.Limits(code)
		batch := max(1, limits.Batch)
		claimed := 0
		var free time.Time
		err = s.update(ctx, func(tx Tx) error {
			claimed, free = 0, time.Time{}
			b, err := loadBudget(tx, code, limits, now)
			if err != nil {
				return err
			}
			requests := min(b.free(), max(1, sweepSize/batch))
			if requests == 0 {
				free = b.next(now)
				return nil
			}
			due, err := tx.DueParcels(TimerPoll, code, now, requests*batch)
			if err != nil || len(due) == 0 {
				return err
			}
			claimed = len(due)
			args := pollArgs{Carrier: code}
			flush := func() error {
				if len(args.Refs) == 0 {
					return nil
				}
				b.spend()
				err := enqueue(tx, jobPoll, args.Refs[0].String()+"@"+strconv.FormatInt(now.UnixNano(), 36), args)
				args.Refs = nil
				return err
			}
			for _, p := range due {
				if p.Tracking = s.trackingOf(p, now); p.Tracking != shipment.TrackingActive {
					p.PollAt, p.CheckAt, p.RenewAt = time.Time{}, time.Time{}, time.Time{}
					if err := tx.PutParcel(p); err != nil {
						return err
					}
					continue
				}
				p.PollAt = now.Add(lease)
				if err := tx.PutParcel(p); err != nil {
					return err
				}
				if args.Refs = append(args.Refs, p.Shipment.Ref); len(args.Refs) == batch {
					if err := flush(); err != nil {
						return err
					}
				}
			}
			if err := flush(); err != nil {
				return err
			}
			return b.save(tx)
		})
		if err != nil {
			return n, next, err
		}
		if !free.IsZero() && (next.IsZero() || free.Before(next)) {
			next = free
		}
		n += claimed
	}
	return n, next, nil
}

// doPoll asks a carrier about parcels and keeps what it says. A carrier that is down is
// no failed job: the parcels are due again later, and say since when they are old.
func (s *Service) doPoll(ctx context.Context, raw json.RawMessage) error {
	var args pollArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	queries := make([]carriers.Query, len(args.Refs))
	err := s.view(ctx, func(r Reader) error {
		for i, ref := range args.Refs {
			p, err := r.Parcel(ref)
			if err != nil {
				return err
			}
			queries[i] = query(p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var results []carriers.Result
	_ = s.observed(ctx, OpPoll, Attributes{Carrier: args.Carrier}, func(ctx context.Context) error {
		results = s.set.Track(ctx, args.Carrier, queries)
		return unanswered(results)
	})
	if ctx.Err() != nil {
		return ctx.Err() // the program is stopping: the job is done again
	}
	now := s.now()
	for i := range results {
		for j := range results[i].Updates {
			stamp(&results[i].Updates[j], now)
		}
	}
	var met tally
	err = s.update(ctx, func(tx Tx) error {
		met = tally{}
		if err := prefetch(tx, args.Refs); err != nil {
			return err
		}
		for i, ref := range args.Refs {
			p, err := tx.Parcel(ref)
			if err != nil {
				return err
			}
			if err := s.answered(tx, p, &results[i], now, &met); err != nil {
				return err
			}
			if err := tx.PutParcel(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.tell(ctx, args.Carrier, &met)
		s.rouse()
	}
	return err
}

func query(p *Parcel) carriers.Query {
	q := carriers.Query{
		Number: p.Shipment.Ref.TrackingNumber, PieceID: p.PieceID, PostalCode: p.PostalCode, Country: p.Country,
	}
	if !p.ShippedAt.IsZero() {
		q.ShippedFrom, q.ShippedTo = p.ShippedAt.AddDate(0, 0, -7), p.ShippedAt.AddDate(0, 0, 30)
	}
	return q
}

// answered takes a carrier's answer about p, or the lack of one. The caller puts p.
func (s *Service) answered(tx Tx, p *Parcel, r *carriers.Result, now time.Time, met *tally) error {
	var detail *carriers.Error
	if errors.Is(r.Err, carriers.ErrRateLimited) && errors.As(r.Err, &detail) && detail.HTTPStatus == 0 {
		// We did not ask: our own budget was used up meanwhile, by another process or a
		// subscription. That says nothing about the carrier.
		p.PollAt = now.Add(max(detail.RetryAfter, time.Second))
		return nil
	}
	p.AskedAt = now
	if r.Err != nil && !errors.Is(r.Err, carriers.ErrNotFound) {
		p.Failures++
		p.Trouble = trouble(r.Err)
		wait := carriers.RetryAfter(r.Err)
		if wait == 0 {
			wait = min(time.Minute<<min(p.Failures, 8), 4*time.Hour)
			if !carriers.Temporary(r.Err) {
				wait = max(wait, time.Hour) // credentials do not mend themselves within minutes
			}
		}
		p.PollAt = now.Add(wait)
		failures := p.Failures
		met.log = append(met.log, func() {
			s.log.Warn("carrier did not answer", "carrier", p.Shipment.Ref.Carrier, "err", r.Err, "failures", failures)
		})
		return nil
	}
	p.Failures, p.Trouble, p.AnsweredAt = 0, "", now
	p.PollAt = time.Time{}
	if r.Err == nil {
		if u := choose(p, r.Updates); u != nil {
			if p.PieceID == "" {
				p.PieceID = u.PieceID
			}
			if _, err := s.learn(tx, p, u.Update, now, met); err != nil {
				return err
			}
			if err := s.followPieces(tx, p, u, r.Updates, now, met); err != nil {
				return err
			}
		}
	}
	// Not found is no news: early in a parcel's life it means "not yet", late in it that
	// the carrier has forgotten. Neither moves the status.
	if p.Tracking = s.trackingOf(p, now); p.Tracking == shipment.TrackingActive {
		if p.PollAt.IsZero() {
			p.PollAt = now.Add(s.cfg.Pace(p, now))
		}
	} else {
		p.PollAt, p.CheckAt, p.RenewAt = time.Time{}, time.Time{}, time.Time{}
	}
	return nil
}

// maxPieces is how many parcels may turn out to be behind one number of the shop's.
const maxPieces = 50

// followPieces follows the other pieces of a consignment of which the shop knows one
// number: the order has not arrived before all of them have.
func (s *Service) followPieces(tx Tx, p *Parcel, u *carriers.Update, all []carriers.Update, now time.Time, met *tally) error {
	for i := range all {
		piece := &all[i]
		if piece == u || i >= maxPieces || !slices.ContainsFunc(u.Related, func(r shipment.Related) bool {
			return r.Relation == shipment.RelatedChild && r.TrackingNumber == piece.TrackingNumber
		}) {
			continue
		}
		ref := shipment.Ref{Carrier: p.Shipment.Ref.Carrier, TrackingNumber: carriers.CleanNumber(piece.TrackingNumber), Epoch: p.Shipment.Ref.Epoch}
		if _, err := tx.LatestParcel(ref.Carrier, ref.TrackingNumber); !errors.Is(err, ErrNotFound) {
			if err != nil {
				return err
			}
			continue // it asks for itself
		}
		q := &Parcel{
			Shipment: shipment.Shipment{Ref: ref, Status: shipment.Pending, NotBefore: p.Shipment.NotBefore},
			PieceID:  piece.PieceID, PostalCode: p.PostalCode, Country: p.Country, ShippedAt: p.ShippedAt, Promise: p.Promise, Zone: p.Zone,
			Followed: now, Tracking: shipment.TrackingActive, AskedAt: now, AnsweredAt: now,
		}
		for _, o := range p.Orders {
			q.Orders = append(q.Orders, ParcelOrder{OrderID: o.OrderID})
		}
		if s.set.CanSubscribe(ref.Carrier) {
			q.RenewAt = now
		}
		// The messages about it need to find it.
		if err := tx.PutParcel(q); err != nil {
			return err
		}
		if _, err := s.learn(tx, q, piece.Update, now, met); err != nil {
			return err
		}
		if q.PollAt.IsZero() && q.Tracking == shipment.TrackingActive {
			q.PollAt = now.Add(s.cfg.Pace(q, now))
		}
		if err := tx.PutParcel(q); err != nil {
			return err
		}
	}
	return nil
}

// choose picks the parcel that is meant among those the number may mean.
func choose(p *Parcel, updates []carriers.Update) *carriers.Update {
	for i := range updates {
		if p.PieceID != "" && updates[i].PieceID == p.PieceID {
			return &updates[i]
		}
	}
	if p.PieceID == "" && len(updates) > 0 {
		return &updates[0]
	}
	// The id is gone. Where no update has one, the number is all there is.
	for i := range updates {
		if updates[i].PieceID == "" && carriers.CleanNumber(updates[i].TrackingNumber) == p.Shipment.Ref.TrackingNumber {
			return &updates[i]
		}
	}
	return nil
}

// trouble names an error by its kind.
func trouble(err error) string {
	for _, kind := range []error{carriers.ErrRateLimited, carriers.ErrUnauthorized, carriers.ErrUnavailable, carriers.ErrMalformed, carriers.ErrInvalid, carriers.ErrUnsupported} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "failed"
}

// sweepRenewals asks carriers to push, and to go on pushing before they stop.
func (s *Service) sweepRenewals(ctx context.Context, now time.Time) (n int, err error) {
	err = s.update(ctx, func(tx Tx) error {
		due, err := tx.DueParcels(TimerRenew, "", now, sweepSize)
		if err != nil {
			return err
		}
		n = len(due)
		byCarrier := map[string][]shipment.Ref{}
		for _, p := range due {
			p.RenewAt = time.Time{}
			if p.Tracking == shipment.TrackingActive && s.set.CanSubscribe(p.Shipment.Ref.Carrier) {
				p.RenewAt = now.Add(lease)
				byCarrier[p.Shipment.Ref.Carrier] = append(byCarrier[p.Shipment.Ref.Carrier], p.Shipment.Ref)
			}
			if err := tx.PutParcel(p); err != nil {
				return err
			}
		}
		for _, code := range s.set.Codes() {
			for refs := byCarrier[code]; len(refs) > 0; {
				k := min(len(refs), 100)
				if err := enqueue(tx, jobSubscribe, refs[0].String()+"@"+strconv.FormatInt(now.UnixNano(), 36), pollArgs{code, refs[:k]}); err != nil {
					return err
				}
				refs = refs[k:]
			}
		}
		return nil
	})
	return n, err
}

func (s *Service) doSubscribe(ctx context.Context, raw json.RawMessage) error {
	var args pollArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	queries := make([]carriers.Query, len(args.Refs))
	for i, ref := range args.Refs {
		queries[i].Number = ref.TrackingNumber
	}
	var subs []carriers.Subscription
	failed := s.observed(ctx, OpSubscribe, Attributes{Carrier: args.Carrier}, func(ctx context.Context) (err error) {
		subs, err = s.set.Subscribe(ctx, args.Carrier, queries)
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed != nil && !errors.Is(failed, carriers.ErrUnsupported) {
		s.log.WarnContext(ctx, "carrier took no subscription", "carrier", args.Carrier, "err", failed)
	}
	now := s.now()
	return s.update(ctx, func(tx Tx) error {
		if err := prefetch(tx, args.Refs); err != nil {
			return err
		}
		for i, ref := range args.Refs {
			p, err := tx.Parcel(ref)
			if err != nil {
				return err
			}
			switch {
			case p.Tracking != shipment.TrackingActive:
				p.RenewAt = time.Time{}
			case errors.Is(failed, carriers.ErrUnsupported): // this account has no pushes
				p.RenewAt = time.Time{}
			case failed != nil:
				p.RenewAt = now.Add(max(time.Hour, carriers.RetryAfter(failed)))
			case subs[i].Err != nil: // the carrier does not know the number yet, or refuses it
				p.RenewAt = now.Add(12 * time.Hour)
			case subs[i].Expires.IsZero():
				p.PushUntil, p.RenewAt = now.AddDate(10, 0, 0), time.Time{}
			default:
				p.PushUntil = subs[i].Expires.UTC()
				// A fifth of its life before the end there is time for failures.
				p.RenewAt = now.Add(subs[i].Expires.Sub(now) * 4 / 5)
			}
			if err := tx.PutParcel(p); err != nil {
				return err
			}
		}
		return nil
	})
}
