package notify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// Data is everything a message may show. Templates see it as their dot, and nothing
// else: a field that is not here cannot be named in a template. Strings may come from
// customers and carriers as they are; [Templates.Render] makes them harmless.
type Data struct {
	Now  time.Time      // the moment of sending, for "today" and "tomorrow"; required
	Zone *time.Location // where the customer is; required, because no zone is a good guess

	Shop     Shop
	Customer Customer
	Order    Order

	Parcel *Parcel  // what the message is about; nil for a message about the order
	Merged []Parcel // further parcels this message tells the same news of

	// Parcels is the order view: every parcel of the order, also those the message is
	// about, told apart by their ID. Each gets one line.
	Parcels []Parcel

	PreferencesURL string // where the customer chooses what to be told; empty leaves the link out
}

// Shop is who writes.
type Shop struct {
	Name         string // required
	URL          string
	LogoURL      string // https only; anything else is left out and the name is shown
	SupportEmail string
	SupportPhone string // E.164, such as "+4930123456"; anything else is left out
	SupportURL   string
	Address      string // the postal address in the footer, on one line
}

// Customer is who reads.
type Customer struct {
	Name string // as the customer wrote it; a name that holds a link is not shown
}

// Order is the order as the message shows it.
type Order struct {
	Number   string // what the customer knows it by; required
	URL      string // the tracking page; required
	PlacedAt time.Time
	Lines    []Line
	Totals   Totals
	Promise  Window // what was promised at purchase
	ShipTo   PostalAddress
}

// PostalAddress is where the order goes. Messages show the town only; the description
// for mail programs ([schema.org] ParcelDelivery) holds it all.
//
// [schema.org]: https://schema.org/ParcelDelivery
type PostalAddress struct {
	Name       string
	Street     string
	City       string
	Region     string
	PostalCode string
	Country    string // ISO 3166-1 alpha-2
}

// Line is one line of an order or of a parcel.
type Line struct {
	Title    string
	Options  string
	Quantity int
	Paid     money.Amount // for the whole line; a zero value shows no price
	ImageURL string       // https only; anything else is left out
}

// Totals is the money of the order.
type Totals struct {
	Items       money.Amount
	Discount    money.Amount // positive
	Shipping    money.Amount
	Tax         money.Amount
	Total       money.Amount
	TaxIncluded bool
}

// Parcel is one parcel as the message shows it.
type Parcel struct {
	ID             string // opaque; tells parcels apart and is never shown
	Carrier        string // the carrier's name, such as "UPS"
	TrackingNumber string
	TrackURL       string // where the customer follows it; empty means the order's URL

	Status     string // a word of the taxonomy of package shipment, such as "in_transit"
	Detail     string
	Reason     string
	StatusText string // the carrier's own words; shown only beside ours

	ETA         Window    // an estimate that has passed is not shown
	PromisedBy  time.Time // the end of the day or window that was promised
	ShippedAt   time.Time
	DeliveredAt time.Time
	DayOnly     bool   // DeliveredAt is known to the day only
	Place       string // where it was left, or who took it, as the carrier says

	PickupPoint *PickupPoint
	Lines       []Line // what is inside; empty if not known
}

// Window is when something is expected. The zero value means that nobody says.
type Window struct {
	From    time.Time // zero: only the end is known
	To      time.Time
	DayOnly bool // the hours mean nothing
}

// Known reports whether there is anything to show.
func (w Window) Known() bool { return !w.To.IsZero() || !w.From.IsZero() }

// PickupPoint is where a parcel waits.
type PickupPoint struct {
	Name    string
	Address []string // lines
	Hours   []string // lines, as the carrier or shop writes them
	Until   time.Time
	Code    string // secret: for the recipient's eyes only
	MapURL  string
}

// Subjects are the parcels the message is about.
func (d Data) Subjects() []Parcel {
	if d.Parcel == nil {
		return nil
	}
	return append([]Parcel{*d.Parcel}, d.Merged...)
}

// Others are the parcels of the order that the message is not about.
func (d Data) Others() []Parcel {
	var out []Parcel
	subjects := d.Subjects()
	for _, p := range d.Parcels {
		if !slices.ContainsFunc(subjects, func(q Parcel) bool {
			return q.ID == p.ID && q.TrackingNumber == p.TrackingNumber
		}) {
			out = append(out, p)
		}
	}
	return out
}

// TrackURL is where to follow what the message is about: the one parcel, or the order.
func (d Data) TrackURL() string {
	if d.Parcel == nil || len(d.Merged) > 0 {
		return d.Order.URL
	}
	return d.Parcel.TrackURL
}

// ErrMissingData says that a message was not rendered because it would have had a hole.
var ErrMissingData = errors.New("missing data")

// MissingDataError names what a message needs and did not get. It is an
// [ErrMissingData].
type MissingDataError struct {
	Kind   Kind
	Fields []string // such as "Order.Number"
}

// Error names the fields; it holds no data.
func (e *MissingDataError) Error() string {
	return fmt.Sprintf("notify: %s: missing data: %s", e.Kind, strings.Join(e.Fields, ", "))
}

// Unwrap returns [ErrMissingData].
func (e *MissingDataError) Unwrap() error { return ErrMissingData }

// missing lists what a message of the kind cannot do without.
func (d *Data) missing(kind Kind) []string {
	var out []string
	need := func(field string, ok bool) {
		if !ok {
			out = append(out, field)
		}
	}
	need("Now", !d.Now.IsZero())
	need("Zone", d.Zone != nil)
	need("Shop.Name", d.Shop.Name != "")
	need("Order.Number", d.Order.Number != "")
	need("Order.URL", d.Order.URL != "")
	switch kind {
	case OrderConfirmed:
		need("Order.Lines", len(d.Order.Lines) > 0)
		need("Order.Totals.Total", d.Order.Totals.Total.Currency != "")
		for i, l := range d.Order.Lines {
			need(fmt.Sprintf("Order.Lines[%d].Title", i), l.Title != "")
			need(fmt.Sprintf("Order.Lines[%d].Quantity", i), l.Quantity > 0)
		}
	case Shipped, OutForDelivery, Delayed, Exception, Delivered, ReadyForPickup:
		need("Parcel", d.Parcel != nil)
		for i, p := range d.Subjects() {
			at := func(field string) string {
				if i == 0 {
					return "Parcel." + field
				}
				return fmt.Sprintf("Merged[%d].%s", i-1, field)
			}
			need(at("Carrier"), p.Carrier != "")
			switch kind {
			case Delivered:
				need(at("DeliveredAt"), !p.DeliveredAt.IsZero())
			case ReadyForPickup:
				need(at("PickupPoint"), p.PickupPoint != nil)
				if p.PickupPoint != nil {
					need(at("PickupPoint.Name"), p.PickupPoint.Name != "")
					need(at("PickupPoint.Address"), len(p.PickupPoint.Address) > 0)
				}
			}
		}
	}
	return out
}

// Longest texts a message shows. What is longer is cut with an ellipsis: a product title
// of ten thousand characters must not become the mail.
const (
	maxName  = 80
	maxTitle = 160
	maxText  = 300
	maxLines = 200
	maxURL   = 2000
)

// clean returns a copy that is safe to show and shares nothing with d.
func (d Data) clean() Data {
	s := &d.Shop
	s.Name, s.Address = text(s.Name, maxName), text(s.Address, maxText)
	s.URL, s.SupportURL, s.LogoURL = webURL(s.URL), webURL(s.SupportURL), imageURL(s.LogoURL)
	s.SupportEmail, s.SupportPhone = mailAddress(s.SupportEmail), phone(s.SupportPhone)
	d.Customer.Name = text(d.Customer.Name, maxName)
	// Mail programs turn anything like a link into one; an order in the name of
	// "win at http://…" would make the shop send it.
	if n := strings.ToLower(d.Customer.Name); strings.Contains(n, "://") || strings.Contains(n, "www.") || strings.Contains(n, "@") {
		d.Customer.Name = ""
	}
	o := &d.Order
	o.Number, o.URL = text(o.Number, maxName), webURL(o.URL)
	a := &o.ShipTo
	a.Name, a.Street, a.City = text(a.Name, maxName), text(a.Street, maxTitle), text(a.City, maxName)
	a.Region, a.PostalCode, a.Country = text(a.Region, maxName), text(a.PostalCode, 20), text(a.Country, 20)
	o.Lines = cleanLines(o.Lines)
	d.PreferencesURL = webURL(d.PreferencesURL)
	if d.Parcel != nil {
		p := d.Parcel.clean(o.URL)
		d.Parcel = &p
	}
	d.Merged, d.Parcels = cleanParcels(d.Merged, o.URL), cleanParcels(d.Parcels, o.URL)
	return d
}

func cleanParcels(in []Parcel, orderURL string) []Parcel {
	if len(in) > maxLines {
		in = in[:maxLines]
	}
	out := make([]Parcel, len(in))
	for i := range in {
		out[i] = in[i].clean(orderURL)
	}
	return out
}

func (p Parcel) clean(orderURL string) Parcel {
	p.Carrier, p.TrackingNumber = text(p.Carrier, maxName), text(p.TrackingNumber, maxName)
	if p.TrackURL = webURL(p.TrackURL); p.TrackURL == "" {
		p.TrackURL = orderURL
	}
	p.Status, p.Detail, p.Reason = text(p.Status, maxName), text(p.Detail, maxName), text(p.Reason, maxName)
	p.StatusText, p.Place = text(p.StatusText, maxText), text(p.Place, maxTitle)
	if p.PickupPoint != nil {
		q := *p.PickupPoint
		q.Name, q.Code, q.MapURL = text(q.Name, maxName), text(q.Code, maxName), webURL(q.MapURL)
		q.Address, q.Hours = texts(q.Address), texts(q.Hours)
		p.PickupPoint = &q
	}
	p.Lines = cleanLines(p.Lines)
	return p
}

// dropPast takes out estimates that have passed: a customer whose parcel is late must not
// read that it is expected yesterday. It is called on a cleaned copy.
func (d *Data) dropPast() {
	past := func(w Window) bool {
		end := w.To
		if end.IsZero() {
			end = w.From
		}
		if w.DayOnly || w.To.IsZero() {
			return daysBetween(d.Now.In(end.Location()), end) < 0
		}
		return end.Before(d.Now)
	}
	drop := func(w *Window) {
		if w.Known() && past(*w) {
			*w = Window{}
		}
	}
	drop(&d.Order.Promise)
	if d.Parcel != nil {
		drop(&d.Parcel.ETA)
	}
	for i := range d.Merged {
		drop(&d.Merged[i].ETA)
	}
	for i := range d.Parcels {
		drop(&d.Parcels[i].ETA)
	}
}

func cleanLines(in []Line) []Line {
	if len(in) > maxLines {
		in = in[:maxLines]
	}
	out := make([]Line, len(in))
	for i, l := range in {
		l.Title, l.Options, l.ImageURL = text(l.Title, maxTitle), text(l.Options, maxTitle), imageURL(l.ImageURL)
		out[i] = l
	}
	return out
}

func texts(in []string) []string {
	var out []string
	for _, s := range in {
		if s = text(s, maxTitle); s != "" && len(out) < 20 {
			out = append(out, s)
		}
	}
	return out
}

// text puts s on one line, takes out control characters and those that turn the reading
// direction round, and cuts it.
func text(s string, limit int) string {
	plain := len(s) <= limit
	for i := 0; plain && i < len(s); i++ {
		c := s[i]
		plain = c > ' ' && c < 0x7f || c == ' ' && i > 0 && i < len(s)-1 && s[i-1] != ' '
	}
	if plain {
		return s
	}
	var b strings.Builder
	count, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c,
			r == 0xfeff, r == unicode.ReplacementChar:
			continue
		}
		if count >= limit-1 {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			count, space = count+1, false
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

// webURL returns s if it is an absolute http or https link without credentials, else "".
func webURL(s string) string {
	if s == "" || len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' || r == '<' || r == '>' }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}

// imageURL is webURL for pictures, which mail programs load by https only.
func imageURL(s string) string {
	if s = webURL(s); strings.HasPrefix(s, "https://") {
		return s
	}
	return ""
}

// mailAddress returns s if it can be put into a mailto: link as it is, else "".
func mailAddress(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > 254 || strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>()[],;:\?&%`, r)
	}) {
		return ""
	}
	return s
}

// phone returns s in E.164 without its separators, or "" if it is no such number.
func phone(s string) string {
	s = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "").Replace(s)
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' || strings.ContainsFunc(s[1:], func(r rune) bool { return r < '0' || r > '9' }) {
		return ""
	}
	return s
}
