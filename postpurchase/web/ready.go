package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// readyFor is how long an answer is good: strangers can ask too, and must not make the
	// backend work.
	readyFor = time.Second
	// readyWithin is how long the check may take.
	readyWithin = 10 * time.Second
)

// readiness answers whether the service does its work.
type readiness struct {
	check func(ctx context.Context) error
	log   *slog.Logger
	now   func() time.Time

	mu   sync.Mutex // held during a check: who comes meanwhile gets its answer
	at   time.Time
	last error
}

func (c *readiness) err(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := c.now().Sub(c.at); !c.at.IsZero() && age >= 0 && age < readyFor {
		return c.last
	}
	// The answer is for others too, whoever hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin)
	defer cancel()
	c.last = c.check(ctx)
	c.at = c.now()
	if c.last != nil {
		c.log.WarnContext(ctx, "not ready", "err", c.last)
	}
	return c.last
}

func (c *readiness) serve(w http.ResponseWriter, r *http.Request) {
	if c.err(r.Context()) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
