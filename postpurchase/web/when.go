package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const nbsp = "\u00a0" // keeps a day with its month, and an hour with its half of the day

// dateStyle is how a language, or a region of it, writes days and hours. The values
// follow CLDR 46; golang.org/x/text has none.
type dateStyle struct {
	days, months []string
	date         func(s *dateStyle, t time.Time) string // "Tuesday, November 24"
	short        func(s *dateStyle, t time.Time) string // "Nov 24"
	clock        func(t time.Time) string
	clocks       func(from, to time.Time) string
}

func styleOf(tag string) dateStyle {
	english := dateStyle{
		days:   []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		months: []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	}
	lang, region, _ := strings.Cut(tag, "-")
	switch {
	case lang == "de":
		s := dateStyle{
			days:   []string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
			months: []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
			date: func(s *dateStyle, t time.Time) string {
				return s.days[t.Weekday()] + ", " + strconv.Itoa(t.Day()) + "." + nbsp + s.months[t.Month()-1]
			},
			short: func(s *dateStyle, t time.Time) string {
				month := []rune(s.months[t.Month()-1])
				switch {
				case t.Month() == time.September:
					month = []rune("Sept.")
				case len(month) > 4:
					month = append(month[:3:3], '.')
				}
				return strconv.Itoa(t.Day()) + "." + nbsp + string(month)
			},
			clock:  func(t time.Time) string { return t.Format("15:04") + nbsp + "Uhr" },
			clocks: func(a, b time.Time) string { return a.Format("15:04") + "–" + b.Format("15:04") + nbsp + "Uhr" },
		}
		if region == "AT" {
			s.months[0] = "Jänner"
		}
		return s
	case region == "" || region == "US" || region == "CA" || region == "PH":
		english.date = func(s *dateStyle, t time.Time) string {
			return s.days[t.Weekday()] + ", " + s.months[t.Month()-1] + nbsp + strconv.Itoa(t.Day())
		}
		english.short = func(_ *dateStyle, t time.Time) string { return t.Format("Jan" + nbsp + "2") }
		english.clock = clock12
		english.clocks = func(a, b time.Time) string {
			from, to := clock12(a), clock12(b)
			if a.Format("PM") == b.Format("PM") {
				from, _, _ = strings.Cut(from, nbsp)
			}
			return from + "–" + to
		}
	default: // the English of the rest of the world
		english.date = func(s *dateStyle, t time.Time) string {
			return s.days[t.Weekday()] + " " + strconv.Itoa(t.Day()) + nbsp + s.months[t.Month()-1]
		}
		english.short = func(_ *dateStyle, t time.Time) string { return t.Format("2" + nbsp + "Jan") }
		english.clock = func(t time.Time) string { return t.Format("15:04") }
		english.clocks = func(a, b time.Time) string { return a.Format("15:04") + "–" + b.Format("15:04") }
	}
	return english
}

func clock12(t time.Time) string {
	if t.Minute() == 0 {
		return t.Format("3") + nbsp + t.Format("PM")
	}
	return t.Format("3:04") + nbsp + t.Format("PM")
}

// calendar says times to a customer: in their words, seen from their now and zone.
type calendar struct {
	*words
	now  time.Time
	zone *time.Location
}

// bare names a day without a preposition: "today", "Tuesday, November 24".
func (c *calendar) bare(t time.Time) string {
	today := civil(c.now.In(c.zone))
	switch civil(t).Sub(today) {
	case 0:
		return c.say("when.today")
	case 24 * time.Hour:
		return c.say("when.tomorrow")
	case -24 * time.Hour:
		return c.say("when.yesterday")
	}
	return c.date(t)
}

func (c *calendar) date(t time.Time) string {
	s := c.style.date(&c.style, t)
	if t.Year() != c.now.In(c.zone).Year() {
		s += " " + strconv.Itoa(t.Year())
	}
	return s
}

// brief names a day where there is little room: "Today", "Nov 24".
func (c *calendar) brief(t time.Time) string {
	if s := c.bare(t); s != c.date(t) {
		return upper(s)
	}
	return c.style.short(&c.style, t)
}

// onDay names a day as it stands in a sentence: "today", "am Dienstag, 24. November".
func (c *calendar) onDay(t time.Time) string {
	if s := c.bare(t); s != c.date(t) {
		return s
	}
	return c.say("when.day", "day", c.date(t))
}

func civil(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// window says when something is to happen, in the customer's zone: as part of a
// sentence, or bare. A day stays a day.
func (c *calendar) window(w shipment.Window, bare bool) string {
	day := c.onDay
	if bare {
		day = c.bare
	}
	from, fromClock := c.local(w.From)
	to, toClock := c.local(w.To)
	switch {
	case w.IsZero():
		return ""
	case w.From.IsZero() && !toClock:
		return c.say("when.by", "when", c.bare(to))
	case w.From.IsZero():
		return c.say("when.before", "day", day(to), "time", c.style.clock(to))
	case w.To.IsZero() && fromClock:
		return c.say("when.from", "day", day(from), "time", c.style.clock(from))
	case w.To.IsZero():
		return day(from)
	case civil(from) != civil(to):
		if bare {
			return c.bare(from) + " – " + c.bare(to)
		}
		return c.say("when.days", "from", c.bare(from), "to", c.bare(to))
	case fromClock && toClock && from.Equal(to):
		return c.say("when.around", "day", day(from), "time", c.style.clock(from))
	case fromClock && toClock:
		return c.say("when.range", "day", day(from), "time", c.style.clocks(from, to))
	case toClock:
		return c.say("when.before", "day", day(to), "time", c.style.clock(to))
	}
	return day(from)
}

// local is t where the customer is, and whether its clock means anything.
func (c *calendar) local(t shipment.Time) (time.Time, bool) {
	if t.Precision() == shipment.PrecisionDay {
		return t.Wall(), false
	}
	return t.In(c.zone), !t.IsZero()
}

// moment says when something of our own happened, in the customer's zone.
func (c *calendar) moment(t time.Time) string {
	t = t.In(c.zone)
	return c.say("when.at", "day", c.onDay(t), "time", c.style.clock(t))
}

// happened says when a carrier says something happened: the wall clock of the place,
// which is not converted, because the carrier may not have said its zone.
func (c *calendar) happened(t shipment.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Precision() == shipment.PrecisionDay:
		return c.onDay(t.Wall())
	}
	s := c.say("when.at", "day", c.onDay(t.Wall()), "time", c.style.clock(t.Wall()))
	if z := c.foreign(t); z != "" {
		s += " " + z
	}
	return s
}

// foreign names the offset of t where it is known and is not the customer's.
func (c *calendar) foreign(t shipment.Time) string {
	at, ok := t.Instant()
	if !ok {
		return ""
	}
	_, theirs := at.Zone()
	if _, ours := at.In(c.zone).Zone(); ours == theirs {
		return ""
	}
	sign := "+"
	if theirs < 0 {
		sign, theirs = "−", -theirs
	}
	s := fmt.Sprintf("UTC%s%d", sign, theirs/3600)
	if m := theirs / 60 % 60; m != 0 {
		s += fmt.Sprintf(":%02d", m)
	}
	return s
}

// zoneName is what people call the customer's zone today, such as "CET".
func (c *calendar) zoneName() string {
	name := c.now.In(c.zone).Format("MST")
	if name[0] == '+' || name[0] == '-' {
		name = "UTC" + name
	}
	return name
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
