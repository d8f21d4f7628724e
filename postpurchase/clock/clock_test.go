package clock_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/clock"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func ExampleFake() {
	c := clock.NewFake(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	alarm := c.After(48 * time.Hour)
	c.Advance(48 * time.Hour)
	fmt.Println((<-alarm).Format(time.DateTime))
	// Output: 2026-03-04 09:00:00
}

func ExampleNewLapse() {
	// A day a minute, from where the last run stopped.
	saved := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	c := clock.NewLapse(saved, 24*60)
	fmt.Println(c.Now().Before(saved), c.Speed())
	// Output: false 1440
}

// rung reports whether c has rung, and when it says so.
func rung(c <-chan time.Time) (time.Time, bool) {
	select {
	case at := <-c:
		return at, true
	default:
		return time.Time{}, false
	}
}

func TestSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		at := <-clock.System.After(time.Hour)
		if got := at.Sub(before); got != time.Hour {
			t.Errorf("After(1h) rang after %v", got)
		}
		if got := clock.System.Now(); !got.Equal(at) {
			t.Errorf("Now() = %v, want %v", got, at)
		}
	})
}

func TestFakeRingsInOrder(t *testing.T) {
	c := clock.NewFake(start)
	late, early, same := c.After(3*time.Hour), c.After(time.Hour), c.After(3*time.Hour)
	if got := c.Waiters(); got != 3 {
		t.Fatalf("Waiters() = %d, want 3", got)
	}
	if due, ok := c.Next(); !ok || !due.Equal(start.Add(time.Hour)) {
		t.Errorf("Next() = %v, %v, want the earliest", due, ok)
	}

	c.Advance(time.Hour - 1)
	if _, ok := rung(early); ok {
		t.Error("it rang a nanosecond early")
	}
	c.Advance(1)
	if at, ok := rung(early); !ok || !at.Equal(start.Add(time.Hour)) {
		t.Errorf("rang %v at %v, want at the hour", ok, at)
	}
	c.Advance(30 * 24 * time.Hour)
	for _, ch := range []<-chan time.Time{late, same} {
		if at, ok := rung(ch); !ok || !at.Equal(start.Add(3*time.Hour)) {
			t.Errorf("rang %v at %v, want the moment it was set for", ok, at)
		}
	}
	if _, ok := c.Next(); ok || c.Waiters() != 0 {
		t.Error("somebody still waits")
	}
}

func TestFakeAtOnce(t *testing.T) {
	c := clock.NewFake(start)
	for _, d := range []time.Duration{0, -time.Hour} {
		if at, ok := rung(c.After(d)); !ok || !at.Equal(start) {
			t.Errorf("After(%v) rang %v at %v, want at once", d, ok, at)
		}
	}
}

func TestFakeSet(t *testing.T) {
	c := clock.NewFake(start)
	alarm := c.After(time.Hour)
	c.Set(start.Add(-24 * time.Hour))
	if _, ok := rung(alarm); ok {
		t.Error("moving the clock back rang")
	}
	if got := c.Now(); !got.Equal(start.Add(-24 * time.Hour)) {
		t.Errorf("Now() = %v", got)
	}
	c.Set(start.Add(time.Hour))
	if _, ok := rung(alarm); !ok {
		t.Error("it did not ring at its moment")
	}
}

// A ticking goroutine lives through a month at the test's pace.
func TestFakeBlockUntil(t *testing.T) {
	c := clock.NewFake(start)
	stop := make(chan struct{})
	var days int
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-c.After(24 * time.Hour):
				days++
			case <-stop:
				return
			}
		}
	})
	for range 30 {
		c.BlockUntil(1)
		c.Advance(24 * time.Hour)
	}
	c.BlockUntil(1)
	close(stop)
	wg.Wait()
	if days != 30 {
		t.Errorf("lived through %d days, want 30", days)
	}
}

func TestFakeConcurrently(t *testing.T) {
	c := clock.NewFake(start)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { <-c.After(time.Duration(i) * time.Minute) })
		wg.Go(func() { c.Advance(time.Second); c.Now(); c.Waiters(); c.Next() })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return
		default:
			c.Advance(time.Minute)
		}
	}
}

func TestLapse(t *testing.T) {
	for _, speed := range []float64{1, 24 * 60, 86400, 1e9, 0.5, 1.0 / 3} {
		t.Run(fmt.Sprint(speed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clock.NewLapse(start, speed)
				if got := c.Now(); !got.Equal(start) {
					t.Errorf("Now() = %v at the start, want %v", got, start)
				}
				world := time.Now()
				at := <-c.After(24 * time.Hour)
				if early := start.Add(24 * time.Hour).Sub(at); early > time.Microsecond {
					t.Errorf("rang %v early", early)
				}
				want := time.Duration(float64(24*time.Hour) / speed)
				if got := time.Since(world); got < want || got > want+time.Microsecond {
					t.Errorf("a day took %v of the world's time, want %v", got, want)
				}

				// The program stops, the world goes on, the clock does not.
				saved := c.Now()
				time.Sleep(time.Hour)
				if got := clock.NewLapse(saved, speed).Now(); !got.Equal(saved) {
					t.Errorf("after a restart it is %v, want %v", got, saved)
				}
			})
		})
	}
}

func TestLapseNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewLapse(start, 86400)
		for last, i := c.Now(), 0; i < 1000; i++ {
			time.Sleep(997 * time.Millisecond)
			now := c.Now()
			if !now.After(last) {
				t.Fatalf("%v came after %v", now, last)
			}
			last = now
		}
	})
}

func TestLapseStrangeSpeeds(t *testing.T) {
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if got := clock.NewLapse(start, speed).Speed(); got != 1 {
			t.Errorf("speed %v became %v, want 1", speed, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewLapse(start, 1e-9) // ten years of waiting do not fit into a Duration
		ch := c.After(10 * 365 * 24 * time.Hour)
		time.Sleep(24 * time.Hour)
		if _, ok := rung(ch); ok {
			t.Error("rang too early")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewLapse(start, 1e12)
		time.Sleep(365 * 24 * time.Hour)
		if got := c.Now(); got.Before(start) {
			t.Errorf("Now() = %v, before its start", got)
		}
		if _, ok := rung(c.After(-1)); !ok {
			t.Error("a wait of nothing did not ring at once")
		}
	})
}
