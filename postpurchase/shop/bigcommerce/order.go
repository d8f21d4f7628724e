package bigcommerce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// The statuses of an order, by id: a store can rename them, so that their names tell
// nothing. Source: GET /v2/order_statuses in orders.v2.
const (
	statusIncomplete         = 0 // a cart that came as far as the payment page
	statusPending            = 1
	statusShipped            = 2
	statusPartiallyShipped   = 3
	statusRefunded           = 4
	statusCancelled          = 5
	statusDeclined           = 6
	statusAwaitingPayment    = 7
	statusAwaitingPickup     = 8
	statusAwaitingShipment   = 9
	statusCompleted          = 10
	statusAwaitingFulfilment = 11
	statusManualVerification = 12
	statusDisputed           = 13
	statusPartiallyRefunded  = 14
)

// byPaymentStatus is what payment_status says. It is empty for payments that
// BigCommerce does not handle itself.
var byPaymentStatus = map[string]order.Payment{
	"authorized":         order.PaymentAuthorized,
	"capture pending":    order.PaymentAuthorized,
	"captured":           order.PaymentPaid,
	"paid":               order.PaymentPaid,
	"declined":           order.PaymentFailed,
	"held for review":    order.PaymentPending,
	"pending":            order.PaymentPending,
	"partially refunded": order.PaymentPartiallyRefunded,
	"refunded":           order.PaymentRefunded,
	"void":               order.PaymentVoided,
	"void pending":       order.PaymentAuthorized,
}

// byStatus is what the order's status says of the payment, where payment_status says
// nothing. BigCommerce describes 11 and what comes after it as paid.
var byStatus = map[integer]order.Payment{
	statusPending:            order.PaymentPending,
	statusAwaitingPayment:    order.PaymentPending,
	statusManualVerification: order.PaymentPending,
	statusAwaitingFulfilment: order.PaymentPaid,
	statusAwaitingShipment:   order.PaymentPaid,
	statusAwaitingPickup:     order.PaymentPaid,
	statusPartiallyShipped:   order.PaymentPaid,
	statusShipped:            order.PaymentPaid,
	statusCompleted:          order.PaymentPaid,
	statusDeclined:           order.PaymentFailed,
}

func payment(status integer, paymentStatus string) order.Payment {
	switch status { // set by hand too, and then payment_status does not follow
	case statusRefunded:
		return order.PaymentRefunded
	case statusPartiallyRefunded:
		return order.PaymentPartiallyRefunded
	}
	if paymentStatus == "" {
		return byStatus[status]
	}
	if p, ok := byPaymentStatus[strings.ToLower(paymentStatus)]; ok {
		return p
	}
	return order.Payment(paymentStatus) // an open string: a new word is kept
}

type wireOrder struct {
	ID            integer `json:"id"`
	CustomerID    integer `json:"customer_id"`
	Created       date    `json:"date_created"`
	Modified      date    `json:"date_modified"`
	StatusID      integer `json:"status_id"`
	Status        string  `json:"status"`
	CustomStatus  string  `json:"custom_status"`
	PaymentStatus string  `json:"payment_status"`
	ChannelID     integer `json:"channel_id"`
	Locale        string  `json:"customer_locale"`

	SubtotalExTax  decimal `json:"subtotal_ex_tax"`
	SubtotalIncTax decimal `json:"subtotal_inc_tax"`
	ShippingExTax  decimal `json:"shipping_cost_ex_tax"`
	ShippingIncTax decimal `json:"shipping_cost_inc_tax"`
	HandlingExTax  decimal `json:"handling_cost_ex_tax"`
	HandlingIncTax decimal `json:"handling_cost_inc_tax"`
	WrappingExTax  decimal `json:"wrapping_cost_ex_tax"`
	WrappingIncTax decimal `json:"wrapping_cost_inc_tax"`
	TotalIncTax    decimal `json:"total_inc_tax"`
	TotalTax       decimal `json:"total_tax"`
	Discount       decimal `json:"discount_amount"`
	Coupons        decimal `json:"coupon_discount"`
	TaxIncluded    bool    `json:"is_tax_inclusive_pricing"`

	// The customer pays in the "default" currency; the other one is only shown. The
	// amounts are in the default one.
	Currency        string `json:"default_currency_code"`
	DisplayCurrency string `json:"currency_code"`

	Billing wireAddress `json:"billing_address"`
}

type wireAddress struct {
	ID        integer `json:"id"`
	FirstName string  `json:"first_name"`
	LastName  string  `json:"last_name"`
	Company   string  `json:"company"`
	Street1   string  `json:"street_1"`
	Street2   string  `json:"street_2"`
	City      string  `json:"city"`
	State     string  `json:"state"`
	Zip       text    `json:"zip"`
	Country   string  `json:"country_iso2"`
	Phone     text    `json:"phone"`
	Email     string  `json:"email"`
}

func (w wireAddress) name() string { return strings.TrimSpace(w.FirstName + " " + w.LastName) }

func (w wireAddress) address() order.Address {
	return order.Address{
		Name: w.name(), Company: w.Company, Street1: w.Street1, Street2: w.Street2,
		City: w.City, Region: w.State, PostalCode: string(w.Zip), Country: strings.ToUpper(w.Country), Phone: string(w.Phone),
	}
}

type wireProduct struct {
	ID           integer  `json:"id"`
	ProductID    integer  `json:"product_id"`
	VariantID    integer  `json:"variant_id"`
	SKU          string   `json:"sku"`
	Name         string   `json:"name"`
	NameCustomer string   `json:"name_customer"`
	Type         string   `json:"type"`
	Quantity     integer  `json:"quantity"`
	PriceExTax   decimal  `json:"price_ex_tax"`
	PriceIncTax  decimal  `json:"price_inc_tax"`
	TotalIncTax  decimal  `json:"total_inc_tax"`
	TotalTax     decimal  `json:"total_tax"`
	Paid         *decimal `json:"discounted_total_inc_tax"` // what the shopper paid, all discounts off
	Discounts    []struct {
		Amount decimal `json:"amount"`
	} `json:"applied_discounts"`
	Options []struct {
		Name          string `json:"display_name"`
		NameCustomer  string `json:"display_name_customer"`
		Value         string `json:"display_value"`
		ValueCustomer string `json:"display_value_customer"`
	} `json:"product_options"`
}

// numericID is s, and whether it is an id, which is safe in a path.
func numericID(s string) (string, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		return "", false
	}
	return s, true
}

// Order implements [shop.Adapter]. It takes four requests, and more for an order with
// more than 250 lines or shipments. A cart that never became an order (status
// "Incomplete") is [shop.ErrNotFound], though BigCommerce counts it as an order and
// sends webhooks of it.
//
// Of several shipping addresses the first becomes ShipTo. Totals.Items includes gift
// wrapping, Totals.Shipping includes handling; Totals.Total is before store credit and
// gift certificates are taken off, as these are ways to pay.
func (a *Adapter) Order(ctx context.Context, id string) (order.Order, error) {
	const op = "order"
	id, ok := numericID(id)
	if err := ctx.Err(); err != nil {
		return order.Order{}, &shop.Error{Shop: Code, Op: op, Err: err}
	}
	if !ok {
		return order.Order{}, a.fail(op, shop.ErrNotFound)
	}
	var w wireOrder
	some, err := a.get(ctx, op, "/v2/orders/"+id, nil, &w)
	if err != nil {
		return order.Order{}, err
	}
	if !some || w.StatusID == statusIncomplete {
		return order.Order{}, a.fail(op, shop.ErrNotFound)
	}
	return a.complete(ctx, op, w)
}

// OrderByNumber implements [shop.Adapter]. BigCommerce shows customers the order's id;
// spaces around it and a "#" before it do not matter.
func (a *Adapter) OrderByNumber(ctx context.Context, number string) (order.Order, error) {
	return a.Order(ctx, strings.TrimPrefix(strings.TrimSpace(number), "#"))
}

const (
	// defaultLimit and maxLimit keep one page within the quota: each order takes three
	// more requests, and the smallest plan allows 150 in 30 seconds to all apps of a
	// store together.
	defaultLimit = 20
	maxLimit     = 40

	// atOnce is how many orders of a page are completed at the same time.
	atOnce = 4

	// subPage is the largest page of a list within an order.
	subPage = 250
)

// Orders implements [shop.Adapter]. They come by id. A page holds 20 orders, or 40 at
// most, and takes three requests for each.
//
// The cursor is an id and not the number of a page: orders that change while the list
// is read cannot push others out of sight.
func (a *Adapter) Orders(ctx context.Context, q shop.Query) (shop.Page, error) {
	const op = "orders"
	limit := min(cmp.Or(max(q.Limit, 0), defaultLimit), maxLimit)
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	var from integer
	if q.Cursor != "" {
		if _, ok := numericID(q.Cursor); !ok || from.UnmarshalJSON([]byte(q.Cursor)) != nil {
			return shop.Page{}, a.fail(op, shop.ErrInvalid)
		}
		query.Set("min_id", q.Cursor)
	}
	if !q.ModifiedSince.IsZero() {
		query.Set("min_date_modified", q.ModifiedSince.UTC().Format(time.RFC1123Z))
	}
	if q.Email != "" {
		query.Set("email", q.Email)
	}
	var list []json.RawMessage
	if _, err := a.get(ctx, op, "/v2/orders", query, &list); err != nil {
		return shop.Page{}, err
	}
	var page shop.Page
	var last integer
	var kept []wireOrder
	for _, raw := range list {
		var only struct {
			ID integer `json:"id"`
		}
		if err := decode(raw, &only); err != nil || only.ID <= 0 {
			return shop.Page{}, a.malformed(op, 200, errors.New("an order without an id"))
		}
		last = max(last, only.ID)
		var w wireOrder
		if err := decode(raw, &w); err != nil {
			page.Failed = append(page.Failed, shop.Failure{ID: only.ID.id(), Err: a.malformed(op, 200, err)})
			continue
		}
		// The filters are applied again: a date is cut to whole seconds on the way, and
		// what belongs to another customer must not slip through a filter that was ignored.
		if w.StatusID == statusIncomplete ||
			w.Modified.Before(q.ModifiedSince.Truncate(time.Second)) ||
			(q.Email != "" && !strings.EqualFold(w.Billing.Email, q.Email)) {
			continue
		}
		kept = append(kept, w)
	}
	if len(list) >= limit {
		if last < from || last == math.MaxInt64 {
			return shop.Page{}, a.malformed(op, 200, errors.New("the list does not go on from the cursor"))
		}
		page.Next = strconv.FormatInt(int64(last)+1, 10)
	}
	orders, errs := a.completeAll(ctx, op, kept)
	for i, err := range errs {
		switch {
		case err == nil:
			page.Orders = append(page.Orders, orders[i])
		case errors.Is(err, shop.ErrNotFound): // it was deleted since the list was made
		case errors.Is(err, shop.ErrMalformed):
			page.Failed = append(page.Failed, shop.Failure{ID: kept[i].ID.id(), Err: err})
		default:
			return shop.Page{}, firstCause(errs)
		}
	}
	return page, nil
}

// completeAll completes orders, some at a time. After an error that is not about one
// order the others are given up.
func (a *Adapter) completeAll(ctx context.Context, op string, wire []wireOrder) ([]order.Order, []error) {
	orders, errs := make([]order.Order, len(wire)), make([]error, len(wire))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, w := range wire {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			orders[i], errs[i] = a.complete(ctx, op, w)
			if err := errs[i]; err != nil && !errors.Is(err, shop.ErrNotFound) && !errors.Is(err, shop.ErrMalformed) {
				cancel()
			}
		})
	}
	wg.Wait()
	return orders, errs
}

// firstCause is the first error that ended the whole, and not only its echo.
func firstCause(errs []error) (first error) {
	for _, err := range errs {
		switch {
		case err == nil, errors.Is(err, shop.ErrNotFound), errors.Is(err, shop.ErrMalformed):
		case first == nil || errors.Is(first, context.Canceled):
			first = err
		}
	}
	return first
}

// complete reads what belongs to an order and makes the whole.
func (a *Adapter) complete(ctx context.Context, op string, w wireOrder) (order.Order, error) {
	path := "/v2/orders/" + strconv.FormatInt(int64(w.ID), 10)
	products, err := list[wireProduct](ctx, a, op, path+"/products")
	if err != nil {
		return order.Order{}, err
	}
	addresses, err := list[wireAddress](ctx, a, op, path+"/shipping_addresses")
	if err != nil {
		return order.Order{}, err
	}
	shipments, err := list[wireShipment](ctx, a, op, path+"/shipments")
	if err != nil {
		return order.Order{}, err
	}
	o, err := assemble(w, products, addresses, shipments)
	if err != nil {
		return order.Order{}, a.malformed(op, 200, err)
	}
	return o, nil
}

// maxPages bounds a list within an order: a shop that never gives a short page would
// else hold us for ever.
const maxPages = 40

// list reads all pages of a V2 list. A short page or 204 is its end; there is no count.
func list[T any](ctx context.Context, a *Adapter, op, path string) ([]T, error) {
	var all []T
	for page := 1; page <= maxPages; page++ {
		var some []T
		query := url.Values{"limit": {strconv.Itoa(subPage)}, "page": {strconv.Itoa(page)}}
		if _, err := a.get(ctx, op, path, query, &some); err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < subPage {
			break
		}
	}
	return all, nil
}

// assemble maps what the wire said.
func assemble(w wireOrder, products []wireProduct, addresses []wireAddress, shipments []wireShipment) (order.Order, error) {
	currency := strings.ToUpper(cmp.Or(w.Currency, w.DisplayCurrency))
	sums := adder{currency: currency}
	id := w.ID.id()
	o := order.Order{
		ID: id, Number: id, Channel: w.ChannelID.id(),
		PlacedAt: w.Created.Time, UpdatedAt: w.Modified.Time,
		Payment:   payment(w.StatusID, w.PaymentStatus),
		Cancelled: w.StatusID == statusCancelled || w.StatusID == statusDeclined,
		ShopState: cmp.Or(w.CustomStatus, w.Status),
		Locale:    w.Locale,
		Customer:  order.Customer{ID: w.CustomerID.id(), Name: w.Billing.name(), Email: w.Billing.Email, Phone: string(w.Billing.Phone)},
		BillTo:    w.Billing.address(),
	}
	if len(addresses) > 0 {
		o.ShipTo = addresses[0].address()
	}
	o.Totals = order.Totals{
		Items:       sums.add(w.SubtotalExTax, w.WrappingExTax),
		Shipping:    sums.add(w.ShippingExTax, w.HandlingExTax),
		Discount:    sums.add(w.Discount, w.Coupons),
		Tax:         sums.add(w.TotalTax),
		Total:       sums.add(w.TotalIncTax),
		TaxIncluded: w.TaxIncluded,
	}
	if w.TaxIncluded {
		o.Totals.Items = sums.add(w.SubtotalIncTax, w.WrappingIncTax)
		o.Totals.Shipping = sums.add(w.ShippingIncTax, w.HandlingIncTax)
	}
	for _, p := range products {
		line := order.Line{
			ID: p.ID.id(), ProductID: p.ProductID.id(), VariantID: p.VariantID.id(), SKU: p.SKU,
			Title: cmp.Or(p.NameCustomer, p.Name), Options: p.options(), Kind: lineKind(p.Type),
			Quantity: int(p.Quantity), Tax: sums.add(p.TotalTax),
		}
		if w.TaxIncluded {
			line.UnitPrice = sums.add(p.PriceIncTax)
		} else {
			line.UnitPrice = sums.add(p.PriceExTax)
		}
		if p.Paid != nil && p.Paid.text != "" {
			line.Paid = sums.add(*p.Paid)
		} else {
			// Stores that do not send the field yet.
			line.Paid = sums.add(p.TotalIncTax)
			for _, d := range p.Discounts {
				line.Paid = sums.sub(line.Paid, d.Amount)
			}
		}
		o.Lines = append(o.Lines, line)
	}
	for _, s := range shipments {
		o.Parcels = append(o.Parcels, s.parcels()...)
	}
	return o, sums.err
}

// adder reads amounts of one currency and keeps the first error.
type adder struct {
	currency string
	err      error
}

func (s *adder) add(ds ...decimal) money.Amount {
	sum := money.Amount{Currency: s.currency}
	for _, d := range ds {
		n, err := d.in(s.currency)
		if err == nil {
			sum, err = sum.Add(n)
		}
		if s.err == nil {
			s.err = err
		}
	}
	return sum
}

func (s *adder) sub(a money.Amount, d decimal) money.Amount {
	n, err := d.in(s.currency)
	if err == nil {
		a, err = a.Sub(n)
	}
	if s.err == nil {
		s.err = err
	}
	return a
}

func (p wireProduct) options() string {
	var parts []string
	for _, o := range p.Options {
		name, value := cmp.Or(o.NameCustomer, o.Name), cmp.Or(o.ValueCustomer, o.Value)
		switch {
		case value == "":
		case name == "":
			parts = append(parts, value)
		default:
			parts = append(parts, name+": "+value)
		}
	}
	return strings.Join(parts, ", ")
}

// lineKind reads the type of an order product; a word that is not known is kept.
func lineKind(s string) order.LineKind {
	if s == "giftcertificate" {
		return order.LineGiftCard
	}
	return order.LineKind(s) // "physical" and "digital" are our words too
}
