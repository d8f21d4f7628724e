package carriers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of error a carrier gives. Test for them with [errors.Is].
var (
	ErrNotFound     = errors.New("tracking number not found")
	ErrUnauthorized = errors.New("not authorized")
	ErrRateLimited  = errors.New("rate limited")
	ErrUnavailable  = errors.New("carrier unavailable")
	ErrInvalid      = errors.New("refused as invalid")
	ErrMalformed    = errors.New("answer not understood")
	ErrUnsupported  = errors.New("not supported")
)

// An Error is what went wrong with a carrier. It wraps its Kind and its cause. It
// holds no credential, no tracking number and no customer's data, so it may be
// logged and pasted into a ticket.
type Error struct {
	Carrier    string
	Op         string        // "track", "token", "webhook", "subscribe"
	Kind       error         // one of the Err variables; nil if none fits
	HTTPStatus int           // 0 if there was no answer
	Code       string        // the carrier's own error code
	Message    string        // ours, or the carrier's where it is known to be constant
	RetryAfter time.Duration // what the carrier asked for; 0 if nothing
	Err        error         // the cause; nil if there is none to tell
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Carrier, e.Op)
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
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the Kind and the cause.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Kind, e.Err}, func(err error) bool { return err == nil })
}

// Temporary reports whether asking again later may do better. An answer that is not
// understood counts: a maintenance page with status 200 goes away.
func Temporary(err error) bool {
	return errors.Is(err, ErrRateLimited) || errors.Is(err, ErrUnavailable) ||
		errors.Is(err, ErrMalformed) || errors.Is(err, context.DeadlineExceeded)
}

// RetryAfter is how long the carrier asked to be left alone; 0 if it did not say.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
