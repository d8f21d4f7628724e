package record

import (
	"encoding/json"
	"errors"
	"reflect"
	"sync"
)

// A document is a struct in few bytes: a mark, and then for each field that is not
// zero its name, the length of its value, and its value. Names that are in the
// dictionary take one byte or two. A field that is new is kept under its full name, and
// one that no longer exists is skipped, so that structs can grow without a migration.
//
// JSON was measured to be two to three times as large, and to cost as much time as
// everything else about an update together. A document that begins with "{" is read
// as JSON.

const documentMark = 0x01

// ErrDocument says that a document is cut off or of an unknown kind.
var ErrDocument = errors.New("a document of the database cannot be read")

// draft is where a document is made, before it is copied to one of the right size.
type draft struct {
	b   []byte
	err error // the first
}

var drafts = sync.Pool{New: func() any { return &draft{b: make([]byte, 0, 4<<10)} }}

const maxDraft = 64 << 10 // those of rare large documents are not kept

// Encode returns the document of a struct.
func Encode[T any](v *T) ([]byte, error) {
	d := drafts.Get().(*draft)
	b := planFor(reflect.TypeFor[T]()).write(append(d.b[:0], documentMark), reflect.ValueOf(v).Elem(), &d.err)
	doc, err := []byte(nil), d.err
	if err == nil {
		doc = make([]byte, len(b))
		copy(doc, b)
	}
	if cap(b) <= maxDraft {
		d.b, d.err = b, nil
		drafts.Put(d)
	}
	return doc, err
}

// Decode reads a document, packed or not, into a new struct. Its error names no content. The texts of
// the struct are parts of one copy of the document, which lives as long as any of them.
func Decode[T any](doc []byte) (*T, error) {
	v := new(T)
	ok := false
	doc, err := unpack(doc)
	if err != nil {
		return nil, ErrDocument
	}
	switch {
	case len(doc) > 0 && doc[0] == '{':
		ok = json.Unmarshal(doc, v) == nil
	case len(doc) > 0 && doc[0] == documentMark:
		ok = planFor(reflect.TypeFor[T]()).read(string(doc[1:]), reflect.ValueOf(v).Elem())
	}
	if !ok {
		return nil, ErrDocument
	}
	return v, nil
}
