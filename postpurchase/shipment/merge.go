package shipment

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// An event's identity is what the carrier says happened: its code, where, and what
// the clock on the wall showed. Texts are translated and rewritten, so they count
// only where there is no code. Two answers about one event are merged field by field,
// in a way that does not depend on which came first.

// timeless is the order key of an event whose time is missing or can not be.
const timeless int64 = math.MinInt64

const (
	earliest = 946684800        // 2000-01-01: before it, a time is a default and not a date
	ahead    = 2 * 24 * 60 * 60 // how far a scan's clock may be before ours
)

// key is the second in which t was, with borrowed as the offset where none is known.
func (t Time) key(borrowed int64) int64 {
	if !t.set {
		return timeless
	}
	if t.hasOffset {
		return t.wall - int64(t.offset)
	}
	return t.wall - borrowed
}

// plausible reports whether e can have happened when it says.
func (e *Event) plausible() bool {
	if !e.Time.set || e.Time.wall < earliest {
		return false
	}
	return e.Seen.IsZero() || e.Time.wall-int64(e.Time.offset) <= e.Seen.Unix()+ahead
}

// orderKeys gives each event the second by which it is ordered. A wall clock without
// an offset borrows the offset of the event whose wall clock is nearest: for the
// order only, and the same whatever order events came in.
func orderKeys(events []Event) []int64 {
	keys := make([]int64, len(events))
	for i := range events {
		e := &events[i]
		switch {
		case !e.plausible():
			keys[i] = timeless
		case e.Time.hasOffset:
			keys[i] = e.Time.key(0)
		default:
			keys[i] = e.Time.key(int64(borrow(events, e.Time.wall)))
		}
	}
	return keys
}

func borrow(events []Event, wall int64) int32 {
	var best int32
	distance := int64(-1)
	for i := range events {
		t := events[i].Time
		if !t.hasOffset || !events[i].plausible() {
			continue
		}
		d := t.wall - wall
		if d < 0 {
			d = -d
		}
		if distance < 0 || d < distance || d == distance && t.offset < best {
			distance, best = d, t.offset
		}
	}
	return best
}

// lastKey is the key of the event before the newest, where all have offsets.
func (s *Shipment) lastKey() int64 {
	if len(s.Events) < 2 {
		return timeless
	}
	return s.Events[len(s.Events)-2].Time.key(0)
}

// follows reports whether e is later than all events and needs nothing of the past to
// be told again.
func (s *Shipment) follows(e *Event) bool {
	if e.Class == ClassRetraction || !e.Time.hasOffset || !e.plausible() || s.Status == "" || len(s.Events) >= maxEvents {
		return false
	}
	key := e.Time.key(0)
	if !s.NotBefore.IsZero() && key < s.NotBefore.Unix() {
		return false
	}
	for i := range s.Events {
		if p := &s.Events[i]; !p.Time.hasOffset || !p.plausible() {
			return false
		}
	}
	if n := len(s.Events); n > 0 {
		last := s.Events[n-1].Time.key(0)
		return key > last && (s.NotBefore.IsZero() || last >= s.NotBefore.Unix())
	}
	return true
}

// merge adds news to the events, in order, and reports whether any of them was new or
// made a known event better known.
func (s *Shipment) merge(news []Event) bool {
	events := slices.Grow(slices.Clone(s.Events), len(news))
	for i := range news {
		events = append(events, normal(news[i]))
	}
	slices.SortStableFunc(events, compareIdentity)
	merged := events[:0]
	for _, e := range events {
		if n := len(merged); n > 0 && compareIdentity(merged[n-1], e) == 0 {
			merged[n-1] = join(merged[n-1], e)
			continue
		}
		merged = append(merged, e)
	}
	merged = slices.DeleteFunc(merged, func(e Event) bool { return absorbed(merged, &e) })
	if over := len(merged) - maxEvents; over > 0 {
		// Which are dropped must not depend on the order of arrival: the earliest by the
		// wall clock, which no later event changes.
		slices.SortStableFunc(merged, func(a, b Event) int { return cmp.Compare(a.Time.wall, b.Time.wall) })
		merged = merged[over:]
	}
	keys := orderKeys(merged)
	order := make([]int, len(merged))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(keys[a], keys[b]); c != 0 {
			return c
		}
		if c := cmp.Compare(merged[a].Sequence, merged[b].Sequence); c != 0 {
			return c
		}
		return compareIdentity(merged[a], merged[b])
	})
	sorted := make([]Event, len(merged))
	for i, j := range order {
		sorted[i] = merged[j]
	}
	if slices.Equal(sorted, s.Events) {
		return false
	}
	s.Events = sorted
	return true
}

// absorbed reports whether e has no offset and another event is the same with one: a
// push and a poll can say the same scan with and without it.
func absorbed(events []Event, e *Event) bool {
	if e.Time.hasOffset || !e.Time.set {
		return false
	}
	for i := range events {
		o := &events[i]
		if o.Time.hasOffset && o.Time.wall == e.Time.wall && o.Time.precision == e.Time.precision && compareWhat(*o, *e) == 0 {
			return true
		}
	}
	return false
}

// normal is e with a time that JSON gives back as it is.
func normal(e Event) Event {
	if e.Class == "" {
		e.Class = ClassStatus
	}
	if !e.Seen.IsZero() {
		e.Seen = e.Seen.UTC().Round(0)
	}
	return e
}

// compareIdentity orders events by what makes them one event.
func compareIdentity(a, b Event) int {
	return cmp.Or(
		cmp.Compare(a.Time.wall, b.Time.wall),
		compareBool(a.Time.set, b.Time.set),
		compareBool(a.Time.hasOffset, b.Time.hasOffset),
		cmp.Compare(a.Time.offset, b.Time.offset),
		compareBool(a.Time.inferred, b.Time.inferred),
		cmp.Compare(a.Time.precision, b.Time.precision),
		compareWhat(a, b),
	)
}

// compareWhat is compareIdentity without the time.
func compareWhat(a, b Event) int {
	if c := cmp.Or(cmp.Compare(a.Piece, b.Piece), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Code, b.Code)); c != 0 {
		return c
	}
	if a.Code == "" {
		if c := cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Class, b.Class), compareFold(a.Text, b.Text)); c != 0 {
			return c
		}
	}
	if a.Place.City == "" && b.Place.City == "" {
		return cmp.Or(compareFold(a.Place.Country, b.Place.Country), compareFold(a.Place.Name, b.Place.Name))
	}
	return cmp.Or(compareFold(a.Place.Country, b.Place.Country), compareFold(a.Place.City, b.Place.City))
}

// join makes one of two answers about one event. It is commutative, associative and
// idempotent.
func join(a, b Event) Event {
	if compareAnswer(b, a) < 0 {
		a, b = b, a
	}
	// a was heard first and gives the words. What a code means can become known later,
	// when a table is mended: a reading that says something beats one that does not.
	if compareReading(a, b) < 0 {
		a.Class, a.Status, a.Detail, a.Reason, a.ActionBy, a.Retracts = b.Class, b.Status, b.Detail, b.Reason, b.ActionBy, b.Retracts
	}
	a.Sequence = max(a.Sequence, b.Sequence)
	if a.Seen.IsZero() {
		a.Seen = b.Seen
	}
	return a
}

func compareReading(a, b Event) int {
	return cmp.Or(compareBool(a.Class != ClassStatus, b.Class != ClassStatus), cmp.Compare(a.Class, b.Class),
		cmp.Compare(a.Status.index(), b.Status.index()), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Detail, b.Detail),
		cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.ActionBy, b.ActionBy), cmp.Compare(a.Retracts, b.Retracts))
}

// compareAnswer orders answers about one event: the one heard first, then any fixed
// order.
func compareAnswer(a, b Event) int {
	if a.Seen.IsZero() != b.Seen.IsZero() {
		return compareBool(a.Seen.IsZero(), b.Seen.IsZero())
	}
	return cmp.Or(a.Seen.Compare(b.Seen), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Source, b.Source), comparePlace(a.Place, b.Place))
}

func comparePlace(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.City, b.City), cmp.Compare(a.Region, b.Region),
		cmp.Compare(a.PostalCode, b.PostalCode), cmp.Compare(a.Country, b.Country))
}

func compareEstimates(a, b Estimate) int {
	return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Source, b.Source),
		strings.Compare(a.Window.From.String(), b.Window.From.String()), strings.Compare(a.Window.To.String(), b.Window.To.String()))
}

func compareRelated(a, b Related) int {
	return cmp.Or(cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.TrackingNumber, b.TrackingNumber), cmp.Compare(a.Carrier, b.Carrier), cmp.Compare(a.Kind, b.Kind))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compareFold compares words as people do: without case and outer space.
func compareFold(a, b string) int {
	if a == b {
		return 0
	}
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if strings.EqualFold(a, b) {
		return 0
	}
	return strings.Compare(strings.Map(fold, a), strings.Map(fold, b))
}

// fold is the smallest rune that equals r without case, as strings.EqualFold sees it.
func fold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// retracted marks the events that a later retraction takes back; nil if there is none.
func retracted(events []Event) []bool {
	var back []bool
	for i := range events {
		r := &events[i]
		if r.Class != ClassRetraction {
			continue
		}
		if back == nil {
			back = make([]bool, len(events))
		}
		for j := i - 1; j >= 0; j-- {
			e := &events[j]
			if back[j] || e.Class != ClassStatus || e.Piece != r.Piece || r.Retracts != "" && e.Code != r.Retracts {
				continue
			}
			back[j] = true
			break
		}
	}
	return back
}
