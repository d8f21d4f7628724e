package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
)

var timers = map[postpurchase.Timer]func(p *postpurchase.Parcel) *time.Time{
	postpurchase.TimerPoll:  func(p *postpurchase.Parcel) *time.Time { return &p.PollAt },
	postpurchase.TimerCheck: func(p *postpurchase.Parcel) *time.Time { return &p.CheckAt },
	postpurchase.TimerRenew: func(p *postpurchase.Parcel) *time.Time { return &p.RenewAt },
}

func (e exam) due(t *testing.T) {
	for timer, field := range timers {
		t.Run(string(timer), func(t *testing.T) {
			b := e.open(t)
			update(t, b, func(tx postpurchase.Tx) error {
				var errs []error
				for _, i := range []int{2, 5, 0, 4, 1, 3} {
					p := parcel(i)
					*field(p) = epoch.Add(time.Duration(i-3) * time.Nanosecond).In(time.FixedZone("", 3600*i))
					errs = append(errs, tx.PutParcel(p))
				}
				unset := parcel(6)
				return errors.Join(append(errs, tx.PutParcel(unset))...)
			})
			e.states(t, func(t *testing.T, b postpurchase.Backend) {
				update(t, b, func(tx postpurchase.Tx) error {
					found(t, "at or before now", numbers(0, 1, 2, 3))(keys(tx.DueParcels(timer, "", epoch, 100))(number))
					found(t, "limit", numbers(0, 1))(keys(tx.DueParcels(timer, "", epoch, 2))(number))
					found(t, "later", numbers(0, 1, 2, 3, 4, 5))(keys(tx.DueParcels(timer, "", epoch.AddDate(9, 0, 0), 100))(number))
					for other := range timers {
						if other != timer {
							found(t, "another timer", 0)(size(tx.DueParcels(other, "", epoch.AddDate(9, 0, 0), 100)))
						}
					}
					return nil
				})
			})(b)
		})
	}
}

func (e exam) dueCarrier(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		for i := range 6 {
			p := parcel(i)
			p.PollAt = epoch.Add(time.Duration(-i) * time.Minute)
			if i%2 == 0 {
				p.Shipment.Ref.Carrier = "dhl"
			}
			errs = append(errs, tx.PutParcel(p))
		}
		return errors.Join(errs...)
	})
	update(t, b, func(tx postpurchase.Tx) error {
		found(t, "ups", numbers(5, 3, 1))(keys(tx.DueParcels(postpurchase.TimerPoll, "ups", epoch, 9))(number))
		found(t, "dhl", numbers(4, 2))(keys(tx.DueParcels(postpurchase.TimerPoll, "dhl", epoch, 2))(number))
		found(t, "another", 0)(size(tx.DueParcels(postpurchase.TimerPoll, "fedex", epoch, 2)))
		return nil
	})
}

func (e exam) dueMessages(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		for i, state := range []notify.State{notify.StatePending, notify.StateSent, notify.StatePending, notify.StatePending, notify.StateSending} {
			m := message(fmt.Sprint(i), "1")
			m.State, m.SendAt = state, epoch.Add(time.Duration(-i)*time.Second)
			errs = append(errs, tx.PutMessage(m))
		}
		later, unset := message("later", "1"), message("unset", "1")
		later.State, later.SendAt, unset.State = notify.StatePending, epoch.Add(time.Nanosecond), notify.StatePending
		return errors.Join(append(errs, tx.PutMessage(later), tx.PutMessage(unset))...)
	})
	key := func(m *postpurchase.Message) string { return m.Key }
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		update(t, b, func(tx postpurchase.Tx) error {
			found(t, "DueMessages", []string{"3", "2", "0"})(keys(tx.DueMessages(epoch, 9))(key))
			found(t, "DueMessages, limit", []string{"3", "2"})(keys(tx.DueMessages(epoch, 2))(key))
			return nil
		})
	})(b)
}

func (e exam) dueCursors(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		for i := range 4 {
			errs = append(errs, tx.PutCursor(postpurchase.Cursor{Name: fmt.Sprint(i), Due: epoch.Add(time.Duration(1-i) * time.Second)}))
		}
		return errors.Join(append(errs, tx.PutCursor(postpurchase.Cursor{Name: "unset"}))...)
	})
	name := func(c postpurchase.Cursor) string { return c.Name }
	update(t, b, func(tx postpurchase.Tx) error {
		found(t, "DueCursors", []string{"3", "2", "1"})(keys(tx.DueCursors(epoch, 9))(name))
		found(t, "DueCursors, limit", []string{"3"})(keys(tx.DueCursors(epoch, 1))(name))
		return nil
	})
}

func (e exam) nextDue(t *testing.T) {
	b := e.open(t)
	at := epoch.AddDate(1, 0, 0)
	step := func(put func(tx postpurchase.Tx, at time.Time) error) {
		t.Helper()
		at = at.Add(-time.Hour)
		update(t, b, func(tx postpurchase.Tx) error { return put(tx, at) })
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			t.Helper()
			if got, err := r.NextDue(); err != nil || !got.Equal(at) {
				t.Errorf("NextDue = %v, %v; want %v", got, err, at)
			}
		})
	}
	for _, field := range timers {
		step(func(tx postpurchase.Tx, at time.Time) error {
			p := parcel(at.Hour())
			*field(p) = at
			return tx.PutParcel(p)
		})
	}
	step(func(tx postpurchase.Tx, at time.Time) error {
		m := message("m", "1")
		m.State, m.SendAt = notify.StatePending, at
		sent := message("sent", "1")
		sent.State, sent.SendAt = notify.StateSent, at.AddDate(-1, 0, 0)
		return errors.Join(tx.PutMessage(m), tx.PutMessage(sent))
	})
	step(func(tx postpurchase.Tx, at time.Time) error {
		return tx.PutCursor(postpurchase.Cursor{Name: "c", Due: at})
	})
}

// claims lets many take due parcels at the same time, as processes that share a
// database do: no parcel is taken twice.
func (e exam) claims(t *testing.T) {
	b := e.open(t)
	const n = 100
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		for i := range n {
			p := parcel(i)
			p.PollAt = epoch
			errs = append(errs, tx.PutParcel(p))
		}
		return errors.Join(errs...)
	})
	others := []postpurchase.Backend{b, b, b}
	if e.Second != nil {
		second := e.Second(t, b)
		defer second.Close()
		others[1] = second
	}
	var mu sync.Mutex
	var all []string
	var wg sync.WaitGroup
	for _, b := range others {
		wg.Go(func() {
			for {
				var taken []string
				update(t, b, func(tx postpurchase.Tx) error {
					due, err := tx.DueParcels(postpurchase.TimerPoll, "", epoch, 7)
					taken = nil // fn may run more than once
					for _, p := range due {
						taken = append(taken, number(p))
						p.PollAt = epoch.Add(time.Hour)
						err = errors.Join(err, tx.PutParcel(p))
					}
					return err
				})
				if len(taken) == 0 || t.Failed() {
					return
				}
				mu.Lock()
				all = append(all, taken...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	if u := len(slices.Compact(slices.Clone(all))); len(all) != n || u != n {
		t.Errorf("parcels were taken %d times, different ones %d; want %d", len(all), u, n)
	}
}
