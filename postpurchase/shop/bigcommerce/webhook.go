package bigcommerce

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

const (
	// maxWebhook is far above what a webhook holds: an id and a few words.
	maxWebhook = 64 << 10

	// ahead is how far the sender's clock may be before ours.
	ahead = 5 * time.Minute
)

type callback struct {
	Scope    string `json:"scope"`
	Producer string `json:"producer"`
	Created  text   `json:"created_at"`
	Data     struct {
		ID           text `json:"id"`
		OrderID      text `json:"orderId"`  // shipments
		TransOrderID text `json:"order_id"` // transactions
		Refund       *struct {
			ID text `json:"refund_id"`
		} `json:"refund"`
	} `json:"data"`
}

// ReceiveWebhook implements [shop.Notifier].
//
// BigCommerce signs by Standard Webhooks, with the bytes of the client secret as the
// key. One app has one secret for all stores that installed it, so that the signature
// alone does not say which store it is from: "producer" in the signed body must be
// this one. Source: BigCommerce's guide "HTTPS webhooks", section on signatures.
func (a *Adapter) ReceiveWebhook(ctx context.Context, h http.Header, body []byte) ([]shop.Event, error) {
	const op = "webhook"
	refuse := func(why string) ([]shop.Event, error) {
		return nil, &shop.Error{Shop: Code, Op: op, Kind: shop.ErrUnauthorized, Err: errors.New(why)}
	}
	switch {
	case ctx.Err() != nil:
		return nil, &shop.Error{Shop: Code, Op: op, Err: ctx.Err()}
	case a.cfg.ClientSecret == "":
		return refuse("no client secret is configured")
	case len(body) > maxWebhook:
		return refuse("the body is too large to be a webhook")
	case a.cfg.WebhookToken != "" && !equal(h.Get(a.cfg.WebhookHeader), a.cfg.WebhookToken):
		return refuse("the token header is missing or wrong")
	}
	wh, err := standardwebhooks.NewWebhookRaw([]byte(a.cfg.ClientSecret))
	if err != nil {
		return refuse("the client secret cannot be used")
	}
	// The library looks at the computer's clock and at five minutes of it, so that the
	// age is checked here.
	if err := wh.VerifyIgnoringTimestamp(body, h); err != nil {
		return refuse("the signature is missing or wrong")
	}
	sec, err := strconv.ParseInt(h.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil {
		return refuse("the signature has no time")
	}
	signed := time.Unix(sec, 0)
	switch age := a.cfg.Now().Sub(signed); {
	case age > a.cfg.WebhookTolerance:
		return refuse("the signature is too old")
	case age < -ahead:
		return refuse("the signature is of the future")
	}
	var c callback
	if err := decode(body, &c); err != nil {
		return nil, a.malformed(op, 0, err)
	}
	if c.Scope == "" {
		return nil, a.malformed(op, 0, errors.New("no scope"))
	}
	if c.Producer != "stores/"+a.cfg.StoreHash {
		return refuse("it is of another store")
	}
	e := c.event()
	e.ID = h.Get(standardwebhooks.HeaderWebhookID)
	if at, err := strconv.ParseInt(string(c.Created), 10, 64); err == nil && at > 0 && at < 1<<40 {
		e.At = time.Unix(at, 0).UTC()
	}
	return []shop.Event{e}, nil
}

// equal compares in a time that tells nothing of where, or how long.
func equal(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// event reads a callback. Source of the scopes: BigCommerce's guide "Webhook events".
func (c *callback) event() shop.Event {
	e := shop.Event{Kind: shop.KindUnknown, Topic: c.Scope}
	scope := strings.TrimPrefix(c.Scope, "store/")
	// The same events exist per sales channel: store/channel/{id}/order/created.
	if rest, ok := strings.CutPrefix(scope, "channel/"); ok {
		_, scope, _ = strings.Cut(rest, "/")
	}
	topic, rest, _ := strings.Cut(scope, "/")
	id := string(c.Data.ID)
	switch {
	case scope == "app/uninstalled":
		e.Kind = shop.KindUninstalled
	case scope == "order/refund/created":
		e.Kind, e.OrderID = shop.KindRefundCreated, id
		if c.Data.Refund != nil {
			e.Ref = string(c.Data.Refund.ID)
		}
	case strings.HasPrefix(scope, "order/transaction/"):
		e.Kind, e.OrderID = shop.KindOrderChanged, string(c.Data.TransOrderID)
	case topic == "order" && !strings.Contains(rest, "/"):
		e.Kind, e.OrderID = shop.KindOrderChanged, id
	case topic == "order": // messages, metafields: nothing that an order holds
		e.OrderID = id
	case topic == "shipment":
		e.Kind, e.OrderID, e.Ref = shop.KindShipmentChanged, string(c.Data.OrderID), id
	case topic == "customer" && !strings.Contains(rest, "/"):
		e.Kind, e.Ref = shop.KindCustomerChanged, id
	case topic == "product":
		e.Kind, e.Ref = shop.KindProductChanged, id
	default:
		e.Ref = id
	}
	return e
}

type hook struct {
	ID          integer           `json:"id,omitempty"`
	Scope       string            `json:"scope"`
	Destination string            `json:"destination"`
	Active      bool              `json:"is_active"`
	Headers     map[string]string `json:"headers,omitempty"`
}

// EnsureWebhooks implements [shop.HookEnsurer]. BigCommerce takes only https on port
// 443 as a destination, starts to push within a minute, and deactivates a webhook that
// was not taken for two days or not used for 90. Only webhooks that the same API
// account made are seen.
func (a *Adapter) EnsureWebhooks(ctx context.Context, destination string) error {
	const op = "ensure webhooks"
	if u, err := url.Parse(destination); err != nil || !u.IsAbs() || u.Host == "" {
		return a.fail(op, shop.ErrInvalid)
	}
	have, err := a.hooks(ctx, op, destination)
	if err != nil {
		return err
	}
	for _, scope := range a.cfg.WebhookScopes {
		want := hook{Scope: scope, Destination: destination, Active: true}
		if a.cfg.WebhookToken != "" {
			want.Headers = map[string]string{a.cfg.WebhookHeader: a.cfg.WebhookToken}
		}
		if err := a.ensure(ctx, op, have[scope], want); err != nil {
			// Another process may have made it in between; then there is nothing to do.
			if !errors.Is(err, shop.ErrConflict) && !errors.Is(err, shop.ErrInvalid) {
				return err
			}
			again, listErr := a.hooks(ctx, op, destination)
			if listErr != nil || again[scope] == nil || !again[scope].Active {
				return err
			}
		}
	}
	return nil
}

func (a *Adapter) ensure(ctx context.Context, op string, have *hook, want hook) error {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if have == nil {
		_, err := a.send(ctx, op, "POST", "/v3/hooks", want, &answer)
		return err
	}
	same := have.Active
	for name, value := range want.Headers {
		same = same && header(have.Headers, name) == value
	}
	if same {
		return nil
	}
	_, err := a.send(ctx, op, "PUT", "/v3/hooks/"+have.ID.id(), want, &answer)
	return err
}

// header finds a header whose name may have been written in another case.
func header(headers map[string]string, name string) string {
	for k, v := range headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// hooks lists the webhooks to a destination by scope. Where a scope is there twice,
// the active one counts.
func (a *Adapter) hooks(ctx context.Context, op, destination string) (map[string]*hook, error) {
	byScope := map[string]*hook{}
	for page := 1; page <= maxPages; page++ {
		var answer struct {
			Data []hook `json:"data"`
			Meta struct {
				Pagination struct {
					TotalPages integer `json:"total_pages"`
				} `json:"pagination"`
			} `json:"meta"`
		}
		query := url.Values{"limit": {strconv.Itoa(subPage)}, "page": {strconv.Itoa(page)}, "destination": {destination}}
		if _, err := a.get(ctx, op, "/v3/hooks", query, &answer); err != nil {
			return nil, err
		}
		for _, h := range answer.Data {
			if h.Destination == destination && (byScope[h.Scope] == nil || h.Active) {
				byScope[h.Scope] = &h
			}
		}
		// A store whose answer has no page count is asked until a short page.
		total := int(answer.Meta.Pagination.TotalPages)
		if page >= total && (total > 0 || len(answer.Data) < subPage) {
			break
		}
	}
	return byScope, nil
}
