package shipment

import (
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
	StatusAt Time     `json:"status_at,omitzero"` // of the event that made the status what it is

	Homeward bool         `json:"homeward,omitempty"` // the parcel has turned round; its next delivery is the sender's
	Attempts int          `json:"attempts,omitempty"` // failed deliveries, one a day at the most
	Journey  int          `json:"journey,omitempty"`  // how often the carrier has used the number again since we follow it
	History  []Transition `json:"history,omitempty"`  // every status it had, in order

	PickedUpAt     Time `json:"picked_up_at,omitzero"`     // the first physical scan
	FirstAttemptAt Time `json:"first_attempt_at,omitzero"` // the first time somebody came to the door
	DeliveredAt    Time `json:"delivered_at,omitzero"`

	// Events are all events, in the order in which they happened.
	Events []Event `json:"events,omitempty"`

	// NotBefore is the earliest moment at which an event can belong to this parcel.
	// Earlier ones are of an earlier use of the number: they are kept and set aside.
	// The zero value means that there was none.
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
	At      Time      `json:"at,omitzero"`
	Seen    time.Time `json:"seen,omitzero"` // when we heard of it
	Journey int       `json:"journey,omitempty"`
}

// ChangeKind is what kind of thing is new. It is an open string.
type ChangeKind string

// The kinds of change.
const (
	// ChangeStatus is a status the parcel had not had at that time before; see Current.
	ChangeStatus ChangeKind = "status"
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

	// Correction says that the carrier took something back: From was never true.
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
// that is known returns nothing. Facts beside the events replace what they replace;
// empty ones replace nothing.
func (s *Shipment) Apply(u Update) []Change {
	before := outcome{s.Status, s.Detail, s.Reason, s.Journey, len(s.History)}
	var old []Transition
	fresh := false
	if len(u.Events) == 1 && s.follows(&u.Events[0]) {
		// The usual case: one more event, later than all others. It moves the parcel from
		// where it is, and the past need not be told again.
		s.Events = append(s.Events, normal(u.Events[0]))
		f := folder{s: s}
		f.step(&s.Events[len(s.Events)-1], s.Events[len(s.Events)-1].Time.key(0), s.lastKey())
		fresh = true
		old = s.History[:before.history]
	} else if len(u.Events) > 0 {
		old = slices.Clone(s.History)
		if fresh = s.merge(u.Events); fresh {
			s.refold(nil)
		}
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
	history int
}

// newTransitions appends a change for each transition that was not in old, and one
// for a status that was taken back.
func (s *Shipment) newTransitions(changes []Change, before outcome, old []Transition) []Change {
	from := Pending
	current := false
	for i := range s.History {
		t := &s.History[i]
		if i > 0 && t.Journey != s.History[i-1].Journey {
			from = Pending
		}
		if !slices.ContainsFunc(old, t.same) {
			last := i == len(s.History)-1
			c := Change{
				Kind: ChangeStatus, From: from, To: t.Status, Detail: t.Detail, Reason: t.Reason, At: t.At, Seen: t.Seen,
				Current: last, Journey: t.Journey, Occurrence: s.occurrence(i),
			}
			if last {
				c.ActionBy, current = s.ActionBy, true
				// After something was taken back, the customer knows another "from".
				if c.From != before.status && before.status != "" && before.journey == s.Journey && !stillTrue(s.History, old) {
					c.From, c.Correction = before.status, true
				}
			}
			changes = append(changes, c)
		}
		from = t.Status
	}
	if !current && before.status != "" && before.status != s.Status {
		changes = append(changes, Change{
			Kind: ChangeStatus, From: before.status, To: s.Status, Detail: s.Detail, Reason: s.Reason, ActionBy: s.ActionBy,
			At: s.StatusAt, Current: true, Correction: true, Journey: s.Journey, Occurrence: s.occurrence(len(s.History) - 1),
		})
	}
	return changes
}

// stillTrue reports whether the last of the old transitions is still one.
func stillTrue(history, old []Transition) bool {
	return len(old) == 0 || slices.ContainsFunc(history, old[len(old)-1].same)
}

func (t Transition) same(u Transition) bool {
	return t.Status == u.Status && t.At == u.At && t.Journey == u.Journey
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

// refold tells the parcel's life again from its events. tell, if not nil, hears of
// every event what became of it.
func (s *Shipment) refold(tell func(i int, v Verdict, why string)) {
	s.Status, s.Detail, s.Reason, s.ActionBy, s.StatusAt = Pending, "", "", "", Time{}
	s.Homeward, s.Attempts, s.Journey, s.History = false, 0, 0, nil
	s.PickedUpAt, s.FirstAttemptAt, s.DeliveredAt = Time{}, Time{}, Time{}

	keys := orderKeys(s.Events)
	back := retracted(s.Events)
	f := folder{s: s, tell: tell}
	previous := timeless
	for i := range s.Events {
		e := &s.Events[i]
		f.i = i
		switch {
		case back != nil && back[i]:
			f.say(VerdictRetracted, "the carrier took it back")
		case !s.NotBefore.IsZero() && keys[i] != timeless && keys[i] < s.NotBefore.Unix():
			f.say(VerdictSetAside, "it is of an earlier parcel with this number")
			continue // and it says nothing about how long this parcel has been silent
		default:
			f.step(e, keys[i], previous)
		}
		if keys[i] != timeless {
			previous = keys[i]
		}
	}
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
	statusKey int64 // of the event that made the status; known within one refold
}

func (f *folder) say(v Verdict, why string) {
	if f.tell != nil {
		f.tell(f.i, v, why)
	}
}

// step lets e, at key, move the shipment. previous is the key of the event before it.
func (f *folder) step(e *Event, key, previous int64) {
	s := f.s
	if e.Class == ClassInformational || e.Class == ClassRetraction {
		f.say(VerdictInformational, "")
		return
	}
	in := e.Status.index()
	event := Unknown
	if in != 0 {
		event = e.Status
		if key != timeless && previous != timeless && key-previous >= journeyGap {
			s.Journey++
			s.Status, s.Detail, s.Reason, s.ActionBy, s.StatusAt = Pending, "", "", "", Time{}
			s.Homeward, s.Attempts = false, 0
			s.PickedUpAt, s.FirstAttemptAt, s.DeliveredAt = Time{}, Time{}, Time{}
		}
	}
	if s.Homeward {
		event = turned[in]
		in = event.index()
	}
	c := &table[s.Status.index()][in]
	switch {
	case c.to == "" && event == s.Status:
		if s.Detail == "" && e.Detail != "" {
			s.Detail = e.Detail // a repeat that says more: "left with a neighbour"
		}
		f.say(VerdictSetAside, c.why)
	case c.to == "":
		f.say(VerdictSetAside, c.why)
	case s.Status == Delivered && key <= f.deliveredKey():
		f.say(VerdictSetAside, "it is not later than the delivery")
	case c.to == s.Status:
		f.confirm(e, key)
	default:
		f.move(e, c.to, key)
	}
}

func (f *folder) deliveredKey() int64 {
	if f.statusKey != 0 {
		return f.statusKey
	}
	return f.s.StatusAt.key(0)
}

// confirm lets an event of the same status say more of it.
func (f *folder) confirm(e *Event, key int64) {
	s := f.s
	if s.Status == AttemptFailed && !sameDay(e.Time, s.StatusAt) {
		f.move(e, AttemptFailed, key)
		return
	}
	f.say(VerdictConfirmed, "")
	s.Detail, s.Reason, s.ActionBy = e.Detail, e.Reason, e.ActionBy
	s.StatusAt, f.statusKey = e.Time, key
}

func (f *folder) move(e *Event, to Status, key int64) {
	s := f.s
	f.say(VerdictMoved, "")
	s.Status, s.Detail, s.Reason, s.ActionBy = to, e.Detail, e.Reason, e.ActionBy
	s.StatusAt, f.statusKey = e.Time, key
	if to != e.Status && s.Homeward {
		s.Detail = DetailToSender // the carrier's detail is about a customer's door
	}
	s.History = append(s.History, Transition{Status: to, Detail: s.Detail, Reason: e.Reason, At: e.Time, Seen: e.Seen, Journey: s.Journey})
	switch to {
	case AttemptFailed:
		s.Attempts++
		s.DeliveredAt = Time{}
		if s.FirstAttemptAt.IsZero() {
			s.FirstAttemptAt = e.Time
		}
	case Delivered:
		s.DeliveredAt = e.Time
		if s.FirstAttemptAt.IsZero() {
			s.FirstAttemptAt = e.Time
		}
	case AvailableForPickup:
		s.DeliveredAt = Time{}
	case Returning, Returned:
		s.Homeward = true
		s.DeliveredAt = Time{}
	}
	if s.PickedUpAt.IsZero() && to != PreTransit && to != Cancelled && to != Failed && to != Exception {
		s.PickedUpAt = e.Time
	}
}

func sameDay(a, b Time) bool {
	const day = 24 * 60 * 60
	return a.set && b.set && floorDiv(a.wall, day) == floorDiv(b.wall, day)
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
		i := slices.IndexFunc(s.Estimates, func(e Estimate) bool { return e.Window == n.Window && e.Source == n.Source })
		if i < 0 {
			s.Estimates = append(s.Estimates, n)
			continue
		}
		e := &s.Estimates[i]
		if n.First.Before(e.First) {
			e.First = n.First
		}
		if n.Last.After(e.Last) {
			e.Last = n.Last
		}
	}
	slices.SortFunc(s.Estimates, compareEstimates)
	if over := len(s.Estimates) - maxEstimates; over > 0 {
		s.Estimates = append(s.Estimates[:1], s.Estimates[1+over:]...) // the first is the original and stays
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

// ETA is when the parcel is thought to arrive by the latest word we have, and whether
// there is one. A carrier's rescheduling beats its other words of the same moment.
func (s *Shipment) ETA() (Estimate, bool) {
	var best Estimate
	for _, e := range s.Estimates {
		c := e.Last.Compare(best.Last)
		if best.Window.IsZero() || c > 0 || c == 0 && (e.Source == EstimateRescheduled || best.Source != EstimateRescheduled) {
			best = e
		}
	}
	return best, !best.Window.IsZero()
}

// OriginalETA is the first estimate we heard, which later ones are measured against.
func (s *Shipment) OriginalETA() (Estimate, bool) {
	if len(s.Estimates) == 0 {
		return Estimate{}, false
	}
	return s.Estimates[0], true
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
	if u.Proof != nil && *u.Proof != (Proof{}) && (s.Proof == nil || *s.Proof != *u.Proof) {
		p := *u.Proof
		s.Proof, changed = &p, true
	}
	if u.PickupPoint != nil && (s.PickupPoint == nil || !s.PickupPoint.equal(u.PickupPoint)) {
		p := *u.PickupPoint
		p.Hours = slices.Clone(p.Hours)
		s.PickupPoint, changed = &p, true
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
