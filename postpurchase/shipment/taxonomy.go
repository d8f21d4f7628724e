package shipment

// Status is where a parcel is in its life. It is an open string: a word that is not
// one of the constants is kept as it came and never moves a shipment. The zero value
// is treated as [Unknown].
type Status string

// The statuses. Terminal ones say so; all terminal ones can be reopened by what the
// machine's table allows and by nothing else.
const (
	Unknown            Status = "unknown"              // not understood; never replaces another status
	Pending            Status = "pending"              // followed by us, nothing from the carrier yet
	PreTransit         Status = "pre_transit"          // the carrier has data, not the parcel
	InTransit          Status = "in_transit"           // the carrier has the parcel
	OutForDelivery     Status = "out_for_delivery"     // on the last vehicle
	AttemptFailed      Status = "attempt_failed"       // they came and could not hand it over
	AvailableForPickup Status = "available_for_pickup" // waits for the customer at a counter or locker
	Exception          Status = "exception"            // somebody must decide or act
	Returning          Status = "returning"            // on its way back to the sender
	Delivered          Status = "delivered"            // terminal: the customer, or one accepting for them, has it
	Returned           Status = "returned"             // terminal: the sender has it again
	Failed             Status = "failed"               // terminal: it will not arrive (lost, destroyed, disposed of)
	Cancelled          Status = "cancelled"            // terminal: the label was voided before hand-over
)

// Statuses lists every known status, in the order of a parcel's life.
func Statuses() []Status {
	return []Status{
		Unknown, Pending, PreTransit, InTransit, OutForDelivery, AttemptFailed, AvailableForPickup,
		Exception, Returning, Delivered, Returned, Failed, Cancelled,
	}
}

// Known reports whether s is one of the constants of this package.
func (s Status) Known() bool { return s == Unknown || s.index() != 0 }

// Terminal reports whether a parcel's life normally ends with s.
func (s Status) Terminal() bool {
	return s == Delivered || s == Returned || s == Failed || s == Cancelled
}

// Detail says more about a [Status], in words that do not differ between carriers.
// It is an open string; the zero value means that nothing more is known.
type Detail string

// The details, by the status they usually come with.
const (
	DetailNotFound          Detail = "not_found" // pending
	DetailInvalidNumber     Detail = "invalid_number"
	DetailCarrierUndetected Detail = "carrier_undetected"

	DetailLabelCreated     Detail = "label_created" // pre_transit
	DetailInfoReceived     Detail = "info_received"
	DetailAwaitingHandover Detail = "awaiting_handover"
	DetailPickupFailed     Detail = "pickup_failed"

	DetailPickedUp                  Detail = "picked_up" // in_transit
	DetailAccepted                  Detail = "accepted"
	DetailMoving                    Detail = "moving"
	DetailDeparted                  Detail = "departed"
	DetailArrived                   Detail = "arrived"
	DetailProcessing                Detail = "processing"
	DetailArrivedDestinationCountry Detail = "arrived_destination_country"
	DetailArrivedDeliveryFacility   Detail = "arrived_delivery_facility"
	DetailCustomsProcessing         Detail = "customs_processing"
	DetailCustomsCleared            Detail = "customs_cleared"
	DetailHandedToPartner           Detail = "handed_to_partner"
	DetailRedirected                Detail = "redirected"
	DetailRelabelled                Detail = "relabelled"
	DetailDeliveryScheduled         Detail = "delivery_scheduled"
	DetailDeliveryRescheduled       Detail = "delivery_rescheduled"
	DetailDelayed                   Detail = "delayed"
	DetailProblemResolved           Detail = "problem_resolved"

	DetailOnVehicle          Detail = "on_vehicle" // out_for_delivery
	DetailRecipientContacted Detail = "recipient_contacted"
	DetailAppointmentSet     Detail = "appointment_set"

	DetailNotHome        Detail = "not_home" // attempt_failed
	DetailBusinessClosed Detail = "business_closed"
	DetailNoAccess       Detail = "no_access"
	DetailNoticeLeft     Detail = "notice_left"
	DetailIDCheckFailed  Detail = "id_check_failed"
	DetailCODUnpaid      Detail = "cod_unpaid"
	DetailFinalAttempt   Detail = "final_attempt"

	DetailReady        Detail = "ready" // available_for_pickup
	DetailPickupPoint  Detail = "pickup_point"
	DetailLocker       Detail = "locker"
	DetailPostOffice   Detail = "post_office"
	DetailCarrierDepot Detail = "carrier_depot"

	DetailRecipient           Detail = "recipient" // delivered
	DetailSigned              Detail = "signed"
	DetailCollected           Detail = "collected"
	DetailNeighbour           Detail = "neighbour"
	DetailSafePlace           Detail = "safe_place"
	DetailReception           Detail = "reception"
	DetailPOBox               Detail = "po_box"
	DetailAlternativeLocation Detail = "alternative_location"
	DetailCODCollected        Detail = "cod_collected"
	DetailPartial             Detail = "partial"

	DetailHeld           Detail = "held" // exception
	DetailAddressProblem Detail = "address_problem"
	DetailRefused        Detail = "refused"
	DetailUnclaimed      Detail = "unclaimed"
	DetailUndeliverable  Detail = "undeliverable"
	DetailRejected       Detail = "rejected"
	DetailDamaged        Detail = "damaged" // also delivered

	DetailToSender Detail = "to_sender" // returning, returned

	DetailLost      Detail = "lost" // failed
	DetailDestroyed Detail = "destroyed"
	DetailDisposed  Detail = "disposed"

	DetailVoid Detail = "void" // cancelled

	DetailOther Detail = "other" // any status: the carrier names a case we have no word for
)

// Reason is who or what caused a state, with the party in the name. It is an open
// string; the zero value means that the carrier gave no reason.
type Reason string

// The reasons.
const (
	ReasonRecipientUnavailable Reason = "recipient_unavailable"
	ReasonRecipientRefused     Reason = "recipient_refused"
	ReasonRecipientMoved       Reason = "recipient_moved"
	ReasonRecipientDeceased    Reason = "recipient_deceased"
	ReasonRecipientRequest     Reason = "recipient_request"
	ReasonBusinessClosed       Reason = "business_closed"
	ReasonNoAccess             Reason = "no_access"
	ReasonIDCheckFailed        Reason = "id_check_failed"
	ReasonPickupMissed         Reason = "pickup_missed"
	ReasonAddressIncorrect     Reason = "address_incorrect"

	ReasonPaymentDue        Reason = "payment_due"
	ReasonCustomsDelay      Reason = "customs_delay"
	ReasonCustomsDocuments  Reason = "customs_documents"
	ReasonCustomsDuties     Reason = "customs_duties"
	ReasonCustomsInspection Reason = "customs_inspection"
	ReasonProhibited        Reason = "prohibited"

	ReasonCarrierDelay    Reason = "carrier_delay"
	ReasonCarrierMissort  Reason = "carrier_missort"
	ReasonCarrierVehicle  Reason = "carrier_vehicle"
	ReasonCarrierCapacity Reason = "carrier_capacity"
	ReasonCarrierFlight   Reason = "carrier_flight"
	ReasonCarrierDamage   Reason = "carrier_damage"
	ReasonCarrierLost     Reason = "carrier_lost"
	ReasonCarrierRejected Reason = "carrier_rejected"
	ReasonOutOfCoverage   Reason = "out_of_coverage"

	ReasonWeather  Reason = "weather"
	ReasonExternal Reason = "external" // strike, disaster, security

	ReasonShipperCancelled Reason = "shipper_cancelled"
	ReasonShipperData      Reason = "shipper_data"
	ReasonShipperNotReady  Reason = "shipper_not_ready"
	ReasonShipperPackaging Reason = "shipper_packaging"

	ReasonUnspecified Reason = "unspecified" // the carrier says there is one and not which
)

// ActionBy is who must act before the parcel can go on. The zero value is nobody.
type ActionBy string

// The parties that may have to act.
const (
	ActionNone      ActionBy = ""
	ActionRecipient ActionBy = "recipient"
	ActionShipper   ActionBy = "shipper"
	ActionCarrier   ActionBy = "carrier"
)

// Class is what an event may do to a shipment. The zero value is [ClassStatus].
type Class string

// The classes of event.
const (
	ClassStatus        Class = "status"        // may move the status, by the machine's table
	ClassInformational Class = "informational" // history only: an ETA, a photo, a request, a fee
	ClassRetraction    Class = "retraction"    // takes an earlier event back
)

// Health is how a parcel is doing against what was promised. We compute it; no
// carrier says it. The zero value is [HealthUnknown].
type Health string

// The healths, from good to bad.
const (
	HealthUnknown Health = "unknown"
	HealthOnTime  Health = "on_time"
	HealthAtRisk  Health = "at_risk" // the estimate is later than the promise, or there is little time left
	HealthLate    Health = "late"    // the promise has passed
	HealthStalled Health = "stalled" // nothing has happened for too long
)

// Tracking is the state of the feed about a parcel, never of the parcel. The zero
// value is [TrackingActive].
type Tracking string

// The states of a feed.
const (
	TrackingActive    Tracking = "active"
	TrackingPaused    Tracking = "paused"
	TrackingCompleted Tracking = "completed" // the parcel's life has ended
	TrackingExpired   Tracking = "expired"   // silent for so long that asking was given up
	TrackingStopped   Tracking = "stopped"   // the shop said so
)

// Known reports whether d is one of the constants of this package, or empty.
func (d Detail) Known() bool { return d == "" || knownDetails[d] }

// Known reports whether r is one of the constants of this package, or empty.
func (r Reason) Known() bool { return r == "" || knownReasons[r] }

// Known reports whether a is one of the constants of this package.
func (a ActionBy) Known() bool {
	return a == ActionNone || a == ActionRecipient || a == ActionShipper || a == ActionCarrier
}

// Known reports whether c is one of the constants of this package, or empty.
func (c Class) Known() bool {
	return c == "" || c == ClassStatus || c == ClassInformational || c == ClassRetraction
}

var knownDetails = map[Detail]bool{
	DetailNotFound:                  true,
	DetailInvalidNumber:             true,
	DetailCarrierUndetected:         true,
	DetailLabelCreated:              true,
	DetailInfoReceived:              true,
	DetailAwaitingHandover:          true,
	DetailPickupFailed:              true,
	DetailPickedUp:                  true,
	DetailAccepted:                  true,
	DetailMoving:                    true,
	DetailDeparted:                  true,
	DetailArrived:                   true,
	DetailProcessing:                true,
	DetailArrivedDestinationCountry: true,
	DetailArrivedDeliveryFacility:   true,
	DetailCustomsProcessing:         true,
	DetailCustomsCleared:            true,
	DetailHandedToPartner:           true,
	DetailRedirected:                true,
	DetailRelabelled:                true,
	DetailDeliveryScheduled:         true,
	DetailDeliveryRescheduled:       true,
	DetailDelayed:                   true,
	DetailProblemResolved:           true,
	DetailOnVehicle:                 true,
	DetailRecipientContacted:        true,
	DetailAppointmentSet:            true,
	DetailNotHome:                   true,
	DetailBusinessClosed:            true,
	DetailNoAccess:                  true,
	DetailNoticeLeft:                true,
	DetailIDCheckFailed:             true,
	DetailCODUnpaid:                 true,
	DetailFinalAttempt:              true,
	DetailReady:                     true,
	DetailPickupPoint:               true,
	DetailLocker:                    true,
	DetailPostOffice:                true,
	DetailCarrierDepot:              true,
	DetailRecipient:                 true,
	DetailSigned:                    true,
	DetailCollected:                 true,
	DetailNeighbour:                 true,
	DetailSafePlace:                 true,
	DetailReception:                 true,
	DetailPOBox:                     true,
	DetailAlternativeLocation:       true,
	DetailCODCollected:              true,
	DetailPartial:                   true,
	DetailHeld:                      true,
	DetailAddressProblem:            true,
	DetailRefused:                   true,
	DetailUnclaimed:                 true,
	DetailUndeliverable:             true,
	DetailRejected:                  true,
	DetailDamaged:                   true,
	DetailToSender:                  true,
	DetailLost:                      true,
	DetailDestroyed:                 true,
	DetailDisposed:                  true,
	DetailVoid:                      true,
	DetailOther:                     true,
}

var knownReasons = map[Reason]bool{
	ReasonRecipientUnavailable: true,
	ReasonRecipientRefused:     true,
	ReasonRecipientMoved:       true,
	ReasonRecipientDeceased:    true,
	ReasonRecipientRequest:     true,
	ReasonBusinessClosed:       true,
	ReasonNoAccess:             true,
	ReasonIDCheckFailed:        true,
	ReasonPickupMissed:         true,
	ReasonAddressIncorrect:     true,
	ReasonPaymentDue:           true,
	ReasonCustomsDelay:         true,
	ReasonCustomsDocuments:     true,
	ReasonCustomsDuties:        true,
	ReasonCustomsInspection:    true,
	ReasonProhibited:           true,
	ReasonCarrierDelay:         true,
	ReasonCarrierMissort:       true,
	ReasonCarrierVehicle:       true,
	ReasonCarrierCapacity:      true,
	ReasonCarrierFlight:        true,
	ReasonCarrierDamage:        true,
	ReasonCarrierLost:          true,
	ReasonCarrierRejected:      true,
	ReasonOutOfCoverage:        true,
	ReasonWeather:              true,
	ReasonExternal:             true,
	ReasonShipperCancelled:     true,
	ReasonShipperData:          true,
	ReasonShipperNotReady:      true,
	ReasonShipperPackaging:     true,
	ReasonUnspecified:          true,
}

// index is the place of s in Statuses, for dense tables; 0 for what is not known.
func (s Status) index() uint8 {
	switch s {
	case Pending:
		return 1
	case PreTransit:
		return 2
	case InTransit:
		return 3
	case OutForDelivery:
		return 4
	case AttemptFailed:
		return 5
	case AvailableForPickup:
		return 6
	case Exception:
		return 7
	case Returning:
		return 8
	case Delivered:
		return 9
	case Returned:
		return 10
	case Failed:
		return 11
	case Cancelled:
		return 12
	}
	return 0
}
