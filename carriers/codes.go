package carriers

import (
	"fmt"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Meaning is what a carrier's code means in our words.
type Meaning struct {
	Status   shipment.Status
	Detail   shipment.Detail
	Reason   shipment.Reason
	ActionBy shipment.ActionBy
	Class    shipment.Class
	Retracts string // for [shipment.ClassRetraction]: the code that is taken back
}

// Codes is a carrier's code table: data, so that it can be read, counted and mended
// without touching code. Its key is the carrier's class of code and the code.
type Codes map[CodeKey]Meaning

// CodeKey is a carrier's code. Kind is the carrier's class of codes where the same
// code means different things in different classes, and empty elsewhere.
type CodeKey struct{ Kind, Code string }

// Set gives e what the table says of its Kind and Code, and reports whether it says
// anything. An event whose code is not in the table is left as it is: it is kept and
// moves nothing.
func (c Codes) Set(e *shipment.Event, kind, code string) bool {
	m, ok := c[CodeKey{kind, code}]
	if !ok {
		return false
	}
	e.Status, e.Detail, e.Reason, e.ActionBy, e.Class, e.Retracts = m.Status, m.Detail, m.Reason, m.ActionBy, m.Class, m.Retracts
	return true
}

// ParseCodes reads a table of tab-separated lines: kind, code, status, detail,
// reason, action by, class, retracts, note. Empty lines and those that begin with "#"
// are skipped; columns at the end may be left out; an empty class is
// [shipment.ClassStatus]. A status, detail, reason or class that the shipment package
// does not know, and a code that is there twice, are errors with the line: a table is
// ours, so a word in it that is not known is a mistake.
func ParseCodes(tsv string) (Codes, error) {
	codes := Codes{}
	line := 0
	for row := range strings.Lines(tsv) {
		line++
		row = strings.TrimRight(row, "\r\n")
		if row == "" || row[0] == '#' {
			continue
		}
		f := strings.Split(row, "\t")
		for len(f) < 8 {
			f = append(f, "")
		}
		key := CodeKey{f[0], f[1]}
		m := Meaning{
			Status: shipment.Status(f[2]), Detail: shipment.Detail(f[3]), Reason: shipment.Reason(f[4]),
			ActionBy: shipment.ActionBy(f[5]), Class: shipment.Class(f[6]), Retracts: f[7],
		}
		if m.Class == "" {
			m.Class = shipment.ClassStatus
		}
		switch {
		case m.Class == shipment.ClassStatus && !m.Status.Known():
			return nil, fmt.Errorf("carriers: code table line %d: unknown status %q", line, m.Status)
		case !m.Detail.Known():
			return nil, fmt.Errorf("carriers: code table line %d: unknown detail %q", line, m.Detail)
		case !m.Reason.Known():
			return nil, fmt.Errorf("carriers: code table line %d: unknown reason %q", line, m.Reason)
		case !m.ActionBy.Known():
			return nil, fmt.Errorf("carriers: code table line %d: unknown party %q", line, m.ActionBy)
		case !m.Class.Known():
			return nil, fmt.Errorf("carriers: code table line %d: unknown class %q", line, m.Class)
		}
		if _, twice := codes[key]; twice {
			return nil, fmt.Errorf("carriers: code table line %d: %q %q is there twice", line, key.Kind, key.Code)
		}
		codes[key] = m
	}
	return codes, nil
}

// MustParseCodes is [ParseCodes] for tables that are part of the program; it panics
// on what ParseCodes refuses.
func MustParseCodes(tsv string) Codes {
	codes, err := ParseCodes(tsv)
	if err != nil {
		panic(err)
	}
	return codes
}
