package sqlite

import (
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// transaction is one Update's part of a commit. What it puts is held back until its fn
// returns, so that an fn that fails costs the others nothing. Only when fn reads a
// list after it has put something is that written earlier, behind a savepoint.
type transaction struct {
	reader
	saved bool // there is a savepoint

	orders   held[string, *order.Order]
	parcels  held[shipment.Ref, *postpurchase.Parcel]
	messages held[string, *postpurchase.Message]
	cursors  held[string, postpurchase.Cursor]
	inbox    []postpurchase.InboxItem
	jobs     []postpurchase.Job
}

var _ postpurchase.Tx = (*transaction)(nil)

// held are things that were put and not written yet, in the order of their first put.
type held[K comparable, V any] struct {
	keys []K
	byID map[K]V
}

func (h *held[K, V]) put(key K, v V) {
	if h.byID == nil {
		h.byID = map[K]V{}
	}
	if _, ok := h.byID[key]; !ok {
		h.keys = append(h.keys, key)
	}
	h.byID[key] = v
}

// flush hands each to write and forgets it.
func (h *held[K, V]) flush(write func(V) error) error {
	for _, k := range h.keys {
		if err := write(h.byID[k]); err != nil {
			return err
		}
	}
	*h = held[K, V]{}
	return nil
}

// write sends to the database what is held back, except jobs.
func (t *transaction) write() error {
	if err := t.orders.flush(t.writeOrder); err != nil {
		return err
	}
	if err := t.parcels.flush(t.writeParcel); err != nil {
		return err
	}
	if err := t.messages.flush(t.writeMessage); err != nil {
		return err
	}
	if err := t.cursors.flush(t.writeCursor); err != nil {
		return err
	}
	for _, i := range t.inbox {
		if err := t.writeInbox(i); err != nil {
			return err
		}
	}
	t.inbox = nil
	return nil
}

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
		t.cache.clear() // it may hold what is undone now
		if err := t.s.run(undo); err != nil {
			return err
		}
	}
	if t.saved {
		return t.s.run(release)
	}
	return nil
}

func (t *transaction) Order(id string) (*order.Order, error) {
	if o, ok := t.orders.byID[id]; ok {
		return record.CloneOrder(o), nil
	}
	return t.reader.Order(id)
}

func (t *transaction) OrdersByNumber(number string) ([]*order.Order, error) {
	if err := t.early(len(t.orders.keys)); err != nil {
		return nil, err
	}
	return t.reader.OrdersByNumber(number)
}

func (t *transaction) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if err := t.early(len(t.orders.keys)); err != nil {
		return nil, err
	}
	return t.reader.OrdersOfCustomer(email)
}

func (t *transaction) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	if p, ok := t.parcels.byID[ref]; ok {
		return record.CloneParcel(p), nil
	}
	return t.reader.Parcel(ref)
}

func (t *transaction) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	if err := t.early(len(t.parcels.keys)); err != nil {
		return nil, err
	}
	return t.reader.LatestParcel(carrier, number)
}

func (t *transaction) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	if err := t.early(len(t.parcels.keys)); err != nil {
		return nil, err
	}
	return t.reader.ParcelsOfOrder(orderID)
}

func (t *transaction) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	if err := t.early(len(t.parcels.keys)); err != nil {
		return nil, err
	}
	return t.reader.ParcelsByHealth(h, limit)
}

func (t *transaction) Message(key string) (*postpurchase.Message, error) {
	if m, ok := t.messages.byID[key]; ok {
		return record.CloneMessage(m), nil
	}
	return t.reader.Message(key)
}

func (t *transaction) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	if err := t.early(len(t.messages.keys)); err != nil {
		return nil, err
	}
	return t.reader.MessagesOfOrder(orderID)
}

func (t *transaction) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	if err := t.early(len(t.messages.keys)); err != nil {
		return nil, err
	}
	return t.reader.MessagesByState(state, limit)
}

func (t *transaction) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	if err := t.early(len(t.inbox)); err != nil {
		return nil, err
	}
	return t.reader.Inbox(limit)
}

func (t *transaction) Cursor(name string) (postpurchase.Cursor, error) {
	if c, ok := t.cursors.byID[name]; ok {
		return c, nil
	}
	return t.reader.Cursor(name)
}

func (t *transaction) NextDue() (time.Time, error) {
	if err := t.early(len(t.parcels.keys) + len(t.messages.keys) + len(t.cursors.keys)); err != nil {
		return time.Time{}, err
	}
	return t.reader.NextDue()
}

func (t *transaction) DueParcels(timer postpurchase.Timer, carrier string, now time.Time, limit int) ([]*postpurchase.Parcel, error) {
	if err := t.early(len(t.parcels.keys)); err != nil {
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
	if carrier == "" {
		return t.parcelList(all, t.shop, record.Nanos(now), max(limit, 0))
	}
	return t.parcelList(of, t.shop, carrier, record.Nanos(now), max(limit, 0))
}

func (t *transaction) DueMessages(now time.Time, limit int) ([]*postpurchase.Message, error) {
	if err := t.early(len(t.messages.keys)); err != nil {
		return nil, err
	}
	return list[postpurchase.Message](&t.reader, dueMessages, t.shop, record.Nanos(now), max(limit, 0))
}

func (t *transaction) DueCursors(now time.Time, limit int) ([]postpurchase.Cursor, error) {
	if err := t.early(len(t.cursors.keys)); err != nil {
		return nil, err
	}
	return values(list[postpurchase.Cursor](&t.reader, dueCursors, t.shop, record.Nanos(now), max(limit, 0)))
}

func (t *transaction) PutOrder(o *order.Order) error {
	t.orders.put(o.ID, record.CloneOrder(o))
	return nil
}

func (t *transaction) PutParcel(p *postpurchase.Parcel) error {
	t.parcels.put(p.Shipment.Ref, record.CloneParcel(p))
	return nil
}

func (t *transaction) PutMessage(m *postpurchase.Message) error {
	t.messages.put(m.Key, record.CloneMessage(m))
	return nil
}

func (t *transaction) PutInbox(i postpurchase.InboxItem) error {
	i.Body = slices.Clone(i.Body)
	t.inbox = append(t.inbox, i)
	return nil
}

func (t *transaction) PutCursor(c postpurchase.Cursor) error {
	t.cursors.put(c.Name, c)
	return nil
}

func (t *transaction) Enqueue(j postpurchase.Job) error {
	j.Args = slices.Clone(j.Args)
	t.jobs = append(t.jobs, j)
	return nil
}

// deleteOrder writes at once: it is rare, and undone with the savepoint.
func (t *transaction) deleteOrder(id string) error {
	if err := t.early(1); err != nil {
		return err
	}
	parcels, err := t.reader.ParcelsOfOrder(id)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		row, err := t.parcelRow(p.Shipment.Ref)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(p.Orders), func(o postpurchase.ParcelOrder) bool { return o.OrderID == id })
		if p.Orders = left; len(left) > 0 {
			if err := t.writeParcel(record.CloneParcel(p)); err != nil {
				return err
			}
			continue
		}
		if _, err := t.s.exec(unlinkParcel, t.shop, id, row.id); err != nil {
			return err
		}
		if _, err := t.s.exec(deleteParcel, row.id); err != nil {
			return err
		}
	}
	if _, err := t.s.exec(deleteMessages, t.shop, id); err != nil {
		return err
	}
	if _, err := t.s.exec(deleteOrder, t.shop, id); err != nil {
		return err
	}
	t.cache.clear() // it is rare, and remembers each of these in several places
	return nil
}

func (t *transaction) writeOrder(o *order.Order) error {
	doc, err := record.Encode(o)
	if err != nil {
		return err
	}
	if _, err = t.s.exec(putOrder, t.shop, o.ID, o.DisplayNumber(), postpurchase.FoldEmail(o.Customer.Email), record.Stamp(o.PlacedAt), doc); err != nil {
		return err
	}
	t.cache.remember(readKey{query: getOrder, shop: t.shop, id: o.ID}, o)
	return nil
}

func (t *transaction) writeParcel(p *postpurchase.Parcel) error {
	doc, err := record.Encode(p)
	if err != nil {
		return err
	}
	old, err := t.parcelRow(p.Shipment.Ref)
	if err != nil {
		return err
	}
	row := &parcelRow{parcel: p, cost: len(doc)}
	status := string(p.Shipment.Status)
	if old == nil {
		ref := p.Shipment.Ref
		res, err := t.s.exec(addParcel, t.shop, ref.Carrier, ref.TrackingNumber, ref.Epoch, record.Stamp(p.Followed),
			status, record.Health(p.Health), record.Stamp(p.PollAt), record.Stamp(p.CheckAt), record.Stamp(p.RenewAt), doc)
		if err != nil {
			return err
		}
		if row.id, err = res.LastInsertId(); err != nil {
			return err
		}
		delete(t.cache.reads, readKey{query: latestParcel, shop: t.shop, id: ref.Carrier, num: ref.TrackingNumber})
	} else {
		row.id = old.id
		// An index costs as much as the row, and is written whenever its column is named:
		// name those only that have changed.
		o := old.parcel
		switch rest := o.Followed.Equal(p.Followed) && o.Health == p.Health && o.CheckAt.Equal(p.CheckAt) && o.RenewAt.Equal(p.RenewAt); {
		case rest && o.PollAt.Equal(p.PollAt):
			_, err = t.s.exec(setParcelDoc, status, doc, row.id)
		case rest:
			_, err = t.s.exec(setParcelPoll, status, record.Stamp(p.PollAt), doc, row.id)
		default:
			_, err = t.s.exec(setParcel, record.Stamp(p.Followed), status, record.Health(p.Health),
				record.Stamp(p.PollAt), record.Stamp(p.CheckAt), record.Stamp(p.RenewAt), doc, row.id)
		}
		if err != nil {
			return err
		}
	}
	if err := t.link(old, row); err != nil {
		return err
	}
	t.cache.put(t.shop, row)
	return nil
}

// link keeps the table of which parcels an order has.
func (t *transaction) link(old, row *parcelRow) error {
	var before []postpurchase.ParcelOrder
	if old != nil {
		before = old.parcel.Orders
	}
	has := func(list []postpurchase.ParcelOrder, id string) bool {
		return slices.ContainsFunc(list, func(o postpurchase.ParcelOrder) bool { return o.OrderID == id })
	}
	if old == nil || !old.parcel.Followed.Equal(row.parcel.Followed) { // it has another place in the lists
		for _, o := range row.parcel.Orders {
			delete(t.cache.reads, readKey{query: parcelsOfOrder, shop: t.shop, id: o.OrderID})
		}
	}
	for _, o := range before {
		if !has(row.parcel.Orders, o.OrderID) {
			delete(t.cache.reads, readKey{query: parcelsOfOrder, shop: t.shop, id: o.OrderID})
			if _, err := t.s.exec(unlinkParcel, t.shop, o.OrderID, row.id); err != nil {
				return err
			}
		}
	}
	for _, o := range row.parcel.Orders {
		if !has(before, o.OrderID) {
			delete(t.cache.reads, readKey{query: parcelsOfOrder, shop: t.shop, id: o.OrderID})
			if _, err := t.s.exec(linkParcel, t.shop, o.OrderID, row.id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *transaction) writeMessage(m *postpurchase.Message) error {
	doc, err := record.Encode(m)
	if err != nil {
		return err
	}
	args := []any{t.shop, m.Key, m.OrderID, string(m.State), record.Stamp(m.SendAt), doc}
	key := readKey{query: messagesOfOrder, shop: t.shop, id: m.OrderID}
	all, ok := remembered[[]*postpurchase.Message](t.cache, key)
	if i := slices.IndexFunc(all, func(o *postpurchase.Message) bool { return o.Key == m.Key }); i >= 0 {
		all = slices.Clone(all)
		all[i] = m
	} else {
		// It is new, or was another order's before, whose list is wrong then.
		res, err := t.s.exec(addMessage, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 1 {
			if ok {
				t.cache.remember(key, append(slices.Clip(all), m))
			}
			return nil
		}
		t.cache.forgetMessages()
		ok = false
	}
	if _, err := t.s.exec(putMessage, args...); err != nil {
		return err
	}
	if ok {
		t.cache.remember(key, all)
	}
	return nil
}

func (t *transaction) writeInbox(i postpurchase.InboxItem) error {
	doc, err := record.Encode(&i)
	if err != nil {
		return err
	}
	if _, err := t.s.exec(putInbox, t.shop, i.Digest, record.Stamp(i.Received), doc); err != nil {
		return err
	}
	_, err = t.s.exec(trimInbox, t.shop, inboxSize)
	return err
}

func (t *transaction) writeCursor(c postpurchase.Cursor) error {
	doc, err := record.Encode(&c)
	if err != nil {
		return err
	}
	_, err = t.s.exec(putCursor, t.shop, c.Name, record.Stamp(c.Due), doc)
	return err
}
