// Package group is how many Updates share one transaction. While one group of updates is
// written, the functions of the next run beside it, on the goroutines of their callers
// and on what is remembered of the database. Whoever writes has to look only whether
// what they have read is still so. A function that asks for something that is not
// remembered waits for its transaction and goes on in that.
package group

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// Size is how many Updates share a transaction at most.
const Size = 256

// Line is where Updates wait for one who writes. Make it with [NewLine].
type Line struct {
	cache   *Cache
	most    int // writers at a time
	write   func(all []*Request)
	closing error

	mu      sync.Mutex
	closed  chan struct{}
	idle    sync.Cond // with mu: nobody writes
	writers int
	waiting map[string][]*Request // by shop
	turns   []string              // shops that have something waiting, whose turn is next first
}

// NewLine returns an empty line. Write commits requests and answers each of them; it is
// called by so many writers at a time. What was remembered is in the cache. Closing is
// the error of an Update that comes too late.
func NewLine(cache *Cache, writers int, closing error, write func(all []*Request)) *Line {
	l := &Line{cache: cache, most: writers, write: write, closing: closing, closed: make(chan struct{}), waiting: map[string][]*Request{}}
	l.idle.L = &l.mu
	return l
}

// Closed is closed once the line is.
func (l *Line) Closed() <-chan struct{} { return l.closed }

// Close refuses new Updates and waits until the others have been answered.
func (l *Line) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	for l.writers > 0 {
		l.idle.Wait()
	}
}

// A Transaction is where an fn runs. Its Puts are those of the draft it goes on from.
type Transaction interface {
	postpurchase.Tx

	// Ended is called on the goroutine of fn when it has ended.
	Ended()
}

// Request is an Update that waits. Its fn runs on its caller's goroutine only.
type Request struct {
	// Err is the answer, to be set before Answer. Fn's own error is in it as soon as fn has
	// ended in a Transaction.
	Err error

	Keys  Keys
	Draft *Draft // nil: fn begins anew

	line  *Line
	ctx   context.Context
	fn    func(tx postpurchase.Tx) error
	run   chan Transaction
	done  chan struct{} // closed by Answer
	state atomic.Int32

	panicked any
	gone     bool // fn has ended its goroutine
}

// The states of a request. It is either taken by a writer or given up by its caller, so
// that a cancelled Update can say truthfully whether it happened.
const (
	requestWaiting = iota
	requestTaken
	requestGivenUp
)

// Update runs fn and returns the answer. If ctx ends before a writer takes the request,
// Update returns the context's error and nothing happened. A panic of fn is its caller's.
func (l *Line) Update(ctx context.Context, k Keys, fn func(tx postpurchase.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &Request{Keys: k, line: l, ctx: ctx, fn: fn, run: make(chan Transaction), done: make(chan struct{})}
	d := &Draft{Puts: Puts{Keys: k}, r: r}
	r.Draft = d
	r.draft(d)
	if d.refused != nil {
		return d.refused
	}
	if !d.queued {
		if err := l.queue(r); err != nil {
			return err
		}
	}
	cancelled := ctx.Done()
	for {
		select {
		case t := <-r.run:
			r.call(t)
		case <-r.done:
			if r.panicked != nil {
				panic(r.panicked)
			}
			return r.Err
		case <-cancelled:
			if r.giveUp() {
				return ctx.Err()
			}
			cancelled = nil
		}
	}
}

func (r *Request) giveUp() bool { return r.state.CompareAndSwap(requestWaiting, requestGivenUp) }

// draft runs fn ahead of its transaction, or into it.
func (r *Request) draft(d *Draft) {
	defer func() {
		switch {
		case d.ended:
		case d.tx != nil:
			r.broken(recover(), d.tx)
		case d.refused == nil:
			// What it has seen need not have been true at one time: it runs again.
			if recover() != nil {
				r.Draft = nil
			}
		}
	}()
	err := r.fn(d)
	d.ended = true
	if d.tx == nil {
		d.Err = err
		return
	}
	r.Err = err
	d.tx.Ended()
}

// call runs fn in a transaction.
func (r *Request) call(t Transaction) {
	ended := false
	defer func() {
		if !ended {
			r.broken(recover(), t)
		}
	}()
	r.Err = r.fn(t)
	ended = true
	t.Ended()
}

// broken takes note that fn has not returned.
func (r *Request) broken(panicked any, t Transaction) {
	r.panicked, r.gone = panicked, true
	t.Ended()
}

// Run lets fn run in t until it calls Ended. A parked draft goes on in it. Only the
// writer that has the request calls this.
func (r *Request) Run(t Transaction) {
	r.panicked, r.gone, r.Err = nil, false, nil
	r.run <- t
}

// Gone reports whether fn has not returned when it last ran: it has panicked.
func (r *Request) Gone() bool { return r.gone }

// Lost reports whether fn has ended its goroutine, as testing.T.FailNow does. It cannot
// run again.
func (r *Request) Lost() bool { return r.gone && r.panicked == nil }

// Answer lets the Update return.
func (r *Request) Answer() { close(r.done) }

// queue puts a request in line, and starts a writer if there are not enough.
func (l *Line) queue(r *Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return l.closing
	default:
	}
	shop := r.Keys.Shop
	line := l.waiting[shop]
	if len(line) == 0 {
		l.turns = append(l.turns, shop)
	}
	l.waiting[shop] = append(line, r)
	if l.writers < l.most {
		l.writers++
		go l.writeAll()
	}
	return nil
}

// writeAll commits what waits until nothing does.
func (l *Line) writeAll() {
	for {
		l.mu.Lock()
		all := l.take()
		if len(all) == 0 && len(l.turns) == 0 {
			if l.writers--; l.writers == 0 {
				l.idle.Broadcast()
			}
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		if len(all) > 0 {
			l.write(all)
		}
	}
}

// take returns the next group: one of each shop in turn, until it is full.
func (l *Line) take() (all []*Request) {
	for len(l.turns) > 0 && len(all) < Size {
		shop := l.turns[0]
		l.turns = l.turns[1:]
		line := l.waiting[shop]
		r := line[0]
		if line = line[1:]; len(line) > 0 {
			l.waiting[shop] = line
			l.turns = append(l.turns, shop)
		} else {
			delete(l.waiting, shop)
		}
		if r.state.CompareAndSwap(requestWaiting, requestTaken) {
			all = append(all, r)
		}
	}
	return all
}
