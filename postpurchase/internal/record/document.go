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

// scratch is where a document is made or unpacked, before it is copied to one of the
// right size.
type scratch struct {
	plain, packed []byte
	err           error // the first
}

var scratches = sync.Pool{New: func() any { return &scratch{plain: make([]byte, 0, 4<<10)} }}

const maxScratch = 64 << 10 // those of rare large documents are not kept

func (s *scratch) release() {
	if cap(s.plain)+cap(s.packed) <= maxScratch {
		s.err = nil
		scratches.Put(s)
	}
}

// Encode returns the document of a struct.
func Encode[T any](v *T) ([]byte, error) { return encode(v, false) }

func encode[T any](v *T, packed bool) ([]byte, error) {
	s := scratches.Get().(*scratch)
	defer s.release()
	s.plain = planFor(reflect.TypeFor[T]()).write(append(s.plain[:0], documentMark), reflect.ValueOf(v).Elem(), &s.err)
	if s.err != nil {
		return nil, s.err
	}
	from := s.plain
	if packed {
		from = s.pack()
	}
	doc := make([]byte, len(from))
	copy(doc, from)
	return doc, nil
}

// Decode reads a document, packed or not, into a new struct. Its error names no content.
// The texts of the struct are parts of one copy of the document, which lives as long as
// any of them.
func Decode[T any](doc []byte) (*T, error) {
	s := scratches.Get().(*scratch)
	defer s.release()
	doc = s.unpack(doc)
	v := new(T)
	ok := false
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
