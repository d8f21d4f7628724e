package record

import (
	"slices"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The following are things as rows: a document, and the columns they are searched by.
// A document is much smaller than what it is read into, and holds no pointers: what is
// remembered between updates are rows. None is changed once it was made.
type (
	// ParcelRow is a parcel.
	ParcelRow struct {
		Doc                          []byte
		Ref                          shipment.Ref
		Status, Health               string
		Followed, Poll, Check, Renew *int64 // see Stamp
		Orders                       []string
	}

	// OrderRow is an order. Its columns but ID are of one that was put.
	OrderRow struct {
		Doc           []byte
		ID            string
		Number, Email string
		Placed        *int64
	}

	// MessageRow is a message. Its columns but Key are of one that was put.
	MessageRow struct {
		Doc     []byte
		Key     string
		OrderID string
		State   string
		Send    *int64
	}
)

// Parcel makes the row of a parcel.
func Parcel(p *postpurchase.Parcel) (*ParcelRow, error) {
	doc, err := encode(p, true)
	if err != nil {
		return nil, err
	}
	return parcelRow(p, doc), nil
}

// ReadParcel makes the row of a document, which it keeps, and reads the parcel, which is
// the caller's.
func ReadParcel(doc []byte) (*ParcelRow, *postpurchase.Parcel, error) {
	p, err := Decode[postpurchase.Parcel](doc)
	if err != nil {
		return nil, nil, err
	}
	return parcelRow(p, doc), p, nil
}

func parcelRow(p *postpurchase.Parcel, doc []byte) *ParcelRow {
	r := &ParcelRow{
		Doc: doc, Ref: p.Shipment.Ref, Status: string(p.Shipment.Status), Health: Health(p.Health),
		Followed: Stamp(p.Followed), Poll: Stamp(p.PollAt), Check: Stamp(p.CheckAt), Renew: Stamp(p.RenewAt),
	}
	for _, o := range p.Orders {
		if !slices.Contains(r.Orders, o.OrderID) {
			r.Orders = append(r.Orders, o.OrderID)
		}
	}
	return r
}

// Parcel returns the parcel, which is the caller's.
func (r *ParcelRow) Parcel() (*postpurchase.Parcel, error) { return Decode[postpurchase.Parcel](r.Doc) }

// Has reports whether the parcel has something of an order. A nil row has nothing.
func (r *ParcelRow) Has(orderID string) bool { return r != nil && slices.Contains(r.Orders, orderID) }

// Timer is the column of a timer; nil for a timer that does not exist.
func (r *ParcelRow) Timer(t postpurchase.Timer) *int64 {
	switch t {
	case postpurchase.TimerPoll:
		return r.Poll
	case postpurchase.TimerCheck:
		return r.Check
	case postpurchase.TimerRenew:
		return r.Renew
	}
	return nil
}

// Same reports whether two moments are the same.
func Same(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// Order makes the row of an order.
func Order(o *order.Order) (*OrderRow, error) {
	doc, err := encode(o, true)
	return &OrderRow{
		Doc: doc, ID: o.ID, Number: o.DisplayNumber(), Email: postpurchase.FoldEmail(o.Customer.Email), Placed: Stamp(o.PlacedAt),
	}, err
}

// Order returns the order, which is the caller's.
func (r *OrderRow) Order() (*order.Order, error) { return Decode[order.Order](r.Doc) }

// Message makes the row of a message.
func Message(m *postpurchase.Message) (*MessageRow, error) {
	doc, err := encode(m, true)
	return &MessageRow{Doc: doc, Key: m.Key, OrderID: m.OrderID, State: string(m.State), Send: Stamp(m.SendAt)}, err
}

// Message returns the message, which is the caller's.
func (r *MessageRow) Message() (*postpurchase.Message, error) {
	return Decode[postpurchase.Message](r.Doc)
}

// Pending reports whether the message waits to be sent, and has a time for it.
func (r *MessageRow) Pending() bool { return r.State == string(notify.StatePending) && r.Send != nil }
