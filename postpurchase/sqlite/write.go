package sqlite

import (
	"errors"
	"slices"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// write sends to the database what is held back, except jobs.
func (t *transaction) write() error {
	for i, k := range t.Orders.Keys {
		if err := t.writeOrder(k, t.Orders.At(i)); err != nil {
			return err
		}
	}
	for i, k := range t.Parcels.Keys {
		if err := t.writeParcel(k, t.Parcels.At(i)); err != nil {
			return err
		}
	}
	for i, k := range t.Messages.Keys {
		if err := t.writeMessage(k, t.Messages.At(i)); err != nil {
			return err
		}
	}
	for i := range t.Cursors.Keys {
		if err := t.writeCursor(t.Cursors.At(i)); err != nil {
			return err
		}
	}
	for i := range t.Puts.Inbox {
		if err := t.writeInbox(&t.Puts.Inbox[i]); err != nil {
			return err
		}
	}
	if t.Dropped != nil {
		t.s.writes++
		if err := t.s.rows(record.DropInbox, []any{t.Keys.Shop, *t.Dropped}, nil); err != nil {
			return err
		}
	}
	*t.Puts = group.Puts{Keys: t.Keys, Jobs: t.Jobs}
	return nil
}

func (t *transaction) writeOrder(k group.OrderKey, row *record.OrderRow) error {
	o, err := t.head(row.ID)
	if err != nil {
		return err
	}
	if o.ID == 0 {
		return t.addOrder(k, row)
	}
	if _, err := t.s.exec(setOrder, o.ID, row.Number, row.Email, row.Placed, row.Doc); err != nil {
		return err
	}
	t.changed(k, func(o *group.Order) { o.Row = row })
	return nil
}

// addOrder also adds the head of an order that is only spoken of, without a document.
func (t *transaction) addOrder(k group.OrderKey, row *record.OrderRow) error {
	var doc any // nil, and not an empty document
	if row.Doc != nil {
		doc = row.Doc
	}
	res, err := t.s.exec(addOrder, k.Shop, k.ID, row.Number, row.Email, row.Placed, doc)
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return t.s.fail(err)
	}
	t.changed(k, func(o *group.Order) {
		o.ID, o.Messages, o.Parcels = id, new([]group.Message), new([]group.ParcelKey)
		if row.Doc != nil {
			o.Row = row
		}
	})
	return nil
}

// owner returns the head of an order, and adds it if there is none.
func (t *transaction) owner(orderID string) (int64, error) {
	for {
		o, err := t.head(orderID)
		if err != nil {
			return 0, err
		}
		if o.ID != 0 {
			return o.ID, nil
		}
		if err := t.addOrder(o.Key, &record.OrderRow{ID: orderID}); err != nil {
			return 0, err
		}
	}
}

func (t *transaction) writeParcel(k group.ParcelKey, row *record.ParcelRow) error {
	old, err := t.parcel(row.Ref)
	if err != nil {
		return err
	}
	now := &group.Parcel{Key: k, Version: t.b.nextVersion(), Row: row}
	if old == nil {
		res, err := t.s.exec(addParcel, k.Shop, k.Carrier, k.Number, k.Epoch, row.Followed, row.Status, row.Health, row.Poll, row.Check, row.Renew, row.Doc)
		if err != nil {
			return err
		}
		if now.ID, err = res.LastInsertId(); err != nil {
			return t.s.fail(err)
		}
		// Where no parcel of this number is remembered, one may be there all the same.
		if was := t.b.cache.Latest(k.NumberKey); was != nil && was.Key.Epoch < k.Epoch {
			before := *was
			before.Latest, before.Version, now.Latest = false, t.b.nextVersion(), true
			t.b.cache.PutParcel(&before)
		}
	} else {
		now.ID, now.Latest = old.ID, old.Latest
		// An index costs as much as the row, and is written whenever its column is named:
		// name those only that have changed.
		o := old.Row
		switch rest := record.Same(o.Followed, row.Followed) && o.Health == row.Health && record.Same(o.Check, row.Check) && record.Same(o.Renew, row.Renew); {
		case rest && record.Same(o.Poll, row.Poll):
			_, err = t.s.exec(setParcelDoc, now.ID, row.Status, row.Doc)
		case rest:
			_, err = t.s.exec(setParcelPoll, now.ID, row.Status, row.Poll, row.Doc)
		default:
			_, err = t.s.exec(setParcel, now.ID, row.Followed, row.Status, row.Health, row.Poll, row.Check, row.Renew, row.Doc)
		}
		if err != nil {
			return err
		}
	}
	if err := t.link(old, now); err != nil {
		return err
	}
	t.b.cache.PutParcel(now)
	return nil
}

// link keeps the table of which parcels an order has.
func (t *transaction) link(old, now *group.Parcel) error {
	var before []string
	moved := false // it has another place in the lists
	if old != nil {
		before, moved = old.Row.Orders, !record.Same(old.Row.Followed, now.Row.Followed)
	}
	for _, id := range before {
		left := !now.Row.Has(id)
		if left {
			owner, err := t.owner(id)
			if err != nil {
				return err
			}
			if _, err := t.s.exec(unlinkParcel, owner, now.ID); err != nil {
				return err
			}
		}
		if left || moved {
			t.changed(t.Keys.Order(id), func(o *group.Order) { o.Parcels = nil })
		}
	}
	for _, id := range now.Row.Orders {
		if slices.Contains(before, id) {
			continue
		}
		owner, err := t.owner(id)
		if err != nil {
			return err
		}
		if _, err := t.s.exec(linkParcel, owner, now.ID); err != nil {
			return err
		}
		t.changed(t.Keys.Order(id), func(o *group.Order) { o.Parcels = nil })
	}
	return nil
}

func (t *transaction) writeMessage(k group.MessageKey, row *record.MessageRow) error {
	owner, err := t.owner(row.OrderID)
	if err != nil {
		return err
	}
	of := t.Keys.Order(row.OrderID)
	// Its place in its order's list, if that is remembered.
	if known := t.b.cache.Order(of); known != nil && known.Messages != nil {
		if at := slices.IndexFunc(*known.Messages, func(m group.Message) bool { return m.Row.Key == row.Key }); at >= 0 {
			if _, err := t.s.exec(setMessage, (*known.Messages)[at].ID, row.State, row.Send, row.Doc); err != nil {
				return err
			}
			t.changed(of, func(o *group.Order) {
				list := slices.Clone(*o.Messages)
				list[at].Row = row
				o.Messages = &list
			})
			return nil
		}
	}
	args := []any{k.Shop, k.Key, owner, row.State, row.Send, row.Doc}
	res, err := t.s.exec(addMessage, args...)
	if err != nil {
		return err
	}
	n, err1 := res.RowsAffected()
	id, err2 := res.LastInsertId()
	if err := errors.Join(err1, err2); err != nil {
		return t.s.fail(err)
	}
	if n == 1 {
		t.changed(of, func(o *group.Order) {
			if o.Messages != nil {
				list := append(slices.Clip(*o.Messages), group.Message{ID: id, Row: row})
				o.Messages = &list
			}
		})
		return nil
	}
	// It is there: of this order, whose list is not remembered, or of another one.
	if err := t.s.each(findOwner, []any{k.Shop, k.Key}, func(scan func(...any) error) error {
		var was string
		if err := scan(&was); err != nil {
			return err
		}
		t.b.cache.DropOrder(t.Keys.Order(was))
		t.b.cache.DropOrder(of)
		return nil
	}); err != nil {
		return err
	}
	_, err = t.s.exec(moveMessage, args...)
	return err
}

func (t *transaction) writeInbox(i *postpurchase.InboxItem) error {
	doc, err := record.Encode(i)
	if err != nil {
		return err
	}
	if _, err := t.s.exec(putInbox, t.Keys.Shop, i.Digest, record.Stamp(i.Received), doc); err != nil {
		return err
	}
	_, err = t.s.exec(trimInbox, t.Keys.Shop, inboxSize)
	return err
}

func (t *transaction) writeCursor(c *postpurchase.Cursor) error {
	doc, err := record.Encode(c)
	if err != nil {
		return err
	}
	_, err = t.s.exec(putCursor, t.Keys.Shop, c.Name, record.Stamp(c.Due), doc)
	return err
}

// deleteOrder writes at once: it is rare, and undone with the savepoint.
func (t *transaction) deleteOrder(id string) error {
	if err := t.early(1); err != nil {
		return err
	}
	o, err := t.head(id)
	if err != nil || o.ID == 0 {
		return err
	}
	parcels, err := t.parcelsOf(id)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		v, err := give(p)
		if err != nil {
			return err
		}
		v.Orders = slices.DeleteFunc(v.Orders, func(o postpurchase.ParcelOrder) bool { return o.OrderID == id })
		if len(v.Orders) == 0 {
			_, err = t.s.exec(deleteParcel, p.ID)
		} else if err = t.PutParcel(v); err == nil {
			err = t.write()
		}
		if err != nil {
			return err
		}
	}
	for _, q := range []query{deleteLinks, deleteMessages, deleteOrder} {
		if _, err := t.s.exec(q, o.ID); err != nil {
			return err
		}
	}
	t.b.cache.Clear() // it is rare, and remembers each of these in several places
	return nil
}
