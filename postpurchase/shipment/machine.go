package shipment

// The machine is two small tables. A rule is read "a parcel that is From and of which
// an event says Event is then To". Rules are tried from the top; the first that
// matches decides. Everything else in this package only decides which events are
// read, and in which order.

// rule is one line of the machine. every stands for all of them.
type rule struct {
	from, event []Status
	to          Status // stay: the status is kept; take: the event's status
	why         string // why an event is set aside; empty where it moves
}

const (
	take Status = "take"
	stay Status = "stay"
)

var (
	every    = Statuses()
	physical = []Status{InTransit, OutForDelivery, AttemptFailed, AvailableForPickup, Exception, Returning, Delivered, Returned}
	moving   = []Status{InTransit, OutForDelivery, AttemptFailed, AvailableForPickup, Exception}
)

var rules = []rule{
	{every, []Status{Unknown}, stay, "the carrier's code is not understood"},
	{[]Status{Unknown}, every, take, ""},
	{every, []Status{Pending}, stay, "having no news is not news"},
	{[]Status{Pending, PreTransit}, every, take, ""},

	{moving, []Status{PreTransit}, stay, "data about a label does not undo a scan"},
	{[]Status{InTransit, OutForDelivery, AttemptFailed, AvailableForPickup}, []Status{Cancelled}, stay, "a parcel that was scanned can not be voided"},
	{moving, every, take, ""},

	// Delivered is sticky. What reopens it says that the customer does not have the
	// parcel; a hub's late upload does not say that.
	{[]Status{Delivered}, []Status{Delivered}, stay, "it was delivered before"},
	{[]Status{Delivered}, []Status{AttemptFailed, AvailableForPickup, Returning, Returned}, take, ""},
	{[]Status{Delivered}, every, stay, "it was delivered; only a return or a correction can change that"},

	{[]Status{Returning}, []Status{Returned, Exception, Failed, Returning}, take, ""},
	{[]Status{Returning}, every, stay, "it is on its way back"},
	{[]Status{Returned}, every, stay, "the sender has it again"},

	{[]Status{Failed, Cancelled}, physical, take, ""}, // the lost are found, the voided are posted
	{[]Status{Failed, Cancelled}, []Status{Failed, Cancelled}, take, ""},
	{[]Status{Failed, Cancelled}, every, stay, "its life has ended; only a scan can change that"},
}

// homeward is what an event means for a parcel that has turned round: every hop is a
// hop home, and the delivery is the sender's. The first event that says "returning"
// turns a parcel round; a retraction of it, or the next journey, turns it back.
var homeward = map[Status]Status{
	PreTransit: Returning, InTransit: Returning, OutForDelivery: Returning,
	AttemptFailed: Returning, AvailableForPickup: Returning,
	Delivered: Returned,
}

type cell struct {
	to  Status // "" to stay
	why string
}

// table is rules spread out: what a status becomes by an event of a status.
var table = spread(rules)

// turned is homeward spread out, by the index of the event's status.
var turned = func() (t [13]Status) {
	for i, s := range every {
		t[i] = s
		if to, ok := homeward[s]; ok {
			t[i] = to
		}
	}
	return t
}()

func spread(rules []rule) (t [13][13]cell) {
	for f, from := range every {
		for e, event := range every {
			for _, r := range rules {
				if !has(r.from, from) || !has(r.event, event) {
					continue
				}
				switch r.to {
				case take:
					t[f][e] = cell{to: event}
				case stay:
					t[f][e] = cell{why: r.why}
				default:
					t[f][e] = cell{to: r.to}
				}
				break
			}
		}
	}
	return t
}

func has(list []Status, s Status) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
