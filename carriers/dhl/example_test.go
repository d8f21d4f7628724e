package dhl_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/carriers/dhl/dhltest"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func Example() {
	// A simulated DHL stands in for https://api-eu.dhl.com.
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(57 * time.Hour) }
	api := dhltest.New(dhltest.Config{APIKey: "your-key", Now: now})
	api.Put("CR520000184417", "ecommerce-europe", start, fake.Pickup(
		shipment.Place{City: "Venlo", Country: "NL"}, shipment.Place{City: "Gent", Country: "BE"}, 2), dhltest.Options{})
	srv := httptest.NewServer(api)
	defer srv.Close()

	adapter, err := dhl.New(dhl.Config{APIKey: "your-key", BaseURL: srv.URL, Now: now})
	if err != nil {
		panic(err)
	}
	set, err := carriers.NewSet(adapter)
	if err != nil {
		panic(err)
	}
	results := set.Track(context.Background(), "dhl", []carriers.Query{{Number: "CR 520000184417"}})
	var parcel shipment.Shipment
	parcel.Apply(results[0].Updates[0].Update)
	fmt.Println(parcel.Status, parcel.Detail)
	// Output: available_for_pickup pickup_point
}
