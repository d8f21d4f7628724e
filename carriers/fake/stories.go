package fake

import (
	"slices"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const day = 24 * time.Hour

// at returns a step at a place, on the place's wall clock.
func at(after time.Duration, place shipment.Place, status shipment.Status, detail shipment.Detail) Step {
	return Step{After: after, Place: place, Offset: offsetOf(place), Status: status, Detail: detail}
}

func because(s Step, reason shipment.Reason) Step { s.Reason = reason; return s }

func promising(s Step, from, to time.Duration) Step { s.ETA = ETA{from, to}; return s }

func reported(s Step, later time.Duration) Step { s.Reported = later; return s }

// offsetOf is the winter offset of a place's wall clock, good enough for parcels that
// do not exist. What it does not know is on UTC.
func offsetOf(p shipment.Place) int {
	hours := 0
	switch p.Country {
	case "DE", "AT", "CH", "FR", "NL", "BE", "LU", "IT", "ES", "PL", "CZ", "DK", "SE", "NO":
		hours = 1
	case "FI", "GR", "RO", "BG", "EE", "LV", "LT":
		hours = 2
	case "US":
		switch p.Region {
		case "CA", "WA", "OR", "NV":
			hours = -8
		case "CO", "AZ", "UT", "NM", "MT", "ID", "WY":
			hours = -7
		case "TX", "IL", "MN", "MO", "TN", "WI", "LA", "OK", "KS", "IA", "AR", "AL", "MS", "NE":
			hours = -6
		default:
			hours = -5
		}
	case "CN", "HK", "SG":
		hours = 8
	case "JP", "KR":
		hours = 9
	}
	return hours * 3600
}

func facility(name string, p shipment.Place) shipment.Place {
	return shipment.Place{Name: name, City: p.City, Region: p.Region, Country: p.Country}
}

// travel is the way from the label to the depot near to: it ends about six in the
// morning of the given day. Parcels that cross a border pass customs.
func travel(from, to shipment.Place, days int) Journey {
	arrives := time.Duration(days) * day
	hub, depot := facility("Sorting centre", from), facility("Delivery depot", to)
	j := Journey{
		promising(at(0, from, shipment.PreTransit, shipment.DetailInfoReceived), arrives, arrives),
		at(7*time.Hour+40*time.Minute, from, shipment.InTransit, shipment.DetailPickedUp),
		at(10*time.Hour+15*time.Minute, hub, shipment.InTransit, shipment.DetailArrived),
		at(13*time.Hour+5*time.Minute, hub, shipment.InTransit, shipment.DetailDeparted),
	}
	if from.Country != to.Country && days >= 2 {
		gate := facility("Gateway", to)
		before := arrives - day
		j = append(j,
			at(before-3*time.Hour, gate, shipment.InTransit, shipment.DetailArrivedDestinationCountry),
			at(before, gate, shipment.InTransit, shipment.DetailCustomsProcessing),
			at(before+4*time.Hour, gate, shipment.InTransit, shipment.DetailCustomsCleared))
	} else if days >= 3 {
		j = append(j, at(arrives-day-5*time.Hour, facility("Sorting centre", to), shipment.InTransit, shipment.DetailProcessing))
	}
	return append(j, at(arrives-3*time.Hour+10*time.Minute, depot, shipment.InTransit, shipment.DetailArrivedDeliveryFacility))
}

// tour is a delivery round on the given day: the vehicle leaves shortly after eight
// and something happens half past twelve.
func tour(to shipment.Place, onDay int, ends shipment.Status, detail shipment.Detail) Journey {
	d := time.Duration(onDay) * day
	return Journey{
		promising(at(d-50*time.Minute, facility("Delivery depot", to), shipment.OutForDelivery, shipment.DetailOnVehicle), d+2*time.Hour, d+5*time.Hour),
		at(d+3*time.Hour+30*time.Minute, to, ends, detail),
	}
}

func join(parts ...Journey) Journey { return slices.Concat(parts...) }

// OnTime is a parcel that arrives on the day it was promised, days after it was
// announced. Days is at least 1, here and in all the other journeys.
func OnTime(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	return join(travel(from, to, days), tour(to, days, shipment.Delivered, shipment.DetailRecipient))
}

// Late is a parcel that is held up by the weather and comes two days after the
// promise; the carrier says so on the promised morning.
func Late(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	was, is := time.Duration(days)*day, time.Duration(days+2)*day
	j := travel(from, to, days)
	j = j[:len(j)-1]
	depot := facility("Delivery depot", to)
	return join(j, Journey{
		promising(because(at(was-2*time.Hour, facility("Sorting centre", to), shipment.InTransit, shipment.DetailDelayed), shipment.ReasonWeather), is, is),
		at(is-3*time.Hour, depot, shipment.InTransit, shipment.DetailArrivedDeliveryFacility),
	}, tour(to, days+2, shipment.Delivered, shipment.DetailRecipient))
}

// Lost is a parcel that is not seen again after it left the first sorting centre. Ten
// days after the promise the carrier says that it is lost.
func Lost(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	return append(travel(from, to, days)[:4],
		because(at(time.Duration(days+10)*day, from, shipment.Failed, shipment.DetailLost), shipment.ReasonCarrierLost))
}

// Stalled is a parcel that is not seen again, and of which the carrier says nothing.
func Stalled(from, to shipment.Place, days int) Journey { return travel(from, to, max(1, days))[:4] }

// NoScan is a parcel that was announced and never handed over.
func NoScan(from, to shipment.Place, days int) Journey { return travel(from, to, max(1, days))[:1] }

// Cancelled is a parcel whose label is voided the day after it was made.
func Cancelled(from, to shipment.Place, days int) Journey {
	return append(NoScan(from, to, days),
		because(at(day, from, shipment.Cancelled, shipment.DetailVoid), shipment.ReasonShipperCancelled))
}

// FailedThenDelivered is a parcel for which nobody is at home on the promised day,
// and which is handed over on the next.
func FailedThenDelivered(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	tomorrow := time.Duration(days+1) * day
	j := join(travel(from, to, days), tour(to, days, shipment.AttemptFailed, shipment.DetailNotHome))
	last := &j[len(j)-1]
	last.Reason, last.ETA = shipment.ReasonRecipientUnavailable, ETA{tomorrow, tomorrow}
	return join(j, tour(to, days+1, shipment.Delivered, shipment.DetailSigned))
}

// Pickup is a parcel that is brought to a shop after nobody was at home, and is
// collected there two days later.
func Pickup(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	d := time.Duration(days) * day
	shop := facility("Corner Shop", to)
	j := join(travel(from, to, days), tour(to, days, shipment.AttemptFailed, shipment.DetailNotHome))
	j[len(j)-1].Reason = shipment.ReasonRecipientUnavailable
	return append(j,
		at(d+8*time.Hour, shop, shipment.AvailableForPickup, shipment.DetailPickupPoint),
		at(d+2*day+7*time.Hour, shop, shipment.Delivered, shipment.DetailCollected))
}

// Unclaimed is a parcel that nobody collects from the shop: after a week it goes
// back, and the sender has it three days later.
func Unclaimed(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	d := time.Duration(days) * day
	j := Pickup(from, to, days)
	shop := facility("Corner Shop", to)
	return append(j[:len(j)-1],
		because(at(d+7*day, shop, shipment.Exception, shipment.DetailUnclaimed), shipment.ReasonPickupMissed),
		because(at(d+7*day+4*time.Hour, facility("Delivery depot", to), shipment.Returning, shipment.DetailToSender), shipment.ReasonPickupMissed),
		at(d+10*day, from, shipment.Returned, shipment.DetailToSender))
}

// Returned is a parcel that the customer refuses. It goes back, and the sender has it
// three days later.
func Returned(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	d := time.Duration(days) * day
	j := join(travel(from, to, days), tour(to, days, shipment.Exception, shipment.DetailRefused))
	j[len(j)-1].Reason = shipment.ReasonRecipientRefused
	return append(j,
		because(at(d+7*time.Hour, facility("Delivery depot", to), shipment.Returning, shipment.DetailToSender), shipment.ReasonRecipientRefused),
		because(at(d+day+10*time.Hour, facility("Sorting centre", from), shipment.Returning, shipment.DetailToSender), shipment.ReasonRecipientRefused),
		at(d+3*day+time.Hour, from, shipment.Returned, shipment.DetailToSender))
}

// HeldByCustoms is a parcel for which customs want papers; it comes three days late.
func HeldByCustoms(from, to shipment.Place, days int) Journey {
	days = max(2, days)
	was, is := time.Duration(days)*day, time.Duration(days+3)*day
	gate := facility("Gateway", to)
	return join(travel(from, to, days)[:4], Journey{
		at(was-day-3*time.Hour, gate, shipment.InTransit, shipment.DetailArrivedDestinationCountry),
		at(was-day, gate, shipment.InTransit, shipment.DetailCustomsProcessing),
		because(at(was-day+5*time.Hour, gate, shipment.Exception, shipment.DetailHeld), shipment.ReasonCustomsDocuments),
		promising(at(is-day, gate, shipment.InTransit, shipment.DetailCustomsCleared), is, is),
		at(is-3*time.Hour, facility("Delivery depot", to), shipment.InTransit, shipment.DetailArrivedDeliveryFacility),
	}, tour(to, days+3, shipment.Delivered, shipment.DetailRecipient))
}

// Damaged is a parcel that is found damaged at the depot; the shop must decide.
func Damaged(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	return append(travel(from, to, days),
		because(at(time.Duration(days)*day-2*time.Hour, facility("Delivery depot", to), shipment.Exception, shipment.DetailDamaged), shipment.ReasonCarrierDamage))
}

// OutOfOrder is [OnTime] as carriers really tell it: the departure is uploaded a day
// late, the arrival is told twice, and "out for delivery" is heard of after "delivered".
func OutOfOrder(from, to shipment.Place, days int) Journey {
	j := OnTime(from, to, days)
	for i := range j {
		switch {
		case j[i].Detail == shipment.DetailDeparted:
			j[i] = reported(j[i], 25*time.Hour)
		case j[i].Status == shipment.OutForDelivery:
			j[i] = reported(j[i], 6*time.Hour)
		}
	}
	i := slices.IndexFunc(j, func(s Step) bool { return s.Detail == shipment.DetailArrivedDeliveryFacility })
	return slices.Insert(j, i+1, reported(j[i], 2*time.Hour))
}

// Retracted is a parcel that is called delivered by mistake. An hour later the
// carrier takes it back, and delivers on the next day.
func Retracted(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	d, tomorrow := time.Duration(days)*day, time.Duration(days+1)*day
	back := at(d+4*time.Hour+30*time.Minute, facility("Delivery depot", to), "", "")
	back.Retracts, back.ETA = true, ETA{tomorrow, tomorrow}
	return join(OnTime(from, to, days), Journey{back}, tour(to, days+1, shipment.Delivered, shipment.DetailRecipient))
}

// DeliveredTwice is a parcel that is called delivered again the next morning, and of
// which an old scan at the depot turns up between the two.
func DeliveredTwice(from, to shipment.Place, days int) Journey {
	days = max(1, days)
	d := time.Duration(days) * day
	return append(OnTime(from, to, days),
		reported(at(d-2*time.Hour, facility("Delivery depot", to), shipment.InTransit, shipment.DetailProcessing), 8*time.Hour),
		at(d+21*time.Hour, to, shipment.Delivered, shipment.DetailRecipient))
}

// NotYet is [OnTime], but the carrier does not know the number for the first six hours.
func NotYet(from, to shipment.Place, days int) Journey {
	j := OnTime(from, to, days)
	j[0] = reported(j[0], 6*time.Hour)
	return j
}
