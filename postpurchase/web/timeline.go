package web

import (
	"slices"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// dayView is what happened on one day, the newest first.
type dayView struct {
	Label  string
	Events []eventView
}

type eventView struct {
	Machine string // the time as ISO 8601, as far as it is known
	Clock   string // empty where only the day is known
	Zone    string // the offset, where it is not the customer's
	Words   string // ours
	Why     string // the reason, as a sentence
	Text    string // the carrier's, where it says something else
	Place   string
	Tone    string
}

// timeline shows what happened, the newest first. It leaves out what is not true, or
// not of this parcel: what the carrier took back, and what was set aside.
func timeline(s *shipment.Shipment, carrier string, c *calendar) []dayView {
	var days []dayView
	var wall time.Time
	delivered := false
	var shown []shipment.ExplanationStep
	for _, st := range s.Explain().Steps {
		switch st.Verdict {
		case shipment.VerdictRetracted, shipment.VerdictSetAside:
			continue
		case shipment.VerdictMoved:
			delivered = st.Event.Status == shipment.Delivered
		case shipment.VerdictConfirmed:
			if delivered && st.Event.Status == shipment.Delivered {
				continue // delivered once is enough
			}
		}
		shown = append(shown, st)
	}
	for _, st := range slices.Backward(shown) {
		e := &st.Event
		v := eventView{Machine: strings.TrimSuffix(e.Time.String(), "~"), Tone: toneOf(e.Status)}
		v.Words, v.Why = eventWords(e, carrier, c)
		if !sameWords(e.Text, v.Words) {
			v.Text = e.Text
		}
		v.Place = placeOf(e)
		if e.Time.Precision() != shipment.PrecisionDay && !e.Time.IsZero() {
			v.Clock, v.Zone = strings.TrimSuffix(c.style.clock(e.Time.Wall()), nbsp+"Uhr"), c.foreign(e.Time)
		}
		if d := civil(e.Time.Wall()); len(days) == 0 || !d.Equal(wall) {
			label := c.say("ui.no_day")
			if !e.Time.IsZero() {
				label = upper(c.bare(d))
			}
			days, wall = append(days, dayView{Label: label}), d
		}
		last := &days[len(days)-1]
		last.Events = append(last.Events, v)
	}
	return days
}

// eventWords are our words for an event: the most exact that we have.
func eventWords(e *shipment.Event, carrier string, c *calendar) (what, why string) {
	switch {
	case e.Class == shipment.ClassRetraction:
		return c.say("ui.taken_back", "carrier", carrier), ""
	case e.Detail != "" && e.Detail != shipment.DetailOther && e.Detail.Known():
		what = c.say("detail." + string(e.Detail))
	case e.Status != "" && e.Status != shipment.Unknown && e.Status.Known():
		what = c.say("status." + string(e.Status))
	default:
		what = c.say("ui.note", "carrier", carrier)
	}
	if e.Reason != "" && e.Reason != shipment.ReasonUnspecified && e.Reason.Known() {
		why = c.say("reason." + string(e.Reason))
		if sameWords(why, what) {
			why = ""
		}
	}
	return what, why
}

func sameWords(a, b string) bool {
	clean := func(s string) string { return strings.ToLower(strings.Trim(s, " .!")) }
	return clean(a) == clean(b)
}

// placeOf is where an event happened: the town at a door, and the site elsewhere.
func placeOf(e *shipment.Event) string {
	p := e.Place
	if e.Status == shipment.Delivered || e.Status == shipment.AttemptFailed {
		p.Name = ""
	}
	return joined(p.Name, p.City, p.Region, p.Country)
}

func toneOf(s shipment.Status) string {
	switch s {
	case shipment.Delivered:
		return toneGood
	case shipment.AttemptFailed, shipment.Exception, shipment.AvailableForPickup:
		return toneWarn
	case shipment.Failed, shipment.Returning, shipment.Returned, shipment.Cancelled:
		return toneBad
	}
	return toneCalm
}
