package shoptest_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
)

var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func TestMemory(t *testing.T) {
	shoptest.Run(t, shoptest.Suite{
		Secrets: []string{"a secret of the test"},
		Shop: func(t *testing.T) shoptest.Shop {
			m := shoptest.NewMemory()
			m.Secret = "a secret of the test"
			m.Now = func() time.Time { return now }
			orders := []order.Order{
				m.Put(order.Order{ID: "100", Number: "DS-100", Customer: order.Customer{Email: "a@example.com"}, UpdatedAt: now.Add(-2 * time.Hour)}),
				m.Put(order.Order{ID: "101", Customer: order.Customer{Email: "b@example.com"}, UpdatedAt: now.Add(-time.Hour),
					Lines: []order.Line{{ID: "1", Title: "Socks", Quantity: 2, Paid: money.Amount{Minor: 1990, Currency: "EUR"}}},
					Parcels: []order.Parcel{{ID: "7", Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1Z999AA10123456784"},
						Lines: []order.ParcelLine{{LineID: "1", Quantity: 2}}}}}),
				m.Put(order.Order{ID: "102", Customer: order.Customer{Email: "a@example.com"}}),
			}
			m.PutProduct(shop.Product{ID: "5", VariantID: "6", Title: "Socks"})
			m.PutCustomer(order.Customer{ID: "9", Email: "a@example.com"})
			body := func(events ...shop.Event) []byte { _, b := m.Sign(events...); return b }
			return shoptest.Shop{
				Adapter:  m,
				Orders:   orders,
				Product:  shop.Product{ID: "5", VariantID: "6", Title: "Socks"},
				Customer: order.Customer{ID: "9", Email: "a@example.com"},
				Link:     m.Link,
				Hooks:    func() (active, writes int) { return len(m.Hooks()), len(m.Hooks()) },
				Webhooks: &shoptest.Webhooks{
					Now:        now,
					Sign:       func(body []byte, at time.Time) http.Header { return sign(t, m.Secret, body, at) },
					Changed:    func(id string) []byte { return body(shop.Event{Kind: shop.KindOrderChanged, OrderID: id}) },
					Unknown:    body(shop.Event{Kind: "weather_changed"}),
					OtherStore: []byte(`{"shop":"elsewhere","events":[]}`),
					Stale:      6 * time.Minute,
					Unset: func(t *testing.T) shop.Notifier {
						m := shoptest.NewMemory()
						m.Secret = ""
						return m
					},
				},
			}
		},
	})
}

// sign is written apart from what it examines.
func sign(t *testing.T, secret string, body []byte, at time.Time) http.Header {
	wh, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := wh.Sign("msg_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{
		"Webhook-Id":        {"msg_1"},
		"Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {signature},
	}
}

func TestSign(t *testing.T) {
	m := shoptest.NewMemory()
	m.Now = func() time.Time { return now }
	h, body := m.Sign(shop.Event{Kind: shop.KindOrderChanged, OrderID: "1"}, shop.Event{Kind: shop.KindUninstalled, ID: "own"})
	if !json.Valid(body) {
		t.Errorf("body %q", body)
	}
	events, err := m.ReceiveWebhook(t.Context(), h, body)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[0].OrderID != "1" || events[0].ID == "" || events[1].ID != "own" || events[1].Kind != shop.KindUninstalled {
		t.Errorf("events %+v", events)
	}
}
