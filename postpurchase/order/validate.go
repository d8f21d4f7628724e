package order

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// ErrInvalid is the kind of every error of [Order.Validate]. Test for it with
// [errors.Is], and with [errors.As] for an [*InvalidError] that says more.
var ErrInvalid = errors.New("order: not valid")

// InvalidError is what is wrong with an order. Its text names fields and never what
// they hold: that may be personal.
type InvalidError struct {
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Field string // such as "Lines[2].Quantity"
	Why   string // such as "is not positive"
}

// Error says the first few problems.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString(ErrInvalid.Error())
	for i, p := range e.Problems {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Problems)-i)
			break
		}
		fmt.Fprintf(&b, "%c %s %s", ":;"[min(i, 1)], p.Field, p.Why)
	}
	return b.String()
}

// Unwrap gives [ErrInvalid].
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// Validate reports everything for which a service could not keep o, as an
// [*InvalidError]: no ID, lines or parcels that can not be told apart or have no
// positive quantity, parcels with lines that there are not, amounts in several
// currencies, a time zone that is not known. An order without lines is valid: some
// shops tell them later.
func (o *Order) Validate() error {
	var e InvalidError
	bad := func(why, field string, at ...any) {
		e.Problems = append(e.Problems, Problem{fmt.Sprintf(field, at...), why})
	}
	if strings.TrimSpace(o.ID) == "" {
		bad("is empty", "ID")
	}
	if o.TimeZone != "" {
		if _, err := time.LoadLocation(o.TimeZone); err != nil || o.TimeZone == "Local" {
			bad("is not a known IANA name", "TimeZone")
		}
	}

	currency := ""
	amount := func(a money.Amount, field string, at ...any) {
		switch {
		case a.Currency == "" && a.Minor == 0 || a.Currency != "" && a.Currency == currency:
		case a.Currency == "":
			bad("has no currency", field, at...)
		case currency == "":
			if _, err := money.Exponent(a.Currency); err != nil {
				bad("has an unknown currency", field, at...)
				return
			}
			currency = a.Currency
		default:
			bad("is in another currency than the rest", field, at...)
		}
	}
	amount(o.Totals.Total, "Totals.Total")
	amount(o.Totals.Items, "Totals.Items")
	amount(o.Totals.Discount, "Totals.Discount")
	amount(o.Totals.Shipping, "Totals.Shipping")
	amount(o.Totals.Tax, "Totals.Tax")

	lines := make(map[string]bool, len(o.Lines))
	for i, l := range o.Lines {
		switch {
		case l.ID == "":
			bad("is empty", "Lines[%d].ID", i)
		case lines[l.ID]:
			bad("is that of another line", "Lines[%d].ID", i)
		}
		lines[l.ID] = true
		if l.Quantity <= 0 {
			bad("is not positive", "Lines[%d].Quantity", i)
		}
		amount(l.UnitPrice, "Lines[%d].UnitPrice", i)
		amount(l.Paid, "Lines[%d].Paid", i)
		amount(l.Tax, "Lines[%d].Tax", i)
	}
	for i, p := range o.Parcels {
		for j, l := range p.Lines {
			if !lines[l.LineID] {
				bad("is not a line of the order", "Parcels[%d].Lines[%d].LineID", i, j)
			}
			if l.Quantity <= 0 {
				bad("is not positive", "Parcels[%d].Lines[%d].Quantity", i, j)
			}
		}
	}
	if len(e.Problems) == 0 {
		return nil
	}
	return &e
}

// Replaces reports whether o may be kept in the place of old: it is the same order and
// the shop did not say it earlier. A copy without UpdatedAt does not replace one with
// it, for nobody can tell which is newer. Any order replaces nil.
func (o *Order) Replaces(old *Order) bool {
	return old == nil || o.ID == old.ID && !o.UpdatedAt.Before(old.UpdatedAt)
}
