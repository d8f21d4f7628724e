package record

import "encoding/binary"

// appendText writes the length of a text and the text.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// setSize writes the length of the value that begins at at and ends with b. A byte was
// left for it before the value.
func setSize(b []byte, at int) []byte {
	size := len(b) - at
	if size < 0x80 {
		b[at-1] = byte(size)
		return b
	}
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(size))
	b = append(b, head[1:n]...) // room
	copy(b[at-1+n:], b[at:at+size])
	copy(b[at-1:], head[:n])
	return b
}

// uvarint reads a number and returns what is after it.
func uvarint(s string) (n uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		if n |= uint64(c&0x7f) << (7 * i); c < 0x80 {
			return n, s[i+1:], i < binary.MaxVarintLen64-1 || c <= 1 // or it has more than 64 bits
		}
	}
	return 0, "", false
}

// varint reads a number that may be negative.
func varint(s string) (n int64, rest string, ok bool) {
	u, rest, ok := uvarint(s)
	return int64(u>>1) ^ -int64(u&1), rest, ok
}

// sized reads the length of a value and returns the value and what is after it.
func sized(s string) (value, rest string, ok bool) {
	n, s, ok := uvarint(s)
	if !ok || n > uint64(len(s)) {
		return "", "", false
	}
	return s[:n], s[n:], true
}

// count returns how many sized values there are.
func count(s string) (n int, ok bool) {
	for ; s != ""; n++ {
		if _, s, ok = sized(s); !ok {
			return 0, false
		}
	}
	return n, true
}

// next reads a field: the number of its name, its value, and what is after it. Where the
// dictionary does not have the name, number is nameInFull.
func next(s string) (number uint64, name, value, rest string, ok bool) {
	if len(s) > 1 && s[0] < 0x80 && s[0] != nameInFull && s[1] < 0x80 && int(s[1]) <= len(s)-2 {
		end := 2 + int(s[1])
		return uint64(s[0]), "", s[2:end], s[end:], true // as most are
	}
	if number, s, ok = uvarint(s); !ok {
		return 0, "", "", "", false
	}
	if number == nameInFull {
		if name, s, ok = sized(s); !ok {
			return 0, "", "", "", false
		}
		number = nameNumbers[name]
	}
	value, rest, ok = sized(s)
	return number, name, value, rest, ok
}
