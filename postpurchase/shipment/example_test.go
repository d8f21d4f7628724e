package shipment_test

import (
	"fmt"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func Example() {
	cologne := time.FixedZone("", 3600)
	s := shipment.Shipment{Ref: shipment.Ref{Carrier: "dhl", TrackingNumber: "00340434161094042557"}}
	update := shipment.Update{Events: []shipment.Event{
		{Time: shipment.At(time.Date(2026, 3, 4, 14, 2, 0, 0, cologne)), Status: shipment.Delivered, Detail: shipment.DetailNeighbour},
		{Time: shipment.At(time.Date(2026, 3, 4, 8, 30, 0, 0, cologne)), Status: shipment.OutForDelivery},
		{Time: shipment.At(time.Date(2026, 3, 3, 21, 15, 0, 0, cologne)), Status: shipment.InTransit},
	}}
	for _, change := range s.Apply(update) {
		if change.Kind == shipment.ChangeStatus && change.Current {
			fmt.Println("the parcel is", change.To)
		}
	}
	fmt.Println(len(s.Apply(update)), "changes when it is told again")
	// Output:
	// the parcel is delivered
	// 0 changes when it is told again
}

func ExampleShipment_Explain() {
	var s shipment.Shipment
	for _, e := range []struct {
		at, code string
		status   shipment.Status
	}{
		{"2026-03-04T08:30:00+01:00", "OF", shipment.OutForDelivery},
		{"2026-03-04T14:02:00+01:00", "DE", shipment.Delivered},
		{"2026-03-04T14:40:00+01:00", "AR", shipment.InTransit}, // a hub uploads late
	} {
		at, _ := shipment.ParseTime(e.at)
		s.Apply(shipment.Update{Events: []shipment.Event{{Time: at, Code: e.code, Status: e.status}}})
	}
	fmt.Print(s.Explain())
	// Output:
	// status delivered, because of 2026-03-04T14:02:00+01:00 DE delivered
	//   set aside     2026-03-04T14:40:00+01:00 AR in_transit (it was delivered; only a return or a correction can change that)
	//   moved         2026-03-04T14:02:00+01:00 DE delivered
	//   moved         2026-03-04T08:30:00+01:00 OF out_for_delivery
}

func ExampleShipment_HealthAt() {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	scanned := time.Date(2026, 3, 3, 21, 15, 0, 0, berlin)
	var s shipment.Shipment
	s.Apply(shipment.Update{Events: []shipment.Event{{Time: shipment.At(scanned), Status: shipment.InTransit}}})

	rules := shipment.HealthRules{Promise: shipment.Window{To: shipment.Day(2026, 3, 4)}, Zone: berlin}
	h := s.HealthAt(scanned.Add(time.Hour), rules)
	fmt.Println(h.Health, "until", h.NextCheck.Format(time.DateTime))
	h = s.HealthAt(h.NextCheck, rules)
	fmt.Println(h.Health, "because", h.Why)
	// Output:
	// on_time until 2026-03-05 00:00:01
	// late because the promise has passed
}

func ExampleTime() {
	for _, text := range []string{"2026-03-04T14:02:00+01:00", "2026-03-04T14:02", "2026-03-04"} {
		at, err := shipment.ParseTime(text)
		if err != nil {
			panic(err)
		}
		moment, known := at.Instant()
		if !known {
			fmt.Println(at, "is no moment without a zone")
			continue
		}
		fmt.Println(at, "is", moment.UTC().Format(time.TimeOnly), "UTC")
	}
	// Output:
	// 2026-03-04T14:02:00+01:00 is 13:02:00 UTC
	// 2026-03-04T14:02 is no moment without a zone
	// 2026-03-04 is no moment without a zone
}
