package shipment

import (
	"errors"
	"time"
)

// Precision is how exact a [Time] is.
type Precision uint8

// The precisions, from exact to vague.
const (
	PrecisionSecond Precision = iota
	PrecisionMinute
	PrecisionDay // a calendar day; the clock part is zero and means nothing
)

// Time is when something happened, as honestly as the carrier told it: a wall clock
// at the place, the offset from UTC if somebody said it, and how exact it is. UTC is
// never made up. The zero value means that no time is known.
//
// Times can be compared with ==, which asks whether the same was said; [Time.Instant]
// gives the moment where there is one. The text form is ISO 8601 with what is known
// and nothing more: "2026-01-05T14:23:00-07:00", "2026-01-05T14:23" (to the minute,
// no offset), "2026-01-05" (a day). A "~" at the end says that the offset was
// inferred from the place and not given by the carrier.
type Time struct {
	wall      int64 // seconds of the wall clock since 1970-01-01T00:00:00, as if it were UTC
	offset    int32 // seconds east of UTC
	set       bool
	hasOffset bool
	inferred  bool
	precision Precision
}

// At returns the instant t, to the second, in its own offset. The zero time gives
// the zero Time, and so does one whose year has not four digits: no carrier means it,
// and the text form can not say it.
func At(t time.Time) Time {
	_, off := t.Zone()
	if off <= -maxOffset || off >= maxOffset {
		t, off = t.UTC(), 0
	}
	wall := t.Unix() + int64(off)
	if t.IsZero() || !writable(wall) {
		return Time{}
	}
	return Time{wall: wall, offset: int32(off), set: true, hasOffset: true}
}

const maxOffset = 24 * 60 * 60

// writable reports whether the year of a wall clock has four digits. It compares seconds,
// for every event that is read asks, and to work out the year takes longer.
func writable(wall int64) bool {
	const first, last = -62167219200, 253402300799 // 0000-01-01T00:00:00, 9999-12-31T23:59:59
	return first <= wall && wall <= last
}

// Local returns a time of which only the wall clock is known. The location of wall
// is ignored. Years are as with [At].
func Local(wall time.Time) Time {
	_, off := wall.Zone()
	seconds := wall.Unix() + int64(off)
	if wall.IsZero() || !writable(seconds) {
		return Time{}
	}
	return Time{wall: seconds, set: true}
}

// Day returns a calendar day of which no clock is known. Years are as with [At].
func Day(year int, month time.Month, day int) Time {
	wall := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	if !writable(wall) {
		return Time{}
	}
	return Time{wall: wall, set: true, precision: PrecisionDay}
}

// WithOffset returns t with an offset from UTC that the carrier gave, in seconds
// east. It does nothing to the zero Time and to a day, nor with an offset of 24 hours
// or more, which no place has.
func (t Time) WithOffset(seconds int) Time {
	if !t.set || t.precision == PrecisionDay || seconds <= -maxOffset || seconds >= maxOffset {
		return t
	}
	t.offset, t.hasOffset, t.inferred = int32(seconds), true, false
	return t
}

// InferZone returns t with the offset that loc had at that wall clock, marked as
// inferred. It does nothing where an offset is known, or there is no clock.
func (t Time) InferZone(loc *time.Location) Time {
	if !t.set || t.hasOffset || t.precision == PrecisionDay || loc == nil {
		return t
	}
	w := t.Wall()
	_, off := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, loc).Zone()
	t.offset, t.hasOffset, t.inferred = int32(off), true, true
	return t
}

// ToMinute returns t as known to the minute only.
func (t Time) ToMinute() Time {
	if t.set && t.precision == PrecisionSecond {
		t.wall -= ((t.wall % 60) + 60) % 60
		t.precision = PrecisionMinute
	}
	return t
}

// IsZero reports whether no time is known.
func (t Time) IsZero() bool { return !t.set }

// Precision is how exact t is.
func (t Time) Precision() Precision { return t.precision }

// Wall is the wall clock of t, with the location UTC that means nothing. It is the
// zero time where t is.
func (t Time) Wall() time.Time {
	if !t.set {
		return time.Time{}
	}
	return time.Unix(t.wall, 0).UTC()
}

// Offset is the offset from UTC in seconds east, and whether one is known.
func (t Time) Offset() (seconds int, ok bool) { return int(t.offset), t.hasOffset }

// Inferred reports whether the offset was inferred from a place.
func (t Time) Inferred() bool { return t.inferred }

// Instant is the moment of t in its own offset. ok is false where the carrier gave no
// offset, or only a day: then there is no moment to give.
func (t Time) Instant() (at time.Time, ok bool) {
	if !t.hasOffset {
		return time.Time{}, false
	}
	return time.Unix(t.wall-int64(t.offset), 0).In(time.FixedZone("", int(t.offset))), true
}

// In is the moment of t where the place without an offset is taken to be in loc; for
// a day it is the day's first moment there. Use it to show a time or to set a timer,
// never to store one.
func (t Time) In(loc *time.Location) time.Time {
	if at, ok := t.Instant(); ok {
		return at.In(loc)
	}
	if !t.set {
		return time.Time{}
	}
	w := t.Wall()
	if t.precision == PrecisionDay {
		return startOfDay(w.Year(), w.Month(), w.Day(), loc)
	}
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, loc)
}

// Compare orders times by their moment. Where one has no offset, wall clocks are
// compared. The zero Time is before all others.
func (t Time) Compare(u Time) int {
	a, b := t.wall, u.wall
	if t.hasOffset && u.hasOffset {
		a, b = a-int64(t.offset), b-int64(u.offset)
	}
	switch {
	case t.set != u.set:
		if u.set {
			return -1
		}
		return 1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Before reports whether t is earlier than u, by [Time.Compare].
func (t Time) Before(u Time) bool { return t.Compare(u) < 0 }

const (
	secondLayout = "2006-01-02T15:04:05"
	minuteLayout = "2006-01-02T15:04"
	dayLayout    = "2006-01-02"
)

// String returns the text form of t, empty for the zero Time.
func (t Time) String() string { return string(t.append(nil)) }

func (t Time) append(b []byte) []byte {
	if !t.set {
		return b
	}
	layout := secondLayout
	switch t.precision {
	case PrecisionMinute:
		layout = minuteLayout
	case PrecisionDay:
		layout = dayLayout
	}
	b = t.Wall().AppendFormat(b, layout)
	if t.hasOffset {
		off, sign := int(t.offset), byte('+')
		if off < 0 {
			off, sign = -off, '-'
		}
		b = append(b, sign, digit(off/36000), digit(off/3600), ':', digit(off/600%6), digit(off/60))
		if s := off % 60; s != 0 {
			b = append(b, ':', digit(s/10), digit(s))
		}
	}
	if t.inferred {
		b = append(b, '~')
	}
	return b
}

func digit(n int) byte { return byte('0' + n%10) }

// MarshalText implements [encoding.TextMarshaler].
func (t Time) MarshalText() ([]byte, error) { return t.append(make([]byte, 0, 32)), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *Time) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTime(string(b))
	return err
}

var errTime = errors.New("shipment: not a time such as 2026-01-05T14:23:00-07:00, 2026-01-05T14:23 or 2026-01-05")

// ParseTime reads the text form of a [Time]. Empty text is the zero Time. "Z" is
// read as the offset +00:00.
func ParseTime(s string) (Time, error) {
	if s == "" {
		return Time{}, nil
	}
	var t Time
	if s[len(s)-1] == '~' {
		t.inferred, s = true, s[:len(s)-1]
	}
	if len(s) == len(dayLayout) {
		day, err := time.Parse(dayLayout, s)
		if err != nil || t.inferred {
			return Time{}, errTime
		}
		return Time{wall: day.Unix(), set: true, precision: PrecisionDay}, nil
	}
	layout := minuteLayout
	if len(s) >= len(secondLayout) && s[len(minuteLayout)] == ':' {
		layout = secondLayout
	} else {
		t.precision = PrecisionMinute
	}
	if len(s) < len(layout) {
		return Time{}, errTime
	}
	wall, err := time.Parse(layout, s[:len(layout)])
	if err != nil {
		return Time{}, errTime
	}
	t.wall, t.set = wall.Unix(), true
	if rest := s[len(layout):]; rest != "" {
		off, ok := parseOffset(rest)
		if !ok {
			return Time{}, errTime
		}
		t.offset, t.hasOffset = off, true
	}
	if t.inferred && !t.hasOffset {
		return Time{}, errTime
	}
	return t, nil
}

// parseOffset reads Z, +hh:mm or +hh:mm:ss.
func parseOffset(s string) (int32, bool) {
	if s == "Z" {
		return 0, true
	}
	if (len(s) != 6 && len(s) != 9) || (s[0] != '+' && s[0] != '-') {
		return 0, false
	}
	n, limit := 0, [...]int{24, 60, 60}
	for i, unit := 1, 0; i < len(s); i, unit = i+3, unit+1 {
		if (i > 1 && s[i-1] != ':') || s[i]-'0' > 9 || s[i+1]-'0' > 9 {
			return 0, false
		}
		v := int(s[i]-'0')*10 + int(s[i+1]-'0')
		if v >= limit[unit] {
			return 0, false
		}
		n = n*60 + v
	}
	if len(s) == 6 {
		n *= 60
	}
	if s[0] == '-' {
		n = -n
	}
	return int32(n), true
}

// Window is a span in which something is to happen, with both ends as the carrier or
// the shop gave them. From and To may be days. A window of one moment has equal ends;
// the zero value means that nothing was said.
type Window struct {
	From Time `json:"from,omitzero"`
	To   Time `json:"to,omitzero"`
}

// IsZero reports whether nothing was said.
func (w Window) IsZero() bool { return w.From.IsZero() && w.To.IsZero() }

// End is the moment after which the window has passed: for a day, the day's end in
// loc; for a window without To, that of From. It is the zero time for the zero Window.
func (w Window) End(loc *time.Location) time.Time {
	to := w.To
	if to.IsZero() {
		to = w.From
	}
	if to.IsZero() {
		return time.Time{}
	}
	if to.precision == PrecisionDay {
		w := to.Wall()
		return startOfDay(w.Year(), w.Month(), w.Day()+1, loc)
	}
	return to.In(loc)
}

// startOfDay is the first moment of a day in loc. In some zones that is not midnight:
// clocks go forward at midnight and the day begins at one.
func startOfDay(year int, month time.Month, day int, loc *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, loc)
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	if t.Day() == noon.Day() {
		if b := t.Add(-time.Hour); b.Day() == t.Day() && b.Hour() == 0 {
			t = b // midnight comes twice and this was the second
		}
		return t
	}
	for i := 0; t.Day() != noon.Day() && i < 200; i++ {
		t = t.Add(15 * time.Minute)
	}
	return t
}

// Equal reports whether t and u say the same; it is ==, for packages that look for a
// method.
func (t Time) Equal(u Time) bool { return t == u }
