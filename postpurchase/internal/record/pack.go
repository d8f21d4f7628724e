package record

import (
	"errors"

	"github.com/klauspost/compress/s2"
)

// A packed document is a mark and a block of S2: a document repeats its words and its
// times, and packed a parcel is a quarter smaller. That is a quarter less to write, to
// log and to keep, for less time than it takes to read.
const (
	packedMark = 0x02

	packFrom   = 128      // bytes; less is not worth it
	packedMost = 64 << 20 // bytes of a document; more is not believed
)

// pack returns the shorter of a document and its packed form.
func pack(doc []byte) []byte {
	if len(doc) < packFrom {
		return doc
	}
	packed := make([]byte, 1+s2.MaxEncodedLen(len(doc)))
	packed[0] = packedMark
	n := 1 + len(s2.Encode(packed[1:], doc))
	if n >= len(doc)-len(doc)/16 {
		return doc
	}
	return append(make([]byte, 0, n), packed[:n]...) // without the room that was not needed
}

var errPacked = errors.New("record: not a packed document")

// unpack undoes pack.
func unpack(doc []byte) ([]byte, error) {
	if len(doc) == 0 || doc[0] != packedMark {
		return doc, nil
	}
	if n, err := s2.DecodedLen(doc[1:]); err != nil || n > packedMost {
		return nil, errPacked
	}
	plain, err := s2.Decode(nil, doc[1:])
	if err != nil {
		return nil, errPacked
	}
	return plain, nil
}
