package mockcarriers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/carriers/dhl/dhltest"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/notify/notifytest"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// newService is the shop under test: its own choices, with the test's carrier, clock
// and recorder in the place of the real ones.
func newService(t *testing.T, clk clock.Clock, sent *notifytest.Recorder, carrier carriers.Adapter) *postpurchase.Service {
	t.Helper()
	svc, err := postpurchase.New(postpurchase.Config{
		Carriers: []carriers.Adapter{carrier}, Sender: sent, Clock: clk, Zone: "Europe/Berlin",
		Brand: notify.Shop{Name: "Tea House", URL: "https://teahouse.example"}, BaseURL: "https://teahouse.example/post",
		LinkKeys: [][]byte{[]byte("thirty-two bytes of a test's key")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

func ship(t *testing.T, svc *postpurchase.Service, now time.Time, carrier, number string) {
	t.Helper()
	price := money.Amount{Minor: 5900, Currency: "EUR"}
	err := svc.PlaceOrder(t.Context(), order.Order{
		ID: "1001", PlacedAt: now, Payment: order.PaymentPaid,
		Customer: order.Customer{Name: "Ada", Email: "ada@example.com"},
		Lines:    []order.Line{{ID: "1", Title: "Tea pot", Quantity: 1, Paid: price}}, Totals: order.Totals{Total: price},
		Promise: shipment.Window{To: shipment.Day(2026, 3, 5)},
		Parcels: []order.Parcel{{ID: "p1", Ref: shipment.Ref{Carrier: carrier, TrackingNumber: number}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// live lets hours pass in which everything that is due is done.
func live(t *testing.T, svc *postpurchase.Service, clk *clock.Fake, hours int) {
	t.Helper()
	for range hours {
		clk.Advance(time.Hour)
		if err := svc.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func kinds(sent *notifytest.Recorder) (kinds []notify.Kind) {
	for _, m := range sent.For("ada@example.com") {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

// A journey that is written down, and a clock: what does a customer hear of a parcel
// that is late?
func TestLateParcel(t *testing.T) {
	clk, sent := clock.NewFake(start), &notifytest.Recorder{}
	carrier, err := fake.New(fake.Config{Now: clk.Now})
	if err != nil {
		t.Fatal(err)
	}
	cologne, berlin := shipment.Place{City: "Köln", Country: "DE"}, shipment.Place{City: "Berlin", Country: "DE"}
	if err := carrier.Put("TEA1", start, fake.Late(cologne, berlin, 3)); err != nil {
		t.Fatal(err)
	}
	svc := newService(t, clk, sent, carrier)
	ship(t, svc, start, "fake", "TEA1")
	live(t, svc, clk, 10*24)

	want := []notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.Delayed, notify.OutForDelivery, notify.Delivered}
	if d := cmp.Diff(want, kinds(sent)); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

// One answer of a carrier, by httpmock: the parcel is in a shop around the corner, and
// must not be called delivered. The transport is the adapter's own, so that tests may
// run side by side.
func TestPickupIsNotDelivery(t *testing.T) {
	const number = "1Z999AA10123456784"
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodPost, "https://onlinetools.ups.com/security/v1/oauth/token",
		httpmock.NewStringResponder(http.StatusOK, `{"token_type":"Bearer","access_token":"t","expires_in":"14399"}`))
	mock.RegisterResponder(http.MethodGet, "https://onlinetools.ups.com/api/track/v1/details/"+number,
		httpmock.NewStringResponder(http.StatusOK, `{"trackResponse":{"shipment":[{"inquiryNumber":"`+number+`","package":[{"trackingNumber":"`+number+`",
			"activity":[{"status":{"type":"D","code":"2Q","statusCode":"040","description":"Ready for Customer Pickup"},
				"location":{"address":{"city":"Denver","stateProvince":"CO","countryCode":"US"}},
				"date":"20260302","time":"093000","gmtDate":"20260302","gmtTime":"16:30:00","gmtOffset":"-07:00"}]}]}]}}`))
	clk, sent := clock.NewFake(start.Add(9*time.Hour)), &notifytest.Recorder{}
	carrier, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", HTTPClient: &http.Client{Transport: mock}, Now: clk.Now})
	if err != nil {
		t.Fatal(err)
	}
	svc := newService(t, clk, sent, carrier)
	ship(t, svc, clk.Now(), "ups", number)
	live(t, svc, clk, 3)

	want := []notify.Kind{notify.OrderConfirmed, notify.ReadyForPickup}
	if d := cmp.Diff(want, kinds(sent)); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if n := mock.GetCallCountInfo()["GET https://onlinetools.ups.com/api/track/v1/details/"+number]; n == 0 {
		t.Error("UPS was never asked")
	}
}

// The whole way round, with a server that speaks DHL's wire format and has a bad day.
func TestCarrierIsDown(t *testing.T) {
	const number = "00340434000990000017"
	clk, sent := clock.NewFake(start), &notifytest.Recorder{}
	server := dhltest.New(dhltest.Config{APIKey: "key", Now: clk.Now})
	cologne, berlin := shipment.Place{City: "Köln", Country: "DE"}, shipment.Place{City: "Berlin", Country: "DE"}
	server.Put(number, "parcel-de", start, fake.OnTime(cologne, berlin, 2), dhltest.Options{})
	server.SetDown(http.StatusServiceUnavailable)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	carrier, err := dhl.New(dhl.Config{APIKey: "key", BaseURL: web.URL, HTTPClient: web.Client(), Now: clk.Now, Limits: carriers.Limits{PerDay: -1, Spacing: -1}})
	if err != nil {
		t.Fatal(err)
	}
	svc := newService(t, clk, sent, carrier)
	ship(t, svc, start, "dhl", number)
	live(t, svc, clk, 2)

	ref := shipment.Ref{Carrier: "dhl", TrackingNumber: number}
	p, err := svc.Parcel(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if p.StaleSince.IsZero() || p.Shipment.Status != shipment.Pending {
		t.Errorf("while DHL is down: status %s, stale since %v", p.Shipment.Status, p.StaleSince)
	}
	server.SetDown(0)
	live(t, svc, clk, 3*24)
	if p, err = svc.Parcel(context.Background(), ref); err != nil || p.Shipment.Status != shipment.Delivered || !p.StaleSince.IsZero() {
		t.Errorf("when DHL is back: status %s, stale since %v, %v", p.Shipment.Status, p.StaleSince, err)
	}
}
