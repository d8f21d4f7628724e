package shop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of error a shop gives. Test for them with [errors.Is].
var (
	ErrNotFound     = errors.New("not found")
	ErrUnauthorized = errors.New("not authorized")
	ErrRateLimited  = errors.New("rate limited")
	ErrUnavailable  = errors.New("shop unavailable")
	ErrInvalid      = errors.New("request refused as invalid")
	ErrMalformed    = errors.New("answer not understood")
	ErrConflict     = errors.New("in conflict with the state of the shop")
	ErrUnsupported  = errors.New("not supported")

	// ErrUncertain is a write whose outcome is not known: the shop may have done it. Do
	// not repeat it before you have looked.
	ErrUncertain = errors.New("outcome unknown")
)

// An Error is what went wrong with a shop. It wraps its Kind and its cause.
type Error struct {
	Shop       string        // the adapter's code
	Op         string        // "order", "orders", "webhook", …
	Kind       error         // one of the Err variables; nil if none fits
	HTTPStatus int           // 0 if there was no answer
	Code       string        // the shop's own error code; empty if it has none
	Message    string        // the shop's own words: untrusted, and not in the text of the error, as it may repeat what a customer wrote
	RetryAfter time.Duration // what the shop asked for; 0 if nothing
	Err        error         // the cause; nil if there is none
}

// Error returns the shop, the operation, the kind, the status and the cause. It holds
// no credential and no customer's data.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Shop, e.Op)
	if e.Kind != nil {
		fmt.Fprintf(&b, ": %v", e.Kind)
	}
	switch {
	case e.HTTPStatus != 0 && e.Code != "":
		fmt.Fprintf(&b, " (http %d, code %q)", e.HTTPStatus, e.Code)
	case e.HTTPStatus != 0:
		fmt.Fprintf(&b, " (http %d)", e.HTTPStatus)
	case e.Code != "":
		fmt.Fprintf(&b, " (code %q)", e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Kind, e.Err}, func(err error) bool { return err == nil })
}

// Temporary reports whether asking again later may do better.
func Temporary(err error) bool {
	return errors.Is(err, ErrRateLimited) || errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}
