// Package clock is where programs get the time from, so that a test or a demonstration
// can hand in another one.
//
// For most uses leave the clock of a Config empty: it is then [System], the computer's
// own. A test hands in a [Fake], which stands still until it is told to go on:
//
//	c := clock.NewFake(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
//	alarm := c.After(48 * time.Hour)
//	c.Advance(48 * time.Hour) // the alarm rings now
//
// A demonstration hands in a [Lapse], on which a day passes in a minute or in a second.
//
// The clock says which moment it is and never which zone somebody lives in: zones belong
// to orders and scans.
package clock

import "time"

// Clock tells the time and waits. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the present moment. It has no monotonic reading that outlives the process:
	// two moments are compared by what they say.
	Now() time.Time

	// After returns a channel that gets the time once d has passed on this clock, and at
	// once where d is not positive. As with [time.After], nobody has to receive from it.
	After(d time.Duration) <-chan time.Time
}

// System is the computer's clock. It is ready to use.
var System Clock = system{}

type system struct{}

func (system) Now() time.Time                         { return time.Now() }
func (system) After(d time.Duration) <-chan time.Time { return time.After(d) }

var (
	_ Clock = system{}
	_ Clock = (*Fake)(nil)
	_ Clock = (*Lapse)(nil)
)
