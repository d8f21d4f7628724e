package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The kinds of job.
const (
	jobPoll      = "poll"
	jobSubscribe = "subscribe"
	jobSend      = "send"
	jobAlarm     = "alarm"
	jobOrder     = "order"
	jobLink      = "link"
	jobReconcile = "reconcile"
	jobHooks     = "hooks"
	jobErase     = "erase"
)

func enqueue(tx Tx, kind, key string, args any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return tx.Enqueue(Job{Kind: kind, Key: kind + "/" + key, Args: raw})
}

func (s *Service) do(ctx context.Context, j Job) error {
	return s.observed(ctx, OpJob, Attributes{Kind: j.Kind}, func(ctx context.Context) error { return s.job(ctx, j) })
}

func (s *Service) job(ctx context.Context, j Job) error {
	var err error
	switch j.Kind {
	case jobPoll:
		err = s.doPoll(ctx, j.Args)
	case jobSubscribe:
		err = s.doSubscribe(ctx, j.Args)
	case jobSend:
		err = s.doSend(ctx, j.Args)
	case jobAlarm:
		err = s.doAlarm(ctx, j.Args)
	case jobOrder:
		err = s.doOrder(ctx, j.Args)
	case jobLink:
		err = s.doLink(ctx, j.Args)
	case jobReconcile:
		err = s.doReconcile(ctx)
	case jobHooks:
		err = s.doHooks(ctx)
	case jobErase:
		err = s.doErase(ctx, j.Args)
	default:
		err = fmt.Errorf("postpurchase: no job of kind %q", j.Kind)
	}
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "job failed and will be tried again", "kind", j.Kind, "err", err)
	}
	return err
}

// idle is how often the timers are looked at when nothing of this process moved them:
// another process may have, and have died since.
const idle = 30 * time.Second

// Run follows parcels, raises alarms and sends messages until ctx is done; then it
// waits for what is under way and returns nil. Any number of processes may Run on one
// backend. An error means that the backend cannot work at all.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.start(ctx, true); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	worked := make(chan error, 1)
	go func() {
		err := s.backend.Work(ctx, s.shop, s.do)
		cancel()
		worked <- err
	}()
	s.pulse.running.Add(1)
	for ctx.Err() == nil {
		wait := idle
		_, next, err := s.sweep(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.ErrorContext(ctx, "timers could not be read", "err", err)
			wait = time.Second
		case !next.IsZero():
			wait = min(wait, max(next.Sub(s.now()), 0))
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-s.cfg.Clock.After(wait):
		}
	}
	s.pulse.running.Add(-1)
	return <-worked
}

// start sets the timers that do not belong to a parcel: those that were never set, and
// after a program was away all of them, so that it looks at once.
func (s *Service) start(ctx context.Context, away bool) error {
	var names []string
	if s.cfg.Shop != nil && s.cfg.ShopEvery > 0 {
		names = append(names, cursorOrders)
	}
	if s.cfg.ShopWebhooks {
		names = append(names, cursorHooks)
	}
	if len(names) == 0 {
		return nil
	}
	return s.update(ctx, func(tx Tx) error {
		for _, name := range names {
			c, err := tx.Cursor(name)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if !away && !c.Due.IsZero() {
				continue
			}
			c.Name, c.Due = name, s.now()
			if err := tx.PutCursor(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweep makes jobs of everything that is due by the clock. It returns how much that
// was, and when something is due next.
func (s *Service) sweep(ctx context.Context) (did int, next time.Time, err error) {
	err = s.observed(ctx, OpSweep, Attributes{}, func(ctx context.Context) (err error) {
		did, next, err = s.sweepAll(ctx)
		return err
	})
	return did, next, err
}

func (s *Service) sweepAll(ctx context.Context) (did int, next time.Time, err error) {
	for {
		now := s.now()
		// Most wakes are for news that sets no timer before now: one read finds that out.
		if err := s.view(ctx, func(r Reader) (err error) { next, err = r.NextDue(); return err }); err != nil {
			return did, next, err
		}
		if next.IsZero() || next.After(now) {
			s.pulse.swept.Store(now.UnixNano())
			return did, next, nil
		}
		var free time.Time
		var n [5]int
		var errs [5]error
		n[0], errs[0] = s.sweepChecks(ctx, now)
		n[1], free, errs[1] = s.sweepPolls(ctx, now)
		n[2], errs[2] = s.sweepRenewals(ctx, now)
		n[3], errs[3] = s.sweepMessages(ctx, now)
		n[4], errs[4] = s.sweepCursors(ctx, now)
		if err := errors.Join(errs[:]...); err != nil {
			return did, next, err
		}
		s.pulse.swept.Store(now.UnixNano())
		sum := n[0] + n[1] + n[2] + n[3] + n[4]
		if did += sum; sum > 0 {
			continue
		}
		// What is due and was not claimed waits for a carrier's budget, and hides what is
		// due after it.
		if next = now.Add(blocked); !free.IsZero() && free.Before(next) {
			next = free
		}
		return did, next, nil
	}
}

// blocked is how long to wait at the most while a carrier has no budget.
const blocked = 5 * time.Second

// Settle does everything that is due by the clock now, and all that follows from it,
// and returns when nothing is left. It is for tests, which move the clock and settle,
// and for programs that run from time to time instead of all the time. The backend
// must be a [Drainer].
func (s *Service) Settle(ctx context.Context) error {
	d, ok := s.backend.(Drainer)
	if !ok {
		return errors.New("postpurchase: this backend can only work all the time: use Run")
	}
	if err := s.start(ctx, false); err != nil {
		return err
	}
	for {
		if err := d.Drain(ctx, s.shop, s.do); err != nil {
			return err
		}
		did, _, err := s.sweep(ctx)
		if err != nil || did == 0 {
			return err
		}
	}
}
