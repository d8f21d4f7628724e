package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// ErrNotFound says that there is no such thing.
var ErrNotFound = errors.New("postpurchase: not found")

// A Backend keeps what a service knows and does work later. The two are one interface
// because they are one promise: news of a parcel, the messages it calls for and the
// jobs they need are kept together or lost together.
//
// One Backend may serve several shops; every call names the shop, and nothing of one
// shop is ever seen through another. Methods are safe for concurrent use. A Backend
// passes [github.com/doorstep-go/doorstep/postpurchase/backendtest.Run].
type Backend interface {
	// Update runs fn in a transaction and keeps what it put if it returns nil. When
	// Update returns nil, what was put is durable. Updates that touch the same parcel,
	// order or message happen one after the other. fn may run more than once, and before its
	// turn has come on what may no longer be so by then: its last run counts, and nothing of
	// the others is kept or returned. It must not block and must not use tx after it
	// returns. It may share a commit with others, and its error is its own: it undoes
	// nothing of theirs.
	Update(ctx context.Context, shop string, fn func(tx Tx) error) error

	// View runs fn on one consistent state. It does not wait for writers.
	View(ctx context.Context, shop string, fn func(r Reader) error) error

	// DeleteOrder deletes an order, its messages, and the parcels that are in no other
	// order, all or nothing. That there is no such order is no error.
	DeleteOrder(ctx context.Context, shop, id string) error

	// Work calls do with each job of the shop until ctx is done, waits for calls to end
	// and returns nil. Each job is done at least once, by one of any number of processes:
	// a job whose do returns an error, or whose process died, is done again later.
	Work(ctx context.Context, shop string, do func(ctx context.Context, j Job) error) error

	// Close lets go of the Backend's resources. What was kept stays.
	Close() error
}

// A Drainer is a [Backend] that can do its jobs now and return when there are none
// left: for tests, and for programs that run from time to time. Jobs that failed are
// not tried again.
type Drainer interface {
	Drain(ctx context.Context, shop string, do func(ctx context.Context, j Job) error) error
}

// A Reader reads what is kept for one shop. What it returns is the caller's to change.
// Errors wrap [ErrNotFound] where there is no such thing; lists are empty then.
type Reader interface {
	// Order returns an order by the shop's id.
	Order(id string) (*order.Order, error)
	// OrdersByNumber returns the orders that show this number, the newest first.
	OrdersByNumber(number string) ([]*order.Order, error)

	// OrdersOfCustomer returns the orders with this e-mail address, compared without case
	// and outer space, the newest first. An empty address has none.
	OrdersOfCustomer(email string) ([]*order.Order, error)

	// Parcel returns a parcel.
	Parcel(ref shipment.Ref) (*Parcel, error)
	// LatestParcel returns the parcel of the highest epoch with this number.
	LatestParcel(carrier, number string) (*Parcel, error)
	// ParcelsOfOrder returns the parcels of an order, in the order they were followed.
	ParcelsOfOrder(orderID string) ([]*Parcel, error)
	// ParcelsByHealth returns parcels that are doing so, in any order.
	ParcelsByHealth(h shipment.Health, limit int) ([]*Parcel, error)

	// Message returns a message by its key.
	Message(key string) (*Message, error)
	// MessagesOfOrder returns the messages of an order, in the order they were kept.
	MessagesOfOrder(orderID string) ([]*Message, error)
	// MessagesByState returns messages in a state, in any order.
	MessagesByState(s notify.State, limit int) ([]*Message, error)

	// Inbox returns what was received and not understood, the newest first.
	Inbox(limit int) ([]InboxItem, error)

	// Cursor returns a named value.
	Cursor(name string) (Cursor, error)

	// NextDue is the earliest moment at which a timer is set; the zero time if none is.
	NextDue() (time.Time, error)
}

// A Tx is one transaction for one shop. Reads see what was put before in the same
// transaction. Put replaces what has the same key, and copies what it is given.
type Tx interface {
	Reader

	// DueParcels returns parcels of a carrier whose timer is at or before now, the
	// earliest first. No two transactions that commit get the same parcel without the
	// second seeing what the first put. An empty carrier means every carrier.
	DueParcels(t Timer, carrier string, now time.Time, limit int) ([]*Parcel, error)
	// DueMessages does the same for pending messages and their SendAt.
	DueMessages(now time.Time, limit int) ([]*Message, error)
	// DueCursors does the same for cursors and their Due.
	DueCursors(now time.Time, limit int) ([]Cursor, error)

	PutOrder(o *order.Order) error
	PutParcel(p *Parcel) error
	PutMessage(m *Message) error
	// PutInbox keeps an item; one with the digest of another is dropped. The backend may
	// forget the oldest items beyond a thousand.
	PutInbox(i InboxItem) error
	PutCursor(c Cursor) error

	// DropInbox forgets the inbox's items that were received before then. Those put by this
	// transaction are among them.
	DropInbox(before time.Time) error

	// Enqueue adds a job that is due now. A job with the key of another that is waiting or
	// running is dropped; once that is done, the key is free again. That dampens, and what
	// must not happen twice is kept from it by a row of its own.
	Enqueue(j Job) error
}

// A Prefetcher is a [Tx] that reads many things faster than one after the other.
type Prefetcher interface {
	// Prefetch reads the latest parcels with these numbers, their orders and the messages of
	// those, so that what fn asks for next is there. It is a hint: what is missing is no
	// error, and what was not named can be asked for all the same.
	Prefetch(refs []shipment.Ref) error
}

// Job is work to do soon. Backends keep it as it is and know none of its kinds.
type Job struct {
	Kind string          `json:"kind"`
	Key  string          `json:"key"`
	Args json.RawMessage `json:"args,omitempty"`
}

// Timer is one of a parcel's timers.
type Timer string

// The timers of a parcel.
const (
	TimerPoll  Timer = "poll"  // [Parcel.PollAt]
	TimerCheck Timer = "check" // [Parcel.CheckAt]
	TimerRenew Timer = "renew" // [Parcel.RenewAt]
)

// Parcel is a parcel that is followed: the shipment, whose it is, and how the
// following goes. Times are by the service's clock; zero timers are not set.
type Parcel struct {
	Shipment shipment.Shipment `json:"shipment"`

	// Orders are the orders that have something in the parcel, usually one.
	Orders []ParcelOrder `json:"orders"`

	PieceID    string          `json:"piece_id,omitempty"`    // the carrier's unique id, once known
	PostalCode string          `json:"postal_code,omitempty"` // of the destination: a hint for carriers
	Country    string          `json:"country,omitempty"`     // of the destination, ISO 3166-1 alpha-2
	ShippedAt  time.Time       `json:"shipped_at,omitzero"`   // when the shop says it was sent
	Promise    shipment.Window `json:"promise,omitzero"`      // what the customer was told at purchase
	Zone       string          `json:"zone,omitempty"`        // IANA name where the customer is

	Followed time.Time         `json:"followed"` // since when
	Tracking shipment.Tracking `json:"tracking"`
	Health   shipment.Health   `json:"health,omitempty"` // at the last check

	PollAt  time.Time `json:"poll_at,omitzero"`  // when to ask the carrier next
	CheckAt time.Time `json:"check_at,omitzero"` // when to work out the health next
	RenewAt time.Time `json:"renew_at,omitzero"` // when to ask for pushes (again)

	AskedAt    time.Time `json:"asked_at,omitzero"`    // the carrier was asked last
	AnsweredAt time.Time `json:"answered_at,omitzero"` // the carrier spoke last, asked or not
	NewsAt     time.Time `json:"news_at,omitzero"`     // something new was learned last
	PushUntil  time.Time `json:"push_until,omitzero"`  // until when the carrier pushes

	Failures int    `json:"failures,omitempty"` // polls in a row that had no answer
	Trouble  string `json:"trouble,omitempty"`  // why the last one had none; no personal data

	Alarms []string `json:"alarms,omitempty"` // alarms that were raised, so that each is raised once
}

// ParcelOrder is an order's part in a parcel.
type ParcelOrder struct {
	OrderID string             `json:"order_id"`
	ShopID  string             `json:"shop_id,omitempty"` // the shop's id of the shipment; empty if it has none
	Lines   []order.ParcelLine `json:"lines,omitempty"`   // what is inside of this order; empty: not said
	Linked  bool               `json:"linked,omitempty"`  // the shop has our tracking link
}

// Message is a message to a customer, or the decision against one. Its text is made at
// the moment of sending.
type Message struct {
	notify.Planned

	Channel notify.Channel `json:"channel,omitempty"`
	Rule    notify.Rule    `json:"rule"`             // why it is what it is
	Reason  string         `json:"reason,omitempty"` // the same as a sentence for agents
	Target  string         `json:"target,omitempty"` // the message that took its place

	Decided time.Time `json:"decided"`           // when it was decided
	Tried   time.Time `json:"tried_at,omitzero"` // when sending was last tried
	Sent    time.Time `json:"sent_at,omitzero"`  // when the provider took it
	Tries   int       `json:"tries,omitempty"`   // how often sending was tried
	Trouble string    `json:"trouble,omitempty"` // why the last try failed; no personal data
	Receipt string    `json:"receipt,omitempty"` // the provider's id
	Locale  string    `json:"locale,omitempty"`  // the locale it was sent in
	Subject string    `json:"subject,omitempty"` // the subject it was sent with
}

// InboxItem is something that was received from a known sender and not understood, or
// about a parcel nobody follows. It is kept so that people can look.
type InboxItem struct {
	Source   string    `json:"source"` // "carrier/ups", "shop"
	Why      string    `json:"why"`
	Received time.Time `json:"received"`
	Digest   string    `json:"digest"` // SHA-256 of the body, in hex
	Body     []byte    `json:"body"`   // at most 64 KiB; may hold personal data
}

// Cursor is a named value with a timer, such as how far the shop's orders were read.
type Cursor struct {
	Name  string    `json:"name"`
	Value string    `json:"value,omitempty"`
	Due   time.Time `json:"due,omitzero"` // zero: no timer
}
