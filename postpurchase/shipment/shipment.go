package shipment

import (
	"math"
	"slices"
	"time"
)

// Shipment is one parcel as we know it: the set of events that carriers have told us,
// and what follows from them. The zero value with a Ref is a parcel of which nothing
// is known. Make changes with [Shipment.Apply] only; it is not safe for concurrent
// use.
//
// Everything from Status to DeliveredAt is a function of Events and NotBefore. It is
// kept so that it can be read and searched without computing it again.
type Shipment struct {
	Ref Ref `json:"ref"`

	Status   Status   `json:"status"` // empty until the first Apply, and then Pending or better
	Detail   Detail   `json:"detail,omitempty"`
	Reason   Reason   `json:"reason,omitempty"`
	ActionBy ActionBy `json:"action_by,omitempty"`
	StatusAt Time     `json:"status_at,omitzero"` // of the event that made the status what it is; zero if its time can not be

	Homeward bool         `json:"homeward,omitempty"` // the parcel has turned round; its next delivery is the sender's
	Attempts int          `json:"attempts,omitempty"` // failed deliveries of this journey, one a day at the most
	Journey  int          `json:"journey,omitempty"`  // how often the carrier has used the number again since we follow it
	History  []Transition `json:"history,omitempty"`  // every status it had, in order

	PickedUpAt     Time `json:"picked_up_at,omitzero"`     // the first physical scan
	FirstAttemptAt Time `json:"first_attempt_at,omitzero"` // the first time somebody came to the door
	DeliveredAt    Time `json:"delivered_at,omitzero"`

	// Events are all events, in the order in which they happened.
	Events []Event `json:"events,omitempty"`

	// NotBefore is the earliest moment at which an event can belong to this parcel.
	// Earlier ones are of an earlier use of the number: they are kept and set aside.
	// The zero value means that there was none. Set it before the first Apply.
	NotBefore time.Time `json:"not_before,omitzero"`

	Estimates   []Estimate   `json:"estimates,omitempty"` // in the order in which we first heard them
	Related     []Related    `json:"related,omitempty"`
	Proof       *Proof       `json:"proof,omitempty"`
	PickupPoint *PickupPoint `json:"pickup_point,omitempty"`
	Service     string       `json:"service,omitempty"`
	WeightGrams int          `json:"weight_grams,omitempty"`
	PieceCount  int          `json:"piece_count,omitempty"`
	Origin      Place        `json:"origin,omitzero"`
	Destination Place        `json:"destination,omitzero"`
}

// Transition is one step of a parcel's life.
type Transition struct {
	Status  Status    `json:"status"`
	Detail  Detail    `json:"detail,omitempty"`
	Reason  Reason    `json:"reason,omitempty"`
	At      Time      `json:"at,omitzero"`   // zero if the carrier gave no time, or one that can not be
	Seen    time.Time `json:"seen,omitzero"` // when we heard of it
	Journey int       `json:"journey,omitempty"`
}

// ChangeKind is what kind of thing is new. It is an open string.
type ChangeKind string

// The kinds of change.
const (
	// ChangeStatus is a status the parcel had not had at that time before; see Current.
	ChangeStatus ChangeKind = "status" // also a second failed attempt, with From equal to To
	// ChangeDetail is a new detail or reason of the same status.
	ChangeDetail ChangeKind = "detail"
	// ChangeEstimate is another window in which the parcel is to arrive.
	ChangeEstimate ChangeKind = "estimate"
	// ChangeEvents is history that changes nothing else.
	ChangeEvents ChangeKind = "events"
	// ChangeFacts is something beside the events: a pickup point, a proof, a related number.
	ChangeFacts ChangeKind = "facts"
)

// Change is one thing that is new after an [Shipment.Apply].
type Change struct {
	Kind     ChangeKind
	From, To Status // equal unless Kind is ChangeStatus
	Detail   Detail
	Reason   Reason
	ActionBy ActionBy
	At       Time      // when it happened, by the carrier
	Seen     time.Time // when we heard of it

	// Current says that this is how the parcel is now. A late upload can add a status
	// to the history that has long been left: that is news for the record and not for
	// the customer.
	Current bool

	// Correction says that the carrier took something back: From was never true. A scan
	// that is told late and overtakes From is none.
	Correction bool

	// Occurrence counts how often the parcel has come to this status on this journey,
	// from 1: the second failed attempt has 2.
	Occurrence int
	Journey    int

	Old, New Window // the windows of a ChangeEstimate
}

// Apply adds news to a parcel and returns what was not known before, in the order in
// which it happened. It is a fold over the set of events: in whatever order, batches
// and repetitions the same events come, the shipment is the same in the end, and news
// that is known returns nothing. Facts beside the events replace what they replace,
// field by field; empty ones replace nothing. A status whose time a carrier mends is
// not news of a status: it returns a ChangeEvents. u is not kept and not changed.
func (s *Shipment) Apply(u Update) []Change {
	before := outcome{s.Status, s.Detail, s.Reason, s.Journey}
	old, fresh := s.History, false
	if len(u.Events) > 0 {
		fresh = s.applyEvents(u.Events)
	}
	if s.Status == "" {
		s.Status = Pending
		before.status = Pending
	}

	var changes []Change
	changes = s.newTransitions(changes, before, old)
	if fresh && len(changes) == 0 {
		kind := ChangeEvents
		if before.detail != s.Detail || before.reason != s.Reason {
			kind = ChangeDetail
		}
		changes = append(changes, Change{Kind: kind, From: s.Status, To: s.Status, Detail: s.Detail, Reason: s.Reason, ActionBy: s.ActionBy, At: s.StatusAt, Current: true, Journey: s.Journey, Occurrence: s.occurrence(len(s.History) - 1)})
	}
	if s.Journey > before.journey && len(old) > 0 {
		s.Proof, s.PickupPoint = nil, nil // they are of the parcel that had the number before
	}
	changes = s.applyEstimates(changes, u.Estimates)
	if s.applyFacts(u) {
		changes = append(changes, Change{Kind: ChangeFacts, From: s.Status, To: s.Status, Detail: s.Detail, Reason: s.Reason, ActionBy: s.ActionBy, Current: true, Journey: s.Journey})
	}
	return changes
}

type outcome struct {
	status  Status
	detail  Detail
	reason  Reason
	journey int
}

// applyEvents adds events and reports whether they said anything new. It does not
// write to what s.History held before.
func (s *Shipment) applyEvents(news []Event) (fresh bool) {
	if len(news) == 1 {
		e := normal(news[0])
		if rested, ok := s.follows(&e); ok {
			// The usual case: one more event, later than all others. It moves the parcel from
			// where it is, and the past need not be told again.
			if len(s.Events) == cap(s.Events) {
				s.Events = slices.Grow(s.Events, max(len(s.Events), 24)) // a usual life in one piece
			}
			s.Events = append(s.Events, e)
			f := folder{s: s, rested: rested, statusKey: unsaid}
			f.step(&s.Events[len(s.Events)-1], e.Time.key(0))
			return true
		}
	}
	keys := s.merge(news)
	if keys == nil {
		return false
	}
	s.refold(keys, nil)
	return true
}

// newTransitions appends a change for each transition that was not in old, and one
// for a status that was taken back.
func (s *Shipment) newTransitions(changes []Change, before outcome, old []Transition) []Change {
	// What was known and is as it was, from the beginning, needs no second look.
	start := 0
	for start < len(old) && start < len(s.History) && s.History[start].same(old[start]) {
		start++
	}
	// A status whose time the carrier has mended is not a new status.
	var gone []Transition
	for _, t := range old[start:] {
		if !slices.ContainsFunc(s.History[start:], t.same) {
			gone = append(gone, t)
		}
	}
	lastGone := len(gone) > 0 && gone[len(gone)-1] == old[len(old)-1]
	var lost Transition
	if lastGone {
		lost = old[len(old)-1]
	}

	current := false
	for i := start; i < len(s.History); i++ {
		t := &s.History[i]
		last := i == len(s.History)-1
		if slices.ContainsFunc(old[start:], t.same) {
			continue
		}
		if j := slices.IndexFunc(gone, func(g Transition) bool { return g.Status == t.Status && g.Journey == t.Journey }); j >= 0 {
			if gone = slices.Delete(gone, j, j+1); !last || before.status == t.Status {
				continue
			}
		}
		c := Change{
			Kind: ChangeStatus, From: Pending, To: t.Status, Detail: t.Detail, Reason: t.Reason, At: t.At, Seen: t.Seen,
			Current: last, Journey: t.Journey, Occurrence: s.occurrence(i),
		}
		if i > 0 && s.History[i-1].Journey == t.Journey {
			c.From = s.History[i-1].Status
		}
		if last {
			c.ActionBy, current = s.ActionBy, true
			if lastGone && before.journey == s.Journey {
				c.From = before.status // what the customer knows
				c.Correction = s.tookBack(lost)
			}
		}
		changes = append(changes, c)
	}
	if !current && before.status != "" && before.status != s.Status {
		changes = append(changes, Change{
			Kind: ChangeStatus, From: before.status, To: s.Status, Detail: s.Detail, Reason: s.Reason, ActionBy: s.ActionBy,
			At: s.StatusAt, Current: true, Correction: lastGone, Journey: s.Journey, Occurrence: s.occurrence(len(s.History) - 1),
		})
	}
	return changes
}

// tookBack reports whether lost, a status the parcel had and has no more, was never
// true. It may also be true and overtaken: by a delivery, told later, of before.
func (s *Shipment) tookBack(lost Transition) bool {
	for i, back := range retracted(s.Events) {
		if back && s.Events[i].Time == lost.At {
			return true
		}
	}
	at := func(t Transition) bool { return t.At == lost.At }
	return slices.ContainsFunc(s.History, at) || table[lost.Status.index()][s.Status.index()].to == ""
}

func (t Transition) same(u Transition) bool {
	return t.Status == u.Status && t.At == u.At
}

func (s *Shipment) occurrence(i int) int {
	n := 0
	for j := 0; j <= i && j < len(s.History); j++ {
		if s.History[j].Status == s.History[i].Status && s.History[j].Journey == s.History[i].Journey {
			n++
		}
	}
	return n
}

// refold tells the parcel's life again from its events, of which keys are the order
// keys, and returns the index of the event that made the status; -1 for none. tell, if
// not nil, hears of every event what became of it.
func (s *Shipment) refold(keys []int64, tell func(i int, v Verdict, why string)) (decided int) {
	s.Status, s.Journey, s.History = Pending, -1, nil
	f := folder{s: s, tell: tell, statusKey: unsaid}
	f.begin()

	back := retracted(s.Events)
	previous := timeless
	for i := range s.Events {
		e := &s.Events[i]
		f.i = i
		if !s.NotBefore.IsZero() && keys[i] != timeless && keys[i] < s.NotBefore.Unix() {
			f.say(VerdictSetAside, "it is of an earlier parcel with this number")
			continue // and it says nothing about how long this parcel has been silent
		}
		if keys[i] != timeless {
			f.rested = f.rested || previous != timeless && keys[i]-previous >= journeyGap
			previous = keys[i]
		}
		if back != nil && back[i] {
			f.say(VerdictRetracted, "the carrier took it back")
			continue
		}
		f.step(e, keys[i])
	}
	return f.decided
}

const (
	// journeyGap is how long a number rests before it means another parcel. Carriers
	// use numbers again after months; no parcel is silent for half a year and comes.
	journeyGap = 180 * 24 * 60 * 60

	// maxEvents bounds what one parcel can hold in memory and on disk.
	maxEvents = 4096
)

// folder moves a shipment event by event.
type folder struct {
	s         *Shipment
	tell      func(i int, v Verdict, why string)
	i         int
	decided   int   // the index of the event that made the status
	statusKey int64 // and its key; unsaid where one event is added to what is known
	rested    bool  // the number was silent for journeyGap since a status last moved
}

const unsaid int64 = math.MaxInt64

func (f *folder) say(v Verdict, why string) {
	if f.tell != nil {
		f.tell(f.i, v, why)
	}
}

// begin begins the next journey.
func (f *folder) begin() {
	s := f.s
	s.Journey++
	s.Status, s.Detail, s.Reason, s.ActionBy, s.StatusAt = Pending, "", "", "", Time{}
	s.Homeward, s.Attempts = false, 0
	s.PickedUpAt, s.FirstAttemptAt, s.DeliveredAt = Time{}, Time{}, Time{}
	f.rested, f.decided, f.statusKey = false, -1, unsaid
}

// step lets e, at key, move the shipment.
func (f *folder) step(e *Event, key int64) {
	s := f.s
	if e.Class != ClassStatus {
		f.say(VerdictInformational, "")
		return
	}
	in := e.Status.index()
	event := every[in]
	if e.moves() {
		if f.rested && key != timeless {
			f.begin()
		}
		f.rested = false
	}
	if s.Homeward {
		event = turned[in]
	}
	c := &table[s.Status.index()][event.index()]
	switch {
	case c.to == "" && event == s.Status && event != Pending:
		if s.Detail == "" && event == e.Status {
			s.Detail = e.Detail // a repeat that says more: "left with a neighbour"
		}
		f.say(VerdictConfirmed, c.why)
	case c.to == "":
		f.say(VerdictSetAside, c.why)
	case s.Status == Delivered && !f.afterDelivery(e, key):
		f.say(VerdictSetAside, "it is not later than the delivery")
	case c.to == s.Status && (s.Status != AttemptFailed || !anotherDay(e.when(), s.StatusAt)):
		f.say(VerdictConfirmed, "")
		f.take(e, s.Status, key)
	default:
		f.move(e, c.to, key)
	}
}

// afterDelivery reports whether e certainly happened after the delivery.
func (f *folder) afterDelivery(e *Event, key int64) bool {
	at := f.s.StatusAt
	if at.IsZero() {
		// Nobody knows when it was delivered, but it was when we heard of it.
		seen := f.s.History[len(f.s.History)-1].Seen
		return key != timeless && (seen.IsZero() || key > seen.Unix())
	}
	if at.precision == PrecisionDay || e.Time.precision == PrecisionDay {
		return key != timeless && anotherDay(at, e.Time) && at.wall < e.Time.wall
	}
	if f.statusKey == unsaid {
		f.statusKey = at.key(0)
	}
	return key > f.statusKey
}

// take makes the status what e says of it.
func (f *folder) take(e *Event, to Status, key int64) {
	s := f.s
	// A hop on the way home does not unsay why the parcel comes home.
	if e.Reason != "" || to != Returning || s.Status != Returning {
		s.Reason = e.Reason
	}
	s.Status, s.Detail, s.ActionBy = to, e.Detail, e.ActionBy
	if to != e.Status {
		s.Detail = DetailToSender // the carrier's detail is about a customer's door
	}
	s.StatusAt, f.statusKey, f.decided = e.when(), key, f.i
}

func (f *folder) move(e *Event, to Status, key int64) {
	s := f.s
	f.say(VerdictMoved, "")
	f.take(e, to, key)
	at := s.StatusAt
	if to == AttemptFailed && !s.triedOn(at) {
		s.Attempts++ // and not the same attempt, told again after a scan at the depot
	}
	s.History = append(s.History, Transition{Status: to, Detail: s.Detail, Reason: s.Reason, At: at, Seen: e.Seen, Journey: s.Journey})
	switch to {
	case AttemptFailed:
		s.DeliveredAt = Time{}
		if s.FirstAttemptAt.IsZero() {
			s.FirstAttemptAt = at
		}
	case Delivered:
		s.DeliveredAt = at
		if s.FirstAttemptAt.IsZero() {
			s.FirstAttemptAt = at
		}
	case AvailableForPickup:
		s.DeliveredAt = Time{}
	case Returning, Returned:
		s.Homeward = true
		s.DeliveredAt = Time{}
	}
	if s.PickedUpAt.IsZero() && to != PreTransit && to != Cancelled && to != Failed && to != Exception {
		s.PickedUpAt = at
	}
}

// triedOn reports whether a delivery failed on the day of at already.
func (s *Shipment) triedOn(at Time) bool {
	for i := len(s.History) - 1; i >= 0 && s.History[i].Journey == s.Journey; i-- {
		if t := &s.History[i]; t.Status == AttemptFailed {
			return !anotherDay(t.At, at)
		}
	}
	return false
}

// anotherDay reports whether a and b are known to be of different days, each by the
// clock where it was.
func anotherDay(a, b Time) bool {
	const day = 24 * 60 * 60
	return a.set && b.set && floorDiv(a.wall, day) != floorDiv(b.wall, day)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// applyEstimates remembers each window with each source once, with when it was first
// and last heard.
func (s *Shipment) applyEstimates(changes []Change, news []Estimate) []Change {
	if len(news) == 0 {
		return changes
	}
	old, had := s.ETA()
	for _, n := range news {
		if n.Window.IsZero() {
			continue
		}
		n = normalEstimate(n)
		i := slices.IndexFunc(s.Estimates, func(e Estimate) bool { return e.Window == n.Window && e.Source == n.Source })
		if i < 0 {
			s.Estimates = append(s.Estimates, n)
			continue
		}
		e := &s.Estimates[i]
		if !n.First.IsZero() && (e.First.IsZero() || n.First.Before(e.First)) {
			e.First = n.First
		}
		if n.Last.After(e.Last) {
			e.Last = n.Last
		}
	}
	slices.SortFunc(s.Estimates, compareEstimates)
	for len(s.Estimates) > maxEstimates {
		oldest := 1 // the first is the original and stays
		for i := range s.Estimates[1:] {
			if s.Estimates[1+i].Last.Before(s.Estimates[oldest].Last) {
				oldest = 1 + i
			}
		}
		s.Estimates = slices.Delete(s.Estimates, oldest, oldest+1)
	}
	if now, ok := s.ETA(); ok && (!had || now.Window != old.Window) {
		changes = append(changes, Change{
			Kind: ChangeEstimate, From: s.Status, To: s.Status, Detail: s.Detail, Reason: s.Reason, Seen: now.First,
			Current: true, Journey: s.Journey, Old: old.Window, New: now.Window,
		})
	}
	return changes
}

const maxEstimates = 64

func normalEstimate(e Estimate) Estimate {
	if e.First.IsZero() {
		e.First = e.Last
	}
	if e.Last.Before(e.First) {
		e.Last = e.First
	}
	if !e.First.IsZero() {
		e.First, e.Last = e.First.UTC().Round(0), e.Last.UTC().Round(0)
	}
	return e
}

// ETA is when the parcel is thought to arrive by the latest word we have, and whether
// there is one. A carrier's rescheduling beats its other words of the same moment.
func (s *Shipment) ETA() (Estimate, bool) {
	var best Estimate
	for _, e := range s.estimates() {
		c := e.Last.Compare(best.Last)
		if best.Window.IsZero() || c > 0 || c == 0 && (e.Source == EstimateRescheduled || best.Source != EstimateRescheduled) {
			best = e
		}
	}
	return best, !best.Window.IsZero()
}

// OriginalETA is the first estimate we heard, which later ones are measured against.
func (s *Shipment) OriginalETA() (Estimate, bool) {
	estimates := s.estimates()
	if len(estimates) == 0 {
		return Estimate{}, false
	}
	return estimates[0], true
}

// estimates are the estimates of this journey: what was last said long before it was
// said of an earlier parcel with the number.
func (s *Shipment) estimates() []Estimate {
	if s.Journey == 0 {
		return s.Estimates
	}
	i := len(s.History)
	for i > 0 && s.History[i-1].Journey == s.Journey {
		i--
	}
	if i == len(s.History) || s.History[i].Seen.IsZero() {
		return s.Estimates
	}
	since := s.History[i].Seen.Add(-journeyGap / 2 * time.Second)
	return slices.DeleteFunc(slices.Clone(s.Estimates), func(e Estimate) bool { return e.Last.Before(since) })
}

func (s *Shipment) applyFacts(u Update) (changed bool) {
	for _, r := range u.Related {
		if r.TrackingNumber == "" || r.TrackingNumber == s.Ref.TrackingNumber || slices.Contains(s.Related, r) || len(s.Related) >= maxRelated {
			continue
		}
		s.Related, changed = append(s.Related, r), true
	}
	if changed {
		slices.SortFunc(s.Related, compareRelated)
	}
	if u.Proof != nil && *u.Proof != (Proof{}) {
		var p Proof
		if s.Proof != nil {
			p = *s.Proof
		}
		set(&p.SignedBy, u.Proof.SignedBy, &changed)
		set(&p.LeftAt, u.Proof.LeftAt, &changed)
		set(&p.SignatureURL, u.Proof.SignatureURL, &changed)
		set(&p.PhotoURL, u.Proof.PhotoURL, &changed)
		set(&p.DocumentURL, u.Proof.DocumentURL, &changed)
		s.Proof = &p
	}
	if u.PickupPoint != nil && !u.PickupPoint.equal(&PickupPoint{}) {
		var p PickupPoint
		if s.PickupPoint != nil && s.PickupPoint.sameSite(u.PickupPoint) {
			p = *s.PickupPoint
		}
		set(&p.ID, u.PickupPoint.ID, &changed)
		set(&p.Name, u.PickupPoint.Name, &changed)
		set(&p.Street, u.PickupPoint.Street, &changed)
		set(&p.Place, u.PickupPoint.Place, &changed)
		set(&p.Until, u.PickupPoint.Until, &changed)
		set(&p.Comment, u.PickupPoint.Comment, &changed)
		if len(u.PickupPoint.Hours) > 0 && !slices.Equal(p.Hours, u.PickupPoint.Hours) {
			p.Hours, changed = slices.Clone(u.PickupPoint.Hours), true
		}
		s.PickupPoint = &p
	}
	set(&s.Service, u.Service, &changed)
	set(&s.WeightGrams, u.WeightGrams, &changed)
	set(&s.PieceCount, u.PieceCount, &changed)
	set(&s.Origin, u.Origin, &changed)
	set(&s.Destination, u.Destination, &changed)
	return changed
}

const maxRelated = 256

func set[T comparable](field *T, v T, changed *bool) {
	var zero T
	if v != zero && v != *field {
		*field, *changed = v, true
	}
}

func (p *PickupPoint) equal(q *PickupPoint) bool {
	return p.ID == q.ID && p.Name == q.Name && p.Street == q.Street && p.Place == q.Place &&
		p.Until == q.Until && p.Comment == q.Comment && slices.Equal(p.Hours, q.Hours)
}

// sameSite reports whether p and q can be the same place: news that names only the
// last day there is news of the place that is known.
func (p *PickupPoint) sameSite(q *PickupPoint) bool {
	if p.ID != "" && q.ID != "" {
		return p.ID == q.ID
	}
	return p.Name == "" || q.Name == "" || compareFold(p.Name, q.Name) == 0
}

// Clone returns a copy that shares nothing with s.
func (s *Shipment) Clone() *Shipment {
	c := *s
	c.Events = slices.Clone(s.Events)
	c.History = slices.Clone(s.History)
	c.Estimates = slices.Clone(s.Estimates)
	c.Related = slices.Clone(s.Related)
	if s.Proof != nil {
		p := *s.Proof
		c.Proof = &p
	}
	if s.PickupPoint != nil {
		p := *s.PickupPoint
		p.Hours = slices.Clone(p.Hours)
		c.PickupPoint = &p
	}
	return &c
}
