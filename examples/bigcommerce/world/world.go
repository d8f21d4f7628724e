// Package world is the other end of the example: a BigCommerce store whose customers
// order and whose warehouse ships, UPS and DHL who carry the parcels, and a mailbox. It
// all happens in this process, on a clock that runs fast, and speaks the real wire
// formats; the plugin cannot tell it from the real services.
package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/carriers/dhl/dhltest"
	"github.com/doorstep-go/doorstep/carriers/ups/upstest"
	"github.com/doorstep-go/doorstep/notify/notifytest"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/shop/bigcommerce/bigcommercetest"
)

// Options are a world's choices.
type Options struct {
	Dir       string       // where the world and its mails are kept, to go on after a restart
	Speed     float64      // simulated seconds in a second
	Addr      string       // host and port of the services. Defaults to a free port on 127.0.0.1
	PluginURL string       // where the plugin's web handler is; carriers push there
	Logger    *slog.Logger // hears what happens, in plain words
}

// World is a running world. Make one with [Start].
type World struct {
	opts    Options
	clock   *clock.Lapse
	store   *bigcommercetest.Store
	ups     *upstest.Server
	dhl     *dhltest.Server
	mailbox *notifytest.Mailbox
	server  *http.Server
	url     string
	env     map[string]string

	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	saved state
}

// state is what a world remembers of itself. What the carriers say follows from the
// parcels and the clock.
type state struct {
	Now     time.Time       `json:"now"`
	Orders  int             `json:"orders"` // how many were placed
	Parcels []parcel        `json:"parcels"`
	Plans   []plan          `json:"plans"` // shipments to make
	Store   json.RawMessage `json:"store,omitempty"`
}

// The credentials of this world. They open nothing else.
const (
	storeHash    = "teahouse"
	accessToken  = "demo-access-token"
	clientSecret = "demo-client-secret"
	upsID        = "demo-ups-client"
	upsSecret    = "demo-ups-secret"
	upsPush      = "demo-ups-push-credential"
	dhlKey       = "demo-dhl-key"
	dhlPush      = "demo-dhl-push-token"
)

// Start begins a world, or goes on with the one in opts.Dir. It runs until ctx ends or
// it is closed.
func Start(ctx context.Context, opts Options) (*World, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	w := &World{opts: opts}
	if err := w.restore(); err != nil {
		return nil, err
	}
	w.clock = clock.NewLapse(w.saved.Now, opts.Speed)
	var err error
	if w.store, err = bigcommercetest.New(bigcommercetest.Config{
		StoreHash: storeHash, AccessToken: accessToken, ClientSecret: clientSecret, TaxIncluded: true,
		Duplicates: 0.2, Reorder: true, Seed: 7, Now: w.clock.Now,
	}); err != nil {
		return nil, err
	}
	if w.saved.Store != nil {
		if err := w.store.Restore(w.saved.Store); err != nil {
			return nil, err
		}
	}
	w.ups = upstest.New(upstest.Config{ClientID: upsID, ClientSecret: upsSecret, Now: w.clock.Now})
	w.ups.Hook(opts.PluginURL+"/webhooks/carrier/ups", "credential", upsPush)
	w.dhl = dhltest.New(dhltest.Config{APIKey: dhlKey, Now: w.clock.Now})
	w.dhl.Hook(opts.PluginURL+"/webhooks/carrier/dhl", "X-Push-Token", dhlPush)
	for _, p := range w.saved.Parcels {
		w.hand(p)
	}
	if w.mailbox, err = notifytest.NewMailbox(notifytest.MailboxConfig{Dir: filepath.Join(opts.Dir, "mail"), Now: w.clock.Now}); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		w.mailbox.Close()
		return nil, fmt.Errorf("world: %w", err)
	}
	w.url = "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/bigcommerce/", http.StripPrefix("/bigcommerce", w.store))
	mux.Handle("/ups/", http.StripPrefix("/ups", w.ups))
	mux.Handle("/dhl/", http.StripPrefix("/dhl", w.dhl))
	mux.Handle("/mail/", http.StripPrefix("/mail", w.mailbox.Handler()))
	mux.Handle("/{$}", http.RedirectHandler("/mail/", http.StatusSeeOther))
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	w.env = map[string]string{
		"BIGCOMMERCE_URL": w.url + "/bigcommerce", "BIGCOMMERCE_STORE_HASH": storeHash,
		"BIGCOMMERCE_ACCESS_TOKEN": accessToken, "BIGCOMMERCE_CLIENT_SECRET": clientSecret,
		"UPS_URL": w.url + "/ups", "UPS_CLIENT_ID": upsID, "UPS_CLIENT_SECRET": upsSecret, "UPS_WEBHOOK_CREDENTIAL": upsPush,
		"DHL_URL": w.url + "/dhl", "DHL_API_KEY": dhlKey, "DHL_WEBHOOK_HEADER": "X-Push-Token", "DHL_WEBHOOK_TOKEN": dhlPush,
		"SMTP_HOST": "127.0.0.1", "SMTP_PORT": strconv.Itoa(w.mailbox.Port()), "SMTP_TLS": "none",
	}

	ctx, w.stop = context.WithCancel(ctx)
	w.goes(func() { _ = w.server.Serve(listener) })
	w.goes(func() { _ = w.mailbox.Serve() })
	w.goes(func() { _ = w.store.Run(ctx) })
	w.goes(func() { w.live(ctx) })
	context.AfterFunc(ctx, func() {
		w.server.Close()
		w.mailbox.Close()
	})
	return w, nil
}

func (w *World) goes(f func()) {
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		f()
	}()
}

// Close ends the world and returns when it is saved.
func (w *World) Close() {
	w.stop()
	w.done.Wait()
}

// Clock is the world's time.
func (w *World) Clock() clock.Clock { return w.clock }

// Mailbox is where the customers' mail arrives.
func (w *World) Mailbox() *notifytest.Mailbox { return w.mailbox }

// URL is where the services are; the mailbox page is at /mail/.
func (w *World) URL() string { return w.url }

// Getenv says where the services of this world are and how to log in, under the names
// by which the plugin asks the environment for the real ones.
func (w *World) Getenv(name string) string { return w.env[name] }

func (w *World) file() string { return filepath.Join(w.opts.Dir, "world.json") }

func (w *World) restore() error {
	if err := os.MkdirAll(w.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("world: %w", err)
	}
	b, err := os.ReadFile(w.file())
	if errors.Is(err, fs.ErrNotExist) {
		w.saved.Now = dawn
		return nil
	}
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	if err := json.Unmarshal(b, &w.saved); err != nil {
		return fmt.Errorf("world: %s is damaged; remove it to begin anew: %w", w.file(), err)
	}
	return nil
}

// save keeps the world, all of it or none: a file half-written would be a world lost.
func (w *World) save() error {
	store, err := w.store.State()
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.saved.Now, w.saved.Store = w.clock.Now(), store
	b, err := json.Marshal(w.saved)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	next := w.file() + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.file())
}
