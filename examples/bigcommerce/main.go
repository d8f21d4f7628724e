// The bigcommerce example follows the orders of a BigCommerce store to the doorstep.
// Without credentials in the environment it starts a world of its own, on a clock that
// runs fast; with BIGCOMMERCE_ACCESS_TOKEN and the others it uses the real services.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/examples/bigcommerce/world"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/notify/smtp"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop/bigcommerce"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bigcommerce", flag.ContinueOnError)
	addr := flags.String("addr", "localhost:8080", "where the tracking page and the webhooks are served")
	url := flags.String("url", "", "where that is from outside; default http://<addr>")
	dir := flags.String("dir", "doorstep-demo", "the folder of the database, the log and the demo world")
	speed := flags.Float64("speed", 1440, "demo: simulated seconds in a second; 1440 is a day in a minute")
	if err := flags.Parse(args); err != nil {
		return err
	}
	base := cmp.Or(*url, "http://"+*addr)
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(*dir, "log.txt"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	linkKey, err := secret(filepath.Join(*dir, "link.key"))
	if err != nil {
		return err
	}

	// The world, or the demo's: settings come from it, and time does.
	settings, now := os.Getenv, clock.System
	if settings("BIGCOMMERCE_ACCESS_TOKEN") == "" {
		demo, err := world.Start(ctx, world.Options{Dir: *dir, Speed: *speed, PluginURL: base, Logger: slog.New(slog.NewTextHandler(out, nil))})
		if err != nil {
			return err
		}
		defer demo.Close()
		settings, now = demo.Getenv, demo.Clock()
		fmt.Fprintf(out, "mailbox        %s/mail/\n", demo.URL())
	}

	store, err1 := bigcommerce.New(bigcommerce.Config{
		BaseURL: settings("BIGCOMMERCE_URL"), StoreHash: settings("BIGCOMMERCE_STORE_HASH"),
		AccessToken: settings("BIGCOMMERCE_ACCESS_TOKEN"), ClientSecret: settings("BIGCOMMERCE_CLIENT_SECRET"), Now: now.Now,
	})
	upsCarrier, err2 := ups.New(ups.Config{
		BaseURL: settings("UPS_URL"), ClientID: settings("UPS_CLIENT_ID"), ClientSecret: settings("UPS_CLIENT_SECRET"),
		WebhookCredential: settings("UPS_WEBHOOK_CREDENTIAL"), Now: now.Now,
	})
	dhlCarrier, err3 := dhl.New(dhl.Config{
		BaseURL: settings("DHL_URL"), APIKey: settings("DHL_API_KEY"),
		WebhookHeader: settings("DHL_WEBHOOK_HEADER"), WebhookToken: settings("DHL_WEBHOOK_TOKEN"), Now: now.Now,
	})
	port, _ := strconv.Atoi(settings("SMTP_PORT")) // none: the standard port
	mail, err4 := smtp.New(smtp.Config{
		Host: settings("SMTP_HOST"), Port: port, TLS: smtp.TLS(settings("SMTP_TLS")), Username: settings("SMTP_USERNAME"),
		Password: settings("SMTP_PASSWORD"), From: notify.Address{Name: "Ada's Tea House", Email: cmp.Or(settings("SMTP_FROM"), "orders@teahouse.example")}, Now: now.Now,
	})
	database, err5 := sqlite.Open(ctx, filepath.Join(*dir, "doorstep.db"))
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	defer database.Close()
	svc, err := postpurchase.New(postpurchase.Config{
		Carriers: []carriers.Adapter{upsCarrier, dhlCarrier}, Shop: store, Backend: database, Sender: mail, Clock: now,
		BaseURL: base, LinkKeys: [][]byte{linkKey}, ShopWebhooks: true, Complete: complete, Logger: slog.New(slog.NewTextHandler(logFile, nil)),
		Brand: notify.Shop{Name: "Ada's Tea House", URL: "https://teahouse.example", SupportEmail: "help@teahouse.example"},
	})
	if err != nil {
		return err
	}
	pages, err := web.New(svc, web.Options{ShopName: "Ada's Tea House", ShopURL: "https://teahouse.example"})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go server.Serve(listener)
	fmt.Fprintf(out, "tracking page  %s/  (by order number and e-mail, or by the links in the mails)\nlog            %s\n", base, logFile.Name())
	return svc.Run(ctx)
}

// complete says what BigCommerce does not know of an order: what this shop promises,
// and where its customers are.
func complete(o *order.Order) {
	o.TimeZone = "Europe/Berlin"
	if o.ShipTo.Country == "US" {
		o.TimeZone = "America/New_York"
	}
	by := o.PlacedAt.AddDate(0, 0, 3)
	o.Promise = shipment.Window{To: shipment.Day(by.Year(), by.Month(), by.Day())}
}

// secret reads the key that signs tracking links, and makes one the first time.
func secret(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = []byte(rand.Text() + rand.Text())
		err = os.WriteFile(path, key, 0o600)
	}
	return key, err
}
