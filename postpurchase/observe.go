package postpurchase

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Operation is a piece of work of the service that takes time and can fail. It is an
// open string.
type Operation string

// The operations. Each lies within the context that the one around it was given: a
// webhook ingests, a job polls.
const (
	OpIngest    Operation = "ingest"    // [Service.Ingest]: news is kept
	OpWebhook   Operation = "webhook"   // a push is checked, read and kept; the shop's has no carrier
	OpJob       Operation = "job"       // a job of the backend; its kind says which
	OpPoll      Operation = "poll"      // a carrier is asked about parcels; part of a job
	OpSubscribe Operation = "subscribe" // a carrier is asked to push; part of a job
	OpSend      Operation = "send"      // a message is given to the sender; part of a job
	OpSync      Operation = "sync"      // the shop is asked for changed orders; part of a job
	OpSweep     Operation = "sweep"     // what is due by the clock is made into jobs
)

// Counter is something that is counted. It is an open string.
type Counter string

// The counters. Each counts what was kept: nothing of a transaction that failed.
const (
	CountEvents    Counter = "events"    // events that were heard of parcels that are followed, again and again by polls
	CountChanges   Counter = "changes"   // what was new in them
	CountStrangers Counter = "strangers" // updates about parcels that nobody follows
	CountUnmapped  Counter = "unmapped"  // events with a code that the carrier's table does not hold
	CountMalformed Counter = "malformed" // webhooks that were authentic and not understood; the shop's have no carrier
	CountMessages  Counter = "messages"  // messages whose time to be sent had come; the outcome says what became of them
	CountAlarms    Counter = "alarms"    // alarms that were raised, whether or not OnAlarm is set
)

// Attributes say what an observation is about. They hold few different values, none
// chosen by a stranger and none that tells of a person, an order or a parcel, so that a
// metric can have them as labels. What does not apply is empty.
type Attributes struct {
	Shop    string // Config.ShopID
	Carrier string // the code of one of Config.Carriers
	Kind    string // of the job, message or alarm

	// Outcome is the [notify.State] in which a message was left: "sent", "failed",
	// "unknown", "suppressed", or "pending" if it is to be tried again later.
	Outcome string
}

// An Observer hears what a service does, such as that of package telemetry. Its methods
// are called in the middle of the work, by many goroutines at once: they must be quick.
type Observer interface {
	// Begin hears that an operation begins. The work goes on with the context that it
	// returns. end is called once, with nil if all went well. An error may be one that
	// the service got over, such as that of a carrier that did not answer.
	Begin(ctx context.Context, op Operation, a Attributes) (inner context.Context, end func(err error))

	// Count hears that something happened n more times, n > 0.
	Count(ctx context.Context, c Counter, n int, a Attributes)
}

// errPanicked is what an observer hears of an operation that did not end.
var errPanicked = errors.New("postpurchase: panicked")

// observed does one operation under the eyes of the observer, if there is one.
func (s *Service) observed(ctx context.Context, op Operation, a Attributes, fn func(ctx context.Context) error) error {
	if s.cfg.Observer == nil {
		return fn(ctx)
	}
	ctx, end := s.cfg.Observer.Begin(ctx, op, s.attributes(a))
	err := errPanicked
	defer func() { end(err) }()
	err = fn(ctx)
	return err
}

func (s *Service) count(ctx context.Context, c Counter, n int, a Attributes) {
	if s.cfg.Observer != nil && n > 0 {
		s.cfg.Observer.Count(ctx, c, n, s.attributes(a))
	}
}

// attributes completes a. A carrier that is not ours is left out: its code comes from
// the address of a request and could be anything.
func (s *Service) attributes(a Attributes) Attributes {
	a.Shop = s.shop
	if _, ours := s.set.Adapter(a.Carrier); !ours {
		a.Carrier = ""
	}
	return a
}

// tally is what one transaction met. It is told once the transaction is kept, and made
// anew when the transaction is tried again.
type tally struct {
	strangers, events, changes int

	unmapped []string
	alarms   []raised
	moved    bool     // a timer may be due earlier
	log      []func() // what is to be said once it is kept
}

type raised struct {
	carrier string
	kind    AlarmKind
}

// tell counts what a transaction met with one carrier, or with none in particular.
func (s *Service) tell(ctx context.Context, carrier string, t *tally) {
	s.counters.strangers.Add(int64(t.strangers))
	s.counters.countUnmapped(t.unmapped)
	for _, say := range t.log {
		say()
	}
	if s.cfg.Observer == nil {
		return
	}
	a := Attributes{Carrier: carrier}
	s.count(ctx, CountEvents, t.events, a)
	s.count(ctx, CountChanges, t.changes, a)
	s.count(ctx, CountStrangers, t.strangers, a)
	s.count(ctx, CountUnmapped, len(t.unmapped), a)
	for _, r := range t.alarms {
		s.count(ctx, CountAlarms, 1, Attributes{Carrier: r.carrier, Kind: string(r.kind)})
	}
}

func (s *Service) malformed(ctx context.Context, carrier string) {
	s.counters.malformed.Add(1)
	s.count(ctx, CountMalformed, 1, Attributes{Carrier: carrier})
}

func (s *Service) countMessage(ctx context.Context, kind notify.Kind, state notify.State) {
	s.count(ctx, CountMessages, 1, Attributes{Kind: string(kind), Outcome: string(state)})
}

// unanswered is why a carrier did not answer, if it did not.
func unanswered(results []carriers.Result) error {
	for i := range results {
		if err := results[i].Err; err != nil && !errors.Is(err, carriers.ErrNotFound) {
			return err
		}
	}
	return nil
}

// doReconcile reads the orders that the shop changed since the last time, in case a
// push was lost. A shop that is down is no failed job: it is asked again soon.
func (s *Service) doReconcile(ctx context.Context) error {
	err := s.observed(ctx, OpSync, Attributes{}, s.reconcile)
	if err != nil && ctx.Err() == nil && shop.Temporary(err) {
		s.log.WarnContext(ctx, "shop could not be read and will be asked again", "err", err)
		return nil
	}
	return err
}

// pulse is how Run is doing.
type pulse struct {
	running atomic.Int32 // calls of Run
	swept   atomic.Int64 // by the clock, in Unix nanoseconds: when the timers were looked at last without error
}

// ErrNotReady says that a service is not doing its work.
var ErrNotReady = errors.New("postpurchase: not ready")

const (
	// answerWithin is how long the backend may take to answer [Service.Ready].
	answerWithin = 5 * time.Second
	// staleSweep is when Run has missed its timers several times in a row.
	staleSweep = 4 * idle
)

// Ready reports whether the service does its work: the backend answers within five
// seconds, and [Service.Run] runs in this process and has looked at the timers within
// the last two minutes by Config.Clock. If not, the error wraps [ErrNotReady] and says
// what is wrong, and wraps the backend's error if that is it. A service is not ready
// before Run has begun and once its context is done. A process that leaves Run to
// others asks [Service.Backlog] instead.
func (s *Service) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := s.view(ctx, func(r Reader) error { _, err := r.NextDue(); return err })
	if err != nil {
		return fmt.Errorf("%w: the backend does not answer: %w", ErrNotReady, err)
	}
	if s.pulse.running.Load() == 0 {
		return fmt.Errorf("%w: Run is not running", ErrNotReady)
	}
	swept := s.pulse.swept.Load()
	if swept == 0 {
		return fmt.Errorf("%w: Run has only begun", ErrNotReady)
	}
	if age := s.now().Sub(time.Unix(0, swept)); age > staleSweep {
		return fmt.Errorf("%w: Run could not look at the timers for %v", ErrNotReady, age.Truncate(time.Second))
	}
	return nil
}

// A Queue is a [Backend] that can tell how many jobs of a shop are not done: that wait,
// now or for their next try, or run.
type Queue interface {
	Depth(ctx context.Context, shop string) (int, error)
}

// Backlog is how far the work is behind, over all processes.
type Backlog struct {
	Shop string // Config.ShopID

	// OldestDue is the earliest timer that is due and that nobody has begun with; zero if
	// there is none. Parcels that wait for their carrier's budget count.
	OldestDue time.Time

	// Lag is for how long OldestDue has been due, and not negative. Less than a minute is
	// usual: processes look at each other's timers every 30 seconds.
	Lag time.Duration

	// Jobs is how many jobs wait or run; -1 if the backend is no [Queue].
	Jobs int
}

// Backlog returns how far the work is behind. News needs none of it: what was ingested
// is kept when Ingest returns.
func (s *Service) Backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{Shop: s.shop, Jobs: -1}
	var next time.Time
	err := s.view(ctx, func(r Reader) (err error) { next, err = r.NextDue(); return err })
	if err != nil {
		return Backlog{}, err
	}
	if now := s.now(); !next.IsZero() && !next.After(now) {
		b.OldestDue, b.Lag = next, now.Sub(next)
	}
	if q, ok := s.backend.(Queue); ok {
		if b.Jobs, err = q.Depth(ctx, s.shop); err != nil {
			return Backlog{}, err
		}
	}
	return b, nil
}
