package postpurchase_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
)

// TestRun lets the service run by itself, on the bubble's clock, for thirty days.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender := &outgoing{}
		w := newShop(t, func(c *postpurchase.Config) {
			carrier, err := fake.New(fake.Config{}) // by the time package, which the bubble moves
			if err != nil {
				t.Fatal(err)
			}
			if err := carrier.Put("T1", time.Now().Add(9*time.Hour), fake.Late(cologne, berlin, 3)); err != nil {
				t.Fatal(err)
			}
			c.Carriers, c.Sender, c.Clock = []carriers.Adapter{carrier}, sender, clock.System
		})
		w.sender = sender
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.svc.Run(ctx) }()

		o := anOrder("1", 1)
		o.PlacedAt, o.UpdatedAt = time.Now(), time.Now()
		o.Parcels = append(o.Parcels, customerOrder("1", "T1").Parcels...)
		if err := w.svc.PlaceOrder(ctx, o); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		synctest.Wait()
		want := []notify.Kind{notify.OrderConfirmed, notify.Shipped, notify.OutForDelivery, notify.Delivered}
		if d := cmp.Diff(want, sender.kinds()); d != "" {
			t.Errorf("messages (-want +got):\n%s", d)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil when its context ends", err)
		}
	})
}
