package postpurchase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/clock"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Config is a shop's choices, all on one page. Only Carriers has to be set; a service
// that sends messages also needs Sender, BaseURL and LinkKey.
type Config struct {
	// ShopID names the shop in the backend, which may serve several. Defaults to "default".
	ShopID string

	// Carriers are the adapters of the carriers the shop ships with.
	Carriers []carriers.Adapter

	// Backend keeps everything and runs the jobs. Defaults to [NewMemory], which forgets
	// all when the program ends.
	Backend Backend

	// Shop is the shop's own system, where orders come from. Nil: the program calls
	// [Service.PlaceOrder] and [Service.Follow] itself.
	Shop shop.Adapter

	// ShopEvery is how often the shop is asked for changed orders, besides its webhooks,
	// which get lost. Defaults to 10 minutes; negative means never.
	ShopEvery time.Duration

	// ShopWebhooks makes the shop push to BaseURL+"/webhooks/shop": the webhooks are
	// registered when Run begins, and looked after daily, because shops put those that
	// fail to sleep. The shop's adapter must be a [shop.HookEnsurer].
	ShopWebhooks bool

	// Complete fills in what the shop's system does not know of an order before it is
	// kept: what was promised, the customer's time zone, the language. It is called for
	// every copy of the order and must say the same each time. Nil: orders are kept as
	// they come.
	Complete func(o *order.Order)

	// Brand is who writes to customers: the shop's name, address and colours. Brand.Name
	// is required when Sender is set.
	Brand notify.Shop

	// Templates render messages. Defaults to what TemplateOptions load.
	Templates *notify.Templates

	// TemplateOptions load the templates when Templates is nil: the shop's own files, its
	// colours, its languages. A mistake in a file is an error of New, with file and line.
	// Defaults to the built-in templates, in English and German.
	TemplateOptions notify.Options

	// Planner decides which messages to send. Defaults to one with the built-in catalogue.
	Planner *notify.Planner

	// Sender delivers messages. Nil: messages are planned and kept, and none is sent.
	Sender notify.Sender

	// Locale is for orders that do not say one, as BCP 47. Defaults to "en".
	Locale string

	// Zone is for orders that do not say where the customer is, as an IANA name. Defaults
	// to "UTC", which is right for nobody: set it.
	Zone string

	// BaseURL is where package web is served, such as "https://shop.example/post". It is
	// the beginning of every link in a message.
	BaseURL string

	// LinkKeys sign the links in messages: the first signs, all are accepted. Each is at
	// least 32 random bytes. Required with BaseURL.
	LinkKeys [][]byte

	// LinkLifetime is how long a link is good. Defaults to 400 days.
	LinkLifetime time.Duration

	// Pace is how long to wait before a carrier is asked about a parcel again. Defaults to
	// [Pace]. Whatever it says, a carrier's own limits are kept.
	Pace func(p *Parcel, now time.Time) time.Duration

	// Health are the limits for alarms; its Promise, Zone and Followed are each order's own.
	Health shipment.HealthRules

	// OnAlarm hears of parcels that need attention, at least once each: late, stalled,
	// without a first scan. An error means that it will be told again. Nil: the alarms are
	// only to be seen with [Service.Attention].
	OnAlarm func(ctx context.Context, a Alarm) error

	// Retention says how long personal data and orders are kept. Defaults to for ever.
	Retention Retention

	// Observer hears what the service does and how long it takes, such as the Observer of
	// package telemetry. Nil: nobody does, and it costs nothing.
	Observer Observer

	// Logger hears of what fails, without personal data. Defaults to silence.
	Logger *slog.Logger

	// Clock tells the time. Defaults to [clock.System].
	Clock clock.Clock
}

// Service is the post-purchase side of one shop. Make one with [New]. It is safe for
// concurrent use.
type Service struct {
	cfg      Config
	set      *carriers.Set
	backend  Backend
	shop     string
	zone     *time.Location
	log      *slog.Logger
	now      func() time.Time
	wake     chan struct{}
	zones    sync.Map // IANA name → *time.Location
	counters counters
	pulse    pulse
}

// New checks cfg and returns a Service. It starts nothing: see [Service.Run]. The
// error names the field that is wrong.
func New(cfg Config) (*Service, error) {
	if len(cfg.Carriers) == 0 {
		return nil, errors.New("postpurchase: Config.Carriers is empty; carriers/fake needs no account and no network")
	}
	set, err := carriers.NewSet(cfg.Carriers...)
	if err != nil {
		return nil, fmt.Errorf("postpurchase: Config.Carriers: %w", err)
	}
	if cfg.ShopID == "" {
		cfg.ShopID = "default"
	}
	if cfg.Backend == nil {
		cfg.Backend = NewMemory()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.ShopEvery == 0 {
		cfg.ShopEvery = 10 * time.Minute
	}
	if cfg.Pace == nil {
		cfg.Pace = Pace
	}
	if cfg.Locale == "" {
		cfg.Locale = "en"
	}
	if cfg.Zone == "" {
		cfg.Zone = "UTC"
	}
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return nil, fmt.Errorf("postpurchase: Config.Zone: no zone %q", cfg.Zone)
	}
	if cfg.LinkLifetime == 0 {
		cfg.LinkLifetime = 400 * 24 * time.Hour
	}
	if cfg.BaseURL != "" {
		u, err := url.Parse(cfg.BaseURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("postpurchase: Config.BaseURL is not an absolute http(s) URL without query")
		}
		if len(cfg.LinkKeys) == 0 {
			return nil, errors.New("postpurchase: Config.LinkKeys is empty; links would not be signed")
		}
	}
	for i, k := range cfg.LinkKeys {
		if len(k) < 32 {
			return nil, fmt.Errorf("postpurchase: Config.LinkKeys[%d] has %d bytes, less than 32", i, len(k))
		}
	}
	if cfg.Planner == nil {
		if cfg.Planner, err = notify.NewPlanner(notify.PlannerConfig{}); err != nil {
			return nil, err
		}
	}
	if cfg.Sender != nil {
		if cfg.Brand.Name == "" {
			return nil, errors.New("postpurchase: Config.Brand.Name is empty; a message must say who writes")
		}
		if cfg.BaseURL == "" {
			return nil, errors.New("postpurchase: Config.BaseURL is empty; messages link to the tracking page")
		}
	}
	if _, ok := cfg.Shop.(shop.HookEnsurer); cfg.ShopWebhooks && (!ok || cfg.BaseURL == "") {
		return nil, errors.New("postpurchase: Config.ShopWebhooks needs a BaseURL and a Shop that can register webhooks")
	}
	if cfg.Templates == nil {
		if cfg.Templates, err = notify.Load(cfg.TemplateOptions); err != nil {
			return nil, err
		}
	}
	s := &Service{
		cfg: cfg, set: set, backend: cfg.Backend, shop: cfg.ShopID, zone: zone, log: cfg.Logger,
		now: func() time.Time { return cfg.Clock.Now().UTC().Round(0) }, wake: make(chan struct{}, 1),
	}
	return s, nil
}

// zoneOf is the zone of an order or parcel, or the shop's where it has none that we
// know.
func (s *Service) zoneOf(name string) *time.Location {
	if name == "" {
		return s.zone
	}
	if loc, ok := s.zones.Load(name); ok {
		return loc.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc = s.zone
	}
	s.zones.Store(name, loc)
	return loc
}

func (s *Service) update(ctx context.Context, fn func(Tx) error) error {
	return s.backend.Update(ctx, s.shop, fn)
}

func (s *Service) view(ctx context.Context, fn func(Reader) error) error {
	return s.backend.View(ctx, s.shop, fn)
}

// rouse makes the loop of Run look at the timers again.
func (s *Service) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
