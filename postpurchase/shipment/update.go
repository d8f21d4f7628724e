package shipment

import "time"

// Update is news of one parcel, whoever it comes from: a poll, a push, an import or a
// person's correction. Every field may be empty; what is empty changes nothing.
type Update struct {
	// Events are in any order and may repeat what is known. A poll is a snapshot: events
	// that it no longer holds are kept.
	Events []Event `json:"events,omitempty"`

	// Estimates are what is said now about when the parcel will arrive.
	Estimates []Estimate `json:"estimates,omitempty"`

	Related     []Related    `json:"related,omitempty"`
	Proof       *Proof       `json:"proof,omitempty"`
	PickupPoint *PickupPoint `json:"pickup_point,omitempty"`

	Service     string `json:"service,omitempty"`      // the carrier's name of the service
	WeightGrams int    `json:"weight_grams,omitempty"` // 0 means unknown
	PieceCount  int    `json:"piece_count,omitempty"`  // parcels in the same consignment; 0 means unknown
	Origin      Place  `json:"origin,omitzero"`
	Destination Place  `json:"destination,omitzero"` // as coarse as the carrier gives it
}

// EstimateSource is who says when a parcel will arrive. It is an open string.
type EstimateSource string

// The sources of an estimate.
const (
	EstimateCarrier     EstimateSource = "carrier"     // the carrier's current word
	EstimateRescheduled EstimateSource = "rescheduled" // the carrier's word after a change
	EstimateComputed    EstimateSource = "computed"    // worked out by us
)

// Estimate is when a parcel is thought to arrive, and who said so from when to when.
type Estimate struct {
	Window Window         `json:"window"`
	Source EstimateSource `json:"source"`
	First  time.Time      `json:"first,omitzero"` // when we first heard it, by our clock
	Last   time.Time      `json:"last,omitzero"`  // when we last heard it
}

// Relation is how another tracking number belongs to a parcel. It is an open string.
type Relation string

// The relations. Each is read "the related number is … of this parcel".
const (
	RelatedReplacedBy Relation = "replaced_by" // the number that is used from now on
	RelatedReplaces   Relation = "replaces"    // the number that was used before
	RelatedReturn     Relation = "return"      // the parcel's way back
	RelatedOutbound   Relation = "outbound"    // the way out, of a parcel coming back
	RelatedPartner    Relation = "partner"     // the number at another carrier on the way
	RelatedMaster     Relation = "master"      // the consignment this is a piece of
	RelatedChild      Relation = "child"       // a piece of this consignment
)

// Related is another number that belongs to a parcel.
type Related struct {
	TrackingNumber string   `json:"tracking_number"`
	Carrier        string   `json:"carrier,omitempty"` // empty: the same carrier, or not said
	Relation       Relation `json:"relation"`
	Kind           string   `json:"kind,omitempty"` // the carrier's own word, such as "USPS_PIC"
}

// Proof is what shows that a parcel was handed over. Names and pictures are personal
// data.
type Proof struct {
	SignedBy     string `json:"signed_by,omitempty"`
	LeftAt       string `json:"left_at,omitempty"` // the carrier's words, such as "Front Door"
	SignatureURL string `json:"signature_url,omitempty"`
	PhotoURL     string `json:"photo_url,omitempty"`
	DocumentURL  string `json:"document_url,omitempty"`
}

// PickupPoint is where a parcel waits for the customer. The zero value of a field
// means that the carrier did not say it.
type PickupPoint struct {
	ID      string   `json:"id,omitempty"`
	Name    string   `json:"name,omitempty"`
	Street  string   `json:"street,omitempty"`
	Place   Place    `json:"place,omitzero"`
	Hours   []string `json:"hours,omitempty"` // one line of text each, as the carrier gives them
	Until   Time     `json:"until,omitzero"`  // the last day or moment to fetch it
	Comment string   `json:"comment,omitempty"`
}
