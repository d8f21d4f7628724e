package record

import "github.com/klauspost/compress/s2"

// A packed document is a mark and a block of S2: a document repeats its words and its
// times, and packed a parcel is a quarter smaller. That is a quarter less to write, to
// log and to keep, for less time than it takes to read.
const (
	packedMark = 0x02

	packFrom   = 128      // bytes; less is not worth it
	packedMost = 64 << 20 // bytes of a document; more is not believed
)

// pack returns the shorter of the plain document and its packed form.
func (s *scratch) pack() []byte {
	if len(s.plain) < packFrom {
		return s.plain
	}
	if room := 1 + s2.MaxEncodedLen(len(s.plain)); cap(s.packed) < room {
		s.packed = make([]byte, room)
	}
	s.packed = s.packed[:cap(s.packed)]
	s.packed[0] = packedMark
	n := 1 + len(s2.Encode(s.packed[1:], s.plain))
	if n >= len(s.plain)-len(s.plain)/16 {
		return s.plain
	}
	return s.packed[:n]
}

// unpack undoes pack. It returns nil for what is not a document.
func (s *scratch) unpack(doc []byte) []byte {
	if len(doc) == 0 || doc[0] != packedMark {
		return doc
	}
	n, err := s2.DecodedLen(doc[1:])
	if err != nil || n > packedMost {
		return nil
	}
	if cap(s.plain) < n {
		s.plain = make([]byte, n)
	}
	plain, err := s2.Decode(s.plain[:n], doc[1:])
	if err != nil {
		return nil
	}
	return plain
}
