package backendtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// epoch is when the exam takes place.
var epoch = time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 3600))

var (
	timeType      = reflect.TypeFor[time.Time]()
	eventTimeType = reflect.TypeFor[shipment.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
)

// filler gives every exported field of a value, however deep, a value of its own: what
// a Backend forgets to keep is then missed, today's fields and tomorrow's.
type filler struct{ n int }

func fill[T any](n int) *T {
	v := new(T)
	f := filler{n * 1000}
	f.fill(reflect.ValueOf(v).Elem())
	return v
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Type() {
	case timeType:
		v.Set(reflect.ValueOf(epoch.Add(time.Duration(f.n) * time.Second).In(time.FixedZone("", 60*(f.n%840-420)))))
		return
	case eventTimeType:
		v.Set(reflect.ValueOf(eventTime(f.n)))
		return
	case rawType:
		v.SetBytes(fmt.Appendf(nil, `{"b": %d, "a":1.50}`, f.n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("ä%d \"<&>\\\u2028\x00 ", f.n))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n % 200))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) + 0.1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(k)
		f.fill(e)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i))
			}
		}
	default:
		panic("backendtest: cannot fill a " + v.Type().String())
	}
}

// eventTime goes through all that an event time can be: with an offset given, inferred
// or not known, to the second, the minute and the day.
func eventTime(n int) shipment.Time {
	at := epoch.Add(time.Duration(n) * time.Minute)
	switch n % 5 {
	case 0:
		return shipment.At(at)
	case 1:
		return shipment.Local(at)
	case 2:
		return shipment.Local(at).ToMinute()
	case 3:
		return shipment.Local(at).InferZone(time.FixedZone("", -9*1800))
	}
	return shipment.Day(at.Year(), at.Month(), at.Day())
}

// scribble changes everything that a value shares with its shallow copies.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			v.Elem().Set(reflect.Zero(v.Type().Elem()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
			v.Index(i).Set(reflect.Zero(v.Type().Elem()))
		}
	case reflect.Map:
		v.Clear()
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same compares byte for byte what two values say: moments with their offsets too.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := text(t, got), text(t, want); g != w {
		t.Errorf("%s differs (-want +got):\n%s", what, cmp.Diff(w, g))
	}
}

func found[T any](t *testing.T, what string, want T) func(got T, err error) {
	return func(got T, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		same(t, what, got, want)
	}
}

func ref(i int) shipment.Ref {
	return shipment.Ref{Carrier: "ups", TrackingNumber: fmt.Sprintf("1Z%d", i)}
}

// parcel is a plain parcel of the order "1".
func parcel(i int) *postpurchase.Parcel {
	return &postpurchase.Parcel{
		Shipment: shipment.Shipment{Ref: ref(i)},
		Orders:   []postpurchase.ParcelOrder{{OrderID: "1"}},
		Followed: epoch.Add(time.Duration(i) * time.Second),
	}
}

func anOrder(id, number string, placed time.Time) *order.Order {
	return &order.Order{ID: id, Number: number, PlacedAt: placed}
}

func message(key, orderID string) *postpurchase.Message {
	m := new(postpurchase.Message)
	m.Key, m.OrderID = key, orderID
	return m
}
