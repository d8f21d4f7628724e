package bigcommercetest

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// routes names what the store answers to. Anything else is 404.
func (s *Store) routes() {
	s.mux = http.NewServeMux()
	root := "/stores/" + s.cfg.StoreHash
	for pattern, h := range map[string]func(r *http.Request) answer{
		"GET /v2/orders":                               s.getOrders,
		"GET /v2/orders/{id}":                          s.withOrder(s.getOrder),
		"GET /v2/orders/{id}/products":                 s.withOrder(s.getProducts),
		"GET /v2/orders/{id}/shipping_addresses":       s.withOrder(s.getAddresses),
		"GET /v2/orders/{id}/shipments":                s.withOrder(s.getShipments),
		"POST /v2/orders/{id}/shipments":               s.withOrder(s.postShipment),
		"GET /v2/orders/{id}/shipments/{shipment}":     s.withOrder(s.getShipment),
		"PUT /v2/orders/{id}/shipments/{shipment}":     s.withOrder(s.putShipment),
		"GET /v3/customers":                            s.getCustomers,
		"GET /v3/catalog/products/{id}":                s.getProduct,
		"GET /v3/catalog/products/{id}/variants/{vid}": s.getVariant,
		"GET /v3/hooks":                                s.getHooks,
		"POST /v3/hooks":                               s.postHook,
		"GET /v3/hooks/{id}":                           s.withHook(s.getHook),
		"PUT /v3/hooks/{id}":                           s.withHook(s.putHook),
		"DELETE /v3/hooks/{id}":                        s.withHook(s.deleteHook),
	} {
		method, path, _ := strings.Cut(pattern, " ")
		s.mux.HandleFunc(method+" "+root+path, s.serve(h))
	}
	s.mux.HandleFunc("/", s.serve(func(r *http.Request) answer { return failure(r, 404, "The requested resource was not found.") }))
}

// ServeHTTP implements [http.Handler].
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// answer is a status and what is written as JSON; a nil body is an empty one.
type answer struct {
	status int
	body   any
}

// serve does what every call has in common, under the lock.
func (s *Store) serve(h func(*http.Request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		a := s.answer(w.Header(), r, h)
		if a.body == nil {
			w.WriteHeader(a.status)
			return
		}
		b, err := json.Marshal(a.body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		w.Write(b)
	}
}

const quotaWindow = 30 * time.Second

func (s *Store) answer(header http.Header, r *http.Request, h func(*http.Request) answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := r.Header.Get("X-Auth-Token")
	if s.cfg.AccessToken == "" || subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.AccessToken)) != 1 {
		return answer{401, map[string]any{
			"status": 401, "title": "Unauthorized", "type": "/api-docs/getting-started/api-status-codes",
		}}
	}
	now := s.cfg.Now()
	if s.window.IsZero() || now.Sub(s.window) >= quotaWindow || now.Before(s.window) {
		s.window, s.used = now, 0
	}
	quota := cmp.Or(s.cfg.Quota, 150)
	s.used++
	reset := s.window.Add(quotaWindow).Sub(now).Milliseconds()
	for name, n := range map[string]int64{
		"X-Rate-Limit-Time-Window-Ms": quotaWindow.Milliseconds(),
		"X-Rate-Limit-Time-Reset-Ms":  max(reset, 1),
		"X-Rate-Limit-Requests-Quota": int64(quota),
		"X-Rate-Limit-Requests-Left":  int64(max(quota-s.used, 0)),
	} {
		header.Set(name, strconv.FormatInt(n, 10))
	}
	if s.cfg.Quota > 0 && s.used > quota {
		return failure(r, 429, "You have surpassed the rate limit.")
	}
	if (r.Method == http.MethodPost || r.Method == http.MethodPut) && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return failure(r, 415, "The request body must be JSON.")
	}
	return h(r)
}

// failure is an error answer: a list in V2, an object in V3.
func failure(r *http.Request, status int, message string) answer {
	if strings.Contains(r.URL.Path, "/v2/") {
		return answer{status, []map[string]any{{"status": status, "message": message}}}
	}
	return answer{status, map[string]any{
		"status": status, "title": message, "type": "/api-docs/getting-started/api-status-codes", "errors": map[string]string{},
	}}
}

// rows is a page of a V2 list: 204 where there is nothing.
func rows[T any](r *http.Request, all []T) answer {
	some, bad := page(r, all)
	if bad != nil {
		return *bad
	}
	if len(some) == 0 {
		return answer{status: 204}
	}
	return answer{200, some}
}

const maxLimit = 250

func pageOf(r *http.Request) (number, limit int, ok bool) {
	number, limit = 1, 50
	q := r.URL.Query()
	for name, n := range map[string]*int{"page": &number, "limit": &limit} {
		if v := q.Get(name); v != "" {
			i, err := strconv.Atoi(v)
			if err != nil || i < 1 || i > 1<<30 {
				return 0, 0, false
			}
			*n = i
		}
	}
	return number, min(limit, maxLimit), true
}

func page[T any](r *http.Request, all []T) ([]T, *answer) {
	number, limit, ok := pageOf(r)
	if !ok {
		bad := failure(r, 400, "The field 'page' or 'limit' is invalid.")
		return nil, &bad
	}
	from := min((number-1)*limit, len(all))
	return all[from:min(from+limit, len(all))], nil
}

// sheet is a page of a V3 list, with its count.
func sheet[T any](r *http.Request, all []T) answer {
	some, bad := page(r, all)
	if bad != nil {
		return *bad
	}
	number, limit, _ := pageOf(r)
	if some == nil {
		some = []T{}
	}
	return answer{200, map[string]any{"data": some, "meta": map[string]any{"pagination": map[string]any{
		"total": len(all), "count": len(some), "per_page": limit, "current_page": number, "total_pages": max((len(all)+limit-1)/limit, 1),
		"links": map[string]string{"current": "?" + r.URL.RawQuery},
	}}}}
}

func (s *Store) orderIDs() []int { return slices.Sorted(maps.Keys(s.state.Orders)) }

// order finds the order of a path.
func (s *Store) withOrder(h func(*http.Request, *storedOrder) answer) func(*http.Request) answer {
	return func(r *http.Request) answer {
		id, err := strconv.Atoi(r.PathValue("id"))
		o, ok := s.state.Orders[id]
		if err != nil || !ok {
			return failure(r, 404, "The requested resource was not found.")
		}
		return h(r, o)
	}
}

// getOrders lists orders. A filter that the store does not know is
// ignored, as the real store does.
func (s *Store) getOrders(r *http.Request) answer {
	q := r.URL.Query()
	keep := []func(*storedOrder) bool{}
	bad := func(name string) answer { return failure(r, 400, "The field '"+name+"' is invalid.") }
	number := func(name string, f func(o *storedOrder, n int) bool) (ok bool) {
		v := q.Get(name)
		if v == "" {
			return true
		}
		n, err := strconv.Atoi(v)
		keep = append(keep, func(o *storedOrder) bool { return f(o, n) })
		return err == nil
	}
	moment := func(name string, f func(o *storedOrder, t time.Time) bool) (ok bool) {
		v := q.Get(name)
		if v == "" {
			return true
		}
		t, err := mail.ParseDate(v)
		if err != nil {
			t, err = time.Parse(time.RFC3339, v)
		}
		keep = append(keep, func(o *storedOrder) bool { return f(o, t) })
		return err == nil
	}
	// Dates are kept to the second, and compared so.
	sec := func(t time.Time) time.Time { return t.Truncate(time.Second) }
	for name, f := range map[string]func(*storedOrder, int) bool{
		"min_id":      func(o *storedOrder, n int) bool { return o.ID >= n },
		"max_id":      func(o *storedOrder, n int) bool { return o.ID <= n },
		"customer_id": func(o *storedOrder, n int) bool { return o.CustomerID == n },
		"status_id":   func(o *storedOrder, n int) bool { return o.StatusID == n },
		"channel_id":  func(o *storedOrder, n int) bool { return o.ChannelID == n },
	} {
		if !number(name, f) {
			return bad(name)
		}
	}
	for name, f := range map[string]func(*storedOrder, time.Time) bool{
		"min_date_modified": func(o *storedOrder, t time.Time) bool { return !sec(o.Modified).Before(t) },
		"max_date_modified": func(o *storedOrder, t time.Time) bool { return !sec(o.Modified).After(t) },
		"min_date_created":  func(o *storedOrder, t time.Time) bool { return !sec(o.Created).Before(t) },
		"max_date_created":  func(o *storedOrder, t time.Time) bool { return !sec(o.Created).After(t) },
	} {
		if !moment(name, f) {
			return bad(name)
		}
	}
	if v := q.Get("email"); v != "" {
		keep = append(keep, func(o *storedOrder) bool { return strings.EqualFold(o.Billing.Email, v) })
	}
	var found []*storedOrder
	for _, id := range s.orderIDs() {
		o := s.state.Orders[id]
		if !slices.ContainsFunc(keep, func(f func(*storedOrder) bool) bool { return !f(o) }) {
			found = append(found, o)
		}
	}
	if v := q.Get("sort"); v != "" {
		field, direction, _ := strings.Cut(v, ":")
		by, ok := map[string]func(a, b *storedOrder) int{
			"id":            func(a, b *storedOrder) int { return cmp.Compare(a.ID, b.ID) },
			"customer_id":   func(a, b *storedOrder) int { return cmp.Compare(a.CustomerID, b.CustomerID) },
			"status_id":     func(a, b *storedOrder) int { return cmp.Compare(a.StatusID, b.StatusID) },
			"channel_id":    func(a, b *storedOrder) int { return cmp.Compare(a.ChannelID, b.ChannelID) },
			"date_created":  func(a, b *storedOrder) int { return a.Created.Compare(b.Created) },
			"date_modified": func(a, b *storedOrder) int { return a.Modified.Compare(b.Modified) },
		}[field]
		if !ok || (direction != "" && direction != "asc" && direction != "desc") {
			return bad("sort")
		}
		slices.SortStableFunc(found, func(a, b *storedOrder) int {
			if direction == "desc" {
				return by(b, a)
			}
			return by(a, b)
		})
	}
	some, wrong := page(r, found)
	if wrong != nil {
		return *wrong
	}
	if len(some) == 0 {
		return answer{status: 204}
	}
	wire := make([]map[string]any, len(some))
	for i, o := range some {
		wire[i] = s.wireOrder(o)
	}
	return answer{200, wire}
}

func (s *Store) getOrder(_ *http.Request, o *storedOrder) answer {
	return answer{200, s.wireOrder(o)}
}

// sums are the totals of an order, as far as its currency can hold them.
type sums struct{ subExTax, subIncTax, tax, discount, shipping, totalExTax, total money.Amount }

// must drops an error that cannot be: what a test puts into an order is added up in
// one currency. An order that is not so is a mistake of the test, and loud.
func must(a money.Amount, err error) money.Amount {
	if err != nil {
		panic(fmt.Sprintf("bigcommercetest: the amounts of an order cannot be added: %v", err))
	}
	return a
}

func (s *Store) zero() money.Amount { return money.Amount{Currency: s.cfg.Currency} }

// line is an item's total without and with tax, before and after discount.
func (s *Store) line(i Item) (exTax, incTax, paid money.Amount) {
	total := must(must(s.zero().Add(i.Price)).Mul(int64(i.Quantity)))
	if s.cfg.TaxIncluded {
		exTax, incTax = must(total.Sub(i.Tax)), total
	} else {
		exTax, incTax = total, must(total.Add(i.Tax))
	}
	return exTax, incTax, must(incTax.Sub(i.Discount))
}

func (s *Store) sums(o *storedOrder) sums {
	z := s.zero()
	t := sums{z, z, z, z, must(z.Add(o.Shipping)), z, z}
	for _, i := range o.Items {
		ex, inc, paid := s.line(i)
		t.subExTax, t.subIncTax = must(t.subExTax.Add(ex)), must(t.subIncTax.Add(inc))
		t.tax, t.discount = must(t.tax.Add(i.Tax)), must(t.discount.Add(i.Discount))
		t.total = must(t.total.Add(paid))
	}
	t.total = must(t.total.Add(t.shipping))
	t.totalExTax = must(t.total.Sub(t.tax))
	return t
}

func (s *Store) wireOrder(o *storedOrder) map[string]any {
	t, quantity := s.sums(o), 0
	digital := len(o.Items) > 0
	for _, i := range o.Items {
		quantity += i.Quantity
		digital = digital && i.Type == "digital"
	}
	none := amount(s.zero())
	self := fmt.Sprintf("/orders/%d", o.ID)
	link := func(what string) map[string]string {
		return map[string]string{
			"url":      "https://api.bigcommerce.com/stores/" + s.cfg.StoreHash + "/v2" + self + "/" + what,
			"resource": self + "/" + what,
		}
	}
	w := map[string]any{
		"id": o.ID, "customer_id": o.CustomerID,
		"date_created": rfc2822(o.Created), "date_modified": rfc2822(o.Modified), "date_shipped": rfc2822(o.Shipped),
		"status_id": o.StatusID, "status": statusNames[o.StatusID], "custom_status": statusNames[o.StatusID],
		"subtotal_ex_tax": amount(t.subExTax), "subtotal_inc_tax": amount(t.subIncTax), "subtotal_tax": amount(t.tax),
		"total_ex_tax": amount(t.totalExTax), "total_inc_tax": amount(t.total), "total_tax": amount(t.tax),
		"is_tax_inclusive_pricing": s.cfg.TaxIncluded,
		"items_total":              quantity, "items_shipped": o.shipped(0),
		"payment_method": o.Method, "payment_provider_id": "", "payment_status": o.PaymentStatus,
		"refunded_amount": none, "order_is_digital": digital,
		"store_credit_amount": none, "gift_certificate_amount": none,
		"ip_address": "", "ip_address_v6": "", "geoip_country": "", "geoip_country_iso2": "",
		"currency_id": 1, "currency_code": s.cfg.Currency, "currency_exchange_rate": "1.0000000000",
		"default_currency_id": 1, "default_currency_code": s.cfg.Currency,
		"store_default_currency_code": s.cfg.Currency, "store_default_to_transactional_exchange_rate": "1.0000000000",
		"staff_notes": "", "customer_message": "",
		"discount_amount": amount(t.discount), "coupon_discount": none,
		"shipping_address_count": 1, "is_deleted": false, "ebay_order_id": "0", "cart_id": "",
		"is_email_opt_in": false, "credit_card_type": nil, "order_source": "www", "channel_id": o.ChannelID,
		"external_source": nil, "external_id": nil, "external_merchant_id": nil, "external_order_id": "",
		"tax_provider_id": "BasicTaxProvider", "customer_locale": cmp.Or(o.Locale, "en"),
		"products": link("products"), "shipping_addresses": link("shippingaddresses"), "coupons": link("coupons"),
		"billing_address": fields(o.Billing, map[string]any{"form_fields": []any{}}),
	}
	for name, a := range map[string]money.Amount{"shipping": t.shipping, "handling": s.zero(), "wrapping": s.zero()} {
		w["base_"+name+"_cost"] = amount(a)
		w[name+"_cost_ex_tax"], w[name+"_cost_inc_tax"], w[name+"_cost_tax"] = amount(a), amount(a), none
		w[name+"_cost_tax_class_id"] = 0
	}
	return w
}

// fields is v as a JSON object, with more in it.
func fields(v any, more map[string]any) map[string]any {
	b, err := json.Marshal(v)
	w := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &w)
	}
	if err != nil {
		panic(fmt.Sprintf("bigcommercetest: %v", err)) // structs of strings
	}
	maps.Copy(w, more)
	return w
}

func (s *Store) getProducts(r *http.Request, o *storedOrder) answer {
	none := amount(s.zero())
	var all []map[string]any
	for _, i := range o.Items {
		ex, inc, paid := s.line(i)
		one := Item{Price: i.Price, Quantity: 1}
		if i.Quantity > 0 {
			// The tax of one unit, as the store rounds it.
			parts, err := must(s.zero().Add(i.Tax)).Split(slices.Repeat([]int64{1}, i.Quantity)...)
			if err != nil {
				panic(fmt.Sprintf("bigcommercetest: %v", err))
			}
			one.Tax = parts[0]
		}
		priceEx, priceInc, _ := s.line(one)
		options := []map[string]any{}
		for n, opt := range i.Options {
			options = append(options, map[string]any{
				"id": n + 1, "option_id": n + 1, "order_product_id": i.ID, "product_option_id": n + 1,
				"display_name": opt.Name, "display_name_customer": opt.Name, "display_name_merchant": opt.Name,
				"display_value": opt.Value, "display_value_customer": opt.Value, "display_value_merchant": opt.Value,
				"value": opt.Value, "type": "Multiple choice", "name": opt.Name, "display_style": "Rectangle",
			})
		}
		discounts := []map[string]any{}
		if !i.Discount.IsZero() {
			discounts = append(discounts, map[string]any{
				"id": "manual-discount", "amount": amount(i.Discount), "name": "Manual Discount", "code": nil, "target": "order",
			})
		}
		all = append(all, map[string]any{
			"id": i.ID, "order_id": o.ID, "product_id": i.ProductID, "variant_id": i.VariantID, "order_address_id": o.AddressID,
			"order_pickup_method_id": 0,
			"name":                   i.Name, "name_customer": i.Name, "name_merchant": i.Name, "sku": i.SKU, "upc": "", "type": i.Type,
			"base_price": amount(must(s.zero().Add(i.Price))), "price_ex_tax": amount(priceEx), "price_inc_tax": amount(priceInc), "price_tax": amount(must(priceInc.Sub(priceEx))),
			"base_total": amount(ex), "total_ex_tax": amount(ex), "total_inc_tax": amount(inc), "total_tax": amount(must(inc.Sub(ex))),
			"weight": "1.0000", "width": "0.0000", "height": "0.0000", "depth": "0.0000", "quantity": i.Quantity,
			"base_cost_price": none, "cost_price_inc_tax": none, "cost_price_ex_tax": none, "cost_price_tax": none,
			"is_refunded": false, "quantity_refunded": 0, "refund_amount": none, "return_id": 0,
			"wrapping_id": 0, "wrapping_name": "", "wrapping_message": "",
			"base_wrapping_cost": none, "wrapping_cost_ex_tax": none, "wrapping_cost_inc_tax": none, "wrapping_cost_tax": none,
			"quantity_shipped": o.shipped(i.ID), "event_name": nil, "fixed_shipping_cost": none,
			"ebay_item_id": "", "ebay_transaction_id": "", "option_set_id": nil, "parent_order_product_id": nil,
			"is_bundled_product": false, "bin_picking_number": "", "external_id": nil, "brand": "",
			"applied_discounts": discounts, "product_options": options, "configurable_fields": []any{},
			"discounted_total_inc_tax": amount(paid), "gift_certificate_id": nil,
		})
	}
	return rows(r, all)
}

func (s *Store) getAddresses(r *http.Request, o *storedOrder) answer {
	none := amount(s.zero())
	cost := amount(must(s.zero().Add(o.Shipping)))
	quantity := 0
	for _, i := range o.Items {
		quantity += i.Quantity
	}
	self := fmt.Sprintf("/orders/%d/shippingaddresses/%d/shippingquotes", o.ID, o.AddressID)
	return rows(r, []map[string]any{fields(o.ShipTo, map[string]any{
		"id": o.AddressID, "order_id": o.ID, "items_total": quantity, "items_shipped": o.shipped(0), "shipping_method": "Flat Rate",
		"base_cost": cost, "cost_ex_tax": cost, "cost_inc_tax": cost, "cost_tax": none, "cost_tax_class_id": 0,
		"base_handling_cost": none, "handling_cost_ex_tax": none, "handling_cost_inc_tax": none, "handling_cost_tax": none, "handling_cost_tax_class_id": 0,
		"shipping_zone_id": 1, "shipping_zone_name": "World", "form_fields": []any{},
		"shipping_quotes": map[string]string{"url": "https://api.bigcommerce.com/stores/" + s.cfg.StoreHash + "/v2" + self, "resource": self},
	})})
}

// providerNames are BigCommerce's names for its own shipping providers.
var providerNames = map[string]string{
	"auspost": "Australia Post", "canadapost": "Canada Post", "endicia": "Endicia", "usps": "USPS", "fedex": "FedEx",
	"ups": "UPS", "upsready": "UPS® Ready", "upsonline": "UPS", "shipperhq": "ShipperHQ", "royalmail": "Royal Mail",
}

func (s *Store) wireShipment(o *storedOrder, sh *Shipment) map[string]any {
	items := make([]map[string]any, len(sh.Items))
	for i, item := range sh.Items {
		product := 0
		for _, line := range o.Items {
			if line.ID == item.ItemID {
				product = line.ProductID
			}
		}
		items[i] = map[string]any{"order_product_id": item.ItemID, "product_id": product, "quantity": item.Quantity}
	}
	generated := ""
	if carrier := cmp.Or(sh.Carrier, sh.Provider); sh.Link == "" && sh.Number != "" && carrier != "" {
		generated = "https://www.aftership.com/track/" + url.PathEscape(carrier) + "/" + url.PathEscape(sh.Number)
	}
	return map[string]any{
		"id": sh.ID, "order_id": o.ID, "customer_id": o.CustomerID, "order_address_id": o.AddressID,
		"date_created": rfc2822(sh.Created), "tracking_number": sh.Number, "merchant_shipping_cost": amount(s.zero()),
		"shipping_method": sh.Method, "comments": sh.Comments,
		"shipping_provider": sh.Provider, "shipping_provider_display_name": providerNames[sh.Provider],
		"tracking_carrier": sh.Carrier, "tracking_link": sh.Link, "generated_tracking_link": generated,
		"billing_address": o.Billing, "shipping_address": o.ShipTo, "items": items,
	}
}

func (s *Store) getShipments(r *http.Request, o *storedOrder) answer {
	var all []map[string]any
	for _, sh := range o.Shipments {
		all = append(all, s.wireShipment(o, sh))
	}
	return rows(r, all)
}

func find(r *http.Request, o *storedOrder) *Shipment {
	id, err := strconv.Atoi(r.PathValue("shipment"))
	for _, sh := range o.Shipments {
		if err == nil && sh.ID == id {
			return sh
		}
	}
	return nil
}

func (s *Store) getShipment(r *http.Request, o *storedOrder) answer {
	sh := find(r, o)
	if sh == nil {
		return failure(r, 404, "The requested resource was not found.")
	}
	return answer{200, s.wireShipment(o, sh)}
}

// shipmentBody is what POST and PUT of a shipment may hold. What is not there is left
// as it is.
type shipmentBody struct {
	AddressID *int          `json:"order_address_id"`
	Number    *string       `json:"tracking_number"`
	Carrier   *string       `json:"tracking_carrier"`
	Provider  *string       `json:"shipping_provider"`
	Method    *string       `json:"shipping_method"`
	Comments  *string       `json:"comments"`
	Link      *string       `json:"tracking_link"`
	Items     []ShippedItem `json:"items"`
}

func (b shipmentBody) apply(sh *Shipment) {
	for to, from := range map[*string]*string{
		&sh.Number: b.Number, &sh.Carrier: b.Carrier, &sh.Provider: b.Provider,
		&sh.Method: b.Method, &sh.Comments: b.Comments, &sh.Link: b.Link,
	} {
		if from != nil {
			*to = *from
		}
	}
}

func (b shipmentBody) wrong() string {
	switch {
	case b.Link != nil && len(*b.Link) > 500:
		return "The field 'tracking_link' is invalid."
	case b.Number != nil && len(*b.Number) > 50:
		return "The field 'tracking_number' is invalid."
	}
	return ""
}

func (s *Store) postShipment(r *http.Request, o *storedOrder) answer {
	var b shipmentBody
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return failure(r, 400, "The request body is not valid JSON.")
	}
	if b.AddressID == nil || *b.AddressID != o.AddressID || len(b.Items) == 0 {
		return failure(r, 400, "The field 'order_address_id' or 'items' is invalid.")
	}
	if why := b.wrong(); why != "" {
		return failure(r, 400, why)
	}
	id, err := s.ship(o, NewShipment{Items: b.Items})
	if err != nil {
		return failure(r, 400, "The field 'items' is invalid.")
	}
	sh := o.Shipments[len(o.Shipments)-1]
	if sh.ID != id {
		panic("bigcommercetest: a shipment was lost")
	}
	b.apply(sh)
	sh.Writes++
	s.writes++
	return answer{201, s.wireShipment(o, sh)}
}

func (s *Store) putShipment(r *http.Request, o *storedOrder) answer {
	sh := find(r, o)
	if sh == nil {
		return failure(r, 404, "The requested resource was not found.")
	}
	var b shipmentBody
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return failure(r, 400, "The request body is not valid JSON.")
	}
	if why := b.wrong(); why != "" {
		return failure(r, 400, why)
	}
	b.apply(sh)
	sh.Writes++
	s.writes++
	s.emit("store/shipment/updated", shipmentData(o.ID, sh.ID))
	s.touch(o, o.StatusID)
	return answer{200, s.wireShipment(o, sh)}
}

func (s *Store) getCustomers(r *http.Request) answer {
	q := r.URL.Query()
	wanted := func(name, value string) bool {
		list := q.Get(name)
		return list == "" || slices.ContainsFunc(strings.Split(list, ","), func(v string) bool { return strings.EqualFold(v, value) })
	}
	var all []*Customer
	for _, id := range slices.Sorted(maps.Keys(s.state.Customers)) {
		if c := s.state.Customers[id]; wanted("id:in", itoa(c.ID)) && wanted("email:in", c.Email) {
			all = append(all, c)
		}
	}
	return sheet(r, all)
}

func (s *Store) product(r *http.Request) *Product {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil
	}
	return s.state.Products[id]
}

func (s *Store) getProduct(r *http.Request) answer {
	p := s.product(r)
	if p == nil {
		return failure(r, 404, "The product was not found")
	}
	w := map[string]any{"id": p.ID, "name": p.Name, "sku": p.SKU, "type": p.Type}
	if slices.Contains(strings.Split(r.URL.Query().Get("include"), ","), "images") {
		images := []map[string]any{}
		if p.ImageURL != "" {
			images = append(images, map[string]any{"id": p.ID, "product_id": p.ID, "is_thumbnail": true, "url_standard": p.ImageURL})
		}
		w["images"] = images
	}
	return answer{200, map[string]any{"data": w, "meta": map[string]any{}}}
}

func (s *Store) getVariant(r *http.Request) answer {
	id, err := strconv.Atoi(r.PathValue("vid"))
	if p := s.product(r); p != nil && err == nil {
		for _, v := range p.Variants {
			if v.ID != id {
				continue
			}
			options := []map[string]any{}
			for n, o := range v.Options {
				options = append(options, map[string]any{"id": n + 1, "option_id": n + 1, "option_display_name": o.Name, "label": o.Value})
			}
			return answer{200, map[string]any{"data": map[string]any{
				"id": v.ID, "product_id": p.ID, "sku": v.SKU, "image_url": v.ImageURL, "option_values": options,
			}, "meta": map[string]any{}}}
		}
	}
	return failure(r, 404, "The variant was not found")
}

func (s *Store) wireHook(h *Hook) map[string]any {
	return fields(h, map[string]any{"client_id": s.cfg.ClientID, "store_hash": s.cfg.StoreHash})
}

func (s *Store) getHooks(r *http.Request) answer {
	q := r.URL.Query()
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(s.state.Hooks)) {
		h := s.state.Hooks[id]
		if (q.Get("scope") == "" || q.Get("scope") == h.Scope) &&
			(q.Get("destination") == "" || q.Get("destination") == h.Destination) &&
			(q.Get("is_active") == "" || q.Get("is_active") == strconv.FormatBool(h.Active)) {
			all = append(all, s.wireHook(h))
		}
	}
	return sheet(r, all)
}

type hookBody struct {
	Scope       *string           `json:"scope"`
	Destination *string           `json:"destination"`
	Active      *bool             `json:"is_active"`
	Headers     map[string]string `json:"headers"`
}

// apply changes h. It reports false for what the store does not take: no scope, no
// destination, or a second webhook of the same scope to the same destination.
func (s *Store) apply(b hookBody, h *Hook) (status int, why string) {
	if b.Scope != nil {
		h.Scope = *b.Scope
	}
	if b.Destination != nil {
		h.Destination = *b.Destination
	}
	if b.Active != nil {
		h.Active = *b.Active
	}
	if b.Headers != nil {
		h.Headers = maps.Clone(b.Headers)
	}
	u, err := url.Parse(h.Destination)
	switch {
	case !strings.HasPrefix(h.Scope, "store/"):
		return 422, "The field 'scope' is invalid."
	case err != nil || u.Host == "":
		return 422, "The field 'destination' is invalid."
	}
	for _, other := range s.state.Hooks {
		if other.ID != h.ID && other.Scope == h.Scope && other.Destination == h.Destination {
			return 409, "There is a webhook of this scope to this destination."
		}
	}
	h.Updated = s.cfg.Now().Unix()
	return 0, ""
}

func (s *Store) postHook(r *http.Request) answer {
	var b hookBody
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return failure(r, 400, "Input is invalid.")
	}
	h := &Hook{Active: true, Created: s.cfg.Now().Unix()}
	if status, why := s.apply(b, h); status != 0 {
		return failure(r, status, why)
	}
	h.ID = s.next("hook", 1)
	s.state.Hooks[h.ID] = h
	s.writes++
	return answer{200, map[string]any{"data": s.wireHook(h), "meta": map[string]any{}}}
}

func (s *Store) withHook(h func(*http.Request, *Hook) answer) func(*http.Request) answer {
	return func(r *http.Request) answer {
		id, err := strconv.Atoi(r.PathValue("id"))
		k, ok := s.state.Hooks[id]
		if err != nil || !ok {
			return failure(r, 404, "The webhook was not found")
		}
		return h(r, k)
	}
}

func (s *Store) getHook(_ *http.Request, h *Hook) answer {
	return answer{200, map[string]any{"data": s.wireHook(h), "meta": map[string]any{}}}
}

func (s *Store) putHook(r *http.Request, h *Hook) answer {
	var b hookBody
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return failure(r, 400, "Input is invalid.")
	}
	changed := h.clone()
	if status, why := s.apply(b, &changed); status != 0 {
		return failure(r, status, why)
	}
	*h = changed
	s.writes++
	return answer{200, map[string]any{"data": s.wireHook(h), "meta": map[string]any{}}}
}

func (s *Store) deleteHook(_ *http.Request, h *Hook) answer {
	delete(s.state.Hooks, h.ID)
	s.writes++
	return answer{200, map[string]any{"data": s.wireHook(h), "meta": map[string]any{}}}
}
