package shipment_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// twenty is a usual life in twenty events, oldest first.
func twenty() []shipment.Event {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("", -5*3600))
	var list []shipment.Event
	for i := range 20 {
		e := shipment.Event{
			Time: shipment.At(start.Add(time.Duration(i) * 5 * time.Hour)), Seen: start.Add(time.Duration(i)*5*time.Hour + time.Minute).UTC(),
			Class: shipment.ClassStatus, Status: shipment.InTransit, Detail: shipment.DetailDeparted, Code: "DP", Kind: "I",
			Text: "Departed from Facility", Place: shipment.Place{City: fmt.Sprintf("City %d", i), Region: "TX", Country: "US"},
		}
		switch i {
		case 0:
			e.Status, e.Detail, e.Code, e.Kind, e.Text = shipment.PreTransit, shipment.DetailLabelCreated, "MP", "M", "Label created"
		case 17:
			e.Status, e.Detail, e.Code, e.Text = shipment.OutForDelivery, shipment.DetailOnVehicle, "OT", "Out For Delivery"
		case 18:
			e.Status, e.Detail, e.Code, e.Kind, e.Text = shipment.AttemptFailed, shipment.DetailNotHome, "48", "X", "Not at home"
		case 19:
			e.Status, e.Detail, e.Code, e.Kind, e.Text = shipment.Delivered, shipment.DetailSigned, "FS", "D", "Delivered"
		}
		list = append(list, e)
	}
	return list
}

// Twenty events, one at a time, as pushes bring them. The other line is what a program
// without memory does: look a code up in a table and keep the status.
func BenchmarkApplyOneByOne(b *testing.B) {
	events := twenty()
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s shipment.Shipment
			s.Apply(shipment.Update{})
			for i := range events {
				s.Apply(shipment.Update{Events: events[i : i+1 : i+1]})
			}
		}
		perEvent(b, len(events))
	})
	b.Run("lookup", func(b *testing.B) {
		type key struct{ kind, code string }
		table := map[key]shipment.Status{{"M", "MP"}: shipment.PreTransit, {"I", "DP"}: shipment.InTransit, {"I", "OT"}: shipment.OutForDelivery, {"X", "48"}: shipment.AttemptFailed, {"D", "FS"}: shipment.Delivered}
		b.ReportAllocs()
		var status shipment.Status
		for b.Loop() {
			for i := range events {
				if st, ok := table[key{events[i].Kind, events[i].Code}]; ok {
					status = st
				}
			}
		}
		if status != shipment.Delivered {
			b.Fatal(status)
		}
		perEvent(b, len(events))
	})
}

func perEvent(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
}

// A first poll: twenty events in one answer, newest first.
func BenchmarkApplyBatch(b *testing.B) {
	events := twenty()
	newest := make([]shipment.Event, 0, 20)
	for i := range events {
		newest = append(newest, events[len(events)-1-i])
	}
	b.ReportAllocs()
	for b.Loop() {
		var s shipment.Shipment
		s.Apply(shipment.Update{Events: newest})
	}
	perEvent(b, len(events))
}

// A poll that says nothing new, which most do.
func BenchmarkApplyKnown(b *testing.B) {
	events := twenty()
	var s shipment.Shipment
	s.Apply(shipment.Update{Events: events})
	b.ReportAllocs()
	for b.Loop() {
		if changes := s.Apply(shipment.Update{Events: events}); len(changes) > 0 {
			b.Fatal(changes)
		}
	}
	perEvent(b, len(events))
}

func scans(n int, offset bool) []shipment.Event {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	list := make([]shipment.Event, n)
	for i := range list {
		at := shipment.Local(start.Add(time.Duration(i) * 13 * time.Minute))
		if offset {
			at = at.WithOffset(3600)
		}
		list[i] = shipment.Event{Time: at, Status: shipment.InTransit, Code: "AR", Place: shipment.Place{City: fmt.Sprint("City ", i%50)}}
	}
	return list
}

// A parcel that goes in circles: 2000 scans in one answer.
func BenchmarkApply2000(b *testing.B) {
	for _, offset := range []bool{true, false} {
		events := scans(2000, offset)
		b.Run(fmt.Sprintf("offset=%v", offset), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var s shipment.Shipment
				s.Apply(shipment.Update{Events: events})
			}
			perEvent(b, len(events))
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	var s shipment.Shipment
	s.Apply(shipment.Update{Events: twenty()})
	stored, err := json.Marshal(&s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(stored)))
		for b.Loop() {
			if _, err := json.Marshal(&s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(stored)))
		for b.Loop() {
			var s shipment.Shipment
			if err := json.Unmarshal(stored, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkExplain(b *testing.B) {
	var s shipment.Shipment
	s.Apply(shipment.Update{Events: twenty()})
	b.ReportAllocs()
	for b.Loop() {
		if s.Explain().Status != shipment.Delivered {
			b.Fatal("not delivered")
		}
	}
}
