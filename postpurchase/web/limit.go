package web

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are how often strangers may look for an order by its number. The zero value of
// a field means its default.
type Limits struct {
	// PerClient is how many lookups one client address may make in a burst; one more is
	// allowed each minute. An IPv6 client is its /64. Defaults to 10.
	PerClient int

	// PerOrder is the same for one order number, whoever asks, with one more each five
	// minutes. Defaults to 10.
	PerOrder int

	// PerSecond is how many lookups are answered in a second altogether, with ten times
	// as many in a burst. Defaults to 10.
	PerSecond int
}

// maxRemembered bounds how many addresses and how many order numbers are remembered.
// To push one out costs a stranger maxRemembered lookups, which the limit for all of
// them stretches over so long that the one would have been allowed again anyway.
const maxRemembered = 10_000

// lookupLimit is the brake of the lookup form. It is safe for concurrent use.
type lookupLimit struct {
	now     func() time.Time
	mu      sync.Mutex
	all     *rate.Limiter
	clients *limiters
	orders  *limiters
}

func newLookupLimit(l Limits, now func() time.Time) *lookupLimit {
	def := func(n, d int) int {
		if n <= 0 {
			return d
		}
		return n
	}
	perSecond := def(l.PerSecond, 10)
	return &lookupLimit{
		now:     now,
		all:     rate.NewLimiter(rate.Limit(perSecond), 10*perSecond),
		clients: newLimiters(rate.Every(time.Minute), def(l.PerClient, 10)),
		orders:  newLimiters(rate.Every(5*time.Minute), def(l.PerOrder, 10)),
	}
}

// allow counts a lookup and returns 0, or how long to wait before the next. A lookup
// that is refused by one limit uses up nothing of the others.
func (l *lookupLimit) allow(client, number string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	asked := []*rate.Reservation{}
	for _, lim := range []*rate.Limiter{l.clients.of(client), l.orders.of(number), l.all} {
		r := lim.ReserveN(now, 1)
		asked = append(asked, r)
		if d := r.DelayFrom(now); d > 0 {
			for _, r := range asked {
				r.CancelAt(now)
			}
			return d
		}
	}
	return 0
}

// limiters are the limiters of the keys that were used last.
type limiters struct {
	every  rate.Limit
	burst  int
	byKey  map[string]*list.Element
	recent *list.List // of *keyed, the latest first
}

type keyed struct {
	key string
	lim *rate.Limiter
}

func newLimiters(every rate.Limit, burst int) *limiters {
	return &limiters{every: every, burst: burst, byKey: map[string]*list.Element{}, recent: list.New()}
}

func (l *limiters) of(key string) *rate.Limiter {
	if e, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*keyed).lim
	}
	if len(l.byKey) >= maxRemembered {
		oldest := l.recent.Back()
		delete(l.byKey, oldest.Value.(*keyed).key)
		l.recent.Remove(oldest)
	}
	k := &keyed{key, rate.NewLimiter(l.every, l.burst)}
	l.byKey[key] = l.recent.PushFront(k)
	return k.lim
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// clientIP is who asks. X-Forwarded-For is read from its end and only as far as it was
// written by a proxy of ours: what is before that the client may have made up.
func clientIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	var at netip.Addr
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		at = ap.Addr().Unmap()
	}
	ours := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && ours(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap().WithZone("")
	}
	return at
}

// bucket is the part of an address that one client can not change at will.
func bucket(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
