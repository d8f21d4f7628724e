package postpurchase

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Stats counts what this process has met since it started.
type Stats struct {
	Strangers int64 // updates about parcels that nobody follows
	Malformed int64 // webhooks that were authentic and not understood

	// Unmapped are codes that a carrier's table does not hold, as "carrier kind code",
	// with how often they came. They moved no parcel; the table wants mending.
	Unmapped map[string]int
}

type counters struct {
	strangers, malformed atomic.Int64

	mu       sync.Mutex
	unmapped map[string]int
}

const maxUnmapped = 1000 // different codes that are counted apart

// Stats returns the counts.
func (s *Service) Stats() Stats {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	return Stats{
		Strangers: s.counters.strangers.Load(), Malformed: s.counters.malformed.Load(),
		Unmapped: maps.Clone(s.counters.unmapped),
	}
}

func (s *Service) countUnmapped(carrier string, events []shipment.Event) (n int) {
	for i := range events {
		e := &events[i]
		if e.Code == "" || e.Status != "" && e.Status != shipment.Unknown || e.Class != "" && e.Class != shipment.ClassStatus {
			continue
		}
		n++
		s.counters.mu.Lock()
		if s.counters.unmapped == nil {
			s.counters.unmapped = map[string]int{}
		}
		key := carrier + " " + e.Kind + " " + e.Code
		if _, known := s.counters.unmapped[key]; known || len(s.counters.unmapped) < maxUnmapped {
			s.counters.unmapped[key]++
		}
		s.counters.mu.Unlock()
	}
	return n
}
