package dhl

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The structs below are what the adapter reads of DHL's answers. Divisions differ in
// JSON types: an id is a string or a number, a list of one is an object, so the types
// of the leaves take what they get.

type wireAnswer struct {
	Shipments list[wireShipment] `json:"shipments"`
	Status    number             `json:"status"` // of a problem document; a shipment's is an object
}

type wireShipment struct {
	ID          text            `json:"id"`
	Service     text            `json:"service"`
	Origin      wirePlace       `json:"origin"`
	Destination wirePlace       `json:"destination"`
	Status      *wireEvent      `json:"status"`
	ETA         text            `json:"estimatedTimeOfDelivery"`
	ETAFrame    wireFrame       `json:"estimatedDeliveryTimeFrame"`
	Details     wireDetails     `json:"details"`
	Events      list[wireEvent] `json:"events"`
	ReturnFlag  flag            `json:"returnFlag"`
}

type wireEvent struct {
	Timestamp      text      `json:"timestamp"`
	StatusCode     text      `json:"statusCode"`
	Status         text      `json:"status"`
	StatusDetailed text      `json:"statusDetailed"`
	Description    text      `json:"description"`
	Remark         text      `json:"remark"`
	Location       wirePlace `json:"location"`
}

type wirePlace struct {
	Address struct {
		CountryCode     text `json:"countryCode"`
		PostalCode      text `json:"postalCode"`
		AddressLocality text `json:"addressLocality"`
		StreetAddress   text `json:"streetAddress"`
	} `json:"address"`
	ServicePoint struct {
		Label text `json:"label"`
	} `json:"servicePoint"`
}

type wireFrame struct {
	From    text `json:"estimatedFrom"`
	Through text `json:"estimatedThrough"`
}

type wireDetails struct {
	Product struct {
		Name text `json:"productName"`
	} `json:"product"`
	Pieces   number     `json:"totalNumberOfPieces"`
	PieceIDs list[text] `json:"pieceIds"`
	Weight   struct {
		Value number `json:"value"`
		Unit  text   `json:"unitText"`
	} `json:"weight"`
	Proof struct {
		SignatureURL text   `json:"signatureUrl"`
		DocumentURL  text   `json:"documentUrl"`
		Signed       person `json:"signed"`
	} `json:"proofOfDelivery"`
}

// text is a string; a number or a boolean counts as its spelling, anything else as none.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch b[0] {
	case '"':
		if plain(b) {
			*t = text(b[1 : len(b)-1])
			return nil
		}
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case '{', '[', 'n':
	default:
		*t = text(b)
	}
	return nil
}

// plain reports whether a JSON string holds nothing that must be decoded.
func plain(b []byte) bool {
	for _, c := range b[1 : len(b)-1] {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// number is a number, or a string that spells one; anything else is 0.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	*n = 0
	if v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		*n = number(v)
	}
	return nil
}

// flag is a boolean, or a string that spells one; anything else is false.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	*f = flag(strings.EqualFold(strings.Trim(string(b), `"`), "true"))
	return nil
}

// list is a list, or the one value of it. It is nil for null and for other values.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	*l = nil
	switch b[0] {
	case '[':
		return json.Unmarshal(b, (*[]T)(l))
	case '{', '"':
		var one T
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*l = list[T]{one}
	}
	return nil
}

// person is a name, plain or in parts.
type person string

func (p *person) UnmarshalJSON(b []byte) error {
	*p = ""
	switch b[0] {
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*p = person(s)
	case '{':
		var parts struct {
			Name   text `json:"name"`
			Given  text `json:"givenName"`
			Family text `json:"familyName"`
		}
		if err := json.Unmarshal(b, &parts); err != nil {
			return err
		}
		if parts.Name != "" {
			*p = person(parts.Name)
		} else {
			*p = person(strings.TrimSpace(string(parts.Given + " " + parts.Family)))
		}
	}
	return nil
}
