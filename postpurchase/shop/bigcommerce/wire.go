package bigcommerce

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// errScalar is a number, id or date in a form that BigCommerce does not use.
var errScalar = errors.New("a number, id or date in a form that is not known")

// text is a JSON string or number as text, and empty for null: ids are numbers in one
// place and strings in another.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return errScalar
		}
		*t = text(s)
	case b[0] == '-' || (b[0] >= '0' && b[0] <= '9'):
		*t = text(b)
	default:
		return errScalar
	}
	return nil
}

// integer is a whole number, written as a number or a string; empty and null are 0.
type integer int64

func (n *integer) UnmarshalJSON(b []byte) error {
	var t text
	if err := t.UnmarshalJSON(b); err != nil {
		return err
	}
	whole, zeros, _ := strings.Cut(string(t), ".") // 2.0 and "2.0000" are 2
	if whole == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(zeros, "0") != "" {
		return errScalar
	}
	*n = integer(v)
	return nil
}

// id is n as an id, empty for 0.
func (n integer) id() string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// decimal is an amount of money without its currency.
type decimal struct{ text }

// in is the amount in a currency. BigCommerce computes with four decimals, so that
// digits that cannot be paid are rounded.
func (d decimal) in(currency string) (money.Amount, error) {
	s := string(d.text)
	if s == "" {
		return money.Amount{Currency: currency}, nil
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		// A float of PHP, such as 1.0e-5. The bound keeps 1e999999999 from being
		// written out.
		exp, err := strconv.Atoi(s[i+1:])
		if err != nil || exp < -20 || exp > 20 || len(s) > 40 {
			return money.Amount{}, errScalar
		}
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			return money.Amount{}, errScalar
		}
		s = r.FloatString(24)
	}
	return money.ParseRounded(s, currency)
}

// date is a moment: RFC 2822 in V2, ISO 8601 elsewhere, empty when unset.
type date struct{ time.Time }

func (d *date) UnmarshalJSON(b []byte) error {
	var t text
	if err := t.UnmarshalJSON(b); err != nil {
		return err
	}
	if t == "" || len(t) > 64 {
		*d = date{}
		if t != "" {
			return errScalar
		}
		return nil
	}
	at, err := mail.ParseDate(string(t))
	if err != nil {
		if at, err = time.Parse(time.RFC3339, string(t)); err != nil {
			return errScalar
		}
	}
	// Dates of the API are in UTC; "+0000" would else be a zone without a name.
	if _, offset := at.Zone(); offset == 0 {
		at = at.UTC()
	}
	d.Time = at
	return nil
}
