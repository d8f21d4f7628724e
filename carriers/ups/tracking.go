package ups

import (
	"bytes"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The wire structs hold what is read of an answer, and nothing else. They are decoded
// leniently, so every field may be missing.
type (
	trackAnswer struct {
		TrackResponse struct {
			Shipment []wireShipment `json:"shipment"`
		} `json:"trackResponse"`
		errorAnswer
	}

	wireShipment struct {
		InquiryNumber string        `json:"inquiryNumber"`
		Package       []wirePackage `json:"package"`
		Warnings      []wireMessage `json:"warnings"`
	}

	wirePackage struct {
		TrackingNumber  string          `json:"trackingNumber"`
		Activity        []wireActivity  `json:"activity"` // newest first
		DeliveryDate    []wireDate      `json:"deliveryDate"`
		DeliveryTime    wireTime        `json:"deliveryTime"`
		PackageAddress  []wireParty     `json:"packageAddress"`
		AlternateNumber []wireAlternate `json:"alternateTrackingNumber"`
		PackageCount    int             `json:"packageCount"`
		AccessPoint     struct {
			PickupByDate string `json:"pickupByDate"`
		} `json:"accessPointInformation"`
		Delivery struct {
			ReceivedBy string `json:"receivedBy"`
			Location   string `json:"location"`
		} `json:"deliveryInformation"`
		Service struct {
			Code        string `json:"code"`
			Description string `json:"description"`
		} `json:"service"`
		Weight struct {
			Unit   string `json:"unitOfMeasurement"`
			Weight string `json:"weight"`
		} `json:"weight"`
	}

	wireActivity struct {
		Date      string `json:"date"` // of the place's wall clock
		Time      string `json:"time"`
		GMTDate   string `json:"gmtDate"`
		GMTTime   string `json:"gmtTime"`
		GMTOffset string `json:"gmtOffset"`
		Location  struct {
			Address wireAddress `json:"address"`
		} `json:"location"`
		Status struct {
			Type        string `json:"type"`
			Code        string `json:"code"`
			StatusCode  string `json:"statusCode"`
			Description string `json:"description"`
		} `json:"status"`
	}

	wireAddress struct {
		Line1         string `json:"addressLine1"`
		Line2         string `json:"addressLine2"`
		City          string `json:"city"`
		StateProvince string `json:"stateProvince"`
		PostalCode    string `json:"postalCode"`
		Country       string `json:"country"`
		CountryCode   string `json:"countryCode"`
	}

	wireParty struct {
		Type    string      `json:"type"`
		Name    string      `json:"name"`
		Address wireAddress `json:"address"`
	}

	// wireDate is SDD (scheduled), RDD (rescheduled) or DEL (delivered).
	wireDate struct {
		Type string `json:"type"`
		Date string `json:"date"`
	}

	// wireTime is EOD (by the end of the day), CMT (committed), EDW, CDW, IDW (windows:
	// estimated, confirmed, imminent) or DEL. It belongs to the latest date.
	wireTime struct {
		Type  string `json:"type"`
		Start string `json:"startTime"`
		End   string `json:"endTime"`
	}

	wireAlternate struct {
		Number string `json:"number"`
		Type   string `json:"type"`
	}
)

// notFound is the warning that UPS gives, with status 200, for a number it does not
// know: yet, or no longer.
const notFound = "TW0001"

// updates maps an answer: one update for each package, the one that was asked for
// first.
func (answer *trackAnswer) updates(inquiry string) ([]carriers.Update, error) {
	var updates []carriers.Update
	warning := ""
	for i := range answer.TrackResponse.Shipment {
		s := &answer.TrackResponse.Shipment[i]
		for j := range s.Package {
			u := s.Package[j].update()
			if u.TrackingNumber == "" && len(s.Package) == 1 {
				u.TrackingNumber = carriers.CleanNumber(s.InquiryNumber)
			}
			if u.TrackingNumber == "" {
				continue // it cannot be told apart from its siblings
			}
			if u.PieceCount == 0 && len(s.Package) > 1 {
				u.PieceCount = len(s.Package)
			}
			updates = append(updates, u)
		}
		for _, w := range s.Warnings {
			if warning == "" || w.Code == notFound {
				warning = errorCode(w.Code)
			}
		}
	}
	switch {
	case len(updates) > 0:
		relate(updates, inquiry)
		return updates, nil
	case warning == notFound:
		return nil, &carriers.Error{Carrier: Code, Op: "track", Kind: carriers.ErrNotFound, Code: warning}
	case warning != "":
		return nil, &carriers.Error{Carrier: Code, Op: "track", Kind: carriers.ErrMalformed, Code: warning, Message: "no package in the answer"}
	}
	return nil, &carriers.Error{Carrier: Code, Op: "track", Kind: carriers.ErrMalformed, Code: answer.code(), Message: "no package in the answer"}
}

// relate puts the package that was asked for first, and says that the others are its
// siblings. UPS's number of a shipment is the number of its first package.
func relate(updates []carriers.Update, inquiry string) {
	first := slices.IndexFunc(updates, func(u carriers.Update) bool { return u.TrackingNumber == inquiry })
	if first < 0 || len(updates) == 1 {
		return
	}
	lead := updates[first]
	copy(updates[1:first+1], updates[:first])
	updates[0] = lead
	for i := 1; i < len(updates); i++ {
		updates[0].Related = append(updates[0].Related, shipment.Related{TrackingNumber: updates[i].TrackingNumber, Relation: shipment.RelatedChild})
		updates[i].Related = append(updates[i].Related, shipment.Related{TrackingNumber: inquiry, Relation: shipment.RelatedMaster})
	}
}

func (p *wirePackage) update() carriers.Update {
	u := carriers.Update{TrackingNumber: carriers.CleanNumber(p.TrackingNumber)}
	delivered := slices.ContainsFunc(p.DeliveryDate, func(d wireDate) bool { return d.Type == "DEL" && day(d.Date) != shipment.Time{} })
	renumbered := false
	if len(p.Activity) > 0 {
		u.Events = make([]shipment.Event, 0, len(p.Activity))
	}
	for i := range p.Activity {
		a := &p.Activity[i]
		e := shipment.Event{
			Time:  eventTime(a.Date, a.Time, a.GMTDate, a.GMTTime, a.GMTOffset),
			Place: a.Location.Address.place(),
			Kind:  a.Status.Type, Code: a.Status.Code, Text: text(a.Status.Description),
			Sequence: len(p.Activity) - i,
		}
		if e.Code == "" {
			e.Code = a.Status.StatusCode
		}
		if e.Code == "" && e.Text == "" {
			continue
		}
		read(&e, a.Status.Type, a.Status.Code, a.Status.StatusCode, delivered)
		renumbered = renumbered || replaced(a.Status.Type, a.Status.Code)
		u.Events = append(u.Events, e)
	}
	u.Estimates = p.estimates()
	u.Related = related(u.TrackingNumber, p.AlternateNumber, renumbered)
	u.Proof = proof(p.Delivery.ReceivedBy, p.Delivery.Location)
	u.Service = text(p.Service.Description)
	if u.Service == "" {
		u.Service = p.Service.Code
	}
	u.WeightGrams = grams(p.Weight.Weight, p.Weight.Unit)
	u.PieceCount = max(0, p.PackageCount)
	p.addresses(&u)
	return u
}

// addresses reads where the parcel comes from, goes to, and waits. Of the first two
// only what is as coarse as a town is kept.
func (p *wirePackage) addresses(u *carriers.Update) {
	if until := day(p.AccessPoint.PickupByDate); !until.IsZero() {
		u.PickupPoint = &shipment.PickupPoint{Until: until}
	}
	for i := range p.PackageAddress {
		party := &p.PackageAddress[i]
		switch kind := strings.ToUpper(party.Type); {
		case kind == "ORIGIN":
			u.Origin = party.Address.place()
		case kind == "DESTINATION":
			u.Destination = party.Address.place()
		case strings.Contains(kind, "ACCESS"), strings.Contains(kind, "PICKUP"), kind == "AP":
			if u.PickupPoint == nil {
				u.PickupPoint = &shipment.PickupPoint{}
			}
			u.PickupPoint.Name = text(party.Name)
			u.PickupPoint.Street = strings.TrimSpace(text(party.Address.Line1) + " " + text(party.Address.Line2))
			u.PickupPoint.Place = party.Address.place()
		}
	}
}

// estimates reads when the parcel is to arrive. The times are the destination's wall
// clock, of which UPS does not say the offset; the delivered date is no estimate.
func (p *wirePackage) estimates() []shipment.Estimate {
	var estimates []shipment.Estimate
	latest := shipment.EstimateCarrier
	if slices.ContainsFunc(p.DeliveryDate, func(d wireDate) bool { return d.Type == "RDD" }) {
		latest = shipment.EstimateRescheduled
	}
	for _, d := range p.DeliveryDate {
		var source shipment.EstimateSource
		switch d.Type {
		case "SDD":
			source = shipment.EstimateCarrier
		case "RDD":
			source = shipment.EstimateRescheduled
		default:
			continue
		}
		start, end := "", ""
		if source == latest && p.DeliveryTime.Type != "EOD" && p.DeliveryTime.Type != "DEL" {
			start, end = p.DeliveryTime.Start, p.DeliveryTime.End
		}
		if w := window(d.Date, start, end); !w.IsZero() {
			estimates = append(estimates, shipment.Estimate{Window: w, Source: source})
		}
	}
	return estimates
}

// window is the day, or the part of it that has clocks.
func window(date, start, end string) shipment.Window {
	on := day(date)
	w := shipment.Window{From: on, To: on}
	if s, ok := clock(start); ok && !on.IsZero() {
		w.From = shipment.Local(on.Wall().Add(s))
	}
	if e, ok := clock(end); ok && !on.IsZero() && e > 0 {
		w.To = shipment.Local(on.Wall().Add(e))
	}
	return w
}

// related reads the numbers that a package has beside its own. Those with a type are
// other carriers' (USPS_PIC); those without are UPS's, and the new one where an
// activity says that there is one.
func related(own string, alternates []wireAlternate, renumbered bool) []shipment.Related {
	var out []shipment.Related
	for _, alt := range alternates {
		number := carriers.CleanNumber(alt.Number)
		if number == "" || number == own {
			continue
		}
		r := shipment.Related{TrackingNumber: number, Relation: shipment.RelatedPartner, Kind: alt.Type}
		switch {
		case strings.HasPrefix(alt.Type, "USPS"):
			r.Carrier = "usps"
		case renumbered:
			r.Relation = shipment.RelatedReplacedBy
		case alt.Type == "":
			r.Relation = relatedAlternate
		}
		out = append(out, r)
	}
	return out
}

// relatedAlternate is a number of which UPS does not say how it belongs to the parcel.
const relatedAlternate shipment.Relation = "alternate"

func proof(receivedBy, location string) *shipment.Proof {
	p := shipment.Proof{SignedBy: text(receivedBy), LeftAt: text(location)}
	if p == (shipment.Proof{}) {
		return nil
	}
	return &p
}

func (a *wireAddress) place() shipment.Place {
	p := shipment.Place{City: text(a.City), Region: a.StateProvince, PostalCode: a.PostalCode, Country: a.CountryCode}
	if p.Country == "" {
		p.Country = a.Country
	}
	return p
}

// text cleans UPS's texts: they end with spaces, and have HTML entities in them.
func text(s string) string {
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	return strings.TrimSpace(s)
}

// grams converts a weight; 0 if it is not understood.
func grams(weight, unit string) int {
	w, err := strconv.ParseFloat(weight, 64)
	if err != nil || !(w > 0 && w < 1e6) {
		return 0
	}
	switch strings.ToUpper(unit) {
	case "LBS", "LB":
		w *= 453.59237
	case "KGS", "KG":
		w *= 1000
	case "OZS", "OZ":
		w *= 28.349523125
	default:
		return 0
	}
	return int(math.Round(w))
}

// eventTime is the wall clock of an activity, with the offset that UPS gives, or that
// follows from its GMT clock. Where it gives neither, in old answers and for Mail
// Innovations, there is none.
func eventTime(date, clockText, gmtDate, gmtTime, gmtOffset string) shipment.Time {
	on := day(date)
	at, ok := clock(clockText)
	if on.IsZero() || !ok {
		return on
	}
	wall := on.Wall().Add(at)
	t := shipment.Local(wall)
	if seconds, ok := offset(gmtOffset); ok {
		return t.WithOffset(seconds)
	}
	gmtDay := day(gmtDate)
	gmtClock, ok := clock(gmtTime)
	if gmtDay.IsZero() || !ok {
		return t
	}
	if seconds := int(wall.Sub(gmtDay.Wall().Add(gmtClock)).Seconds()); seconds%(15*60) == 0 && plausibleOffset(seconds) {
		return t.WithOffset(seconds)
	}
	return t
}

// day reads YYYYMMDD.
func day(s string) shipment.Time {
	if len(s) != 8 || !carriers.Digits(s) {
		return shipment.Time{}
	}
	y, m, d := number(s[:4]), time.Month(number(s[4:6])), number(s[6:])
	if on := time.Date(y, m, d, 0, 0, 0, 0, time.UTC); on.Month() != m || on.Day() != d {
		return shipment.Time{}
	}
	return shipment.Day(y, m, d)
}

// clock reads HHMMSS, HH:MM:SS and both without leading zero or seconds, as a time
// since midnight.
func clock(s string) (time.Duration, bool) {
	var digits [6]byte
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':' || c == '.':
		case c < '0' || c > '9' || n == 6:
			return 0, false
		default:
			digits[n] = c
			n++
		}
	}
	if n < 3 {
		return 0, false
	}
	c := string(digits[:n])
	if n%2 == 1 {
		c = "0" + c // 74700 is 7:47:00
	}
	if len(c) == 4 {
		c += "00"
	}
	h, m, sec := number(c[:2]), number(c[2:4]), number(c[4:])
	if h > 23 || m > 59 || sec > 59 {
		return 0, false
	}
	return time.Duration(h*3600+m*60+sec) * time.Second, true
}

// offset reads -07:00, -07.00, -0700 and Z as seconds east of UTC.
func offset(s string) (int, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) < 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, m := s[1:3], s[3:]
	if m[0] == ':' || m[0] == '.' {
		m = m[1:]
	}
	if len(m) != 2 || !carriers.Digits(h) || !carriers.Digits(m) {
		return 0, false
	}
	seconds := number(h)*3600 + number(m)*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, number(m) < 60 && plausibleOffset(seconds)
}

func plausibleOffset(seconds int) bool { return seconds >= -12*3600 && seconds <= 14*3600 }

// number reads digits that were seen to be digits.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func reader(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}
