package notify_test

import (
	"context"
	"fmt"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/notify/notifytest"
)

// From news to a sent message, without a database.
func Example() {
	planner, err := notify.NewPlanner(notify.PlannerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	templates, err := notify.Load(notify.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sender := new(notifytest.Recorder) // or one of notify/smtp

	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 24, 9, 12, 0, 0, zone)
	decisions := planner.Plan(notify.Input{
		News: []notify.News{
			{Kind: notify.Shipped, OrderID: "1001", Parcel: "a", OccurredAt: now.Add(-6 * time.Minute)},
			{Kind: notify.Shipped, OrderID: "1001", Parcel: "b", OccurredAt: now.Add(-5 * time.Minute)},
			{Kind: notify.Stalled, OrderID: "1001", Parcel: "b", OccurredAt: now},
		},
		Now: now, Zone: zone,
	})
	for _, d := range decisions {
		fmt.Println(d.Action, d.Kind, d.Parcels, d.Reason)
	}

	send := decisions[0]
	content, err := templates.Render(send.Kind, "de-AT", notify.Sample(send.Kind)) // data comes from your own order
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sender.Send(context.Background(), notify.Message{
		Key: "shop1/" + send.Key, Kind: send.Kind, ThreadRoot: "shop1/1001",
		To: notify.Address{Name: "Marta Nowak", Email: "marta@example.com"}, Content: content,
	})
	fmt.Println(content.Subject, err)
	// Output:
	// send shipped [a b] news for the customer
	// merge shipped [b] told together with the same news of another parcel of this order
	// suppress stalled [b] for the shop's team; the customer is not told
	// Ihr Paket von Hearth & Linen ist unterwegs <nil>
}
