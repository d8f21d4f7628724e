package ups

import (
	_ "embed"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

//go:embed codes.tsv
var codesTSV string

var codes = carriers.MustParseCodes(codesTSV)

// kindStatus3 and kindType are the table's kinds beside UPS's activity types.
const (
	kindStatus3 = "status3"
	kindType    = "type"
)

// read gives e its meaning. UPS says what happened twice: by a code that is unique
// within an activity type, and by three digits that are unique ("status3"). The three
// digits are the surer of the two and decide, but for this:
//
//   - Three digits that say nothing (000, 013, 030...) leave it to the code, and where
//     that is not in the table, to the type alone. X and D alone say nothing: X is not
//     always bad, and D is also said of parcels that wait at an Access Point.
//   - A retraction is known by its code only.
//   - "Delivered" is believed only when the code does not say that it waits for
//     pickup, went to an agent or went back.
//   - Where both mean the same status, the code says more of it.
//
// delivered says that the same answer gives a time of delivery; it makes a delivery
// of a D that nothing else is known of.
func read(e *shipment.Event, kind, code, status3 string, delivered bool) {
	byCode, coded := codes[carriers.CodeKey{Kind: kind, Code: code}]
	by3, known := codes[carriers.CodeKey{Kind: kindStatus3, Code: status3}]
	if by3.Status == shipment.Unknown {
		known = false
	}
	switch {
	case coded && (!known || byCode.Class == shipment.ClassRetraction || byCode.Status == by3.Status || by3.Status == shipment.Delivered && notDelivered(byCode)):
		codes.Set(e, kind, code)
	case known:
		codes.Set(e, kindStatus3, status3)
	case kind == "D" && delivered:
		e.Class, e.Status, e.Detail = shipment.ClassStatus, shipment.Delivered, shipment.DetailRecipient
	default:
		codes.Set(e, kindType, kind)
	}
}

func notDelivered(m carriers.Meaning) bool {
	switch m.Status {
	case shipment.AvailableForPickup, shipment.Returning, shipment.Returned:
		return true
	}
	return m.Detail == shipment.DetailHandedToPartner
}

// replaced reports whether an activity says that the parcel goes on under another
// number.
func replaced(kind, code string) bool {
	return kind == "X" && (code == "CG" || code == "IB") || kind == "D" && code == "4X"
}
