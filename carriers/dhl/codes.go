package dhl

import (
	_ "embed"
	"strings"
	"unicode"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

//go:embed codes.tsv
var codesTSV string

var codes = carriers.MustParseCodes(codesTSV)

// meaning looks for the event's own code in the table of its division, and for the
// coarse word where the code is not there.
func (w *wireEvent) meaning(e *shipment.Event, service string) bool {
	division := service
	switch service {
	case "post-de":
		division = "svb" // the table has the name of DHL's list
	case "parcel-de":
		// A few ICE codes say more than the standard code, or the contrary of it.
		for _, code := range [...]text{w.StatusDetailed + "/" + w.Status, w.StatusDetailed} {
			if w.StatusDetailed != "" && codes.Set(e, "parcel-de-ice", string(code)) {
				e.Code = string(w.StatusDetailed)
				if w.Status != "" {
					e.Code += "/" + string(w.Status)
				}
				return true
			}
		}
	}
	for _, code := range [...]text{w.Status, w.StatusDetailed} {
		if code != "" && codes.Set(e, division, string(code)) {
			e.Code = string(code)
			return true
		}
	}
	if !codes.Set(e, "statusCode", string(w.StatusCode)) {
		return false
	}
	e.Code = string(w.StatusCode)
	if isCode(w.Status) {
		e.Code = string(w.Status)
	}
	return true
}

// isCode tells a code that we do not know from a sentence.
func isCode(s text) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(string(s), func(r rune) bool {
		return r >= unicode.MaxASCII || unicode.IsSpace(r) || unicode.IsLower(r)
	})
}
