package group

import (
	"sync"

	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The keys of things. They hold texts as they are in the database.
type (
	NumberKey struct{ Shop, Carrier, Number string }
	ParcelKey struct {
		NumberKey
		Epoch int
	}
	OrderKey   struct{ Shop, ID string }
	MessageKey struct{ Shop, Key string }
	CursorKey  struct{ Shop, Name string }
)

// Keys makes keys of a shop. Text says how a text is in the database; nil means as it
// is. Shop is made already.
type Keys struct {
	Shop string
	Text func(string) string
}

func (k Keys) text(s string) string {
	if k.Text == nil {
		return s
	}
	return k.Text(s)
}

// Number is the key of a tracking number.
func (k Keys) Number(carrier, number string) NumberKey {
	return NumberKey{k.Shop, k.text(carrier), k.text(number)}
}

// Parcel is the key of a parcel.
func (k Keys) Parcel(r shipment.Ref) ParcelKey {
	return ParcelKey{k.Number(r.Carrier, r.TrackingNumber), r.Epoch}
}

// Order is the key of an order.
func (k Keys) Order(id string) OrderKey { return OrderKey{k.Shop, k.text(id)} }

// Message is the key of a message.
func (k Keys) Message(key string) MessageKey { return MessageKey{k.Shop, k.text(key)} }

// Cursor is the key of a cursor.
func (k Keys) Cursor(name string) CursorKey { return CursorKey{k.Shop, k.text(name)} }

// Parcel is a parcel as it is in the database. It is never changed.
type Parcel struct {
	Key     ParcelKey
	ID      int64
	Version int64 // changes with everything else
	Latest  bool  // of the parcels with this number
	Row     *record.ParcelRow
}

// Order is an order with all that belongs to it. It is never changed. What is not known
// is nil.
type Order struct {
	Key      OrderKey
	ID       int64
	Version  int64            // changes with everything else, but not when more becomes known
	Known    bool             // Row says whether there is an order
	Row      *record.OrderRow // nil: there is none
	Messages *[]Message       // in the order they were kept
	Parcels  *[]ParcelKey     // in the order they were followed
}

// Message is a message of an order.
type Message struct {
	ID  int64
	Row *record.MessageRow
}

// Cache remembers what is in the database. Most news comes to a parcel that had some
// not long ago, and to ask the database is the larger part of the work. It is safe for
// concurrent use. The zero value is empty.
type Cache struct {
	mu      sync.Mutex
	cost    int
	parcels map[ParcelKey]*Parcel
	latest  map[NumberKey]ParcelKey
	orders  map[OrderKey]*Order
}

// maxCost bounds what is remembered, in bytes.
const (
	maxCost = 64 << 20
	perRow  = 200 // about, besides the document
)

func (p *Parcel) cost() int { return len(p.Row.Doc) + perRow }

func (o *Order) cost() int {
	cost := perRow
	if o.Row != nil {
		cost += len(o.Row.Doc)
	}
	if o.Messages != nil {
		for i := range *o.Messages {
			cost += len((*o.Messages)[i].Row.Doc) + perRow
		}
	}
	if o.Parcels != nil {
		cost += perRow * len(*o.Parcels)
	}
	return cost
}

// Clear forgets everything.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost, c.parcels, c.latest, c.orders = 0, nil, nil, nil
}

// Parcel returns what is known of a parcel, or nil.
func (c *Cache) Parcel(k ParcelKey) *Parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parcels[k]
}

// Latest returns the parcel with a number that was the latest when it was read, or nil.
func (c *Cache) Latest(n NumberKey) *Parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.latest[n]; ok {
		return c.parcels[k]
	}
	return nil
}

// Order returns what is known of an order, or nil.
func (c *Cache) Order(k OrderKey) *Order {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.orders[k]
}

// PutParcel remembers a parcel.
func (c *Cache) PutParcel(p *Parcel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parcels == nil {
		c.parcels, c.latest = map[ParcelKey]*Parcel{}, map[NumberKey]ParcelKey{}
	}
	if old := c.parcels[p.Key]; old != nil {
		c.cost -= old.cost()
	}
	c.parcels[p.Key] = p
	c.cost += p.cost()
	switch k, ok := c.latest[p.Key.NumberKey]; {
	case p.Latest:
		c.latest[p.Key.NumberKey] = p.Key
	case ok && k == p.Key:
		delete(c.latest, p.Key.NumberKey)
	}
	c.shrink()
}

// PutOrder remembers an order.
func (c *Cache) PutOrder(o *Order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == nil {
		c.orders = map[OrderKey]*Order{}
	}
	if old := c.orders[o.Key]; old != nil {
		c.cost -= old.cost()
	}
	c.orders[o.Key] = o
	c.cost += o.cost()
	c.shrink()
}

// DropParcel forgets a parcel.
func (c *Cache) DropParcel(k ParcelKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropParcel(k)
}

// DropOrder forgets an order.
func (c *Cache) DropOrder(k OrderKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropOrder(k)
}

func (c *Cache) dropParcel(k ParcelKey) {
	p := c.parcels[k]
	if p == nil {
		return
	}
	c.cost -= p.cost()
	delete(c.parcels, k)
	if c.latest[k.NumberKey] == k {
		delete(c.latest, k.NumberKey)
	}
}

func (c *Cache) dropOrder(k OrderKey) {
	if o := c.orders[k]; o != nil {
		c.cost -= o.cost()
		delete(c.orders, k)
	}
}

// shrink forgets whichever come, one of each kind in turn, until the rest is small
// enough. Go's maps begin anywhere.
func (c *Cache) shrink() {
	for c.cost > maxCost {
		for k := range c.parcels {
			c.dropParcel(k)
			break
		}
		for k := range c.orders {
			c.dropOrder(k)
			break
		}
	}
}

// Current reports whether what a draft has read is still so.
func (c *Cache) Current(d *Draft) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range d.parcels {
		if now := c.parcels[p.Key]; now == nil || now.Version != p.Version {
			return false
		}
	}
	for _, o := range d.orders.all {
		if now := c.orders[o.Key]; now == nil || now.Version != o.Version {
			return false
		}
	}
	return true
}
