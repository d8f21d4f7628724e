// Package dhl speaks with DHL's Shipment Tracking – Unified, one API for the parcels
// of all of DHL's divisions.
//
// For most uses, register for the API at developer.dhl.com and make an [Adapter] from
// the key:
//
//	dhl, err := dhl.New(dhl.Config{APIKey: os.Getenv("DHL_API_KEY")})
//	...
//	set, err := carriers.NewSet(dhl)
//
// # What one answer may mean
//
// Divisions give out numbers of their own, so one number can be a parcel of several.
// Each is an update, the likeliest first: that of Query.Service or Query.PieceID, then
// those with events, then the latest. DHL also names other divisions that may know the
// number; the adapter does not ask them, because each question counts against the plan.
// Ask with Query.Service.
//
// Every division has codes of its own. Their table is codes.tsv. An event whose status
// is not in it (some divisions send a sentence there) is read by DHL's coarse statusCode,
// which knows neither "out for delivery" nor "ready for pickup", and with which a few
// divisions say "delivered" too early. Texts are never matched.
//
// Times are as DHL says them: most divisions give a wall clock without an offset.
//
// # What is left out
//
// Sender and recipient, and the links serviceUrl and rerouteUrl, are not read: they are
// for the consumer's browser and the first is personal data. [Adapter] does not
// subscribe: DHL opens its push API to customers on request, per account and not per
// parcel, and its activation is not documented in public. Register the hook there with
// the header and token of Config.WebhookHeader and Config.WebhookToken.
package dhl

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

// Code is the adapter's code.
const Code = "dhl"

var (
	_ carriers.Adapter         = (*Adapter)(nil)
	_ carriers.Detector        = (*Adapter)(nil)
	_ carriers.WebhookReceiver = (*Adapter)(nil)
)

// Config is the adapter's choices. Only APIKey is required, and for an adapter that
// only receives pushes WebhookHeader and WebhookToken.
type Config struct {
	// APIKey is sent as DHL-API-Key.
	APIKey string

	// BaseURL is where the API is. Defaults to https://api-eu.dhl.com.
	BaseURL string

	// Language is that of the texts, ISO 639-1. Defaults to "en".
	Language string

	// RequesterCountry is where the shop is, ISO 3166-1 alpha-2. It helps DHL to choose
	// the division. Defaults to none.
	RequesterCountry string

	// WebhookHeader and WebhookToken are the header's name and its value that the hook
	// was registered with. Defaults to none: pushes are refused.
	WebhookHeader string
	WebhookToken  string

	// HTTPClient is used for its Transport and Timeout. Defaults to a client with a
	// timeout of 20 seconds.
	HTTPClient *http.Client

	// Limits is what to keep to; its Batch is always 1, and a negative PerDay or Spacing
	// means none. Defaults to the plan that new keys get: 250 requests a day, one in five
	// seconds.
	Limits carriers.Limits

	// Now tells the time, for the request budget. Defaults to [time.Now].
	Now func() time.Time
}

// Adapter speaks with DHL. It is safe for concurrent use.
type Adapter struct {
	cfg  Config
	http *carrierhttp.Client
}

// New returns an Adapter. It sends nothing.
func New(cfg Config) (*Adapter, error) {
	if cfg.APIKey == "" && cfg.WebhookToken == "" {
		return nil, errors.New("dhl: no APIKey")
	}
	if (cfg.WebhookHeader == "") != (cfg.WebhookToken == "") {
		return nil, errors.New("dhl: WebhookHeader and WebhookToken go together")
	}
	cfg.BaseURL = strings.TrimRight(cmp.Or(cfg.BaseURL, "https://api-eu.dhl.com"), "/")
	if u, err := url.Parse(cfg.BaseURL); err != nil || u.Host == "" || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("dhl: BaseURL is not an http URL")
	}
	cfg.Language = cmp.Or(cfg.Language, "en")
	cfg.Limits.Batch = 1
	cfg.Limits.PerDay = max(0, cmp.Or(cfg.Limits.PerDay, 250))
	cfg.Limits.Spacing = max(0, cmp.Or(cfg.Limits.Spacing, 5*time.Second))
	return &Adapter{cfg: cfg, http: carrierhttp.New(carrierhttp.Config{
		Carrier: Code, HTTPClient: cfg.HTTPClient, Limits: cfg.Limits, Now: cfg.Now,
	})}, nil
}

// Code returns "dhl".
func (a *Adapter) Code() string { return Code }

// Limits implements [carriers.Adapter].
func (a *Adapter) Limits() carriers.Limits { return a.cfg.Limits }

// Track implements [carriers.Adapter].
func (a *Adapter) Track(ctx context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	results := make([]carriers.Result, len(queries))
	for i, q := range queries {
		updates, err := a.track(ctx, q)
		if err != nil && i == 0 && concernsAll(err) {
			return nil, err
		}
		results[i] = carriers.Result{Updates: updates, Err: err}
	}
	return results, nil
}

func concernsAll(err error) bool {
	return !errors.Is(err, carriers.ErrNotFound) && !errors.Is(err, carriers.ErrInvalid) && !errors.Is(err, carriers.ErrMalformed)
}

func (a *Adapter) track(ctx context.Context, q carriers.Query) ([]carriers.Update, error) {
	fail := func(kind error, why string) error {
		return &carriers.Error{Carrier: Code, Op: "track", Kind: kind, Message: why}
	}
	if a.cfg.APIKey == "" {
		return nil, fail(carriers.ErrUnauthorized, "no APIKey is configured")
	}
	service := serviceOf(q)
	params := url.Values{"trackingNumber": {q.Number}, "language": {a.cfg.Language}}
	for name, value := range map[string]string{
		"service": service, "recipientPostalCode": q.PostalCode, "requesterCountryCode": a.cfg.RequesterCountry,
	} {
		if value != "" {
			params.Set(name, value)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cfg.BaseURL+"/track/shipments?"+params.Encode(), nil)
	if err != nil {
		return nil, fail(carriers.ErrInvalid, "the request cannot be made")
	}
	r.Header.Set("DHL-API-Key", a.cfg.APIKey)
	r.Header.Set("Accept", "application/json, application/problem+json")
	var answer wireAnswer
	if err := a.http.JSON(r, "track", &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Shipments == nil && answer.Status == http.StatusNotFound:
		return nil, fail(carriers.ErrNotFound, "")
	case answer.Shipments == nil:
		return nil, fail(carriers.ErrMalformed, "no list of shipments")
	case len(answer.Shipments) == 0:
		return nil, fail(carriers.ErrNotFound, "")
	}
	updates := make([]carriers.Update, 0, len(answer.Shipments))
	for i := range answer.Shipments {
		updates = append(updates, answer.Shipments[i].update(q.Number))
	}
	rank(updates, answer.Shipments, service)
	return updates, nil
}

// services are the values of the parameter of that name [developer.dhl.com, 2026-07].
var services = []string{
	"express", "parcel-de", "post-de", "ecommerce", "ecommerce-europe", "ecommerce-ppl", "parcel-nl",
	"parcel-pl", "parcel-uk", "freight", "dgf", "sameday",
}

// serviceOf is the division that q names, or "". What DHL does not know as a division
// is not sent: it would be refused.
func serviceOf(q carriers.Query) string {
	hint := strings.ToLower(q.Service)
	if hint == "" {
		hint, _, _ = strings.Cut(q.PieceID, "/")
	}
	if slices.Contains(services, hint) {
		return hint
	}
	return ""
}

// rank puts the likeliest parcel first. Updates and shipments are in the same order
// before.
func rank(updates []carriers.Update, shipments []wireShipment, service string) {
	if len(updates) < 2 {
		return
	}
	score := func(i int) int {
		switch {
		case service != "" && string(shipments[i].Service) == service:
			return 2
		case len(updates[i].Events) > 0:
			return 1
		}
		return 0
	}
	order := make([]int, len(updates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(score(b), score(a)); c != 0 {
			return c
		}
		if ea, eb := updates[a].Events, updates[b].Events; len(ea) > 0 && len(eb) > 0 {
			return eb[len(eb)-1].Time.Compare(ea[len(ea)-1].Time)
		}
		return 0
	})
	ranked := make([]carriers.Update, len(updates))
	for i, from := range order {
		ranked[i] = updates[from]
	}
	copy(updates, ranked)
}
