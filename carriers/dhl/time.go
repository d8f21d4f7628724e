package dhl

import (
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// parseTime reads DHL's timestamps: a wall clock with or without seconds, fractions
// and an offset, whose spellings are Z, +02:00, +0200, +02.00 and +02; or a day. What
// is not understood is the zero Time: the event is kept without one.
func parseTime(s text) shipment.Time {
	const day, minute, second = "2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"
	if len(s) == len(day) {
		d, err := time.Parse(day, string(s))
		if err != nil {
			return shipment.Time{}
		}
		return shipment.Day(d.Year(), d.Month(), d.Day())
	}
	if len(s) < len(minute) {
		return shipment.Time{}
	}
	layout := minute
	if len(s) >= len(second) && s[len(minute)] == ':' {
		layout = second
	}
	b := []byte(s[:len(layout)])
	if b[len(day)] == ' ' {
		b[len(day)] = 'T'
	}
	wall, err := time.Parse(layout, string(b))
	if err != nil {
		return shipment.Time{}
	}
	t := shipment.Local(wall)
	if layout == minute {
		t = t.ToMinute()
	}
	rest := s[len(layout):]
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		rest = rest[1:]
		for rest != "" && isDigit(rest[0]) {
			rest = rest[1:]
		}
	}
	if rest == "" {
		return t
	}
	if offset, ok := parseOffset(rest); ok {
		return t.WithOffset(offset)
	}
	return shipment.Time{}
}

func parseOffset(s text) (seconds int, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	var digits [4]int
	n := 0
	for i := 1; i < len(s); i++ {
		switch {
		case isDigit(s[i]) && n < len(digits):
			digits[n] = int(s[i] - '0')
			n++
		case i == 3 && (s[i] == ':' || s[i] == '.') && i+1 < len(s):
		default:
			return 0, false
		}
	}
	hours, minutes := digits[0]*10+digits[1], digits[2]*10+digits[3]
	if n != 2 && n != 4 || hours > 14 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
