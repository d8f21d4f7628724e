package backendtest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func (e exam) roundTrip(t *testing.T) {
	b := e.open(t)
	o, p, m := fill[order.Order](1), fill[postpurchase.Parcel](2), fill[postpurchase.Message](3)
	i, c := fill[postpurchase.InboxItem](4), fill[postpurchase.Cursor](5)
	var zero postpurchase.Parcel
	zero.Shipment.Ref = ref(9)
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutOrder(o), tx.PutParcel(p), tx.PutMessage(m), tx.PutInbox(*i), tx.PutCursor(*c), tx.PutParcel(&zero))
	})
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			found(t, "Order", o)(r.Order(o.ID))
			found(t, "OrdersByNumber", []*order.Order{o})(r.OrdersByNumber(o.Number))
			found(t, "Parcel", p)(r.Parcel(p.Shipment.Ref))
			found(t, "LatestParcel", p)(r.LatestParcel(p.Shipment.Ref.Carrier, p.Shipment.Ref.TrackingNumber))
			for _, o := range p.Orders {
				found(t, "ParcelsOfOrder", []*postpurchase.Parcel{p})(r.ParcelsOfOrder(o.OrderID))
			}
			found(t, "ParcelsByHealth", []*postpurchase.Parcel{p})(r.ParcelsByHealth(p.Health, 10))
			found(t, "Message", m)(r.Message(m.Key))
			found(t, "MessagesOfOrder", []*postpurchase.Message{m})(r.MessagesOfOrder(m.OrderID))
			found(t, "MessagesByState", []*postpurchase.Message{m})(r.MessagesByState(m.State, 10))
			found(t, "Inbox", []postpurchase.InboxItem{*i})(r.Inbox(10))
			found(t, "Cursor", *c)(r.Cursor(c.Name))
			found(t, "a parcel of zeros", &zero)(r.Parcel(zero.Shipment.Ref))
		})
	})(b)
}

// replace puts things again with everything changed but the key: they are found where
// they are now and no longer where they were.
func (e exam) replace(t *testing.T) {
	b := e.open(t)
	o, p, m, c := fill[order.Order](1), fill[postpurchase.Parcel](2), fill[postpurchase.Message](3), fill[postpurchase.Cursor](4)
	m.State = notify.StatePending
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutOrder(o), tx.PutParcel(p), tx.PutMessage(m), tx.PutCursor(*c))
	})
	// Read everything once: what a Backend may remember of it is about to be wrong.
	update(t, b, func(tx postpurchase.Tx) error {
		_, err1 := tx.Order(o.ID)
		_, err2 := tx.OrdersByNumber(o.Number)
		_, err3 := tx.LatestParcel(p.Shipment.Ref.Carrier, p.Shipment.Ref.TrackingNumber)
		_, err4 := tx.ParcelsOfOrder(p.Orders[0].OrderID)
		_, err5 := tx.ParcelsOfOrder(p.Orders[1].OrderID)
		_, err6 := tx.MessagesOfOrder(m.OrderID)
		_, err7 := tx.Message(m.Key)
		return errors.Join(err1, err2, err3, err4, err5, err6, err7)
	})
	o2, p2, m2, c2 := fill[order.Order](11), fill[postpurchase.Parcel](12), fill[postpurchase.Message](13), fill[postpurchase.Cursor](14)
	o2.ID, p2.Shipment.Ref, m2.Key, c2.Name = o.ID, p.Shipment.Ref, m.Key, c.Name
	p2.Orders[1] = p.Orders[1] // one order goes, one comes, one stays
	p2.PollAt, p2.RenewAt = time.Time{}, time.Time{}
	m2.State, c2.Due = notify.StateSent, time.Time{}
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutOrder(o2), tx.PutParcel(p2), tx.PutMessage(m2), tx.PutCursor(*c2))
	})
	far := epoch.AddDate(50, 0, 0)
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			found(t, "Order", o2)(r.Order(o.ID))
			found(t, "OrdersByNumber, before", []*order.Order(nil))(r.OrdersByNumber(o.Number))
			found(t, "OrdersByNumber", []*order.Order{o2})(r.OrdersByNumber(o2.Number))
			found(t, "Parcel", p2)(r.Parcel(p.Shipment.Ref))
			found(t, "ParcelsOfOrder, before", []*postpurchase.Parcel(nil))(r.ParcelsOfOrder(p.Orders[0].OrderID))
			found(t, "ParcelsOfOrder, kept", []*postpurchase.Parcel{p2})(r.ParcelsOfOrder(p.Orders[1].OrderID))
			found(t, "ParcelsOfOrder", []*postpurchase.Parcel{p2})(r.ParcelsOfOrder(p2.Orders[0].OrderID))
			found(t, "ParcelsByHealth, before", []*postpurchase.Parcel(nil))(r.ParcelsByHealth(p.Health, 9))
			found(t, "ParcelsByHealth", []*postpurchase.Parcel{p2})(r.ParcelsByHealth(p2.Health, 9))
			found(t, "Message", m2)(r.Message(m.Key))
			found(t, "MessagesOfOrder, before", []*postpurchase.Message(nil))(r.MessagesOfOrder(m.OrderID))
			found(t, "MessagesByState, before", []*postpurchase.Message(nil))(r.MessagesByState(notify.StatePending, 9))
			found(t, "MessagesByState", []*postpurchase.Message{m2})(r.MessagesByState(notify.StateSent, 9))
			found(t, "Cursor", *c2)(r.Cursor(c.Name))
			next, err := r.NextDue()
			if err != nil || !next.Equal(p2.CheckAt) {
				t.Errorf("NextDue = %v, %v; want %v", next, err, p2.CheckAt)
			}
		})
		update(t, b, func(tx postpurchase.Tx) error {
			found(t, "DueParcels poll", []*postpurchase.Parcel(nil))(tx.DueParcels(postpurchase.TimerPoll, "", far, 9))
			found(t, "DueParcels check", []*postpurchase.Parcel{p2})(tx.DueParcels(postpurchase.TimerCheck, "", far, 9))
			found(t, "DueParcels renew", []*postpurchase.Parcel(nil))(tx.DueParcels(postpurchase.TimerRenew, "", far, 9))
			found(t, "DueMessages", []*postpurchase.Message(nil))(tx.DueMessages(far, 9))
			found(t, "DueCursors", []postpurchase.Cursor(nil))(tx.DueCursors(far, 9))
			return nil
		})
	})(b)
}

func (e exam) notFound(t *testing.T) {
	both(t, e.open(t), func(t *testing.T, r postpurchase.Reader) {
		_, err1 := r.Order("x")
		_, err2 := r.Parcel(ref(1))
		_, err3 := r.LatestParcel("ups", "1Z1")
		_, err4 := r.Message("x")
		_, err5 := r.Cursor("x")
		for i, err := range []error{err1, err2, err3, err4, err5} {
			if !errors.Is(err, postpurchase.ErrNotFound) {
				t.Errorf("error %d = %v, want %v", i, err, postpurchase.ErrNotFound)
			}
		}
		found(t, "OrdersByNumber", 0)(size(r.OrdersByNumber("x")))
		found(t, "ParcelsOfOrder", 0)(size(r.ParcelsOfOrder("x")))
		found(t, "ParcelsByHealth", 0)(size(r.ParcelsByHealth(shipment.HealthLate, 9)))
		found(t, "MessagesOfOrder", 0)(size(r.MessagesOfOrder("x")))
		found(t, "MessagesByState", 0)(size(r.MessagesByState(notify.StateSent, 9)))
		found(t, "Inbox", 0)(size(r.Inbox(9)))
		if at, err := r.NextDue(); err != nil || !at.IsZero() {
			t.Errorf("NextDue = %v, %v; want the zero time", at, err)
		}
	})
}

func size[T any](list []T, err error) (int, error) { return len(list), err }

func (e exam) lists(t *testing.T) {
	b := e.open(t)
	update(t, b, func(tx postpurchase.Tx) error {
		var errs []error
		// Kept in another order than they are to be listed in.
		for _, i := range []int{3, 1, 4, 0, 2} {
			p := parcel(i)
			if i == 2 {
				p.Orders = append(p.Orders, postpurchase.ParcelOrder{OrderID: "2"})
			}
			if i > 2 {
				p.Health = shipment.HealthLate
			}
			errs = append(errs, tx.PutParcel(p),
				tx.PutOrder(anOrder(fmt.Sprint("o", i), "same", epoch.Add(time.Duration(i)*time.Hour))))
		}
		m := message("b", "1")
		m.State = notify.StateSent
		errs = append(errs, tx.PutMessage(m), tx.PutMessage(message("a", "1")), tx.PutMessage(message("c", "1")))
		m = message("b", "1")
		m.Subject = "again" // replacing keeps the place
		return errors.Join(append(errs, tx.PutMessage(m), tx.PutOrder(anOrder("unnumbered", "", epoch)))...)
	})
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			found(t, "OrdersByNumber", []string{"o4", "o3", "o2", "o1", "o0"})(keys(r.OrdersByNumber("same"))(func(o *order.Order) string { return o.ID }))
			found(t, "OrdersByNumber of one without", []string{"unnumbered"})(keys(r.OrdersByNumber("unnumbered"))(func(o *order.Order) string { return o.ID }))
			found(t, "ParcelsOfOrder", numbers(0, 1, 2, 3, 4))(keys(r.ParcelsOfOrder("1"))(number))
			found(t, "ParcelsOfOrder", numbers(2))(keys(r.ParcelsOfOrder("2"))(number))
			late, err := keys(r.ParcelsByHealth(shipment.HealthLate, 9))(number)
			slices.Sort(late)
			found(t, "ParcelsByHealth", numbers(3, 4))(late, err)
			found(t, "ParcelsByHealth of none", 3)(size(r.ParcelsByHealth(shipment.HealthUnknown, 9)))
			found(t, "ParcelsByHealth, limit", 1)(size(r.ParcelsByHealth(shipment.HealthLate, 1)))
			found(t, "MessagesOfOrder", []string{"b", "a", "c"})(keys(r.MessagesOfOrder("1"))(func(m *postpurchase.Message) string { return m.Key }))
			found(t, "MessagesByState, limit", 2)(size(r.MessagesByState("", 2)))
			found(t, "MessagesByState", 0)(size(r.MessagesByState(notify.StateSent, 2)))
		})
	})(b)
}

func keys[T any](list []T, err error) func(key func(T) string) ([]string, error) {
	return func(key func(T) string) ([]string, error) {
		var all []string
		for _, v := range list {
			all = append(all, key(v))
		}
		return all, err
	}
}

func number(p *postpurchase.Parcel) string { return p.Shipment.Ref.TrackingNumber }

func numbers(is ...int) (all []string) {
	for _, i := range is {
		all = append(all, ref(i).TrackingNumber)
	}
	return all
}

func (e exam) latestParcel(t *testing.T) {
	b := e.open(t)
	for _, epoch := range []int{1, 10, 2, 0} {
		p := parcel(1)
		p.Shipment.Ref.Epoch = epoch
		update(t, b, func(tx postpurchase.Tx) error { return tx.PutParcel(p) })
	}
	other := parcel(1)
	other.Shipment.Ref.Carrier, other.Shipment.Ref.Epoch = "dhl", 99
	update(t, b, func(tx postpurchase.Tx) error { return tx.PutParcel(other) })
	both(t, b, func(t *testing.T, r postpurchase.Reader) {
		p, err := r.LatestParcel("ups", "1Z1")
		if err != nil || p.Shipment.Ref.Epoch != 10 {
			t.Errorf("LatestParcel = %v, %v; want epoch 10", p, err)
		}
	})
}

func (e exam) inbox(t *testing.T) {
	b := e.open(t)
	for _, i := range []int{2, 0, 1} {
		update(t, b, func(tx postpurchase.Tx) error {
			first := tx.PutInbox(postpurchase.InboxItem{Digest: fmt.Sprint(i), Why: "first", Received: epoch.Add(time.Duration(i) * time.Minute), Body: []byte{0, 255, byte(i)}})
			return errors.Join(first, tx.PutInbox(postpurchase.InboxItem{Digest: fmt.Sprint(i), Why: "second", Received: epoch.AddDate(1, 0, 0)}))
		})
	}
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			digest := func(i postpurchase.InboxItem) string { return i.Digest + i.Why }
			found(t, "Inbox", []string{"2first", "1first", "0first"})(keys(r.Inbox(9))(digest))
			found(t, "Inbox, limit", []string{"2first", "1first"})(keys(r.Inbox(2))(digest))
		})
	})(b)
}

// dropInbox forgets what is old, also what was put just now.
func (e exam) dropInbox(t *testing.T) {
	b := e.open(t)
	put := func(tx postpurchase.Tx, from, to int) (err error) {
		for i := from; i < to; i++ {
			err = errors.Join(err, tx.PutInbox(postpurchase.InboxItem{Digest: fmt.Sprint(i), Received: epoch.Add(time.Duration(i) * time.Minute)}))
		}
		return err
	}
	update(t, b, func(tx postpurchase.Tx) error { return put(tx, 0, 4) })
	digest := func(i postpurchase.InboxItem) string { return i.Digest }
	update(t, b, func(tx postpurchase.Tx) error {
		err := errors.Join(put(tx, 4, 8), tx.DropInbox(epoch.Add(6*time.Minute)))
		found(t, "Inbox", []string{"7", "6"})(keys(tx.Inbox(9))(digest))
		return err
	})
	if err := b.Update(t.Context(), "another", func(tx postpurchase.Tx) error {
		return errors.Join(put(tx, 0, 2), tx.DropInbox(epoch.Add(time.Minute)))
	}); err != nil {
		t.Errorf("Update: %v", err)
	}
	both(t, b, func(t *testing.T, r postpurchase.Reader) {
		found(t, "Inbox", []string{"7", "6"})(keys(r.Inbox(9))(digest))
	})
	// What was forgotten may come again.
	update(t, b, func(tx postpurchase.Tx) error { return put(tx, 1, 2) })
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			found(t, "Inbox", []string{"7", "6", "1"})(keys(r.Inbox(9))(digest))
		})
	})(b)
}

// copies changes what was put, and what was returned, in every place that can be
// shared.
func (e exam) copies(t *testing.T) {
	b := e.open(t)
	o, p, m, i := fill[order.Order](1), fill[postpurchase.Parcel](2), fill[postpurchase.Message](3), fill[postpurchase.InboxItem](4)
	wantO, wantP, wantM, wantI := fill[order.Order](1), fill[postpurchase.Parcel](2), fill[postpurchase.Message](3), fill[postpurchase.InboxItem](4)
	read := func(t *testing.T, r postpurchase.Reader) {
		for range 2 {
			o, err1 := r.Order(wantO.ID)
			p, err2 := r.Parcel(wantP.Shipment.Ref)
			m, err3 := r.Message(wantM.Key)
			i, err4 := r.Inbox(1)
			of, err5 := r.ParcelsOfOrder(wantP.Orders[0].OrderID)
			if err := errors.Join(err1, err2, err3, err4, err5); err != nil || len(i) != 1 || len(of) != 1 {
				t.Errorf("reads: %v", err)
				return
			}
			same(t, "order", o, wantO)
			same(t, "parcel", p, wantP)
			same(t, "parcel of order", of[0], wantP)
			same(t, "message", m, wantM)
			same(t, "inbox item", i[0], *wantI)
			for _, v := range []any{o, p, m, &i[0], of[0]} {
				scribble(reflect.ValueOf(v).Elem())
			}
		}
	}
	update(t, b, func(tx postpurchase.Tx) error {
		err := errors.Join(tx.PutOrder(o), tx.PutParcel(p), tx.PutMessage(m), tx.PutInbox(*i))
		for _, v := range []any{o, p, m, i} {
			scribble(reflect.ValueOf(v).Elem())
		}
		read(t, tx)
		return err
	})
	both(t, b, read)
	both(t, b, read)
}

func (e exam) shops(t *testing.T) {
	b := e.open(t)
	put := func(name string, n int) (*order.Order, *postpurchase.Parcel, *postpurchase.Message, *postpurchase.Cursor) {
		o, p, m, c := fill[order.Order](n), fill[postpurchase.Parcel](n), fill[postpurchase.Message](n), fill[postpurchase.Cursor](n)
		o.ID, o.Number, p.Shipment.Ref, p.Health, m.Key, m.OrderID, m.State, c.Name = "id", "no", ref(1), "late", "key", "id", "pending", "name"
		p.Orders[0].OrderID = "id"
		if err := b.Update(t.Context(), name, func(tx postpurchase.Tx) error {
			return errors.Join(tx.PutOrder(o), tx.PutParcel(p), tx.PutMessage(m), tx.PutCursor(*c), tx.PutInbox(postpurchase.InboxItem{Digest: "d", Why: name}))
		}); err != nil {
			t.Fatal(err)
		}
		return o, p, m, c
	}
	check := func(name string, o *order.Order, p *postpurchase.Parcel, m *postpurchase.Message, c *postpurchase.Cursor) {
		if err := b.Update(t.Context(), name, func(tx postpurchase.Tx) error {
			far := epoch.AddDate(50, 0, 0)
			found(t, "Order", o)(tx.Order("id"))
			found(t, "OrdersByNumber", []*order.Order{o})(tx.OrdersByNumber("no"))
			found(t, "Parcel", p)(tx.Parcel(ref(1)))
			found(t, "LatestParcel", p)(tx.LatestParcel("ups", "1Z1"))
			found(t, "ParcelsOfOrder", []*postpurchase.Parcel{p})(tx.ParcelsOfOrder("id"))
			found(t, "ParcelsByHealth", []*postpurchase.Parcel{p})(tx.ParcelsByHealth("late", 9))
			found(t, "Message", m)(tx.Message("key"))
			found(t, "MessagesOfOrder", []*postpurchase.Message{m})(tx.MessagesOfOrder("id"))
			found(t, "MessagesByState", []*postpurchase.Message{m})(tx.MessagesByState("pending", 9))
			found(t, "Cursor", *c)(tx.Cursor("name"))
			found(t, "DueParcels", []*postpurchase.Parcel{p})(tx.DueParcels(postpurchase.TimerCheck, "", far, 9))
			found(t, "DueParcels", []*postpurchase.Parcel{p})(tx.DueParcels(postpurchase.TimerPoll, "ups", far, 9))
			found(t, "DueMessages", []*postpurchase.Message{m})(tx.DueMessages(far, 9))
			found(t, "DueCursors", []postpurchase.Cursor{*c})(tx.DueCursors(far, 9))
			found(t, "Inbox", []string{name})(keys(tx.Inbox(9))(func(i postpurchase.InboxItem) string { return i.Why }))
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	o1, p1, m1, c1 := put("one", 1)
	o2, p2, m2, c2 := put("two", 2)
	check("one", o1, p1, m1, c1)
	check("two", o2, p2, m2, c2)
	both(t, b, func(t *testing.T, r postpurchase.Reader) { // a third shop
		if _, err := r.Parcel(ref(1)); !errors.Is(err, postpurchase.ErrNotFound) {
			t.Errorf("Parcel = %v, want %v", err, postpurchase.ErrNotFound)
		}
		if at, err := r.NextDue(); err != nil || !at.IsZero() {
			t.Errorf("NextDue = %v, %v; want the zero time", at, err)
		}
	})
}
