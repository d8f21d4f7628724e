// Package carrierhttp is the HTTP client that carrier adapters share.
//
// For most uses, an adapter makes one [Client] in its New and calls [Client.JSON]:
//
//	c := carrierhttp.New(carrierhttp.Config{Carrier: "acme", HTTPClient: cfg.HTTPClient})
//	...
//	var answer wireAnswer
//	err := c.JSON(req, "track", &answer)
//
// The client retries little, only what is safe to send twice, and never longer than a
// caller waits; it keeps to the carrier's request budget; it refreshes a token once
// when it is refused; it follows no redirect, because a redirect would carry keys to
// another host; it reads no more than a cap; and no error it returns holds a URL, a
// credential or anything of the body.
//
// It is exported so that adapters outside this module behave as those inside do.
package carrierhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/doorstep-go/doorstep/carriers"
)

const (
	defaultMaxBody = 4 << 20
	maxRetries     = 2
	maxWait        = 2 * time.Second // longer waits are the job queue's business
)

// Config is a client's choices. Only Carrier is required.
type Config struct {
	// Carrier is the adapter's code, for errors.
	Carrier string

	// HTTPClient is used for its Transport and Timeout; it is not changed. Defaults to
	// a client with a timeout of 20 seconds.
	HTTPClient *http.Client

	// Token gives the bearer token of each request. Nil means that requests carry what
	// the adapter put on them.
	Token *TokenSource

	// Limits is the carrier's request budget, kept within this process. The zero value
	// means none.
	Limits carriers.Limits

	// MaxBody is the most bytes of an answer that are read, after decompression.
	// Defaults to 4 MiB.
	MaxBody int64

	// Now tells the time, for the budget and for Retry-After dates. Defaults to
	// [time.Now].
	Now func() time.Time
}

// Client sends requests to one carrier. It is safe for concurrent use.
type Client struct {
	cfg    Config
	retry  *retryablehttp.Client
	once   *http.Client
	budget *budget
}

// New returns a Client.
func New(cfg Config) *Client {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{cfg: cfg, once: plain(cfg.HTTPClient), budget: newBudget(cfg.Limits)}
	// Every field that bites is set here: the library's defaults log to stderr, repeat
	// POSTs, and wait for as long as Retry-After says, be it a day.
	c.retry = &retryablehttp.Client{
		HTTPClient:   c.once,
		RetryMax:     maxRetries,
		RetryWaitMin: 100 * time.Millisecond,
		RetryWaitMax: maxWait / 2,
		CheckRetry:   c.checkRetry,
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c
}

// plain copies base, with a timeout and without redirects.
func plain(base *http.Client) *http.Client {
	c := http.Client{Timeout: 20 * time.Second}
	if base != nil {
		c = *base
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends r and reads the answer. A status outside 2xx is not an error here: use
// [Client.StatusError] after looking for the carrier's own error codes. Errors are
// *[carriers.Error].
//
// GET and HEAD, and requests with an Idempotency-Key, are sent again after a network
// error, 429 or 5xx, twice at the most; any other request is sent once. When the
// budget has no room within two seconds the request is not sent at all and the error
// wraps [carriers.ErrRateLimited].
func (c *Client) Do(r *http.Request, op string) (*Response, error) {
	ctx := r.Context()
	if c.cfg.Token == nil {
		return c.send(r, op)
	}
	token, err := c.cfg.Token.Token(ctx)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.send(r, op)
	if err != nil || resp.Status != http.StatusUnauthorized {
		return resp, err
	}
	// The token may have been revoked before its time: get one new token, try once.
	// The body must be read again, which GetBody allows for all that http.NewRequest
	// makes of bytes and strings.
	if r.Body != nil && r.GetBody == nil {
		return resp, nil
	}
	c.cfg.Token.Drop(token)
	if token, err = c.cfg.Token.Token(ctx); err != nil {
		return nil, err
	}
	again := r.Clone(ctx)
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, c.failure(op, err)
		}
	}
	again.Header.Set("Authorization", "Bearer "+token)
	return c.send(again, op)
}

func (c *Client) send(r *http.Request, op string) (*Response, error) {
	ctx := r.Context()
	if err := c.budget.wait(ctx, c.cfg.Now); err != nil {
		var over *overBudget
		if errors.As(err, &over) {
			return nil, &carriers.Error{Carrier: c.cfg.Carrier, Op: op, Kind: carriers.ErrRateLimited, Message: "own request budget is used up", RetryAfter: over.after}
		}
		return nil, c.failure(op, err)
	}
	var resp *http.Response
	var err error
	if safeTwice(r) {
		rr, rerr := retryablehttp.FromRequest(r)
		if rerr != nil {
			return nil, c.failure(op, rerr)
		}
		resp, err = c.retry.Do(rr)
	} else {
		resp, err = c.once.Do(r)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, c.failure(op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.MaxBody+1))
	if err != nil {
		f := c.failure(op, err)
		f.HTTPStatus = resp.StatusCode
		return nil, f
	}
	if int64(len(body)) > c.cfg.MaxBody {
		return nil, &carriers.Error{Carrier: c.cfg.Carrier, Op: op, Kind: carriers.ErrMalformed, HTTPStatus: resp.StatusCode, Message: "answer is larger than " + strconv.FormatInt(c.cfg.MaxBody, 10) + " bytes"}
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func safeTwice(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == "" || r.Header.Get("Idempotency-Key") != ""
}

// JSON sends r as [Client.Do] does and decodes a 2xx answer into v.
func (c *Client) JSON(r *http.Request, op string, v any) error {
	resp, err := c.Do(r, op)
	if err != nil {
		return err
	}
	if err := c.StatusError(resp, op); err != nil {
		return err
	}
	return c.Decode(resp, op, v)
}

// Decode reads the JSON of an answer into v. The error wraps [carriers.ErrMalformed].
func (c *Client) Decode(resp *Response, op string, v any) error {
	if err := DecodeJSON(resp.Body, v); err != nil {
		return &carriers.Error{Carrier: c.cfg.Carrier, Op: op, Kind: carriers.ErrMalformed, HTTPStatus: resp.Status, Message: err.Error()}
	}
	return nil
}

// DecodeJSON reads one JSON document into v. Its errors say where, and nothing of
// what is there: bodies hold personal data.
func DecodeJSON(body []byte, v any) error {
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf"))
	if len(body) == 0 {
		return errors.New("empty body")
	}
	if body[0] != '{' && body[0] != '[' {
		return errors.New("not a JSON object or array")
	}
	err := json.Unmarshal(body, v)
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return errors.New("not JSON from byte " + strconv.FormatInt(syntax.Offset, 10))
	case errors.As(err, &typ):
		return errors.New("unexpected JSON type at " + strconv.Quote(typ.Field))
	}
	return errors.New("not the JSON that was expected")
}

// StatusError is nil for a 2xx answer and else an error of the kind that the status
// means, with what Retry-After asks for.
func (c *Client) StatusError(resp *Response, op string) error {
	kind := KindOf(resp.Status)
	if kind == nil {
		return nil
	}
	return &carriers.Error{Carrier: c.cfg.Carrier, Op: op, Kind: kind, HTTPStatus: resp.Status, RetryAfter: RetryAfter(resp.Header, c.cfg.Now())}
}

// KindOf is the kind of error that an HTTP status means, nil for 2xx. A redirect
// counts as unavailable: APIs do not redirect, maintenance and captive pages do.
func KindOf(status int) error {
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusNotFound, status == http.StatusGone:
		return carriers.ErrNotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return carriers.ErrUnauthorized
	case status == http.StatusTooManyRequests:
		return carriers.ErrRateLimited
	case status >= 400 && status <= 499 && status != http.StatusRequestTimeout:
		return carriers.ErrInvalid
	}
	return carriers.ErrUnavailable
}

// RetryAfter reads the header of that name, as seconds or as a date; 0 when it is
// missing, past or not understood.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseInt(v, 10, 32); err == nil {
		return max(0, time.Duration(s)*time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// failure is an error without an answer. The cause is reduced to what holds no URL:
// paths hold tracking numbers and queries hold keys.
func (c *Client) failure(op string, err error) *carriers.Error {
	e := &carriers.Error{Carrier: c.cfg.Carrier, Op: op, Kind: carriers.ErrUnavailable}
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind, e.Err = nil, context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Err = io.ErrUnexpectedEOF
	default:
		var timeout interface{ Timeout() bool }
		var u *url.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			e.Err = context.DeadlineExceeded
		} else if errors.As(err, &u) {
			e.Message = "no answer to " + u.Op
		} else {
			e.Message = "no answer"
		}
	}
	return e
}

func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	}
	if resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode < 500 || resp.StatusCode == http.StatusNotImplemented) {
		return false, nil
	}
	// An answer that asks for more patience than a caller has goes back to the caller.
	return RetryAfter(resp.Header, c.cfg.Now()) <= maxWait, nil
}

func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	wait := min(least<<attempt, most)
	if resp != nil {
		wait = max(wait, min(RetryAfter(resp.Header, time.Now()), maxWait))
	}
	return wait
}
