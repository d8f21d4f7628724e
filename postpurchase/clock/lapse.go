package clock

import (
	"math"
	"time"
)

// Lapse is a clock on which time passes faster or slower than in the world, for
// demonstrations. Make one with [NewLapse]; it can not be changed and is safe for
// concurrent use.
type Lapse struct {
	start time.Time
	began time.Time
	speed float64
}

// NewLapse returns a clock that shows start now and on which speed seconds pass in
// each second: 86400 is a day a second, 1440 a day a minute. A speed that is not a
// positive number counts as 1.
//
// To go on after a restart, keep what Now said and hand it in as start: the time in
// which the program did not run does not pass on this clock.
func NewLapse(start time.Time, speed float64) *Lapse {
	if !(speed > 0) || math.IsInf(speed, 0) {
		speed = 1
	}
	return &Lapse{start: start.Round(0), began: time.Now(), speed: speed}
}

// Speed is how many seconds pass on this clock in one second.
func (l *Lapse) Speed() float64 { return l.speed }

// Now is the present moment on this clock, in the location of its start. It never goes
// back.
func (l *Lapse) Now() time.Time {
	return l.start.Add(duration(float64(time.Since(l.began)) * l.speed))
}

// After returns a channel that gets the time of this clock once d has passed on it.
func (l *Lapse) After(d time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- l.Now()
		return c
	}
	// Rounded up, so that the wait is over when the channel says it is.
	time.AfterFunc(duration(math.Ceil(float64(d)/l.speed)), func() { c <- l.Now() })
	return c
}

// duration is f in nanoseconds, as near as a Duration comes to it.
func duration(f float64) time.Duration {
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(f)
}
