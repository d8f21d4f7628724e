package shipment

import (
	"strconv"
	"strings"
	"time"
)

// Ref names a parcel. A tracking number alone does not: carriers share forms of
// number, and use a number again after months.
type Ref struct {
	Carrier        string `json:"carrier"`         // the adapter's code, such as "ups"
	TrackingNumber string `json:"tracking_number"` // upper case, without spaces
	Epoch          int    `json:"epoch,omitempty"` // which use of the number: 0 is the first we met
}

// String returns "ups/1Z999AA10123456784", with "#1" behind it for the second use of
// a number. It holds a tracking number: do not log it.
func (r Ref) String() string {
	s := r.Carrier + "/" + r.TrackingNumber
	if r.Epoch > 0 {
		s += "#" + strconv.Itoa(r.Epoch)
	}
	return s
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Place is where an event happened, as far as the carrier says.
type Place struct {
	Name       string `json:"name,omitempty"` // a facility, shop or site
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"` // ISO 3166-1 alpha-2 where the carrier gives it
}

// IsZero reports whether nothing is known of the place.
func (p Place) IsZero() bool { return p == Place{} }

// String returns the place for people: "Cologne, DE".
func (p Place) String() string {
	var parts []string
	for _, s := range []string{p.Name, p.City, p.Region, p.Country} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// Event is one thing that a carrier says happened to a parcel. Status, Detail,
// Reason, ActionBy and Class are the adapter's reading of it, from its code table;
// Code, Kind and Text are the carrier's own and are kept as they came.
type Event struct {
	Time  Time  `json:"time,omitzero"`
	Place Place `json:"place,omitzero"`

	Class    Class    `json:"class,omitempty"`  // empty means [ClassStatus]
	Status   Status   `json:"status,omitempty"` // empty or [Unknown]: moves nothing
	Detail   Detail   `json:"detail,omitempty"`
	Reason   Reason   `json:"reason,omitempty"`
	ActionBy ActionBy `json:"action_by,omitempty"`

	Code string `json:"code,omitempty"` // the carrier's code
	Kind string `json:"kind,omitempty"` // the carrier's class of code, where codes are unique only within one (UPS: "D", "I", "X")
	Text string `json:"text,omitempty"` // the carrier's words; untrusted, may be translated

	// Retracts is, for a [ClassRetraction], the code of the event that is taken back:
	// the latest one before this with that code. Empty: the event just before this one.
	Retracts string `json:"retracts,omitempty"`

	// Piece is the carrier's unique id of the parcel, where one number can mean several.
	Piece string `json:"piece,omitempty"`

	// Source is who told us, when it was not the carrier itself: an aggregator's code,
	// or "agent" for a correction by a person.
	Source string `json:"source,omitempty"`

	// Sequence orders events of equal time: the position in the carrier's history,
	// counted from the oldest.
	Sequence int `json:"sequence,omitempty"`

	// Seen is when we first heard of the event, by our clock. It also tells which times
	// cannot be: an event can not happen long after we heard of it.
	Seen time.Time `json:"seen,omitzero"`
}
