package backendtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
)

func (e exam) ordersOfCustomer(t *testing.T) {
	b := e.open(t)
	put := func(tx postpurchase.Tx, id, email string, day int) error {
		o := &order.Order{ID: id, PlacedAt: time.Date(2026, 3, day, 9, 0, 0, 0, time.UTC)}
		o.Customer.Email = email
		return tx.PutOrder(o)
	}
	ids := func(list []*order.Order, err error) (ids []string, _ error) {
		for _, o := range list {
			ids = append(ids, o.ID)
		}
		return ids, err
	}
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(put(tx, "a", "Ada@Example.com", 2), put(tx, "b", " ada@example.com ", 3), put(tx, "c", "ada@example.com", 1),
			put(tx, "d", "eve@example.com", 4), put(tx, "e", "", 5))
	})
	both(t, b, func(t *testing.T, r postpurchase.Reader) {
		found(t, "OrdersOfCustomer", []string{"b", "a", "c"})(ids(r.OrdersOfCustomer("ADA@example.com")))
		found(t, "OrdersOfCustomer of nobody", []string(nil))(ids(r.OrdersOfCustomer("nobody@example.com")))
		found(t, "OrdersOfCustomer of no address", []string(nil))(ids(r.OrdersOfCustomer("")))
	})
	update(t, b, func(tx postpurchase.Tx) error {
		if err := errors.Join(put(tx, "a", "", 2), put(tx, "d", "ada@example.com", 4)); err != nil {
			return err
		}
		found(t, "OrdersOfCustomer sees puts", []string{"d", "b", "c"})(ids(tx.OrdersOfCustomer("ada@example.com")))
		return nil
	})
	e.states(t, func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			found(t, "OrdersOfCustomer after a change", []string{"d", "b", "c"})(ids(r.OrdersOfCustomer("ada@example.com")))
		})
	})(b)
}

// deleteOrder deletes an order that shares a parcel with another.
func (e exam) deleteOrder(t *testing.T) {
	b := e.open(t)
	parcel := func(n int, orders ...string) *postpurchase.Parcel {
		p := &postpurchase.Parcel{PollAt: time.Date(2026, 3, n, 9, 0, 0, 0, time.UTC)}
		p.Shipment.Ref = ref(n)
		for _, o := range orders {
			p.Orders = append(p.Orders, postpurchase.ParcelOrder{OrderID: o})
		}
		return p
	}
	message := func(key, orderID string) *postpurchase.Message {
		m := &postpurchase.Message{}
		m.Key, m.OrderID, m.State = key, orderID, "pending"
		return m
	}
	own, shared, other := parcel(1, "gone"), parcel(2, "gone", "stays"), parcel(3, "stays")
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutOrder(&order.Order{ID: "gone", Number: "7"}), tx.PutOrder(&order.Order{ID: "stays", Number: "7"}),
			tx.PutParcel(own), tx.PutParcel(shared), tx.PutParcel(other),
			tx.PutMessage(message("gone/1", "gone")), tx.PutMessage(message("stays/1", "stays")))
	})
	// Read what a Backend may remember.
	update(t, b, func(tx postpurchase.Tx) error {
		_, err1 := tx.ParcelsOfOrder("gone")
		_, err2 := tx.MessagesOfOrder("gone")
		_, err3 := tx.LatestParcel(own.Shipment.Ref.Carrier, own.Shipment.Ref.TrackingNumber)
		return errors.Join(err1, err2, err3)
	})
	for _, id := range []string{"gone", "gone", "never was"} {
		if err := b.DeleteOrder(t.Context(), shop, id); err != nil {
			t.Fatalf("DeleteOrder(%q): %v", id, err)
		}
	}
	gone := func(t *testing.T, b postpurchase.Backend) {
		both(t, b, func(t *testing.T, r postpurchase.Reader) {
			for what, err := range map[string]error{
				"the order": second(r.Order("gone")), "its message": second(r.Message("gone/1")), "its parcel": second(r.Parcel(own.Shipment.Ref)),
				"its parcel by number": second(r.LatestParcel(own.Shipment.Ref.Carrier, own.Shipment.Ref.TrackingNumber)),
			} {
				if !errors.Is(err, postpurchase.ErrNotFound) {
					t.Errorf("%s is still there: %v", what, err)
				}
			}
			found(t, "ParcelsOfOrder", 0)(size(r.ParcelsOfOrder("gone")))
			found(t, "MessagesOfOrder", 0)(size(r.MessagesOfOrder("gone")))
			found(t, "OrdersByNumber", 1)(size(r.OrdersByNumber("7")))
			found(t, "MessagesOfOrder of the other", 1)(size(r.MessagesOfOrder("stays")))
			found(t, "ParcelsOfOrder of the other", 2)(size(r.ParcelsOfOrder("stays")))
			p, err := r.Parcel(shared.Shipment.Ref)
			if err != nil || len(p.Orders) != 1 || p.Orders[0].OrderID != "stays" {
				t.Errorf("the shared parcel's orders = %v, %v", p, err)
			}
			next, err := r.NextDue()
			if err != nil || !next.Equal(shared.PollAt) {
				t.Errorf("NextDue = %v, %v, want that of the shared parcel", next, err)
			}
		})
	}
	gone(t, b)
	// Its names are free again, and it is gone for good the second time too.
	update(t, b, func(tx postpurchase.Tx) error {
		return errors.Join(tx.PutOrder(&order.Order{ID: "gone"}), tx.PutParcel(own), tx.PutMessage(message("gone/1", "gone")))
	})
	both(t, b, func(t *testing.T, r postpurchase.Reader) {
		found(t, "ParcelsOfOrder in a second life", 1)(size(r.ParcelsOfOrder("gone")))
		found(t, "MessagesOfOrder in a second life", 1)(size(r.MessagesOfOrder("gone")))
	})
	if err := b.DeleteOrder(t.Context(), shop, "gone"); err != nil {
		t.Fatal(err)
	}
	e.states(t, gone)(b)
}

func second[T any](_ T, err error) error {
	if err == nil {
		return fmt.Errorf("found")
	}
	return err
}
