package web

import (
	"slices"
	"strconv"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// orderPage is the tracking page as the template shows it: text only, in the
// customer's words.
type orderPage struct {
	*words
	Title    string
	Number   string
	Headline string
	When     string // the second line of the headline
	Tone     string
	Icon     string
	Steps    []step // of an order without parcels, or with one
	Done     int    // parcels that have arrived
	Count    string // the same in words, where the headline does not say it
	Bar      []bool // one for each parcel of several: whether it has arrived
	Parcels  []*parcelPage
	ToCome   []lineView // bought and in no parcel yet
	Lines    []lineView
	Placed   string
	GoingTo  string
	Promised string // where no parcel says it
	Zone     string
}

// Single is the order's only parcel.
func (o *orderPage) Single() *parcelPage {
	if len(o.Parcels) == 1 {
		return o.Parcels[0]
	}
	return nil
}

type lineView struct {
	Title, Options, ImageURL string
	Quantity                 int
}

// step is a part of the way from the shop to the customer.
type step struct {
	Label string
	State string // "done", "now", "open", "problem"
	When  string
}

// tones are how a page feels, from best to worst. They are told in words and shapes
// too, never in colour alone.
const (
	toneGood = "good"
	toneCalm = "calm"
	toneWarn = "warn"
	toneBad  = "bad"
)

func newOrderPage(v *postpurchase.OrderView, c *calendar) *orderPage {
	o := &v.Order
	p := &orderPage{words: c.words, Number: o.DisplayNumber(), Tone: toneCalm, Icon: "box", Zone: c.say("ui.your_zone", "zone", c.zoneName())}
	for _, l := range o.Lines {
		p.Lines = append(p.Lines, showLine(l, l.Quantity))
	}
	placed := ""
	if !o.PlacedAt.IsZero() {
		placed = c.brief(o.PlacedAt.In(c.zone))
		p.Placed = upper(c.bare(o.PlacedAt.In(c.zone)))
	}
	p.GoingTo = joined(o.ShipTo.City, o.ShipTo.Country) // the town: the customer knows the street
	for i := range v.Parcels {
		p.Parcels = append(p.Parcels, newParcelPage(v, &v.Parcels[i], c, i))
	}
	if len(p.Parcels) > 0 {
		p.ToCome = toCome(v)
	}

	switch n := len(p.Parcels); {
	case n == 0:
		p.Headline = c.say("head.preparing")
		if o.Cancelled {
			p.Headline, p.Tone, p.Icon = c.say("head.order_cancelled"), toneBad, "cross"
		} else if !o.Promise.IsZero() {
			p.When = c.say("when.arrives", "when", c.window(o.Promise, false))
			p.Promised = upper(c.window(o.Promise, true))
		}
		if !o.Cancelled {
			p.Steps = []step{{Label: c.say("step.ordered"), State: "now", When: placed}}
			for _, k := range []string{"shipped", "out_for_delivery", "delivered"} {
				p.Steps = append(p.Steps, step{Label: c.say("step." + k), State: "open"})
			}
		}
	case n == 1:
		s := p.Parcels[0]
		p.Headline, p.When, p.Tone, p.Icon, p.Steps = s.Headline, s.When, s.Tone, s.Icon, s.Steps
	default:
		p.sumUp(c)
	}
	if o.Cancelled && len(p.Parcels) > 0 && !slices.ContainsFunc(p.Parcels, func(s *parcelPage) bool { return s.moved }) {
		p.Headline, p.When, p.Tone, p.Icon, p.Steps = c.say("head.order_cancelled"), "", toneBad, "cross", nil
	}
	p.Title = p.Headline
	if p.When != "" {
		p.Title += " – " + p.When
	}
	return p
}

// sumUp makes the headline of an order in several parcels.
func (p *orderPage) sumUp(c *calendar) {
	total := strconv.Itoa(len(p.Parcels))
	var worst, next *parcelPage
	for i, s := range p.Parcels {
		s.Heading = c.say("ui.parcel_of", "n", strconv.Itoa(i+1), "total", total)
		p.Bar = append(p.Bar, s.arrived)
		if s.arrived {
			p.Done++
		}
		if s.Tone == toneBad || s.Tone == toneWarn && s.yours {
			// What the customer can do something about comes first.
			if worst == nil || s.yours && !worst.yours || s.yours == worst.yours && s.Tone == toneBad && worst.Tone != toneBad {
				worst = s
			}
		}
		if !s.arrived && !s.eta.IsZero() && (next == nil || s.eta.Before(next.eta)) {
			next = s
		}
		// What is over is folded up: the news is in what is not.
		s.Open = !s.arrived
	}
	if p.Done == len(p.Parcels) {
		for _, s := range p.Parcels {
			s.Open = false
		}
	}
	switch {
	case p.Done == len(p.Parcels) && len(p.ToCome) == 0:
		p.Headline, p.Tone, p.Icon = c.say("head.all_delivered"), toneGood, "check"
	case worst != nil && worst.yours:
		p.Headline, p.Tone, p.Icon, p.When = c.say("head.needs_you"), worst.Tone, worst.Icon, worst.Heading+": "+worst.Headline
	case worst != nil:
		p.Headline, p.Tone, p.Icon, p.When = c.say("head.trouble"), worst.Tone, worst.Icon, worst.Heading+": "+worst.Headline
	case p.Done > 0:
		p.Headline, p.Icon = c.say("head.some_delivered", "done", strconv.Itoa(p.Done), "total", total), "truck"
	default:
		p.Headline, p.Icon = c.say("head.parcels", "total", total), "truck"
	}
	if p.Done == 0 || worst != nil {
		p.Count = c.say("ui.delivered_of", "done", strconv.Itoa(p.Done), "total", total)
	}
	if p.When == "" && next != nil && next.window != "" {
		p.When = c.say("when.next", "when", next.window)
	}
}

func showLine(l order.Line, quantity int) lineView {
	v := lineView{Title: l.Title, Options: l.Options, Quantity: quantity}
	if secure(l.ImageURL) {
		v.ImageURL = l.ImageURL
	}
	return v
}

// toCome are the things that were bought and are in no parcel, if every parcel says
// what is inside: what is not known is not missing.
func toCome(v *postpurchase.OrderView) (lines []lineView) {
	if v.Order.Cancelled {
		return nil
	}
	sent := map[string]int{}
	for i := range v.Parcels {
		p := &v.Parcels[i]
		inside := linesOf(p, v.Order.ID)
		if len(inside) == 0 {
			return nil
		}
		if p.Shipment.Status == shipment.Cancelled {
			continue // it was never sent
		}
		for _, l := range inside {
			sent[l.LineID] += l.Quantity
		}
	}
	for _, l := range v.Order.Lines {
		if n := l.Quantity - sent[l.ID]; n > 0 && (l.Kind == "" || l.Kind == order.LinePhysical) {
			lines = append(lines, showLine(l, n))
		}
	}
	return lines
}

// linesOf is what a parcel holds of an order. What it holds of another customer's is
// not shown.
func linesOf(p *postpurchase.ParcelView, orderID string) (lines []order.ParcelLine) {
	for _, part := range p.Orders {
		if part.OrderID == orderID {
			lines = append(lines, part.Lines...)
		}
	}
	return lines
}

func joined(parts ...string) string {
	s := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += p
	}
	return s
}
