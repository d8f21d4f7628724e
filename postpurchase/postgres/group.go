package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
)

const (
	maxGroup  = 256              // Updates that share a transaction
	maxTries  = 50               // of a group that meets others, without an error of the database
	groupTime = 30 * time.Second // for one transaction: nothing in it takes long
)

// request is an Update that waits for its commit. Its fn runs on its caller's
// goroutine, when the writer of its group says so.
type request struct {
	shop  string
	run   chan *transaction
	done  chan struct{} // closed when err is final
	state atomic.Int32
	gone  bool // fn panicked, or ended its goroutine
	err   error
}

// The states of a request. It is either taken by a writer or given up by its caller, so
// that a cancelled Update can say truthfully whether it happened.
const (
	requestWaiting = iota
	requestTaken
	requestGivenUp
)

// Update implements [postpurchase.Backend]. Updates that come while others are written
// wait and are then committed together, shops taking turns. When a commit that several
// share fails, each is tried alone. If ctx ends before fn ran, Update returns the
// context's error and nothing happened; after that it says what happened. While the
// database cannot be reached it tries again for Config.Patience; the error then wraps
// [ErrUnavailable], or [ErrUncertain] if the connection was lost during the commit.
//
// fn must not wait for another Update, and at most a moment for a View.
func (b *Backend) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{shop: shop, run: make(chan *transaction), done: make(chan struct{})}
	if err := b.wait(r); err != nil {
		return err
	}
	cancelled := ctx.Done()
	for {
		select {
		case t := <-r.run:
			t.call(fn)
		case <-r.done:
			return r.err
		case <-cancelled:
			if r.state.CompareAndSwap(requestWaiting, requestGivenUp) {
				return ctx.Err()
			}
			cancelled = nil
		}
	}
}

// wait puts a request in line, and starts a writer if there are not enough.
func (b *Backend) wait(r *request) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
		return ErrClosed
	default:
	}
	line := b.waiting[r.shop]
	if len(line) == 0 {
		b.turns = append(b.turns, r.shop)
	}
	b.waiting[r.shop] = append(line, r)
	if b.writers < b.config.Writers {
		b.writers++
		go b.write()
	}
	return nil
}

// write commits what waits until nothing does.
func (b *Backend) write() {
	for {
		b.mu.Lock()
		group := b.take()
		if len(group) == 0 {
			if b.writers--; b.writers == 0 {
				b.idle.Broadcast()
			}
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		b.commit(group)
	}
}

// take returns the next group: one of each shop in turn, until it is full.
func (b *Backend) take() (group []*request) {
	for len(b.turns) > 0 && len(group) < maxGroup {
		shop := b.turns[0]
		b.turns = b.turns[1:]
		line := b.waiting[shop]
		r := line[0]
		if line = line[1:]; len(line) > 0 {
			b.waiting[shop] = line
			b.turns = append(b.turns, shop)
		} else {
			delete(b.waiting, shop)
		}
		if r.state.CompareAndSwap(requestWaiting, requestTaken) {
			group = append(group, r)
		}
	}
	return group
}

// commit runs a group in one transaction and answers everybody in it.
func (b *Backend) commit(requests []*request) {
	err := b.persist(requests)
	if err != nil && len(requests) > 1 && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUncertain) {
		// Somebody's bad update must not be everybody's.
		for i, r := range requests {
			if err := b.persist(requests[i : i+1]); err != nil {
				r.err = fmt.Errorf("postgres: update: %w", err)
			}
			close(r.done)
		}
		return
	}
	for _, r := range requests {
		if err != nil {
			r.err = fmt.Errorf("postgres: update: %w", err)
		}
		close(r.done)
	}
}

// persist tries until the database answers or patience ends. Its error means that
// nothing was kept, unless it is [ErrUncertain].
func (b *Backend) persist(requests []*request) error {
	deadline := time.Now().Add(b.config.Patience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := b.transact(requests)
		if err == nil || errors.Is(err, ErrUncertain) || !again(err) || !time.Now().Add(wait).Before(deadline) {
			return explain(err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-b.closed: // Close does not wait for a database that is away
			return explain(err)
		}
	}
}

// begin also keeps the planner from reading whole tables: plans are kept for as long as a
// connection, and were made when the tables were small. Every statement of a group finds
// its rows by an index.
var begin = pgx.TxOptions{BeginQuery: "BEGIN ISOLATION LEVEL READ COMMITTED" + byIndex}

const byIndex = "; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"

// errMet says that another transaction has what a group wants and must not wait for,
// or that a row is there that was not. The group begins anew, and locks first what it
// wants, in order.
var errMet = errors.New("postgres: others are writing the same")

// transact commits what the updates of a group do, except of those whose fn fails: the
// request has that error then.
func (b *Backend) transact(requests []*request) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	conn, err := b.config.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	g := &group{b: b, ctx: ctx}
	for try := 0; ; try++ {
		g.reset()
		if g.tx, err = conn.BeginTx(ctx, begin); err != nil {
			return err
		}
		err := g.attempt(requests)
		if err == nil {
			return nil
		}
		_ = g.tx.Rollback(ctx)
		if !errors.Is(err, errMet) || try == maxTries {
			return err
		}
	}
}

// group is the state that a transaction has read and changed. It belongs to whoever
// runs: the writer, or one fn at a time.
type group struct {
	b   *Backend
	ctx context.Context
	tx  pgx.Tx

	baton chan struct{} // comes back when an fn has ended or waits for rows
	held  int           // highest rank of what is locked

	parcels  map[parcelKey]*parcelSlot
	latest   map[numberKey]*latestSlot
	orders   map[orderKey]*orderSlot
	messages map[messageKey]*messageSlot
	cursors  map[cursorKey]*cursorSlot
	inbox    []inboxItem
	jobs     []shopJob

	changedParcels  []*parcelSlot
	changedOrders   []*orderSlot
	changedMessages []*messageSlot
	changedCursors  []*cursorSlot
	stamp           int // counts what was accepted

	wants   wants
	known   wants                    // all that was wanted in any try
	owners  map[messageKey]*orderKey // where messages are; nil for none
	resolve map[messageKey]bool      // messages that were taken for new, and are not
}

// The slots are rows as the group sees them. What they point to is never changed but
// replaced. stamp tells who has read a slot whether it is still the same.
type (
	parcelSlot struct {
		key         parcelKey
		stamp       int
		id, version int64
		latest      bool
		base, now   *postpurchase.Parcel // nil: there is none
		cost        int
		changed     bool
	}
	latestSlot struct {
		stamp  int
		parcel *parcelSlot // nil: there is none
	}
	orderSlot struct {
		key            orderKey
		stamp          int
		id, version    int64
		base, now      *order.Order
		cost           int
		messages       *[]*messageSlot // nil: not read
		refs           *[]parcelKey    // of its parcels; nil: not read
		parcels        *[]*parcelSlot  // nil: not read; those it has or had
		changed, bumps bool
	}
	messageSlot struct {
		key     messageKey
		stamp   int
		id      int64
		owner   *orderSlot
		now     *postpurchase.Message
		changed bool
	}
	cursorSlot struct {
		key         cursorKey
		stamp       int
		id, version int64
		now         *postpurchase.Cursor
		changed     bool
	}
	inboxItem struct {
		shop string
		item postpurchase.InboxItem
	}
	shopJob struct {
		shop string
		job  postpurchase.Job
	}
)

func (g *group) reset() {
	g.baton = make(chan struct{})
	g.held = 0
	g.parcels, g.latest = map[parcelKey]*parcelSlot{}, map[numberKey]*latestSlot{}
	g.orders, g.messages, g.cursors = map[orderKey]*orderSlot{}, map[messageKey]*messageSlot{}, map[cursorKey]*cursorSlot{}
	g.owners = map[messageKey]*orderKey{}
	g.inbox, g.jobs = nil, nil
	g.changedParcels, g.changedOrders, g.changedMessages, g.changedCursors = nil, nil, nil, nil
	g.wants = wants{}
	if g.resolve == nil {
		g.resolve = map[messageKey]bool{}
	}
}

// attempt runs every fn on the group's state, reading what they want in as few steps
// as that takes, and writes what has changed.
func (g *group) attempt(requests []*request) error {
	if !g.known.empty() { // this is not the first try
		g.wants.rows(g.known)
		if err := g.load(); err != nil {
			return err
		}
	}
	running := make([]*transaction, 0, len(requests))
	for _, r := range requests {
		if r.err = nil; !r.gone {
			running = append(running, &transaction{g: g, r: r, shop: toText(r.shop), resume: make(chan error)})
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

// step lets an fn run until it ends or waits for rows. It returns a transaction that is
// to go on when more was read, or nil.
func (g *group) step(t *transaction, failed error) *transaction {
	for {
		switch {
		case t.ended: // and what it has put is not read yet
		case t.started:
			t.resume <- failed
			<-g.baton
		case failed == nil:
			t.started = true
			t.r.run <- t
			<-g.baton
		}
		switch {
		case t.parked:
			return t
		case failed != nil || t.r.gone:
			return nil
		case t.err == nil && !t.resolve():
			return t
		case !t.current():
			// Others have changed what it read while it waited. It runs again, and since all
			// it wants has been read by now it will not wait, unless it wants other things.
			t = &transaction{g: g, r: t.r, shop: t.shop, resume: make(chan error)}
		default:
			if t.r.err = t.err; t.err == nil {
				t.accept()
			}
			return nil
		}
	}
}
