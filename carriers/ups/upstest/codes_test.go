package upstest

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// TestSayingsAreUnderstood holds that the adapter reads each saying as it was meant.
func TestSayingsAreUnderstood(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	server := New(Config{Now: func() time.Time { return now }})
	srv := httptest.NewServer(server)
	defer srv.Close()
	a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", BaseURL: srv.URL, Now: server.cfg.Now})
	if err != nil {
		t.Fatal(err)
	}
	// UPS has no word for "lost for good": the nearest is a search, which may end well.
	lost := meaning{status: shipment.Failed, detail: shipment.DetailLost}
	for m := range sayings {
		step := fake.Step{Status: m.status, Detail: m.detail, Reason: m.reason, Place: shipment.Place{City: "Denver"}}
		server.Put("1ZD00R570312000016", now, fake.Journey{step}, Options{})
		results, err := a.Track(context.Background(), []carriers.Query{{Number: "1ZD00R570312000016"}})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		e := results[0].Updates[0].Events[0]
		switch {
		case m == lost:
			if e.Status != shipment.Exception || e.Reason != shipment.ReasonCarrierLost {
				t.Errorf("%v is read as %s/%s (%s)", m, e.Status, e.Detail, e.Reason)
			}
		case e.Class == shipment.ClassInformational && m.detail == shipment.DetailPickupFailed:
			// UPS says it of the collection at the shop, before it has the parcel.
		case e.Status != m.status, m.detail != "" && e.Detail != m.detail, m.reason != "" && e.Reason != m.reason:
			t.Errorf("%v is read as %s/%s (%s)", m, e.Status, e.Detail, e.Reason)
		}
	}
}
