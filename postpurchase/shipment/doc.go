// Package shipment is the normalized parcel: where it is, how it is doing, and why we
// think so. It turns what carriers say (late, twice, out of order, and sometimes taken
// back) into one honest status.
//
// For most uses keep a [Shipment] for each parcel and hand every piece of news to
// [Shipment.Apply], whoever it comes from. It returns what was not known before:
//
//	s := shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1Z…"}}
//	for _, change := range s.Apply(update) {
//		if change.Kind == shipment.ChangeStatus && change.Current {
//			fmt.Println("the parcel is", change.To)
//		}
//	}
//
// [Shipment.HealthAt] tells whether it is late, [Shipment.ETA] when it should come, and
// [Shipment.Explain] which event made the status and which were set aside, and why.
// The package imports nothing but the standard library, has no clock, and starts
// nothing. A Shipment is a plain value: store it as JSON, copy it with
// [Shipment.Clone]. It is not safe for concurrent use.
//
// # A fold over a set
//
// The status is not a variable that events change. It is worked out from all events:
// they are put in order and read from the first to the last by a table. So it does not
// matter in which order, in which batches and how often they arrive: the same events
// make the same Shipment, byte for byte in JSON, and news that is known makes no
// change. A poll is a snapshot and is merged; what a carrier forgets, we keep.
//
// Two answers are of one event when the carrier's code, its kind, the piece, the place
// and the clock on the wall are the same. The text counts only where there is no code,
// for carriers translate and rewrite it. What was heard first gives the words and
// [Event.Seen]; what means more gives the meaning, so that a table that was mended
// mends the past. A scan told once without an offset and once with one is one scan.
//
// # Time and order
//
// A [Time] says what the carrier said, and no more: a wall clock, an offset only if
// there was one, a day only if there was no clock. UTC is never made up. For the order
// alone, a clock without an offset borrows that of the nearest event that has one.
// Events of one second are in the order of [Event.Sequence], and then as a life goes
// on: a delivery is after the van. An event whose time is missing, before the year
// 2000, or two days after we heard of it, is read first and its time is shown nowhere
// but in the event.
//
// # What moves a parcel
//
// Down the side is how the parcel is, along the top what the next event says. A letter
// is what it becomes; "=" is the same again, perhaps with more detail; "." is an event
// that is set aside. A test writes the table down from the running machine.
//
//	                            a b c d e f g h i j k l m
//	a unknown                   (a parcel is never that)
//	b pending                   . . c d e f g h i j k l m
//	c pre_transit               . . = d e f g h i j k l m
//	d in_transit                . . . = e f g h i j k l .
//	e out_for_delivery          . . . d = f g h i j k l .
//	f attempt_failed            . . . d e = g h i j k l .
//	g available_for_pickup      . . . d e f = h i j k l .
//	h exception                 . . . d e f g = i j k l m
//	i returning                 . . = = = = = h = k k l .
//	j delivered                 . . . . . f g . i = k . .
//	k returned                  . . . . . . . . . = = . .
//	l failed                    . . . d e f g h i j k = m
//	m cancelled                 . . . d e f g h i j k l =
//	h exception, turned round   . . i i i i i = i k k l m
//	l failed, turned round      . . i i i i i h i k k = m
//
// In words: any scan beats a label, and a label or a void does not undo a scan. A
// carrier's word that nobody understands moves nothing. Delivered is sticky: a hub's
// late upload does not reopen it; what says that the customer does not have the parcel
// does, if it is certainly later. The first "returning" turns a parcel round: from then
// on every hop is a hop home, and what the carrier calls delivered is returned. The
// lost are found, and the voided posted, by any scan. A delivery that fails on another
// day is another attempt.
//
// A [ClassRetraction] takes back the latest event with the code it names, or the latest
// before it, and the life is told again without: see [Change.Correction]. A
// [ClassInformational] event is history and moves nothing.
//
// # Numbers live more than once
//
// A number that was silent for 180 days and is scanned again is another parcel: the
// next [Shipment.Journey]. Its life begins anew; the earlier one stays in the history.
// Whoever knows when a parcel began sets [Shipment.NotBefore], before the first Apply,
// and what was earlier is set aside.
//
// # What is kept apart
//
// [Health] (on time, late, stalled) is measured by us against a promise, [Tracking] is
// the state of the feed. Neither is a [Status]: a late parcel is in transit and late,
// and one whose carrier fell silent is where it was last seen. A delay is a [Detail].
//
// # What is not promised
//
// That the carrier speaks the truth: a wrong scan makes a wrong status until it is
// retracted. That a status only goes forward: with every event the whole life is told
// again, and a late one can change its end. That estimates, related numbers and proofs
// beyond a few hundred are kept, or events beyond the 4096 latest. That facts which
// replace each other, such as a pickup point, are independent of the order in which
// they are told.
package shipment
