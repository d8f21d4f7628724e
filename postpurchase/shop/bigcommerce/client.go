package bigcommerce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

const (
	maxBody    = 4 << 20
	maxRetries = 2
	maxWait    = time.Second
)

// clients returns the client for what is sent once, and the one for what may be sent
// again. Neither follows a redirect: that would carry the token to another host.
func clients(base *http.Client) (*http.Client, *retryablehttp.Client) {
	once := http.Client{Timeout: 20 * time.Second}
	if base != nil {
		once = *base
	}
	once.Jar = nil
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// The library's defaults log to stderr, repeat writes, and sleep for as long as a
	// header says. A rate limit is not waited for here at all: the caller's queue does.
	return &once, &retryablehttp.Client{
		HTTPClient:   &once,
		RetryMax:     maxRetries,
		RetryWaitMin: 100 * time.Millisecond,
		RetryWaitMax: maxWait,
		CheckRetry: func(ctx context.Context, resp *http.Response, err error) (bool, error) {
			switch {
			case ctx.Err() != nil:
				return false, ctx.Err()
			case err != nil && isTimeout(err):
				return false, nil // the caller has waited long enough
			case err != nil:
				return retryablehttp.DefaultRetryPolicy(ctx, nil, err)
			}
			again := resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented && resp.StatusCode != http.StatusInsufficientStorage
			return again && resp.Header.Get("Retry-After") == "", nil
		},
		Backoff: func(least, most time.Duration, attempt int, _ *http.Response) time.Duration {
			return min(least<<attempt, most)
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// get reads path, such as "/v2/orders/1", into v and reports whether there was
// anything: BigCommerce answers an empty list 204 without a body.
func (a *Adapter) get(ctx context.Context, op, path string, query url.Values, v any) (bool, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return a.send(ctx, op, http.MethodGet, path, nil, v)
}

// send sends one request. It never sends a write twice.
func (a *Adapter) send(ctx context.Context, op, method, path string, body, v any) (some bool, err error) {
	var payload []byte
	if body != nil {
		if payload, err = json.Marshal(body); err != nil {
			return false, a.fail(op, shop.ErrInvalid)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(payload))
	if err != nil {
		return false, a.fail(op, shop.ErrInvalid)
	}
	if body == nil {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	}
	r.Header.Set("X-Auth-Token", a.cfg.AccessToken)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json") // on reads too: the order products call declares it required
	r.Header.Set("User-Agent", a.cfg.UserAgent)

	var resp *http.Response
	if method == http.MethodGet {
		var rr *retryablehttp.Request
		if rr, err = retryablehttp.FromRequest(r); err == nil {
			resp, err = a.retry.Do(rr)
		}
	} else {
		resp, err = a.once.Do(r)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return false, a.noAnswer(ctx, op, 0, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if kind := kindOf(resp.StatusCode); kind != nil {
		return false, &shop.Error{
			Shop: Code, Op: op, Kind: kind, HTTPStatus: resp.StatusCode,
			Message: message(answer), RetryAfter: retryAfter(resp, a.cfg.Now()),
		}
	}
	if err != nil {
		return false, a.noAnswer(ctx, op, resp.StatusCode, err)
	}
	if resp.StatusCode == http.StatusNoContent {
		return false, nil
	}
	if len(answer) > maxBody {
		return false, a.malformed(op, resp.StatusCode, errors.New("answer too large"))
	}
	if err := decode(answer, v); err != nil {
		return false, a.malformed(op, resp.StatusCode, err)
	}
	return true, nil
}

func (a *Adapter) fail(op string, kind error) error {
	return &shop.Error{Shop: Code, Op: op, Kind: kind}
}

func (a *Adapter) malformed(op string, status int, cause error) error {
	return &shop.Error{Shop: Code, Op: op, Kind: shop.ErrMalformed, HTTPStatus: status, Err: cause}
}

// noAnswer is the error of a request that got none, or half of one. The URL is left
// out of the cause: its query may hold an e-mail address.
func (a *Adapter) noAnswer(ctx context.Context, op string, status int, err error) error {
	switch ctxErr := ctx.Err(); ctxErr {
	case nil:
	case context.DeadlineExceeded:
		return &shop.Error{Shop: Code, Op: op, Kind: shop.ErrUnavailable, HTTPStatus: status, Err: ctxErr}
	default:
		return &shop.Error{Shop: Code, Op: op, HTTPStatus: status, Err: ctxErr}
	}
	cause := errors.New("no answer")
	switch {
	case isTimeout(err):
		cause = errors.New("no answer in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		cause = io.ErrUnexpectedEOF
	}
	return &shop.Error{Shop: Code, Op: op, Kind: shop.ErrUnavailable, HTTPStatus: status, Err: cause}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// decode reads one JSON value. Its errors say where the answer is wrong and quote
// nothing of it.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return errors.New("no JSON from byte " + strconv.FormatInt(syntax.Offset, 10))
	case errors.As(err, &typ):
		return errors.New("another type than expected in " + strconv.Quote(typ.Field))
	case errors.Is(err, errScalar):
		return err
	}
	return errors.New("not the JSON that was expected")
}

// kindOf is the kind of error that a status means, nil for 2xx. Source: BigCommerce's
// guide "API status codes". A redirect is a maintenance page.
func kindOf(status int) error {
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusNotFound:
		return shop.ErrNotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return shop.ErrUnauthorized
	case status == http.StatusTooManyRequests:
		return shop.ErrRateLimited
	case status == http.StatusConflict:
		return shop.ErrConflict
	case status == http.StatusLocked, status == http.StatusRequestTimeout:
		return shop.ErrUnavailable
	case status >= 400 && status <= 499,
		status == http.StatusNotImplemented,
		status == http.StatusInsufficientStorage: // a limit of the store's plan
		return shop.ErrInvalid
	}
	return shop.ErrUnavailable
}

// message is what an error answer says: V2 answers a list of {status, message}, V3
// an object with a title, a gateway HTML, of which nothing is kept.
func message(body []byte) string {
	type said struct {
		Message string `json:"message"`
		Title   string `json:"title"`
	}
	var list []said
	if json.Unmarshal(body, &list) != nil {
		var one said
		if json.Unmarshal(body, &one) != nil {
			return ""
		}
		list = []said{one}
	}
	for _, s := range list {
		for _, text := range []string{s.Message, s.Title} {
			if text != "" {
				return strings.ToValidUTF8(text[:min(len(text), 500)], "")
			}
		}
	}
	return ""
}

// retryAfter is how long the store asks to be left alone: until its quota is renewed
// for a rate limit (milliseconds), else as in HTTP. A 429 without any of it means that
// the platform is under load; the caller's own backoff knows better than a number
// that is made up. The quota's headers are on every answer and mean nothing elsewhere.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	if resp.StatusCode == http.StatusTooManyRequests {
		if ms, err := strconv.ParseInt(resp.Header.Get("X-Rate-Limit-Time-Reset-Ms"), 10, 32); err == nil && ms > 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	for _, name := range []string{"X-Retry-After", "Retry-After"} {
		v := resp.Header.Get(name)
		if s, err := strconv.ParseInt(v, 10, 32); err == nil && s > 0 {
			return time.Duration(s) * time.Second
		}
		if at, err := http.ParseTime(v); err == nil && at.After(now) {
			return at.Sub(now)
		}
	}
	return 0
}
