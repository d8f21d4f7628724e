package fake

import (
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Journey is what becomes of an invented parcel, in the order it happens. The
// simulated carriers (this package, upstest, dhltest) play journeys; the latter say
// each step in their carrier's own codes.
type Journey []Step

// Step is one thing that happens on a [Journey].
type Step struct {
	After    time.Duration // since the journey's start: when it happens
	Reported time.Duration // how much later the carrier's answers show it; 0 is at once
	Status   shipment.Status
	Detail   shipment.Detail
	Reason   shipment.Reason
	Place    shipment.Place
	Offset   int             // of the place's wall clock, in seconds east of UTC
	ETA      shipment.Window // what the carrier promises from now on; zero: as before
}
