package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
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

// dictionary gives field names their numbers, which are on people's disks: add at the
// end, and neither change nor remove.
var dictionary = []string{
	"shipment", "orders", "piece_id", "postal_code", "country", "shipped_at", "promise", "zone", "followed", "tracking",
	"health", "poll_at", "check_at", "renew_at", "asked_at", "answered_at", "news_at", "push_until", "failures", "trouble",
	"alarms", "order_id", "shop_id", "lines", "linked",
	"ref", "status", "detail", "reason", "action_by", "status_at", "homeward", "attempts", "journey", "history",
	"picked_up_at", "first_attempt_at", "delivered_at", "events", "not_before", "estimates", "related", "proof",
	"pickup_point", "service", "weight_grams", "piece_count", "origin", "destination",
	"carrier", "tracking_number", "epoch", "at", "seen", "time", "place", "class", "code", "kind", "text", "retracts",
	"piece", "source", "sequence", "name", "city", "region", "from", "to", "window", "first", "last", "relation",
	"signed_by", "left_at", "signature_url", "photo_url", "document_url", "id", "street", "hours", "until", "comment",
	"Planned", "Key", "Kind", "OrderID", "Parcels", "State", "OccurredAt", "SendAt", "Expires",
	"channel", "rule", "target", "decided", "tried_at", "sent_at", "tries", "receipt", "locale", "subject",
	"ID", "Number", "Channel", "PlacedAt", "UpdatedAt", "Payment", "Cancelled", "ShopState", "Locale", "TimeZone",
	"Customer", "ShipTo", "BillTo", "Lines", "Totals", "Promise", "ShipBy", "Name", "Email", "Phone", "Company",
	"Street1", "Street2", "City", "Region", "PostalCode", "Country", "ProductID", "VariantID", "SKU", "Title", "Options",
	"ImageURL", "Quantity", "UnitPrice", "Paid", "Tax", "Items", "Discount", "Shipping", "Total", "TaxIncluded",
	"Ref", "CarrierName", "ShippedAt", "TrackingURL", "LineID", "minor", "currency",
	"why", "received", "digest", "body", "value", "due",
}

var nameNumbers = func() map[string]uint64 {
	m := map[string]uint64{}
	for i, name := range dictionary {
		m[name] = uint64(i) + firstName
	}
	return m
}()

const (
	nameInFull = 0 // the name follows
	firstName  = 1 // the first of the dictionary
)

// plan is how a struct type is written and read.
type plan struct {
	fields []planField
	byName map[string]int
	// byNumber is the field for each number of the dictionary, -1 for none.
	byNumber []int
}

type planField struct {
	index  int
	name   string
	number uint64
}

var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{byName: map[string]int{}, byNumber: make([]int, len(dictionary)+firstName)}
	for i := range p.byNumber {
		p.byNumber[i] = -1
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		n := nameNumbers[name]
		p.byName[name] = i
		if n != 0 {
			p.byNumber[n] = i
		}
		p.fields = append(p.fields, planField{i, name, n})
	}
	plans.Store(t, p)
	return p
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	eventTimeType = reflect.TypeFor[shipment.Time]()
)

// Encode returns the document of a struct.
func Encode[T any](v *T) ([]byte, error) {
	return appendStruct(append(make([]byte, 0, 1024), documentMark), reflect.ValueOf(v).Elem())
}

func appendStruct(b []byte, v reflect.Value) ([]byte, error) {
	var err error
	for _, f := range planOf(v.Type()).fields {
		fv := v.Field(f.index)
		if fv.IsZero() {
			continue
		}
		if f.number != 0 {
			b = binary.AppendUvarint(b, f.number)
		} else {
			b = append(b, nameInFull)
			b = appendBytes(b, f.name)
		}
		if b, err = appendSized(b, fv); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendBytes[B string | []byte](b []byte, s B) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendSized writes the length of a value and the value.
func appendSized(b []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() == reflect.String {
		return appendBytes(b, v.String()), nil
	}
	at := len(b)
	b, err := appendValue(append(b, 0), v)
	if err != nil {
		return nil, err
	}
	size := len(b) - at - 1
	if size < 0x80 { // it fits in the place that was left
		b[at] = byte(size)
		return b, nil
	}
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(size))
	b = append(b, head[1:n]...) // room
	copy(b[at+n:], b[at+1:at+1+size])
	copy(b[at:], head[:n])
	return b, nil
}

func appendValue(b []byte, v reflect.Value) (_ []byte, err error) {
	switch v.Type() {
	case timeType:
		t := v.Interface().(time.Time)
		_, offset := t.Zone()
		b = binary.AppendVarint(b, t.Unix())
		b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
		return binary.AppendVarint(b, int64(offset)), nil
	case eventTimeType:
		return appendEventTime(b, v.Interface().(shipment.Time)), nil
	}
	switch v.Kind() {
	case reflect.String:
		return append(b, v.String()...), nil
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int()), nil
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && !v.IsNil() {
			return appendValue(b, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...), nil
		}
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.String {
			break
		}
		for i := range v.Len() {
			if b, err = appendSized(b, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	text, err := json.Marshal(v.Interface()) // whatever else a struct may have one day
	return append(b, text...), err
}

// An event time is a byte that says what is known, the wall clock and the offset.
const (
	eventTimePrecision = 0x03
	eventTimeOffset    = 0x04
	eventTimeInferred  = 0x08
	eventTimeText      = 0x80 // instead: its text
)

func appendEventTime(b []byte, t shipment.Time) []byte {
	flags := byte(t.Precision()) & eventTimePrecision
	offset, ok := t.Offset()
	if ok {
		flags |= eventTimeOffset
	}
	if t.Inferred() {
		flags |= eventTimeInferred
	}
	wall := t.Wall().Unix()
	if makeEventTime(flags, wall, offset) != t {
		return append(append(b, eventTimeText), t.String()...)
	}
	return binary.AppendVarint(binary.AppendVarint(append(b, flags), wall), int64(offset))
}

func makeEventTime(flags byte, wall int64, offset int) shipment.Time {
	w := time.Unix(wall, 0).UTC()
	if shipment.Precision(flags&eventTimePrecision) == shipment.PrecisionDay {
		return shipment.Day(w.Date())
	}
	t := shipment.Local(w)
	if shipment.Precision(flags&eventTimePrecision) == shipment.PrecisionMinute {
		t = t.ToMinute()
	}
	switch {
	case flags&eventTimeInferred != 0:
		return t.InferZone(time.FixedZone("", offset))
	case flags&eventTimeOffset != 0:
		return t.WithOffset(offset)
	}
	return t
}

// ErrDocument says that a document is cut off or of an unknown kind.
var ErrDocument = errors.New("a document of the database cannot be read")

// Decode reads a document into a new struct. Its error names no content.
func Decode[T any](doc []byte) (*T, error) {
	v := new(T)
	var err error
	switch {
	case len(doc) > 0 && doc[0] == '{':
		err = json.Unmarshal(doc, v)
	case len(doc) > 0 && doc[0] == documentMark:
		err = readStruct(doc[1:], reflect.ValueOf(v).Elem())
	default:
		err = ErrDocument
	}
	if err != nil {
		return nil, ErrDocument
	}
	return v, nil
}

func readUvarint(b []byte) (uint64, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, ErrDocument
	}
	return n, b[size:], nil
}

func readVarint(b []byte) (int64, []byte, error) {
	n, size := binary.Varint(b)
	if size <= 0 {
		return 0, nil, ErrDocument
	}
	return n, b[size:], nil
}

// readSized returns the bytes of a value and those after it.
func readSized(b []byte) (value, rest []byte, err error) {
	n, b, err := readUvarint(b)
	if err != nil || n > uint64(len(b)) {
		return nil, nil, ErrDocument
	}
	return b[:n], b[n:], nil
}

func readStruct(b []byte, v reflect.Value) error {
	p := planOf(v.Type())
	for len(b) > 0 {
		number, rest, err := readUvarint(b)
		if err != nil {
			return err
		}
		field := -1
		if number == nameInFull {
			var name []byte
			if name, rest, err = readSized(rest); err != nil {
				return err
			}
			if i, ok := p.byName[string(name)]; ok {
				field = i
			}
		} else if number < uint64(len(p.byNumber)) {
			field = p.byNumber[number]
		}
		value, rest, err := readSized(rest)
		if err != nil {
			return err
		}
		if field >= 0 {
			if err := readValue(value, v.Field(field)); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

func readValue(b []byte, v reflect.Value) error {
	switch v.Type() {
	case timeType:
		s, b, err1 := readVarint(b)
		n, b, err2 := readUvarint(b)
		offset, _, err3 := readVarint(b)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		zone := time.UTC
		if offset != 0 {
			zone = time.FixedZone("", int(offset))
		}
		*v.Addr().Interface().(*time.Time) = time.Unix(s, int64(n)).In(zone)
		return nil
	case eventTimeType:
		return readEventTime(b, v.Addr().Interface().(*shipment.Time))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(b))
		return nil
	case reflect.Bool:
		if len(b) != 1 {
			return ErrDocument
		}
		v.SetBool(b[0] != 0)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, _, err := readVarint(b)
		v.SetInt(n)
		return err
	case reflect.Struct:
		return readStruct(b, v)
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.New(v.Type().Elem()))
			return readValue(b, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(append([]byte{}, b...))
			return nil
		}
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.String {
			break
		}
		return readSlice(b, v)
	}
	return json.Unmarshal(b, v.Addr().Interface())
}

func readSlice(b []byte, v reflect.Value) error {
	n := 0
	for rest := b; len(rest) > 0; n++ {
		var err error
		if _, rest, err = readSized(rest); err != nil {
			return err
		}
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		value, rest, err := readSized(b)
		if err != nil {
			return err
		}
		if err := readValue(value, v.Index(i)); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func readEventTime(b []byte, t *shipment.Time) (err error) {
	if len(b) > 0 && b[0] == eventTimeText {
		*t, err = shipment.ParseTime(string(b[1:]))
		return err
	}
	if len(b) < 1 {
		return ErrDocument
	}
	wall, rest, err1 := readVarint(b[1:])
	offset, _, err2 := readVarint(rest)
	*t = makeEventTime(b[0], wall, int(offset))
	return errors.Join(err1, err2)
}
