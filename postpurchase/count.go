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

// unmapped are the codes of events that the carrier's table does not hold.
func unmapped(carrier string, events []shipment.Event) (keys []string) {
	for i := range events {
		e := &events[i]
		if e.Code == "" || e.Status != "" && e.Status != shipment.Unknown || e.Class != "" && e.Class != shipment.ClassStatus {
			continue
		}
		keys = append(keys, carrier+" "+e.Kind+" "+e.Code)
	}
	return keys
}

func (c *counters) countUnmapped(keys []string) {
	if len(keys) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unmapped == nil {
		c.unmapped = map[string]int{}
	}
	for _, key := range keys {
		if _, known := c.unmapped[key]; known || len(c.unmapped) < maxUnmapped {
			c.unmapped[key]++
		}
	}
}
