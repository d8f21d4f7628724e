package backendtest

import (
	"context"
	"testing"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// depth examines what a [postpurchase.Queue] counts.
func (e exam) depth(t *testing.T) {
	b := e.open(t)
	q, ok := b.(postpurchase.Queue)
	if !ok {
		t.Skip("the backend is no Queue")
	}
	want := func(when, name string, n int) {
		t.Helper()
		if got, err := q.Depth(t.Context(), name); got != n || err != nil {
			t.Errorf("%s the depth is %d, %v; want %d", when, got, err, n)
		}
	}
	want("before all", shop, 0)
	enqueue(t, b, shop, "fails", "works", "works")
	enqueue(t, b, "another", "works")
	want("with two jobs that wait", shop, 2)
	left := 2
	if d, ok := b.(postpurchase.Drainer); ok {
		err := d.Drain(t.Context(), shop, func(_ context.Context, j postpurchase.Job) error {
			if j.Key == "fails" {
				return errBoom
			}
			return nil
		})
		if err == nil {
			t.Error("Drain has no error of the job that failed")
		}
		left = 1
		want("with one that is to be tried again", shop, left)
	}
	work(t, b, shop, func(j postpurchase.Job) error {
		if left == 1 {
			want("with one that runs", shop, left)
		}
		return nil
	}, count(left))
	want("after all", shop, 0)
	want("of another shop", "another", 1)
}
