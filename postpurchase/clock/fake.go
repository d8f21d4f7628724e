package clock

import (
	"slices"
	"sync"
	"time"
)

// Fake is a clock for tests. It stands still until [Fake.Advance] or [Fake.Set] moves
// it. Make one with [NewFake]. It is safe for concurrent use.
type Fake struct {
	mu      sync.Mutex
	changed sync.Cond // a waiter came or went
	now     time.Time
	waiting []waiter // by due; of equal due, in the order in which they came
}

type waiter struct {
	due time.Time
	c   chan time.Time
}

// NewFake returns a clock that stands at start.
func NewFake(start time.Time) *Fake {
	f := &Fake{now: start.Round(0)} // without the monotonic reading, which would not move
	f.changed.L = &f.mu
	return f
}

// Now is the moment at which the clock stands.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// After returns a channel that gets the time when the clock has been moved by d or
// more; at once where d is not positive.
func (f *Fake) After(d time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if d <= 0 {
		c <- f.now
		return c
	}
	w := waiter{due: f.now.Add(d), c: c}
	i, _ := slices.BinarySearchFunc(f.waiting, w.due, func(w waiter, due time.Time) int {
		if w.due.After(due) {
			return 1
		}
		return -1 // behind those that are due at the same moment
	})
	f.waiting = slices.Insert(f.waiting, i, w)
	f.changed.Broadcast()
	return c
}

// Advance moves the clock by d and lets what is due ring, the earliest first. Each
// channel of [Fake.After] gets the moment for which it was set. Who begins to wait in
// answer to a ring waits from the moment to which the clock was moved: to live through
// many rounds, move in steps and use [Fake.BlockUntil] between them.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(f.now.Add(d))
}

// Set moves the clock to now and lets what is due ring. Moving it back, as a corrected
// computer clock does, rings nothing.
func (f *Fake) Set(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(now.Round(0))
}

func (f *Fake) set(now time.Time) {
	f.now = now
	n := 0
	for n < len(f.waiting) && !f.waiting[n].due.After(now) {
		f.waiting[n].c <- f.waiting[n].due
		n++
	}
	if n > 0 {
		f.waiting = slices.Delete(f.waiting, 0, n)
		f.changed.Broadcast()
	}
}

// Waiters is how many channels of [Fake.After] have not rung. One that nobody listens
// to any more counts until it is due.
func (f *Fake) Waiters() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)
}

// Next is when the next channel rings, and whether there is one.
func (f *Fake) Next() (due time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return time.Time{}, false
	}
	return f.waiting[0].due, true
}

// BlockUntil waits until at least n channels are waiting: until the goroutines under
// test have come to their rest and the clock can be moved.
func (f *Fake) BlockUntil(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting) < n {
		f.changed.Wait()
	}
}
