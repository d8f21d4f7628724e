package record

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// TestByHand holds the functions that are written by hand against the plans of their
// structs, with each field alone and with all.
func TestByHand(t *testing.T) {
	byHand(t, appendEvent, readEvent)
	byHand(t, appendPlace, readPlace)
	byHand(t, appendTransition, readTransition)
}

func byHand[T any](t *testing.T, write func(b []byte, v *T) []byte, read func(s string, v *T) bool) {
	typ := reflect.TypeFor[T]()
	p, inFull := makePlan(typ, map[reflect.Type]*plan{}), makePlan(typ, map[reflect.Type]*plan{})
	for name, f := range inFull.byName {
		f.head = appendText([]byte{nameInFull}, name)
	}
	all := new(T)
	values := []*T{all, new(T)}
	for i := range typ.NumField() {
		one := new(T)
		setSomething(t, reflect.ValueOf(one).Elem().Field(i))
		setSomething(t, reflect.ValueOf(all).Elem().Field(i))
		values = append(values, one)
	}
	for _, v := range values {
		doc := p.write(nil, reflect.ValueOf(v).Elem(), nil)
		if got := write(nil, v); !bytes.Equal(doc, got) {
			t.Errorf("%+v is written as\n%x, want\n%x", v, got, doc)
		}
		full := inFull.write(nil, reflect.ValueOf(v).Elem(), nil)
		unknown := append([]byte{nameInFull, 1, '?', 1, 'x'}, doc...)
		for _, doc := range [][]byte{doc, full, unknown} {
			got := new(T)
			if ok := read(string(doc), got); !ok || !reflect.DeepEqual(v, got) {
				t.Errorf("%x is read as %+v, %v, want %+v", doc, got, ok, v)
			}
		}
		// What is broken is broken in the same way.
		for i := range doc {
			for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff, doc[i] + 1} {
				broken := bytes.Clone(doc)
				broken[i] = c
				for _, s := range []string{string(broken), string(broken[:i])} {
					want, got := new(T), new(T)
					wantOK, gotOK := p.read(s, reflect.ValueOf(want).Elem()), read(s, got)
					if wantOK != gotOK || wantOK && !reflect.DeepEqual(want, got) {
						t.Fatalf("%x is read as %+v, %v, want %+v, %v", s, got, gotOK, want, wantOK)
					}
				}
			}
		}
	}
}

func setSomething(t *testing.T, v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = later(1)
	case *shipment.Time:
		*x = parsed("2026-03-02T09:00:00+05:30")
	case *shipment.Place:
		*x = shipment.Place{City: "Graz", Country: "AT"}
	case *int:
		*x = -300
	default:
		if v.Kind() != reflect.String {
			t.Fatalf("a field of type %v", v.Type())
		}
		v.SetString("words of " + v.Type().Name())
	}
}

// TestEventTime reads event times as they were written, at the ends of what can be said.
func TestEventTime(t *testing.T) {
	const day = 24 * 60 * 60
	for _, wall := range []int64{0, 60, 1772442123, -1, -62167219200, -62135596800, 253402300799} {
		for _, shift := range []int64{0, 1, -1, 59, day, -day, day - 1, 1 - day, 2 * day, -2 * day} {
			at := time.Unix(wall+shift, 0).UTC()
			local := shipment.Local(at)
			times := []shipment.Time{local, local.ToMinute(), shipment.Day(at.Date()), shipment.At(at)}
			for _, offset := range []int{0, 3600, -36000, 20700, 50400, 51300, 1, -1, day - 1, 1 - day, day, 3 * day} {
				zone := time.FixedZone("", offset)
				times = append(times, shipment.At(at.In(zone)), local.WithOffset(offset), local.ToMinute().WithOffset(offset))
				if offset < day { // no place has more, and it cannot be said
					times = append(times, local.InferZone(zone), local.ToMinute().InferZone(zone))
				}
			}
			for _, want := range times {
				var got shipment.Time
				if doc := appendEventTime(nil, want); !readEventTime(string(doc), &got) || got != want {
					t.Errorf("%v, written as %x, is read as %v", want, doc, got)
				}
			}
		}
	}
}

func TestUvarint(t *testing.T) {
	for _, s := range []string{
		"", "\x00", "\x7f", "\x80", "\x80\x01", "\x80\x00", "\xff\x7f!", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01!", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		want, size := binary.Uvarint([]byte(s))
		got, rest, ok := uvarint(s)
		if ok != (size > 0) || ok && (got != want || rest != s[size:]) {
			t.Errorf("uvarint(%x) = %d, %x, %v, want %d of %d bytes", s, got, rest, ok, want, size)
		}
	}
}
