package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// AlarmKind is what an alarm is about. It is an open string.
type AlarmKind string

// The kinds of alarm. All are about something that did not happen.
const (
	AlarmNoScan  AlarmKind = "no_scan" // a label was made, and the carrier never scanned the parcel
	AlarmStalled AlarmKind = "stalled" // the parcel has not moved for too long
	AlarmAtRisk  AlarmKind = "at_risk" // it will probably be late
	AlarmLate    AlarmKind = "late"    // the promise has passed
)

// Alarm is a parcel that needs somebody's attention.
type Alarm struct {
	Kind     AlarmKind       `json:"kind"`
	Ref      shipment.Ref    `json:"ref"`
	OrderIDs []string        `json:"order_ids"`
	Status   shipment.Status `json:"status"`
	Why      string          `json:"why"` // one sentence, without personal data
	At       time.Time       `json:"at"`
}

func (s *Service) healthRules(p *Parcel) shipment.HealthRules {
	r := s.cfg.Health
	r.Promise, r.Zone, r.Followed = p.Promise, s.zoneOf(p.Zone), p.Followed
	return r
}

// checkHealth works out how p is doing, raises what there is to raise and sets the
// next check. The caller puts p.
func (s *Service) checkHealth(tx Tx, p *Parcel, now time.Time, met *tally) error {
	h := p.Shipment.HealthAt(now, s.healthRules(p))
	p.Health = h.Health
	if p.CheckAt.IsZero() || h.NextCheck.Before(p.CheckAt) && !h.NextCheck.IsZero() {
		// A check that comes too early finds nothing and sets the next: cheaper than moving
		// the timer with every scan.
		p.CheckAt = h.NextCheck
	}
	if p.Shipment.Status.Terminal() {
		return nil
	}
	var news []notify.News
	raise := func(kind AlarmKind, message notify.Kind) error {
		// Each alarm once for each silence: after the parcel moved, it can stall again.
		key := string(kind)
		if kind == AlarmStalled {
			key += "/" + strconv.Itoa(len(p.Shipment.Events))
		}
		if slices.Contains(p.Alarms, key) {
			return nil
		}
		p.Alarms = append(p.Alarms, key)
		met.alarms = append(met.alarms, raised{p.Shipment.Ref.Carrier, kind})
		if message != "" {
			news = append(news, notify.News{Kind: message, Parcel: p.Shipment.Ref.String(), Occurrence: len(p.Alarms), OccurredAt: now, Detail: h.Why})
		}
		if s.cfg.OnAlarm == nil {
			return nil
		}
		a := Alarm{Kind: kind, Ref: p.Shipment.Ref, Status: p.Shipment.Status, Why: h.Why, At: now}
		for _, o := range p.Orders {
			a.OrderIDs = append(a.OrderIDs, o.OrderID)
		}
		return enqueue(tx, jobAlarm, p.Shipment.Ref.String()+"/"+key, a)
	}
	var errs []error
	if h.NoScan {
		errs = append(errs, raise(AlarmNoScan, notify.LabelNoScan))
	} else if h.Stalled {
		errs = append(errs, raise(AlarmStalled, notify.Stalled))
	}
	switch {
	case h.Late && h.Against == shipment.AgainstPromise:
		errs = append(errs, raise(AlarmLate, notify.Delayed))
	case h.Late: // only we and the carrier know of its first estimate: no promise was broken
		errs = append(errs, raise(AlarmLate, ""))
	case h.AtRisk:
		errs = append(errs, raise(AlarmAtRisk, ""))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.plan(tx, p, news, now)
}

// sweepChecks works out the health of parcels whose time has come.
func (s *Service) sweepChecks(ctx context.Context, now time.Time) (n int, err error) {
	var met tally
	err = s.update(ctx, func(tx Tx) error {
		met = tally{}
		due, err := tx.DueParcels(TimerCheck, "", now, sweepSize)
		if err != nil {
			return err
		}
		n = len(due)
		for _, p := range due {
			p.CheckAt = time.Time{}
			if err := s.checkHealth(tx, p, now, &met); err != nil {
				return err
			}
			if !p.CheckAt.After(now) {
				p.CheckAt = time.Time{}
			}
			if err := tx.PutParcel(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.tell(ctx, "", &met)
	}
	return n, err
}

func (s *Service) doAlarm(ctx context.Context, args json.RawMessage) error {
	var a Alarm
	if err := json.Unmarshal(args, &a); err != nil {
		return err
	}
	if s.cfg.OnAlarm == nil {
		return nil
	}
	return s.cfg.OnAlarm(ctx, a)
}
