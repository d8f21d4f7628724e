package postpurchase_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"io/fs"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
)

// flaky is a shop that is down when it is told to be.
type flaky struct {
	*shoptest.Memory
	down  bool
	reads int
}

func (f *flaky) err() error {
	if f.down {
		return &shop.Error{Shop: "memory", Op: "order", Kind: shop.ErrUnavailable}
	}
	return nil
}

func (f *flaky) Order(ctx context.Context, id string) (order.Order, error) {
	f.reads++
	if err := f.err(); err != nil {
		return order.Order{}, err
	}
	return f.Memory.Order(ctx, id)
}

func (f *flaky) Orders(ctx context.Context, q shop.Query) (shop.Page, error) {
	if err := f.err(); err != nil {
		return shop.Page{}, err
	}
	return f.Memory.Orders(ctx, q)
}

func withShop(f *flaky, every time.Duration) func(*postpurchase.Config) {
	return func(c *postpurchase.Config) {
		c.Shop, c.ShopEvery, c.ShopWebhooks = f, every, true
		f.Memory = shoptest.NewMemory()
		f.Memory.Now = c.Clock.Now
	}
}

func TestShopPush(t *testing.T) {
	f := &flaky{}
	w := newShop(t, withShop(f, -1))
	w.live(time.Hour)
	if hooks := f.Hooks(); len(hooks) != 1 || hooks[0] != "https://teahouse.example/post/webhooks/shop" && hooks[0] != "https://teehaus.example/post/webhooks/shop" {
		t.Errorf("hooks = %v", hooks)
	}
	w.put("T1", fake.OnTime(cologne, berlin, 1))
	o := anOrder("7", 1)
	o.PlacedAt, o.UpdatedAt = w.clock.Now(), w.clock.Now()
	o.Parcels = []order.Parcel{{ID: "s1", Ref: shipment.Ref{Carrier: "fake", TrackingNumber: "T1"}}}
	f.Put(o)
	header, body := f.Sign(shop.Event{Kind: shop.KindOrderChanged, ID: "e1", OrderID: "7"})
	for range 5 {
		if err := w.svc.ReceiveShopWebhook(t.Context(), header, body); err != nil {
			t.Fatal(err)
		}
	}
	w.live(3 * 24 * time.Hour)
	if f.reads != 1 {
		t.Errorf("the order was read %d times for one push that came five times", f.reads)
	}
	if got := w.status("T1"); got != shipment.Delivered {
		t.Errorf("status = %s", got)
	}
	link, writes := f.Link("7", "s1")
	if id, err := w.svc.OpenToken(link[strings.LastIndex(link, "/")+1:]); id != "7" || err != nil || writes != 1 {
		t.Errorf("the shop has the link %q after %d writes (%v)", link, writes, err)
	}
	if err := w.svc.ReceiveShopWebhook(t.Context(), header, append(body, ' ')); !errors.Is(err, shop.ErrUnauthorized) {
		t.Errorf("tampered: %v", err)
	}
	header, body = f.Sign(shop.Event{Kind: shop.KindUnknown, ID: "e2", Topic: "store/moon/risen"})
	if err := w.svc.ReceiveShopWebhook(t.Context(), header, body); err != nil {
		t.Errorf("authentic and unknown: %v", err)
	}
	items, err := w.svc.Inbox(t.Context(), 10)
	if err != nil || len(items) != 1 || items[0].Source != "shop" {
		t.Errorf("inbox = %v, %v; want the push that nobody knows", items, err)
	}
}

func TestShopLostPush(t *testing.T) {
	f := &flaky{}
	w := newShop(t, withShop(f, 10*time.Minute))
	f.down = true
	w.live(2 * time.Hour)
	o := anOrder("8", 1)
	o.PlacedAt, o.UpdatedAt = w.clock.Now(), w.clock.Now()
	f.Put(o)
	w.live(time.Hour)
	if _, err := w.svc.Order(t.Context(), "8"); !errors.Is(err, postpurchase.ErrNotFound) {
		t.Fatalf("an order from a shop that is down: %v", err)
	}
	f.down = false
	w.live(time.Hour)
	if _, err := w.svc.Order(t.Context(), "8"); err != nil {
		t.Errorf("the order whose push was lost: %v", err)
	}
	if got := w.sender.kinds(); len(got) != 1 || got[0] != notify.OrderConfirmed {
		t.Errorf("messages = %v", got)
	}
}

func TestOlderCopyOfAnOrder(t *testing.T) {
	w := newShop(t)
	o := anOrder("1", 1)
	o.UpdatedAt, o.ShopState = monday.Add(time.Hour), "new"
	older := o
	older.UpdatedAt, older.ShopState = monday, "old"
	for _, copy := range []order.Order{o, older} {
		if err := w.svc.PlaceOrder(t.Context(), copy); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil || v.Order.ShopState != "new" {
		t.Errorf("state %q, %v", v.Order.ShopState, err)
	}
}

// subscriber counts how often the carrier is asked to push.
type subscriber struct {
	*fake.Adapter
	asked []time.Time
	now   func() time.Time
	fail  error
}

func (s *subscriber) Subscribe(_ context.Context, q []carriers.Query) ([]carriers.Subscription, error) {
	s.asked = append(s.asked, s.now())
	if s.fail != nil {
		return nil, s.fail
	}
	return []carriers.Subscription{{Expires: s.now().Add(14 * 24 * time.Hour)}}, nil
}

func TestSubscriptionsAreRenewed(t *testing.T) {
	s := &subscriber{}
	w := newShop(t, func(c *postpurchase.Config) {
		s.Adapter, s.now = c.Carriers[0].(*fake.Adapter), c.Clock.Now
		c.Carriers = []carriers.Adapter{s}
	})
	w.put("T1", fake.Stalled(cologne, berlin, 2))
	w.place("1", "T1")
	w.live(30 * 24 * time.Hour)
	if n := len(s.asked); n < 3 || n > 4 {
		t.Fatalf("asked %d times in 30 days for a subscription of 14", n)
	}
	for i := 1; i < len(s.asked); i++ {
		if gap := s.asked[i].Sub(s.asked[i-1]); gap >= 14*24*time.Hour {
			t.Errorf("no pushes between %v and %v", s.asked[i-1], s.asked[i])
		}
	}
}

func TestSubscriptionRefused(t *testing.T) {
	s := &subscriber{fail: &carriers.Error{Carrier: "fake", Op: "subscribe", Kind: carriers.ErrUnsupported}}
	w := newShop(t, func(c *postpurchase.Config) {
		s.Adapter, s.now = c.Carriers[0].(*fake.Adapter), c.Clock.Now
		c.Carriers = []carriers.Adapter{s}
	})
	w.put("T1", fake.OnTime(cologne, berlin, 2))
	w.place("1", "T1")
	w.live(5 * 24 * time.Hour)
	if len(s.asked) != 1 {
		t.Errorf("asked %d times for pushes that the account does not have", len(s.asked))
	}
}

func TestNewRefuses(t *testing.T) {
	good := func(t *testing.T) postpurchase.Config {
		c, err := fake.New(fake.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return postpurchase.Config{Carriers: []carriers.Adapter{c}}
	}
	for _, tc := range []struct {
		name   string
		change func(*postpurchase.Config)
		says   []string
	}{
		{"no carrier", func(c *postpurchase.Config) { c.Carriers = nil }, []string{"Carriers", "carriers/fake"}},
		{"two of one carrier", func(c *postpurchase.Config) { c.Carriers = append(c.Carriers, c.Carriers[0]) }, []string{"Carriers", `"fake"`}},
		{"no such zone", func(c *postpurchase.Config) { c.Zone = "Europe/Atlantis" }, []string{"Zone", "Atlantis"}},
		{"a key that can be guessed", func(c *postpurchase.Config) { c.LinkKeys = [][]byte{[]byte("secret")} }, []string{"LinkKeys[0]", "32"}},
		{"links without a key", func(c *postpurchase.Config) { c.BaseURL = "https://x.example" }, []string{"LinkKeys"}},
		{"a relative URL", func(c *postpurchase.Config) { c.BaseURL = "/post" }, []string{"BaseURL"}},
		{"a sender without a name", func(c *postpurchase.Config) { c.Sender = &outgoing{} }, []string{"Brand.Name"}},
		{"webhooks of a shop that has none", func(c *postpurchase.Config) { c.ShopWebhooks = true }, []string{"ShopWebhooks"}},
		{"a template with a field that is not there", func(c *postpurchase.Config) {
			c.TemplateOptions.Overrides = []fs.FS{fstest.MapFS{"delivered.txt": {Data: []byte(`{{define "subject"}}Here{{end}}{{define "preheader"}}It is here{{end}}
{{define "body"}}Hello {{if false}}{{.Customer.Nmae}}{{end}}{{end}}`)}}}
		}, []string{"delivered.txt:2", "Nmae", "Name"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good(t)
			tc.change(&cfg)
			_, err := postpurchase.New(cfg)
			if err == nil {
				t.Fatal("New accepts it")
			}
			for _, s := range tc.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("the error does not say %q: %v", s, err)
				}
			}
		})
	}
}
