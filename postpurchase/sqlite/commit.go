package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// request is an Update that waits for its commit.
type request struct {
	shop  string
	fn    func(tx postpurchase.Tx) error
	state atomic.Int32
	err   error
	panic any           // what fn panicked with
	done  chan struct{} // closed when the answer is final
}

// The states of a request. It is either taken by who commits or given up by its
// caller, so that a cancelled Update can say truthfully whether it happened.
const (
	requestWaiting = iota
	requestTaken
	requestGivenUp
)

// Update implements [postpurchase.Backend]. Updates that come while another commits
// wait for it and are then committed together, by one of the callers. When a commit
// that several share fails, each is tried alone. A panic of fn is its caller's. If ctx
// ends before fn ran, Update returns the context's error and nothing happened; after
// that it says what happened.
func (b *Backend) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{shop: shop, fn: fn, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, r)
	b.mu.Unlock()
	select {
	case <-r.done:
		return r.answer()
	case <-b.closed:
		return b.giveUp(r, ErrClosed)
	case <-ctx.Done():
		return b.giveUp(r, ctx.Err())
	case <-b.turn:
	}
	defer func() { b.turn <- struct{}{} }()
	for {
		select {
		case <-r.done:
			return r.answer()
		default:
			// Those whose commit has just ended may come again at once: let them, it costs
			// nothing when nobody else is there, and they need not wait for the next one.
			runtime.Gosched()
			b.commit(b.take())
		}
	}
}

// DeleteOrder implements [postpurchase.Backend].
func (b *Backend) DeleteOrder(ctx context.Context, shop, id string) error {
	return b.Update(ctx, shop, func(tx postpurchase.Tx) error { return tx.(*transaction).deleteOrder(id) })
}

func (b *Backend) giveUp(r *request, err error) error {
	if r.state.CompareAndSwap(requestWaiting, requestGivenUp) {
		return err
	}
	<-r.done
	return r.answer()
}

// take returns the next group.
func (b *Backend) take() []*request {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxGroup)
	group := b.waiting[:n:n]
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	return group
}

// commit runs a group in one transaction and answers everybody in it.
func (b *Backend) commit(group []*request) {
	taken := group[:0]
	for _, r := range group {
		if r.state.CompareAndSwap(requestWaiting, requestTaken) {
			taken = append(taken, r)
		}
	}
	if len(taken) == 0 {
		return
	}
	// An fn that ends its goroutine, as testing.T.FailNow does, must not leave the others
	// waiting for ever.
	ended := false
	defer func() {
		for _, r := range taken {
			if !ended {
				r.err = errGoexit
			}
			close(r.done)
		}
	}()
	queues, err := b.transact(taken)
	if err != nil && len(taken) > 1 {
		// Somebody's bad update must not be everybody's.
		queues = nil
		for i, r := range taken {
			q, err := b.transact(taken[i : i+1])
			if err != nil {
				r.err = fmt.Errorf("sqlite: update: %w", err)
			}
			queues = append(queues, q...)
		}
	} else if err != nil {
		taken[0].err = fmt.Errorf("sqlite: update: %w", err)
	}
	ended = true
	b.driver.wake(queues)
}

// transact commits what the updates of a group do, except of those whose fn fails: the
// request has that error then. An error of transact means that nothing was kept. It
// returns the queues that have new jobs.
func (b *Backend) transact(group []*request) (queues []string, err error) {
	tx, err := b.db.BeginTx(background, nil)
	if err != nil {
		return nil, explain(err)
	}
	s := &session{tx: tx, from: b.write}
	committed := false
	defer func() {
		if !committed {
			tx.Rollback()
			b.parcels.clear()
		}
	}()
	var version int64
	if _, err := s.one(dataVersion, nil, &version); err != nil {
		return nil, err
	}
	if version != b.parcels.version || b.parcels.byID == nil {
		b.parcels.clear()
		b.parcels.version = version
	}
	var jobs jobBatch
	for _, r := range group {
		t := &transaction{reader: reader{s: s, shop: r.shop, cache: &b.parcels}}
		r.call(t)
		if s.err != nil {
			return nil, s.err
		}
		if err := t.end(r.err == nil); err != nil {
			return nil, err
		}
		if r.err == nil {
			jobs.add(r.shop, t.jobs)
		}
	}
	if err := b.insertJobs(s, &jobs); err != nil {
		return nil, explain(err)
	}
	if err := tx.Commit(); err != nil {
		return nil, explain(err)
	}
	committed = true
	b.checkpoints.after(s.writes, b.readDB)
	return jobs.queues, nil
}

var (
	errPanic  = errors.New("sqlite: update: panic")
	errGoexit = errors.New("sqlite: update: a function that shared the commit ended its goroutine")
)

// call runs fn. A panic must not take the others of the group with it.
func (r *request) call(t *transaction) {
	defer func() {
		if r.panic = recover(); r.panic != nil {
			r.err = errPanic
		}
	}()
	r.err = r.fn(t)
}

// answer returns the result of the Update to its caller, on its goroutine.
func (r *request) answer() error {
	if r.panic != nil {
		panic(r.panic)
	}
	return r.err
}
