package world

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl/dhltest"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups/upstest"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop/bigcommerce/bigcommercetest"
)

// dawn is when a new world begins: a Monday at six in the morning in Berlin.
var dawn = time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)

// often is how often somebody orders.
const often = 5 * time.Hour

// packing is how long it takes to make a parcel ready.
const packing = 2 * time.Hour

// morning is the next nine o'clock in a warehouse, when the carrier's van comes.
func morning(after time.Time, town string) time.Time {
	hour := 8 // UTC: nine in Cologne
	if towns[town].Country == "US" {
		hour = 14 // nine in Louisville
	}
	at := time.Date(after.Year(), after.Month(), after.Day(), hour, 0, 0, 0, time.UTC)
	if at.Before(after) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// parcel is a parcel on its way. Its journey follows from the story's name.
type parcel struct {
	Carrier string    `json:"carrier"`
	Number  string    `json:"number"`
	Start   time.Time `json:"start"`
	Story   string    `json:"story"`
	To      string    `json:"to"`
}

// plan is a shipment that the warehouse will make.
type plan struct {
	At      time.Time `json:"at"`
	OrderID int       `json:"order_id"`
	Item    int       `json:"item"` // which item of the order, from 0; -1 for all
	Carrier string    `json:"carrier"`
	Story   string    `json:"story"`
	To      string    `json:"to"`
	Serial  int       `json:"serial"`
}

// stories are what can become of a parcel.
var stories = map[string]func(from, to shipment.Place, days int) fake.Journey{
	"on time":                   fake.OnTime,
	"late":                      fake.Late,
	"lost":                      fake.Lost,
	"returned to the shop":      fake.Returned,
	"scanned out of order":      fake.OutOfOrder,
	"waiting in a shop":         fake.Pickup,
	"nobody at home at first":   fake.FailedThenDelivered,
	"never handed over":         fake.NoScan,
	"called delivered too soon": fake.Retracted,
}

var towns = map[string]shipment.Place{
	"Berlin":   {City: "Berlin", PostalCode: "10115", Country: "DE"},
	"Köln":     {City: "Köln", PostalCode: "50667", Country: "DE"},
	"Denver":   {City: "Denver", Region: "CO", PostalCode: "80202", Country: "US"},
	"New York": {City: "New York", Region: "NY", PostalCode: "10001", Country: "US"},
	"Hamburg":  {City: "Hamburg", PostalCode: "20095", Country: "DE"},
	"Chicago":  {City: "Chicago", Region: "IL", PostalCode: "60601", Country: "US"},
}

// part is one parcel of an order of the cast.
type part struct{ carrier, story string }

// cast is who orders, in turn, and what becomes of it.
var cast = []struct {
	first, last, town, locale string
	parts                     []part
}{
	{"Ada", "Lovelace", "Denver", "en", []part{{"ups", "on time"}}},
	{"Konrad", "Zuse", "Berlin", "de", []part{{"dhl", "late"}}},
	{"Grace", "Hopper", "New York", "en", []part{{"ups", "on time"}, {"ups", "late"}}},
	{"Emmy", "Noether", "Köln", "de", []part{{"dhl", "scanned out of order"}}},
	{"Alan", "Turing", "Chicago", "en", []part{{"ups", "lost"}}},
	{"Lise", "Meitner", "Hamburg", "de", []part{{"dhl", "waiting in a shop"}}},
	{"Katherine", "Johnson", "New York", "en", []part{{"ups", "nobody at home at first"}}},
	{"Max", "Born", "Berlin", "de", []part{{"dhl", "returned to the shop"}}},
	{"Barbara", "Liskov", "Denver", "en", []part{{"ups", "scanned out of order"}}},
	{"Hedy", "Lamarr", "Hamburg", "de", []part{{"dhl", "on time"}}},
	{"Claude", "Shannon", "Chicago", "en", []part{{"ups", "never handed over"}}},
}

var goods = []struct {
	name, sku string
	cents     int64
}{
	{"Cast-iron tea pot, 0.8 l", "POT-08", 5900},
	{"Darjeeling First Flush, 100 g", "TEA-DFF", 1850},
	{"Two porcelain cups", "CUP-2", 2400},
	{"Bamboo whisk", "WHISK", 1295},
}

// live lets people order and the warehouse ship, and saves the world as it goes.
func (w *World) live(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	lastSave, lastPush := time.Now(), time.Now()
	for {
		changed := w.step()
		if now := time.Now(); now.Sub(lastPush) >= 200*time.Millisecond {
			lastPush = now
			_ = w.ups.PushDue(ctx) // what the plugin refuses stays due
			_ = w.dhl.PushDue(ctx)
		}
		if ctx.Err() != nil || changed || time.Since(lastSave) > time.Second {
			lastSave = time.Now()
			if err := w.save(); err != nil {
				w.opts.Logger.Error("the world could not be saved", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			_ = w.save() // best effort: a second at the most is lost
			return
		case <-tick.C:
		}
	}
}

// step does what people have done since the last step.
func (w *World) step() (changed bool) {
	now := w.clock.Now()
	for {
		w.mu.Lock()
		n := w.saved.Orders
		w.mu.Unlock()
		if at := dawn.Add(20*time.Minute + time.Duration(n)*often); now.Before(at) {
			break
		}
		w.order(n, now)
		changed = true
	}
	w.mu.Lock()
	var due, later []plan
	for _, p := range w.saved.Plans {
		if now.Before(p.At) {
			later = append(later, p)
		} else {
			due = append(due, p)
		}
	}
	w.saved.Plans = later
	w.mu.Unlock()
	for _, p := range due {
		w.ship(p, now)
		changed = true
	}
	return changed
}

func eur(cents int64) money.Amount { return money.Amount{Minor: cents, Currency: "EUR"} }

func (w *World) order(n int, now time.Time) {
	c := cast[n%len(cast)]
	town := towns[c.town]
	country := map[string]string{"DE": "Germany", "US": "United States"}[town.Country]
	items := make([]bigcommercetest.Item, len(c.parts))
	for i := range items {
		g := goods[(n+i)%len(goods)]
		items[i] = bigcommercetest.Item{ProductID: (n+i)%len(goods) + 1, SKU: g.sku, Name: g.name, Quantity: 1, Price: eur(g.cents)}
	}
	id := w.store.PlaceOrder(bigcommercetest.NewOrder{
		Billing: bigcommercetest.Address{
			FirstName: c.first, LastName: c.last, Street1: "Main Street 1", City: town.City, State: town.Region, Zip: town.PostalCode,
			Country: country, CountryISO: town.Country, Email: fmt.Sprintf("%s%d@customers.example", strings.ToLower(c.first), n),
		},
		Locale: c.locale, Items: items, Shipping: eur(490),
	})
	if err := w.store.Pay(id); err != nil {
		w.opts.Logger.Error("payment", "err", err)
	}
	w.opts.Logger.Info("order placed", "order", id, "by", c.first+" "+c.last, "at", clockText(now))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saved.Orders++
	for i, p := range c.parts {
		item := i
		if len(c.parts) == 1 {
			item = -1
		}
		w.saved.Plans = append(w.saved.Plans, plan{
			At: morning(now.Add(packing), c.town).Add(time.Duration(i) * 3 * time.Hour), OrderID: id, Item: item,
			Carrier: p.carrier, Story: p.story, To: c.town, Serial: n*10 + i,
		})
	}
}

func (w *World) ship(p plan, now time.Time) {
	number, slug := upsNumber(p.Serial), "ups"
	if p.Carrier == "dhl" {
		number, slug = dhlNumber(p.Serial), "dhl-germany"
	}
	on := parcel{Carrier: p.Carrier, Number: number, Start: now, Story: p.Story, To: p.To}
	w.hand(on)
	shipped := bigcommercetest.NewShipment{Number: number, Carrier: slug}
	if order, ok := w.store.Order(p.OrderID); ok && p.Item >= 0 && p.Item < len(order.Items) {
		shipped.Items = []bigcommercetest.ShippedItem{{ItemID: order.Items[p.Item].ID, Quantity: 1}}
	}
	if _, err := w.store.Ship(p.OrderID, shipped); err != nil {
		w.opts.Logger.Error("shipping", "order", p.OrderID, "err", err)
	}
	w.mu.Lock()
	w.saved.Parcels = append(w.saved.Parcels, on)
	w.mu.Unlock()
	w.opts.Logger.Info("order shipped", "order", p.OrderID, "carrier", p.Carrier, "story", p.Story, "at", clockText(now))
}

// hand gives a parcel to its carrier.
func (w *World) hand(p parcel) {
	from := towns["Köln"]
	if towns[p.To].Country == "US" {
		from = shipment.Place{City: "Louisville", Region: "KY", PostalCode: "40209", Country: "US"}
	}
	j := stories[p.Story](from, towns[p.To], 2)
	if p.Carrier == "dhl" {
		w.dhl.Put(p.Number, "parcel-de", p.Start, j, dhltest.Options{})
		return
	}
	w.ups.Put(p.Number, p.Start, j, upstest.Options{})
}

// upsNumber is a 1Z number with a right check digit, of a shipper that does not exist.
func upsNumber(serial int) string {
	body := fmt.Sprintf("DEMO0103%07d", serial)
	return "1Z" + body + string(carriers.Mod10(body, 1, 2))
}

// dhlNumber is a number of DHL Parcel Germany with a right check digit.
func dhlNumber(serial int) string {
	body := fmt.Sprintf("0034043400099%06d", serial)
	return body + string(carriers.Mod10(body[2:], 3, 1))
}

func clockText(t time.Time) slog.Value {
	return slog.StringValue(fmt.Sprintf("day %d, %s", int(t.Sub(dawn)/(24*time.Hour))+1, t.UTC().Format("15:04 MST")))
}
