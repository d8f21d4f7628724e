package ups

import (
	"strings"

	"github.com/doorstep-go/doorstep/carriers"
)

// Detect implements [carriers.Detector]. It knows 1Z numbers and waybills, which have
// check digits, the form of Roadie's, and those of Mail Innovations, which are also
// those of USPS, FedEx and others.
func (a *Adapter) Detect(number string) carriers.Match {
	switch {
	case len(number) == 18 && strings.HasPrefix(number, "1Z"):
		if alphanumeric(number) && number[17] == carriers.Mod10(number[2:17], 1, 2) {
			return carriers.Match{Confidence: carriers.Certain, Why: "1Z and a right check digit"}
		}
	case len(number) == 11 && strings.IndexByte("AHJKTV", number[0]) >= 0 && carriers.Digits(number[1:]):
		if number[10] == carriers.Mod10(number[1:10], 1, 2) {
			return carriers.Match{Confidence: carriers.Likely, Why: "the form of a waybill and a right check digit"}
		}
	case (len(number) == 16 || len(number) == 28) && strings.HasPrefix(number, "1R") && alphanumeric(number):
		return carriers.Match{Confidence: carriers.Possible, Why: "the form of a Roadie number"}
	case len(number) >= 22 && len(number) <= 34 && strings.HasPrefix(number, "92") && carriers.Digits(number):
		return carriers.Match{Confidence: carriers.Possible, Why: "the form of a Mail Innovations number"}
	case len(number) >= 9 && len(number) <= 30 && strings.HasPrefix(number, "MI") && carriers.Digits(number[2:]):
		return carriers.Match{Confidence: carriers.Possible, Why: "the form of a Mail Innovations number"}
	}
	return carriers.Match{}
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
