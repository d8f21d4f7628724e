// Package bigcommercetest is a simulated BigCommerce store: an [http.Handler] that
// speaks the wire format of the real API, and keeps what it is told.
//
// For most uses, serve it and point the adapter at it:
//
//	store, err := bigcommercetest.New(bigcommercetest.Config{
//		StoreHash: "abc123", AccessToken: "token", ClientSecret: "secret",
//	})
//	server := httptest.NewServer(store)
//	adapter, err := bigcommerce.New(bigcommerce.Config{
//		StoreHash: "abc123", AccessToken: "token", ClientSecret: "secret", BaseURL: server.URL,
//	})
//	id := store.PlaceOrder(bigcommercetest.NewOrder{…})
//	store.Pay(id)
//	store.Ship(id, bigcommercetest.NewShipment{Number: "1Z999AA10123456784", Carrier: "ups"})
//	store.Deliver(ctx) // sends the webhooks that are due
//
// It speaks V2 of orders, order products, shipping addresses and shipments, V3 of
// customers, of catalogue products and of webhooks, with 204 for empty lists, money as
// strings of four decimals, dates of RFC 2822, rate limit headers, and webhooks signed
// by Standard Webhooks that are repeated, on BigCommerce's schedule, until they are
// taken.
//
// What it does not do: prices are not computed, stock is not counted, and a webhook's
// destination may be any address, where the real one takes https on port 443 only.
package bigcommercetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// Config is a store's choices. StoreHash and AccessToken are required.
type Config struct {
	StoreHash    string
	AccessToken  string // what X-Auth-Token must be
	ClientSecret string // signs webhooks. Empty: they are sent unsigned
	ClientID     string // who the webhooks belong to. Defaults to "client"

	// Currency is what customers pay in. Defaults to EUR.
	Currency string

	// TaxIncluded says that prices are shown with tax.
	TaxIncluded bool

	// Quota is how many requests are answered in 30 seconds of the store's clock; the
	// others get 429. Defaults to 0: all are answered, and the headers tell of 150.
	Quota int

	// Duplicates is the chance, from 0 to 1, that a webhook is sent twice. Defaults to 0.
	Duplicates float64

	// Reorder mixes the webhooks that are due at the same time. Defaults to false: they
	// are sent in the order of the events.
	Reorder bool

	// Seed makes Duplicates and Reorder repeatable.
	Seed uint64

	// HTTPClient sends the webhooks. Defaults to a client with a timeout of 10 seconds.
	HTTPClient *http.Client

	// Now is the store's clock. Dates, webhook times and the schedule of repetitions
	// follow it. Defaults to [time.Now].
	Now func() time.Time
}

// Store is a simulated store. Make one with [New]. It is safe for concurrent use.
type Store struct {
	cfg Config
	mux *http.ServeMux

	mu     sync.Mutex
	state  state
	random *rand.Rand
	writes int // how often something was changed over HTTP
	window time.Time
	used   int
	wake   chan struct{} // holds one token when webhooks were added

	sending sync.Mutex // one Deliver at a time
}

// New returns an empty store. It starts nothing: webhooks are sent by [Store.Deliver]
// or [Store.Run].
func New(cfg Config) (*Store, error) {
	if cfg.StoreHash == "" || cfg.AccessToken == "" {
		return nil, errors.New("bigcommercetest: StoreHash and AccessToken are required")
	}
	cfg.Currency = cmp.Or(cfg.Currency, "EUR")
	if _, err := money.Exponent(cfg.Currency); err != nil {
		return nil, fmt.Errorf("bigcommercetest: currency %q: %w", cfg.Currency, err)
	}
	cfg.ClientID = cmp.Or(cfg.ClientID, "client")
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{
		cfg:    cfg,
		random: rand.New(rand.NewPCG(cfg.Seed, 0)),
		wake:   make(chan struct{}, 1),
		state: state{
			Version: stateVersion, Last: map[string]int{},
			Orders: map[int]*storedOrder{}, Products: map[int]*Product{}, Customers: map[int]*Customer{}, Hooks: map[int]*Hook{},
		},
	}
	s.routes()
	return s, nil
}

const stateVersion = 1

// state is everything that outlives a process.
type state struct {
	Version    int                  `json:"version"`
	Last       map[string]int       `json:"last"` // the last id given, by kind of thing
	Orders     map[int]*storedOrder `json:"orders"`
	Products   map[int]*Product     `json:"products"`
	Customers  map[int]*Customer    `json:"customers"`
	Hooks      map[int]*Hook        `json:"hooks"`
	Deliveries []*delivery          `json:"deliveries"`
}

// next gives an id. Orders are counted from 100 on, as in a new store.
func (s *Store) next(kind string, first int) int {
	n := max(s.state.Last[kind]+1, first)
	s.state.Last[kind] = n
	return n
}

// State is the whole store as JSON, to be given to [Store.Restore] by another process.
// It holds the addresses of customers, and none of Config.
func (s *Store) State() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(s.state)
}

// Restore replaces everything in the store by what [Store.State] gave. After an error
// the store is as it was.
func (s *Store) Restore(b []byte) error {
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return fmt.Errorf("bigcommercetest: no state: %w", err)
	}
	if st.Version != stateVersion {
		return fmt.Errorf("bigcommercetest: state of version %d, this is %d", st.Version, stateVersion)
	}
	if st.Last == nil || st.Orders == nil || st.Products == nil || st.Customers == nil || st.Hooks == nil {
		return errors.New("bigcommercetest: the state is incomplete")
	}
	s.mu.Lock()
	s.state = st
	s.mu.Unlock()
	s.poke()
	return nil
}

// poke wakes Run.
func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Address is a postal address with who lives there.
type Address struct {
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Company    string `json:"company"`
	Street1    string `json:"street_1"`
	Street2    string `json:"street_2"`
	City       string `json:"city"`
	State      string `json:"state"`
	Zip        string `json:"zip"`
	Country    string `json:"country"`
	CountryISO string `json:"country_iso2"`
	Phone      string `json:"phone"`
	Email      string `json:"email"`
}

// Item is a line of an order.
type Item struct {
	ID        int    `json:"id"` // given by PlaceOrder
	ProductID int    `json:"product_id"`
	VariantID int    `json:"variant_id"`
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Type      string `json:"type"` // "physical", "digital" or "giftcertificate". Defaults to "physical"
	Options   []Option
	Quantity  int // Defaults to 1

	Price    money.Amount // of one unit, as the shop shows it
	Tax      money.Amount // within or on top of the whole line, as Config.TaxIncluded says
	Discount money.Amount // off the whole line
}

// Option is what the customer chose of a product.
type Option struct{ Name, Value string }

// NewOrder is an order to place. Only Billing and Items are needed.
type NewOrder struct {
	CustomerID int     // 0 for a guest
	Billing    Address // Email is the customer's
	ShipTo     Address // Defaults to Billing
	Locale     string  // such as "de" or "en-US"
	ChannelID  int     // Defaults to 1
	Items      []Item
	Shipping   money.Amount // as the shop shows it; without tax of its own
	Method     string       // of payment. Defaults to "Credit Card"
	Incomplete bool         // a customer who turned round on the payment page
}

// storedOrder is an order as the store keeps it.
type storedOrder struct {
	NewOrder
	ID            int
	Created       time.Time
	Modified      time.Time
	Shipped       time.Time
	StatusID      int
	PaymentStatus string
	AddressID     int
	Shipments     []*Shipment
	Refunds       int
}

// Shipment is a parcel as the store knows it.
type Shipment struct {
	ID       int
	Created  time.Time
	Number   string
	Carrier  string
	Provider string
	Method   string
	Comments string
	Link     string // set by an app or by staff
	Items    []ShippedItem
	Writes   int // how often it was changed over HTTP
}

// ShippedItem is how many units of an order's item are in a shipment.
type ShippedItem struct {
	ItemID   int `json:"order_product_id"`
	Quantity int `json:"quantity"`
}

// NewShipment is a shipment to make.
type NewShipment struct {
	Number   string        // what staff type as the tracking number
	Carrier  string        // an AfterShip slug, such as "dhl-germany"; may be empty
	Provider string        // such as "ups" or "carrier_12"; may be empty
	Items    []ShippedItem // Defaults to all that is physical and not shipped yet
}

// Product is a product of the catalogue.
type Product struct {
	ID       int
	Name     string
	SKU      string
	Type     string // Defaults to "physical"
	ImageURL string
	Variants []Variant
}

// Variant is a variant of a product.
type Variant struct {
	ID       int
	SKU      string
	ImageURL string
	Options  []Option
}

// Customer is a customer with an account.
type Customer struct {
	ID        int    `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
}

// The statuses of an order, by id. Source: GET /v2/order_statuses.
var statusNames = []string{
	"Incomplete", "Pending", "Shipped", "Partially Shipped", "Refunded", "Cancelled", "Declined", "Awaiting Payment",
	"Awaiting Pickup", "Awaiting Shipment", "Completed", "Awaiting Fulfillment", "Manual Verification Required",
	"Disputed", "Partially Refunded",
}

// PutProduct adds a product and returns its id. IDs that are set are kept.
func (s *Store) PutProduct(p Product) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ID = cmp.Or(p.ID, s.next("product", 1))
	p.Type = cmp.Or(p.Type, "physical")
	p.Variants = slices.Clone(p.Variants)
	s.state.Products[p.ID] = &p
	return p.ID
}

// PutCustomer adds a customer and returns its id. An ID that is set is kept.
func (s *Store) PutCustomer(c Customer) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ID = cmp.Or(c.ID, s.next("customer", 1))
	s.state.Customers[c.ID] = &c
	return c.ID
}

// PlaceOrder is what happens when a customer orders: the order waits for its payment
// ("Pending"), and the webhook store/order/created is due. It returns the order's id.
// It panics if the amounts are not all in the store's currency.
func (s *Store) PlaceOrder(n NewOrder) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	o := &storedOrder{NewOrder: n, ID: s.next("order", 100), Created: now, Modified: now, StatusID: 1, AddressID: s.next("address", 1)}
	if n.Incomplete {
		o.StatusID = 0
	}
	o.Items = slices.Clone(n.Items)
	for i := range o.Items {
		item := &o.Items[i]
		item.ID = s.next("item", 1)
		item.Quantity = cmp.Or(item.Quantity, 1)
		item.Type = cmp.Or(item.Type, "physical")
		item.Options = slices.Clone(item.Options)
	}
	o.ChannelID = cmp.Or(o.ChannelID, 1)
	o.Method = cmp.Or(o.Method, "Credit Card")
	if o.ShipTo == (Address{}) {
		o.ShipTo = o.Billing
	}
	s.sums(o) // an order that cannot be added up is loud here, not when it is read
	s.state.Orders[o.ID] = o
	s.emit("store/order/created", orderData(o.ID))
	return o.ID
}

// change runs f on an order and lets the webhook for an update follow.
func (s *Store) change(id int, f func(*storedOrder) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.state.Orders[id]
	if !ok {
		return fmt.Errorf("bigcommercetest: there is no order %d", id)
	}
	before := o.StatusID
	if err := f(o); err != nil {
		return err
	}
	s.touch(o, before)
	return nil
}

// touch is what follows every change of an order.
func (s *Store) touch(o *storedOrder, before int) {
	o.Modified = s.cfg.Now()
	s.emit("store/order/updated", orderData(o.ID))
	if o.StatusID != before {
		data := orderData(o.ID)
		data["status"] = map[string]any{"previous_status_id": before, "new_status_id": o.StatusID}
		s.emit("store/order/statusUpdated", data)
	}
}

func orderData(id int) map[string]any { return map[string]any{"type": "order", "id": id} }

// Pay is what happens when the payment comes: the order is "Awaiting Fulfillment" and
// captured.
func (s *Store) Pay(orderID int) error {
	return s.change(orderID, func(o *storedOrder) error {
		o.StatusID, o.PaymentStatus = 11, "captured"
		return nil
	})
}

// SetStatus sets an order's status, as staff can, to one of 0 to 14.
func (s *Store) SetStatus(orderID, statusID int) error {
	return s.change(orderID, func(o *storedOrder) error {
		if statusID < 0 || statusID >= len(statusNames) {
			return fmt.Errorf("bigcommercetest: there is no status %d", statusID)
		}
		o.StatusID = statusID
		return nil
	})
}

// Cancel cancels an order. Nothing is refunded by that.
func (s *Store) Cancel(orderID int) error { return s.SetStatus(orderID, 5) }

// Refund refunds an order, in full or in part, which hides how far it was shipped.
// Besides the changed order, the webhook store/order/refund/created is due.
func (s *Store) Refund(orderID int, full bool) error {
	return s.change(orderID, func(o *storedOrder) error {
		o.StatusID, o.PaymentStatus = 14, "partially refunded"
		if full {
			o.StatusID, o.PaymentStatus = 4, "refunded"
		}
		o.Refunds++
		data := orderData(o.ID)
		data["refund"] = map[string]any{"refund_id": s.next("refund", 1)}
		s.emit("store/order/refund/created", data)
		return nil
	})
}

// Ship is what happens when staff ship items: there is a shipment, and the order is
// "Shipped" or, while physical items are left, "Partially Shipped". It returns the
// shipment's id. More than what is left of an item cannot be shipped.
func (s *Store) Ship(orderID int, n NewShipment) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.state.Orders[orderID]
	if !ok {
		return 0, fmt.Errorf("bigcommercetest: there is no order %d", orderID)
	}
	return s.ship(o, n)
}

func (s *Store) ship(o *storedOrder, n NewShipment) (int, error) {
	left := map[int]int{}
	for _, item := range o.Items {
		if item.Type == "physical" {
			left[item.ID] = item.Quantity - o.shipped(item.ID)
		}
	}
	items := slices.Clone(n.Items)
	if len(items) == 0 {
		for _, item := range o.Items {
			if left[item.ID] > 0 {
				items = append(items, ShippedItem{item.ID, left[item.ID]})
			}
		}
	}
	if len(items) == 0 {
		return 0, errors.New("bigcommercetest: nothing is left to ship")
	}
	for _, item := range items {
		if left[item.ItemID] -= item.Quantity; item.Quantity <= 0 || left[item.ItemID] < 0 {
			return 0, fmt.Errorf("bigcommercetest: %d of item %d cannot be shipped", item.Quantity, item.ItemID)
		}
	}
	now := s.cfg.Now()
	sh := &Shipment{ID: s.next("shipment", 1), Created: now, Number: n.Number, Carrier: n.Carrier, Provider: n.Provider, Items: items}
	o.Shipments = append(o.Shipments, sh)
	before := o.StatusID
	o.StatusID = 2
	for _, n := range left {
		if n > 0 {
			o.StatusID = 3
		}
	}
	if o.StatusID == 2 {
		o.Shipped = now
	}
	s.emit("store/shipment/created", shipmentData(o.ID, sh.ID))
	s.touch(o, before)
	return sh.ID, nil
}

func shipmentData(orderID, id int) map[string]any {
	return map[string]any{"type": "shipment", "id": id, "orderId": orderID}
}

// shipped is how many units of an item, or with 0 of all items, were shipped.
func (o *storedOrder) shipped(itemID int) int {
	n := 0
	for _, sh := range o.Shipments {
		for _, item := range sh.Items {
			if itemID == 0 || item.ItemID == itemID {
				n += item.Quantity
			}
		}
	}
	return n
}

// Uninstall is what happens when the store throws the app out: the webhook
// store/app/uninstalled is due, and the token is worth nothing any more.
func (s *Store) Uninstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emit("store/app/uninstalled", map[string]any{"type": "app", "id": s.cfg.ClientID})
	s.cfg.AccessToken = ""
}

// Orders lists the ids of all orders, from the first to the last.
func (s *Store) Orders() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orderIDs()
}

// Order is an order as it was placed, with the ids that its items were given.
func (s *Store) Order(id int) (NewOrder, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.state.Orders[id]
	if !ok {
		return NewOrder{}, false
	}
	n := o.NewOrder
	n.Items = slices.Clone(n.Items)
	return n, true
}

// Shipments lists the shipments of an order.
func (s *Store) Shipments(orderID int) []Shipment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Shipment
	if o, ok := s.state.Orders[orderID]; ok {
		for _, sh := range o.Shipments {
			c := *sh
			c.Items = slices.Clone(sh.Items)
			all = append(all, c)
		}
	}
	return all
}

// amount writes money as BigCommerce does: with four decimals at least.
func amount(a money.Amount) string {
	whole, fraction := a.Decimal(), ""
	for i := range len(whole) {
		if whole[i] == '.' {
			whole, fraction = whole[:i], whole[i+1:]
			break
		}
	}
	for len(fraction) < 4 {
		fraction += "0"
	}
	return whole + "." + fraction
}

// rfc2822 writes a date as V2 does: in UTC, and an empty string when it is unset.
func rfc2822(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC1123Z)
}

func itoa(n int) string { return strconv.Itoa(n) }
