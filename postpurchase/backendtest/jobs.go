package backendtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
)

func (e exam) jobs(t *testing.T) {
	b := e.open(t)
	want := map[string]postpurchase.Job{}
	for i, args := range []json.RawMessage{nil, json.RawMessage(`{"b" : 1.50, "a":"\u00e4<"}`), json.RawMessage(`null`), json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)} {
		j := postpurchase.Job{Kind: "kind ä", Key: fmt.Sprintf("key/%d ä\"", i), Args: args}
		want[j.Key] = j
	}
	var keys []string
	update(t, b, func(tx postpurchase.Tx) error {
		keys = nil
		for k, j := range want {
			keys = append(keys, k)
			j.Args = slices.Clone(j.Args)
			if err := tx.Enqueue(j); err != nil {
				return err
			}
			clear(j.Args)
		}
		return nil
	})
	slices.Sort(keys)
	if e.Reopen != nil {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = e.Reopen(t, b)
		defer b.Close()
	}
	wantKeys(t, work(t, b, shop, func(j postpurchase.Job) error {
		if w := want[j.Key]; j.Kind != w.Kind || string(j.Args) != string(w.Args) || (j.Args == nil) != (w.Args == nil) {
			t.Errorf("job %q came back another", j.Key)
		}
		return nil
	}, count(len(want))), keys...)
	wantKeys(t, rest(t, b, shop))
}

func (e exam) oneKeyOneJob(t *testing.T) {
	b := e.open(t)
	enqueue(t, b, shop, "same", "same", "other")
	enqueue(t, b, shop, "same")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { enqueue(t, b, shop, "same", "third") })
	}
	wg.Wait()
	wantKeys(t, rest(t, b, shop), "other", "same", "third")
}

func (e exam) jobsOfShops(t *testing.T) {
	b := e.open(t)
	shops := []string{"Acme GmbH & Co.", "acme gmbh & co.", ""}
	for i, s := range shops {
		enqueue(t, b, s, "same", fmt.Sprint(i))
	}
	for i, s := range shops {
		wantKeys(t, work(t, b, s, nil, count(2)), fmt.Sprint(i), "same")
	}
}

func (e exam) triesAgain(t *testing.T) {
	b := e.open(t)
	enqueue(t, b, shop, "fails", "works")
	var tries atomic.Int32
	do := func(j postpurchase.Job) error {
		if j.Key == "fails" && tries.Add(1) < 3 {
			return errBoom
		}
		return nil
	}
	wantKeys(t, work(t, b, shop, do, count(4)), "fails", "fails", "fails", "works")
	wantKeys(t, rest(t, b, shop))
}

func (e exam) jobsEnqueueJobs(t *testing.T) {
	b := e.open(t)
	enqueue(t, b, shop, "0")
	wantKeys(t, work(t, b, shop, func(j postpurchase.Job) error {
		if j.Key < "4" {
			enqueue(t, b, shop, string(j.Key[0]+1))
		}
		return nil
	}, count(5)), "0", "1", "2", "3", "4")
}

// workWaits ends Work while a job runs: it returns when the job has ended, and the job
// counts as done.
func (e exam) workWaits(t *testing.T) {
	b := e.open(t)
	enqueue(t, b, shop, "slow")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended atomic.Bool
	if err := b.Work(ctx, shop, func(context.Context, postpurchase.Job) error {
		cancel()
		view(t, b, func(postpurchase.Reader) error { return nil }) // takes a moment
		ended.Store(true)
		return nil
	}); err != nil {
		t.Errorf("Work = %v, want nil", err)
	}
	if !ended.Load() {
		t.Error("Work returned before its job")
	}
	wantKeys(t, rest(t, b, shop))
}

// twoWorkers work at the same time: no job is done twice.
func (e exam) twoWorkers(t *testing.T) {
	b := e.open(t)
	others := []postpurchase.Backend{b, b}
	if e.Second != nil {
		others[1] = e.Second(t, b)
		defer others[1].Close()
	}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("%02d", i))
	}
	enqueue(t, b, shop, want...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var keys []string
	var wg sync.WaitGroup
	for _, b := range others {
		wg.Go(func() {
			if err := b.Work(ctx, shop, func(_ context.Context, j postpurchase.Job) error {
				mu.Lock()
				defer mu.Unlock()
				if keys = append(keys, j.Key); len(keys) == len(want) {
					cancel()
				}
				return nil
			}); err != nil {
				t.Errorf("Work: %v", err)
			}
		})
	}
	wg.Wait()
	slices.Sort(keys)
	wantKeys(t, keys, want...)
}

func (e exam) drain(t *testing.T) {
	b := e.open(t)
	d, ok := b.(postpurchase.Drainer)
	if !ok {
		t.Skip("it is not a Drainer")
	}
	enqueue(t, b, shop, "a", "b", "c", "d")
	enqueue(t, b, "another", "x")
	boom2 := errors.New("boom 2")
	var keys []string
	err := d.Drain(t.Context(), shop, func(_ context.Context, j postpurchase.Job) error {
		keys = append(keys, j.Key)
		switch j.Key {
		case "a":
			enqueue(t, b, shop, "e")
		case "b":
			return errBoom
		case "d":
			return boom2
		}
		return nil
	})
	slices.Sort(keys)
	wantKeys(t, keys, "a", "b", "c", "d", "e")
	if !errors.Is(err, errBoom) || !errors.Is(err, boom2) {
		t.Errorf("Drain = %v, want all errors", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Drain(ctx, "another", func(context.Context, postpurchase.Job) error {
		t.Error("Drain does a job though its context is done")
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain = %v, want %v", err, context.Canceled)
	}
	// What failed is not lost, and is done later.
	wantKeys(t, work(t, b, shop, nil, count(2)), "b", "d")
	wantKeys(t, work(t, b, "another", nil, count(1)), "x")
}

// second looks at one database through two Backends, as two processes do.
func (e exam) second(t *testing.T) {
	b := e.open(t)
	c := e.Second(t, b)
	defer c.Close()
	for i := range 20 {
		b, c = c, b
		// What is seen by the run that counts: the last.
		var failures, parcels, messages int
		var state string
		update(t, b, func(tx postpurchase.Tx) error {
			p, err := tx.Parcel(ref(0))
			if errors.Is(err, postpurchase.ErrNotFound) {
				p, err = parcel(0), nil
			}
			if err != nil {
				return err
			}
			failures = p.Failures
			p.Failures++
			name := fmt.Sprint(i)
			var err1, err2 error
			parcels, err1 = size(tx.ParcelsOfOrder("1"))
			messages, err2 = size(tx.MessagesOfOrder("1"))
			o, err := tx.Order("1")
			switch {
			case err == nil:
				state = o.ShopState
			case errors.Is(err, postpurchase.ErrNotFound):
				state, err = "", nil
			}
			o = anOrder("1", "1", epoch)
			o.ShopState = name
			return errors.Join(err, err1, err2, tx.PutParcel(p), tx.PutParcel(parcel(i+1)), tx.PutMessage(message(name, "1")), tx.PutOrder(o))
		})
		// Lists and orders that were read before are not remembered past the other's commit.
		wantParcels, wantState := i+1, fmt.Sprint(i-1) // the one, and one of each round
		if i == 0 {
			wantParcels, wantState = 0, ""
		}
		if failures != i || parcels != wantParcels || messages != i || state != wantState {
			t.Errorf("round %d sees %d updates, %d parcels, %d messages and %q of the other; want %d, %d, %d and %q",
				i, failures, parcels, messages, state, i, wantParcels, i, wantState)
		}
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			update(t, []postpurchase.Backend{b, c}[i%2], func(tx postpurchase.Tx) error {
				p, err := tx.Parcel(ref(0))
				if err != nil {
					return err
				}
				p.Failures++
				return tx.PutParcel(p)
			})
		})
	}
	wg.Wait()
	increments := func(b postpurchase.Backend) (viewed, updated int) {
		view(t, b, func(r postpurchase.Reader) error {
			p, err := r.Parcel(ref(0))
			if err == nil {
				viewed = p.Failures
			}
			return err
		})
		update(t, b, func(tx postpurchase.Tx) error {
			p, err := tx.Parcel(ref(0))
			if err == nil {
				updated = p.Failures
			}
			return err
		})
		return viewed, updated
	}
	for _, b := range []postpurchase.Backend{b, c} {
		if viewed, updated := increments(b); viewed != 60 || updated != 60 {
			t.Errorf("increments = %d in a View and %d in an Update; want 60", viewed, updated)
		}
	}
	enqueue(t, b, shop, "from the other")
	wantKeys(t, work(t, c, shop, nil, count(1)), "from the other")
}
