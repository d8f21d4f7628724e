package sqlite

import (
	"errors"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// transaction is one Update's part of a commit. What it puts is held back until its fn
// returns, so that an fn that fails costs the others nothing. Only when fn reads a
// list after it has put something is that written earlier, behind a savepoint.
type transaction struct {
	*group.Puts
	b     *Backend
	s     *session
	read  record.Reader
	saved bool // there is a savepoint
	ended chan struct{}
}

var _ group.Transaction = (*transaction)(nil)

// newTransaction returns the transaction of a request, which goes on from puts.
func newTransaction(b *Backend, s *session, puts *group.Puts) *transaction {
	return &transaction{
		Puts: puts, b: b, s: s, ended: make(chan struct{}),
		read: record.Reader{Shop: puts.Keys.Shop, Rows: s.rows, Corrupt: corrupt},
	}
}

// Ended implements [group.Transaction].
func (t *transaction) Ended() { t.ended <- struct{}{} }

// run lets the fn of a request run.
func (t *transaction) run(r *group.Request) {
	r.Run(t)
	<-t.ended
}

func corrupt(err error) error { return errors.Join(ErrCorrupt, err) }

const (
	savepoint = "SAVEPOINT one_update"
	release   = "RELEASE one_update"
	undo      = "ROLLBACK TO one_update"
)

// early writes what is held back before a list is read, if held says that the list
// could show it.
func (t *transaction) early(held int) error {
	if held == 0 {
		return nil
	}
	if !t.saved {
		if err := t.s.run(savepoint); err != nil {
			return err
		}
		t.saved = true
	}
	return t.write()
}

// end keeps or undoes what the Update did. Its error is the group's.
func (t *transaction) end(keep bool) error {
	if keep {
		if err := t.write(); err != nil {
			return err
		}
	} else if t.saved {
		t.b.cache.Clear() // it may hold what is undone now
		if err := t.s.run(undo); err != nil {
			return err
		}
	}
	if t.saved {
		return t.s.run(release)
	}
	return nil
}

// The following return what is in the database, from memory if it is remembered. What
// they return is not to be changed.

// A found parcel was read just now.
type found struct {
	*group.Parcel
	value *postpurchase.Parcel // the caller's
}

// parcelAt reads the parcel of one row of an id and a document. One that is remembered
// stays the same, so that what was drafted on it stays current.
func (t *transaction) parcelAt(scan func(...any) error) (found, error) {
	var id int64
	var doc []byte
	if err := scan(&id, &doc); err != nil {
		return found{}, t.s.fail(err)
	}
	row, value, err := record.ReadParcel(doc)
	if err != nil {
		return found{}, corrupt(err)
	}
	k := t.Keys.Parcel(row.Ref)
	if p := t.b.cache.Parcel(k); p != nil && p.ID == id {
		return found{p, value}, nil
	}
	p := &group.Parcel{Key: k, ID: id, Version: t.b.nextVersion(), Row: row}
	t.b.cache.PutParcel(p)
	return found{p, value}, nil
}

func (t *transaction) parcels(q query, args ...any) ([]found, error) {
	var all []found
	err := t.s.each(q, args, func(scan func(...any) error) error {
		p, err := t.parcelAt(scan)
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// parcel is nil if there is none.
func (t *transaction) parcel(ref shipment.Ref) (*group.Parcel, error) {
	if p := t.b.cache.Parcel(t.Keys.Parcel(ref)); p != nil {
		return p, nil
	}
	all, err := t.parcels(findParcel, t.Keys.Shop, ref.Carrier, ref.TrackingNumber, ref.Epoch)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0].Parcel, nil
}

func (t *transaction) latest(carrier, number string) (*group.Parcel, error) {
	if p := t.b.cache.Latest(t.Keys.Number(carrier, number)); p != nil {
		return p, nil
	}
	all, err := t.parcels(findLatest, t.Keys.Shop, carrier, number)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	p := *all[0].Parcel
	p.Latest = true
	t.b.cache.PutParcel(&p)
	return &p, nil
}

// learn remembers more of an order.
func (t *transaction) learn(k group.OrderKey, more func(o *group.Order)) *group.Order {
	o := group.Order{Key: k, Version: t.b.nextVersion()}
	if old := t.b.cache.Order(k); old != nil {
		o = *old
	}
	more(&o)
	t.b.cache.PutOrder(&o)
	return &o
}

// changed remembers that an order, or what belongs to it, has changed. What is not
// remembered needs no telling.
func (t *transaction) changed(k group.OrderKey, change func(o *group.Order)) {
	old := t.b.cache.Order(k)
	if old == nil {
		return
	}
	o := *old
	o.Version = t.b.nextVersion()
	change(&o)
	t.b.cache.PutOrder(&o)
}

// head returns an order that is known to be there or not to be.
func (t *transaction) head(id string) (*group.Order, error) {
	k := t.Keys.Order(id)
	if o := t.b.cache.Order(k); o != nil && o.Known {
		return o, nil
	}
	var row *record.OrderRow
	var at int64
	err := t.s.each(findOrder, []any{t.Keys.Shop, id}, func(scan func(...any) error) error {
		var doc []byte
		if err := scan(&at, &doc); err != nil {
			return t.s.fail(err)
		}
		if doc != nil {
			row = &record.OrderRow{ID: id, Doc: doc}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.learn(k, func(o *group.Order) { o.ID, o.Known, o.Row = at, true, row }), nil
}

// messagesOf returns an order with its messages.
func (t *transaction) messagesOf(id string) (*group.Order, error) {
	o, err := t.head(id)
	if err != nil || o.Messages != nil {
		return o, err
	}
	list := []group.Message{}
	if o.ID != 0 {
		if err := t.s.each(findMessages, []any{o.ID}, func(scan func(...any) error) error {
			m := group.Message{Row: &record.MessageRow{OrderID: id}}
			err := scan(&m.ID, &m.Row.Key, &m.Row.Doc)
			list = append(list, m)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return t.learn(o.Key, func(o *group.Order) { o.Messages = &list }), nil
}

// parcelsOf returns an order's parcels.
func (t *transaction) parcelsOf(id string) ([]*group.Parcel, error) {
	o, err := t.head(id)
	if err != nil || o.ID == 0 {
		return nil, err
	}
	if o.Parcels != nil {
		all := make([]*group.Parcel, 0, len(*o.Parcels))
		for _, k := range *o.Parcels {
			p, err := t.parcel(shipment.Ref{Carrier: k.Carrier, TrackingNumber: k.Number, Epoch: k.Epoch})
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		return all, nil
	}
	found, err := t.parcels(findParcels, o.ID)
	if err != nil {
		return nil, err
	}
	keys, all := make([]group.ParcelKey, 0, len(found)), make([]*group.Parcel, 0, len(found))
	for _, p := range found {
		keys, all = append(keys, p.Key), append(all, p.Parcel)
	}
	t.learn(o.Key, func(o *group.Order) { o.Parcels = &keys })
	return all, nil
}

// The reads of fn, which see what it has put.

func give(p *group.Parcel) (*postpurchase.Parcel, error) {
	if p == nil {
		return nil, record.NotFound("parcel")
	}
	v, err := p.Row.Parcel()
	if err != nil {
		return nil, corrupt(err)
	}
	return v, nil
}

func (t *transaction) Order(id string) (*order.Order, error) {
	row, put := t.Orders.Get(t.Keys.Order(id))
	if !put {
		o, err := t.head(id)
		if err != nil {
			return nil, err
		}
		row = o.Row
	}
	if row == nil {
		return nil, record.NotFound("order")
	}
	o, err := row.Order()
	if err != nil {
		return nil, corrupt(err)
	}
	return o, nil
}

func (t *transaction) OrdersByNumber(number string) ([]*order.Order, error) {
	if err := t.early(len(t.Orders.Keys)); err != nil {
		return nil, err
	}
	return t.read.OrdersByNumber(number)
}

func (t *transaction) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if err := t.early(len(t.Orders.Keys)); err != nil {
		return nil, err
	}
	return t.read.OrdersOfCustomer(email)
}

func (t *transaction) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	if row, ok := t.Parcels.Get(t.Keys.Parcel(ref)); ok {
		return row.Parcel()
	}
	p, err := t.parcel(ref)
	if err != nil {
		return nil, err
	}
	return give(p)
}

func (t *transaction) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	p, err := t.latest(carrier, number)
	if err != nil {
		return nil, err
	}
	if row := t.Latest(t.Keys.Number(carrier, number)); row != nil && (p == nil || row.Ref.Epoch >= p.Key.Epoch) {
		return row.Parcel()
	}
	return give(p)
}

func (t *transaction) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	of, err := t.parcelsOf(orderID)
	if err != nil {
		return nil, err
	}
	had := make([]*record.ParcelRow, 0, len(of))
	for _, p := range of {
		had = append(had, p.Row)
	}
	return t.ParcelsOf(orderID, had)
}

func (t *transaction) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	if err := t.early(len(t.Parcels.Keys)); err != nil {
		return nil, err
	}
	return t.read.ParcelsByHealth(h, limit)
}

func (t *transaction) Message(key string) (*postpurchase.Message, error) {
	if row, ok := t.Messages.Get(t.Keys.Message(key)); ok {
		return row.Message()
	}
	return t.read.Message(key)
}

func (t *transaction) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	o, err := t.messagesOf(orderID)
	if err != nil {
		return nil, err
	}
	had := make([]*record.MessageRow, 0, len(*o.Messages))
	for _, m := range *o.Messages {
		had = append(had, m.Row)
	}
	all, err := t.MessagesOf(orderID, had)
	if err != nil {
		return nil, corrupt(err)
	}
	return all, nil
}

func (t *transaction) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	if err := t.early(len(t.Messages.Keys)); err != nil {
		return nil, err
	}
	return t.read.MessagesByState(state, limit)
}

func (t *transaction) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	held := len(t.Puts.Inbox)
	if t.Dropped != nil {
		held++
	}
	if err := t.early(held); err != nil {
		return nil, err
	}
	return t.read.Inbox(limit)
}

func (t *transaction) Cursor(name string) (postpurchase.Cursor, error) {
	if c, ok := t.Cursors.Get(t.Keys.Cursor(name)); ok {
		return *c, nil
	}
	return t.read.Cursor(name)
}

func (t *transaction) NextDue() (time.Time, error) {
	if err := t.early(len(t.Parcels.Keys) + len(t.Messages.Keys) + len(t.Cursors.Keys)); err != nil {
		return time.Time{}, err
	}
	return t.read.NextDue()
}

func (t *transaction) DueParcels(timer postpurchase.Timer, carrier string, now time.Time, limit int) ([]*postpurchase.Parcel, error) {
	if err := t.early(len(t.Parcels.Keys)); err != nil {
		return nil, err
	}
	all, of := duePoll, duePollOf
	switch timer {
	case postpurchase.TimerPoll:
	case postpurchase.TimerCheck:
		all, of = dueCheck, dueCheckOf
	case postpurchase.TimerRenew:
		all, of = dueRenew, dueRenewOf
	default:
		return nil, nil // nothing has such a timer
	}
	args := []any{t.Keys.Shop, record.Nanos(now), max(limit, 0)}
	if carrier != "" {
		all, args = of, append(args, carrier)
	}
	due, err := t.parcels(all, args...)
	if err != nil {
		return nil, err
	}
	var given []*postpurchase.Parcel
	for _, p := range due {
		given = append(given, p.value)
	}
	return given, nil
}

// due reads documents.
func due[T any](t *transaction, held int, q query, now time.Time, limit int) ([]*T, error) {
	if err := t.early(held); err != nil {
		return nil, err
	}
	var all []*T
	err := t.s.each(q, []any{t.Keys.Shop, record.Nanos(now), max(limit, 0)}, func(scan func(...any) error) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		v, err := record.Decode[T](doc)
		if err != nil {
			return corrupt(err)
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *transaction) DueMessages(now time.Time, limit int) ([]*postpurchase.Message, error) {
	return due[postpurchase.Message](t, len(t.Messages.Keys), dueMessages, now, limit)
}

func (t *transaction) DueCursors(now time.Time, limit int) ([]postpurchase.Cursor, error) {
	list, err := due[postpurchase.Cursor](t, len(t.Cursors.Keys), dueCursors, now, limit)
	if err != nil {
		return nil, err
	}
	var all []postpurchase.Cursor
	for _, c := range list {
		all = append(all, *c)
	}
	return all, nil
}
