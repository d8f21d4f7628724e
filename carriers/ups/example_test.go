package ups_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/carriers/ups/upstest"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func Example() {
	// A UPS that needs no account; leave BaseURL and Now out for the real one.
	now := time.Date(2026, 3, 5, 18, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	world := upstest.New(upstest.Config{Now: clock})
	srv := httptest.NewServer(world)
	defer srv.Close()
	chicago, denver := shipment.Place{City: "Chicago", Region: "IL", Country: "US"}, shipment.Place{City: "Denver", Region: "CO", Country: "US"}
	world.Put("1ZD00R570312000016", now.AddDate(0, 0, -4), fake.OnTime(chicago, denver, 3), upstest.Options{})

	adapter, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", BaseURL: srv.URL, Now: clock})
	if err != nil {
		panic(err)
	}
	set, err := carriers.NewSet(adapter)
	if err != nil {
		panic(err)
	}
	for _, c := range set.Detect("1z d00 r57 03 1200 0016") {
		fmt.Println(c.Carrier, "because of", c.Why)
	}
	result := set.Track(context.Background(), ups.Code, []carriers.Query{{Number: "1z d00 r57 03 1200 0016"}})[0]
	if result.Err != nil {
		panic(result.Err)
	}
	parcel := shipment.Shipment{Ref: shipment.Ref{Carrier: ups.Code, TrackingNumber: result.Updates[0].TrackingNumber}}
	parcel.Apply(result.Updates[0].Update)
	fmt.Println(parcel.Status, "at", parcel.DeliveredAt)
	// Output:
	// ups because of 1Z and a right check digit
	// delivered at 2026-03-04T14:30:00-07:00
}
