package notify

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

const nbsp = "\u00a0"

// format is how a locale writes money and time. golang.org/x/text puts the currency on
// the wrong side for a mail and knows no dates, so this is our own; the values follow
// CLDR 46.
type format struct {
	decimal, group string
	symbolFirst    bool
	symbolSpace    string            // between symbol and digits
	symbols        map[string]string // ISO code to symbol; a code without one is written out

	months, days []string
	date         func(f *format, t time.Time, year bool) string
	clock        func(t time.Time) string
	clockRange   func(from, to time.Time) string
	dash         string // between two dates
}

var symbols = map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}

// formats are the built-in ones, by BCP 47 tag. A tag that is missing uses its language.
var formats = map[string]*format{
	"en": {
		decimal: ".", group: ",", symbolFirst: true, symbols: symbols, months: monthsEN, days: daysEN, dash: " – ",
		date: func(f *format, t time.Time, year bool) string {
			s := f.days[t.Weekday()] + ", " + f.months[t.Month()-1] + nbsp + strconv.Itoa(t.Day())
			if year {
				s += ", " + strconv.Itoa(t.Year())
			}
			return s
		},
		clock: clock12,
		clockRange: func(from, to time.Time) string {
			a, b := clock12(from), clock12(to)
			if a[len(a)-2:] == b[len(b)-2:] {
				a = a[:len(a)-len(nbsp)-2]
			}
			return a + "–" + b
		},
	},
	"en-GB": {
		decimal: ".", group: ",", symbolFirst: true, symbols: map[string]string{"EUR": "€", "USD": "US$", "GBP": "£", "JPY": "JP¥"},
		months: monthsEN, days: daysEN, dash: " – ",
		date: func(f *format, t time.Time, year bool) string {
			s := f.days[t.Weekday()] + " " + strconv.Itoa(t.Day()) + nbsp + f.months[t.Month()-1]
			if year {
				s += " " + strconv.Itoa(t.Year())
			}
			return s
		},
		clock:      clock24,
		clockRange: func(from, to time.Time) string { return clock24(from) + "–" + clock24(to) },
	},
	"de": {
		decimal: ",", group: ".", symbolSpace: nbsp, symbols: symbols, months: monthsDE, days: daysDE, dash: " bis ", date: dateDE,
		clock:      func(t time.Time) string { return clock24(t) + nbsp + "Uhr" },
		clockRange: clockRangeDE,
	},
	"de-AT": {
		decimal: ",", group: ".", symbolFirst: true, symbolSpace: nbsp, symbols: symbols, months: monthsAT, days: daysDE, dash: " bis ",
		date:       dateDE,
		clock:      func(t time.Time) string { return clock24(t) + nbsp + "Uhr" },
		clockRange: clockRangeDE,
	},
	"de-CH": {
		decimal: ".", group: "’", symbolFirst: true, symbolSpace: nbsp, symbols: nil, months: monthsDE, days: daysDE, dash: " bis ", date: dateDE,
		clock:      func(t time.Time) string { return clock24(t) + nbsp + "Uhr" },
		clockRange: clockRangeDE,
	},
}

var (
	monthsEN = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	daysEN   = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	monthsDE = []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
	monthsAT = []string{"Jänner", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
	daysDE   = []string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
)

func dateDE(f *format, t time.Time, year bool) string {
	s := f.days[t.Weekday()] + ", " + strconv.Itoa(t.Day()) + "." + nbsp + f.months[t.Month()-1]
	if year {
		s += " " + strconv.Itoa(t.Year())
	}
	return s
}

func clockRangeDE(from, to time.Time) string {
	return clock24(from) + "–" + clock24(to) + nbsp + "Uhr"
}

func clock24(t time.Time) string { return t.Format("15:04") }

func clock12(t time.Time) string {
	if t.Minute() == 0 {
		return t.Format("3") + nbsp + t.Format("PM")
	}
	return t.Format("3:04") + nbsp + t.Format("PM")
}

// formatFor is the format of the tag, of its language, or English.
func formatFor(tag string) *format {
	for t := tag; t != ""; {
		if f, ok := formats[t]; ok {
			return f
		}
		// The English of most of the world writes dates and hours as Britain does.
		if lang, region, ok := strings.Cut(t, "-"); ok && lang == "en" && region != "US" && region != "CA" && region != "PH" && len(region) == 2 {
			return formats["en-GB"]
		}
		i := strings.LastIndexByte(t, '-')
		if i < 0 {
			break
		}
		t = t[:i]
	}
	return formats["en"]
}

// money writes an amount as a person of the locale would: "€1,234.50", "1.234,50 €".
func (f *format) money(a money.Amount) string {
	digits, negative := a.Decimal(), false
	if strings.HasPrefix(digits, "-") {
		digits, negative = digits[1:], true
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	var b strings.Builder
	if negative {
		b.WriteString("-")
	}
	symbol, known := f.symbols[a.Currency]
	if !known {
		symbol = a.Currency
	}
	if f.symbolFirst {
		b.WriteString(symbol)
		if known || f.symbolSpace != "" {
			b.WriteString(f.symbolSpace)
		} else {
			b.WriteString(nbsp) // a code never touches the digits
		}
	}
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(f.group)
		}
		b.WriteRune(r)
	}
	if fraction != "" {
		b.WriteString(f.decimal + fraction)
	}
	if !f.symbolFirst {
		b.WriteString(f.symbolSpace + symbol)
	}
	return b.String()
}

// daysBetween counts midnights on the wall clock.
func daysBetween(a, b time.Time) int {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	h := time.Date(by, bm, bd, 0, 0, 0, 0, time.UTC).Sub(time.Date(ay, am, ad, 0, 0, 0, 0, time.UTC)).Hours()
	return int(math.Round(h / 24))
}
