package carrierhttp

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/doorstep-go/doorstep/carriers"
)

// budget holds a carrier's request limits. A nil budget has no limit.
type budget struct{ limiters []*rate.Limiter }

func newBudget(l carriers.Limits) *budget {
	b := &budget{}
	if l.Requests > 0 && l.Per > 0 {
		b.limiters = append(b.limiters, rate.NewLimiter(rate.Every(l.Per/time.Duration(l.Requests)), l.Requests))
	}
	if l.PerDay > 0 {
		b.limiters = append(b.limiters, rate.NewLimiter(rate.Every(24*time.Hour/time.Duration(l.PerDay)), l.PerDay))
	}
	if l.Spacing > 0 {
		b.limiters = append(b.limiters, rate.NewLimiter(rate.Every(l.Spacing), 1))
	}
	return b
}

type overBudget struct{ after time.Duration }

func (*overBudget) Error() string { return "own request budget is used up" }

// wait takes one request from every limit. It waits two seconds at the most; when
// that is not enough it takes nothing and returns *overBudget.
func (b *budget) wait(ctx context.Context, now func() time.Time) error {
	at := now()
	var longest time.Duration
	taken := make([]*rate.Reservation, 0, len(b.limiters))
	for _, l := range b.limiters {
		r := l.ReserveN(at, 1)
		taken = append(taken, r)
		longest = max(longest, r.DelayFrom(at))
	}
	if longest > maxWait {
		for _, r := range taken {
			r.CancelAt(at)
		}
		return &overBudget{longest}
	}
	if longest == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(longest)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
