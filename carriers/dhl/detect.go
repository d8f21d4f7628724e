package dhl

import (
	"strings"

	"github.com/doorstep-go/doorstep/carriers"
)

// Detect implements [carriers.Detector]. The forms are those of DHL Express, DHL
// Parcel Germany and DHL eCommerce, and S10 numbers that Germany gave out. Forms that
// other carriers share are Possible at the most, or Likely with a check digit.
func (a *Adapter) Detect(number string) carriers.Match {
	match := func(c carriers.Confidence, why string) carriers.Match {
		return carriers.Match{Confidence: c, Why: why}
	}
	n := len(number)
	switch {
	case carriers.Digits(number):
		return detectDigits(number)
	case strings.HasPrefix(number, "JJD") && n >= 18 && n <= 24 && alphanumeric(number):
		return match(carriers.Likely, "JJD, as on labels of DHL Parcel; Yodel has the form too")
	case strings.HasPrefix(number, "JD") && n >= 18 && n <= 20 && carriers.Digits(number[2:]):
		return match(carriers.Likely, "JD and digits: a piece of DHL Express; Yodel has the form too")
	case isS10(number):
		if number[n-2:] == "DE" && number[n-3] == carriers.S10(number[2:10]) {
			return match(carriers.Likely, "S10 of Germany and a right check digit")
		}
		if number[:2] == "LX" || number[:2] == "RX" {
			return match(carriers.Possible, "S10 of a service that DHL eCommerce uses")
		}
	case (strings.HasPrefix(number, "GM") || strings.HasPrefix(number, "LX") || strings.HasPrefix(number, "RX")) &&
		n >= 10 && n <= 39 && carriers.Digits(number[2:]):
		return match(carriers.Likely, number[:2]+" and digits: DHL eCommerce")
	}
	return carriers.Match{}
}

func detectDigits(number string) carriers.Match {
	n := len(number)
	switch n {
	case 10, 11:
		if carriers.Mod7(number[:n-1]) == number[n-1] {
			return carriers.Match{Confidence: carriers.Likely, Why: "ten or eleven digits and the check digit of DHL Express"}
		}
	case 18, 20:
		if sscc := strings.TrimPrefix(number, "00"); len(sscc) == 18 && strings.HasPrefix(sscc, "340434") {
			if carriers.Mod10(sscc[:17], 3, 1) == sscc[17] {
				return carriers.Match{Confidence: carriers.Certain, Why: "SSCC with DHL Parcel's prefix and a right check digit"}
			}
		}
	case 12, 14, 16:
		return carriers.Match{Confidence: carriers.Possible, Why: "as many digits as numbers of DHL Parcel or eCommerce have"}
	}
	return carriers.Match{}
}

func isS10(number string) bool {
	if len(number) != 13 || !carriers.Digits(number[2:11]) {
		return false
	}
	for _, i := range [...]int{0, 1, 11, 12} {
		if number[i] < 'A' || number[i] > 'Z' {
			return false
		}
	}
	return true
}

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') })
}
