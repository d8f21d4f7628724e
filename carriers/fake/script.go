package fake

import (
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// A Script is a tracking number that says what becomes of its parcel.
type Script struct {
	Number string        // such as "FAKE-DELIVERED"
	What   string        // what happens, for people
	Past   time.Duration // how long before the number was first asked for the journey began
	Err    error         // every question is answered with this kind of error
	Journey
}

var (
	cologne = shipment.Place{City: "Cologne", PostalCode: "50667", Country: "DE"}
	berlin  = shipment.Place{City: "Berlin", PostalCode: "10115", Country: "DE"}
	boston  = shipment.Place{City: "Boston", Region: "MA", PostalCode: "02108", Country: "US"}
)

// Scripts returns the numbers that the fake carrier knows by itself. Those whose
// journey is over when they are first asked for come first.
func Scripts() []Script {
	over := func(number, what string, j Journey) Script {
		return Script{Number: number, What: what, Past: j.Length() + time.Hour, Journey: j}
	}
	runs := func(number, what string, past time.Duration, j Journey) Script {
		return Script{Number: number, What: what, Past: past, Journey: j}
	}
	return []Script{
		over("FAKE-DELIVERED", "was delivered an hour ago", OnTime(cologne, berlin, 2)),
		over("FAKE-DELIVERED-TWICE", "was called delivered twice, with an old scan in between", DeliveredTwice(cologne, berlin, 2)),
		over("FAKE-ATTEMPT", "nobody was at home; delivered on the next day", FailedThenDelivered(cologne, berlin, 2)),
		over("FAKE-CANCELLED", "the label was voided", Cancelled(cologne, berlin, 2)),
		over("FAKE-LOST", "was lost", Lost(cologne, berlin, 2)),
		over("FAKE-RETURNED", "was refused, and is with the sender again", Returned(cologne, berlin, 2)),
		over("FAKE-UNCLAIMED", "was not collected, and is with the sender again", Unclaimed(cologne, berlin, 2)),
		over("FAKE-OUTOFORDER", "was delivered; scans came late, twice and out of order", OutOfOrder(cologne, berlin, 2)),
		over("FAKE-RETRACTED", "was called delivered by mistake, taken back, then delivered", Retracted(cologne, berlin, 2)),
		over("FAKE-DAMAGED", "is damaged; the shop must decide", Damaged(cologne, berlin, 2)),

		runs("FAKE-ONTIME", "begins now, and arrives on the promised day", 0, OnTime(cologne, berlin, 2)),
		runs("FAKE-LATE", "begins now, and arrives two days after the promise", 0, Late(cologne, berlin, 2)),
		runs("FAKE-NOTYET", "begins now; is not found for six hours", 0, NotYet(cologne, berlin, 2)),
		runs("FAKE-NOSCAN", "was announced five days ago and not handed over", 5*day, NoScan(cologne, berlin, 2)),
		runs("FAKE-STALLED", "was last seen a week ago", 7*day+13*time.Hour, Stalled(cologne, berlin, 2)),
		runs("FAKE-TRANSIT", "is on its way", day, OnTime(cologne, berlin, 3)),
		runs("FAKE-OUTFORDELIVERY", "is on the last vehicle, delivered in two hours", 2*day+90*time.Minute, OnTime(cologne, berlin, 2)),
		runs("FAKE-PICKUP", "waits in a shop, collected in two days", 2*day+9*time.Hour, Pickup(cologne, berlin, 2)),
		runs("FAKE-CUSTOMS", "is held by customs, who want papers", 3*day, HeldByCustoms(boston, berlin, 3)),

		{Number: "FAKE-NOTFOUND", What: "is not found, ever", Err: carriers.ErrNotFound},
		{Number: "FAKE-INVALID", What: "is refused as invalid", Err: carriers.ErrInvalid},
		{Number: "FAKE-DOWN", What: "the carrier cannot be reached", Err: carriers.ErrUnavailable},
		{Number: "FAKE-RATELIMITED", What: "the carrier asks to be left alone for a minute", Err: carriers.ErrRateLimited},
		{Number: "FAKE-UNAUTHORIZED", What: "the carrier refuses the credentials", Err: carriers.ErrUnauthorized},
		{Number: "FAKE-MALFORMED", What: "the carrier's answer is not understood", Err: carriers.ErrMalformed},
	}
}

// clean brings a number to the form that [carriers.CleanNumber] gives, so that an
// adapter that is asked without a Set answers too.
func clean(number string) string { return carriers.CleanNumber(number) }

// scripted finds the script of a clean number. Digits may follow a script's number.
func scripted(scripts []Script, number string) (Script, bool) {
	number = strings.TrimRight(number, "0123456789")
	for _, s := range scripts {
		if clean(s.Number) == number {
			return s, true
		}
	}
	return Script{}, false
}
