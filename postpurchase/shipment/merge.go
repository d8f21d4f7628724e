package shipment

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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

// when is when e happened, for what is told of the parcel: the zero Time where the
// carrier's word can not be, so that nothing was "shipped on 1 January 1970".
func (e *Event) when() Time {
	if !e.plausible() {
		return Time{}
	}
	return e.Time
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
	var known []Time // with an offset, by wall clock; nil until one is needed
	for i := range events {
		e := &events[i]
		switch {
		case !e.plausible():
			keys[i] = timeless
		case e.Time.hasOffset:
			keys[i] = e.Time.key(0)
		default:
			if known == nil {
				known = withOffset(events)
			}
			keys[i] = e.Time.key(int64(borrow(known, e.Time.wall)))
		}
	}
	return keys
}

// withOffset are the times with an offset, by wall clock and then by offset. It is
// never nil.
func withOffset(events []Event) []Time {
	known := make([]Time, 0, len(events))
	for i := range events {
		if e := &events[i]; e.Time.hasOffset && e.plausible() {
			known = append(known, e.Time)
		}
	}
	slices.SortFunc(known, func(a, b Time) int {
		return cmp.Or(cmp.Compare(a.wall, b.wall), cmp.Compare(a.offset, b.offset))
	})
	return known
}

// borrow is the offset of the time in known whose wall clock is nearest; of two as
// near, the earlier.
func borrow(known []Time, wall int64) int32 {
	from := func(wall int64) int {
		i, _ := slices.BinarySearchFunc(known, wall, func(t Time, wall int64) int { return cmp.Compare(t.wall, wall) })
		return i
	}
	after := from(wall)
	if after == 0 {
		if len(known) == 0 {
			return 0
		}
		return known[0].offset
	}
	before := from(known[after-1].wall)
	if after == len(known) {
		return known[before].offset
	}
	if wall-known[before].wall <= known[after].wall-wall {
		return known[before].offset
	}
	return known[after].offset
}

// follows reports whether e is later than all events and needs nothing of the past to
// be told again; rested then says whether the number has rested before it.
func (s *Shipment) follows(e *Event) (rested, ok bool) {
	if e.Class == ClassRetraction || !e.Time.hasOffset || !e.plausible() || s.Status == "" || len(s.Events) >= maxEvents {
		return false, false
	}
	first := int64(math.MinInt64) // earlier events are of another parcel
	if !s.NotBefore.IsZero() {
		first = s.NotBefore.Unix()
	}
	key := e.Time.key(0)
	if n := len(s.Events); key < first || n > 0 && key <= s.Events[n-1].Time.key(0) {
		return false, false
	}
	for i := range s.Events {
		p := &s.Events[i]
		if !p.Time.hasOffset || p.Class == ClassRetraction || !p.plausible() || p.Time.wall == e.Time.wall {
			return false, false // the order could change, or the two be one
		}
	}
	// The number may have rested before events that move nothing and just precede e.
	next := key
	for i := len(s.Events) - 1; i >= 0; i-- {
		p := &s.Events[i]
		k := p.Time.key(0)
		if k < first {
			break
		}
		rested = rested || next-k >= journeyGap
		if p.moves() {
			break
		}
		next = k
	}
	return rested, true
}

// moves reports whether e is of the kind that can move a status.
func (e *Event) moves() bool { return e.Class == ClassStatus && e.Status.index() > Pending.index() }

// merge adds news to the events, in order, and returns their keys; nil if none of them
// was new or made a known event better known.
func (s *Shipment) merge(news []Event) (keys []int64) {
	fresh := make([]Event, len(news))
	for i := range news {
		fresh[i] = normal(news[i])
	}
	if s.knows(fresh) {
		return nil
	}
	byIdentity := make([]*Event, 0, len(s.Events)+len(fresh))
	for _, list := range [][]Event{s.Events, fresh} {
		for i := range list {
			byIdentity = append(byIdentity, &list[i])
		}
	}
	slices.SortStableFunc(byIdentity, compareIdentity)
	merged := make([]Event, 0, len(byIdentity))
	for _, e := range byIdentity {
		if n := len(merged); n > 0 && compareIdentity(&merged[n-1], e) == 0 {
			merged[n-1] = join(merged[n-1], *e)
			continue
		}
		merged = append(merged, *e)
	}
	merged = dropAbsorbed(merged)
	if over := len(merged) - maxEvents; over > 0 {
		// Which are dropped must not depend on the order of arrival: the earliest by the
		// wall clock, which no later event changes. They are in that order already.
		merged = merged[over:]
	}
	unsorted := orderKeys(merged)
	order := make([]int, len(merged))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(unsorted[a], unsorted[b]); c != 0 {
			return c
		}
		x, y := &merged[a], &merged[b]
		if c := cmp.Compare(x.Sequence, y.Sequence); c != 0 {
			return c
		}
		// At one moment, a life goes on and not back; and what is taken back was said first.
		if c := compareBool(x.Class == ClassRetraction, y.Class == ClassRetraction); c != 0 {
			return c
		}
		if c := cmp.Compare(x.Status.index(), y.Status.index()); c != 0 {
			return c
		}
		return cmp.Compare(a, b) // they are in the order of their identity
	})
	sorted := make([]Event, len(merged))
	keys = make([]int64, len(merged))
	for i, j := range order {
		sorted[i], keys[i] = merged[j], unsorted[j]
	}
	if slices.Equal(sorted, s.Events) {
		return nil
	}
	s.Events = sorted
	return keys
}

// knows reports whether all news is known and says no more than is known, where that
// is quickly found out: most polls say nothing new.
func (s *Shipment) knows(news []Event) bool {
	if len(news) > len(s.Events) || len(news)*len(s.Events) > 64*64 {
		return false
	}
	next := 0 // what is told in our order is found at once
	for i := range news {
		e := &news[i]
		found := false
		for range s.Events {
			p := &s.Events[next]
			if next++; next == len(s.Events) {
				next = 0
			}
			if p.Time.wall == e.Time.wall && compareIdentity(p, e) == 0 {
				found = join(*p, *e) == *p
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// dropAbsorbed drops the events whose offset nobody gave and that are the same as one
// whose offset the carrier gave: a push and a poll can say one scan with and without
// it. events are in the order of their identity.
func dropAbsorbed(events []Event) []Event {
	kept := events[:0]
	for i := range events {
		e := &events[i]
		absorbed := false
		for j := i + 1; !e.Time.given() && e.Time.set && !absorbed && j < len(events) && events[j].Time.wall == e.Time.wall; j++ {
			o := &events[j]
			absorbed = o.Time.given() && o.Time.precision == e.Time.precision && compareWhat(o, e) == 0
		}
		if !absorbed {
			kept = append(kept, *e)
		}
	}
	return kept
}

// normal is e as JSON gives it back.
func normal(e Event) Event {
	if e.Class == "" {
		e.Class = ClassStatus
	}
	if !e.Seen.IsZero() {
		e.Seen = e.Seen.UTC().Round(0)
	}
	e.Class, e.Status, e.Detail, e.Reason, e.ActionBy = valid(e.Class), valid(e.Status), valid(e.Detail), valid(e.Reason), valid(e.ActionBy)
	e.Code, e.Kind, e.Text, e.Retracts, e.Piece, e.Source = valid(e.Code), valid(e.Kind), valid(e.Text), valid(e.Retracts), valid(e.Piece), valid(e.Source)
	p := &e.Place
	p.Name, p.City, p.Region, p.PostalCode, p.Country = valid(p.Name), valid(p.City), valid(p.Region), valid(p.PostalCode), valid(p.Country)
	return e
}

// valid is s as UTF-8, which is all that can be stored and shown.
func valid[S ~string](s S) S {
	if s == "" || utf8.ValidString(string(s)) {
		return s
	}
	return S(strings.ToValidUTF8(string(s), "\uFFFD"))
}

// given reports whether the carrier said the offset of t.
func (t Time) given() bool { return t.hasOffset && !t.inferred }

// compareIdentity orders events by what makes them one event. An offset counts only
// where the carrier gave it: what we inferred can be inferred better another day.
func compareIdentity(a, b *Event) int {
	if c := cmp.Compare(a.Time.wall, b.Time.wall); c != 0 {
		return c
	}
	if c := cmp.Or(compareBool(a.Time.set, b.Time.set), compareBool(a.Time.given(), b.Time.given())); c != 0 {
		return c
	}
	if a.Time.given() && a.Time.offset != b.Time.offset {
		return cmp.Compare(a.Time.offset, b.Time.offset)
	}
	if c := cmp.Compare(a.Time.precision, b.Time.precision); c != 0 {
		return c
	}
	return compareWhat(a, b)
}

// compareWhat is compareIdentity without the time.
func compareWhat(a, b *Event) int {
	if c := strings.Compare(a.Piece, b.Piece); c != 0 {
		return c
	}
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := strings.Compare(a.Code, b.Code); c != 0 {
		return c
	}
	if a.Code == "" {
		if c := cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Class, b.Class), compareFold(a.Text, b.Text)); c != 0 {
			return c
		}
	}
	if c := compareFold(a.Place.Country, b.Place.Country); c != 0 {
		return c
	}
	if c := compareFold(a.Place.City, b.Place.City); c != 0 || strings.TrimSpace(a.Place.City) != "" {
		return c
	}
	return compareFold(a.Place.Name, b.Place.Name) // the name of a site is all that is known
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
	if u, t := b.Time, a.Time; u != t && u.hasOffset && (!t.hasOffset || u.offset < t.offset) {
		a.Time = u // both not given: an inferred offset beats none, and any fixed order two
	}
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
