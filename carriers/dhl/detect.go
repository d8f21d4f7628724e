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
	case n >= 16 && n <= 24 && piece(number, "JD0002", "JJD0002"):
		// Yodel took over DHL's domestic parcels in Britain; its published numbers begin so.
		return match(carriers.Possible, "a licence plate of DHL, from Yodel's share of them")
	case n >= 13 && n <= 24 && piece(number, "JJD", "JVGL"):
		return match(carriers.Likely, "a licence plate of DHL; Yodel has the form too")
	case n >= 18 && n <= 20 && piece(number, "JD"):
		return match(carriers.Likely, "JD and digits: a piece of DHL Express; Yodel has the form too")
	case isS10(number):
		if number[n-2:] == "DE" && number[n-3] == carriers.S10(number[2:10]) {
			return match(carriers.Likely, "S10 of Germany and a right check digit")
		}
		if number[:2] == "LX" || number[:2] == "RX" {
			return match(carriers.Possible, "S10 of a service that DHL eCommerce uses")
		}
	case n >= 12 && n <= 39 && piece(number, "GM"):
		return match(carriers.Likely, "GM and digits: DHL eCommerce")
	case n >= 10 && n <= 39 && piece(number, "LX", "RX"), n >= 16 && n <= 39 && hexadecimal(number, "GM"):
		return match(carriers.Possible, number[:2]+": DHL eCommerce, and others")
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

// piece reports whether number is one of the prefixes and then digits only.
func piece(number string, prefixes ...string) bool {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(number, p); ok && carriers.Digits(rest) {
			return true
		}
	}
	return false
}

// hexadecimal reports whether number is the prefix and then hexadecimal digits only.
func hexadecimal(number, prefix string) bool {
	rest, ok := strings.CutPrefix(number, prefix)
	return ok && !strings.ContainsFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'F') })
}
