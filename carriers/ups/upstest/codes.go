package upstest

import (
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// saying is how UPS says a step: activity type, code within it, three-digit status,
// and words of ours in the manner of UPS's.
type saying struct{ kind, code, status3, text string }

type meaning struct {
	status shipment.Status
	detail shipment.Detail
	reason shipment.Reason
}

// sayings is UPS's word for what can happen on a journey: by status, detail and
// reason, then without the reason, then by status alone. The adapter's tests hold that
// each is read back as it was meant.
var sayings = map[meaning]saying{
	{shipment.PreTransit, "", ""}:                           {"M", "MP", "003", "Label created, the parcel is not with us yet"},
	{shipment.PreTransit, shipment.DetailLabelCreated, ""}:  {"I", "OC", "003", "Label created"},
	{shipment.PreTransit, shipment.DetailInfoReceived, ""}:  {"M", "MP", "003", "Label created, the parcel is not with us yet"},
	{shipment.PreTransit, shipment.DetailPickupFailed, ""}:  {"X", "G4", "065", "Collection attempted, parcel not ready"},
	{shipment.InTransit, "", ""}:                            {"I", "LC", "005", "On the way"},
	{shipment.InTransit, shipment.DetailPickedUp, ""}:       {"I", "PC", "038", "Pickup scan"},
	{shipment.InTransit, shipment.DetailAccepted, ""}:       {"I", "OR", "160", "Origin scan"},
	{shipment.InTransit, shipment.DetailMoving, ""}:         {"I", "LC", "005", "On the way"},
	{shipment.InTransit, shipment.DetailDeparted, ""}:       {"I", "DP", "005", "Departed from facility"},
	{shipment.InTransit, shipment.DetailArrived, ""}:        {"I", "AR", "005", "Arrived at facility"},
	{shipment.InTransit, shipment.DetailProcessing, ""}:     {"I", "YP", "071", "Processing at facility"},
	{shipment.InTransit, shipment.DetailCustomsCleared, ""}: {"X", "DA", "014", "Released by customs, on the way"},

	{shipment.InTransit, shipment.DetailArrivedDestinationCountry, ""}:             {"I", "IP", "005", "Import scan"},
	{shipment.InTransit, shipment.DetailArrivedDeliveryFacility, ""}:               {"I", "DS", "005", "Destination scan"},
	{shipment.InTransit, shipment.DetailCustomsProcessing, ""}:                     {"X", "5", "126", "Pending release by a government agency"},
	{shipment.InTransit, shipment.DetailHandedToPartner, ""}:                       {"I", "XR", "074", "Received by the local post office"},
	{shipment.InTransit, shipment.DetailRedirected, ""}:                            {"X", "2X", "057", "On the way to a local Access Point"},
	{shipment.InTransit, shipment.DetailRelabelled, ""}:                            {"D", "4X", "", "See the alternate tracking number"},
	{shipment.InTransit, shipment.DetailDeliveryScheduled, ""}:                     {"X", "4F", "", "Delivery scheduled"},
	{shipment.InTransit, shipment.DetailDeliveryRescheduled, ""}:                   {"X", "2", "", "Delivery will be rescheduled"},
	{shipment.InTransit, shipment.DetailProblemResolved, ""}:                       {"X", "X0", "", "The hold has been resolved"},
	{shipment.InTransit, shipment.DetailDelayed, ""}:                               {"X", "1X", "048", "The parcel is delayed"},
	{shipment.InTransit, shipment.DetailDelayed, shipment.ReasonWeather}:           {"X", "DJ", "052", "Severe weather has delayed delivery"},
	{shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCarrierMissort}:    {"X", "6", "048", "The parcel was misrouted"},
	{shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCarrierVehicle}:    {"X", "16", "048", "A mechanical failure has delayed delivery"},
	{shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCarrierFlight}:     {"X", "18", "048", "A late flight has caused a delay"},
	{shipment.InTransit, shipment.DetailDelayed, shipment.ReasonExternal}:          {"X", "DF", "048", "A disaster has delayed delivery"},
	{shipment.OutForDelivery, "", ""}:                                              {"I", "OF", "021", "Out for delivery today"},
	{shipment.AttemptFailed, "", ""}:                                               {"X", "GB", "060", "Delivery attempted"},
	{shipment.AttemptFailed, shipment.DetailNotHome, ""}:                           {"X", "48", "022", "The receiver was not available"},
	{shipment.AttemptFailed, shipment.DetailBusinessClosed, ""}:                    {"X", "55", "022", "The business was closed"},
	{shipment.AttemptFailed, shipment.DetailNoticeLeft, ""}:                        {"X", "HQ", "022", "A notice was left"},
	{shipment.AttemptFailed, shipment.DetailIDCheckFailed, ""}:                     {"X", "G7", "061", "An adult must sign"},
	{shipment.AttemptFailed, shipment.DetailCODUnpaid, ""}:                         {"X", "51", "062", "Payment could not be collected"},
	{shipment.AttemptFailed, shipment.DetailFinalAttempt, ""}:                      {"X", "49", "024", "Final attempt made"},
	{shipment.AvailableForPickup, "", ""}:                                          {"D", "ZQ", "017", "Held for pickup"},
	{shipment.AvailableForPickup, shipment.DetailPickupPoint, ""}:                  {"D", "2Q", "161", "Delivered to Access Point"},
	{shipment.AvailableForPickup, shipment.DetailLocker, ""}:                       {"D", "1N", "017", "Delivered to a locker"},
	{shipment.AvailableForPickup, shipment.DetailPostOffice, ""}:                   {"D", "EP", "144", "Held at the post office"},
	{shipment.Exception, "", ""}:                                                   {"X", "5T", "083", "Held for instructions"},
	{shipment.Exception, shipment.DetailHeld, shipment.ReasonCustomsDocuments}:     {"X", "BA", "124", "Clearance information is needed"},
	{shipment.Exception, shipment.DetailHeld, shipment.ReasonCustomsDuties}:        {"X", "1C", "", "Import charges are due"},
	{shipment.Exception, shipment.DetailHeld, shipment.ReasonPaymentDue}:           {"X", "", "085", "Held for payment"},
	{shipment.Exception, shipment.DetailAddressProblem, ""}:                        {"X", "AG", "050", "The address is incomplete"},
	{shipment.Exception, shipment.DetailRefused, ""}:                               {"X", "KT", "064", "The receiver refused the delivery"},
	{shipment.Exception, shipment.DetailUnclaimed, ""}:                             {"D", "5F", "", "Not collected at the Access Point"},
	{shipment.Exception, shipment.DetailUndeliverable, ""}:                         {"X", "BF", "069", "Unable to deliver"},
	{shipment.Exception, shipment.DetailRejected, ""}:                              {"X", "CV", "", "Too heavy"},
	{shipment.Exception, shipment.DetailDamaged, ""}:                               {"X", "45", "059", "Damaged in transit"},
	{shipment.Returning, "", ""}:                                                   {"X", "DL", "036", "Returning to the sender"},
	{shipment.Returning, shipment.DetailToSender, shipment.ReasonRecipientRefused}: {"X", "8H", "036", "Refused, returning to the sender"},
	{shipment.Returning, shipment.DetailToSender, shipment.ReasonPickupMissed}:     {"X", "3N", "036", "Not collected, returning to the sender"},
	{shipment.Returned, "", ""}:                                                    {"D", "B0", "034", "Delivered to the sender"},
	{shipment.Delivered, "", ""}:                                                   {"D", "FS", "011", "DELIVERED"},
	{shipment.Delivered, shipment.DetailCollected, ""}:                             {"D", "2W", "011", "Picked up at the Access Point"},
	{shipment.Delivered, shipment.DetailNeighbour, ""}:                             {"D", "3H", "011", "Left with a neighbor"},
	{shipment.Delivered, shipment.DetailSafePlace, ""}:                             {"D", "MQ", "011", "Left on the porch"},
	{shipment.Delivered, shipment.DetailReception, ""}:                             {"D", "M4", "011", "Left at reception"},
	{shipment.Delivered, shipment.DetailPOBox, ""}:                                 {"D", "MU", "011", "Left in the mailbox"},
	{shipment.Delivered, shipment.DetailDamaged, ""}:                               {"X", "HE", "", "The receiver reported damage"},
	{shipment.Failed, "", ""}:                                                      {"X", "8D", "", "Undeliverable, being disposed of"},
	{shipment.Failed, shipment.DetailDestroyed, ""}:                                {"X", "1F", "149", "Destroyed"},
	{shipment.Failed, shipment.DetailLost, ""}:                                     {"X", "UO", "068", "Sent to lost and found"},
	{shipment.Cancelled, "", ""}:                                                   {"M", "VP", "007", "Shipment voided"},
}

// retraction is how UPS takes the activity before back.
var retraction = saying{"X", "TL", "", "The delivery information was updated in error"}

// sayingFor is UPS's word for a step; "on the way" where it has none at all.
func sayingFor(step fake.Step) saying {
	if step.Retracts {
		return retraction
	}
	for _, m := range []meaning{
		{step.Status, step.Detail, step.Reason},
		{step.Status, step.Detail, ""},
		{step.Status, "", ""},
	} {
		if said, ok := sayings[m]; ok {
			return said
		}
	}
	return sayings[meaning{status: shipment.InTransit}]
}
