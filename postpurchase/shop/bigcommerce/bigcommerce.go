// Package bigcommerce is the shop adapter for BigCommerce.
//
// For most uses, give [New] the store's hash and the token of an API account:
//
//	store, err := bigcommerce.New(bigcommerce.Config{
//		StoreHash:    "abc123",
//		AccessToken:  os.Getenv("BIGCOMMERCE_ACCESS_TOKEN"),
//		ClientSecret: os.Getenv("BIGCOMMERCE_CLIENT_SECRET"), // verifies webhooks
//	})
//
// The account needs the OAuth scopes store_v2_orders (read-only does, if no tracking
// link is to be written), store_v2_products_read_only and
// store_v2_customers_read_only. Webhooks need none.
//
// To test without an account, package bigcommercetest has a simulated store that
// speaks the same wire format.
//
// # What BigCommerce does not say
//
// It has no word for "delivered": an order ends as shipped or completed, and whether
// the customer has it is known only from the carrier. It has one status for the way
// of the goods and of the money, so that an order that was partly refunded no longer
// shows whether it was shipped; the adapter takes the money from it and leaves the way
// of the goods to the shipments. Its webhooks carry an id and nothing else.
//
// Source for the wire format: the OpenAPI files and guides of the repository
// bigcommerce/docs, read in 2026-04. Fields documented as "Float, Float-As-String,
// Integer" are read in all three forms; unset dates are empty strings; empty V2 lists
// are answered 204 without a body.
package bigcommerce

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Code is the adapter's code.
const Code = "bigcommerce"

// Config is an adapter's choices. StoreHash and AccessToken are required.
type Config struct {
	// StoreHash is the store's permanent id: "abc123" of
	// https://api.bigcommerce.com/stores/abc123/v3/.
	StoreHash string

	// AccessToken is the token of an API account of the store, or of an app that it has
	// installed.
	AccessToken string

	// ClientSecret is the client secret of the same API account. BigCommerce signs
	// webhooks with it. Empty: every webhook is refused.
	ClientSecret string

	// WebhookToken is a second proof besides the signature: EnsureWebhooks asks
	// BigCommerce to send it with each webhook, in the header WebhookHeader, and a
	// webhook without it is refused. Choose it at random. It also binds a webhook to
	// this store, as apps have one ClientSecret for all stores. Empty: none is asked for.
	WebhookToken string

	// WebhookHeader is the name of that header. Defaults to "X-Doorstep-Token".
	WebhookHeader string

	// WebhookTolerance is how old a webhook's signature may be. BigCommerce repeats a
	// webhook that was not taken for up to 48 hours, and does not say whether it signs
	// anew: a few minutes might refuse every repetition. A webhook that is replayed in
	// this time costs one more read of an order and cannot do anything else, and the
	// event's ID tells that it was seen. Defaults to 49 hours.
	WebhookTolerance time.Duration

	// WebhookScopes are the events that EnsureWebhooks subscribes to. Do not mix a
	// wildcard with what it covers: both would come. Defaults to "store/order/*",
	// "store/shipment/*" and "store/app/uninstalled".
	WebhookScopes []string

	// BaseURL is where the API is. Defaults to https://api.bigcommerce.com.
	BaseURL string

	// HTTPClient is used for its Transport and Timeout; it is not changed. Defaults to
	// a client with a timeout of 20 seconds.
	HTTPClient *http.Client

	// UserAgent names the integration, as BigCommerce asks. Defaults to "doorstep".
	UserAgent string

	// Now tells the time, for the age of webhooks. Defaults to [time.Now].
	Now func() time.Time
}

// Adapter reads one BigCommerce store. It is safe for concurrent use.
type Adapter struct {
	cfg   Config
	base  string // with /stores/{hash}, without a slash at the end
	retry *retryablehttp.Client
	once  *http.Client
}

var (
	_ shop.Adapter        = (*Adapter)(nil)
	_ shop.ProductReader  = (*Adapter)(nil)
	_ shop.CustomerReader = (*Adapter)(nil)
	_ shop.TrackingWriter = (*Adapter)(nil)
	_ shop.Notifier       = (*Adapter)(nil)
	_ shop.HookEnsurer    = (*Adapter)(nil)
)

var storeHash = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New returns an adapter. It checks the Config and sends nothing.
func New(cfg Config) (*Adapter, error) {
	if !storeHash.MatchString(cfg.StoreHash) {
		return nil, fmt.Errorf("bigcommerce: StoreHash %q is not a store hash", cfg.StoreHash)
	}
	if cfg.AccessToken == "" || strings.ContainsFunc(cfg.AccessToken, unprintable) {
		return nil, errors.New("bigcommerce: AccessToken is empty or not a token")
	}
	if strings.ContainsFunc(cfg.WebhookToken, unprintable) {
		return nil, errors.New("bigcommerce: WebhookToken has characters that a header cannot carry")
	}
	if cfg.WebhookHeader == "" {
		cfg.WebhookHeader = "X-Doorstep-Token"
	}
	if cfg.WebhookTolerance < 0 {
		return nil, fmt.Errorf("bigcommerce: WebhookTolerance %v is negative", cfg.WebhookTolerance)
	}
	if cfg.WebhookTolerance == 0 {
		cfg.WebhookTolerance = 49 * time.Hour
	}
	cfg.WebhookScopes = slices.Clone(cfg.WebhookScopes)
	if len(cfg.WebhookScopes) == 0 {
		cfg.WebhookScopes = []string{"store/order/*", "store/shipment/*", "store/app/uninstalled"}
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = "https://api.bigcommerce.com"
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("bigcommerce: BaseURL is not an http or https address")
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "doorstep"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Adapter{cfg: cfg, base: strings.TrimRight(cfg.BaseURL, "/") + "/stores/" + cfg.StoreHash}
	a.once, a.retry = clients(cfg.HTTPClient)
	return a, nil
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// Code implements [shop.Adapter]. It is "bigcommerce".
func (a *Adapter) Code() string { return Code }
