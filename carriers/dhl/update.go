package dhl

import (
	"cmp"
	"html"
	"slices"
	"strings"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// update is what a shipment in DHL's words means in ours. Asked is the number that
// was asked for; it is empty in a push.
func (s *wireShipment) update(asked string) carriers.Update {
	u := carriers.Update{TrackingNumber: cmp.Or(carriers.CleanNumber(string(s.ID)), asked)}
	if s.ID != "" && s.Service != "" {
		u.PieceID = string(s.Service) + "/" + u.TrackingNumber
	}
	u.Events = s.events(u.PieceID)
	u.Service = string(cmp.Or(s.Details.Product.Name, s.Service))
	u.PieceCount = max(0, int(min(s.Details.Pieces, 1<<20)))
	u.WeightGrams = grams(s.Details.Weight.Value, s.Details.Weight.Unit)
	u.Origin, u.Destination = s.Origin.place(), s.Destination.place()
	s.relate(&u, asked)
	if s.ReturnFlag {
		turnBack(u.Events)
	}
	current := latest(u.Events)
	if !current.Status.Terminal() {
		if window := s.window(); !window.IsZero() {
			u.Estimates = []shipment.Estimate{{Window: window, Source: shipment.EstimateCarrier}}
		}
	}
	if current.Status == shipment.AvailableForPickup && !current.Place.IsZero() {
		u.PickupPoint = &shipment.PickupPoint{Name: current.Place.Name, Place: current.Place}
		if s.Status != nil {
			u.PickupPoint.Street = string(s.Status.Location.Address.StreetAddress)
		}
	}
	proof := shipment.Proof{
		SignedBy:     string(s.Details.Proof.Signed),
		SignatureURL: link(s.Details.Proof.SignatureURL),
		DocumentURL:  link(s.Details.Proof.DocumentURL),
	}
	if proof != (shipment.Proof{}) {
		u.Proof = &proof
	}
	return u
}

// window is when the parcel is expected. Midnight stands for the day: that is how
// divisions that promise a day spell it, and no parcel comes at midnight. As one end
// of a frame whose other end has a clock, it is a clock too.
func (s *wireShipment) window() shipment.Window {
	w := shipment.Window{From: parseTime(s.ETAFrame.From), To: parseTime(s.ETAFrame.Through)}
	if w.IsZero() {
		eta := parseTime(s.ETA)
		w = shipment.Window{From: eta, To: eta}
	}
	if midnight(w.From) && midnight(w.To) {
		w.From, w.To = toDay(w.From), toDay(w.To)
	}
	return w
}

// midnight reports whether t says no hour of a day; no time at all says none.
func midnight(t shipment.Time) bool {
	w := t.Wall()
	return t.IsZero() || w.Hour() == 0 && w.Minute() == 0 && w.Second() == 0
}

func toDay(t shipment.Time) shipment.Time {
	if t.IsZero() {
		return t
	}
	w := t.Wall()
	return shipment.Day(w.Year(), w.Month(), w.Day())
}

// relate adds the pieces of the consignment. Who asks for a piece is answered with
// the consignment, so the number asked for stays the parcel's.
func (s *wireShipment) relate(u *carriers.Update, asked string) {
	id := u.TrackingNumber
	for _, piece := range s.Details.PieceIDs {
		number := carriers.CleanNumber(string(piece))
		switch {
		case number == "" || same(number, id):
		case asked != "" && same(number, asked):
			u.TrackingNumber = asked
			u.Related = append(u.Related, shipment.Related{TrackingNumber: id, Relation: shipment.RelatedMaster})
		default:
			u.Related = append(u.Related, shipment.Related{TrackingNumber: number, Relation: shipment.RelatedChild})
		}
	}
	if u.TrackingNumber != id { // the other pieces are not this piece's
		u.Related = slices.DeleteFunc(u.Related, func(r shipment.Related) bool { return r.Relation == shipment.RelatedChild })
	}
}

// same compares numbers as DHL does, which drops the leading zeros of some.
func same(a, b string) bool { return strings.TrimLeft(a, "0") == strings.TrimLeft(b, "0") }

// events returns the history from the oldest to the newest. DHL sends the newest
// first, but does not promise it.
func (s *wireShipment) events(piece string) []shipment.Event {
	n := len(s.Events)
	events := make([]shipment.Event, n, n+1)
	for i := range s.Events {
		s.Events[i].event(&events[i], string(s.Service), piece)
	}
	falls, rises := 0, 0
	for i := 1; i < n; i++ {
		switch events[i-1].Time.Compare(events[i].Time) {
		case 1:
			falls++
		case -1:
			rises++
		}
	}
	if falls >= rises {
		slices.Reverse(events)
	}
	if s.Status != nil && !s.told() {
		var e shipment.Event
		s.Status.event(&e, string(s.Service), piece)
		if e.Code != "" || e.Text != "" {
			events = append(events, e)
		}
	}
	for i := range events {
		events[i].Sequence = i
	}
	return events
}

// told reports whether the current status is among the events, as it mostly is.
func (s *wireShipment) told() bool {
	at := parseTime(s.Status.Timestamp)
	if at.IsZero() && len(s.Events) > 0 {
		return true // without a time it adds nothing to a history
	}
	for i := range s.Events {
		e := &s.Events[i]
		if e.StatusCode == s.Status.StatusCode && (e.Timestamp == s.Status.Timestamp || parseTime(e.Timestamp).Compare(at) == 0) {
			return true
		}
	}
	return false
}

// event says in e what w means.
func (w *wireEvent) event(e *shipment.Event, service, piece string) {
	e.Time, e.Place, e.Piece, e.Kind = parseTime(w.Timestamp), w.Location.place(), piece, service
	e.Text = words(w.Description)
	if remark := words(w.Remark); remark != "" && remark != e.Text {
		if e.Text = strings.TrimRight(e.Text, ". "); e.Text != "" {
			e.Text += ". "
		}
		e.Text += remark
	}
	if e.Text == "" && !isCode(w.Status) {
		e.Text = words(w.Status)
	}
	e.Class = shipment.ClassStatus
	if !w.meaning(e, service) {
		// Not even the coarse word is known: the event is kept and moves nothing.
		e.Code = string(cmp.Or(w.StatusCode, w.Status))
	}
}

func words(s text) string {
	if strings.Contains(string(s), "&") {
		return html.UnescapeString(string(s))
	}
	return string(s)
}

func (p *wirePlace) place() shipment.Place {
	return shipment.Place{
		Name: string(p.ServicePoint.Label), City: string(p.Address.AddressLocality),
		PostalCode: string(p.Address.PostalCode), Country: string(p.Address.CountryCode),
	}
}

// latest is the last event that says a status.
func latest(events []shipment.Event) shipment.Event {
	for _, e := range slices.Backward(events) {
		if e.Class == shipment.ClassStatus && e.Status != shipment.Unknown && e.Status != "" {
			return e
		}
	}
	return shipment.Event{}
}

// turnBack reads the history of a parcel that DHL marks as a return. DHL does not say
// when it turned around: everything after the last time that something went wrong is
// the way back, and all of it where nothing did, as with a return label.
func turnBack(events []shipment.Event) {
	from := 0
	for i, e := range events {
		switch e.Status {
		case shipment.AttemptFailed, shipment.AvailableForPickup, shipment.Exception, shipment.Returning:
			from = i
		}
	}
	for i := range events[from:] {
		e := &events[from+i]
		switch e.Status {
		case shipment.InTransit, shipment.OutForDelivery:
			e.Status, e.Detail = shipment.Returning, shipment.DetailToSender
		case shipment.Delivered:
			e.Status, e.Detail = shipment.Returned, shipment.DetailToSender
		}
	}
}

// grams converts a weight; 0 where the unit is not known.
func grams(value number, unit text) int {
	per := 0.0
	switch strings.ToLower(string(unit)) {
	case "kg", "kgs", "kilogram", "kilograms":
		per = 1000
	case "g", "gram", "grams":
		per = 1
	case "lb", "lbs", "pound", "pounds":
		per = 453.59237
	case "oz", "ounce", "ounces":
		per = 28.349523125
	}
	g := float64(value)*per + 0.5
	if g < 1 || g > 1e9 {
		return 0
	}
	return int(g)
}

// link keeps what a browser may open.
func link(s text) string {
	if strings.HasPrefix(string(s), "https://") || strings.HasPrefix(string(s), "http://") {
		return string(s)
	}
	return ""
}
