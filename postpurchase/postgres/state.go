package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

const (
	maxTries  = 50               // of a group that meets others, without an error of the database
	groupTime = 30 * time.Second // for one transaction: nothing in it takes long
)

// Update implements [postpurchase.Backend]. Updates that come while others are written
// wait and are then committed together, shops taking turns. Meanwhile each runs its fn
// on what is remembered; it runs again in the transaction if that is no longer so. When
// a commit that several share fails, each is tried alone. If ctx ends before the
// transaction has begun, Update returns the context's error and nothing happened; after
// that it says what happened. While the database cannot be reached it tries again for
// Config.Patience; the error then wraps [ErrUnavailable], or [ErrUncertain] if the
// connection was lost during the commit and the database does not say what became of it.
//
// fn must not wait for another Update, and at most a moment for a View.
func (b *Backend) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	return b.line.Update(ctx, group.Keys{Shop: toText(shop), Text: toText}, fn)
}

// commit runs a group in one transaction and answers everybody in it.
func (b *Backend) commit(requests []*group.Request) {
	err := b.persist(requests)
	if err != nil && len(requests) > 1 && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUncertain) {
		// Somebody's bad update must not be everybody's.
		for i, r := range requests {
			if err := b.persist(requests[i : i+1]); err != nil {
				r.Err = fmt.Errorf("postgres: update: %w", err)
			}
			r.Answer()
		}
		return
	}
	for _, r := range requests {
		if err != nil {
			r.Err = fmt.Errorf("postgres: update: %w", err)
		}
		r.Answer()
	}
}

// persist tries until the database answers or patience ends. Its error means that
// nothing was kept, unless it is [ErrUncertain].
func (b *Backend) persist(requests []*group.Request) error {
	deadline := time.Now().Add(b.config.Patience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := b.transact(requests)
		if err == nil || errors.Is(err, ErrUncertain) || !again(err) || !time.Now().Add(wait).Before(deadline) {
			return explain(err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-b.line.Closed(): // Close does not wait for a database that is away
			return explain(err)
		}
	}
}

// The planner is kept from reading whole tables: plans are kept for as long as a
// connection, and were made when the tables were small. Every statement here finds its
// rows by an index.
const (
	begin   = "BEGIN ISOLATION LEVEL READ COMMITTED"
	byIndex = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)"
)

// errMet says that another transaction has what a group wants and must not wait for,
// or that a row is there that was not. The group begins anew, and locks first what it
// wants, in order.
var errMet = errors.New("postgres: others are writing the same")

// transact commits what the updates of a group do, except of those whose fn fails: the
// request has that error then.
func (b *Backend) transact(requests []*group.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	conn, err := b.config.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	g := &state{b: b, ctx: ctx, conn: conn.Conn(), writer: <-b.writers}
	defer func() { b.writers <- g.writer }()
	for try := 0; ; try++ {
		g.reset()
		err := g.attempt(requests)
		if g.begun { // and not committed
			_, _ = g.conn.Exec(ctx, "ROLLBACK")
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, errMet) || try == maxTries {
			return err
		}
	}
}

// state is what a transaction has read and changed. It belongs to whoever runs: the
// writer, or one fn at a time.
type state struct {
	b      *Backend
	ctx    context.Context
	conn   *pgx.Conn
	begun  bool  // there is a transaction
	writer int64 // whose mark it leaves

	baton chan struct{} // comes back when an fn has ended or waits for rows
	held  int           // highest rank of what is locked

	parcels  map[group.ParcelKey]*parcelSlot
	latest   map[group.NumberKey]*latestSlot
	orders   map[group.OrderKey]*orderSlot
	messages map[group.MessageKey]*messageSlot
	cursors  map[group.CursorKey]*cursorSlot
	inbox    []inboxItem
	dropped  map[string]int64 // by shop: inbox items from before then are to go
	jobs     []jobs.Of

	changedParcels  []*parcelSlot
	changedOrders   []*orderSlot
	changedMessages []*messageSlot
	changedCursors  []*cursorSlot
	stamp           int // counts what was accepted

	wants   wants
	known   wants                                // all that was wanted in any try
	owners  map[group.MessageKey]*group.OrderKey // where messages are; nil for none
	resolve map[group.MessageKey]bool            // messages that were taken for new, and are not
}

// The slots are rows as the group sees them. What they point to is never changed but
// replaced. stamp tells who has read a slot whether it is still the same.
type (
	parcelSlot struct {
		key         group.ParcelKey
		stamp       int
		id, version int64
		latest      bool
		base, now   *record.ParcelRow // nil: there is none
		changed     bool
	}
	latestSlot struct {
		stamp  int
		parcel *parcelSlot // nil: there is none
	}
	orderSlot struct {
		key            group.OrderKey
		stamp          int
		id, version    int64
		now            *record.OrderRow   // nil: there is none
		messages       *[]*messageSlot    // nil: not read
		refs           *[]group.ParcelKey // of its parcels; nil: not read
		parcels        *[]*parcelSlot     // nil: not read; those it has or had
		changed, bumps bool
	}
	messageSlot struct {
		key     group.MessageKey
		stamp   int
		id      int64
		owner   *orderSlot
		now     *record.MessageRow
		changed bool
	}
	cursorSlot struct {
		key         group.CursorKey
		stamp       int
		id, version int64
		now         *postpurchase.Cursor
		changed     bool
	}
	inboxItem struct {
		shop string
		item postpurchase.InboxItem
	}
)

func (g *state) reset() {
	g.baton = make(chan struct{})
	g.begun, g.held = false, 0
	g.parcels, g.latest = map[group.ParcelKey]*parcelSlot{}, map[group.NumberKey]*latestSlot{}
	g.orders, g.messages, g.cursors = map[group.OrderKey]*orderSlot{}, map[group.MessageKey]*messageSlot{}, map[group.CursorKey]*cursorSlot{}
	g.owners = map[group.MessageKey]*group.OrderKey{}
	g.inbox, g.dropped, g.jobs = nil, nil, nil
	g.changedParcels, g.changedOrders, g.changedMessages, g.changedCursors = nil, nil, nil, nil
	g.wants = wants{}
	if g.resolve == nil {
		g.resolve = map[group.MessageKey]bool{}
	}
}

// attempt does what every fn does on the group's state, reading what they want in as few
// steps as that takes, and writes what has changed.
func (g *state) attempt(requests []*group.Request) error {
	g.wants.rows(g.known) // of earlier tries
	for _, r := range requests {
		g.wantDraft(r.Draft)
	}
	if !g.wants.empty() {
		if err := g.load(); err != nil {
			return err
		}
	}
	running := make([]*transaction, 0, len(requests))
	for _, r := range requests {
		if !r.Lost() {
			running = append(running, g.goOn(r))
		}
	}
	var failed error
	for len(running) > 0 {
		var parked []*transaction
		for _, t := range running {
			if t = g.step(t, failed); t != nil {
				parked = append(parked, t)
			}
		}
		if running = parked; len(running) == 0 {
			break
		}
		if failed == nil {
			failed = g.load()
		}
	}
	if failed != nil {
		return failed
	}
	return g.flush()
}

// wantDraft wants what a draft has read, so that it is locked and its versions are known.
func (g *state) wantDraft(d *group.Draft) {
	if d == nil {
		return
	}
	parcels, orders := d.Read()
	for _, p := range parcels {
		put(&g.wants.parcels, p.Key, struct{}{})
	}
	for _, o := range orders {
		put(&g.wants.orders, o.Key, struct{}{})
	}
}

// goOn returns the transaction of a request that goes on from its draft.
func (g *state) goOn(r *group.Request) *transaction {
	d := r.Draft
	if d == nil {
		return newTransaction(g, r, &group.Puts{Keys: r.Keys})
	}
	t := newTransaction(g, r, &d.Puts)
	parcels, orders := d.Read()
	for _, p := range parcels {
		s := g.parcels[p.Key]
		if s.id == 0 || s.version != p.Version {
			t.stale = true
			break
		}
		t.saw(&s.stamp)
		if l := g.latest[p.Key.NumberKey]; l != nil {
			t.saw(&l.stamp)
		}
	}
	for _, o := range orders {
		s := g.orders[o.Key]
		if s.id == 0 || s.version != o.Version {
			t.stale = true
			break
		}
		t.saw(&s.stamp)
	}
	if d.Ended() {
		t.started, t.ended, t.err = true, true, d.Err
	}
	return t
}

// step lets an fn run until it ends or waits for rows. It returns a transaction that is
// to go on when more was read, or nil.
func (g *state) step(t *transaction, failed error) *transaction {
	for {
		switch {
		case t.ended: // and what it has put is not read yet
		case t.started:
			t.resume <- failed
			<-g.baton
		case failed == nil:
			t.started = true
			t.r.Draft = nil // a parked one goes on only once
			t.r.Run(t)
			<-g.baton
		}
		switch {
		case t.parked:
			return t
		case failed != nil || t.r.Lost():
			return nil
		case !t.stale && t.err == nil && !t.r.Gone() && !t.resolve():
			return t
		case t.stale || !t.current():
			// Others have changed what it read while it waited. It runs again, and since all
			// it wants has been read by now it will not wait, unless it wants other things.
			t = newTransaction(g, t.r, &group.Puts{Keys: t.r.Keys})
		default:
			if t.r.Err = t.err; t.err == nil && !t.r.Gone() {
				t.accept()
			}
			return nil
		}
	}
}
