package shipment

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what became of an event.
type Verdict string

// The verdicts.
const (
	VerdictMoved         Verdict = "moved"         // it changed the status
	VerdictConfirmed     Verdict = "confirmed"     // it said the same status again, perhaps with more detail
	VerdictInformational Verdict = "informational" // it is history and moves nothing
	VerdictRetracted     Verdict = "retracted"     // a later event took it back
	VerdictSetAside      Verdict = "set aside"     // it would have moved the status and must not
)

// Explanation is why a parcel has the status it has.
type Explanation struct {
	Status Status
	Detail Detail
	Reason Reason

	// Decided is the event that made the status what it is; nil where none has.
	Decided *Event

	// Steps are all events in their order, with what became of each.
	Steps []ExplanationStep
}

// ExplanationStep is one event and what became of it.
type ExplanationStep struct {
	Event   Event
	Verdict Verdict
	Why     string // why it was set aside or taken back; empty otherwise
	Journey int
}

// Explain tells which event made the status and which events were set aside, and why.
// It does not change s.
func (s *Shipment) Explain() Explanation {
	told := Shipment{Ref: s.Ref, Events: s.Events, NotBefore: s.NotBefore}
	x := Explanation{Steps: make([]ExplanationStep, len(s.Events))}
	decided := told.refold(orderKeys(s.Events), func(i int, v Verdict, why string) {
		x.Steps[i] = ExplanationStep{Event: s.Events[i], Verdict: v, Why: why, Journey: told.Journey}
	})
	x.Status, x.Detail, x.Reason = told.Status, told.Detail, told.Reason
	if decided >= 0 {
		e := s.Events[decided]
		x.Decided = &e
	}
	return x
}

// String returns the explanation as lines of text, for agents and logs of their own.
// It holds the carrier's texts and places.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %s", x.Status)
	for _, s := range []string{string(x.Detail), string(x.Reason)} {
		if s != "" {
			fmt.Fprintf(&b, " / %s", s)
		}
	}
	if x.Decided != nil {
		fmt.Fprintf(&b, ", because of %s", describe(x.Decided))
	}
	b.WriteByte('\n')
	for _, st := range slices.Backward(x.Steps) {
		fmt.Fprintf(&b, "  %-13s %s", st.Verdict, describe(&st.Event))
		if st.Why != "" {
			fmt.Fprintf(&b, " (%s)", st.Why)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func describe(e *Event) string {
	var parts []string
	at := e.Time.String()
	if at == "" {
		at = "no time"
	}
	parts = append(parts, at)
	if e.Code != "" {
		parts = append(parts, strings.TrimPrefix(e.Kind+":"+e.Code, ":"))
	}
	if e.Status != "" {
		parts = append(parts, string(e.Status))
	}
	if e.Text != "" {
		parts = append(parts, fmt.Sprintf("%q", e.Text))
	}
	if p := e.Place.String(); p != "" {
		parts = append(parts, "in "+p)
	}
	if e.Source != "" {
		parts = append(parts, "told by "+e.Source)
	}
	return strings.Join(parts, " ")
}
