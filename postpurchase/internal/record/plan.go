package record

import (
	"encoding/binary"
	"reflect"
	"strings"
	"sync"
)

// plan is how a struct type is written and read. It is made once: to ask each value for
// its kind took longer than to write it.
type plan struct {
	fields []field
	byName map[string]*field
	// byNumber is the field for each number of the dictionary, nil for none.
	byNumber []*field
}

type field struct {
	codec
	index int
	head  []byte // the name as it is written
	text  bool   // most are: they are written without a detour
}

var plans sync.Map // reflect.Type → *plan

func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := makePlan(t, map[reflect.Type]*plan{})
	plans.Store(t, p)
	return p
}

// makePlan makes a plan. Those that were begun are in begun, for a type may hold itself.
func makePlan(t reflect.Type, begun map[reflect.Type]*plan) *plan {
	if p := begun[t]; p != nil {
		return p
	}
	p := &plan{byName: map[string]*field{}, byNumber: make([]*field, len(dictionary)+firstName)}
	begun[t] = p
	p.fields = make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		number := nameNumbers[name]
		head := binary.AppendUvarint(nil, number)
		if number == nameInFull {
			head = appendText(head, name)
		}
		p.fields = append(p.fields, field{codecOf(f.Type, begun), i, head, f.Type.Kind() == reflect.String})
		p.byName[name] = &p.fields[len(p.fields)-1]
		if number != nameInFull {
			p.byNumber[number] = p.byName[name]
		}
	}
	return p
}

func (p *plan) write(b []byte, v reflect.Value, err *error) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		if f.text {
			if s := fv.String(); s != "" {
				b = appendText(append(b, f.head...), s)
			}
			continue
		}
		if fv.IsZero() {
			continue
		}
		b = append(append(b, f.head...), 0)
		b = setSize(f.write(b, fv, err), len(b))
	}
	return b
}

func (p *plan) read(s string, v reflect.Value) bool {
	for s != "" {
		number, name, value, rest, ok := next(s)
		if !ok {
			return false
		}
		var f *field
		if number == nameInFull {
			f = p.byName[name]
		} else if number < uint64(len(p.byNumber)) {
			f = p.byNumber[number]
		}
		if f != nil && !f.read(value, v.Field(f.index)) {
			return false
		}
		s = rest
	}
	return true
}
