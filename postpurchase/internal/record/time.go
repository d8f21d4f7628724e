package record

import (
	"encoding/binary"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// A time is its second, its nanosecond and its offset from UTC.

func appendTime(b []byte, t time.Time) []byte {
	_, offset := t.Zone()
	b = binary.AppendVarint(b, t.Unix())
	b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
	return binary.AppendVarint(b, int64(offset))
}

func readTime(s string, t *time.Time) bool {
	second, s, ok1 := varint(s)
	nanosecond, s, ok2 := uvarint(s)
	offset, _, ok3 := varint(s)
	*t = time.Unix(second, int64(nanosecond)).In(zoneOf(int(offset)))
	return ok1 && ok2 && ok3
}

// zoneOf is a zone of which only the offset is known.
func zoneOf(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	if i := offset/quarter + len(zones)/2; offset%quarter == 0 && i >= 0 && i < len(zones) {
		return zones[i]
	}
	return time.FixedZone("", offset)
}

const quarter = 15 * 60

// zones are all quarters of an hour that are somewhere in use. To make one takes several
// allocations, and a document has many times.
var zones = func() (list [2*14*4 + 1]*time.Location) {
	for i := range list {
		list[i] = time.FixedZone("", (i-len(list)/2)*quarter)
	}
	return list
}()

// An event time is a byte that says what is known, the wall clock and the offset.
const (
	eventTimePrecision = 0x03
	eventTimeOffset    = 0x04
	eventTimeInferred  = 0x08
	eventTimeText      = 0x80 // instead: its text
)

func appendEventTime(b []byte, t shipment.Time) []byte {
	flags := byte(t.Precision()) & eventTimePrecision
	offset, ok := t.Offset()
	if ok {
		flags |= eventTimeOffset
	}
	if t.Inferred() {
		flags |= eventTimeInferred
	}
	wall := t.Wall().Unix()
	known := t.Precision() == shipment.PrecisionSecond && plain(flags, wall, offset)
	if !known && makeEventTime(flags, wall, offset) != t {
		return append(append(b, eventTimeText), t.String()...)
	}
	return binary.AppendVarint(binary.AppendVarint(append(b, flags), wall), int64(offset))
}

// plain reports whether these are the parts of a second in a year with four digits and
// with an offset of less than a day, as most event times are. Those are certainly made
// again by makeEventTime: to try it takes longer than to write it.
func plain(flags byte, wall int64, offset int) bool {
	const day = 24 * 60 * 60
	const first, last = -62135596800 + day, 253402300799 // 0001-01-02T00:00:00, 9999-12-31T23:59:59
	return flags == eventTimeOffset && first <= wall && wall <= last && -day < offset && offset < day
}

func readEventTime(s string, t *shipment.Time) bool {
	if s == "" {
		return false
	}
	if s[0] == eventTimeText {
		var err error
		*t, err = shipment.ParseTime(s[1:])
		return err == nil
	}
	wall, rest, ok1 := varint(s[1:])
	offset, _, ok2 := varint(rest)
	*t = makeEventTime(s[0], wall, int(offset))
	return ok1 && ok2
}

func makeEventTime(flags byte, wall int64, offset int) shipment.Time {
	if plain(flags, wall, offset) {
		return shipment.At(time.Unix(wall-int64(offset), 0).In(zoneOf(offset)))
	}
	w := time.Unix(wall, 0).UTC()
	if shipment.Precision(flags&eventTimePrecision) == shipment.PrecisionDay {
		return shipment.Day(w.Date())
	}
	t := shipment.Local(w)
	if shipment.Precision(flags&eventTimePrecision) == shipment.PrecisionMinute {
		t = t.ToMinute()
	}
	switch {
	case flags&eventTimeInferred != 0:
		return t.InferZone(zoneOf(offset))
	case flags&eventTimeOffset != 0:
		return t.WithOffset(offset)
	}
	return t
}
