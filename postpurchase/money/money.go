// Package money is an exact amount of money: a whole number of a currency's
// smallest unit.
//
// For most uses, read what a shop sent with [Parse], add and split it, and show it
// with [Amount.Decimal]:
//
//	total, err := money.Parse("100.00", "EUR")
//	parts, err := total.Split(1, 1, 1) // 33.34, 33.33, 33.33: they sum to the total
//
// There is no float and no division: what cannot be exact is either an error or, in
// [Amount.Split], shared out so that nothing is lost. Two currencies never mix.
//
// The zero Amount means "no money" in no currency. It can be added to anything, so
// that a sum may start from it.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

// The kinds of error of this package. Test for them with [errors.Is].
var (
	ErrCurrency  = errors.New("money: currencies differ or are not known")
	ErrOverflow  = errors.New("money: amount too large")
	ErrSyntax    = errors.New("money: not a decimal number")
	ErrPrecision = errors.New("money: more digits than the currency has")
	ErrWeights   = errors.New("money: weights are negative or have no sum")
)

// Amount is money in one currency, in minor units. Amounts are values: they can be
// compared with ==, copied and kept as map keys.
type Amount struct {
	Minor    int64  `json:"minor"`    // in the currency's smallest unit: cents for EUR, yen for JPY
	Currency string `json:"currency"` // ISO 4217, upper case; empty only in the zero value
}

// New returns minor units of a currency. The currency is an ISO 4217 code in upper
// case; another is [ErrCurrency]. To write an amount in code, a composite literal
// does as well.
func New(minor int64, currency string) (Amount, error) {
	if _, err := Exponent(currency); err != nil {
		return Amount{}, err
	}
	return Amount{Minor: minor, Currency: currency}, nil
}

// iso holds the currencies whose number of decimals in ISO 4217 is not two, and those
// newer than the CLDR release behind x/text. CLDR's own numbers are not used: they say
// how a price is shown, and are 0 for some currencies that are kept and paid with two
// decimals (COP, PKR, ...). Source: ISO 4217:2015 list one, with amendments to 177.
var iso = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0,
	"PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
	"SLE": 2, "VED": 2, "XCG": 2, "ZWG": 2,
}

// Exponent returns how many decimals a currency has: 2 for EUR, 0 for JPY, 3 for KWD.
// What is not an ISO 4217 code in upper case is [ErrCurrency].
func Exponent(code string) (int, error) {
	switch code { // the common ones do not pay for the search
	case "EUR", "USD", "GBP", "CHF", "CAD", "AUD":
		return 2, nil
	}
	if e, ok := iso[code]; ok {
		return e, nil
	}
	if len(code) != 3 || strings.ToUpper(code) != code {
		return 0, ErrCurrency
	}
	if _, err := currency.ParseISO(code); err != nil {
		return 0, ErrCurrency
	}
	return 2, nil
}

// Parse reads a decimal number such as "19.99", "-5" or "67.8400" exactly. Zeros
// beyond the currency's decimals are fine, another digit there is [ErrPrecision].
// There is no sign "+", no exponent, no group separator and no space.
func Parse(decimal, currency string) (Amount, error) {
	a, exact, err := parse(decimal, currency)
	if err == nil && !exact {
		return Amount{}, ErrPrecision
	}
	return a, err
}

// ParseRounded is like [Parse], but rounds digits beyond the currency's decimals half
// away from zero: "0.005" is 0.01 and "-0.005" is -0.01. It is for shops that compute
// with more decimals than can be paid.
func ParseRounded(decimal, currency string) (Amount, error) {
	a, _, err := parse(decimal, currency)
	return a, err
}

// maxDecimal bounds the text that parse looks at: no honest amount is longer.
const maxDecimal = 64

func parse(s, code string) (a Amount, exact bool, err error) {
	exp, err := Exponent(code)
	if err != nil {
		return Amount{}, false, err
	}
	if len(s) > maxDecimal {
		return Amount{}, false, ErrSyntax
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || (point && fraction == "") || !isDigits(whole) || !isDigits(fraction) {
		return Amount{}, false, ErrSyntax
	}
	var n uint64
	push := func(d byte) bool {
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, uint64(d), 0)
		n = sum
		return hi == 0 && carry == 0
	}
	for i := range len(whole) {
		if !push(whole[i] - '0') {
			return Amount{}, false, ErrOverflow
		}
	}
	for i := range exp {
		d := byte(0)
		if i < len(fraction) {
			d = fraction[i] - '0'
		}
		if !push(d) {
			return Amount{}, false, ErrOverflow
		}
	}
	exact = true
	if len(fraction) > exp {
		exact = strings.Trim(fraction[exp:], "0") == ""
		if fraction[exp] >= '5' {
			if n == math.MaxUint64 {
				return Amount{}, false, ErrOverflow
			}
			n++
		}
	}
	minor, ok := signed(n, negative)
	if !ok {
		return Amount{}, false, ErrOverflow
	}
	return Amount{Minor: minor, Currency: code}, exact, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// signed is n or -n, and whether it fits.
func signed(n uint64, negative bool) (int64, bool) {
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}

// magnitude is the absolute value of n, which for the smallest int64 is not an int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// IsZero reports whether there is no money in a, in whatever currency.
func (a Amount) IsZero() bool { return a.Minor == 0 }

// common is the currency that a and b share. No money in no currency shares any.
func common(a, b Amount) (string, error) {
	switch {
	case a.Currency == b.Currency && (a.Currency != "" || (a.Minor == 0 && b.Minor == 0)):
		return a.Currency, nil
	case a == Amount{}:
		return b.Currency, nil
	case b == Amount{}:
		return a.Currency, nil
	}
	return "", ErrCurrency
}

// Add returns a + b. The errors are [ErrCurrency] and [ErrOverflow]. The zero Amount
// added to b is b.
func (a Amount) Add(b Amount) (Amount, error) {
	c, err := common(a, b)
	if err != nil {
		return Amount{}, err
	}
	n := a.Minor + b.Minor
	if (n > a.Minor) != (b.Minor > 0) {
		return Amount{}, ErrOverflow
	}
	return Amount{Minor: n, Currency: c}, nil
}

// Sub returns a - b. The errors are [ErrCurrency] and [ErrOverflow].
func (a Amount) Sub(b Amount) (Amount, error) {
	c, err := common(a, b)
	if err != nil {
		return Amount{}, err
	}
	n := a.Minor - b.Minor
	if (n < a.Minor) != (b.Minor > 0) {
		return Amount{}, ErrOverflow
	}
	return Amount{Minor: n, Currency: c}, nil
}

// Neg returns -a. The smallest int64 has no negative: [ErrOverflow].
func (a Amount) Neg() (Amount, error) {
	if a.Minor == math.MinInt64 {
		return Amount{}, ErrOverflow
	}
	return Amount{Minor: -a.Minor, Currency: a.Currency}, nil
}

// Mul returns a taken n times. The error is [ErrOverflow].
func (a Amount) Mul(n int64) (Amount, error) {
	hi, lo := bits.Mul64(magnitude(a.Minor), magnitude(n))
	minor, ok := signed(lo, (a.Minor < 0) != (n < 0))
	if hi != 0 || !ok {
		return Amount{}, ErrOverflow
	}
	return Amount{Minor: minor, Currency: a.Currency}, nil
}

// Cmp returns -1, 0 or +1 as a is less than, equal to or more than b. The error is
// [ErrCurrency].
func (a Amount) Cmp(b Amount) (int, error) {
	if _, err := common(a, b); err != nil {
		return 0, err
	}
	switch {
	case a.Minor < b.Minor:
		return -1, nil
	case a.Minor > b.Minor:
		return 1, nil
	}
	return 0, nil
}

// Sum returns all amounts added up. Of none it is the zero Amount. The errors are
// [ErrCurrency] and [ErrOverflow].
func Sum(amounts ...Amount) (Amount, error) {
	var sum Amount
	for _, a := range amounts {
		var err error
		if sum, err = sum.Add(a); err != nil {
			return Amount{}, err
		}
	}
	return sum, nil
}

// Split shares a out in proportion to the weights, one part for each. The parts sum
// to a exactly, and each is less than one minor unit away from its exact share: the
// units left over go to the largest remainders, and among equal ones to the first.
// A negative amount is split like a positive one. Weights that are negative, or that
// sum to nothing, are [ErrWeights]; a sum beyond int64 is [ErrOverflow].
func (a Amount) Split(weights ...int64) ([]Amount, error) {
	var total uint64
	for _, w := range weights {
		if w < 0 {
			return nil, ErrWeights
		}
		if total += uint64(w); total > math.MaxInt64 {
			return nil, ErrOverflow
		}
	}
	if total == 0 {
		return nil, ErrWeights
	}
	whole, negative := magnitude(a.Minor), a.Minor < 0
	shares, remainders := make([]uint64, len(weights)), make([]uint64, len(weights))
	left := whole
	for i, w := range weights {
		// The product is at most 2^63 * total, so that its high word is below total and
		// the quotient fits.
		hi, lo := bits.Mul64(whole, uint64(w))
		shares[i], remainders[i] = bits.Div64(hi, lo, total)
		left -= shares[i]
	}
	for ; left > 0; left-- {
		best := 0
		for i, r := range remainders {
			if r > remainders[best] {
				best = i
			}
		}
		shares[best]++
		remainders[best] = 0
	}
	parts := make([]Amount, len(weights))
	for i, n := range shares {
		minor, _ := signed(n, negative)
		parts[i] = Amount{Minor: minor, Currency: a.Currency}
	}
	return parts, nil
}

// Decimal returns the number alone, with the currency's decimals and a point: "19.99",
// "-0.05", "1200" for yen. An amount in a currency that is not known has none.
func (a Amount) Decimal() string {
	exp, err := Exponent(a.Currency)
	if err != nil {
		exp = 0
	}
	var buf [32]byte
	digits := strconv.AppendUint(buf[:0], magnitude(a.Minor), 10)
	out := make([]byte, 0, len(digits)+8)
	if a.Minor < 0 {
		out = append(out, '-')
	}
	for pad := exp + 1 - len(digits); pad > 0; pad-- {
		out = append(out, '0')
		if exp > 0 && pad == exp+1-len(digits) {
			out = append(out, '.')
		}
	}
	if n := len(digits) - exp; n > 0 {
		out = append(out, digits[:n]...)
		if exp > 0 {
			out = append(out, '.')
		}
		digits = digits[n:]
	}
	return string(append(out, digits...))
}

// String returns the currency and the number, "EUR 19.99", for logs and tests. It is
// not how a customer of any one country writes it. The zero Amount is "0".
func (a Amount) String() string {
	if a.Currency == "" {
		return a.Decimal()
	}
	return fmt.Sprintf("%s %s", a.Currency, a.Decimal())
}
