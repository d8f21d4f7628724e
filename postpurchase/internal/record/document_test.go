package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// FuzzDocument reads any bytes as each kind of document: it must not panic, and what can
// be read is the same after it was written and read again.
func FuzzDocument(f *testing.F) {
	parcel, bought, message, item, cursor, others := richParcel(), richOrder(), richMessage(), richInboxItem(), richCursor(), richOther()
	addDocument(f, &parcel)
	addDocument(f, &bought)
	addDocument(f, &message)
	addDocument(f, &item)
	addDocument(f, &cursor)
	addDocument(f, &others)
	addDocument(f, parcelOf(2))
	f.Add([]byte(`{"country":"AT"}`))
	f.Add([]byte{documentMark, nameInFull, 3, 'n', 'e', 'w', 2, 1, 1, nameCountry, 2, 'A', 'T'})
	f.Fuzz(func(t *testing.T, doc []byte) {
		again[postpurchase.Parcel](t, doc)
		again[order.Order](t, doc)
		again[postpurchase.Message](t, doc)
		again[postpurchase.InboxItem](t, doc)
		again[postpurchase.Cursor](t, doc)
		again[other](t, doc)
	})
}

func addDocument[T any](f *testing.F, v *T) {
	doc, err := Encode(v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
}

func again[T any](t *testing.T, doc []byte) {
	p, err := Decode[T](doc)
	if err != nil {
		if !errors.Is(err, ErrDocument) || p != nil {
			t.Errorf("Decode = %v, %v", p, err)
		}
		return
	}
	written, err := Encode(p)
	if err != nil {
		return // JSON in the place of a document may hold what we do not write
	}
	q, err := Decode[T](written)
	if err != nil {
		t.Fatal(err)
	}
	a, err1 := json.Marshal(p)
	b, err2 := json.Marshal(q)
	if (err1 == nil) != (err2 == nil) || string(a) != string(b) {
		t.Errorf("%s\nbecame\n%s", a, b)
	}
}

// TestUnknownField reads a document of a version that had one field more.
func TestUnknownField(t *testing.T) {
	p, err := Decode[postpurchase.Parcel]([]byte{documentMark, nameInFull, 3, 'n', 'e', 'w', 2, 1, 1, nameCountry, 2, 'A', 'T'})
	if err != nil || p.Country != "AT" {
		t.Errorf("Decode = %+v, %v", p, err)
	}
}

// TestNumberFromTheFuture reads names that a later dictionary has.
func TestNumberFromTheFuture(t *testing.T) {
	p, err := Decode[postpurchase.Parcel]([]byte{documentMark, 0xff, 0x7f, 1, 'x', nameCountry, 2, 'A', 'T'})
	if err != nil || p.Country != "AT" {
		t.Errorf("Decode = %+v, %v", p, err)
	}
}

func TestHostile(t *testing.T) {
	events := byte(nameNumbers["events"])
	shipmentName := byte(nameNumbers["shipment"])
	huge := "\xff\xff\xff\xff\xff\xff\xff\xff\x7f" // 2⁶³-1
	tests := map[string]string{
		"empty":                      "",
		"another mark":               "\x02",
		"JSON cut off":               `{"country":`,
		"a name without a value":     "\x01\x05",
		"a length of 2⁶³-1":          "\x01\x05" + huge,
		"a length over 64 bits":      "\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"a length that does not end": "\x01\x05\xff\xff",
		"a name of 2⁶³-1 bytes":      "\x01\x00" + huge,
		"a number of a name over 64": "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00",
		"an event longer than all":   "\x01" + string([]byte{shipmentName, 4, events, 2, 9, 1}),
		"an event of 2⁶³-1 bytes":    "\x01" + string([]byte{shipmentName, 11, events, 9}) + huge,
		"a flag of two bytes":        "\x01" + string([]byte{shipmentName, 4, byte(nameNumbers["homeward"]), 2, 1, 1}),
		"a time without an offset":   "\x01" + string([]byte{byte(nameNumbers["followed"]), 2, 1, 1}),
		"an empty event time":        "\x01" + string([]byte{shipmentName, 2, byte(nameNumbers["status_at"]), 0}),
		"an event time of no text":   "\x01" + string([]byte{shipmentName, 4, byte(nameNumbers["status_at"]), 2, eventTimeText, 'x'}),
	}
	for name, doc := range tests {
		t.Run(name, func(t *testing.T) {
			if p, err := Decode[postpurchase.Parcel]([]byte(doc)); err != ErrDocument || p != nil {
				t.Errorf("Decode = %+v, %v", p, err)
			}
		})
	}
}

func TestUnwritable(t *testing.T) {
	doc, err := Encode(&struct{ F func() }{func() {}})
	var unsupported *json.UnsupportedTypeError
	if !errors.As(err, &unsupported) || doc != nil {
		t.Errorf("Encode = %v, %v", doc, err)
	}
	if _, err := Encode(&postpurchase.Cursor{Name: "x"}); err != nil {
		t.Errorf("and then another: %v", err)
	}
}

// TestConcurrent makes and uses a plan from many goroutines.
func TestConcurrent(t *testing.T) {
	type fresh struct {
		Parcel postpurchase.Parcel
		Next   *fresh
	}
	v := fresh{Parcel: richParcel(), Next: &fresh{Parcel: richParcel()}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			doc, err := Encode(&v)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := Decode[fresh](doc); err != nil || !reflect.DeepEqual(&v, got) {
				t.Errorf("Decode = %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// TestAllocations holds a document to one allocation, and a parcel to one for each of its
// lists, one for itself and one for all of its texts.
func TestAllocations(t *testing.T) {
	p := parcelOf(12)
	doc, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = Encode(p) }); n > 2 { // the race detector makes the pool forget
		t.Errorf("Encode: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = Decode[postpurchase.Parcel](doc) }); n > 8 {
		t.Errorf("Decode: %v allocations", n)
	}
}

func TestDictionary(t *testing.T) {
	if len(nameNumbers) != len(dictionary) {
		t.Errorf("the dictionary has %d names of which %d differ", len(dictionary), len(nameNumbers))
	}
}

// parcelOf is a usual parcel that was delivered after some events.
func parcelOf(events int) *postpurchase.Parcel {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("", -5*3600))
	p := &postpurchase.Parcel{
		Orders: []postpurchase.ParcelOrder{{OrderID: "1001", ShopID: "s-1"}}, Followed: start.UTC(), Tracking: "active", PostalCode: "78701", Country: "US",
		PollAt: later(1), CheckAt: later(2), AskedAt: later(3), AnsweredAt: later(4), NewsAt: later(5),
	}
	p.Shipment.Ref = shipment.Ref{Carrier: "ups", TrackingNumber: "1Z999AA10123456784"}
	for i := range events {
		at, status := start.Add(time.Duration(i)*5*time.Hour), shipment.InTransit
		switch i {
		case 0:
			status = shipment.PreTransit
		case events - 2:
			status = shipment.OutForDelivery
		case events - 1:
			status = shipment.Delivered
		}
		p.Shipment.Apply(shipment.Update{Events: []shipment.Event{{
			Time: shipment.At(at), Seen: at.Add(time.Minute + 1234567).UTC(), Status: status, Detail: shipment.DetailDeparted, Code: "DP", Kind: "I",
			Text: strings.Repeat("Departed from Facility ", 4)[:90], Place: shipment.Place{City: fmt.Sprint("City ", i), Region: "TX", Country: "US"},
		}}})
	}
	return p
}

func BenchmarkDocument(b *testing.B) {
	bought, message := richOrder(), richMessage()
	benchmark(b, "6 events", parcelOf(6))
	benchmark(b, "12 events", parcelOf(12))
	benchmark(b, "order", &bought)
	benchmark(b, "message", &message)
}

func benchmark[T any](b *testing.B, name string, v *T) {
	doc, err := Encode(v)
	if err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	encode := func(what string, size int, f func() ([]byte, error)) {
		b.Run(name+"/"+what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
	decode := func(what string, doc []byte) {
		b.Run(name+"/"+what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode[T](doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	encode("encode", len(doc), func() ([]byte, error) { return Encode(v) })
	decode("decode", doc)
	encode("json encode", len(text), func() ([]byte, error) { return json.Marshal(v) })
	decode("json decode", text)
}
