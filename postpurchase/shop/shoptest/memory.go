package shoptest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Memory is a shop in memory, and its adapter. It can everything that the port knows,
// and passes its exam. Make one with [NewMemory]. Methods are safe for concurrent use.
type Memory struct {
	// Secret signs what Sign makes and verifies what ReceiveWebhook gets. Empty: no
	// webhook is authentic. NewMemory sets a random one.
	Secret string

	// Now is the clock. Defaults to [time.Now].
	Now func() time.Time

	mu        sync.Mutex
	orders    map[string]order.Order
	products  map[[2]string]shop.Product
	customers map[string]order.Customer
	links     map[[2]string]string
	hooks     []string
	writes    int
	events    int
}

var (
	_ shop.Adapter        = (*Memory)(nil)
	_ shop.ProductReader  = (*Memory)(nil)
	_ shop.CustomerReader = (*Memory)(nil)
	_ shop.TrackingWriter = (*Memory)(nil)
	_ shop.Notifier       = (*Memory)(nil)
	_ shop.HookEnsurer    = (*Memory)(nil)
)

// NewMemory returns a shop with the given orders.
func NewMemory(orders ...order.Order) *Memory {
	m := &Memory{
		Secret:    rand.Text(),
		Now:       time.Now,
		orders:    map[string]order.Order{},
		products:  map[[2]string]shop.Product{},
		customers: map[string]order.Customer{},
		links:     map[[2]string]string{},
	}
	for _, o := range orders {
		m.Put(o)
	}
	return m
}

// Put adds an order, or replaces the one with its ID. An UpdatedAt that is zero
// becomes now. It returns the order as it is kept.
func (m *Memory) Put(o order.Order) order.Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.UpdatedAt.IsZero() {
		o.UpdatedAt = m.Now()
	}
	m.orders[o.ID] = clone(o)
	return o
}

// PutProduct adds a product, or replaces the one with its ID and VariantID.
func (m *Memory) PutProduct(p shop.Product) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.products[[2]string{p.ID, p.VariantID}] = p
}

// PutCustomer adds a customer with an account, or replaces the one with its ID.
func (m *Memory) PutCustomer(c order.Customer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.customers[c.ID] = c
}

// Link is the tracking link that was written for a parcel, and how often a link was
// written anywhere in the shop.
func (m *Memory) Link(orderID, parcelID string) (link string, writes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.links[[2]string{orderID, parcelID}], m.writes
}

// Hooks lists where the shop was told to push to.
func (m *Memory) Hooks() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hooks)
}

// clone copies what a caller could change under us.
func clone(o order.Order) order.Order {
	o.Lines = slices.Clone(o.Lines)
	o.Parcels = slices.Clone(o.Parcels)
	for i := range o.Parcels {
		o.Parcels[i].Lines = slices.Clone(o.Parcels[i].Lines)
	}
	return o
}

// fail is an error of this shop.
func fail(op string, kind error) error { return &shop.Error{Shop: "memory", Op: op, Kind: kind} }

// Code implements [shop.Adapter]. It is "memory".
func (m *Memory) Code() string { return "memory" }

// Order implements [shop.Adapter].
func (m *Memory) Order(ctx context.Context, id string) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, &shop.Error{Shop: "memory", Op: "order", Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.orders[id]
	if !ok {
		return order.Order{}, fail("order", shop.ErrNotFound)
	}
	return clone(o), nil
}

// OrderByNumber implements [shop.Adapter]. Case, spaces around it and a "#" before it
// do not matter.
func (m *Memory) OrderByNumber(ctx context.Context, number string) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, &shop.Error{Shop: "memory", Op: "order by number", Err: err}
	}
	number = strings.TrimPrefix(strings.TrimSpace(number), "#")
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.orders)) {
		if o := m.orders[id]; number != "" && strings.EqualFold(o.DisplayNumber(), number) {
			return clone(o), nil
		}
	}
	return order.Order{}, fail("order by number", shop.ErrNotFound)
}

// Orders implements [shop.Adapter]. They come by ID. Limit defaults to 50.
func (m *Memory) Orders(ctx context.Context, q shop.Query) (shop.Page, error) {
	if err := ctx.Err(); err != nil {
		return shop.Page{}, &shop.Error{Shop: "memory", Op: "orders", Err: err}
	}
	limit := cmp.Or(max(q.Limit, 0), 50)
	m.mu.Lock()
	defer m.mu.Unlock()
	var page shop.Page
	for _, id := range slices.Sorted(maps.Keys(m.orders)) {
		o := m.orders[id]
		switch {
		case q.Cursor != "" && id <= q.Cursor,
			o.UpdatedAt.Before(q.ModifiedSince),
			q.Email != "" && !strings.EqualFold(o.Customer.Email, q.Email):
			continue
		}
		if len(page.Orders) == limit {
			page.Next = page.Orders[limit-1].ID
			break
		}
		page.Orders = append(page.Orders, clone(o))
	}
	return page, nil
}

// Product implements [shop.ProductReader].
func (m *Memory) Product(_ context.Context, productID, variantID string) (shop.Product, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.products[[2]string{productID, variantID}]
	if !ok {
		return shop.Product{}, fail("product", shop.ErrNotFound)
	}
	return p, nil
}

// Customer implements [shop.CustomerReader].
func (m *Memory) Customer(_ context.Context, id string) (order.Customer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.customers[id]
	if !ok {
		return order.Customer{}, fail("customer", shop.ErrNotFound)
	}
	return c, nil
}

// WriteTracking implements [shop.TrackingWriter].
func (m *Memory) WriteTracking(_ context.Context, orderID, parcelID, link string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.orders[orderID].Parcels, func(p order.Parcel) bool { return p.ID == parcelID }) {
		return fail("write tracking", shop.ErrNotFound)
	}
	if key := [2]string{orderID, parcelID}; m.links[key] != link {
		m.links[key] = link
		m.writes++
	}
	return nil
}

// EnsureWebhooks implements [shop.HookEnsurer]. The shop only remembers the
// destination: to push is your test's part, with [Memory.Sign].
func (m *Memory) EnsureWebhooks(_ context.Context, destination string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.hooks, destination) {
		m.hooks = append(m.hooks, destination)
	}
	return nil
}

// message is the body of a webhook of this shop.
type message struct {
	Shop   string       `json:"shop"`
	Events []shop.Event `json:"events"`
}

// tolerance is how old or how new a webhook may be.
const tolerance = 5 * time.Minute

// Sign returns the webhook that the shop would send for events, signed now. Events
// without an ID get one.
func (m *Memory) Sign(events ...shop.Event) (http.Header, []byte) {
	m.mu.Lock()
	events = slices.Clone(events)
	for i := range events {
		if events[i].ID == "" {
			m.events++
			events[i].ID = "evt_" + strconv.Itoa(m.events)
		}
	}
	m.mu.Unlock()
	body, err := json.Marshal(message{Shop: "memory", Events: events})
	if err != nil {
		panic(fmt.Sprintf("shoptest: a time that JSON cannot hold: %v", err))
	}
	return m.sign(body, m.Now()), body
}

func (m *Memory) sign(body []byte, at time.Time) http.Header {
	return standardHeader(m.Secret, "msg_"+strconv.FormatInt(at.UnixNano(), 36), body, at)
}

// standardHeader holds the headers of Standard Webhooks.
func standardHeader(secret, id string, body []byte, at time.Time) http.Header {
	wh, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	if err != nil {
		panic(err) // it has no way to fail
	}
	signature, err := wh.Sign(id, at, body)
	if err != nil {
		panic(err)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h
}

// ReceiveWebhook implements [shop.Notifier].
func (m *Memory) ReceiveWebhook(_ context.Context, h http.Header, body []byte) ([]shop.Event, error) {
	const op = "webhook"
	if m.Secret == "" {
		return nil, fail(op, shop.ErrUnauthorized)
	}
	wh, err := standardwebhooks.NewWebhookRaw([]byte(m.Secret))
	if err != nil {
		return nil, fail(op, shop.ErrUnauthorized)
	}
	// The library knows only the computer's clock, so that the time is checked here.
	if err := wh.VerifyIgnoringTimestamp(body, h); err != nil {
		return nil, fail(op, shop.ErrUnauthorized)
	}
	sec, err := strconv.ParseInt(h.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if age := m.Now().Sub(time.Unix(sec, 0)); err != nil || age > tolerance || age < -tolerance {
		return nil, fail(op, shop.ErrUnauthorized)
	}
	var msg message
	if err := json.Unmarshal(body, &msg); err != nil {
		return nil, fail(op, shop.ErrMalformed)
	}
	if msg.Shop != m.Code() {
		return nil, fail(op, shop.ErrUnauthorized)
	}
	known := []shop.Kind{shop.KindOrderChanged, shop.KindShipmentChanged, shop.KindCustomerChanged,
		shop.KindProductChanged, shop.KindRefundCreated, shop.KindUninstalled}
	for i := range msg.Events {
		if !slices.Contains(known, msg.Events[i].Kind) {
			msg.Events[i].Topic = string(msg.Events[i].Kind)
			msg.Events[i].Kind = shop.KindUnknown
		}
	}
	return msg.Events, nil
}
