package record

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// FuzzDocument reads any bytes: it must not panic, and what can be read is the same
// after it was written and read again.
func FuzzDocument(f *testing.F) {
	p := &postpurchase.Parcel{Orders: []postpurchase.ParcelOrder{{OrderID: "1", Linked: true}}, Followed: time.Unix(1, 2)}
	p.Shipment.Apply(shipment.Update{Events: []shipment.Event{{Time: shipment.Day(2026, 1, 5), Status: shipment.InTransit, Text: "x"}}})
	doc, err := Encode(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"country":"AT"}`))
	f.Add([]byte{documentMark, nameInFull, 3, 'n', 'e', 'w', 2, 1, 1, nameNumber("country"), 2, 'A', 'T'})
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Decode[postpurchase.Parcel](doc)
		if err != nil {
			return
		}
		again, err := Encode(p)
		if err != nil {
			t.Skip() // JSON in the place of a document may hold what we do not write
		}
		q, err := Decode[postpurchase.Parcel](again)
		if err != nil {
			t.Fatal(err)
		}
		a, err1 := json.Marshal(p)
		b, err2 := json.Marshal(q)
		if (err1 == nil) != (err2 == nil) || string(a) != string(b) {
			t.Errorf("%s\nbecame\n%s", a, b)
		}
	})
}

func nameNumber(name string) byte { return byte(nameNumbers[name]) }

// TestUnknownField reads a document of a version that had one field more.
func TestUnknownField(t *testing.T) {
	p, err := Decode[postpurchase.Parcel]([]byte{documentMark, nameInFull, 3, 'n', 'e', 'w', 2, 1, 1, nameNumber("country"), 2, 'A', 'T'})
	if err != nil || p.Country != "AT" {
		t.Errorf("Decode = %+v, %v", p, err)
	}
}

func TestDictionary(t *testing.T) {
	if len(nameNumbers) != len(dictionary) {
		t.Errorf("the dictionary has %d names of which %d differ", len(dictionary), len(nameNumbers))
	}
}

func BenchmarkDocument(b *testing.B) {
	p := &postpurchase.Parcel{Orders: []postpurchase.ParcelOrder{{OrderID: "1"}}, Followed: time.Unix(1, 2)}
	for i := range 10 {
		p.Shipment.Apply(shipment.Update{Events: []shipment.Event{{
			Time: shipment.At(time.Unix(int64(i)*3600, 0)), Status: shipment.InTransit, Code: "DP", Text: "Departed from Facility",
			Place: shipment.Place{City: "Cologne", Country: "DE"}, Seen: time.Unix(int64(i)*3600+60, 0),
		}}})
	}
	doc, err := Encode(p)
	if err != nil {
		b.Fatal(err)
	}
	text, _ := json.Marshal(p)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := Encode(p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(doc)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode[postpurchase.Parcel](doc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(text)), "bytes")
	})
	b.Run("json decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode[postpurchase.Parcel](text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
