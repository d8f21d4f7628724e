package web

import (
	"slices"
	"strconv"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// parcelPage is one parcel as the template shows it.
type parcelPage struct {
	*words
	ID       string
	Heading  string // "Parcel 1 of 3"; empty for the only one
	Headline string
	When     string
	Lede     string // why it is as it is
	Tone     string
	Icon     string
	Open     bool // the history is unfolded
	Steps    []step
	Facts    []fact
	Next     *nextView
	Pickup   *pickupView
	Lines    []lineView
	Days     []dayView
	NoEvents string
	Carrier  string
	Number   string
	Service  string
	Checked  string
	LastNews string
	Stale    string

	arrived bool
	moved   bool      // the carrier has had it
	yours   bool      // the customer has something to do
	eta     time.Time // the end of the estimate; zero when there is none to come
	window  string    // the estimate, as part of a sentence
}

type fact struct {
	Label, Text string
	Note        string
}

type nextView struct {
	Title, Text, Tone string
	Who               string // whose turn it is
}

type pickupView struct {
	Name, Street, City, Comment string
	Hours                       []string
	Until                       string
}

// newParcelPage shows a parcel of an order.
func newParcelPage(v *postpurchase.OrderView, pv *postpurchase.ParcelView, c *calendar, i int) *parcelPage {
	s := ownJourney(&pv.Shipment)
	p := &parcelPage{
		words: c.words, ID: "parcel-" + strconv.Itoa(i+1), Open: true,
		Carrier: pv.CarrierName, Number: s.Ref.TrackingNumber, Service: s.Service,
	}
	for _, l := range linesOf(pv, v.Order.ID) {
		for _, bought := range v.Order.Lines {
			if bought.ID == l.LineID {
				p.Lines = append(p.Lines, showLine(bought, l.Quantity))
			}
		}
	}
	p.arrived, p.moved = s.Status == shipment.Delivered, moved(s)
	t := tell(s, pv.Health, postponed(s, c))
	p.Headline, p.Tone, p.Icon = c.say(t.head, "carrier", p.Carrier), t.tone, t.icon
	p.yours = t.yours
	if t.next != "" {
		title := "ui.what_next"
		if t.yours {
			title = "ui.what_you"
		}
		p.Next = &nextView{Title: c.say(title), Text: c.say(t.next, "carrier", p.Carrier), Tone: t.tone}
		if t.tone == toneGood {
			p.Next.Tone = toneCalm
		}
		switch {
		case t.yours && s.Status == shipment.Delivered: // only if something is wrong
		case t.yours:
			p.Next.Who = c.say("action.recipient")
		case s.ActionBy != shipment.ActionNone && s.ActionBy != shipment.ActionRecipient:
			p.Next.Who = c.of("action", string(s.ActionBy), "")
		case t.tone == toneWarn:
			p.Next.Who = c.say("action.none")
		}
	}
	p.Lede = lede(s, c)
	p.showWhen(v, pv, s, c)
	p.Steps = steps(v, s, c)
	if s.PickupPoint != nil && s.Status == shipment.AvailableForPickup {
		p.Pickup = showPickup(s.PickupPoint, c)
	}
	p.Days = timeline(s, p.Carrier, c)
	if len(p.Days) == 0 {
		p.NoEvents = c.say("ui.no_events", "carrier", p.Carrier)
	}
	p.showFreshness(pv, s, c)
	return p
}

// ownJourney is the parcel of this customer: a carrier uses a number again after some
// months, and then the same number tells of a stranger's parcel, which must not be
// shown.
func ownJourney(s *shipment.Shipment) *shipment.Shipment {
	if s.Journey == 0 {
		return s
	}
	own := &shipment.Shipment{Ref: s.Ref, NotBefore: s.NotBefore, Service: s.Service, Status: shipment.Pending}
	var u shipment.Update
	for _, st := range s.Explain().Steps {
		if st.Journey == 0 {
			u.Events = append(u.Events, st.Event)
		}
	}
	own.Apply(u)
	return own
}

// telling is what a parcel's state means to its customer.
type telling struct {
	head, next string // keys of texts
	tone, icon string
	yours      bool
}

// tell decides the headline and what to do next. What the customer can do something
// about comes before what they can only wait for. postponed says that a parcel out for
// delivery will not come today.
func tell(s *shipment.Shipment, h shipment.HealthReport, postponed bool) telling {
	switch s.Status {
	case shipment.Delivered:
		switch s.Detail {
		case shipment.DetailDamaged:
			return telling{"head.delivered_damaged", "next.delivered_damaged", toneWarn, "alert", true}
		case shipment.DetailNeighbour:
			return telling{"head.delivered", "next.neighbour", toneGood, "check", true}
		case shipment.DetailCollected:
			return telling{"head.collected", "", toneGood, "check", false}
		case shipment.DetailRecipient, shipment.DetailSigned, shipment.DetailCODCollected:
			return telling{"head.delivered", "", toneGood, "check", false}
		}
		return telling{"head.delivered", "next.look", toneGood, "check", true}
	case shipment.AvailableForPickup:
		return telling{"head.available_for_pickup", "next.pickup", toneWarn, "store", true}
	case shipment.AttemptFailed:
		t := telling{"head.attempt_failed_other", "next.attempt", toneWarn, "alert", false}
		if s.Reason == shipment.ReasonRecipientUnavailable || s.Detail == shipment.DetailNotHome || s.Detail == shipment.DetailNoticeLeft {
			t.head = "head.attempt_failed"
		}
		switch {
		case s.Detail == shipment.DetailFinalAttempt:
			t.next, t.yours = "next.attempt_final", true
		case s.Detail == shipment.DetailNoticeLeft:
			t.next, t.yours = "next.attempt_card", true
		case s.Detail == shipment.DetailIDCheckFailed, s.Reason == shipment.ReasonIDCheckFailed:
			t.next, t.yours = "next.attempt_id", true
		case s.Detail == shipment.DetailCODUnpaid:
			t.next, t.yours = "next.attempt_cod", true
		case isAddress(s):
			t.head, t.next, t.yours = "head.address", "next.address", true
		}
		return t
	case shipment.Exception:
		return tellException(s)
	case shipment.Returning:
		return telling{"head.returning", "next.returning", toneBad, "back", false}
	case shipment.Returned:
		return telling{"head.returned", "next.returned", toneBad, "back", false}
	case shipment.Failed:
		if s.Detail == shipment.DetailLost || s.Reason == shipment.ReasonCarrierLost {
			return telling{"head.lost", "next.lost", toneBad, "cross", true}
		}
		return telling{"head.failed", "next.lost", toneBad, "cross", true}
	case shipment.Cancelled:
		return telling{"head.cancelled", "next.cancelled", toneBad, "cross", false}
	case shipment.OutForDelivery:
		switch {
		case h.Stalled:
			return telling{"head.stalled", "next.stalled", toneWarn, "clock", false}
		case postponed && h.Late:
			return telling{"head.delayed", "next.late", toneWarn, "clock", false}
		case postponed:
			return telling{"head.delayed", "", toneWarn, "clock", false}
		}
		return telling{"head.out_for_delivery", "next.out_for_delivery", toneCalm, "truck", false}
	}
	switch {
	case h.NoScan && h.Stalled:
		return telling{"head.no_scan", "next.no_scan", toneWarn, "clock", false}
	case h.Stalled:
		return telling{"head.stalled", "next.stalled", toneWarn, "clock", false}
	case s.Status == shipment.InTransit && h.Late:
		return telling{"head.delayed", "next.late", toneWarn, "clock", false}
	case s.Status == shipment.InTransit && (h.AtRisk || s.Detail == shipment.DetailDelayed):
		return telling{"head.delayed", "", toneWarn, "clock", false}
	case s.Status == shipment.InTransit:
		return telling{"head.in_transit", "", toneCalm, "truck", false}
	case s.Status == shipment.PreTransit && h.Late:
		return telling{"head.pre_transit", "next.late", toneWarn, "box", false}
	case s.Status == shipment.PreTransit:
		return telling{"head.pre_transit", "", toneCalm, "box", false}
	}
	return telling{"head.pending", "", toneCalm, "box", false}
}

// postponed reports whether a parcel that was out for delivery is not any more, though
// the carrier has no scan to say so: the vehicle left on another day, or the estimate is
// of a later one.
func postponed(s *shipment.Shipment, c *calendar) bool {
	today := civil(c.now.In(c.zone))
	if !s.StatusAt.IsZero() && civil(s.StatusAt.Wall()).Before(today) {
		return true
	}
	eta, ok := s.ETA()
	from := eta.Window.From
	if from.IsZero() {
		from = eta.Window.To
	}
	day, _ := c.local(from)
	return ok && civil(day).After(today)
}

func isAddress(s *shipment.Shipment) bool {
	return s.Detail == shipment.DetailAddressProblem || s.Reason == shipment.ReasonAddressIncorrect || s.Reason == shipment.ReasonRecipientMoved
}

func tellException(s *shipment.Shipment) telling {
	t := telling{"head.exception", "next.wait", toneWarn, "alert", false}
	switch s.ActionBy {
	case shipment.ActionRecipient:
		t.next, t.yours = "next.you", true
	case shipment.ActionShipper:
		t.next = "next.us"
	case shipment.ActionCarrier:
		t.next = "next.carrier"
	}
	switch {
	case isAddress(s):
		return telling{"head.address", "next.address", toneWarn, "alert", true}
	case s.Reason == shipment.ReasonCustomsDuties:
		return telling{"head.customs", "next.customs_duties", toneWarn, "alert", s.ActionBy != shipment.ActionShipper}
	case s.Reason == shipment.ReasonCustomsDocuments:
		return telling{"head.customs", "next.customs_documents", toneWarn, "alert", s.ActionBy == shipment.ActionRecipient}
	case s.Reason == shipment.ReasonCustomsDelay, s.Reason == shipment.ReasonCustomsInspection:
		return telling{"head.customs", "next.customs_wait", toneWarn, "clock", false}
	case s.Reason == shipment.ReasonPaymentDue:
		t.next, t.yours = "next.payment", true
	case s.Detail == shipment.DetailDamaged, s.Reason == shipment.ReasonCarrierDamage:
		return telling{"head.damaged", "next.damaged", toneBad, "alert", false}
	case s.Detail == shipment.DetailRefused, s.Reason == shipment.ReasonRecipientRefused:
		t.next = "next.refused"
	case s.Detail == shipment.DetailUnclaimed, s.Reason == shipment.ReasonPickupMissed:
		t.next = "next.unclaimed"
	}
	return t
}

// lede is one sentence that says why, where there is more to say than the headline.
func lede(s *shipment.Shipment, c *calendar) string {
	if s.Reason != "" && s.Reason != shipment.ReasonUnspecified && s.Reason.Known() {
		return c.say("reason." + string(s.Reason))
	}
	switch s.Detail {
	case "", shipment.DetailMoving, shipment.DetailOther, shipment.DetailOnVehicle, shipment.DetailReady, shipment.DetailLost,
		shipment.DetailToSender, shipment.DetailVoid, shipment.DetailCollected, shipment.DetailDamaged, shipment.DetailDelayed:
		return ""
	}
	if text := c.of("detail", string(s.Detail), ""); text != "" {
		return text + "."
	}
	return ""
}

// showWhen says when the parcel comes or came, and what that is measured against.
func (p *parcelPage) showWhen(v *postpurchase.OrderView, pv *postpurchase.ParcelView, s *shipment.Shipment, c *calendar) {
	promise, label, later := pv.Promise, "ui.promised", "ui.later_promise"
	if promise.IsZero() {
		if first, ok := s.OriginalETA(); ok {
			promise, label, later = first.Window, "ui.first_estimate", "ui.later_estimate"
		}
	}
	eta, ok := s.ETA()
	switch s.Status {
	case shipment.Delivered:
		p.When = upper(c.happened(s.DeliveredAt))
		if !promise.IsZero() && pv.Health.Late {
			p.Facts = append(p.Facts, fact{c.say(label), upper(c.window(promise, true)), ""})
		}
		return
	case shipment.AvailableForPickup:
		if s.PickupPoint != nil && !s.PickupPoint.Until.IsZero() {
			until, clocked := c.local(s.PickupPoint.Until)
			when := c.bare(until)
			if clocked {
				when += ", " + c.style.clock(until)
			}
			p.When = c.say("when.until", "when", when)
		}
		return
	case shipment.Returning, shipment.Returned, shipment.Failed, shipment.Cancelled:
		return
	}
	if ok && (s.Status == shipment.Exception || s.Status == shipment.AttemptFailed) {
		// Carriers go on saying the old estimate while a parcel is held. It is only news if
		// it came with the problem or after it.
		if n := len(s.History); n > 0 && eta.First.Before(s.History[n-1].Seen) {
			p.Facts = append(p.Facts, fact{c.say("ui.estimate_before"), upper(c.window(eta.Window, true)), ""})
			return
		}
	}
	shown := eta.Window
	if !ok {
		shown = promise
	}
	if shown.IsZero() {
		return
	}
	end := shown.End(c.zone)
	window := c.window(shown, false)
	if v.At.After(end) {
		p.When = c.say("when.was", "when", window)
	} else {
		p.eta, p.window = end, window
		p.When = c.say("when.arrives", "when", window)
		if promised := promise.End(c.zone); !promised.IsZero() && end.After(promised) {
			p.When = c.say("when.expected", "when", window)
		}
	}
	if ok {
		f := fact{c.say("ui.estimate"), upper(c.window(eta.Window, true)), ""}
		if !promise.IsZero() && end.After(promise.End(c.zone)) {
			f.Note = c.say(later)
		}
		p.Facts = append(p.Facts, f)
	}
	if !promise.IsZero() && (!ok || promise != eta.Window) {
		p.Facts = append(p.Facts, fact{c.say(label), upper(c.window(promise, true)), ""})
	}
}

// steps is the way of a parcel, as it is told to children: four steps, of which the
// third and fourth depend on what became of it.
func steps(v *postpurchase.OrderView, s *shipment.Shipment, c *calendar) []step {
	third, fourth := "out_for_delivery", "delivered"
	waited := slices.ContainsFunc(s.History, func(t shipment.Transition) bool { return t.Status == shipment.AvailableForPickup })
	switch {
	case s.Homeward:
		third, fourth = "returning", "returned"
	case waited:
		third, fourth = "pickup", "collected"
	}
	list := []step{{Label: c.say("step.ordered")}, {Label: c.say("step.shipped")}, {Label: c.say("step." + third)}, {Label: c.say("step." + fourth)}}
	day := func(t shipment.Time) string {
		if t.IsZero() {
			return ""
		}
		return c.brief(t.Wall())
	}
	last := func(status shipment.Status) string {
		for _, t := range slices.Backward(s.History) {
			if t.Status == status {
				return day(t.At)
			}
		}
		return ""
	}
	if !v.Order.PlacedAt.IsZero() {
		list[0].When = c.brief(v.Order.PlacedAt.In(c.zone))
	}
	list[1].When = day(s.PickedUpAt)
	at, problem := 0, false
	switch s.Status {
	case shipment.InTransit:
		at = 1
	case shipment.OutForDelivery:
		at, list[2].When = 2, last(s.Status)
	case shipment.AvailableForPickup:
		at, list[2].When = 2, last(s.Status)
	case shipment.AttemptFailed:
		at, problem, list[2].When = 2, true, last(shipment.OutForDelivery)
	case shipment.Exception:
		at, problem = 1, true
		if s.PickedUpAt.IsZero() && !moved(s) {
			at = 0
		}
	case shipment.Returning:
		at, problem, list[2].When = 2, true, last(s.Status)
	case shipment.Returned:
		at, problem = 3, true
		list[2].When, list[3].When = last(shipment.Returning), day(s.StatusAt)
	case shipment.Delivered:
		at = 4
		list[3].When = day(s.DeliveredAt)
		if list[2].When = last(shipment.OutForDelivery); waited {
			list[2].When = last(shipment.AvailableForPickup)
		}
	case shipment.Failed, shipment.Cancelled:
		// The way ends here: steps that will never come are not shown.
		end := step{Label: c.say("step." + string(s.Status)), State: "problem", When: day(s.StatusAt)}
		list[0].State, list[1].State = "done", "done"
		if moved(s) {
			return append(list[:2], end)
		}
		return append(list[:1], end)
	}
	for i := range list {
		switch {
		case i < at:
			list[i].State = "done"
		case i == at && problem:
			list[i].State = "problem"
		case i == at:
			list[i].State = "now"
		default:
			list[i].State = "open"
			list[i].When = ""
		}
	}
	return list
}

// moved reports whether the carrier has ever had the parcel.
func moved(s *shipment.Shipment) bool {
	return slices.ContainsFunc(s.History, func(t shipment.Transition) bool {
		switch t.Status {
		case shipment.InTransit, shipment.OutForDelivery, shipment.AttemptFailed, shipment.AvailableForPickup, shipment.Delivered, shipment.Returning:
			return true
		}
		return false
	})
}

func showPickup(pp *shipment.PickupPoint, c *calendar) *pickupView {
	v := &pickupView{
		Name: pp.Name, Street: pp.Street, Comment: pp.Comment, Hours: pp.Hours,
		City: joined(pp.Place.PostalCode+space(pp.Place.PostalCode, pp.Place.City)+pp.Place.City, pp.Place.Country),
	}
	if v.Name == "" {
		v.Name = pp.Place.Name
	}
	if !pp.Until.IsZero() {
		until, clocked := c.local(pp.Until)
		v.Until = upper(c.bare(until))
		if clocked {
			v.Until += ", " + c.style.clock(until)
		}
	}
	return v
}

func space(a, b string) string {
	if a == "" || b == "" {
		return ""
	}
	return " "
}

// showFreshness says how old the news is, and apart from that when we looked last.
func (p *parcelPage) showFreshness(pv *postpurchase.ParcelView, s *shipment.Shipment, c *calendar) {
	if !pv.NewsAt.IsZero() && s == &pv.Shipment {
		p.LastNews = c.say("ui.last_news", "carrier", p.Carrier, "when", c.moment(pv.NewsAt))
	}
	if s.Status.Terminal() || pv.Tracking != shipment.TrackingActive && pv.Tracking != "" {
		return // nobody asks any more, and nothing can be old
	}
	if !pv.StaleSince.IsZero() {
		p.Stale = c.say("ui.stale", "carrier", p.Carrier, "when", c.moment(pv.StaleSince))
	}
	checked := pv.AskedAt
	if pv.AnsweredAt.After(checked) {
		checked = pv.AnsweredAt // it was pushed
	}
	if !checked.IsZero() {
		p.Checked = c.say("ui.checked", "when", c.moment(checked))
	}
}
