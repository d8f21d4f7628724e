package sqlite

import (
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// parcelRow is a parcel as it is in the database. It is never changed.
type parcelRow struct {
	id     int64
	shop   string
	parcel *postpurchase.Parcel
	cost   int // bytes of the document
}

type parcelKey struct {
	shop string
	ref  shipment.Ref
}

// parcelCache remembers decoded parcels: most updates come to a parcel that had one
// not long ago, and reading it is the larger part of their work. It belongs to who has the turn to
// commit, and holds what is true in the database: a commit of another process and
// every rollback empty it.
type parcelCache struct {
	version int64 // PRAGMA data_version: changes when another connection commits
	cost    int
	byRef   map[parcelKey]*parcelRow
	byID    map[int64]*parcelRow
	reads   map[readKey]any
}

// readKey is a read whose answer is remembered beside the parcels: an order, the
// messages of an order, which parcels an order has, which parcel of a number is the
// latest. These four are what every piece of news makes a service read.
type readKey struct {
	query query
	shop  string
	id    string // of the order, or the carrier
	num   string // the tracking number
}

const cacheReads = 1 << 15 // answers that are remembered

func (c *parcelCache) remember(k readKey, answer any) {
	if c == nil {
		return
	}
	for old := range c.reads {
		if len(c.reads) < cacheReads {
			break
		}
		delete(c.reads, old)
	}
	c.reads[k] = answer
}

func remembered[T any](c *parcelCache, k readKey) (answer T, ok bool) {
	if c == nil {
		return answer, false
	}
	answer, ok = c.reads[k].(T)
	return answer, ok
}

// cacheCost bounds the documents behind the cache, in bytes. What is decoded takes
// about three times as much.
const cacheCost = 32 << 20

func (c *parcelCache) clear() {
	c.cost = 0
	c.byRef, c.byID, c.reads = map[parcelKey]*parcelRow{}, map[int64]*parcelRow{}, map[readKey]any{}
}

func (c *parcelCache) put(shop string, row *parcelRow) {
	row.shop = shop
	if old := c.byID[row.id]; old != nil {
		c.drop(old)
	}
	c.byID[row.id], c.byRef[parcelKey{shop, row.parcel.Shipment.Ref}] = row, row
	for _, r := range c.byID { // whichever comes: Go's maps begin anywhere
		if c.cost+row.cost <= cacheCost {
			break
		}
		if r != row {
			c.drop(r)
		}
	}
	c.cost += row.cost
}

func (c *parcelCache) drop(row *parcelRow) {
	c.cost -= row.cost
	delete(c.byID, row.id)
	delete(c.byRef, parcelKey{row.shop, row.parcel.Shipment.Ref})
}

func (c *parcelCache) forgetMessages() {
	for k := range c.reads {
		if k.query == messagesOfOrder {
			delete(c.reads, k)
		}
	}
}
