// Package record is what the backends on SQL databases have in common: how things
// become rows, how rows are copied, and what columns are searched by.
package record

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Nanos is a moment as it is searched for, in nanoseconds since 1970. Those before 1678
// and after 2262 are taken for the first and the last there is.
func Nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < math.MinInt64/int64(time.Second):
		return math.MinInt64
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Stamp is the same for a column that is NULL where there is no moment.
func Stamp(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := Nanos(t)
	return &n
}

// Health is a health as it is searched for: the zero value is a word as well.
func Health(h shipment.Health) string { return string(cmp.Or(h, shipment.HealthUnknown)) }

// NotFound says that there is no such thing.
func NotFound(what string) error { return fmt.Errorf("%s: %w", what, postpurchase.ErrNotFound) }

// CloneOrder returns a copy that shares nothing.
func CloneOrder(o *order.Order) *order.Order {
	c := *o
	c.Lines = slices.Clone(o.Lines)
	c.Parcels = slices.Clone(o.Parcels)
	for i := range c.Parcels {
		c.Parcels[i].Lines = slices.Clone(c.Parcels[i].Lines)
	}
	return &c
}

// CloneParcel returns a copy that shares nothing.
func CloneParcel(p *postpurchase.Parcel) *postpurchase.Parcel {
	c := *p
	c.Shipment = *p.Shipment.Clone()
	c.Orders = slices.Clone(p.Orders)
	for i := range c.Orders {
		c.Orders[i].Lines = slices.Clone(c.Orders[i].Lines)
	}
	c.Alarms = slices.Clone(p.Alarms)
	return &c
}

// CloneMessage returns a copy that shares nothing.
func CloneMessage(m *postpurchase.Message) *postpurchase.Message {
	c := *m
	c.Parcels = slices.Clone(m.Parcels)
	return &c
}

// HasOrder reports whether the parcel has something of an order.
func HasOrder(p *postpurchase.Parcel, orderID string) bool {
	return p != nil && slices.ContainsFunc(p.Orders, func(o postpurchase.ParcelOrder) bool { return o.OrderID == orderID })
}

// Timer is the moment a parcel's timer is set to; the zero time for a timer that does
// not exist.
func Timer(p *postpurchase.Parcel, t postpurchase.Timer) time.Time {
	switch t {
	case postpurchase.TimerPoll:
		return p.PollAt
	case postpurchase.TimerCheck:
		return p.CheckAt
	case postpurchase.TimerRenew:
		return p.RenewAt
	}
	return time.Time{}
}
