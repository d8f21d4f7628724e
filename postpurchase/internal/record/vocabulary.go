package record

import (
	"strconv"
	"strings"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The tables are the same in every database, and so is what is asked of them. A backend
// adds its own queries to these: how it locks, and how it writes many rows.

// Query is one of the statements that are the same everywhere.
type Query int

const (
	// Documents.
	GetOrder Query = iota
	OrdersByNumber
	OrdersOfCustomer
	GetParcel
	LatestParcel
	ParcelsOfOrder
	ParcelsByHealth
	ParcelsByTrouble
	GetMessage
	MessagesOfOrder
	MessagesByState
	OpenMessages
	PendingMessages
	GetInbox
	GetCursor
	DropInbox

	// The earliest moment of each timer.
	NextPoll
	NextCheck
	NextRenew
	NextMessage
	NextCursor

	QueryCount
)

// What the indexes of parcels that are not well, and of messages that somebody should
// look at, hold. Most parcels are well and most messages have come to their end; nobody
// lists those often, and every index costs at each event.
const (
	Trouble = `health NOT IN ('unknown', 'on_time')`
	Open    = `state IN ('sending', 'unknown', 'failed')`
)

// Vocabulary is every Query for a dialect.
func Vocabulary(d Dialect) (q [QueryCount]string) {
	for i, s := range [QueryCount]string{
		GetOrder:         `SELECT doc FROM {shop_order} WHERE shop = $1 AND order_id = $2 AND doc IS NOT NULL`,
		OrdersByNumber:   `SELECT doc FROM {shop_order} WHERE shop = $1 AND number = $2 AND doc IS NOT NULL ORDER BY placed_at DESC NULLS LAST, id DESC`,
		OrdersOfCustomer: `SELECT doc FROM {shop_order} WHERE shop = $1 AND email = $2 AND email <> '' ORDER BY placed_at DESC NULLS LAST, id DESC`,
		GetParcel:        `SELECT doc FROM {parcel} WHERE shop = $1 AND carrier = $2 AND number = $3 AND epoch = $4`,
		LatestParcel:     `SELECT doc FROM {parcel} WHERE shop = $1 AND carrier = $2 AND number = $3 ORDER BY epoch DESC LIMIT 1`,
		ParcelsOfOrder: `SELECT p.doc FROM {shop_order} o {join} {parcel_order} l ON l.owner = o.id {join} {parcel} p ON p.id = l.parcel_id
			WHERE o.shop = $1 AND o.order_id = $2 ORDER BY p.followed NULLS FIRST, p.id`,
		ParcelsByHealth:  `SELECT doc FROM {parcel} WHERE shop = $1 AND health = $2 LIMIT $3`,
		ParcelsByTrouble: `SELECT doc FROM {parcel} WHERE shop = $1 AND health = $2 AND ` + Trouble + ` LIMIT $3`,
		GetMessage:       `SELECT doc FROM {message} WHERE shop = $1 AND key = $2`,
		MessagesOfOrder:  `SELECT m.doc FROM {shop_order} o {join} {message} m ON m.owner = o.id WHERE o.shop = $1 AND o.order_id = $2 ORDER BY m.id`,
		MessagesByState:  `SELECT doc FROM {message} WHERE shop = $1 AND state = $2 LIMIT $3`,
		OpenMessages:     `SELECT doc FROM {message} WHERE shop = $1 AND state = $2 AND ` + Open + ` LIMIT $3`,
		PendingMessages:  `SELECT doc FROM {message} WHERE shop = $1 AND state = $2 AND state = 'pending' LIMIT $3`,
		GetInbox:         `SELECT doc FROM {inbox} WHERE shop = $1 ORDER BY received DESC NULLS LAST, id DESC LIMIT $2`,
		DropInbox:        `DELETE FROM {inbox} WHERE shop = $1 AND received < $2`,
		GetCursor:        `SELECT doc FROM {cursor} WHERE shop = $1 AND name = $2`,

		NextPoll:    `SELECT poll_at FROM {parcel} WHERE shop = $1 AND poll_at IS NOT NULL ORDER BY poll_at LIMIT 1`,
		NextCheck:   `SELECT check_at FROM {parcel} WHERE shop = $1 AND check_at IS NOT NULL ORDER BY check_at LIMIT 1`,
		NextRenew:   `SELECT renew_at FROM {parcel} WHERE shop = $1 AND renew_at IS NOT NULL ORDER BY renew_at LIMIT 1`,
		NextMessage: `SELECT send_at FROM {message} WHERE shop = $1 AND state = 'pending' AND send_at IS NOT NULL ORDER BY send_at LIMIT 1`,
		NextCursor:  `SELECT due FROM {cursor} WHERE shop = $1 AND due IS NOT NULL ORDER BY due LIMIT 1`,
	} {
		q[i] = d.SQL(s)
	}
	return q
}

// ByHealth is the query that finds parcels of a health by an index, if there is one.
func ByHealth(h shipment.Health) Query {
	switch Health(h) {
	case string(shipment.HealthUnknown), string(shipment.HealthOnTime):
		return ParcelsByHealth
	}
	return ParcelsByTrouble
}

// ByState is the query that finds messages in a state by an index, if there is one.
func ByState(s notify.State) Query {
	switch s {
	case notify.StatePending:
		return PendingMessages
	case notify.StateSending, notify.StateUnknown, notify.StateFailed:
		return OpenMessages
	}
	return MessagesByState
}

// Dialect is what differs between databases.
type Dialect struct {
	Schema string // with its quotes and a full stop; empty for none
	Join   string // that keeps the order of the tables
	Mark   string // before the number of an argument
}

// SQLite and Postgres are the dialects there are.
var SQLite = Dialect{Join: "CROSS JOIN", Mark: "?"}

// Postgres is the dialect of PostgreSQL with the tables in a schema, which is quoted.
func Postgres(schema string) Dialect { return Dialect{Schema: schema + ".", Join: "JOIN", Mark: "$"} }

var tables = []string{"shop_order", "parcel", "parcel_order", "message", "inbox", "cursor", "writer"}

// SQL is a statement of the vocabulary in the dialect.
func (d Dialect) SQL(s string) string {
	for _, t := range tables {
		s = strings.ReplaceAll(s, "{"+t+"}", d.Schema+t)
	}
	s = strings.ReplaceAll(s, "{join}", d.Join)
	if d.Mark == "$" {
		return s
	}
	for n := 19; n > 0; n-- { // $1 is also how $10 begins
		s = strings.ReplaceAll(s, "$"+strconv.Itoa(n), d.Mark+strconv.Itoa(n))
	}
	return s
}
