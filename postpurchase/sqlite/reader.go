package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// reader reads one shop's rows in one transaction.
type reader struct {
	s     *session
	shop  string
	cache *parcelCache // nil in a View
}

var _ postpurchase.Reader = (*reader)(nil)

// decode reads a document. Its error names no content.
func decode[T any](doc []byte) (*T, error) {
	v, err := record.Decode[T](doc)
	if err != nil {
		return nil, errors.Join(ErrCorrupt, err)
	}
	return v, nil
}

func notFound(what string) error {
	return fmt.Errorf("sqlite: %s: %w", what, postpurchase.ErrNotFound)
}

func one[T any](r *reader, what string, q query, args ...any) (*T, error) {
	var doc sql.RawBytes
	if r.s.err != nil {
		return nil, r.s.err
	}
	rows, err := r.s.stmt(q).QueryContext(background, args...)
	if err != nil {
		return nil, r.s.fail(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, r.s.fail(err)
		}
		return nil, notFound(what)
	}
	if err := rows.Scan(&doc); err != nil {
		return nil, r.s.fail(err)
	}
	return decode[T](doc)
}

func list[T any](r *reader, q query, args ...any) ([]*T, error) {
	var all []*T
	err := r.s.each(q, args, func(rows *sql.Rows) error {
		var doc sql.RawBytes
		if err := rows.Scan(&doc); err != nil {
			return r.s.fail(err)
		}
		v, err := decode[T](doc)
		all = append(all, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func values[T any](list []*T, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var all []T
	for _, v := range list {
		all = append(all, *v)
	}
	return all, nil
}

func (r *reader) Order(id string) (*order.Order, error) {
	key := readKey{query: getOrder, shop: r.shop, id: id}
	if o, ok := remembered[*order.Order](r.cache, key); ok {
		return record.CloneOrder(o), nil
	}
	o, err := one[order.Order](r, "order", getOrder, r.shop, id)
	if err != nil || r.cache == nil {
		return o, err
	}
	r.cache.remember(key, o)
	return record.CloneOrder(o), nil
}

func (r *reader) OrdersByNumber(number string) ([]*order.Order, error) {
	return list[order.Order](r, ordersByNumber, r.shop, number)
}

func (r *reader) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if email = postpurchase.FoldEmail(email); email == "" {
		return nil, nil
	}
	return list[order.Order](r, ordersOfCustomer, r.shop, email)
}

// parcel reads an id and a document from the row, unless the cache has the document.
func (r *reader) parcel(rows *sql.Rows) (*parcelRow, error) {
	var id int64
	var doc sql.RawBytes
	if err := rows.Scan(&id, &doc); err != nil {
		return nil, r.s.fail(err)
	}
	if r.cache != nil {
		if row := r.cache.byID[id]; row != nil {
			return row, nil
		}
	}
	p, err := decode[postpurchase.Parcel](doc)
	if err != nil {
		return nil, err
	}
	row := &parcelRow{id: id, parcel: p, cost: len(doc)}
	if r.cache != nil {
		r.cache.put(r.shop, row)
	}
	return row, nil
}

// row returns the row of a parcel, nil if there is none. It is the cache's.
func (r *reader) row(q query, args ...any) (*parcelRow, error) {
	var row *parcelRow
	err := r.s.each(q, args, func(rows *sql.Rows) (err error) {
		row, err = r.parcel(rows)
		return err
	})
	return row, err
}

func (r *reader) parcelRow(ref shipment.Ref) (*parcelRow, error) {
	if r.cache != nil {
		if row := r.cache.byRef[parcelKey{r.shop, ref}]; row != nil {
			return row, nil
		}
	}
	return r.row(getParcel, r.shop, ref.Carrier, ref.TrackingNumber, ref.Epoch)
}

// give returns what a caller may change.
func (r *reader) give(row *parcelRow, err error) (*postpurchase.Parcel, error) {
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, notFound("parcel")
	}
	if r.cache == nil {
		return row.parcel, nil // decoded just now, and nobody else's
	}
	return record.CloneParcel(row.parcel), nil
}

func (r *reader) parcelList(q query, args ...any) ([]*postpurchase.Parcel, error) {
	var all []*postpurchase.Parcel
	err := r.s.each(q, args, func(rows *sql.Rows) error {
		p, err := r.give(r.parcel(rows))
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *reader) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	return r.give(r.parcelRow(ref))
}

func (r *reader) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	key := readKey{query: latestParcel, shop: r.shop, id: carrier, num: number}
	if ref, ok := remembered[shipment.Ref](r.cache, key); ok {
		return r.give(r.parcelRow(ref))
	}
	row, err := r.row(latestParcel, r.shop, carrier, number)
	if err == nil && row != nil {
		r.cache.remember(key, row.parcel.Shipment.Ref)
	}
	return r.give(row, err)
}

func (r *reader) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	key := readKey{query: parcelsOfOrder, shop: r.shop, id: orderID}
	refs, ok := remembered[[]shipment.Ref](r.cache, key)
	if !ok {
		all, err := r.parcelList(parcelsOfOrder, r.shop, orderID)
		if err == nil {
			for _, p := range all {
				refs = append(refs, p.Shipment.Ref)
			}
			r.cache.remember(key, refs)
		}
		return all, err
	}
	var all []*postpurchase.Parcel
	for _, ref := range refs {
		p, err := r.Parcel(ref)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (r *reader) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	return r.parcelList(parcelsByHealth, r.shop, record.Health(h), max(limit, 0))
}

func (r *reader) Message(key string) (*postpurchase.Message, error) {
	return one[postpurchase.Message](r, "message", getMessage, r.shop, key)
}

func (r *reader) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	key := readKey{query: messagesOfOrder, shop: r.shop, id: orderID}
	all, ok := remembered[[]*postpurchase.Message](r.cache, key)
	if !ok {
		var err error
		all, err = list[postpurchase.Message](r, messagesOfOrder, r.shop, orderID)
		if err != nil || r.cache == nil {
			return all, err
		}
		r.cache.remember(key, all)
	}
	var copies []*postpurchase.Message
	for _, m := range all {
		copies = append(copies, record.CloneMessage(m))
	}
	return copies, nil
}

func (r *reader) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	switch state {
	case notify.StatePending:
		return list[postpurchase.Message](r, messagesPending, r.shop, max(limit, 0))
	case notify.StateSending, notify.StateUnknown, notify.StateFailed:
		return list[postpurchase.Message](r, messagesOpen, r.shop, string(state), max(limit, 0))
	}
	return list[postpurchase.Message](r, messagesByState, r.shop, string(state), max(limit, 0))
}

func (r *reader) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	return values(list[postpurchase.InboxItem](r, getInbox, r.shop, max(limit, 0)))
}

func (r *reader) Cursor(name string) (postpurchase.Cursor, error) {
	c, err := one[postpurchase.Cursor](r, "cursor", getCursor, r.shop, name)
	if err != nil {
		return postpurchase.Cursor{}, err
	}
	return *c, nil
}

func (r *reader) NextDue() (time.Time, error) {
	var next sql.NullInt64
	if _, err := r.s.one(nextDue, []any{r.shop}, &next); err != nil || !next.Valid {
		return time.Time{}, err
	}
	return time.Unix(0, next.Int64).UTC(), nil
}
