package shipment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func moment(text string) time.Time { return at(text).In(time.UTC) }

func promised(text string) shipment.Window { return shipment.Window{To: at(text)} }

func TestHealthAt(t *testing.T) {
	eta := func(first, day string) shipment.Estimate {
		return shipment.Estimate{Window: promised(day), Source: shipment.EstimateCarrier, First: moment(first), Last: moment(first)}
	}
	tests := []struct {
		name   string
		news   []string
		eta    []shipment.Estimate
		rules  shipment.HealthRules
		now    string
		health shipment.Health
		flags  string // late, at risk, stalled, no scan
		next   string // of the next check; empty for none
		since  string
		why    string // words of it
	}{
		{name: "nothing promised, nothing known", now: "2026-03-05T00:00Z", health: "unknown"},
		{name: "nothing promised: moving, and not silent for long", news: []string{hub}, now: "2026-03-05T00:00Z", health: "unknown", next: "2026-03-07T15:00:01Z"},
		{name: "within the promise", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: newYork}, now: "2026-03-05T23:59-05:00",
			health: "on_time", next: "2026-03-06T05:00:01Z", why: "within the promise"},
		{name: "the promised day has ended where the customer is", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: newYork}, now: "2026-03-06T00:00:01-05:00",
			health: "late", flags: "late", next: "2026-03-07T15:00:01Z", since: "2026-03-06T05:00:00Z", why: "the promise has passed"},
		{name: "the same moment, a customer further west", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: zone("Pacific/Honolulu")}, now: "2026-03-06T00:00:01-05:00",
			health: "on_time", next: "2026-03-06T10:00:01Z"},
		{name: "grace", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: newYork, Grace: 12 * time.Hour}, now: "2026-03-06T06:00-05:00",
			health: "on_time", next: "2026-03-06T17:00:01Z"},
		{name: "a promise to the hour", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05T18:00-05:00")}, now: "2026-03-05T23:00:01Z",
			health: "late", flags: "late", next: "2026-03-07T15:00:01Z", since: "2026-03-05T23:00:00Z"},
		{name: "the carrier's estimate is later than the promise", news: []string{hub}, eta: []shipment.Estimate{eta("2026-03-03T12:00Z", "2026-03-08")}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: newYork},
			now: "2026-03-04T00:00Z", health: "at_risk", flags: "at risk", next: "2026-03-06T05:00:01Z", since: "2026-03-03T12:00:00Z"},
		{name: "no promise: the first estimate stands for it", news: []string{hub}, eta: []shipment.Estimate{eta("2026-03-02T12:00Z", "2026-03-05"), eta("2026-03-03T12:00Z", "2026-03-06")}, rules: shipment.HealthRules{Zone: newYork},
			now: "2026-03-06T06:00Z", health: "late", flags: "late at risk", next: "2026-03-07T15:00:01Z", since: "2026-03-06T05:00:00Z", why: "the carrier's first estimate has passed"},
		{name: "the carrier says it is delayed", news: []string{hub, "2026-03-03T11:00:00-05:00 in_transit code=DL detail=delayed"}, rules: shipment.HealthRules{Promise: promised("2026-03-05")},
			now: "2026-03-04T00:00Z", health: "at_risk", flags: "at risk", next: "2026-03-06T00:00:01Z", why: "reports a delay"},
		{name: "silent for four days", news: []string{hub}, now: "2026-03-07T15:00:01Z", health: "stalled", flags: "stalled", since: "2026-03-07T15:00:00Z", why: "nothing new"},
		{name: "late and silent: the worse is said", news: []string{hub}, rules: shipment.HealthRules{Promise: promised("2026-03-05")}, now: "2026-03-08T00:00Z", health: "stalled", flags: "late stalled", since: "2026-03-07T15:00:00Z"},
		{name: "what is not understood is no silence", news: []string{hub, "2026-03-06T11:00:00-05:00 unknown code=Q9"}, now: "2026-03-08T00:00Z", health: "unknown", next: "2026-03-10T16:00:01Z"},
		{name: "an impossible time happened when we heard of it", news: []string{hub, "2036-03-06T11:00:00-05:00 in_transit code=AR"}, now: "2026-03-08T00:00Z", health: "unknown", next: "2026-03-09T12:00:01Z"},
		{name: "a label waits for its first scan", news: []string{label}, rules: shipment.HealthRules{Followed: moment("2026-03-02T09:00Z")}, now: "2026-03-04T09:00Z", health: "unknown", next: "2026-03-04T09:00:01Z"},
		{name: "a label waits too long", news: []string{label}, rules: shipment.HealthRules{Followed: moment("2026-03-02T09:00Z"), Promise: promised("2026-03-06")}, now: "2026-03-04T09:00:01Z",
			health: "stalled", flags: "stalled no scan", next: "2026-03-07T00:00:01Z", since: "2026-03-04T09:00:00Z", why: "not scanned"},
		{name: "no word at all from the carrier", rules: shipment.HealthRules{Followed: moment("2026-03-02T09:00Z"), NoScanAfter: time.Hour}, now: "2026-03-02T10:00:01Z", health: "stalled", flags: "stalled no scan", since: "2026-03-02T10:00:00Z"},
		{name: "a parcel that waits for a decision is not silent", news: []string{hub, "2026-03-03T11:00:00-05:00 exception code=HL detail=held"}, now: "2026-04-03T00:00Z", health: "unknown"},
		{name: "delivered in time, whatever the time now", news: []string{hub, handed}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork}, now: "2026-06-01T00:00Z", health: "on_time", why: "delivered within the promise"},
		{name: "delivered late", news: []string{hub, handed}, rules: shipment.HealthRules{Promise: promised("2026-03-03"), Zone: newYork}, now: "2026-06-01T00:00Z", health: "late", flags: "late", since: "2026-03-04T05:00:00Z"},
		{name: "they came in time and nobody was at home", news: []string{hub, "2026-03-04T13:00:00-05:00 attempt_failed code=X1", "2026-03-06T13:00:00-05:00 delivered code=FS"}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork},
			now: "2026-06-01T00:00Z", health: "on_time"},
		{name: "it waited in the locker in time", news: []string{hub, "2026-03-04T13:00:00-05:00 available_for_pickup code=RP", "2026-03-06T13:00:00-05:00 delivered code=FS"}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork},
			now: "2026-06-01T00:00Z", health: "on_time"},
		{name: "it waits in the locker since before the promise ended", news: []string{hub, "2026-03-04T13:00:00-05:00 available_for_pickup code=RP"}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork},
			now: "2026-03-09T00:00Z", health: "on_time"},
		{name: "they came in time, nobody was at home, and then they were silent", news: []string{hub, "2026-03-04T13:00:00-05:00 attempt_failed code=X1"}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork},
			now: "2026-03-09T00:00Z", health: "stalled", flags: "stalled", since: "2026-03-08T18:00:00Z"},
		{name: "delivered, nobody knows when, but we heard of it in time", news: []string{"- delivered code=FS"}, rules: shipment.HealthRules{Promise: promised("2026-03-05"), Zone: newYork}, now: "2026-06-01T00:00Z", health: "on_time"},
		{name: "delivered, nobody knows when, and we heard of it later", news: []string{"- delivered code=FS"}, rules: shipment.HealthRules{Promise: promised("2026-03-04"), Zone: newYork}, now: "2026-06-01T00:00Z", health: "unknown"},
		{name: "what comes back is not late", news: []string{hub, "2026-03-05T09:00:00-05:00 returning code=RS"}, rules: shipment.HealthRules{Promise: promised("2026-03-04")}, now: "2026-06-01T00:00Z", health: "unknown", why: "not on its way to the customer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s shipment.Shipment
			s.Apply(shipment.Update{Events: events(tt.news...), Estimates: tt.eta})
			h := s.HealthAt(moment(tt.now), tt.rules)
			if h.Health != tt.health {
				t.Errorf("%s, want %s", h.Health, tt.health)
			}
			var flags []string
			for _, f := range []struct {
				set  bool
				name string
			}{{h.Late, "late"}, {h.AtRisk, "at risk"}, {h.Stalled, "stalled"}, {h.NoScan, "no scan"}} {
				if f.set {
					flags = append(flags, f.name)
				}
			}
			if got := strings.Join(flags, " "); got != tt.flags {
				t.Errorf("flags %q, want %q", got, tt.flags)
			}
			text := func(at time.Time) string {
				if at.IsZero() {
					return ""
				}
				return at.UTC().Format(time.RFC3339)
			}
			if diff := cmp.Diff([]string{tt.next, tt.since}, []string{text(h.NextCheck), text(h.Since)}); diff != "" {
				t.Errorf("next check and since (-want +got):\n%s", diff)
			}
			if !strings.Contains(h.Why, tt.why) {
				t.Errorf("says %q, want %q in it", h.Why, tt.why)
			}

			// Until the next check nothing becomes worse by itself, and then something does.
			if !h.NextCheck.IsZero() {
				before := s.HealthAt(h.NextCheck.Add(-time.Second), tt.rules)
				if before.Health != h.Health || before.NextCheck != h.NextCheck {
					t.Errorf("just before the next check it is %+v", before)
				}
				after := s.HealthAt(h.NextCheck, tt.rules)
				if after.Late == h.Late && after.Stalled == h.Stalled {
					t.Errorf("at the next check nothing is worse: %+v", after)
				}
			} else if ever := s.HealthAt(moment(tt.now).AddDate(5, 0, 0), tt.rules); ever.Health != h.Health {
				t.Errorf("without a next check it becomes %+v", ever)
			}
		})
	}
}

// A promised day ends with the day where the customer is, also when the day has 23 or
// 25 hours, or no midnight.
func TestWindowEnd(t *testing.T) {
	tests := []struct {
		window shipment.Window
		zone   string
		want   string
	}{
		{promised("2026-03-05"), "UTC", "2026-03-06T00:00:00Z"},
		{promised("2026-03-05"), "Pacific/Kiritimati", "2026-03-05T10:00:00Z"},
		{promised("2026-03-05"), "Pacific/Honolulu", "2026-03-06T10:00:00Z"},
		{promised("2026-03-08"), "America/New_York", "2026-03-09T04:00:00Z"}, // clocks go forward that day
		{promised("2026-10-25"), "Europe/Berlin", "2026-10-25T23:00:00Z"},    // and back that day
		{promised("2023-09-02"), "America/Santiago", "2023-09-03T04:00:00Z"}, // midnight to one is left out
		{promised("2023-09-03"), "America/Santiago", "2023-09-04T03:00:00Z"},
		{promised("2023-11-04"), "America/Havana", "2023-11-05T04:00:00Z"}, // midnight comes twice on the 5th
		{promised("2026-03-05T18:00"), "Europe/Berlin", "2026-03-05T17:00:00Z"},
		{promised("2026-03-05T18:00-05:00"), "Europe/Berlin", "2026-03-05T23:00:00Z"},
		{shipment.Window{From: at("2026-03-05")}, "UTC", "2026-03-06T00:00:00Z"},
	}
	for _, tt := range tests {
		if got := tt.window.End(zone(tt.zone)).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%v ends in %s at %s, want %s", tt.window, tt.zone, got, tt.want)
		}
	}
	if !(shipment.Window{}).End(berlin).IsZero() {
		t.Error("no window has an end")
	}
}
