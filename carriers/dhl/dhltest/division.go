package dhltest

import (
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// division is how one of DHL's companies tells of parcels.
type division struct {
	product    string
	offsets    bool // timestamps have one
	returnFlag bool // shipments that go back have one

	// shopIsDelivered: a parcel in a shop or locker has the statusCode "delivered".
	shopIsDelivered bool

	retraction string // code / ICE code that takes the event before it back
	codes      map[string]string
}

// saying is a step in a division's words.
type saying struct{ code, coarse, detailed, text string }

// divisionOf returns the division of a service. Those without codes here tell of
// parcels in sentences, as freight and others really do.
func divisionOf(service string) division {
	switch service {
	case "express":
		return division{product: "EXPRESS WORLDWIDE", offsets: true, codes: expressCodes}
	case "parcel-de":
		return division{product: "DHL Paket", returnFlag: true, retraction: "NB STORN", codes: parcelDECodes}
	case "ecommerce-europe":
		return division{product: "DHL Parcel Connect", offsets: true, shopIsDelivered: true, codes: europeCodes}
	case "ecommerce":
		return division{product: "DHL Parcel International Direct", codes: americasCodes}
	case "post-de":
		return division{product: "Einschreiben", codes: letterCodes}
	}
	return division{product: strings.ToUpper(service)}
}

// The codes that each division says for a status, for a status and a detail, and for
// a status, a detail and a reason; the most exact entry counts. A second word is DHL's
// ICE code. They are the reverse of the adapter's table, and a test holds them to it.
var (
	expressCodes = map[string]string{
		"pre_transit": "104", "in_transit": "TR", "in_transit picked_up": "PU", "in_transit accepted": "SA",
		"in_transit departed": "DF", "in_transit arrived": "AF", "in_transit processing": "PL",
		"in_transit arrived_delivery_facility": "AR", "in_transit customs_processing": "IC",
		"in_transit customs_cleared": "CR", "in_transit handed_to_partner": "TP", "in_transit delayed": "MD",
		"in_transit delayed carrier_missort": "MS", "in_transit delayed customs_delay": "UD",
		"out_for_delivery": "WC", "attempt_failed": "ND", "attempt_failed not_home": "NH",
		"attempt_failed business_closed": "CA", "available_for_pickup": "CC", "exception": "OH",
		"exception held customs_documents": "CD", "exception held payment_due": "HP",
		"exception address_problem": "BA", "exception address_problem recipient_moved": "CM",
		"exception refused": "RD", "returning": "FD", "delivered": "OK", "delivered damaged": "DD",
		"delivered partial": "PD", "returned": "RT", "failed": "DS", "failed lost": "103", "cancelled": "SS",
	}
	parcelDECodes = map[string]string{
		"pre_transit": "VA", "pre_transit pickup_failed": "AN", "in_transit": "NB", "in_transit picked_up": "AE",
		"in_transit accepted": "ES", "in_transit departed": "AA", "in_transit arrived": "EE",
		"in_transit arrived_delivery_facility": "EE", "in_transit arrived_destination_country": "EE",
		"in_transit customs_processing": "ZO", "in_transit delayed": "BV LDEXC",
		"in_transit delayed carrier_missort": "BV MSRTD", "in_transit delayed weather": "BV MVDEX",
		"in_transit delayed external": "BV MVDEX", "out_for_delivery": "PO LDTMV", "attempt_failed": "ZN",
		"available_for_pickup": "ZF CNRFC", "exception": "BV", "exception held": "LA",
		"exception held customs_documents": "ZO HLDCU", "exception refused": "ZN DLVRF",
		"exception damaged": "BV DMGDS", "returning": "AA RETRN", "delivered": "ZU DLVRD", "returned": "ZU DLVRD",
		"failed": "ZU DSPSD", "failed lost": "BV RCCLS", "cancelled": "BV CANCL",
	}
	europeCodes = map[string]string{
		"pre_transit": "1", "in_transit": "41", "in_transit picked_up": "2", "in_transit accepted": "3",
		"in_transit departed": "20", "in_transit arrived": "37", "in_transit processing": "25",
		"in_transit arrived_destination_country": "33", "in_transit arrived_delivery_facility": "40",
		"in_transit customs_processing": "258", "in_transit customs_cleared": "133", "in_transit delayed": "269",
		"in_transit delayed weather": "266", "in_transit delayed carrier_capacity": "267",
		"in_transit redirected": "159", "in_transit delivery_rescheduled": "142", "out_for_delivery": "42",
		"attempt_failed": "72", "attempt_failed not_home": "73", "attempt_failed business_closed": "87",
		"available_for_pickup": "44", "available_for_pickup locker": "45", "available_for_pickup post_office": "46",
		"exception held payment_due": "268", "exception refused": "76", "exception address_problem": "79",
		"exception damaged": "83", "returning": "160", "returning to_sender recipient_refused": "151",
		"returning to_sender pickup_missed": "99", "delivered": "63", "delivered collected": "66",
		"delivered damaged": "306", "returned": "366",
	}
	americasCodes = map[string]string{
		"pre_transit": "235", "in_transit": "402", "in_transit picked_up": "100", "in_transit accepted": "115",
		"in_transit departed": "399", "in_transit arrived": "104", "in_transit processing": "365",
		"in_transit arrived_destination_country": "360", "in_transit arrived_delivery_facility": "494",
		"in_transit customs_processing": "441", "in_transit customs_cleared": "442",
		"in_transit handed_to_partner": "523", "in_transit delayed": "450",
		"in_transit delayed carrier_missort": "546", "in_transit delayed customs_delay": "508",
		"out_for_delivery": "597", "attempt_failed": "563", "attempt_failed not_home": "551",
		"available_for_pickup": "570", "available_for_pickup pickup_point": "565",
		"available_for_pickup post_office": "522", "exception": "625", "exception held": "312",
		"exception held customs_documents": "443", "exception held customs_duties": "240",
		"exception refused": "610", "exception unclaimed": "693", "exception address_problem": "630",
		"exception damaged": "620", "returning": "800", "returning to_sender pickup_missed": "804",
		"delivered": "600", "delivered collected": "572", "delivered neighbour": "606",
		"delivered safe_place": "659", "returned": "860", "failed": "825", "cancelled": "101",
	}
	letterCodes = map[string]string{
		"pre_transit": "ANNOUNCED", "in_transit": "PASSED_LETTER_CENTER", "in_transit accepted": "POSTED",
		"in_transit picked_up": "POSTED", "in_transit arrived_delivery_facility": "ARRIVAL_AT_OFFICE_OF_DELIVERY",
		"in_transit customs_processing": "IP_CUSTOMS", "out_for_delivery": "IN_DELIVERY",
		"attempt_failed": "DELIVERY_ATTEMPTED", "available_for_pickup": "NOTIFIED", "exception held": "HELD_BY_CUSTOMS",
		"returning": "SENT_BACK", "delivered": "DELIVERED", "delivered collected": "FETCHED_NOTIFIED",
		"returned": "RETURNED_TO_SENDER",
	}
)

// coarse is DHL's own five words for our statuses. They say as little as DHL's.
var coarse = map[shipment.Status]string{
	shipment.Pending: "unknown", shipment.PreTransit: "pre-transit", shipment.InTransit: "transit",
	shipment.OutForDelivery: "transit", shipment.AttemptFailed: "failure", shipment.AvailableForPickup: "transit",
	shipment.Exception: "failure", shipment.Returning: "failure", shipment.Delivered: "delivered",
	shipment.Returned: "delivered", shipment.Failed: "failure", shipment.Cancelled: "failure",
}

// say puts a step into the division's words. ok is false for what it never tells.
func (d division) say(step fake.Step) (said saying, ok bool) {
	if step.Retracts {
		code, detailed, _ := strings.Cut(d.retraction, " ")
		return saying{code, "transit", detailed, "The previous event was deleted"}, d.retraction != ""
	}
	said.coarse, ok = coarse[step.Status]
	if !ok {
		return saying{}, false
	}
	status, detail := string(step.Status), string(step.Detail)
	for _, key := range []string{status + " " + detail + " " + string(step.Reason), status + " " + detail, status} {
		if code, known := d.codes[key]; known {
			said.code, said.detailed, _ = strings.Cut(code, " ")
			break
		}
	}
	if d.shopIsDelivered && step.Status == shipment.AvailableForPickup {
		said.coarse = "delivered"
	}
	if said.text = texts[status+" "+detail]; said.text == "" {
		said.text = texts[status]
	}
	return said, true
}

// texts are the descriptions, in this package's own words.
var texts = map[string]string{
	"pre_transit":                            "The shipment data was received",
	"in_transit":                             "The shipment is on its way",
	"in_transit picked_up":                   "The shipment was picked up",
	"in_transit accepted":                    "The shipment was accepted",
	"in_transit departed":                    "The shipment has left the facility",
	"in_transit arrived":                     "The shipment has arrived at a facility",
	"in_transit processing":                  "The shipment was processed",
	"in_transit arrived_destination_country": "The shipment has arrived in the destination country",
	"in_transit arrived_delivery_facility":   "The shipment has arrived at the delivery depot",
	"in_transit customs_processing":          "The shipment is being cleared by customs",
	"in_transit customs_cleared":             "The shipment was cleared by customs",
	"in_transit delayed":                     "The shipment is delayed",
	"out_for_delivery":                       "The shipment is on the delivery vehicle",
	"attempt_failed":                         "The shipment could not be delivered",
	"attempt_failed not_home":                "Nobody was there to take the shipment",
	"available_for_pickup":                   "The shipment is ready to be collected",
	"exception":                              "Something is in the way of the delivery",
	"exception held":                         "The shipment is on hold",
	"exception refused":                      "The recipient refused the shipment",
	"exception unclaimed":                    "The shipment was not collected in time",
	"exception damaged":                      "The shipment is damaged",
	"returning":                              "The shipment goes back to the sender",
	"delivered":                              "The shipment was delivered",
	"delivered collected":                    "The shipment was collected",
	"returned":                               "The shipment was handed back to the sender",
	"failed":                                 "The shipment was disposed of",
	"failed lost":                            "The shipment was lost",
	"cancelled":                              "The order was cancelled by the sender",
}

// clock writes a moment as the division does.
func (d division) clock(t time.Time) string {
	if d.offsets {
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return t.Format("2006-01-02T15:04:05")
}
