package backendtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// fair floods the backend with one shop's updates and jobs, none of which end before
// the other shop has done its own.
func (e exam) fair(t *testing.T) {
	b := e.open(t)
	const flood, quiet = "flood", "quiet"
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	done := make(chan struct{}) // the quiet shop is served
	var wg sync.WaitGroup
	defer wg.Wait()

	for i := range 500 {
		enqueue(t, b, flood, fmt.Sprint(i))
	}
	enqueue(t, b, quiet, "mine")
	work := func(name string, do func()) {
		wg.Go(func() {
			err := b.Work(ctx, name, func(context.Context, postpurchase.Job) error { do(); return nil })
			if err != nil {
				t.Errorf("Work of %s: %v", name, err)
			}
		})
	}
	for i := range 64 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				err := b.Update(ctx, flood, func(tx postpurchase.Tx) error {
					return tx.PutCursor(postpurchase.Cursor{Name: fmt.Sprint(i), Value: fmt.Sprint(n)})
				})
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("Update of the flood: %v", err)
					}
					return
				}
			}
		})
	}
	// Every worker of the flood holds its job until the quiet shop is served: if the two
	// shared workers, it never would be.
	work(flood, func() {
		select {
		case <-done:
		case <-ctx.Done():
		}
	})
	mine := make(chan struct{})
	var once sync.Once
	work(quiet, func() { once.Do(func() { close(mine) }) })

	for n := range 20 {
		err := b.Update(ctx, quiet, func(tx postpurchase.Tx) error {
			return tx.PutCursor(postpurchase.Cursor{Name: "mine", Value: fmt.Sprint(n)})
		})
		if err != nil {
			t.Errorf("the quiet shop's update %d: %v", n, err)
			break
		}
	}
	select {
	case <-mine:
	case <-ctx.Done():
		t.Error("the quiet shop's job waits for another shop's")
	}
	close(done)
	cancel()
}
