package fake

import (
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Journey is what becomes of an invented parcel, in the order it happens. The
// simulated carriers (this package, upstest, dhltest) play journeys; the latter say
// each step in their carrier's own codes. The functions that return one ([OnTime],
// [Late], …) write journeys that begin at about nine in the morning.
type Journey []Step

// Step is one thing that happens on a [Journey].
type Step struct {
	After    time.Duration // since the journey's start: when it happens
	Reported time.Duration // how much later the carrier's answers show it; 0 is at once

	// Status is what the step says of the parcel. Empty: the step is news that moves
	// nothing, such as a new estimate.
	Status   shipment.Status
	Detail   shipment.Detail
	Reason   shipment.Reason
	Place    shipment.Place
	Offset   int  // of the place's wall clock, in seconds east of UTC
	ETA      ETA  // what the carrier promises from now on; zero: as before
	Retracts bool // the step takes the one before it in the journey back
}

// ETA is when the parcel is said to arrive, both ends counted from the journey's
// start. Equal ends mean the calendar day of that moment; the zero value means that
// nothing is said.
type ETA struct{ From, To time.Duration }

// Window is the promise of a journey that began at start, on a wall clock offset
// seconds east of UTC. The zero ETA gives the zero Window.
func (e ETA) Window(start time.Time, offset int) shipment.Window {
	if e == (ETA{}) {
		return shipment.Window{}
	}
	zone := time.FixedZone("", offset)
	from, to := start.Add(e.From).In(zone), start.Add(e.To).In(zone)
	if e.From == e.To {
		day := shipment.Day(from.Year(), from.Month(), from.Day())
		return shipment.Window{From: day, To: day}
	}
	return shipment.Window{From: shipment.At(from), To: shipment.At(to)}
}

// Time is when the step happens on a journey that began at start, to the second, in
// the place's offset.
func (s Step) Time(start time.Time) time.Time {
	return start.Add(s.After).Truncate(time.Second).In(time.FixedZone("", s.Offset))
}

// Shown is what a carrier's answers show at now of a journey that began at start: the
// steps that were reported by then, in the order they happened.
func (j Journey) Shown(start, now time.Time) Journey {
	shown := slices.DeleteFunc(slices.Clone(j), func(s Step) bool {
		return start.Add(s.After + s.Reported).After(now)
	})
	slices.SortStableFunc(shown, func(a, b Step) int { return int(max(-1, min(1, a.After-b.After))) })
	return shown
}

// Promise is the estimate that the carrier gives after the last of these steps: that
// of the latest step with one, with the step's offset. ok is false where there is none.
func (j Journey) Promise() (eta ETA, offset int, ok bool) {
	for _, s := range slices.Backward(j) {
		if s.ETA != (ETA{}) {
			return s.ETA, s.Offset, true
		}
	}
	return ETA{}, 0, false
}

// Length is how long after its start the last news of the journey is reported.
func (j Journey) Length() time.Duration {
	var length time.Duration
	for _, s := range j {
		length = max(length, s.After+s.Reported)
	}
	return length
}
