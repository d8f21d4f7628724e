package shipment

import "time"

// HealthRules are what a parcel is measured against. The zero value measures against
// the carrier's first estimate and uses the defaults.
type HealthRules struct {
	// Promise is what the customer was told at purchase. The zero value: nothing was,
	// and the carrier's first estimate stands for it.
	Promise Window

	// Zone is where the customer is, to know when a promised day ends. Defaults to UTC.
	Zone *time.Location

	// Followed is when we began to wait for the parcel: the label's time, or ours.
	Followed time.Time

	// NoScanAfter is how long a label may wait for its first scan. Defaults to 48 hours.
	NoScanAfter time.Duration

	// StalledAfter is how long a moving parcel may be silent. Defaults to 4 days.
	StalledAfter time.Duration

	// Grace is how far past the promise a parcel may be before it is late. Defaults to 0.
	Grace time.Duration
}

// The yardsticks of [HealthReport.Against].
const (
	AgainstPromise  = "promised"
	AgainstOriginal = "original"
)

// HealthReport is how a parcel is doing at one moment, and why.
type HealthReport struct {
	Health Health // the worst that is true

	Late    bool // the promise has passed
	AtRisk  bool // it will probably be late
	Stalled bool // nothing has happened for too long
	NoScan  bool // Stalled, and the carrier has never had the parcel

	ExpectedBy time.Time // the end of what it is measured against; zero if there is nothing
	Against    string    // [AgainstPromise], [AgainstOriginal], or empty
	Since      time.Time // when the health became what it is; zero if that can not be said
	Why        string    // one sentence for agents

	// NextCheck is when the health could become worse without any news; zero if it can
	// not.
	NextCheck time.Time
}

// HealthAt works out how the parcel is doing at now. It is pure: the same parcel,
// rules and moment give the same report.
func (s *Shipment) HealthAt(now time.Time, r HealthRules) HealthReport {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if r.NoScanAfter == 0 {
		r.NoScanAfter = 48 * time.Hour
	}
	if r.StalledAfter == 0 {
		r.StalledAfter = 4 * 24 * time.Hour
	}
	h := HealthReport{Health: HealthUnknown}
	if end := r.Promise.End(r.Zone); !end.IsZero() {
		h.ExpectedBy, h.Against = end, AgainstPromise
	} else if e, ok := s.OriginalETA(); ok {
		h.ExpectedBy, h.Against = e.Window.End(r.Zone), AgainstOriginal
	}
	due := h.ExpectedBy.Add(r.Grace)

	switch s.Status {
	case Delivered:
		if h.Against == "" {
			return h
		}
		came := s.offered(r.Zone)
		switch {
		case came.IsZero() && !s.heard().IsZero() && !s.heard().After(due):
			came = s.heard() // it happened before we heard of it
		case came.IsZero():
			return h
		}
		if came.After(due) {
			h.Health, h.Late, h.Since, h.Why = HealthLate, true, due, "it was delivered after "+h.says()
		} else {
			h.Health, h.Why = HealthOnTime, "it was delivered within "+h.says()
		}
		return h
	case Returned, Failed, Cancelled, Returning:
		h.Why = "a parcel that is not on its way to the customer has no delivery to be late for"
		return h
	}

	came := s.offered(r.Zone)
	inTime := !came.IsZero() && !came.After(due)
	switch {
	case h.Against == "":
	case inTime:
		// The promise was kept, though the customer could not take it.
		h.Health, h.Why = HealthOnTime, "it was offered to the customer within "+h.says()
	default:
		h.Health, h.Why = HealthOnTime, "it is within "+h.says()
		if eta, ok := s.ETA(); ok && eta.Window.End(r.Zone).After(due) {
			h.AtRisk, h.Health, h.Since, h.Why = true, HealthAtRisk, eta.First, "the carrier's estimate is later than "+h.says()
		}
		if now.After(due) {
			h.Late, h.Health, h.Since, h.Why = true, HealthLate, due, h.says()+" has passed"
		} else {
			h.next(due)
		}
	}
	if !h.Late && !h.AtRisk && !inTime && s.Detail == DetailDelayed {
		h.AtRisk, h.Health, h.Why = true, HealthAtRisk, "the carrier reports a delay"
	}

	// How long it may be silent depends on where it is. A parcel that waits for the
	// customer, or for somebody's decision, is not silent: it waits.
	var last time.Time
	var limit time.Duration
	switch s.Status {
	case "", Unknown, Pending, PreTransit:
		last, limit, h.NoScan = r.Followed, r.NoScanAfter, true
	case InTransit, OutForDelivery, AttemptFailed:
		last, limit = s.lastNews(r.Zone), r.StalledAfter
	}
	if last.IsZero() {
		h.NoScan = false
		return h
	}
	if silent := last.Add(limit); now.After(silent) {
		h.Stalled, h.Health, h.Since = true, HealthStalled, silent
		h.Why = "the carrier has said nothing new for too long"
		if h.NoScan {
			h.Why = "the carrier has not scanned the parcel since its label was made"
		}
	} else {
		h.NoScan = false
		h.next(silent)
	}
	return h
}

// offered is when the customer could first have had the parcel: somebody came to the
// door, or it lay at a pickup point. On time is when that is, not when the customer
// found the time. It is the zero time where that is not known.
func (s *Shipment) offered(loc *time.Location) time.Time {
	first := s.FirstAttemptAt.In(loc)
	for i := len(s.History) - 1; i >= 0 && s.History[i].Journey == s.Journey; i-- {
		if t := &s.History[i]; t.Status == AvailableForPickup && !t.At.IsZero() {
			if at := t.At.In(loc); first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}

// heard is when we heard of the status.
func (s *Shipment) heard() time.Time {
	if len(s.History) == 0 {
		return time.Time{}
	}
	return s.History[len(s.History)-1].Seen
}

func (h *HealthReport) says() string {
	if h.Against == AgainstPromise {
		return "the promise"
	}
	return "the carrier's first estimate"
}

func (h *HealthReport) next(at time.Time) {
	at = at.Add(time.Second) // the moment after, when it is true
	if h.NextCheck.IsZero() || at.Before(h.NextCheck) {
		h.NextCheck = at
	}
}

// lastNews is when the newest event that says anything of the parcel happened. An
// event with an impossible time happened when we heard of it.
func (s *Shipment) lastNews(loc *time.Location) time.Time {
	var last time.Time
	for i := range s.Events {
		e := &s.Events[i]
		if e.Class != ClassStatus {
			continue
		}
		at := e.Seen
		if e.plausible() {
			at = e.Time.In(loc)
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}
