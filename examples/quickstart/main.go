// Quickstart follows a parcel of an invented carrier and shows its tracking page. It
// needs no account and no network.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	svc := must(postpurchase.New(postpurchase.Config{
		Carriers: []carriers.Adapter{must(fake.New(fake.Config{}))}, // then ups.New, dhl.New
		Backend:  must(sqlite.Open(ctx, "doorstep.db")),
		BaseURL:  "http://localhost:8080",
		LinkKeys: [][]byte{[]byte(rand.Text() + rand.Text())}, // yours comes from where your secrets are
	}))

	// When an order is placed, and when it ships:
	check(svc.PlaceOrder(ctx, order.Order{
		ID: "1001", PlacedAt: time.Now(), Payment: order.PaymentPaid,
		Customer: order.Customer{Name: "Ada", Email: "ada@example.com"},
		Lines:    []order.Line{{ID: "1", Title: "Tea pot", Quantity: 1}},
	}))
	check(svc.Follow(ctx, "1001", order.Parcel{
		Ref: shipment.Ref{Carrier: "fake", TrackingNumber: "FAKE-DELIVERED"},
	}))

	// The tracking page and the carriers' webhooks, wherever you like:
	pages := must(web.New(svc, web.Options{ShopName: "Ada's Tea"}))
	go http.Serve(must(net.Listen("tcp", "localhost:8080")), pages)
	fmt.Println(svc.OrderLink("1001"))
	check(svc.Run(ctx)) // until Ctrl-C
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
