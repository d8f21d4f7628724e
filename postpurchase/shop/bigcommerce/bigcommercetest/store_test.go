package bigcommercetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/doorstep-go/doorstep/internal/openapitest"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/shop/bigcommerce/bigcommercetest"
)

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func mugs(n int) bigcommercetest.NewOrder {
	return bigcommercetest.NewOrder{
		Billing: bigcommercetest.Address{FirstName: "Jane", Zip: "1010", Email: "jane@example.com"},
		Items:   []bigcommercetest.Item{{Name: "Mug", Quantity: n, Price: eur(1000)}},
	}
}

// receiver is where webhooks arrive: an http.RoundTripper, so that no port is needed.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []received
}

type received struct {
	Scope, ID string
	header    http.Header
	body      []byte
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var b struct {
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, received{b.Scope, req.Header.Get("Webhook-Id"), req.Header, body})
	if r.status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Body: http.NoBody, Request: req}, nil
}

func (r *receiver) scopes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, g := range r.got {
		all = append(all, g.Scope)
	}
	return all
}

type fixture struct {
	*bigcommercetest.Store
	receiver *receiver
	now      time.Time
}

func newFixture(t *testing.T, cfg bigcommercetest.Config) *fixture {
	t.Helper()
	f := &fixture{receiver: &receiver{status: 200}, now: start}
	cfg.StoreHash, cfg.AccessToken, cfg.ClientSecret = "abc", "token", "secret"
	cfg.HTTPClient = &http.Client{Transport: f.receiver}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return f.now }
	}
	s, err := bigcommercetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Store = s
	return f
}

// call sends one request to the store.
func (f *fixture) call(t *testing.T, method, path, body string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, "/stores/abc"+path, strings.NewReader(body))
	r.Header.Set("X-Auth-Token", "token")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func (f *fixture) hook(t *testing.T, scope, destination string) {
	t.Helper()
	if code, body, _ := f.call(t, "POST", "/v3/hooks", fmt.Sprintf(`{"scope":%q,"destination":%q,"headers":{"X-Key":"k"}}`, scope, destination)); code != 200 {
		t.Fatalf("POST /v3/hooks: %d %s", code, body)
	}
}

func TestWebhooks(t *testing.T) {
	f := newFixture(t, bigcommercetest.Config{})
	f.hook(t, "store/order/*", "https://a.example/h")
	f.hook(t, "store/shipment/created", "https://a.example/h")
	id := f.PlaceOrder(mugs(2))
	if err := f.Pay(id); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Ship(id, bigcommercetest.NewShipment{Number: "1Z", Carrier: "ups"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Refund(id, true); err != nil {
		t.Fatal(err)
	}
	n, due := f.Pending()
	if n != 9 || !due.Equal(start) {
		t.Errorf("%d webhooks pending, due %v", n, due)
	}
	taken, err := f.Deliver(t.Context())
	if err != nil || taken != 9 {
		t.Fatalf("Deliver = %d, %v", taken, err)
	}
	want := []string{
		"store/order/created",
		"store/order/updated", "store/order/statusUpdated",
		"store/shipment/created", "store/order/updated", "store/order/statusUpdated",
		"store/order/refund/created", "store/order/updated", "store/order/statusUpdated",
	}
	if d := cmp.Diff(want, f.receiver.scopes()); d != "" {
		t.Errorf("webhooks (-want +got):\n%s", d)
	}
	wh, err := standardwebhooks.NewWebhookRaw([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.receiver.got {
		if err := wh.VerifyIgnoringTimestamp(g.body, g.header); err != nil {
			t.Errorf("%s: %v", g.Scope, err)
		}
		if g.header.Get("X-Key") != "k" {
			t.Errorf("%s: the hook's own header is missing", g.Scope)
		}
	}
	var first struct {
		StoreID  string `json:"store_id"`
		Producer string `json:"producer"`
		Created  int64  `json:"created_at"`
		Hash     string `json:"hash"`
		Data     struct {
			Type string `json:"type"`
			ID   int    `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(f.receiver.got[0].body, &first); err != nil {
		t.Fatal(err)
	}
	if first.Producer != "stores/abc" || first.Created != start.Unix() || first.Data.ID != id || first.Data.Type != "order" || len(first.Hash) != 40 || first.StoreID == "" {
		t.Errorf("body %s", f.receiver.got[0].body)
	}
}

// TestRepetitions: a webhook that is not taken comes again on the schedule, with the
// same id, and in the end puts its hook to sleep.
func TestRepetitions(t *testing.T) {
	for _, status := range []int{0, 500, 302} {
		f := newFixture(t, bigcommercetest.Config{})
		f.receiver.status = status
		f.hook(t, "store/order/created", "https://a.example/h")
		f.PlaceOrder(mugs(1))
		var waits []int
		for {
			if _, err := f.Deliver(t.Context()); err == nil {
				t.Fatal("Deliver says nothing of a webhook that was not taken")
			}
			n, due := f.Pending()
			if n == 0 {
				break
			}
			if taken, err := f.Deliver(t.Context()); taken != 0 || err != nil {
				t.Fatalf("before its time: %d, %v", taken, err)
			}
			waits = append(waits, int(due.Sub(f.now).Seconds()))
			f.now = due
		}
		if d := cmp.Diff([]int{60, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 50400, 86400}, waits); d != "" {
			t.Errorf("waits in seconds (-want +got):\n%s", d)
		}
		for _, g := range f.receiver.got {
			if g.ID != f.receiver.got[0].ID {
				t.Errorf("a repetition has the id %q, the first try %q", g.ID, f.receiver.got[0].ID)
			}
		}
		if f.Hooks()[0].Active {
			t.Error("the hook is still active")
		}
		f.PlaceOrder(mugs(1))
		if n, _ := f.Pending(); n != 0 {
			t.Errorf("%d webhooks for a hook that sleeps", n)
		}
	}
}

func TestDuplicatesAndOrder(t *testing.T) {
	run := func(cfg bigcommercetest.Config) []received {
		f := newFixture(t, cfg)
		f.hook(t, "store/order/created", "https://a.example/h")
		for range 20 {
			f.PlaceOrder(mugs(1))
		}
		if _, err := f.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		return f.receiver.got
	}
	ids := func(got []received) (all []string) {
		for _, g := range got {
			all = append(all, g.ID)
		}
		return all
	}
	plain := ids(run(bigcommercetest.Config{}))
	twice := ids(run(bigcommercetest.Config{Duplicates: 1}))
	mixed := ids(run(bigcommercetest.Config{Reorder: true, Seed: 1}))
	if len(plain) != 20 || len(slices.Compact(slices.Sorted(slices.Values(twice)))) != 20 || len(twice) != 40 {
		t.Errorf("%d plain, %d with duplicates", len(plain), len(twice))
	}
	if slices.Equal(plain, mixed) {
		t.Error("nothing was mixed")
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(plain)), slices.Sorted(slices.Values(mixed))); d != "" {
		t.Errorf("mixing lost something:\n%s", d)
	}
	if d := cmp.Diff(mixed, ids(run(bigcommercetest.Config{Reorder: true, Seed: 1}))); d != "" {
		t.Errorf("the same seed mixes in another way:\n%s", d)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, bigcommercetest.Config{Now: time.Now})
		f.hook(t, "store/order/created", "https://a.example/h")
		f.receiver.status = 503
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		f.PlaceOrder(mugs(1))
		synctest.Wait()
		if n := len(f.receiver.scopes()); n != 1 {
			t.Errorf("%d tries at once", n)
		}
		f.receiver.mu.Lock()
		f.receiver.status = 204
		f.receiver.mu.Unlock()
		time.Sleep(61 * time.Second) // of the bubble
		synctest.Wait()
		if n, _ := f.Pending(); n != 0 || len(f.receiver.scopes()) != 2 {
			t.Errorf("%d pending after %d tries", n, len(f.receiver.scopes()))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func TestState(t *testing.T) {
	a := newFixture(t, bigcommercetest.Config{})
	a.hook(t, "store/order/*", "https://a.example/h")
	id := a.PlaceOrder(mugs(2))
	item, _ := a.Order(id)
	if _, err := a.Ship(id, bigcommercetest.NewShipment{Number: "1Z", Items: []bigcommercetest.ShippedItem{{ItemID: item.Items[0].ID, Quantity: 1}}}); err != nil {
		t.Fatal(err)
	}
	a.PutProduct(bigcommercetest.Product{Name: "Mug"})
	a.PutCustomer(bigcommercetest.Customer{Email: "jane@example.com"})
	state, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	b := newFixture(t, bigcommercetest.Config{})
	if err := b.Restore(state); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v2/orders", "/v2/orders/100/products", "/v2/orders/100/shipments", "/v3/customers", "/v3/catalog/products/1", "/v3/hooks"} {
		code, want, _ := a.call(t, "GET", path, "")
		gotCode, got, _ := b.call(t, "GET", path, "")
		if code != 200 || gotCode != code || got != want {
			t.Errorf("%s: %d %s\nafter Restore: %d %s", path, code, want, gotCode, got)
		}
	}
	if n, err := b.Deliver(t.Context()); n != 3 || err != nil {
		t.Errorf("Deliver after Restore = %d, %v", n, err)
	}
	if next := b.PlaceOrder(mugs(1)); next != id+1 {
		t.Errorf("the next order is %d after %d", next, id)
	}
	for _, bad := range []string{"", "{", "{}", `{"version":2}`, `{"version":1}`} {
		if err := b.Restore([]byte(bad)); err == nil {
			t.Errorf("Restore took %q", bad)
		}
	}
	if ids := b.Orders(); len(ids) != 2 {
		t.Errorf("orders %v after a Restore that failed", ids)
	}
}

// TestWire is what a client sees, written out.
func TestWire(t *testing.T) {
	f := newFixture(t, bigcommercetest.Config{})
	for range 5 {
		f.PlaceOrder(mugs(2))
	}
	f.now = start.Add(time.Hour)
	if err := f.Pay(102); err != nil {
		t.Fatal(err)
	}
	ids := func(body string) string {
		var list []struct {
			ID int `json:"id"`
		}
		if body == "" || strings.Contains(body, `"message"`) {
			return body
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			return body
		}
		var all []string
		for _, o := range list {
			all = append(all, fmt.Sprint(o.ID))
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/v2/orders", 200, "100 101 102 103 104"},
		{"/v2/orders?limit=2", 200, "100 101"},
		{"/v2/orders?limit=2&page=3", 200, "104"},
		{"/v2/orders?limit=2&page=4", 204, ""},
		{"/v2/orders?min_id=103", 200, "103 104"},
		{"/v2/orders?max_id=100", 200, "100"},
		{"/v2/orders?status_id=11", 200, "102"},
		{"/v2/orders?min_date_modified=Mon,+02+Mar+2026+11:00:00+%2B0000", 200, "102"},
		{"/v2/orders?min_date_modified=2026-03-02T11:00:00Z", 200, "102"},
		{"/v2/orders?max_date_modified=2026-03-02T10:30:00Z&sort=id:desc", 200, "104 103 101 100"},
		{"/v2/orders?sort=date_modified", 200, "100 101 103 104 102"},
		{"/v2/orders?email=JANE@example.com&limit=1", 200, "100"},
		{"/v2/orders?email=nobody@example.com", 204, ""},
		{"/v2/orders?page=0", 400, `[{"message":"The field 'page' or 'limit' is invalid.","status":400}]`},
		{"/v2/orders?min_id=x", 400, `[{"message":"The field 'min_id' is invalid.","status":400}]`},
		{"/v2/orders?min_date_modified=soon", 400, `[{"message":"The field 'min_date_modified' is invalid.","status":400}]`},
		{"/v2/orders?sort=price", 400, `[{"message":"The field 'sort' is invalid.","status":400}]`},
		{"/v2/orders/100/shipments", 204, ""},
		{"/v2/orders/99", 404, `[{"message":"The requested resource was not found.","status":404}]`},
		{"/v2/orders/100/shipments/1", 404, `[{"message":"The requested resource was not found.","status":404}]`},
		{"/v2/nothing", 404, `[{"message":"The requested resource was not found.","status":404}]`},
	} {
		code, body, header := f.call(t, "GET", c.path, "")
		if got := ids(body); code != c.code || got != c.want {
			t.Errorf("GET %s = %d %s, want %d %s", c.path, code, got, c.code, c.want)
		}
		if header.Get("X-Rate-Limit-Requests-Quota") != "150" || header.Get("X-Rate-Limit-Time-Reset-Ms") == "" {
			t.Errorf("GET %s: rate limit headers %v", c.path, header)
		}
	}
	_, body, _ := f.call(t, "GET", "/v2/orders/102", "")
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"date_created": "Mon, 02 Mar 2026 10:00:00 +0000", "date_modified": "Mon, 02 Mar 2026 11:00:00 +0000", "date_shipped": "",
		"total_inc_tax": "20.0000", "status": "Awaiting Fulfillment", "payment_status": "captured", "items_total": 2.0,
	} {
		if o[field] != want {
			t.Errorf("%s = %v, want %v", field, o[field], want)
		}
	}
	r := httptest.NewRequest("GET", "/stores/abc/v2/orders", nil)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
}

func TestShipOverHTTP(t *testing.T) {
	f := newFixture(t, bigcommercetest.Config{})
	f.hook(t, "store/shipment/*", "https://a.example/h")
	id := f.PlaceOrder(mugs(2))
	item, _ := f.Order(id)
	good := fmt.Sprintf(`{"order_address_id":1,"tracking_number":"1Z","tracking_carrier":"ups","items":[{"order_product_id":%d,"quantity":1}]}`, item.Items[0].ID)
	for _, c := range []struct {
		method, path, body string
		code               int
	}{
		{"POST", "/v2/orders/100/shipments", good, 201},
		{"POST", "/v2/orders/100/shipments", `{"items":[]}`, 400},
		{"POST", "/v2/orders/100/shipments", strings.Replace(good, `"quantity":1`, `"quantity":2`, 1), 400},
		{"POST", "/v2/orders/100/shipments", `{`, 400},
		{"PUT", "/v2/orders/100/shipments/1", `{"tracking_link":"https://x.example/t"}`, 200},
		{"PUT", "/v2/orders/100/shipments/1", `{"tracking_link":"` + strings.Repeat("x", 501) + `"}`, 400},
		{"PUT", "/v2/orders/100/shipments/9", `{}`, 404},
	} {
		if code, body, _ := f.call(t, c.method, c.path, c.body); code != c.code {
			t.Errorf("%s %s %.60s = %d %s, want %d", c.method, c.path, c.body, code, body, c.code)
		}
	}
	want := []bigcommercetest.Shipment{{ID: 1, Created: start, Number: "1Z", Carrier: "ups", Link: "https://x.example/t", Items: []bigcommercetest.ShippedItem{{ItemID: item.Items[0].ID, Quantity: 1}}, Writes: 2}}
	if d := cmp.Diff(want, f.Shipments(id)); d != "" {
		t.Errorf("shipments (-want +got):\n%s", d)
	}
	if _, err := f.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"store/shipment/created", "store/shipment/updated"}, f.receiver.scopes()); d != "" {
		t.Errorf("webhooks (-want +got):\n%s", d)
	}
	_, body, _ := f.call(t, "GET", "/v2/orders/100", "")
	if !strings.Contains(body, `"status":"Partially Shipped"`) {
		t.Errorf("order %s", body)
	}
}

func TestHooksOverHTTP(t *testing.T) {
	f := newFixture(t, bigcommercetest.Config{})
	f.hook(t, "store/order/*", "https://a.example/h")
	for _, c := range []struct {
		method, path, body string
		code               int
	}{
		{"POST", "/v3/hooks", `{"scope":"store/order/*","destination":"https://a.example/h"}`, 409},
		{"POST", "/v3/hooks", `{"scope":"","destination":"https://a.example/h"}`, 422},
		{"POST", "/v3/hooks", `{"scope":"store/order/*"}`, 422},
		{"POST", "/v3/hooks", `nonsense`, 400},
		{"GET", "/v3/hooks/1", ``, 200},
		{"GET", "/v3/hooks/9", ``, 404},
		{"PUT", "/v3/hooks/1", `{"is_active":false}`, 200},
		{"GET", "/v3/hooks?is_active=true", ``, 200},
		{"DELETE", "/v3/hooks/1", ``, 200},
	} {
		if code, body, _ := f.call(t, c.method, c.path, c.body); code != c.code {
			t.Errorf("%s %s %s = %d %s, want %d", c.method, c.path, c.body, code, body, c.code)
		}
	}
	if hooks := f.Hooks(); len(hooks) != 0 {
		t.Errorf("hooks %v after DELETE", hooks)
	}
}

func TestQuotaAndUninstall(t *testing.T) {
	f := newFixture(t, bigcommercetest.Config{Quota: 2})
	f.PlaceOrder(mugs(1))
	codes := func(n int) (all []int) {
		for range n {
			code, _, _ := f.call(t, "GET", "/v2/orders", "")
			all = append(all, code)
		}
		return all
	}
	if d := cmp.Diff([]int{200, 200, 429}, codes(3)); d != "" {
		t.Errorf("codes (-want +got):\n%s", d)
	}
	f.now = f.now.Add(30 * time.Second)
	f.Uninstall()
	if d := cmp.Diff([]int{401}, codes(1)); d != "" {
		t.Errorf("codes after Uninstall (-want +got):\n%s", d)
	}
}

func TestNew(t *testing.T) {
	for _, cfg := range []bigcommercetest.Config{{}, {StoreHash: "abc"}, {StoreHash: "abc", AccessToken: "t", Currency: "EURO"}} {
		if _, err := bigcommercetest.New(cfg); err == nil {
			t.Errorf("New took %+v", cfg)
		}
	}
	f := newFixture(t, bigcommercetest.Config{})
	if err := f.Pay(1); err == nil {
		t.Error("an order that is not there was paid")
	}
	id := f.PlaceOrder(mugs(1))
	if err := f.SetStatus(id, 15); err == nil {
		t.Error("status 15 was set")
	}
	if _, err := f.Ship(id, bigcommercetest.NewShipment{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Ship(id, bigcommercetest.NewShipment{}); err == nil {
		t.Error("an order was shipped twice")
	}
}

// TestSpecs holds the calls that our adapter does not make against the official files.
func TestSpecs(t *testing.T) {
	if os.Getenv(openapitest.Variable) == "" {
		t.Skipf("set %s to a folder with bigcommerce-orders.v2.yml and bigcommerce-webhooks.v3.yml to test against them", openapitest.Variable)
	}
	f := newFixture(t, bigcommercetest.Config{TaxIncluded: true})
	srv := httptest.NewServer(f)
	defer srv.Close()
	root := srv.URL + "/stores/abc"
	orders := openapitest.Open(t, "bigcommerce-orders.v2.yml", root+"/v2")
	hooks := openapitest.Open(t, "bigcommerce-webhooks.v3.yml", root+"/v3")
	client := &http.Client{Transport: openapitest.Transport(t, nil, orders, hooks)}
	f.PlaceOrder(mugs(2))
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v2/orders/99", ""},
		{"GET", "/v2/orders?sort=date_modified&page=1&limit=2", ""},
		{"POST", "/v2/orders/100/shipments", `{"order_address_id":1,"tracking_number":"1Z","shipping_provider":"ups","items":[{"order_product_id":1,"quantity":1}]}`},
		{"GET", "/v2/orders/100/shipments", ""},
		{"POST", "/v3/hooks", `{"scope":"store/order/*","destination":"https://a.example/h","is_active":true}`},
		{"GET", "/v3/hooks/1", ""},
		{"GET", "/v3/hooks/9", ""},
		{"DELETE", "/v3/hooks/1", ""},
	} {
		r, err := http.NewRequest(c.method, root+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"X-Auth-Token": "token", "Accept": "application/json", "Content-Type": "application/json"} {
			r.Header.Set(k, v)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if orders.Checked() != 4 || hooks.Checked() != 4 {
		t.Errorf("held against the files: %d and %d", orders.Checked(), hooks.Checked())
	}
}
