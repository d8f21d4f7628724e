package carriers

// Mod10 is the check digit that weighs the characters of serial in turn with even
// and odd, beginning with even, and completes the sum of the products to a multiple
// of ten. A letter counts as (its ASCII code − 3) mod 10. UPS uses (1, 2), SSCC-18
// and the posts (3, 1). Serial holds digits and upper-case letters only.
func Mod10(serial string, even, odd int) byte {
	sum := 0
	for i := range len(serial) {
		v := int(serial[i])
		if v >= '0' && v <= '9' {
			v -= '0'
		} else {
			v = (v - 3) % 10
		}
		if i%2 == 0 {
			sum += v * even
		} else {
			sum += v * odd
		}
	}
	return byte('0' + (10-sum%10)%10)
}

// Mod7 is the check digit of DHL Express: the number serial modulo seven.
func Mod7(serial string) byte {
	r := 0
	for i := range len(serial) {
		r = (r*10 + int(serial[i]-'0')) % 7
	}
	return byte('0' + r)
}

// S10 is the check digit of the Universal Postal Union's S10 numbers, over their
// eight digits.
func S10(serial string) byte {
	sum := 0
	for i, w := range [8]int{8, 6, 4, 2, 3, 5, 9, 7} {
		if i < len(serial) {
			sum += int(serial[i]-'0') * w
		}
	}
	switch r := sum % 11; r {
	case 0:
		return '5'
	case 1:
		return '0'
	default:
		return byte('0' + 11 - r)
	}
}

// Digits reports whether s is made of ASCII digits only, and not empty.
func Digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
