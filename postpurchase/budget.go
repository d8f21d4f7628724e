package postpurchase

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
)

// budget is how many requests a carrier allows now. It is kept in the backend, so that
// all processes spend from one, and a program that starts again has not forgotten what
// it spent today.
type budget struct {
	name    string
	limits  []limit
	buckets []bucket
}

// limit is n requests in any span of time. It is kept by a bucket that holds a tenth of
// n and fills at the rate of the rest, so that no span sees more than n, and a morning's
// rush does not use up the day.
type limit struct {
	n    int
	span time.Duration
}

func (l limit) size() float64 { return math.Max(1, float64(l.n/10)) }

// each is how long one request takes to come back.
func (l limit) each() time.Duration {
	return l.span / time.Duration(math.Max(1, float64(l.n)-l.size()))
}

type bucket struct {
	Tokens float64   `json:"tokens"`
	At     time.Time `json:"at"`
}

func limitsOf(l carriers.Limits) (limits []limit) {
	for _, each := range []limit{{l.Requests, l.Per}, {l.PerDay, day}, {1, l.Spacing}} {
		if each.n > 0 && each.span > 0 {
			limits = append(limits, each)
		}
	}
	return limits
}

func loadBudget(r Reader, carrier string, l carriers.Limits, now time.Time) (*budget, error) {
	b := &budget{name: "budget/" + carrier, limits: limitsOf(l)}
	if len(b.limits) == 0 {
		return b, nil
	}
	c, err := r.Cursor(b.name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if json.Unmarshal([]byte(c.Value), &b.buckets) != nil || len(b.buckets) != len(b.limits) {
		b.buckets = make([]bucket, len(b.limits)) // the first time, or the limits have changed
		for i, l := range b.limits {
			b.buckets[i] = bucket{l.size(), now}
		}
	}
	for i, l := range b.limits {
		t := &b.buckets[i]
		if past := now.Sub(t.At); past > 0 {
			t.Tokens = math.Min(l.size(), t.Tokens+float64(past)/float64(l.each()))
		}
		t.At = now
	}
	return b, nil
}

// free is how many requests are allowed now.
func (b *budget) free() int {
	n := math.MaxInt
	for _, t := range b.buckets {
		n = min(n, int(t.Tokens+1e-9))
	}
	return n
}

// next is when the next request is allowed, if none is now.
func (b *budget) next(now time.Time) time.Time {
	wait := time.Duration(0)
	for i, l := range b.limits {
		if missing := 1 - b.buckets[i].Tokens; missing > 0 {
			wait = max(wait, time.Duration(missing*float64(l.each()))+time.Millisecond)
		}
	}
	return now.Add(wait)
}

func (b *budget) spend() {
	for i := range b.buckets {
		b.buckets[i].Tokens--
	}
}

func (b *budget) save(tx Tx) error {
	if len(b.limits) == 0 {
		return nil
	}
	value, err := json.Marshal(b.buckets)
	if err != nil {
		return err
	}
	return tx.PutCursor(Cursor{Name: b.name, Value: string(value)})
}
