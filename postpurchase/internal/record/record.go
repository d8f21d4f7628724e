// Package record is what the backends on SQL databases have in common: how things
// become rows, what columns those are searched by, and what is asked of them.
package record

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
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
