package carriers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
)

func TestError(t *testing.T) {
	err := error(&carriers.Error{Carrier: "ups", Op: "track", Kind: carriers.ErrRateLimited, HTTPStatus: 429, Code: "10429", Message: "too many", RetryAfter: time.Minute, Err: context.DeadlineExceeded})
	if got, want := err.Error(), `ups: track: rate limited (http 429, code "10429"): too many: context deadline exceeded`; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("poll: %w", err)
	if !errors.Is(wrapped, carriers.ErrRateLimited) || !errors.Is(wrapped, context.DeadlineExceeded) || errors.Is(wrapped, carriers.ErrNotFound) {
		t.Error("does not wrap its kind and its cause, and nothing else")
	}
	if carriers.RetryAfter(wrapped) != time.Minute || carriers.RetryAfter(errBare) != 0 || carriers.RetryAfter(nil) != 0 {
		t.Error("RetryAfter")
	}
	for want, e := range map[string]*carriers.Error{
		"a: token":            {Carrier: "a", Op: "token"},
		"a: track (http 500)": {Carrier: "a", Op: "track", HTTPStatus: 500},
		`a: track: tracking number not found (code "TW0001")`: {Carrier: "a", Op: "track", Kind: carriers.ErrNotFound, Code: "TW0001"},
	} {
		if e.Error() != want {
			t.Errorf("text %q, want %q", e.Error(), want)
		}
	}
	if n := len((&carriers.Error{}).Unwrap()); n != 0 {
		t.Errorf("an empty error wraps %d", n)
	}
}

func TestTemporary(t *testing.T) {
	for err, want := range map[error]bool{
		carriers.ErrRateLimited: true, carriers.ErrUnavailable: true, carriers.ErrMalformed: true, context.DeadlineExceeded: true,
		carriers.ErrNotFound: false, carriers.ErrUnauthorized: false, carriers.ErrInvalid: false, carriers.ErrUnsupported: false,
		context.Canceled: false, errBare: false,
	} {
		if got := carriers.Temporary(&carriers.Error{Kind: err}); got != want {
			t.Errorf("Temporary(%v) = %v, want %v", err, got, want)
		}
	}
}
