package postgres

import (
	"sync"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// cache remembers decoded rows by their version: the database is asked every time, and
// leaves the document out when the version is known. Reading JSON takes several times
// as long as everything else an update does here. What it holds is never changed.
type cache struct {
	mu      sync.Mutex
	cost    int
	parcels map[parcelKey]*cachedParcel
	latest  map[numberKey]parcelKey // a guess
	orders  map[orderKey]*cachedOrder
}

type cachedParcel struct {
	version int64
	parcel  *postpurchase.Parcel
	cost    int
}

// cachedOrder is an order with what its version stands for. Lists that were not read
// are nil.
type cachedOrder struct {
	version  int64
	order    *order.Order
	messages *[]cachedMessage
	parcels  *[]parcelKey
	cost     int
}

type cachedMessage struct {
	id      int64
	message *postpurchase.Message
}

// cacheCost bounds the documents behind the cache, in bytes of JSON. What is decoded
// takes about as much.
const (
	cacheCost   = 64 << 20
	messageCost = 700 // about
)

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost, c.parcels, c.latest, c.orders = 0, map[parcelKey]*cachedParcel{}, map[numberKey]parcelKey{}, map[orderKey]*cachedOrder{}
}

func (c *cache) parcel(k parcelKey) *cachedParcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parcels[k]
}

// latestOf returns what was the latest parcel of a number.
func (c *cache) latestOf(n numberKey) *cachedParcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parcels[c.latest[n]]
}

func (c *cache) order(k orderKey) *cachedOrder {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.orders[k]
}

func (c *cache) putParcel(k parcelKey, latest bool, p *cachedParcel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.parcels[k]; old != nil {
		c.cost -= old.cost
	}
	c.parcels[k] = p
	c.cost += p.cost
	if latest {
		c.latest[k.numberKey] = k
	}
	c.shrink()
}

func (c *cache) putOrder(k orderKey, o *cachedOrder) {
	if o.messages != nil {
		o.cost += messageCost * len(*o.messages)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.orders[k]; old != nil {
		c.cost -= old.cost
	}
	c.orders[k] = o
	c.cost += o.cost
	c.shrink()
}

// shrink forgets whichever rows come until the rest is small enough.
func (c *cache) shrink() {
	for k, p := range c.parcels { // Go's maps begin anywhere
		if c.cost <= cacheCost {
			return
		}
		c.cost -= p.cost
		delete(c.parcels, k)
		delete(c.latest, k.numberKey)
		for k, o := range c.orders {
			c.cost -= o.cost
			delete(c.orders, k)
			break
		}
	}
	for k, o := range c.orders {
		if c.cost <= cacheCost {
			return
		}
		c.cost -= o.cost
		delete(c.orders, k)
	}
}

type numberKey struct{ shop, carrier, number string }

type parcelKey struct {
	numberKey
	epoch int
}

// The keys hold texts as they are in the database. These make them of others'; shop is
// made already.

func numberOf(shop, carrier, number string) numberKey {
	return numberKey{shop, toText(carrier), toText(number)}
}

func keyOf(shop string, r shipment.Ref) parcelKey {
	return parcelKey{numberOf(shop, r.Carrier, r.TrackingNumber), r.Epoch}
}

func orderOf(shop, id string) orderKey { return orderKey{shop, toText(id)} }

func messageOf(shop, key string) messageKey { return messageKey{shop, toText(key)} }

type orderKey struct{ shop, id string }

type messageKey struct{ shop, key string }

type cursorKey struct{ shop, name string }
