package shipment_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// event reads an event from a line such as
//
//	2026-03-02T09:00-05:00 in_transit detail=departed city=Memphis code=DP
//
// "-" is a missing time. Seen is 5 March 2026, noon UTC, unless the line says.
func event(line string) shipment.Event {
	words := strings.Fields(line)
	e := shipment.Event{Status: shipment.Status(words[1]), Seen: time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)}
	if words[0] != "-" {
		e.Time = at(words[0])
		if i, ok := e.Time.Instant(); ok && i.After(e.Seen) && i.Year() < 2030 {
			e.Seen = i // what is told as it happens
		}
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "detail":
			e.Detail = shipment.Detail(value)
		case "reason":
			e.Reason = shipment.Reason(value)
		case "class":
			e.Class = shipment.Class(value)
		case "retracts":
			e.Retracts = value
		case "code":
			e.Code = value
		case "city":
			e.Place.City = value
		case "text":
			e.Text = value
		case "seq":
			fmt.Sscan(value, &e.Sequence)
		case "seen":
			e.Seen = at(value).In(time.UTC)
		default:
			panic(w)
		}
	}
	return e
}

func events(lines ...string) (list []shipment.Event) {
	for _, l := range lines {
		list = append(list, event(l))
	}
	return list
}

func at(text string) shipment.Time {
	t, err := shipment.ParseTime(text)
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return t
}

// tell is a change in a word: "delivered" for news of now, "(delivered)" for news of
// the past, "in_transit, not delivered" for a correction.
func tell(c shipment.Change) string {
	if c.Kind != shipment.ChangeStatus {
		return "+" + string(c.Kind)
	}
	word := string(c.To)
	if c.Occurrence > 1 {
		word += fmt.Sprintf(" #%d", c.Occurrence)
	}
	if c.Correction {
		word += ", not " + string(c.From)
	}
	if !c.Current {
		word = "(" + word + ")"
	}
	return word
}

var label, picked, hub, van, handed = "2026-03-02T04:00:00-05:00 pre_transit code=MP", "2026-03-02T10:00:00-05:00 in_transit code=PU detail=picked_up city=Austin",
	"2026-03-03T10:00:00-05:00 in_transit code=AR detail=arrived city=Memphis", "2026-03-04T12:00:00-05:00 out_for_delivery code=OF city=Newark", "2026-03-04T17:00:00-05:00 delivered code=FS detail=signed city=Hoboken"

func TestStories(t *testing.T) {
	tests := []struct {
		name      string
		notBefore string
		news      [][]string // what each Apply is told
		changes   []string   // what each Apply returns
		status    shipment.Status
		history   string
		check     func(*testing.T, *shipment.Shipment)
	}{
		{
			name:    "a good life, told as it happens",
			news:    [][]string{{label}, {picked}, {hub}, {van}, {handed}},
			changes: []string{"pre_transit", "in_transit", "+detail", "out_for_delivery", "delivered"},
			status:  shipment.Delivered, history: "pre_transit in_transit out_for_delivery delivered",
			check: func(t *testing.T, s *shipment.Shipment) {
				want := shipment.Shipment{PickedUpAt: at("2026-03-02T10:00:00-05:00"), FirstAttemptAt: at("2026-03-04T17:00:00-05:00"), DeliveredAt: at("2026-03-04T17:00:00-05:00"), Detail: "signed"}
				got := shipment.Shipment{PickedUpAt: s.PickedUpAt, FirstAttemptAt: s.FirstAttemptAt, DeliveredAt: s.DeliveredAt, Detail: s.Detail}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			},
		}, {
			name:    "first seen when it was delivered: one piece of news, the rest is history",
			news:    [][]string{{handed, van, hub, picked, label}},
			changes: []string{"(pre_transit) (in_transit) (out_for_delivery) delivered"},
			status:  shipment.Delivered, history: "pre_transit in_transit out_for_delivery delivered",
		}, {
			name:    "a scan uploaded after the delivery",
			news:    [][]string{{label, picked, handed}, {hub}, {"2026-03-04T17:00:00-05:00 in_transit code=DP"}, {"2026-03-04T18:10:00-05:00 in_transit code=DP"}},
			changes: []string{"(pre_transit) (in_transit) delivered", "+events", "+events", "+events"},
			status:  shipment.Delivered, history: "pre_transit in_transit delivered",
		}, {
			name:    "the courier's clock is seven hours behind",
			news:    [][]string{{picked, van}, {"2026-03-04T10:00:00-05:00 delivered code=FS"}},
			changes: []string{"(in_transit) out_for_delivery", "delivered"},
			status:  shipment.Delivered, history: "in_transit delivered",
		}, {
			name:    "the delivery's time is mended: not a second delivery",
			news:    [][]string{{picked, handed}, {"2026-03-04T16:40:00-05:00 delivered code=FS city=Hoboken"}},
			changes: []string{"(in_transit) delivered", "+events"},
			status:  shipment.Delivered, history: "in_transit delivered",
		}, {
			name:    "an earlier scan of the same status comes late: nothing is news",
			news:    [][]string{{hub}, {van}, {picked}},
			changes: []string{"in_transit", "out_for_delivery", "+events"},
			status:  shipment.OutForDelivery, history: "in_transit out_for_delivery",
		}, {
			name:    "a push without an offset, then the poll with it",
			news:    [][]string{{picked}, {"2026-03-04T17:00:00 delivered code=FS city=Hoboken"}, {picked, handed}},
			changes: []string{"in_transit", "delivered", "+detail"},
			status:  shipment.Delivered, history: "in_transit delivered",
			check: func(t *testing.T, s *shipment.Shipment) {
				if len(s.Events) != 2 {
					t.Errorf("%d events, want 2", len(s.Events))
				}
			},
		}, {
			name:    "an offset that we inferred gives way to the carrier's",
			news:    [][]string{{"2026-03-04T17:00:00-06:00~ delivered code=FS city=Hoboken"}, {handed}},
			changes: []string{"delivered", "+detail"},
			status:  shipment.Delivered, history: "delivered",
		}, {
			name:    "nobody at home, twice on one day",
			news:    [][]string{{van}, {"2026-03-04T13:00:00-05:00 attempt_failed code=X1"}, {"2026-03-04T18:00:00-05:00 attempt_failed code=X2 detail=notice_left"}},
			changes: []string{"out_for_delivery", "attempt_failed", "+detail"},
			status:  shipment.AttemptFailed, history: "out_for_delivery attempt_failed",
			check: attempts(1),
		}, {
			name:    "nobody at home, and the depot's scan between two words about it",
			news:    [][]string{{van}, {"2026-03-04T13:00:00-05:00 attempt_failed code=X1", "2026-03-04T17:00:00-05:00 in_transit code=DP", "2026-03-04T18:00:00-05:00 attempt_failed code=X2"}},
			changes: []string{"out_for_delivery", "(attempt_failed) (in_transit) attempt_failed #2"},
			status:  shipment.AttemptFailed, history: "out_for_delivery attempt_failed in_transit attempt_failed",
			check: attempts(1),
		}, {
			name:    "nobody at home on two days",
			news:    [][]string{{van}, {"2026-03-04T13:00:00-05:00 attempt_failed code=X1"}, {"2026-03-05T13:00:00-05:00 attempt_failed code=X1"}},
			changes: []string{"out_for_delivery", "attempt_failed", "attempt_failed #2"},
			status:  shipment.AttemptFailed, history: "out_for_delivery attempt_failed attempt_failed",
			check: attempts(2),
		}, {
			name:    "delivered, sent back: what is delivered next is delivered to the sender",
			news:    [][]string{{picked, handed}, {"2026-03-05T09:00:00-05:00 returning code=RS reason=recipient_refused"}, {"2026-03-06T09:00:00-05:00 out_for_delivery code=OF detail=on_vehicle"}, {"2026-03-06T11:00:00-05:00 delivered code=FS"}},
			changes: []string{"(in_transit) delivered", "returning", "+detail", "returned"},
			status:  shipment.Returned, history: "in_transit delivered returning returned",
			check: func(t *testing.T, s *shipment.Shipment) {
				if !s.DeliveredAt.IsZero() || !s.Homeward || s.Detail != shipment.DetailToSender {
					t.Errorf("DeliveredAt %v, Homeward %v, Detail %v", s.DeliveredAt, s.Homeward, s.Detail)
				}
			},
		}, {
			name:    "hops on the way home keep the reason",
			news:    [][]string{{picked}, {"2026-03-05T09:00:00-05:00 returning code=RS reason=recipient_refused"}, {"2026-03-06T09:00:00-05:00 in_transit code=DP detail=departed"}},
			changes: []string{"in_transit", "returning", "+detail"},
			status:  shipment.Returning, history: "in_transit returning",
			check: func(t *testing.T, s *shipment.Shipment) {
				if s.Reason != shipment.ReasonRecipientRefused || s.Detail != shipment.DetailToSender {
					t.Errorf("%s / %s", s.Detail, s.Reason)
				}
			},
		}, {
			name:    "lost, then found",
			news:    [][]string{{picked}, {"2026-03-04T09:00:00-05:00 failed code=LO detail=lost"}, {"2026-03-05T09:00:00-05:00 in_transit code=AR"}, {"2026-03-06T09:00:00-05:00 delivered code=FS"}},
			changes: []string{"in_transit", "failed", "in_transit #2", "delivered"},
			status:  shipment.Delivered, history: "in_transit failed in_transit delivered",
		}, {
			name:    "voided, then scanned",
			news:    [][]string{{label}, {"2026-03-02T08:00:00-05:00 cancelled code=VP detail=void"}, {picked}},
			changes: []string{"pre_transit", "cancelled", "in_transit"},
			status:  shipment.InTransit, history: "pre_transit cancelled in_transit",
		}, {
			name:    "scanned, then voided: the scan is stronger",
			news:    [][]string{{label, picked}, {"2026-03-03T08:00:00-05:00 cancelled code=VP"}},
			changes: []string{"(pre_transit) in_transit", "+events"},
			status:  shipment.InTransit, history: "pre_transit in_transit",
		}, {
			name:    "the driver takes the delivery back",
			news:    [][]string{{picked, van, handed}, {"2026-03-04T17:05:00-05:00 unknown class=retraction code=STORN retracts=FS"}, {"2026-03-05T15:00:00-05:00 delivered code=FS city=Hoboken"}},
			changes: []string{"(in_transit) (out_for_delivery) delivered", "out_for_delivery, not delivered", "delivered"},
			status:  shipment.Delivered, history: "in_transit out_for_delivery delivered",
			check: func(t *testing.T, s *shipment.Shipment) {
				if s.DeliveredAt != at("2026-03-05T15:00:00-05:00") {
					t.Errorf("delivered at %v", s.DeliveredAt)
				}
			},
		}, {
			name:    "a retraction in the same minute, without saying of what",
			news:    [][]string{{picked, "2026-03-04T17:00-05:00 delivered code=FS", "2026-03-04T17:00-05:00 unknown class=retraction code=CA"}},
			changes: []string{"in_transit"},
			status:  shipment.InTransit, history: "in_transit",
		}, {
			name:    "a retraction comes before what it takes back",
			news:    [][]string{{picked}, {"2026-03-04T17:05:00-05:00 unknown class=retraction code=STORN retracts=FS"}, {handed}},
			changes: []string{"in_transit", "+events", "+events"},
			status:  shipment.InTransit, history: "in_transit",
		}, {
			name:    "the delivery was the sender's, as a scan tells that comes late",
			news:    [][]string{{picked, handed}, {"2026-03-04T09:00:00-05:00 returning code=RS"}},
			changes: []string{"(in_transit) delivered", "(returning) returned, not delivered"},
			status:  shipment.Returned, history: "in_transit returning returned",
		}, {
			name:    "the number is used again, both lives in one answer",
			news:    [][]string{{"2025-02-01T10:00:00-05:00 in_transit code=PU", "2025-02-03T17:00:00-05:00 delivered code=FS", label, picked}},
			changes: []string{"(in_transit) (delivered) (pre_transit) in_transit"},
			status:  shipment.InTransit, history: "in_transit delivered pre_transit in_transit",
			check: func(t *testing.T, s *shipment.Shipment) {
				if s.Journey != 1 || !s.DeliveredAt.IsZero() {
					t.Errorf("journey %d, delivered at %q", s.Journey, s.DeliveredAt)
				}
			},
		}, {
			name:    "the number is used again, first with words that move nothing",
			news:    [][]string{{"2025-02-03T17:00:00-05:00 delivered code=FS"}, {"2026-03-01T10:00:00-05:00 teleported code=ZZ"}, {"2026-03-01T11:00:00-05:00 in_transit class=informational code=ETA"}, {picked}},
			changes: []string{"delivered", "+events", "+events", "in_transit"},
			status:  shipment.InTransit, history: "delivered in_transit",
		}, {
			name:    "the first scan of the number's next life is taken back",
			news:    [][]string{{"2025-02-03T17:00:00-05:00 delivered code=FS"}, {"2026-03-01T10:00:00-05:00 in_transit code=XX", "2026-03-01T11:00:00-05:00 unknown class=retraction code=CA retracts=XX"}, {picked}},
			changes: []string{"delivered", "+events", "in_transit"},
			status:  shipment.InTransit, history: "delivered in_transit",
		}, {
			name:    "the earlier life is told late: today's delivery is no news",
			news:    [][]string{{picked, handed}, {"2025-02-03T17:00:00-05:00 delivered code=FS"}},
			changes: []string{"(in_transit) delivered", "(delivered)"},
			status:  shipment.Delivered, history: "delivered in_transit delivered",
		}, {
			name: "the order is of March: what the number did before is not its", notBefore: "2026-03-01T00:00:00Z",
			news:    [][]string{{"2026-02-10T17:00:00-05:00 delivered code=FS"}, {label, picked}},
			changes: []string{"+events", "(pre_transit) in_transit"},
			status:  shipment.InTransit, history: "pre_transit in_transit",
		}, {
			name:    "the last code is not understood",
			news:    [][]string{{picked}, {"2026-03-03T09:00:00-05:00 unknown code=Q9 text=?"}, {"2026-03-03T10:00:00-05:00 beamed code=Q8"}, {"2026-03-03T11:00:00-05:00 pending code=Q7"}},
			changes: []string{"in_transit", "+events", "+events", "+events"},
			status:  shipment.InTransit, history: "in_transit",
		}, {
			name:    "the code is understood later: its reading is mended",
			news:    [][]string{{picked}, {"2026-03-03T09:00:00-05:00 unknown code=HH"}, {"2026-03-03T09:00:00-05:00 available_for_pickup code=HH detail=locker"}},
			changes: []string{"in_transit", "+events", "available_for_pickup"},
			status:  shipment.AvailableForPickup, history: "in_transit available_for_pickup",
		}, {
			name:    "a scan ten years ahead pins nothing",
			news:    [][]string{{picked, "2036-01-01T00:00:00-05:00 exception code=AR"}, {van}, {handed}},
			changes: []string{"(exception) in_transit", "out_for_delivery", "delivered"},
			status:  shipment.Delivered, history: "exception in_transit out_for_delivery delivered",
			check: func(t *testing.T, s *shipment.Shipment) {
				if !s.History[0].At.IsZero() || s.Events[0].Time.IsZero() {
					t.Errorf("history says %q, the event %q", s.History[0].At, s.Events[0].Time)
				}
			},
		}, {
			name:    "1970 is no date: nothing was picked up then",
			news:    [][]string{{"1970-01-01T00:00:00Z in_transit code=PU", hub}},
			changes: []string{"in_transit"},
			status:  shipment.InTransit, history: "in_transit",
			check: func(t *testing.T, s *shipment.Shipment) {
				if got := s.PickedUpAt; got.Wall().Year() == 1970 {
					t.Errorf("picked up at %v", got)
				}
			},
		}, {
			name:    "delivered, nobody knows when: an attempt of before does not reopen it, a return of after does",
			news:    [][]string{{"- delivered code=FS"}, {"2026-03-04T13:00:00-05:00 attempt_failed code=X1"}, {"2026-03-07T13:00:00-05:00 returning code=RS"}},
			changes: []string{"delivered", "+events", "returning"},
			status:  shipment.Returning, history: "delivered returning",
		}, {
			name:    "delivered on a day: what else happened that day does not reopen it",
			news:    [][]string{{"2026-03-04 delivered code=FS"}, {"2026-03-04T10:00:00-05:00 attempt_failed code=X1"}},
			changes: []string{"delivered", "+events"},
			status:  shipment.Delivered, history: "delivered",
		}, {
			name:    "scans without an offset keep their order beside those with one",
			news:    [][]string{{"2026-03-02T23:30:00+01:00 in_transit code=A", "2026-03-02T23:50:00 out_for_delivery code=B", "2026-03-03T00:10:00+01:00 delivered code=C"}},
			changes: []string{"(in_transit) (out_for_delivery) delivered"},
			status:  shipment.Delivered, history: "in_transit out_for_delivery delivered",
		}, {
			name:    "half past one twice in the night the clocks go back",
			news:    [][]string{{"2026-11-01T01:30:00-05:00 out_for_delivery text=scan", "2026-11-01T01:30:00-04:00 in_transit text=scan", "2026-11-01T06:30:00-05:00 delivered text=done"}},
			changes: []string{"(in_transit) (out_for_delivery) delivered"},
			status:  shipment.Delivered, history: "in_transit out_for_delivery delivered",
		}, {
			name:    "from Samoa's side of the world to Hawaii's: moments, not wall clocks",
			news:    [][]string{{"2026-03-05T08:00:00+14:00 in_transit code=A", "2026-03-04T11:30:00-08:00 delivered code=B"}},
			changes: []string{"(in_transit) delivered"},
			status:  shipment.Delivered, history: "in_transit delivered",
		}, {
			name:    "all in one minute: a life goes on and not back",
			news:    [][]string{{"2026-03-04T11:30-05:00 delivered code=A", "2026-03-04T11:30-05:00 in_transit code=Z", "2026-03-04T11:30-05:00 out_for_delivery code=M"}},
			changes: []string{"(in_transit) (out_for_delivery) delivered"},
			status:  shipment.Delivered, history: "in_transit out_for_delivery delivered",
		}, {
			name:    "all in one minute, and the carrier numbers them",
			news:    [][]string{{"2026-03-04T11:30-05:00 in_transit code=Z seq=3", "2026-03-04T11:30-05:00 exception code=M seq=2", "2026-03-04T11:30-05:00 pre_transit code=A seq=1"}},
			changes: []string{"(pre_transit) (exception) in_transit"},
			status:  shipment.InTransit, history: "pre_transit exception in_transit",
		}, {
			name:    "told twice in other words, other letters and another order",
			news:    [][]string{{"2026-03-04T11:30:00-05:00 in_transit code=AR city=Memphis text=Arrived"}, {"2026-03-04T11:30:00-05:00 in_transit code=AR city=MEMPHIS text=Angekommen seen=2026-03-09T00:00:00"}},
			changes: []string{"in_transit", ""},
			status:  shipment.InTransit, history: "in_transit",
			check: func(t *testing.T, s *shipment.Shipment) {
				if len(s.Events) != 1 || s.Events[0].Text != "Arrived" || s.Events[0].Seen.Day() != 5 {
					t.Errorf("%+v, want what was heard first", s.Events)
				}
			},
		}, {
			name:    "no scan but the label and the door",
			news:    [][]string{{label}, {handed}},
			changes: []string{"pre_transit", "delivered"},
			status:  shipment.Delivered, history: "pre_transit delivered",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s shipment.Shipment
			if tt.notBefore != "" {
				s.NotBefore = at(tt.notBefore).In(time.UTC)
			}
			var told []string
			for _, news := range tt.news {
				var words []string
				for _, c := range s.Apply(shipment.Update{Events: events(news...)}) {
					words = append(words, tell(c))
				}
				told = append(told, strings.Join(words, " "))
			}
			if diff := cmp.Diff(tt.changes, told); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if s.Status != tt.status {
				t.Errorf("the parcel is %s, want %s", s.Status, tt.status)
			}
			var history []string
			for _, h := range s.History {
				history = append(history, string(h.Status))
			}
			if diff := cmp.Diff(tt.history, strings.Join(history, " ")); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			if tt.check != nil {
				tt.check(t, &s)
			}
			if t.Failed() {
				t.Log(s.Explain())
			}
		})
	}
}

func attempts(n int) func(*testing.T, *shipment.Shipment) {
	return func(t *testing.T, s *shipment.Shipment) {
		if s.Attempts != n {
			t.Errorf("%d attempts, want %d", s.Attempts, n)
		}
	}
}

func TestExplain(t *testing.T) {
	var s shipment.Shipment
	s.Apply(shipment.Update{Events: events(picked, van, handed,
		"2026-03-04T17:05:00-05:00 unknown class=retraction code=STORN retracts=FS",
		"2026-03-04T19:00:00-05:00 pre_transit code=MP", "2026-03-04T19:30:00-05:00 in_transit class=informational code=ETA text=soon")})
	want := `status out_for_delivery, because of 2026-03-04T12:00:00-05:00 OF out_for_delivery in Newark
  informational 2026-03-04T19:30:00-05:00 ETA in_transit "soon"
  set aside     2026-03-04T19:00:00-05:00 MP pre_transit (data about a label does not undo a scan)
  informational 2026-03-04T17:05:00-05:00 STORN unknown
  retracted     2026-03-04T17:00:00-05:00 FS delivered in Hoboken (the carrier took it back)
  moved         2026-03-04T12:00:00-05:00 OF out_for_delivery in Newark
  moved         2026-03-02T10:00:00-05:00 PU in_transit in Austin
`
	if diff := cmp.Diff(want, s.Explain().String()); diff != "" {
		t.Error(diff)
	}
	if x := new(shipment.Shipment).Explain(); x.Decided != nil || len(x.Steps) != 0 {
		t.Errorf("a parcel without events is explained as %+v", x)
	}
}

func TestEstimates(t *testing.T) {
	day := func(d int) shipment.Window { return shipment.Window{To: shipment.Day(2026, 3, d)} }
	heard := func(d int) time.Time { return time.Date(2026, 3, d, 12, 0, 0, 0, berlin) }
	var s shipment.Shipment
	var told []string
	say := func(w shipment.Window, source shipment.EstimateSource, d int) {
		t.Helper()
		for _, c := range s.Apply(shipment.Update{Estimates: []shipment.Estimate{{Window: w, Source: source, First: heard(d), Last: heard(d)}}}) {
			told = append(told, fmt.Sprintf("%s %s→%s", c.Kind, c.Old.To, c.New.To))
		}
	}
	say(day(5), shipment.EstimateCarrier, 1)
	say(day(5), shipment.EstimateCarrier, 2)
	say(day(7), shipment.EstimateCarrier, 3)
	say(day(5), shipment.EstimateCarrier, 4) // and back
	say(shipment.Window{}, shipment.EstimateCarrier, 5)
	say(day(9), shipment.EstimateRescheduled, 4) // beats what was said in the same moment
	if diff := cmp.Diff([]string{"estimate →2026-03-05", "estimate 2026-03-05→2026-03-07", "estimate 2026-03-07→2026-03-05", "estimate 2026-03-05→2026-03-09"}, told); diff != "" {
		t.Error(diff)
	}
	if e, ok := s.OriginalETA(); !ok || e.Window != day(5) || !e.First.Equal(heard(1)) || !e.Last.Equal(heard(4)) {
		t.Errorf("the original is %+v", e)
	}
	if e, ok := s.ETA(); !ok || e.Window != day(9) {
		t.Errorf("the latest is %+v", e)
	}

	// However often a carrier changes its mind, the first word and the last are kept.
	for i := range 200 {
		from := at("2026-04-01T08:00:00Z")
		w := shipment.Window{From: from, To: shipment.At(from.In(time.UTC).Add(time.Duration(i) * time.Minute))}
		s.Apply(shipment.Update{Estimates: []shipment.Estimate{{Window: w, Source: shipment.EstimateCarrier, First: heard(6).Add(time.Duration(i) * time.Minute)}}})
		if e, _ := s.ETA(); e.Window != w {
			t.Fatalf("after %d changes of mind the ETA is %v, want %v", i, e.Window, w)
		}
	}
	if e, _ := s.OriginalETA(); e.Window != day(5) || len(s.Estimates) > 64 {
		t.Errorf("the original is %v of %d", e.Window, len(s.Estimates))
	}

	// What was said of the number's earlier parcel is not said of this one.
	s = shipment.Shipment{}
	s.Apply(shipment.Update{Events: events("2025-02-01T10:00:00-05:00 in_transit code=PU seen=2025-02-01T16:00:00"), Estimates: []shipment.Estimate{{Window: day(1), First: time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)}}})
	s.Apply(shipment.Update{Events: events(picked)})
	if e, ok := s.ETA(); ok {
		t.Errorf("the ETA is %v, of another parcel", e)
	}
	if e, ok := s.OriginalETA(); ok {
		t.Errorf("the original ETA is %v, of another parcel", e)
	}
}

func TestFacts(t *testing.T) {
	s := shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1"}}
	hours := []string{"Mon-Sat 8-20"}
	u := shipment.Update{
		Related:     []shipment.Related{{TrackingNumber: "3", Relation: shipment.RelatedReturn}, {TrackingNumber: "2", Relation: shipment.RelatedPartner}, {TrackingNumber: "1", Relation: shipment.RelatedReplaces}, {}},
		Proof:       &shipment.Proof{SignedBy: "M. Muster"},
		PickupPoint: &shipment.PickupPoint{ID: "K1", Name: "Kiosk", Hours: hours},
		Service:     "Ground", WeightGrams: 1200, PieceCount: 1, Origin: shipment.Place{City: "Austin"},
	}
	if got := s.Apply(u); len(got) != 1 || got[0].Kind != shipment.ChangeFacts {
		t.Errorf("changes %+v, want one of facts", got)
	}
	for _, known := range []shipment.Update{u, {}, {Proof: &shipment.Proof{}, PickupPoint: &shipment.PickupPoint{}}, {PickupPoint: &shipment.PickupPoint{Name: "kiosk ", ID: "K1", Hours: []string{}}}} {
		if known.PickupPoint != nil && known.PickupPoint.Name == "kiosk " {
			known.PickupPoint.Name = ""
		}
		if got := s.Apply(known); len(got) != 0 {
			t.Errorf("what is known is news: %+v", got)
		}
	}
	hours[0] = "changed by the caller"
	u.Proof.SignedBy = "changed by the caller"

	// News of a part keeps the rest; news of another place does not.
	s.Apply(shipment.Update{Proof: &shipment.Proof{PhotoURL: "https://example.com/p.jpg"}, PickupPoint: &shipment.PickupPoint{Until: shipment.Day(2026, 3, 12)}})
	if diff := cmp.Diff(&shipment.Proof{SignedBy: "M. Muster", PhotoURL: "https://example.com/p.jpg"}, s.Proof); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&shipment.PickupPoint{ID: "K1", Name: "Kiosk", Hours: []string{"Mon-Sat 8-20"}, Until: shipment.Day(2026, 3, 12)}, s.PickupPoint); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]shipment.Related{{TrackingNumber: "2", Relation: shipment.RelatedPartner}, {TrackingNumber: "3", Relation: shipment.RelatedReturn}}, s.Related); diff != "" {
		t.Error(diff)
	}
	s.Apply(shipment.Update{PickupPoint: &shipment.PickupPoint{ID: "L2"}})
	if diff := cmp.Diff(&shipment.PickupPoint{ID: "L2"}, s.PickupPoint); diff != "" {
		t.Error(diff)
	}

	// The next parcel with the number was not signed for by the last one's customer.
	s.Apply(shipment.Update{Events: events("2025-02-03T17:00:00-05:00 delivered code=FS")})
	s.Apply(shipment.Update{Events: events(picked)})
	if s.Proof != nil || s.PickupPoint != nil {
		t.Errorf("a new journey with the proof %+v and the pickup point %+v of the last", s.Proof, s.PickupPoint)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	var s shipment.Shipment
	s.Apply(shipment.Update{
		Events: events(label, picked), Estimates: []shipment.Estimate{{Window: shipment.Window{To: shipment.Day(2026, 3, 5)}}},
		Related: []shipment.Related{{TrackingNumber: "2"}}, Proof: &shipment.Proof{SignedBy: "A"}, PickupPoint: &shipment.PickupPoint{Hours: []string{"8-20"}},
	})
	before := encode(t, &s)
	c := s.Clone()
	c.Apply(shipment.Update{Events: events(van)})
	c.Events[0].Text, c.History[0].Status, c.Estimates[0].Source, c.Related[0].Kind = "x", "x", "x", "x"
	c.Proof.SignedBy, c.PickupPoint.Hours[0] = "x", "x"
	if diff := cmp.Diff(string(before), string(encode(t, &s))); diff != "" {
		t.Errorf("the clone's change shows:\n%s", diff)
	}
}

// A parcel holds a bounded number of events, the latest, whatever order they come in.
func TestBoundedEvents(t *testing.T) {
	var all []shipment.Event
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i := range 5000 {
		all = append(all, shipment.Event{Time: shipment.At(start.Add(time.Duration(i) * time.Second)), Status: shipment.InTransit, Code: "AR", Place: shipment.Place{City: fmt.Sprint(i % 7)}})
	}
	var once, parts shipment.Shipment
	once.Apply(shipment.Update{Events: all})
	if n := len(once.Events); n != 4096 {
		t.Fatalf("%d events, want 4096", n)
	}
	if once.Events[len(once.Events)-1].Time != all[len(all)-1].Time {
		t.Error("the newest event was dropped")
	}
	for chunk := range slices.Chunk(all, 1250) {
		slices.Reverse(chunk)
		parts.Apply(shipment.Update{Events: chunk})
	}
	if diff := cmp.Diff(string(encode(t, &once)), string(encode(t, &parts))); diff != "" {
		t.Error("the order of arrival shows")
	}
	if got := parts.Apply(shipment.Update{Events: all[:1]}); len(got) > 0 {
		t.Errorf("an event too many is news: %+v", got)
	}
}
