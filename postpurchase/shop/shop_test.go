package shop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/shoptest"
)

func Example() {
	store := shoptest.NewMemory() // or bigcommerce.New(…)
	store.Put(order.Order{ID: "100", Payment: order.PaymentPaid})

	var a shop.Adapter = store
	for o, err := range shop.All(context.Background(), a, shop.Query{}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(o.DisplayNumber(), o.Payment)
	}
	if _, ok := a.(shop.TrackingWriter); ok {
		fmt.Println("can link to our tracking page")
	}
	// Output:
	// 100 paid
	// can link to our tracking page
}

func TestError(t *testing.T) {
	cause := errors.New("connection reset")
	for _, c := range []struct {
		err       *shop.Error
		text      string
		temporary bool
	}{
		{&shop.Error{Shop: "x", Op: "order"}, "x: order", false},
		{&shop.Error{Shop: "x", Op: "order", Kind: shop.ErrNotFound, HTTPStatus: 404}, "x: order: not found (http 404)", false},
		{&shop.Error{Shop: "x", Op: "order", Kind: shop.ErrUnavailable, Err: cause}, "x: order: shop unavailable: connection reset", true},
		{&shop.Error{Shop: "x", Op: "order", Kind: shop.ErrRateLimited, Code: "E1", RetryAfter: time.Second}, `x: order: rate limited (code "E1")`, true},
		{&shop.Error{Shop: "x", Op: "order", Kind: shop.ErrInvalid, HTTPStatus: 400, Code: "E2", Message: "jane@example.com is taken"}, `x: order: request refused as invalid (http 400, code "E2")`, false},
		{&shop.Error{Shop: "x", Op: "order", Err: context.DeadlineExceeded}, "x: order: context deadline exceeded", true},
	} {
		if got := c.err.Error(); got != c.text {
			t.Errorf("text %q, want %q", got, c.text)
		}
		if got := shop.Temporary(c.err); got != c.temporary {
			t.Errorf("Temporary(%v) = %v", c.err, got)
		}
		if c.err.Kind != nil && !errors.Is(c.err, c.err.Kind) {
			t.Errorf("%v is not its kind", c.err)
		}
		if c.err.Err != nil && !errors.Is(c.err, c.err.Err) {
			t.Errorf("%v does not lead to its cause", c.err)
		}
	}
}

// broken lists two pages and then fails.
type broken struct{ shop.Adapter }

var errBroken = errors.New("broken")

func (broken) Orders(_ context.Context, q shop.Query) (shop.Page, error) {
	switch q.Cursor {
	case "":
		return shop.Page{Orders: []order.Order{{ID: "1"}, {ID: "2"}}, Next: "b"}, nil
	case "b":
		return shop.Page{Next: "c"}, nil // nothing, but not the end
	case "c":
		return shop.Page{Orders: []order.Order{{ID: "3"}}, Failed: []shop.Failure{{ID: "4", Err: shop.ErrMalformed}}, Next: "d"}, nil
	}
	return shop.Page{}, errBroken
}

func TestAll(t *testing.T) {
	var ids []string
	var last error
	for o, err := range shop.All(t.Context(), broken{}, shop.Query{}) {
		ids, last = append(ids, o.ID), err
	}
	if d := cmp.Diff([]string{"1", "2", "3", "4", ""}, ids); d != "" {
		t.Errorf("orders (-want +got):\n%s", d)
	}
	if !errors.Is(last, errBroken) {
		t.Errorf("last error %v", last)
	}
	n := 0
	for range shop.All(t.Context(), broken{}, shop.Query{}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("went on to %d after a break", n)
	}
}
