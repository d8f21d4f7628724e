package group

import (
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
)

// Puts is what one Update has put, by a draft, by a transaction, or by both. It is written only when its fn has returned, so that
// one that fails costs others nothing. What is put becomes a row at once, on the
// goroutine of who puts it.
type Puts struct {
	Keys     Keys
	Parcels  Held[ParcelKey, *record.ParcelRow]
	Orders   Held[OrderKey, *record.OrderRow]
	Messages Held[MessageKey, *record.MessageRow]
	Cursors  Held[CursorKey, *postpurchase.Cursor]
	Inbox    []postpurchase.InboxItem
	Jobs     []postpurchase.Job
	Dropped  *int64 // inbox items from before then are to go; nil: none

	latest  Held[NumberKey, *record.ParcelRow] // of the parcels that were put
	byOrder Held[OrderKey, []MessageKey]       // messages; those that went to another order too
}

// Held are things that were put, in the order of their first put.
type Held[K comparable, V any] struct {
	Keys []K
	all  []V
	at   map[K]int // once there are many
}

// few is how many are looked through faster than a map is made.
const few = 6

func (h *Held[K, V]) find(k K) int {
	if h.at != nil {
		if i, ok := h.at[k]; ok {
			return i
		}
		return -1
	}
	return slices.Index(h.Keys, k)
}

// Get returns what was put under k.
func (h *Held[K, V]) Get(k K) (v V, ok bool) {
	if i := h.find(k); i >= 0 {
		return h.all[i], true
	}
	return v, false
}

// At returns what was put under Keys[i].
func (h *Held[K, V]) At(i int) V { return h.all[i] }

func (h *Held[K, V]) put(k K, v V) {
	if i := h.find(k); i >= 0 {
		h.all[i] = v
		return
	}
	h.Keys, h.all = append(h.Keys, k), append(h.all, v)
	if h.at == nil && len(h.Keys) > few {
		h.at = make(map[K]int, 4*few)
		for i, k := range h.Keys {
			h.at[k] = i
		}
	} else if h.at != nil {
		h.at[k] = len(h.Keys) - 1
	}
}

func (p *Puts) PutOrder(o *order.Order) error {
	row, err := record.Order(o)
	if err == nil {
		p.Orders.put(p.Keys.Order(o.ID), row)
	}
	return err
}

func (p *Puts) PutParcel(v *postpurchase.Parcel) error {
	row, err := record.Parcel(v)
	if err != nil {
		return err
	}
	k := p.Keys.Parcel(v.Shipment.Ref)
	p.Parcels.put(k, row)
	if old, ok := p.latest.Get(k.NumberKey); !ok || old.Ref.Epoch <= k.Epoch {
		p.latest.put(k.NumberKey, row)
	}
	return nil
}

func (p *Puts) PutMessage(m *postpurchase.Message) error {
	row, err := record.Message(m)
	if err != nil {
		return err
	}
	k, o := p.Keys.Message(m.Key), p.Keys.Order(m.OrderID)
	p.Messages.put(k, row)
	if of, _ := p.byOrder.Get(o); !slices.Contains(of, k) {
		p.byOrder.put(o, append(of, k))
	}
	return nil
}

func (p *Puts) PutInbox(i postpurchase.InboxItem) error {
	i.Body = slices.Clone(i.Body)
	p.Inbox = append(p.Inbox, i)
	return nil
}

func (p *Puts) DropInbox(before time.Time) error {
	if at := record.Stamp(before); at != nil && (p.Dropped == nil || *at > *p.Dropped) {
		p.Dropped = at
	}
	return nil
}

func (p *Puts) PutCursor(c postpurchase.Cursor) error {
	p.Cursors.put(p.Keys.Cursor(c.Name), &c)
	return nil
}

func (p *Puts) Enqueue(j postpurchase.Job) error {
	j.Args = slices.Clone(j.Args)
	p.Jobs = append(p.Jobs, j)
	return nil
}

// Latest is the parcel of the highest epoch that was put with a number, or nil.
func (p *Puts) Latest(n NumberKey) *record.ParcelRow {
	row, _ := p.latest.Get(n)
	return row
}

// MessagesOf returns the messages of an order, given those it had: with what was put in
// their places, and what is new behind them.
func (p *Puts) MessagesOf(orderID string, had []*record.MessageRow) ([]*postpurchase.Message, error) {
	var all []*postpurchase.Message
	add := func(row *record.MessageRow) error {
		m, err := row.Message()
		if err == nil {
			all = append(all, m)
		}
		return err
	}
	of, _ := p.byOrder.Get(p.Keys.Order(orderID))
	seen := make(map[MessageKey]bool, len(of))
	for _, row := range had {
		if len(p.Messages.Keys) > 0 {
			k := p.Keys.Message(row.Key)
			if mine, ok := p.Messages.Get(k); ok {
				if seen[k] = true; mine.OrderID != orderID {
					continue
				}
				row = mine
			}
		}
		if err := add(row); err != nil {
			return nil, err
		}
	}
	for _, k := range of {
		if row, _ := p.Messages.Get(k); !seen[k] && row.OrderID == orderID {
			if err := add(row); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// ParcelsOf returns the parcels of an order, given those it had, with what was put: in
// the order they were followed.
func (p *Puts) ParcelsOf(orderID string, had []*record.ParcelRow) ([]*postpurchase.Parcel, error) {
	var all []*postpurchase.Parcel
	seen := make(map[ParcelKey]bool, len(had))
	add := func(row *record.ParcelRow) error {
		if !row.Has(orderID) {
			return nil
		}
		v, err := row.Parcel()
		if err == nil {
			all = append(all, v)
		}
		return err
	}
	for _, row := range had {
		if len(p.Parcels.Keys) > 0 {
			k := p.Keys.Parcel(row.Ref)
			if mine, ok := p.Parcels.Get(k); ok {
				row, seen[k] = mine, true
			}
		}
		if err := add(row); err != nil {
			return nil, err
		}
	}
	for i, k := range p.Parcels.Keys {
		if !seen[k] {
			if err := add(p.Parcels.At(i)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *postpurchase.Parcel) int { return a.Followed.Compare(b.Followed) })
	return all, nil
}
