// Package backendtest is the exam that every [postpurchase.Backend] passes. It checks
// what the interface promises and nothing else.
//
// For most uses, one test:
//
//	func TestBackend(t *testing.T) {
//		backendtest.Run(t, backendtest.Suite{Open: func(t *testing.T) postpurchase.Backend { ... }})
//	}
package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// Suite says how to get at the Backends to examine.
type Suite struct {
	// Open returns a new, empty Backend. Its jobs that fail should be tried again within
	// a second or two. The exam closes what it opens.
	Open func(t *testing.T) postpurchase.Backend

	// Reopen opens what a Backend that was closed has kept. Nil: it keeps nothing.
	Reopen func(t *testing.T, closed postpurchase.Backend) postpurchase.Backend

	// Second opens what an open Backend has, as another process would. Nil: it can not be.
	Second func(t *testing.T, b postpurchase.Backend) postpurchase.Backend

	// Crash, if not nil, is examined with kill -9. It needs [Main] in TestMain.
	Crash *Crash
}

// Run examines the Backends of a Suite.
func Run(t *testing.T, s Suite) {
	e := exam{s}
	t.Run("RoundTrip", e.roundTrip)
	t.Run("Replace", e.replace)
	t.Run("NotFound", e.notFound)
	t.Run("Lists", e.lists)
	t.Run("LatestParcel", e.latestParcel)
	t.Run("OrdersOfCustomer", e.ordersOfCustomer)
	t.Run("DeleteOrder", e.deleteOrder)
	t.Run("Inbox", e.inbox)
	t.Run("DropInbox", e.dropInbox)
	t.Run("Copies", e.copies)
	t.Run("Shops", e.shops)
	t.Run("AllOrNothing", e.allOrNothing)
	t.Run("ReadsSeePuts", e.readsSeePuts)
	t.Run("ListsSeePuts", e.listsSeePuts)
	t.Run("Neighbours", e.neighbours)
	t.Run("Panics", e.panics)
	t.Run("NoLostUpdate", e.noLostUpdate)
	t.Run("Prefetch", e.prefetch)
	t.Run("Snapshot", e.snapshot)
	t.Run("ReadersDoNotWait", e.readersDoNotWait)
	t.Run("Due", e.due)
	t.Run("DueCarrier", e.dueCarrier)
	t.Run("DueMessages", e.dueMessages)
	t.Run("DueCursors", e.dueCursors)
	t.Run("NextDue", e.nextDue)
	t.Run("Claims", e.claims)
	t.Run("Cancelled", e.cancelled)
	t.Run("CancelledWhileWaiting", e.cancelledWhileWaiting)
	t.Run("Close", e.closed)
	t.Run("Jobs", e.jobs)
	t.Run("OneKeyOneJob", e.oneKeyOneJob)
	t.Run("JobsOfShops", e.jobsOfShops)
	t.Run("TriesAgain", e.triesAgain)
	t.Run("JobsEnqueueJobs", e.jobsEnqueueJobs)
	t.Run("WorkWaits", e.workWaits)
	t.Run("TwoWorkers", e.twoWorkers)
	t.Run("Fair", e.fair)
	t.Run("Drain", e.drain)
	t.Run("Depth", e.depth)
	if s.Second != nil {
		t.Run("Second", e.second)
	}
	if s.Crash != nil {
		t.Run("Crash", func(t *testing.T) { s.Crash.run(t) })
	}
}

type exam struct{ Suite }

const shop = "acme"

func (e exam) open(t *testing.T) postpurchase.Backend {
	t.Helper()
	b := e.Open(t)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// states calls check with what b shows now and, where it can be, with what it shows
// after it was closed and opened again.
func (e exam) states(t *testing.T, check func(t *testing.T, b postpurchase.Backend)) func(b postpurchase.Backend) {
	return func(b postpurchase.Backend) {
		t.Helper()
		check(t, b)
		if e.Reopen == nil || t.Failed() {
			return
		}
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		again := e.Reopen(t, b)
		defer again.Close()
		t.Run("Reopened", func(t *testing.T) { check(t, again) })
	}
}

func update(t *testing.T, b postpurchase.Backend, fn func(tx postpurchase.Tx) error) {
	t.Helper()
	if err := b.Update(context.WithoutCancel(t.Context()), shop, fn); err != nil {
		t.Errorf("Update: %v", err)
	}
}

func view(t *testing.T, b postpurchase.Backend, fn func(r postpurchase.Reader) error) {
	t.Helper()
	if err := b.View(t.Context(), shop, fn); err != nil {
		t.Errorf("View: %v", err)
	}
}

// both reads through a View and through an Update.
func both(t *testing.T, b postpurchase.Backend, read func(t *testing.T, r postpurchase.Reader)) {
	t.Helper()
	view(t, b, func(r postpurchase.Reader) error { read(t, r); return nil })
	update(t, b, func(tx postpurchase.Tx) error { read(t, tx); return nil })
}

// work runs Work until stop says so of the jobs begun so far, and returns their keys.
func work(t *testing.T, b postpurchase.Backend, name string, do func(j postpurchase.Job) error, stop func(keys []string) bool) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var mu sync.Mutex
	var keys []string
	err := b.Work(ctx, name, func(_ context.Context, j postpurchase.Job) error {
		var err error
		if do != nil {
			err = do(j)
		}
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, j.Key)
		if stop(keys) {
			cancel()
		}
		return err
	})
	if err != nil {
		t.Errorf("Work = %v, want nil when its context ends", err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("after a minute only these jobs were done: %q", keys)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(keys)
	return keys
}

func count(n int) func([]string) bool { return func(keys []string) bool { return len(keys) >= n } }

func enqueue(t *testing.T, b postpurchase.Backend, name string, keys ...string) {
	t.Helper()
	err := b.Update(t.Context(), name, func(tx postpurchase.Tx) error {
		for _, k := range keys {
			if err := tx.Enqueue(postpurchase.Job{Kind: "k", Key: k}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("Update: %v", err)
	}
}

// rest says which jobs are left, by draining them if b can.
func rest(t *testing.T, b postpurchase.Backend, name string) (keys []string) {
	t.Helper()
	d, ok := b.(postpurchase.Drainer)
	if !ok {
		// Put a mark at the end and work until it comes: what was there before is begun
		// before or soon after it.
		enqueue(t, b, name, "the mark")
		keys = work(t, b, name, nil, func(keys []string) bool { return slices.Contains(keys, "the mark") })
		return slices.DeleteFunc(keys, func(k string) bool { return k == "the mark" })
	}
	if err := d.Drain(t.Context(), name, func(_ context.Context, j postpurchase.Job) error {
		keys = append(keys, j.Key)
		return nil
	}); err != nil {
		t.Errorf("Drain: %v", err)
	}
	slices.Sort(keys)
	return keys
}

func wantKeys(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("jobs = %q, want %q", got, want)
	}
}
