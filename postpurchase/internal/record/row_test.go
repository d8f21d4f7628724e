package record_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func chatty(events int) *postpurchase.Parcel {
	p := &postpurchase.Parcel{Shipment: shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1Z1"}}, Trouble: "none"}
	var u shipment.Update
	for i := range events {
		u.Events = append(u.Events, shipment.Event{
			Time: shipment.At(time.Date(2026, 3, 1, i, 0, 0, 0, time.UTC)), Code: "C", Sequence: i, Text: strings.Repeat("Processed at facility. ", 4), Place: shipment.Place{City: "Cologne", Country: "DE"},
		})
	}
	p.Shipment.Apply(u)
	return p
}

// TestPacked keeps large documents packed, and reads them whether they are or not.
func TestPacked(t *testing.T) {
	for _, events := range []int{0, 1, 20, 500} {
		p := chatty(events)
		plain, err := record.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		row, err := record.Parcel(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Doc) > len(plain) || events >= 20 && len(row.Doc) > len(plain)/2 {
			t.Errorf("%d events: %d bytes, and %d before they were packed", events, len(row.Doc), len(plain))
		}
		for _, doc := range [][]byte{plain, row.Doc} {
			read, got, err := record.ReadParcel(doc)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p, got); d != "" {
				t.Errorf("%d events (-put +read):\n%s", events, d)
			}
			if !bytes.Equal(read.Doc, doc) {
				t.Error("the row is not of the document it was read from")
			}
		}
	}
}

// TestPackedBad reads what is cut off, changed, or larger than anything is.
func TestPackedBad(t *testing.T) {
	row, err := record.Parcel(chatty(50))
	if err != nil {
		t.Fatal(err)
	}
	huge := []byte{row.Doc[0], 0xff, 0xff, 0xff, 0xff, 0x07, 0} // says it holds 2 GB
	for _, doc := range [][]byte{nil, row.Doc[:1], row.Doc[:len(row.Doc)/2], huge} {
		if _, err := record.Decode[postpurchase.Parcel](doc); err == nil {
			t.Errorf("Decode of %d bad bytes = nil, want an error", len(doc))
		}
	}
}
