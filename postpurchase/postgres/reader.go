package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// reader reads one shop's rows for a View.
type reader struct {
	b    *Backend
	ctx  context.Context
	tx   pgx.Tx
	shop string
}

var _ postpurchase.Reader = (*reader)(nil)

func (r *reader) fail(err error) error {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return explain(err)
}

func one[T any](r *reader, what string, q query, args ...any) (*T, error) {
	texts(args)
	var doc []byte
	err := r.tx.QueryRow(r.ctx, r.b.sql[q], args...).Scan(&doc)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound(what)
	}
	if err != nil {
		return nil, r.fail(err)
	}
	v, err := record.Decode[T](doc)
	if err != nil {
		return nil, corrupt(err)
	}
	return v, nil
}

func list[T any](r *reader, q query, args ...any) ([]*T, error) {
	texts(args)
	rows, err := r.tx.Query(r.ctx, r.b.sql[q], args...)
	if err != nil {
		return nil, r.fail(err)
	}
	defer rows.Close()
	var all []*T
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return nil, r.fail(err)
		}
		v, err := record.Decode[T](doc)
		if err != nil {
			return nil, corrupt(err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, r.fail(err)
	}
	return all, nil
}

// texts makes args what the database can be asked for.
func texts(args []any) {
	for i, a := range args[1:] { // the shop is made already
		if s, ok := a.(string); ok {
			args[1+i] = toText(s)
		}
	}
}

func (r *reader) Order(id string) (*order.Order, error) {
	return one[order.Order](r, "order", getOrder, r.shop, id)
}

func (r *reader) OrdersByNumber(number string) ([]*order.Order, error) {
	return list[order.Order](r, ordersByNumber, r.shop, number)
}

func (r *reader) OrdersOfCustomer(email string) ([]*order.Order, error) {
	return list[order.Order](r, ordersOfCustomer, r.shop, postpurchase.FoldEmail(email))
}

func (r *reader) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	return one[postpurchase.Parcel](r, "parcel", getParcel, r.shop, ref.Carrier, ref.TrackingNumber, ref.Epoch)
}

func (r *reader) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	return one[postpurchase.Parcel](r, "parcel", latestParcel, r.shop, carrier, number)
}

func (r *reader) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	return list[postpurchase.Parcel](r, parcelsOfOrder, r.shop, orderID)
}

func (r *reader) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	return list[postpurchase.Parcel](r, byHealth(h, parcelsByHealth, parcelsByTrouble), r.shop, record.Health(h), max(limit, 0))
}

// byHealth chooses the query that finds parcels of a health by an index, if there is one.
func byHealth(h shipment.Health, any, trouble query) query {
	switch record.Health(h) {
	case string(shipment.HealthUnknown), string(shipment.HealthOnTime):
		return any
	}
	return trouble
}

func (r *reader) Message(key string) (*postpurchase.Message, error) {
	return one[postpurchase.Message](r, "message", getMessage, r.shop, key)
}

func (r *reader) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	return list[postpurchase.Message](r, messagesOfOrder, r.shop, orderID)
}

func (r *reader) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	return list[postpurchase.Message](r, messagesByState, r.shop, string(state), max(limit, 0))
}

func (r *reader) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	items, err := list[postpurchase.InboxItem](r, getInbox, r.shop, max(limit, 0))
	var all []postpurchase.InboxItem
	for _, i := range items {
		all = append(all, *i)
	}
	return all, err
}

func (r *reader) Cursor(name string) (postpurchase.Cursor, error) {
	c, err := one[postpurchase.Cursor](r, "cursor", getCursor, r.shop, name)
	if err != nil {
		return postpurchase.Cursor{}, err
	}
	return *c, nil
}

func (r *reader) NextDue() (time.Time, error) {
	var next *int64
	none := []int64{}
	if err := r.tx.QueryRow(r.ctx, r.b.sql[nextDue], r.shop, none, none, none).Scan(&next); err != nil {
		return time.Time{}, r.fail(err)
	}
	if next == nil {
		return time.Time{}, nil
	}
	return time.Unix(0, *next).UTC(), nil
}
