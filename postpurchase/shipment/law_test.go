package shipment_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The laws of the fold, over events that are made of a few bytes each, so that the
// fuzzer finds its way between twins, ties, folds and impossible times.

var (
	newYork = zone("America/New_York")
	berlin  = zone("Europe/Berlin")

	// Moments that are near to each other, equal in places, and far apart.
	moments = []time.Time{
		time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 2, 9, 0, 30, 0, time.UTC),
		time.Date(2026, 3, 2, 17, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC),
		time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), // twice in Berlin; more than 180 days later
		time.Date(2026, 11, 1, 1, 30, 0, 0, time.UTC),  // twice in New York
		time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC),
		time.Date(2027, 9, 1, 12, 0, 0, 0, time.UTC), // another 180 days
		time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),  // a broken clock
		time.Unix(0, 0).UTC(),
	}
	offsets = []int{0, 3600, 2 * 3600, -4 * 3600, -5 * 3600, -8 * 3600, 14 * 3600, 5*3600 + 45*60}
	words   = append(shipment.Statuses(), "", "teleported")
)

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// dice gives choices out of bytes; when they are spent it gives the first choice.
type dice struct{ b []byte }

func (d *dice) of(n int) int {
	if len(d.b) == 0 {
		return 0
	}
	v := int(d.b[0]) % n
	d.b = d.b[1:]
	return v
}

func pick[T any](d *dice, from ...T) T { return from[d.of(len(from))] }

func (d *dice) time() shipment.Time {
	w := pick(d, moments...)
	local := shipment.Local(w)
	switch d.of(8) {
	case 0, 1, 2:
		return local.WithOffset(pick(d, offsets...))
	case 3:
		return local
	case 4:
		return shipment.Day(w.Date())
	case 5:
		return local.ToMinute()
	case 6:
		return local.InferZone(pick(d, newYork, berlin))
	}
	return shipment.Time{}
}

func (d *dice) event() shipment.Event {
	e := shipment.Event{Time: d.time(), Status: pick(d, words...)}
	switch d.of(8) {
	case 0:
		e.Class = shipment.ClassInformational
	case 1:
		e.Class = shipment.ClassRetraction
		e.Retracts = pick(d, "", "A", "B")
	case 2:
		e.Class = shipment.ClassStatus
	}
	e.Code = pick(d, "A", "B", "C", "")
	e.Text = pick(d, "", "On its way", " on its WAY", "Delivered", "K\u212a", "\xff")
	e.Place.City = pick(d, "", "", "Cologne", "COLOGNE ", " ")
	e.Place.Name = pick(d, "", "Hub", "hub", "Shop")
	e.Sequence = d.of(4)
	if n := d.of(4); n > 0 {
		e.Seen = moments[d.of(len(moments)-1)].Add(time.Duration(n) * time.Hour)
	}
	e.Detail = pick(d, "", shipment.DetailMoving, shipment.DetailDelayed)
	e.Reason = pick(d, "", shipment.ReasonWeather, "")
	e.ActionBy = pick(d, "", "", shipment.ActionRecipient)
	e.Piece = pick(d, "", "", "", "p1")
	e.Kind = pick(d, "", "", "D")
	e.Source = pick(d, "", "agent")
	return e
}

func (d *dice) events() []shipment.Event {
	var events []shipment.Event
	for len(d.b) > 0 && len(events) < 24 {
		if len(events) > 0 && d.of(3) == 1 {
			events = append(events, d.twin(pick(d, events...)))
			continue
		}
		events = append(events, d.event())
	}
	return events
}

// twin is e as another answer tells it.
func (d *dice) twin(e shipment.Event) shipment.Event {
	wall := shipment.Local(e.Time.Wall())
	switch d.of(10) {
	case 0:
		e.Time = wall
	case 1:
		e.Time = wall.InferZone(pick(d, newYork, berlin))
	case 2:
		e.Time = wall.WithOffset(pick(d, offsets...))
	case 3:
		e.Sequence = d.of(4)
	case 4:
		e.Seen = moments[d.of(len(moments)-1)]
	case 5:
		e.Text, e.Source = pick(d, "Unterwegs", "On its way", ""), pick(d, "", "agent")
	case 6:
		e.Status, e.Detail = pick(d, words...), pick(d, "", shipment.DetailSigned)
	case 7:
		e.Place.City, e.Place.Region = pick(d, "", " ", "cologne", "Cologne"), pick(d, "", "NW")
	case 8:
		e.Class, e.Retracts = pick(d, shipment.ClassStatus, shipment.ClassInformational, shipment.ClassRetraction), pick(d, "", "A")
	case 9:
		e.Time = shipment.At(e.Time.In(time.UTC).Add(time.Duration(1+d.of(3)) * 90 * 24 * time.Hour)) // as much later
	}
	return e
}

func (d *dice) shipment() *shipment.Shipment {
	s := &shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1Z999AA10123456784"}}
	if d.of(4) == 1 {
		s.NotBefore = pick(d, moments...)
	}
	return s
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sow adds seeds that together say every word of the generator.
func sow(f *testing.F) {
	f.Add([]byte(nil), uint64(0))
	f.Add([]byte{0}, uint64(1))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		b := make([]byte, 20*(1+i%12))
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		f.Add(b, rng.Uint64())
	}
}

// Whatever the order, the batches and the repetitions, the same events make the same
// shipment, byte for byte; and what is known changes nothing.
func FuzzOrder(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		one := d.shipment()
		events := d.events()
		one.Apply(shipment.Update{Events: events})
		want := encode(t, one)

		rng := rand.New(rand.NewPCG(seed, 7))
		many := &shipment.Shipment{Ref: one.Ref, NotBefore: one.NotBefore}
		many.Apply(shipment.Update{})
		told := slices.Concat(events, events[:rng.IntN(len(events)+1)])
		if seed%4 > 0 { // else oldest first, as they usually come
			rng.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
		} else {
			slices.SortStableFunc(told, func(a, b shipment.Event) int { return a.Time.Compare(b.Time) })
		}
		for len(told) > 0 {
			n := 1
			if rng.IntN(3) == 0 {
				n += rng.IntN(len(told))
			}
			batch := slices.Clone(told[:n])
			many.Apply(shipment.Update{Events: batch})
			told = told[n:]

			if rng.IntN(4) == 0 { // the process ends and another goes on
				var again shipment.Shipment
				if err := json.Unmarshal(encode(t, many), &again); err != nil {
					t.Fatal(err)
				}
				many = &again
			}
			known := encode(t, many)
			if changes := many.Apply(shipment.Update{Events: batch}); len(changes) > 0 {
				t.Fatalf("what is known changed the shipment: %+v", changes)
			}
			if diff := cmp.Diff(string(known), string(encode(t, many))); diff != "" {
				t.Fatalf("what is known made another shipment:\n%s", diff)
			}
		}
		if got := encode(t, many); !bytes.Equal(got, want) {
			t.Fatalf("the order of arrival shows (-at once +bit by bit):\n%s", cmp.Diff(string(want), string(got)))
		}
	})
}

// News of a status comes once: whoever hears Current changes can follow the status
// with them, and each says where it comes from.
func FuzzChanges(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		s := d.shipment()
		told := d.events()
		rng := rand.New(rand.NewPCG(seed, 7))
		rng.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
		heard := shipment.Pending
		for _, e := range told {
			before := s.Clone()
			changes := s.Apply(shipment.Update{Events: []shipment.Event{e}})
			currents := 0
			for _, c := range changes {
				if !c.Current {
					continue
				}
				currents++
				if c.To != s.Status {
					t.Fatalf("a current change says %s and the parcel is %s", c.To, s.Status)
				}
				if c.Kind == shipment.ChangeStatus {
					heard = c.To
					if before.Status == c.To && before.Journey == s.Journey && c.Occurrence <= 1 {
						t.Fatalf("the same status is news again: %+v", c)
					}
				}
			}
			if currents > 1 {
				t.Fatalf("%d current changes of one event: %+v", currents, changes)
			}
			if heard != s.Status {
				t.Fatalf("who follows the changes thinks %s, the parcel is %s", heard, s.Status)
			}
			if len(changes) == 0 && !bytes.Equal(encode(t, before), encode(t, s)) && before.Status != "" {
				t.Fatalf("something changed in silence:\n%s", cmp.Diff(string(encode(t, before)), string(encode(t, s))))
			}
		}
	})
}

// The explanation, the history and the status tell one story.
func FuzzExplain(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		s := d.shipment()
		s.Apply(shipment.Update{Events: d.events()})
		before := encode(t, s)
		x := s.Explain()
		_ = x.String()
		if !bytes.Equal(before, encode(t, s)) {
			t.Fatal("explaining changed the shipment")
		}
		if x.Status != s.Status || x.Detail != s.Detail || x.Reason != s.Reason {
			if s.Status != "" { // nothing was ever applied
				t.Fatalf("explained %s/%s/%s, is %s/%s/%s", x.Status, x.Detail, x.Reason, s.Status, s.Detail, s.Reason)
			}
		}
		if len(x.Steps) != len(s.Events) {
			t.Fatalf("%d steps for %d events", len(x.Steps), len(s.Events))
		}
		moved := 0
		for i, st := range x.Steps {
			if diff := cmp.Diff(st.Event, s.Events[i]); diff != "" {
				t.Fatalf("step %d is of another event:\n%s", i, diff)
			}
			switch st.Verdict {
			case shipment.VerdictMoved:
				moved++
			case shipment.VerdictRetracted, shipment.VerdictSetAside:
				if st.Why == "" {
					t.Fatalf("step %d is %s and nobody says why", i, st.Verdict)
				}
			case shipment.VerdictConfirmed, shipment.VerdictInformational:
			default:
				t.Fatalf("step %d has the verdict %q", i, st.Verdict)
			}
		}
		if moved != len(s.History) {
			t.Fatalf("%d events moved the parcel, its history has %d", moved, len(s.History))
		}

		var last shipment.Transition
		if n := len(s.History); n > 0 {
			last = s.History[n-1]
		}
		if last.Journey == s.Journey && len(s.History) > 0 {
			if last.Status != s.Status {
				t.Fatalf("the history ends with %s, the status is %s", last.Status, s.Status)
			}
			if x.Decided == nil {
				t.Fatal("a status that no event decided")
			}
		} else if s.Status != shipment.Pending && s.Status != "" || x.Decided != nil {
			t.Fatalf("no history, and yet %s", s.Status)
		}
		if (s.Status == shipment.Delivered) != !s.DeliveredAt.IsZero() && !last.At.IsZero() {
			t.Fatalf("%s with DeliveredAt %q", s.Status, s.DeliveredAt)
		}
	})
}

// Movement never takes a delivery back: after "delivered" come only failed attempts,
// pickup points and returns, all of them later, until the number is used again.
func FuzzSticky(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		s := d.shipment()
		s.Apply(shipment.Update{Events: d.events()})
		for i := 1; i < len(s.History); i++ {
			from, to := s.History[i-1], s.History[i]
			if from.Status != shipment.Delivered || from.Journey != to.Journey {
				continue
			}
			switch to.Status {
			case shipment.AttemptFailed, shipment.AvailableForPickup, shipment.Returning, shipment.Returned:
			default:
				t.Fatalf("delivered became %s", to.Status)
			}
			a, ok1 := from.At.Instant()
			b, ok2 := to.At.Instant()
			if ok1 && ok2 && !b.After(a) {
				t.Fatalf("delivered %v became %s %v, which is not later", a, to.Status, b)
			}
		}
	})
}

// What is stored and read again is what was stored.
func FuzzJSON(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		s := d.shipment()
		events := d.events()
		seen := moments[seed%uint64(len(moments))]
		s.Apply(shipment.Update{
			Events: events[:len(events)/2],
			Estimates: []shipment.Estimate{
				{Window: shipment.Window{From: d.time(), To: d.time()}, Source: shipment.EstimateCarrier, First: seen, Last: seen.In(berlin)},
				{Window: shipment.Window{To: d.time()}, Source: shipment.EstimateComputed, Last: time.Now()},
			},
			Related:     []shipment.Related{{TrackingNumber: "2", Relation: shipment.RelatedReturn}, {TrackingNumber: "1", Relation: shipment.RelatedPartner}},
			Proof:       &shipment.Proof{SignedBy: "A"},
			PickupPoint: &shipment.PickupPoint{Name: "Kiosk", Hours: []string{}, Until: d.time()},
		})
		var again shipment.Shipment
		if err := json.Unmarshal(encode(t, s), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*s, again); diff != "" {
			t.Fatalf("stored and read (-stored +read):\n%s", diff)
		}
		if !bytes.Equal(encode(t, s.Clone()), encode(t, s)) {
			t.Fatal("the clone is another")
		}
		// And it goes on as if nothing had been.
		rest := shipment.Update{Events: events[len(events)/2:]}
		if diff := cmp.Diff(s.Apply(rest), again.Apply(rest)); diff != "" {
			t.Fatalf("after reading, other changes (-never stored +read):\n%s", diff)
		}
		if diff := cmp.Diff(encode(t, s), encode(t, &again)); diff != "" {
			t.Fatalf("after reading, another shipment:\n%s", diff)
		}
		for _, e := range events {
			var back shipment.Event
			if err := json.Unmarshal(encode(t, e), &back); err != nil {
				t.Fatal(err)
			}
			e.Text = string(bytes.ToValidUTF8([]byte(e.Text), []byte("\ufffd")))
			if diff := cmp.Diff(e, back); diff != "" {
				t.Fatalf("event stored and read:\n%s", diff)
			}
		}
	})
}

// Facts beside the events that grow, as estimates and related numbers do, know no
// order either.
func FuzzEstimates(f *testing.F) {
	sow(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		d := &dice{b}
		var news []shipment.Update
		for len(d.b) > 0 && len(news) < 20 {
			u := shipment.Update{Estimates: []shipment.Estimate{{
				Window: shipment.Window{From: d.time(), To: d.time()},
				Source: pick(d, shipment.EstimateCarrier, shipment.EstimateRescheduled),
				First:  pick(d, moments...), Last: pick(d, moments...),
			}}}
			if d.of(3) == 0 {
				u.Related = []shipment.Related{{TrackingNumber: pick(d, "1", "2", "3"), Relation: pick(d, shipment.RelatedReturn, shipment.RelatedPartner)}}
			}
			news = append(news, u)
		}
		var a, z shipment.Shipment
		for _, u := range news {
			a.Apply(u)
		}
		rand.New(rand.NewPCG(seed, 7)).Shuffle(len(news), func(i, j int) { news[i], news[j] = news[j], news[i] })
		for _, u := range slices.Concat(news, news) {
			z.Apply(u)
		}
		if diff := cmp.Diff(string(encode(t, &a)), string(encode(t, &z))); diff != "" {
			t.Fatalf("the order of arrival shows:\n%s", diff)
		}
		for _, u := range news {
			if changes := z.Apply(u); len(changes) > 0 {
				t.Fatalf("what is known is news: %+v", changes)
			}
		}
	})
}

// Reading a time never panics, and what can be read can be written and read again.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"", "~", "2026-01-05", "2026-01-05~", "2026-01-05T14:23", "2026-01-05T14:23:00", "2026-01-05T14:23:00-07:00", "2026-01-05T14:23-07:00~",
		"2026-01-05T14:23:00Z", "2026-01-05T14:23:00+05:45:30", "0000-01-01T00:00", "9999-12-31T23:59:59-23:59:59", "2026-02-30", "2026-01-05T24:00",
		"2026-01-05T14:23:60", "2026-01-05T14:23:00+24:00", "2026-01-05T14:23:00.5", "2026-01-05T14:23:0", "2026-01-05 14:23", "2026-01-05T14:23+7",
		"2026-01-05T14:23:00-00:00", "12026-01-05", "2026-01-05T14:23:", "2026-01-05T14:23+0/:00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := shipment.ParseTime(text)
		if err != nil {
			if !at.IsZero() {
				t.Fatalf("%q is no time and gives %v", text, at)
			}
			return
		}
		again, err := shipment.ParseTime(at.String())
		if err != nil || again != at {
			t.Fatalf("%q became %q became %q (%v)", text, at, again, err)
		}
		_ = at.In(berlin)
		if c := at.Compare(again); c != 0 {
			t.Fatalf("%q compares with itself as %d", at, c)
		}
	})
}

// Whatever a program makes a Time of, its text can be read.
func FuzzTime(f *testing.F) {
	f.Add(int64(1767622980), -7*3600, uint8(0))
	f.Add(int64(-62135596800), 0, uint8(1))
	f.Add(int64(253402300799), 14*3600, uint8(2))
	f.Add(int64(1<<62), 90000, uint8(3))
	f.Add(int64(-1<<62), -90000, uint8(4))
	f.Fuzz(func(t *testing.T, sec int64, offset int, how uint8) {
		moment := time.Unix(sec, 0).In(time.FixedZone("", offset%200000))
		var at shipment.Time
		switch how % 6 {
		case 0:
			at = shipment.At(moment)
		case 1:
			at = shipment.Local(moment)
		case 2:
			at = shipment.Local(moment).WithOffset(offset)
		case 3:
			at = shipment.At(moment).ToMinute()
		case 4:
			y, m, d := moment.Date()
			at = shipment.Day(y, m, d).WithOffset(offset)
		case 5:
			at = shipment.Local(moment).InferZone(newYork)
		}
		again, err := shipment.ParseTime(at.String())
		if err != nil || again != at {
			t.Fatalf("%q became %q (%v)", at, again, err)
		}
	})
}
