package shipment_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func TestTimeText(t *testing.T) {
	wall := time.Date(2026, 11, 1, 1, 30, 15, 999, newYork)
	tests := []struct {
		name string
		time shipment.Time
		text string
	}{
		{"nothing", shipment.Time{}, ""},
		{"no moment", shipment.At(time.Time{}), ""},
		{"a moment in its zone", shipment.At(wall), "2026-11-01T01:30:15-04:00"},
		{"the second half past one of that night", shipment.At(wall.Add(time.Hour)), "2026-11-01T01:30:15-05:00"},
		{"a moment in UTC", shipment.At(wall.UTC()), "2026-11-01T05:30:15+00:00"},
		{"a wall clock: its location says nothing", shipment.Local(wall), "2026-11-01T01:30:15"},
		{"to the minute", shipment.Local(wall).ToMinute(), "2026-11-01T01:30"},
		{"to the minute, before 1970", shipment.Local(time.Date(1969, 12, 31, 23, 59, 30, 0, time.UTC)).ToMinute(), "1969-12-31T23:59"},
		{"with the carrier's offset", shipment.Local(wall).WithOffset(-5 * 3600), "2026-11-01T01:30:15-05:00"},
		{"with an odd offset", shipment.Local(wall).WithOffset(5*3600 + 45*60 + 7), "2026-11-01T01:30:15+05:45:07"},
		{"with the greatest offset there is", shipment.Local(wall).WithOffset(14 * 3600), "2026-11-01T01:30:15+14:00"},
		{"with an offset that no place has", shipment.Local(wall).WithOffset(24 * 3600), "2026-11-01T01:30:15"},
		{"inferred", shipment.Local(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)).InferZone(berlin), "2026-07-01T09:00:00+02:00~"},
		{"inferred, and then given", shipment.Local(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)).InferZone(berlin).WithOffset(3600), "2026-07-01T09:00:00+01:00"},
		{"given: not inferred", shipment.At(wall).InferZone(berlin), "2026-11-01T01:30:15-04:00"},
		{"inferred of nowhere", shipment.Local(wall).InferZone(nil), "2026-11-01T01:30:15"},
		{"a day", shipment.Day(2026, 2, 29), "2026-03-01"},
		{"a day has no offset", shipment.Day(2026, 3, 1).WithOffset(3600).InferZone(berlin).ToMinute(), "2026-03-01"},
		{"a year that is none", shipment.Day(12026, 3, 1), ""},
		{"a year that is none, with a clock", shipment.Local(time.Date(-3, 3, 1, 0, 0, 0, 0, time.UTC)), ""},
		{"the first second", shipment.At(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), "0000-01-01T00:00:00+00:00"},
		{"the second before", shipment.Local(time.Date(0, 1, 1, 0, 0, -1, 0, time.UTC)), ""},
		{"the day before", shipment.Day(0, 1, 0), ""},
		{"the last second, where it is said", shipment.At(time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))), "9999-12-31T23:59:59-01:00"},
		{"the second after, where it is said", shipment.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))), ""},
		{"the day after", shipment.Day(9999, 12, 32), ""},
		{"an offset of days: the moment is kept", shipment.At(wall.In(time.FixedZone("", 50*3600))), "2026-11-01T05:30:15+00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.time.String(); got != tt.text {
				t.Fatalf("%q, want %q", got, tt.text)
			}
			back, err := shipment.ParseTime(tt.text)
			if err != nil || back != tt.time || !back.Equal(tt.time) {
				t.Errorf("read as %+v (%v), want %+v", back, err, tt.time)
			}
			type holder struct {
				At shipment.Time `json:"at,omitzero"`
			}
			b, err := json.Marshal(holder{tt.time})
			if err != nil {
				t.Fatal(err)
			}
			if tt.text == "" && string(b) != "{}" {
				t.Errorf("no time is written as %s", b)
			}
			var h holder
			if err := json.Unmarshal(b, &h); err != nil || h.At != tt.time {
				t.Errorf("JSON %s read as %v (%v)", b, h.At, err)
			}
		})
	}
	for _, text := range []string{"soon", "2026-02-30", "2026-03-04~", "2026-03-04T14:02~", "2026-03-04T25:02", "2026-03-04T14:02:00+25:00", "2026-03-04T14:02:00 +01:00", "2026-03-04T14:02:00+0100"} {
		if at, err := shipment.ParseTime(text); err == nil {
			t.Errorf("%q was read as %v", text, at)
		}
	}
}

func TestTimeInstant(t *testing.T) {
	given := at("2026-03-04T14:02:00+01:00")
	if i, ok := given.Instant(); !ok || !i.Equal(time.Date(2026, 3, 4, 13, 2, 0, 0, time.UTC)) || i.Format(time.RFC3339) != "2026-03-04T14:02:00+01:00" {
		t.Errorf("the moment is %v, %v", i, ok)
	}
	if off, ok := given.Offset(); off != 3600 || !ok || given.Inferred() || given.Precision() != shipment.PrecisionSecond {
		t.Errorf("offset %d, %v", off, ok)
	}
	for _, text := range []string{"", "2026-03-04", "2026-03-04T14:02", "2026-03-04T14:02:00"} {
		if i, ok := at(text).Instant(); ok {
			t.Errorf("%q is made %v", text, i)
		}
	}
	if got := at("2026-03-04T14:02").In(newYork); !got.Equal(time.Date(2026, 3, 4, 14, 2, 0, 0, newYork)) {
		t.Errorf("a wall clock in New York is %v", got)
	}
	// The first moment of a day that has no midnight.
	if got := at("2023-09-03").In(zone("America/Santiago")); got.Format(time.RFC3339) != "2023-09-03T01:00:00-03:00" {
		t.Errorf("the day begins at %v", got)
	}
}

func TestTimeCompare(t *testing.T) {
	// Each is before the next.
	for _, pair := range [][2]string{
		{"", "1970-01-01"},
		{"2026-03-04T14:02:00+01:00", "2026-03-04T14:02:00Z"},      // moments, where there are two
		{"2026-03-04T10:00:00+14:00", "2026-03-03T13:00:00-08:00"}, // though the wall clock is a day ahead
		{"2026-03-04T14:02:00+01:00", "2026-03-04T14:03:00"},       // else wall clocks
		{"2026-03-04", "2026-03-04T00:01"},
	} {
		a, b := at(pair[0]), at(pair[1])
		if !a.Before(b) || b.Before(a) || a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
			t.Errorf("%q is not before %q", pair[0], pair[1])
		}
	}
}

func TestWords(t *testing.T) {
	for _, s := range shipment.Statuses() {
		if !s.Known() {
			t.Errorf("%s is not known", s)
		}
	}
	if len(shipment.Statuses()) != 13 || shipment.Status("teleported").Known() || shipment.Status("").Known() {
		t.Error("13 statuses are known, and no other word")
	}
	terminal := map[shipment.Status]bool{shipment.Delivered: true, shipment.Returned: true, shipment.Failed: true, shipment.Cancelled: true}
	for _, s := range shipment.Statuses() {
		if s.Terminal() != terminal[s] {
			t.Errorf("%s: Terminal = %v", s, s.Terminal())
		}
	}
	if !shipment.DetailLocker.Known() || !shipment.Detail("").Known() || shipment.Detail("beamed").Known() ||
		!shipment.ReasonWeather.Known() || shipment.Reason("aliens").Known() || !shipment.ActionShipper.Known() || shipment.ActionBy("dog").Known() ||
		!shipment.ClassRetraction.Known() || shipment.Class("rumour").Known() {
		t.Error("a word is known that is none, or not known that is one")
	}
	ref := shipment.Ref{Carrier: "ups", TrackingNumber: "1Z1", Epoch: 1}
	if ref.String() != "ups/1Z1#1" || ref.IsZero() || !(shipment.Ref{}).IsZero() {
		t.Errorf("ref %s", ref)
	}
	if got := (shipment.Place{Name: "Hub", City: "Cologne", PostalCode: "50667", Country: "DE"}).String(); got != "Hub, Cologne, DE" {
		t.Errorf("place %q", got)
	}
}
