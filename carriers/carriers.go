package carriers

import (
	"context"
	"net/http"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// An Adapter speaks with one carrier. Methods are safe for concurrent use, stop when
// ctx is done, and send again only what is safe to send twice.
//
// Adapters are plain: they send requests and map answers. Trimming numbers, refusing
// nonsense, cutting batches and naming the carrier in errors is [Set]'s business.
type Adapter interface {
	// Code names the carrier: a constant in lower case, such as "ups".
	Code() string

	// Track asks about up to Limits().Batch parcels and returns one Result for each
	// query, in their order, each with its own error. The error beside the results is
	// for what concerns all of them: no credentials, no network, a budget used up.
	Track(ctx context.Context, queries []Query) ([]Result, error)

	// Limits is what the carrier allows. It is constant.
	Limits() Limits
}

// Query asks about one parcel. Only Number is required; the others are hints that
// help carriers who give one number to several parcels, or keep details from
// strangers.
type Query struct {
	Number      string
	PieceID     string    // the carrier's unique id, from an earlier [Update]
	Service     string    // the carrier's division or service, such as DHL's "parcel-de"
	ShippedFrom time.Time // the parcel was sent on or after this day
	ShippedTo   time.Time // the parcel was sent on or before this day
	PostalCode  string    // of the destination
	Country     string    // of the destination, ISO 3166-1 alpha-2
}

// Result is the answer to one Query: Updates or Err.
type Result struct {
	// Updates are the parcels that the number may mean, the likeliest first. More than
	// one is not an error: a lead number has many pieces, and numbers are shared.
	Updates []Update

	// Err wraps one of the kinds below. [ErrNotFound] early in a parcel's life means
	// only "not yet".
	Err error
}

// Update is news of one parcel from a carrier.
type Update struct {
	TrackingNumber string `json:"tracking_number"`    // as the carrier writes it, without spaces
	PieceID        string `json:"piece_id,omitempty"` // the carrier's unique id, where it has one
	shipment.Update
}

// Limits is what a carrier allows. A zero field means that the carrier publishes no
// such limit.
type Limits struct {
	Batch     int           // most queries in one Track; 0 means 1
	Requests  int           // most requests within Per
	Per       time.Duration // of Requests
	PerDay    int           // most requests in 24 hours
	Spacing   time.Duration // least time between two requests
	Retention time.Duration // how long the carrier remembers a parcel
}

// The interfaces below are optional: an [Adapter] implements those its carrier has.
// Ask a [Set] for them.
type (
	// A Detector tells its carrier's tracking numbers from others by form, check digit
	// and prefix. Number is upper case without spaces and dashes.
	Detector interface {
		Detect(number string) Match
	}

	// A WebhookReceiver verifies and reads what the carrier pushes. It verifies before
	// it parses. The error wraps [ErrUnauthorized] when the sender is not proved, and
	// [ErrMalformed] when it is and the body is not understood. An Update without events
	// is a nudge to ask. No secret configured is an error, never a pass.
	WebhookReceiver interface {
		ReceiveWebhook(ctx context.Context, header http.Header, body []byte) ([]Update, error)
	}

	// A Subscriber asks the carrier to push news of parcels. To subscribe again renews.
	// It returns one Subscription for each query, in their order.
	Subscriber interface {
		Subscribe(ctx context.Context, queries []Query) ([]Subscription, error)
	}
)

// Subscription is how long a carrier will push news of a parcel.
type Subscription struct {
	Expires time.Time // zero: it does not expire
	Err     error     // why there is none
}

// Confidence is how sure a [Detector] is. The zero value is "not ours".
type Confidence int

// The confidences.
const (
	NoMatch  Confidence = iota
	Possible            // the form fits, and many numbers of others fit it too
	Likely              // form and check digit fit, and others share the form
	Certain             // form, check digit and the carrier's own prefix fit
)

// Match is what a [Detector] says of a number.
type Match struct {
	Confidence Confidence
	Why        string // for people: "1Z and a right check digit"
}
