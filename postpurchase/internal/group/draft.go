package group

import (
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Draft is what an Update's fn does on what is remembered. When that is not enough it
// parks until there is a transaction, and goes on in that.
type Draft struct {
	Puts
	Err error // of fn, if it has ended

	r       *Request
	tx      Transaction // where fn goes on
	parcels []*Parcel   // that were read
	orders  Held[OrderKey, *Order]
	ended   bool
	queued  bool
	refused error // there was no transaction
}

var (
	_ postpurchase.Tx         = (*Draft)(nil)
	_ postpurchase.Prefetcher = (*Draft)(nil)
)

// Ended reports whether fn has ended without a transaction: Puts and Err are what it has
// done, if what it has read is still so. Otherwise it is parked.
func (d *Draft) Ended() bool { return d.ended }

// Read returns what fn has read.
func (d *Draft) Read() ([]*Parcel, []*Order) { return d.parcels, d.orders.all }

// Transact returns the transaction of an fn that was given tx, and waits for it if need
// be.
func Transact(tx postpurchase.Tx) (postpurchase.Tx, error) {
	if d, ok := tx.(*Draft); ok {
		return d.park()
	}
	return tx, nil
}

// park waits for a transaction.
func (d *Draft) park() (postpurchase.Tx, error) {
	r := d.r
	if d.tx != nil || d.refused != nil {
		return d.tx, d.refused
	}
	if !d.queued {
		d.queued = true
		if d.refused = r.line.queue(r); d.refused != nil {
			return nil, d.refused
		}
	}
	cancelled := r.ctx.Done()
	for {
		select {
		case d.tx = <-r.run:
			return d.tx, nil
		case <-r.done:
			d.refused = r.Err
			return nil, d.refused
		case <-cancelled:
			if r.giveUp() {
				d.refused = r.ctx.Err()
				return nil, d.refused
			}
			cancelled = nil
		}
	}
}

func (d *Draft) sawParcel(p *Parcel) *Parcel {
	d.parcels = append(d.parcels, p)
	return p
}

// order returns what is remembered of an order. Once it was read it stays what it is,
// so that one fn does not see two states of it.
func (d *Draft) order(id string) *Order {
	k := d.Keys.Order(id)
	if o, ok := d.orders.Get(k); ok {
		return o
	}
	o := d.r.line.cache.Order(k)
	if o != nil {
		d.orders.put(k, o)
	}
	return o
}

// in does in the transaction what cannot be done on what is remembered.
func in[T any](d *Draft, do func(tx postpurchase.Tx) (T, error)) (T, error) {
	tx, err := d.park()
	if err != nil {
		var none T
		return none, err
	}
	return do(tx)
}

func (d *Draft) Order(id string) (*order.Order, error) {
	if d.tx == nil {
		if row, ok := d.Orders.Get(d.Keys.Order(id)); ok {
			return row.Order()
		}
		if o := d.order(id); o != nil && o.Known {
			if o.Row == nil {
				return nil, record.NotFound("order")
			}
			if v, err := o.Row.Order(); err == nil { // the transaction knows what to say of a bad row
				return v, nil
			}
		}
	}
	return in(d, func(tx postpurchase.Tx) (*order.Order, error) { return tx.Order(id) })
}

func (d *Draft) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	if d.tx == nil {
		k := d.Keys.Parcel(ref)
		if row, ok := d.Parcels.Get(k); ok {
			return row.Parcel()
		}
		if p := d.r.line.cache.Parcel(k); p != nil {
			if v, err := d.sawParcel(p).Row.Parcel(); err == nil {
				return v, nil
			}
		}
	}
	return in(d, func(tx postpurchase.Tx) (*postpurchase.Parcel, error) { return tx.Parcel(ref) })
}

func (d *Draft) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	if d.tx == nil {
		n := d.Keys.Number(carrier, number)
		if p := d.r.line.cache.Latest(n); p != nil {
			row := d.sawParcel(p).Row
			if mine := d.Latest(n); mine != nil && mine.Ref.Epoch >= p.Key.Epoch {
				row = mine
			}
			if v, err := row.Parcel(); err == nil {
				return v, nil
			}
		}
	}
	return in(d, func(tx postpurchase.Tx) (*postpurchase.Parcel, error) { return tx.LatestParcel(carrier, number) })
}

func (d *Draft) ParcelsOfOrder(id string) ([]*postpurchase.Parcel, error) {
	if d.tx == nil {
		if had, ok := d.parcelsOf(id); ok {
			if all, err := d.ParcelsOf(id, had); err == nil {
				return all, nil
			}
		}
	}
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Parcel, error) { return tx.ParcelsOfOrder(id) })
}

func (d *Draft) parcelsOf(id string) (had []*record.ParcelRow, ok bool) {
	o := d.order(id)
	if o == nil || o.Parcels == nil {
		return nil, false
	}
	for _, k := range *o.Parcels {
		p := d.r.line.cache.Parcel(k)
		if p == nil {
			return nil, false
		}
		had = append(had, d.sawParcel(p).Row)
	}
	return had, true
}

func (d *Draft) MessagesOfOrder(id string) ([]*postpurchase.Message, error) {
	if d.tx == nil {
		if o := d.order(id); o != nil && o.Messages != nil {
			had := make([]*record.MessageRow, 0, len(*o.Messages))
			for _, m := range *o.Messages {
				had = append(had, m.Row)
			}
			if all, err := d.MessagesOf(id, had); err == nil {
				return all, nil
			}
		}
	}
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Message, error) { return tx.MessagesOfOrder(id) })
}

// Prefetch implements [postpurchase.Prefetcher].
func (d *Draft) Prefetch(refs []shipment.Ref) error {
	if d.tx == nil && !slices.ContainsFunc(refs, func(r shipment.Ref) bool { return !d.remembers(r) }) {
		return nil
	}
	tx, err := d.park()
	if err != nil {
		return err
	}
	if p, ok := tx.(postpurchase.Prefetcher); ok {
		return p.Prefetch(refs)
	}
	return nil
}

// remembers reports whether all that belongs to a parcel is remembered.
func (d *Draft) remembers(r shipment.Ref) bool {
	p := d.r.line.cache.Latest(d.Keys.Number(r.Carrier, r.TrackingNumber))
	return p != nil && !slices.ContainsFunc(p.Row.Orders, func(id string) bool {
		o := d.order(id)
		return o == nil || !o.Known || o.Messages == nil
	})
}

func (d *Draft) Message(key string) (*postpurchase.Message, error) {
	if d.tx == nil {
		if row, ok := d.Messages.Get(d.Keys.Message(key)); ok {
			return row.Message()
		}
	}
	return in(d, func(tx postpurchase.Tx) (*postpurchase.Message, error) { return tx.Message(key) })
}

func (d *Draft) Cursor(name string) (postpurchase.Cursor, error) {
	if d.tx == nil {
		if c, ok := d.Cursors.Get(d.Keys.Cursor(name)); ok {
			return *c, nil
		}
	}
	return in(d, func(tx postpurchase.Tx) (postpurchase.Cursor, error) { return tx.Cursor(name) })
}

// What follows is asked less often and not remembered.

func (d *Draft) OrdersByNumber(number string) ([]*order.Order, error) {
	return in(d, func(tx postpurchase.Tx) ([]*order.Order, error) { return tx.OrdersByNumber(number) })
}

func (d *Draft) OrdersOfCustomer(email string) ([]*order.Order, error) {
	return in(d, func(tx postpurchase.Tx) ([]*order.Order, error) { return tx.OrdersOfCustomer(email) })
}

func (d *Draft) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Parcel, error) { return tx.ParcelsByHealth(h, limit) })
}

func (d *Draft) MessagesByState(s notify.State, limit int) ([]*postpurchase.Message, error) {
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Message, error) { return tx.MessagesByState(s, limit) })
}

func (d *Draft) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	return in(d, func(tx postpurchase.Tx) ([]postpurchase.InboxItem, error) { return tx.Inbox(limit) })
}

func (d *Draft) NextDue() (time.Time, error) {
	return in(d, func(tx postpurchase.Tx) (time.Time, error) { return tx.NextDue() })
}

func (d *Draft) DueParcels(t postpurchase.Timer, carrier string, now time.Time, limit int) ([]*postpurchase.Parcel, error) {
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Parcel, error) { return tx.DueParcels(t, carrier, now, limit) })
}

func (d *Draft) DueMessages(now time.Time, limit int) ([]*postpurchase.Message, error) {
	return in(d, func(tx postpurchase.Tx) ([]*postpurchase.Message, error) { return tx.DueMessages(now, limit) })
}

func (d *Draft) DueCursors(now time.Time, limit int) ([]postpurchase.Cursor, error) {
	return in(d, func(tx postpurchase.Tx) ([]postpurchase.Cursor, error) { return tx.DueCursors(now, limit) })
}
