package record

import (
	"encoding/binary"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Most of a parcel are its events and what followed from them. They are written and read
// field by field, to the same bytes as by a plan and in half the time. A test holds each
// function against the plan of its struct, so that no field is forgotten.

// The numbers of their names in the dictionary.
const (
	namePostalCode, nameCountry                                   = 4, 5
	nameStatus, nameDetail, nameReason, nameActionBy, nameJourney = 27, 28, 29, 30, 34
	nameAt, nameSeen, nameTime, namePlace, nameClass              = 53, 54, 55, 56, 57
	nameCode, nameKind, nameText, nameRetracts, namePiece         = 58, 59, 60, 61, 62
	nameSource, nameSequence, nameName, nameCity, nameRegion      = 63, 64, 65, 66, 67
)

func appendEvent(b []byte, e *shipment.Event) []byte {
	b = eventTimeField(b, nameTime, e.Time)
	if e.Place != (shipment.Place{}) {
		b = append(b, namePlace, 0)
		b = setSize(appendPlace(b, &e.Place), len(b))
	}
	b = textField(b, nameClass, string(e.Class))
	b = textField(b, nameStatus, string(e.Status))
	b = textField(b, nameDetail, string(e.Detail))
	b = textField(b, nameReason, string(e.Reason))
	b = textField(b, nameActionBy, string(e.ActionBy))
	b = textField(b, nameCode, e.Code)
	b = textField(b, nameKind, e.Kind)
	b = textField(b, nameText, e.Text)
	b = textField(b, nameRetracts, e.Retracts)
	b = textField(b, namePiece, e.Piece)
	b = textField(b, nameSource, e.Source)
	b = intField(b, nameSequence, e.Sequence)
	return timeField(b, nameSeen, e.Seen)
}

func readEvent(s string, e *shipment.Event) bool {
	for s != "" {
		number, _, value, rest, ok := next(s)
		if !ok {
			return false
		}
		switch number {
		case nameTime:
			ok = readEventTime(value, &e.Time)
		case namePlace:
			ok = readPlace(value, &e.Place)
		case nameClass:
			e.Class = shipment.Class(value)
		case nameStatus:
			e.Status = shipment.Status(value)
		case nameDetail:
			e.Detail = shipment.Detail(value)
		case nameReason:
			e.Reason = shipment.Reason(value)
		case nameActionBy:
			e.ActionBy = shipment.ActionBy(value)
		case nameCode:
			e.Code = value
		case nameKind:
			e.Kind = value
		case nameText:
			e.Text = value
		case nameRetracts:
			e.Retracts = value
		case namePiece:
			e.Piece = value
		case nameSource:
			e.Source = value
		case nameSequence:
			ok = readInt(value, &e.Sequence)
		case nameSeen:
			ok = readTime(value, &e.Seen)
		}
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

func appendPlace(b []byte, p *shipment.Place) []byte {
	b = textField(b, nameName, p.Name)
	b = textField(b, nameCity, p.City)
	b = textField(b, nameRegion, p.Region)
	b = textField(b, namePostalCode, p.PostalCode)
	return textField(b, nameCountry, p.Country)
}

func readPlace(s string, p *shipment.Place) bool {
	for s != "" {
		number, _, value, rest, ok := next(s)
		if !ok {
			return false
		}
		switch number {
		case nameName:
			p.Name = value
		case nameCity:
			p.City = value
		case nameRegion:
			p.Region = value
		case namePostalCode:
			p.PostalCode = value
		case nameCountry:
			p.Country = value
		}
		s = rest
	}
	return true
}

func appendTransition(b []byte, t *shipment.Transition) []byte {
	b = textField(b, nameStatus, string(t.Status))
	b = textField(b, nameDetail, string(t.Detail))
	b = textField(b, nameReason, string(t.Reason))
	b = eventTimeField(b, nameAt, t.At)
	b = timeField(b, nameSeen, t.Seen)
	return intField(b, nameJourney, t.Journey)
}

func readTransition(s string, t *shipment.Transition) bool {
	for s != "" {
		number, _, value, rest, ok := next(s)
		if !ok {
			return false
		}
		switch number {
		case nameStatus:
			t.Status = shipment.Status(value)
		case nameDetail:
			t.Detail = shipment.Detail(value)
		case nameReason:
			t.Reason = shipment.Reason(value)
		case nameAt:
			ok = readEventTime(value, &t.At)
		case nameSeen:
			ok = readTime(value, &t.Seen)
		case nameJourney:
			ok = readInt(value, &t.Journey)
		}
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

func textField(b []byte, name byte, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(append(b, name), s)
}

func intField(b []byte, name byte, n int) []byte {
	if n == 0 {
		return b
	}
	b = append(b, name, 0)
	return setSize(binary.AppendVarint(b, int64(n)), len(b))
}

func timeField(b []byte, name byte, t time.Time) []byte {
	if t == (time.Time{}) {
		return b
	}
	b = append(b, name, 0)
	return setSize(appendTime(b, t), len(b))
}

func eventTimeField(b []byte, name byte, t shipment.Time) []byte {
	if t == (shipment.Time{}) {
		return b
	}
	b = append(b, name, 0)
	return setSize(appendEventTime(b, t), len(b))
}

func readInt(s string, n *int) bool {
	m, _, ok := varint(s)
	*n = int(m)
	return ok
}
