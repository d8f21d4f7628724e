package order

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// ProgressStatus is how far an order is on its way to the customer. It is an open
// string: new words may be added.
type ProgressStatus string

// The states of an order's way.
const (
	ProgressNothingToShip   ProgressStatus = "nothing_to_ship"  // all lines are digital and there is no parcel
	ProgressUnfulfilled     ProgressStatus = "unfulfilled"      // there is no parcel yet
	ProgressPreparing       ProgressStatus = "preparing"        // there are labels; no carrier has a parcel
	ProgressPartlyShipped   ProgressStatus = "partly_shipped"   // a carrier has some of it
	ProgressShipped         ProgressStatus = "shipped"          // carriers have all of it, or what the shop told us of
	ProgressPartlyDelivered ProgressStatus = "partly_delivered" // the customer has some of it
	ProgressDelivered       ProgressStatus = "delivered"        // the customer has all of it
	ProgressPartlyReturned  ProgressStatus = "partly_returned"  // the sender has some of it again
	ProgressReturned        ProgressStatus = "returned"         // the sender has all of it again
	ProgressAttention       ProgressStatus = "attention"        // a parcel has a problem or comes back; see Progress.Attention
	ProgressCancelled       ProgressStatus = "cancelled"        // the shop cancelled it before it was shipped
)

// Progress is how far an order is, over all its parcels.
type Progress struct {
	Status ProgressStatus

	// Attention is the worst that is wrong with a parcel: [shipment.Failed],
	// [shipment.Exception] or [shipment.Returning]; empty if nothing is.
	Attention shipment.Status

	// Parcels counts the parcels on their way to the customer, however many numbers each
	// has had. Labels that were voided and parcels that bring something back do not count.
	Parcels   int
	Shipped   int // of them, those that a carrier has or had
	Delivered int
	Returned  int

	// Units counts what was bought of physical lines. UnitsShipped and UnitsDelivered are
	// what of it is in such parcels, as far as the shop says what is in them.
	Units          int
	UnitsShipped   int
	UnitsDelivered int
}

// String says the progress in a few words for agents: "2 of 3 parcels delivered".
func (p Progress) String() string {
	count := func(n int, what string) string {
		noun := "parcels"
		if p.Parcels == 1 {
			noun = "parcel"
		}
		return fmt.Sprintf("%d of %d %s %s", n, p.Parcels, noun, what)
	}
	switch p.Status {
	case ProgressNothingToShip:
		return "nothing to ship"
	case ProgressUnfulfilled:
		return "not shipped yet"
	case ProgressCancelled:
		return "cancelled"
	case ProgressPreparing, ProgressPartlyShipped, ProgressShipped:
		return count(p.Shipped, "shipped")
	case ProgressReturned, ProgressPartlyReturned:
		return count(p.Returned, "returned")
	case ProgressAttention:
		return count(p.Delivered, "delivered") + ", one is " + strings.ReplaceAll(string(p.Attention), "_", " ")
	}
	return count(p.Delivered, "delivered")
}

// DeriveProgress works out how far o is. parcels are what is known of its parcels, in
// any order; nil ones are left out. A parcel that o lists and that is not among them is
// one nobody follows: it counts as shipped, on the shop's word, and never as delivered.
// Nothing is changed.
func DeriveProgress(o *Order, parcels []*shipment.Shipment) Progress {
	boxes := boxesOf(o, parcels)
	var p Progress
	wanted := map[string]int{} // units of physical lines
	for _, l := range o.Lines {
		if l.physical() && l.Quantity > 0 {
			wanted[l.ID] += l.Quantity
			p.Units += l.Quantity
		}
	}
	shipped, delivered := map[string]int{}, map[string]int{}
	silent := false // a parcel of which the shop does not say what is inside
	for _, b := range boxes {
		p.Parcels++
		silent = silent || len(b.lines) == 0
		switch b.status {
		case shipment.Failed, shipment.Exception, shipment.Returning:
			if severity(b.status) > severity(p.Attention) {
				p.Attention = b.status
			}
		case shipment.Returned:
			p.Returned++
		}
		if b.shipped {
			p.Shipped++
			b.count(shipped)
		}
		if b.status == shipment.Delivered {
			p.Delivered++
			b.count(delivered)
		}
	}
	p.UnitsShipped, p.UnitsDelivered = within(wanted, shipped), within(wanted, delivered)

	// all reports whether n parcels with so many units are the whole order.
	all := func(n, units int) bool {
		if p.Units > 0 && units == p.Units {
			return true
		}
		return n > 0 && n == p.Parcels && (silent || p.Units == 0)
	}
	switch {
	case o.Cancelled && p.Shipped == 0:
		p.Status = ProgressCancelled
	case p.Parcels == 0 && p.Units == 0 && len(o.Lines) > 0:
		p.Status = ProgressNothingToShip
	case p.Parcels == 0:
		p.Status = ProgressUnfulfilled
	case all(p.Delivered, p.UnitsDelivered):
		// Also when another parcel was lost: what was in it has come in a later one.
		p.Status, p.Attention = ProgressDelivered, ""
	case p.Attention != "":
		p.Status = ProgressAttention
	case p.Returned > 0 && p.Returned == p.Parcels:
		p.Status = ProgressReturned
	case p.Returned > 0:
		p.Status = ProgressPartlyReturned
	case p.Delivered > 0:
		p.Status = ProgressPartlyDelivered
	case all(p.Shipped, p.UnitsShipped):
		p.Status = ProgressShipped
	case p.Shipped > 0:
		p.Status = ProgressPartlyShipped
	default:
		p.Status = ProgressPreparing
	}
	return p
}

func (l *Line) physical() bool { return l.Kind != LineDigital && l.Kind != LineGiftCard }

// severity orders what is wrong with a parcel.
func severity(s shipment.Status) int {
	return slices.Index([]shipment.Status{shipment.Returning, shipment.Exception, shipment.Failed}, s)
}

// within counts the units of got that were wanted.
func within(wanted, got map[string]int) (n int) {
	for line, want := range wanted {
		n += min(want, got[line])
	}
	return n
}

// box is one parcel: what the shop and the carriers say of it, under all its numbers.
type box struct {
	status  shipment.Status // empty: nobody follows it
	shipped bool
	lines   map[string]int
}

func (b *box) count(units map[string]int) {
	for line, n := range b.lines {
		units[line] += n
	}
}

// label is one tracking number, or one parcel without any.
type label struct {
	ref     shipment.Ref
	known   *shipment.Shipment
	lines   map[string]int
	next    int // the label that replaces it; itself if none does
	isBack  bool
	backing int // the label that brings it back; -1 for none
}

// boxesOf are the parcels of o on their way to the customer.
func boxesOf(o *Order, parcels []*shipment.Shipment) []box {
	var labels []label
	find := func(carrier, number string) int {
		return slices.IndexFunc(labels, func(l label) bool {
			return number != "" && l.ref.TrackingNumber == number && (carrier == "" || l.ref.Carrier == "" || l.ref.Carrier == carrier)
		})
	}
	for _, s := range parcels {
		if s != nil {
			labels = append(labels, label{ref: s.Ref, known: s, backing: -1})
		}
	}
	for _, p := range o.Parcels {
		i := find(p.Ref.Carrier, p.Ref.TrackingNumber)
		if i < 0 {
			i = len(labels)
			labels = append(labels, label{ref: p.Ref, backing: -1})
		}
		for _, l := range p.Lines {
			if l.Quantity > 0 {
				if labels[i].lines == nil {
					labels[i].lines = map[string]int{}
				}
				labels[i].lines[l.LineID] += l.Quantity
			}
		}
	}

	for i := range labels {
		labels[i].next = i
	}
	for i := range labels {
		if labels[i].known == nil {
			continue
		}
		for _, r := range labels[i].known.Related {
			j := find(r.Carrier, r.TrackingNumber)
			if j < 0 || j == i {
				continue
			}
			switch r.Relation {
			case shipment.RelatedReplacedBy:
				labels[i].next = j
			case shipment.RelatedReplaces:
				labels[j].next = i
			case shipment.RelatedReturn:
				labels[i].backing, labels[j].isBack = j, true
			case shipment.RelatedOutbound:
				labels[j].backing, labels[i].isBack = i, true
			case shipment.RelatedChild:
				if len(labels[j].lines) == 0 {
					// The shop knows one number for several pieces: nobody says what is in which.
					labels[i].lines = nil
				}
			case shipment.RelatedMaster:
				if len(labels[i].lines) == 0 {
					labels[j].lines = nil // the same, told by the piece
				}
			}
		}
	}

	// The labels of one parcel come together under the last of them.
	lines := map[int]map[string]int{}
	for i := range labels {
		l := last(labels, i)
		switch {
		case len(lines[l]) == 0 && len(labels[i].lines) > 0:
			lines[l] = labels[i].lines
		case l == i && len(labels[i].lines) > 0:
			lines[l] = labels[i].lines // what the shop says of the number in use is newer
		}
	}
	var boxes []box
	for i := range labels {
		l := &labels[i]
		if last(labels, i) != i || l.isBack {
			continue
		}
		b := box{shipped: true, lines: maps.Clone(lines[i])}
		if s := l.known; s != nil {
			b.status = s.Status
			b.shipped = hasLeft(s)
			if l.backing >= 0 {
				b.status, b.shipped = comesBack(b.status, labels[last(labels, l.backing)].known), true
			}
		}
		if b.status == shipment.Cancelled {
			continue
		}
		boxes = append(boxes, b)
	}
	return boxes
}

// last follows the numbers of a parcel to the one in use. Numbers that replace each
// other in a circle come to the first of them.
func last(labels []label, i int) int {
	least, seen := i, map[int]bool{}
	for !seen[i] {
		seen[i] = true
		if labels[i].next == i {
			return i
		}
		i = labels[i].next
	}
	// i is on the circle: go round once.
	for j, first := i, true; first || j != i; j, first = labels[j].next, false {
		if first {
			least = j
		}
		least = min(least, j)
	}
	return least
}

// comesBack is the status of a parcel that another number brings back.
func comesBack(out shipment.Status, back *shipment.Shipment) shipment.Status {
	if back == nil || out == shipment.Delivered || out == shipment.Returned {
		return out // what the customer sends back is a return case, and not this parcel's way
	}
	switch back.Status {
	case shipment.Delivered, shipment.Returned:
		return shipment.Returned
	case shipment.Failed, shipment.Exception:
		return back.Status
	case shipment.Pending, shipment.PreTransit, shipment.Cancelled, shipment.Unknown, "":
		return out
	}
	return shipment.Returning
}

// hasLeft reports whether a carrier has or had the parcel.
func hasLeft(s *shipment.Shipment) bool {
	switch s.Status {
	case "", shipment.Unknown, shipment.Pending, shipment.PreTransit, shipment.Cancelled:
		return false
	case shipment.Exception, shipment.Failed:
		return !s.PickedUpAt.IsZero() // a label can have a problem before anybody has the parcel
	}
	return true
}
