// Package shop is the port to a shop backend: what an adapter must do, what it may do
// besides, and how it says what went wrong.
//
// For most uses, take the adapter of your platform and hand it to the service:
//
//	store, err := bigcommerce.New(bigcommerce.Config{StoreHash: …, AccessToken: …})
//
// For a shop of your own, implement [Adapter]. It only reads, so that a shop can be
// wired in an hour. What else a shop can do is an interface of one method that the
// service looks for: [Notifier], [TrackingWriter], [HookEnsurer], [ProductReader],
// [CustomerReader]. An adapter passes the exam in shoptest before it is used; the same
// package has an adapter in memory for your tests.
//
// # What adapters promise
//
// Methods are safe for concurrent use, stop when their context is done, and never wait
// longer for a shop that asks for patience than a caller can: they return the error
// with [Error.RetryAfter], and the caller's queue waits. Reads are repeated a few times
// at most, writes never, unless the shop cannot take one twice. Every string that comes
// from a shop is untrusted: so is every link. No error text holds a credential or a
// customer's data.
package shop

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/order"
)

// An Adapter reads the orders of one shop.
type Adapter interface {
	// Code names the platform: lower case, constant, as in "bigcommerce".
	Code() string

	// Order returns an order by the shop's own id, with all its lines and parcels. The
	// error wraps [ErrNotFound] when the shop has no such order, or has only a cart that
	// never became one.
	Order(ctx context.Context, id string) (order.Order, error)

	// OrderByNumber returns an order by the number that the customer was shown, as a
	// customer may type it. The error wraps [ErrNotFound] when there is none.
	OrderByNumber(ctx context.Context, number string) (order.Order, error)

	// Orders returns one page of the orders that match q, whole like those of Order. No
	// match is an empty page and no error.
	Orders(ctx context.Context, q Query) (Page, error)
}

// Query says which orders to list. The zero value is all of them.
type Query struct {
	ModifiedSince time.Time // only orders changed at or after it; the zero time means all
	Email         string    // only orders of this customer, compared without case; empty means all
	Cursor        string    // [Page.Next] of the page before; empty for the first
	Limit         int       // at most so many in the page. Defaults to what suits the shop
}

// Page is a part of a list of orders, in any order. A list that changes while it is
// read may give an order twice, but misses none that matched all the while.
type Page struct {
	Orders []order.Order // may be fewer than asked for, and none, though Next is set
	Next   string        // the cursor of the next page; empty: this was the last

	// Failed are the orders of the page that cannot be understood. One strange order
	// does not hide the others; nor should it be forgotten.
	Failed []Failure
}

// Failure is an order that is there and cannot be understood.
type Failure struct {
	ID  string
	Err error // wraps [ErrMalformed]
}

// All reads every page of a list. An order that cannot be understood comes as nothing
// but its ID, with the error, and the list goes on. Any other error is the last, and
// comes with the zero Order.
func All(ctx context.Context, a Adapter, q Query) iter.Seq2[order.Order, error] {
	return func(yield func(order.Order, error) bool) {
		for {
			page, err := a.Orders(ctx, q)
			if err != nil {
				yield(order.Order{}, err)
				return
			}
			for _, o := range page.Orders {
				if !yield(o, nil) {
					return
				}
			}
			for _, f := range page.Failed {
				if !yield(order.Order{ID: f.ID}, f.Err) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Cursor = page.Next
		}
	}
}

// The interfaces below are optional: an [Adapter] implements those its shop has.
type (
	// A ProductReader knows products beyond what an order line says of them, such as
	// their picture. variantID may be empty. The error wraps [ErrNotFound] when the shop
	// has no such product any more, which for an old order is no surprise.
	ProductReader interface {
		Product(ctx context.Context, productID, variantID string) (Product, error)
	}

	// A CustomerReader knows customers who have an account. The error wraps
	// [ErrNotFound] when there is none by that id; guests have none.
	CustomerReader interface {
		Customer(ctx context.Context, id string) (order.Customer, error)
	}

	// A TrackingWriter tells the shop where a parcel can be followed, so that the shop's
	// own mails and pages link there. parcelID is [order.Parcel.ID]. Writing the link
	// that is there already does nothing and wakes no webhook, so that a write may be
	// repeated after any error.
	TrackingWriter interface {
		WriteTracking(ctx context.Context, orderID, parcelID, link string) error
	}

	// A Notifier reads what the shop pushes. It verifies before it parses: the error
	// wraps [ErrUnauthorized] when the signature is missing, wrong, too old or of the
	// future, when the message is of another shop, and always when no secret is
	// configured. A message that is authentic but of a kind not known is an [Event] of
	// [KindUnknown] and no error; one that is authentic and no message at all is
	// [ErrMalformed].
	//
	// An Event is a hint and nothing more. The caller drops the ones whose ID it has
	// seen, and reads the order again for the others: messages come late, twice and out
	// of order.
	Notifier interface {
		ReceiveWebhook(ctx context.Context, h http.Header, body []byte) ([]Event, error)
	}

	// A HookEnsurer makes the shop push to destination, an absolute URL. It creates what
	// is missing and wakes what the shop has put to sleep; calling it again changes
	// nothing. Shops deactivate webhooks that fail, so call it at start and daily.
	HookEnsurer interface {
		EnsureWebhooks(ctx context.Context, destination string) error
	}
)

// Event is what a shop says has happened, without what it has become.
type Event struct {
	Kind    Kind
	ID      string    // equal for the repetitions of one message; never empty
	OrderID string    // the order it is about; empty where it is about none
	Ref     string    // the shipment, refund, customer or product it is about
	Topic   string    // the shop's own word, such as "store/order/updated"; untrusted
	At      time.Time // when it happened, as the shop says; zero if it does not
}

// Kind is what an [Event] is about. It is an open string.
type Kind string

// The kinds of event.
const (
	KindUnknown         Kind = "unknown"          // authentic, but nothing we act on
	KindOrderChanged    Kind = "order_changed"    // also: there is a new one
	KindShipmentChanged Kind = "shipment_changed" // Ref is the shipment
	KindCustomerChanged Kind = "customer_changed" // Ref is the customer
	KindProductChanged  Kind = "product_changed"  // Ref is the product
	KindRefundCreated   Kind = "refund_created"   // Ref is the refund
	KindUninstalled     Kind = "uninstalled"      // the shop has thrown us out: the credentials are dead
)

// Product is what a shop says of a product, or of one variant of it.
type Product struct {
	ID        string
	VariantID string // empty if the product as such was asked for
	SKU       string
	Title     string
	Options   string         // what makes the variant, as one line of text: "Size: M, Colour: red"
	ImageURL  string         // untrusted; https only when shown
	Kind      order.LineKind // empty if the shop does not say
}
