package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

func Example() {
	carrier, err := fake.New(fake.Config{})
	if err != nil {
		panic(err)
	}
	svc, err := postpurchase.New(postpurchase.Config{
		Carriers: []carriers.Adapter{carrier},
		BaseURL:  "https://shop.example/post",
		LinkKeys: [][]byte{bytes.Repeat([]byte("k"), 32)}, // take random ones, and keep them
		Zone:     "Europe/Berlin",
	})
	if err != nil {
		panic(err)
	}
	pages, err := web.New(svc, web.Options{ShopName: "Linden & Loom", SupportEmail: "help@shop.example"})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/post/", http.StripPrefix("/post", pages))

	ctx := context.Background()
	err = svc.PlaceOrder(ctx, order.Order{ID: "7", Number: "1007", Payment: order.PaymentPaid, Parcels: []order.Parcel{
		{ID: "1", Ref: shipment.Ref{Carrier: fake.Code, TrackingNumber: "FAKE-LOST"}},
	}})
	if err != nil {
		panic(err)
	}
	if err := svc.Settle(ctx); err != nil { // a server would call Run instead
		panic(err)
	}

	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, svc.OrderLink("7"), nil))
	page, _ := io.ReadAll(rec.Body)
	fmt.Println(rec.Code, string(regexp.MustCompile(`<h1>(.*)</h1>`).FindSubmatch(page)[1]))
	// Output: 200 This parcel is lost
}
