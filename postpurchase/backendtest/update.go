package backendtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var errBoom = errors.New("boom")

// everything puts one of each and a job, all under names of n.
func everything(tx postpurchase.Tx, n int) error {
	name := fmt.Sprint(n)
	p := parcel(n)
	p.Orders[0].OrderID, p.CheckAt = name, epoch
	return errors.Join(
		tx.PutOrder(anOrder(name, name, epoch)), tx.PutParcel(p), tx.PutMessage(message(name, name)),
		tx.PutCursor(postpurchase.Cursor{Name: name, Due: epoch}), tx.PutInbox(postpurchase.InboxItem{Digest: name}),
		tx.Enqueue(postpurchase.Job{Kind: "k", Key: name}))
}

// present counts what of everything is there: 0 to 9.
func present(r postpurchase.Reader, n int) (have int) {
	name := fmt.Sprint(n)
	_, err1 := r.Order(name)
	_, err2 := r.Parcel(ref(n))
	_, err3 := r.Message(name)
	_, err4 := r.Cursor(name)
	for _, err := range []error{err1, err2, err3, err4} {
		if err == nil {
			have++
		}
	}
	l1, _ := r.OrdersByNumber(name)
	l2, _ := r.ParcelsOfOrder(name)
	l3, _ := r.MessagesOfOrder(name)
	have += len(l1) + len(l2) + len(l3)
	if at, _ := r.NextDue(); !at.IsZero() {
		have++
	}
	items, _ := r.Inbox(1000)
	for _, i := range items {
		if i.Digest == name {
			have++
		}
	}
	return have
}

func (e exam) allOrNothing(t *testing.T) {
	b := e.open(t)
	for name, fail := range map[string]func(tx postpurchase.Tx) error{
		"at the end": func(tx postpurchase.Tx) error { return errBoom },
		"after reading lists": func(tx postpurchase.Tx) error {
			if have := present(tx, 1); have != 9 {
				t.Errorf("the update sees %d of 9 things it put", have)
			}
			return errBoom
		},
	} {
		err := b.Update(t.Context(), shop, func(tx postpurchase.Tx) error {
			if err := everything(tx, 1); err != nil {
				return err
			}
			return fail(tx)
		})
		if !errors.Is(err, errBoom) {
			t.Errorf("%s: Update = %v, want what fn returned", name, err)
		}
	}
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			if have := present(r, 1); have != 0 {
				t.Errorf("%d of 9 things were kept", have)
			}
		})
		wantKeys(t, rest(t, b, shop))
	})(b)
}

func (e exam) readsSeePuts(t *testing.T) {
	b := e.open(t)
	p := parcel(1)
	update(t, b, func(tx postpurchase.Tx) error {
		err := tx.PutParcel(p)
		found(t, "Parcel", p)(tx.Parcel(ref(1)))
		p.Country = "AT"
		err = errors.Join(err, tx.PutParcel(p))
		found(t, "Parcel, put again", p)(tx.Parcel(ref(1)))
		return err
	})
	both(t, b, func(t *testing.T, r postpurchase.Reader) { found(t, "Parcel", p)(r.Parcel(ref(1))) })
}

func (e exam) listsSeePuts(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error { return everything(tx, 1) })
	update(t, b, func(tx postpurchase.Tx) error {
		p, err := tx.Parcel(ref(1))
		if err != nil {
			return err
		}
		p.Orders[0].OrderID, p.CheckAt, p.PollAt = "2", p.PollAt, epoch
		err = tx.PutParcel(p)
		found(t, "ParcelsOfOrder, before", []*postpurchase.Parcel(nil))(tx.ParcelsOfOrder("1"))
		found(t, "ParcelsOfOrder", []*postpurchase.Parcel{p})(tx.ParcelsOfOrder("2"))
		found(t, "DueParcels check", []*postpurchase.Parcel(nil))(tx.DueParcels(postpurchase.TimerCheck, "", epoch, 9))
		found(t, "DueParcels poll", []*postpurchase.Parcel{p})(tx.DueParcels(postpurchase.TimerPoll, "", epoch, 9))
		p.Shipment.Ref.Epoch = 1
		err = errors.Join(err, tx.PutParcel(p))
		found(t, "LatestParcel", p)(tx.LatestParcel("ups", "1Z1"))
		return errors.Join(err, everything(tx, 7))
	})
	both(t, b, func(t *testing.T, r postpurchase.Reader) {
		if have := present(r, 7); have != 9 {
			t.Errorf("%d of 9 things were kept", have)
		}
		found(t, "ParcelsOfOrder", 2)(size(r.ParcelsOfOrder("2")))
	})
}

// neighbours runs updates at the same time of which every third fails, some of them
// after what they put was seen by their own reads: a commit may be shared, a failure is
// not.
func (e exam) neighbours(t *testing.T) {
	b := e.open(t)
	var wg sync.WaitGroup
	for i := range 90 {
		wg.Go(func() {
			err := b.Update(t.Context(), shop, func(tx postpurchase.Tx) error {
				if err := everything(tx, i); err != nil {
					return err
				}
				if i%2 == 0 {
					_, _ = tx.ParcelsOfOrder("x")
				}
				if i%3 == 0 {
					return errBoom
				}
				return nil
			})
			if i%3 == 0 && !errors.Is(err, errBoom) || i%3 != 0 && err != nil {
				t.Errorf("Update %d = %v", i, err)
			}
		})
	}
	wg.Wait()
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		view(t, b, func(r postpurchase.Reader) error {
			for i := range 90 {
				_, err := r.Parcel(ref(i))
				of, err2 := r.ParcelsOfOrder(fmt.Sprint(i))
				if kept := err == nil; kept != (i%3 != 0) || (len(of) == 1) != kept || err2 != nil {
					t.Errorf("parcel %d kept = %v, of its order %d", i, kept, len(of))
				}
			}
			return nil
		})
	})(b)
}

// panics lets functions panic, or end their goroutines, among those that do not: at once,
// after they have put something, and after they have asked for what nobody remembers.
func (e exam) panics(t *testing.T) {
	b := e.open(t)
	before := map[int]func(tx postpurchase.Tx, i int){
		0: func(postpurchase.Tx, int) {},
		1: func(tx postpurchase.Tx, i int) { _ = everything(tx, i) },
		2: func(tx postpurchase.Tx, i int) { _, _ = tx.Order(fmt.Sprint("no such ", i)); _ = everything(tx, i) },
		3: func(tx postpurchase.Tx, i int) { _ = everything(tx, i); _, _ = tx.Inbox(3) },
	}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			switch i % 3 {
			case 0:
				update(t, b, func(tx postpurchase.Tx) error { return everything(tx, i) })
			case 1:
				defer func() {
					if r := recover(); r != i {
						t.Errorf("recovered %v, want %d", r, i)
					}
				}()
				_ = b.Update(t.Context(), shop, func(tx postpurchase.Tx) error {
					before[i/3%4](tx, i)
					panic(i)
				})
			case 2:
				_ = b.Update(t.Context(), shop, func(tx postpurchase.Tx) error {
					before[i/3%4](tx, i)
					runtime.Goexit()
					return nil
				})
				t.Errorf("update %d has returned", i)
			}
		})
	}
	wg.Wait()
	update(t, b, func(tx postpurchase.Tx) error { return everything(tx, 99) })
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		view(t, b, func(r postpurchase.Reader) error {
			for i := range 60 {
				if _, err := r.Parcel(ref(i)); (err == nil) != (i%3 == 0) {
					t.Errorf("parcel %d: %v", i, err)
				}
			}
			return nil
		})
	})(b)
}

// prefetch names parcels before they are asked for: known, new, of several orders, and
// none at all. It changes no answer.
func (e exam) prefetch(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		for i := range 5 {
			errs = append(errs, everything(tx, i))
		}
		p := parcel(5)
		p.Orders = []postpurchase.ParcelOrder{{OrderID: "1"}, {OrderID: "2"}, {OrderID: "nobody's"}}
		return errors.Join(append(errs, tx.PutParcel(p))...)
	})
	look := func(t *testing.T, b postpurchase.Backend) {
		update(t, b, func(tx postpurchase.Tx) error {
			var refs []shipment.Ref
			for i := range 9 {
				refs = append(refs, ref(i))
			}
			if err := tx.PutParcel(parcel(7)); err != nil {
				return err
			}
			if p, ok := tx.(postpurchase.Prefetcher); ok {
				if err := p.Prefetch(refs); err != nil {
					return err
				}
			}
			for i := range 9 {
				_, err := tx.LatestParcel("ups", ref(i).TrackingNumber)
				if there := i < 6 || i == 7; (err == nil) != there {
					t.Errorf("LatestParcel %d = %v", i, err)
				}
				_, err = tx.Order(fmt.Sprint(i))
				of, err2 := tx.MessagesOfOrder(fmt.Sprint(i))
				if there := i < 5; (err == nil) != there || (len(of) == 1) != there || err2 != nil {
					t.Errorf("order %d = %v, with %d messages (%v)", i, err, len(of), err2)
				}
			}
			return nil
		})
	}
	look(t, b)
	if e.Second != nil { // which remembers nothing
		c := e.Second(t, b)
		defer c.Close()
		look(t, c)
	}
}

func (e exam) noLostUpdate(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutParcel(parcel(0)), tx.PutOrder(anOrder("1", "1", epoch)))
	})
	const n = 60
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { // many of one parcel
			update(t, b, func(tx postpurchase.Tx) error {
				p, err := tx.Parcel(ref(0))
				if err != nil {
					return err
				}
				p.Failures++
				return tx.PutParcel(p)
			})
		})
		wg.Go(func() { // many parcels of one order
			update(t, b, func(tx postpurchase.Tx) error {
				o, err := tx.Order("1")
				if err != nil {
					return err
				}
				o.Parcels = append(o.Parcels, order.Parcel{ID: fmt.Sprint(i), Ref: shipment.Ref{TrackingNumber: "x"}})
				of, err := tx.ParcelsOfOrder("1")
				if err != nil {
					return err
				}
				p := parcel(i + 1)
				p.Failures = len(of)
				return errors.Join(tx.PutOrder(o), tx.PutParcel(p))
			})
		})
	}
	wg.Wait()
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		view(t, b, func(r postpurchase.Reader) error {
			p, err := r.Parcel(ref(0))
			if err != nil || p.Failures != n {
				t.Errorf("increments = %v, %v; want %d", p, err, n)
			}
			o, err := r.Order("1")
			if err != nil || len(o.Parcels) != n {
				t.Errorf("the order lost parcels: %v", err)
			}
			of, err := r.ParcelsOfOrder("1")
			seen := map[int]bool{}
			for _, p := range of {
				if p.Shipment.Ref != ref(0) {
					seen[p.Failures] = true
				}
			}
			if err != nil || len(of) != n+1 || len(seen) != n {
				t.Errorf("parcels = %d, that counted differently %d; want %d and %d (%v)", len(of), len(seen), n+1, n, err)
			}
			return nil
		})
	})(b)
}

// snapshot changes two things together again and again while readers compare them.
func (e exam) snapshot(t *testing.T) {
	b := e.open(t)
	set := func(n int) {
		update(t, b, func(tx postpurchase.Tx) error {
			v := fmt.Sprint(n)
			return errors.Join(tx.PutCursor(postpurchase.Cursor{Name: "a", Value: v}), tx.PutCursor(postpurchase.Cursor{Name: "b", Value: v}))
		})
	}
	set(0)
	var wg sync.WaitGroup
	var done atomic.Bool
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				view(t, b, func(r postpurchase.Reader) error {
					a, err1 := r.Cursor("a")
					c, err2 := r.Cursor("b")
					if a.Value != c.Value {
						t.Errorf("one view shows %s and %s", a.Value, c.Value)
						done.Store(true)
					}
					return errors.Join(err1, err2)
				})
			}
		})
	}
	for i := range 100 {
		set(i)
	}
	done.Store(true)
	wg.Wait()
}

// readersDoNotWait reads from within an Update, which would wait for itself.
func (e exam) readersDoNotWait(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error { return tx.PutCursor(postpurchase.Cursor{Name: "c", Value: "old"}) })
	update(t, b, func(tx postpurchase.Tx) error {
		err := tx.PutCursor(postpurchase.Cursor{Name: "c", Value: "new"})
		read := make(chan struct{})
		go func() {
			defer close(read)
			view(t, b, func(r postpurchase.Reader) error {
				found(t, "Cursor", postpurchase.Cursor{Name: "c", Value: "old"})(r.Cursor("c"))
				return nil
			})
		}()
		<-read
		return err
	})
}

func (e exam) cancelled(t *testing.T) {
	b := e.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Update(ctx, shop, func(tx postpurchase.Tx) error { return everything(tx, 1) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want %v", err, context.Canceled)
	}
	if err := b.View(ctx, shop, func(postpurchase.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want %v", err, context.Canceled)
	}
	if err := b.Work(ctx, shop, func(context.Context, postpurchase.Job) error { return nil }); err != nil {
		t.Errorf("Work = %v, want nil", err)
	}
	view(t, b, func(r postpurchase.Reader) error {
		if have := present(r, 1); have != 0 {
			t.Errorf("%d of 9 things were kept", have)
		}
		return nil
	})
}

// cancelledWhileWaiting cancels updates that wait for another: each may be kept or
// not, but what it returned must be true.
func (e exam) cancelledWhileWaiting(t *testing.T) {
	b := e.open(t)
	var wg sync.WaitGroup
	var errs [40]error
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range errs {
		wg.Go(func() {
			errs[i] = b.Update(ctx, shop, func(tx postpurchase.Tx) error {
				if i == 20 {
					cancel()
				}
				return tx.PutParcel(parcel(i))
			})
		})
	}
	wg.Wait()
	view(t, b, func(r postpurchase.Reader) error {
		for i, err := range errs {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Update = %v", err)
			}
			if _, missing := r.Parcel(ref(i)); (missing == nil) != (err == nil) {
				t.Errorf("Update returned %v, and the parcel: %v", err, missing)
			}
		}
		return nil
	})
}

func (e exam) closed(t *testing.T) {
	b := e.Open(t)
	if err := b.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := b.Update(t.Context(), shop, func(postpurchase.Tx) error { return nil }); err == nil {
		t.Error("Update after Close = nil, want an error")
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}
