package record

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// codec writes and reads the values of one type, without their length. write keeps the
// first error in err; read reports whether it can be read.
type codec struct {
	write func(b []byte, v reflect.Value, err *error) []byte
	read  func(s string, v reflect.Value) bool
}

func codecOf(t reflect.Type, begun map[reflect.Type]*plan) codec {
	switch t {
	case reflect.TypeFor[time.Time]():
		return typed(appendTime, readTime)
	case reflect.TypeFor[shipment.Time]():
		return typed(appendEventTime, readEventTime)
	case reflect.TypeFor[shipment.Place]():
		return typed(func(b []byte, p shipment.Place) []byte { return appendPlace(b, &p) }, readPlace)
	case reflect.TypeFor[[]shipment.Event]():
		return typedSlice(appendEvent, readEvent)
	case reflect.TypeFor[[]shipment.Transition]():
		return typedSlice(appendTransition, readTransition)
	}
	switch t.Kind() {
	case reflect.String:
		return codec{
			func(b []byte, v reflect.Value, _ *error) []byte { return append(b, v.String()...) },
			func(s string, v reflect.Value) bool { v.SetString(s); return true },
		}
	case reflect.Bool:
		return codec{writeBool, readBool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return codec{
			func(b []byte, v reflect.Value, _ *error) []byte { return binary.AppendVarint(b, v.Int()) },
			func(s string, v reflect.Value) bool { n, _, ok := varint(s); v.SetInt(n); return ok },
		}
	case reflect.Struct:
		p := makePlan(t, begun)
		return codec{p.write, p.read}
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return pointerCodec(t.Elem(), codecOf(t.Elem(), begun))
		}
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Uint8:
			return codec{
				func(b []byte, v reflect.Value, _ *error) []byte { return append(b, v.Bytes()...) },
				func(s string, v reflect.Value) bool { v.SetBytes([]byte(s)); return true },
			}
		case reflect.Struct, reflect.String:
			return sliceCodec(t, codecOf(t.Elem(), begun))
		}
	}
	return codec{writeJSON, readJSON} // whatever else a struct may have one day
}

// typed is the codec of a type that has functions of its own.
func typed[T any](write func(b []byte, v T) []byte, read func(s string, v *T) bool) codec {
	return codec{
		func(b []byte, v reflect.Value, _ *error) []byte {
			t, _ := reflect.TypeAssert[T](v)
			return write(b, t)
		},
		func(s string, v reflect.Value) bool {
			t, _ := reflect.TypeAssert[*T](v.Addr())
			return read(s, t)
		},
	}
}

// typedSlice is the codec of a slice of such a type.
func typedSlice[T any](write func(b []byte, v *T) []byte, read func(s string, v *T) bool) codec {
	return typed(
		func(b []byte, list []T) []byte {
			for i := range list {
				b = append(b, 0)
				b = setSize(write(b, &list[i]), len(b))
			}
			return b
		},
		func(s string, list *[]T) bool {
			n, ok := count(s)
			*list = make([]T, n)
			for i := 0; ok && i < n; i++ {
				var value string
				value, s, _ = sized(s)
				ok = read(value, &(*list)[i])
			}
			return ok
		})
}

func sliceCodec(t reflect.Type, c codec) codec {
	return codec{
		func(b []byte, v reflect.Value, err *error) []byte {
			for i := range v.Len() {
				b = append(b, 0)
				b = setSize(c.write(b, v.Index(i), err), len(b))
			}
			return b
		},
		func(s string, v reflect.Value) bool {
			n, ok := count(s)
			v.Set(reflect.MakeSlice(t, n, n))
			for i := 0; ok && i < n; i++ {
				var value string
				value, s, _ = sized(s)
				ok = c.read(value, v.Index(i))
			}
			return ok
		},
	}
}

// pointerCodec is for a pointer that is not nil: a nil one is left out.
func pointerCodec(t reflect.Type, c codec) codec {
	return codec{
		func(b []byte, v reflect.Value, err *error) []byte { return c.write(b, v.Elem(), err) },
		func(s string, v reflect.Value) bool {
			v.Set(reflect.New(t))
			return c.read(s, v.Elem())
		},
	}
}

func writeBool(b []byte, v reflect.Value, _ *error) []byte {
	if v.Bool() {
		return append(b, 1)
	}
	return append(b, 0)
}

func readBool(s string, v reflect.Value) bool {
	if len(s) != 1 {
		return false
	}
	v.SetBool(s[0] != 0)
	return true
}

func writeJSON(b []byte, v reflect.Value, err *error) []byte {
	text, failed := json.Marshal(v.Interface())
	if *err == nil {
		*err = failed
	}
	return append(b, text...)
}

func readJSON(s string, v reflect.Value) bool {
	return json.Unmarshal([]byte(s), v.Addr().Interface()) == nil
}
