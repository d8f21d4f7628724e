// Package ups speaks with UPS: the Tracking API v1 and Track Alert v2.
//
// For most uses, take the client id and secret of an app at developer.ups.com, make
// an adapter, and put it into a [carriers.Set]:
//
//	a, err := ups.New(ups.Config{ClientID: id, ClientSecret: secret})
//	...
//	set, err := carriers.NewSet(a)
//
// UPS answers for one number at a time, gives history for 120 days, and publishes no
// request limit. Its answers hold local times with their offsets, and times of
// delivery without (they are the destination's).
//
// To be told instead of asking, subscribe numbers to Track Alert ([Adapter.Subscribe];
// a subscription lasts 14 days) and give what UPS posts to [Adapter.ReceiveWebhook].
// The address that UPS posts to, and the credential it shows, are set in UPS's
// developer portal, not through the API.
//
// Source: UPS API documentation, Tracking.yaml, OAuthClientCredentials.yaml and
// UPSTrackAlert.yaml, saved 2026-07; package upstest is a UPS that speaks the same.
package ups

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

// Code is the adapter's code.
const Code = "ups"

// Production and Test are UPS's hosts. Test is the "customer integration
// environment": it knows a few canned numbers and keeps no subscriptions.
const (
	Production = "https://onlinetools.ups.com"
	Test       = "https://wwwcie.ups.com"
)

// Config is an adapter's choices. Only ClientID and ClientSecret are required.
type Config struct {
	// ClientID and ClientSecret are the app's credentials from developer.ups.com.
	ClientID     string
	ClientSecret string

	// AccountNumber is the six-character UPS account that the app acts for, sent as
	// x-merchant-id when a token is fetched. Defaults to none, which UPS takes to be the
	// account that owns the app.
	AccountNumber string

	// BaseURL is UPS's host. Defaults to [Production].
	BaseURL string

	// Locale is the language of event texts. Defaults to "en_US".
	Locale string

	// TransactionSource names the calling program to UPS. Defaults to "doorstep".
	TransactionSource string

	// WebhookCredential is the credential that UPS shows when it posts, as it was set in
	// the portal. Without it every push is refused. Defaults to none.
	WebhookCredential string

	// WebhookHeader is the header that holds WebhookCredential. UPS can also send
	// "Authorization" or "X-Api-Key", depending on what was set in the portal. Defaults
	// to "credential".
	WebhookHeader string

	// Limits is what to keep to. Defaults to batches of 20, a retention of 120 days, and
	// no request limit.
	Limits carriers.Limits

	// HTTPClient is used for its Transport and Timeout. Defaults to a client with a
	// timeout of 20 seconds.
	HTTPClient *http.Client

	// Now tells the time. Defaults to [time.Now].
	Now func() time.Time
}

// Adapter speaks with UPS. It is safe for concurrent use.
type Adapter struct {
	cfg  Config
	http *carrierhttp.Client
}

var (
	_ carriers.Adapter         = (*Adapter)(nil)
	_ carriers.Detector        = (*Adapter)(nil)
	_ carriers.WebhookReceiver = (*Adapter)(nil)
	_ carriers.Subscriber      = (*Adapter)(nil)
)

// New returns an Adapter. It sends nothing yet.
func New(cfg Config) (*Adapter, error) {
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("ups: ClientID and ClientSecret are required")
	}
	cfg.BaseURL = strings.TrimRight(cmp.Or(cfg.BaseURL, Production), "/")
	if u, err := url.Parse(cfg.BaseURL); err != nil || u.Host == "" {
		return nil, errors.New("ups: BaseURL is not an absolute URL")
	}
	cfg.Locale = cmp.Or(cfg.Locale, "en_US")
	cfg.TransactionSource = cmp.Or(cfg.TransactionSource, "doorstep")
	cfg.WebhookHeader = cmp.Or(cfg.WebhookHeader, "credential")
	cfg.Limits.Batch = cmp.Or(cfg.Limits.Batch, 20)
	cfg.Limits.Retention = cmp.Or(cfg.Limits.Retention, 120*24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	header := http.Header{}
	if cfg.AccountNumber != "" {
		header.Set("x-merchant-id", cfg.AccountNumber)
	}
	return &Adapter{cfg: cfg, http: carrierhttp.New(carrierhttp.Config{
		Carrier: Code, HTTPClient: cfg.HTTPClient, Limits: cfg.Limits, Now: cfg.Now,
		Token: carrierhttp.NewTokenSource(carrierhttp.TokenConfig{
			Carrier: Code, URL: cfg.BaseURL + "/security/v1/oauth/token",
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
			Header: header, HTTPClient: cfg.HTTPClient, Now: cfg.Now,
		}),
	})}, nil
}

// Code returns "ups".
func (a *Adapter) Code() string { return Code }

// Limits implements [carriers.Adapter].
func (a *Adapter) Limits() carriers.Limits { return a.cfg.Limits }

// concurrency is how many numbers of a batch are asked for at once: UPS takes one in
// a request, and publishes no limit.
const concurrency = 4

// Track implements [carriers.Adapter].
func (a *Adapter) Track(ctx context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	results := make([]carriers.Result, len(queries))
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, q := range queries {
		g.Go(func() error {
			results[i].Updates, results[i].Err = a.track(ctx, q.Number)
			return nil
		})
	}
	_ = g.Wait() // each function returns nil
	return results, common(results)
}

// common is the error that concerns the whole batch: no result is good, and the first
// failed because of us and not because of its number.
func common(results []carriers.Result) error {
	for _, r := range results {
		if r.Err == nil || !errors.Is(r.Err, carriers.ErrUnauthorized) && !errors.Is(r.Err, carriers.ErrRateLimited) {
			return nil
		}
	}
	if len(results) == 0 {
		return nil
	}
	return results[0].Err
}

func (a *Adapter) track(ctx context.Context, number string) ([]carriers.Update, error) {
	// All parameters are strings, the booleans too. Signatures and proofs are personal
	// data, and large: they are not asked for.
	query := url.Values{"locale": {a.cfg.Locale}, "returnSignature": {"false"}, "returnMilestones": {"false"}, "returnPOD": {"false"}}
	req, err := a.request(ctx, http.MethodGet, "/api/track/v1/details/"+url.PathEscape(number)+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req, "track")
	if err != nil {
		return nil, err
	}
	if err := a.statusError(resp, "track"); err != nil {
		return nil, err
	}
	var answer trackAnswer
	if err := carrierhttp.DecodeLenient(resp.Body, &answer); err != nil {
		return nil, malformed("track", err.Error())
	}
	return answer.updates(number)
}

// request makes a request with the headers that UPS requires.
func (a *Adapter) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.cfg.BaseURL+path, reader(body))
	if err != nil {
		return nil, &carriers.Error{Carrier: Code, Kind: carriers.ErrInvalid, Message: "no request can be made of this"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("transId", rand.Text()) // unique, and no longer than 32
	req.Header.Set("transactionSrc", a.cfg.TransactionSource)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// statusError is the error of an answer outside 2xx, with UPS's own code, such as
// TV1002 for a number that is not one. UPS's message is left out: it may repeat what
// was asked.
func (a *Adapter) statusError(resp *carrierhttp.Response, op string) error {
	err := a.http.StatusError(resp, op)
	var e *carriers.Error
	if errors.As(err, &e) {
		var answer errorAnswer
		if carrierhttp.DecodeLenient(resp.Body, &answer) == nil {
			e.Code = answer.code()
		}
	}
	return err
}

// errorAnswer is how UPS says that something is wrong, with any HTTP status.
type errorAnswer struct {
	Response struct {
		Errors []wireMessage `json:"errors"`
	} `json:"response"`
}

type wireMessage struct {
	Code string `json:"code"`
}

// code is the first error's code; a text that is no code is dropped.
func (e errorAnswer) code() string {
	if len(e.Response.Errors) == 0 {
		return ""
	}
	return errorCode(e.Response.Errors[0].Code)
}

func errorCode(s string) string {
	if clean := carriers.CleanNumber(s); clean == s && len(s) <= 12 {
		return s
	}
	return ""
}

func malformed(op, message string) error {
	return &carriers.Error{Carrier: Code, Op: op, Kind: carriers.ErrMalformed, Message: message}
}
