package record

import (
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Reader reads the things of one shop by the queries of the vocabulary, in whatever
// database Rows asks. It is the [postpurchase.Reader] of a View.
type Reader struct {
	Shop string

	// Rows asks a query and calls row for each row. The values of a row are good only
	// until it returns.
	Rows func(q Query, args []any, row func(scan func(into ...any) error) error) error

	// Corrupt says that a document cannot be read.
	Corrupt func(error) error
}

var _ postpurchase.Reader = (*Reader)(nil)

func list[T any](r *Reader, q Query, args ...any) ([]*T, error) {
	var all []*T
	err := r.Rows(q, args, func(scan func(...any) error) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		v, err := Decode[T](doc)
		if err != nil {
			return r.Corrupt(err)
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func one[T any](r *Reader, what string, q Query, args ...any) (*T, error) {
	all, err := list[T](r, q, args...)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, NotFound(what)
	}
	return all[0], nil
}

func (r *Reader) Order(id string) (*order.Order, error) {
	return one[order.Order](r, "order", GetOrder, r.Shop, id)
}

func (r *Reader) OrdersByNumber(number string) ([]*order.Order, error) {
	return list[order.Order](r, OrdersByNumber, r.Shop, number)
}

func (r *Reader) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if email = postpurchase.FoldEmail(email); email == "" {
		return nil, nil
	}
	return list[order.Order](r, OrdersOfCustomer, r.Shop, email)
}

func (r *Reader) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	return one[postpurchase.Parcel](r, "parcel", GetParcel, r.Shop, ref.Carrier, ref.TrackingNumber, ref.Epoch)
}

func (r *Reader) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	return one[postpurchase.Parcel](r, "parcel", LatestParcel, r.Shop, carrier, number)
}

func (r *Reader) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	return list[postpurchase.Parcel](r, ParcelsOfOrder, r.Shop, orderID)
}

func (r *Reader) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	return list[postpurchase.Parcel](r, ByHealth(h), r.Shop, Health(h), max(limit, 0))
}

func (r *Reader) Message(key string) (*postpurchase.Message, error) {
	return one[postpurchase.Message](r, "message", GetMessage, r.Shop, key)
}

func (r *Reader) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	return list[postpurchase.Message](r, MessagesOfOrder, r.Shop, orderID)
}

func (r *Reader) MessagesByState(s notify.State, limit int) ([]*postpurchase.Message, error) {
	return list[postpurchase.Message](r, ByState(s), r.Shop, string(s), max(limit, 0))
}

func (r *Reader) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	items, err := list[postpurchase.InboxItem](r, GetInbox, r.Shop, max(limit, 0))
	var all []postpurchase.InboxItem
	for _, i := range items {
		all = append(all, *i)
	}
	return all, err
}

func (r *Reader) Cursor(name string) (postpurchase.Cursor, error) {
	c, err := one[postpurchase.Cursor](r, "cursor", GetCursor, r.Shop, name)
	if err != nil {
		return postpurchase.Cursor{}, err
	}
	return *c, nil
}

func (r *Reader) NextDue() (time.Time, error) {
	var next *int64
	for q := NextPoll; q <= NextCursor; q++ {
		err := r.Rows(q, []any{r.Shop}, func(scan func(...any) error) error {
			var at int64
			err := scan(&at)
			if next == nil || at < *next {
				next = &at
			}
			return err
		})
		if err != nil {
			return time.Time{}, err
		}
	}
	return Moment(next), nil
}

// Moment undoes [Stamp], but for the zone.
func Moment(stamp *int64) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return time.Unix(0, *stamp).UTC()
}
