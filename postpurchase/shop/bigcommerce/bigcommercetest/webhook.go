package bigcommercetest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Hook is a webhook that was registered.
type Hook struct {
	ID          int               `json:"id"`
	Scope       string            `json:"scope"`
	Destination string            `json:"destination"`
	Active      bool              `json:"is_active"`
	Headers     map[string]string `json:"headers"`
	Created     int64             `json:"created_at"`
	Updated     int64             `json:"updated_at"`
}

// delivery is a message on its way to one webhook.
type delivery struct {
	ID      string    `json:"id"`
	HookID  int       `json:"hook_id"`
	Body    []byte    `json:"body"`
	Signed  time.Time `json:"signed"`
	Due     time.Time `json:"due"`
	Attempt int       `json:"attempt"`
}

// retries is how long the store waits before each repetition. Source: BigCommerce's
// guide "HTTPS webhooks": eleven tries within 48 hours; then the webhook is
// deactivated.
var retries = []time.Duration{
	60 * time.Second, 180 * time.Second, 300 * time.Second, 600 * time.Second, 900 * time.Second, 1800 * time.Second,
	3600 * time.Second, 7200 * time.Second, 21600 * time.Second, 50400 * time.Second, 86400 * time.Second,
}

// matches reports whether a hook's scope covers an event: it is that event, or ends
// in "/*" above it.
func (h *Hook) matches(scope string) bool {
	if prefix, ok := strings.CutSuffix(h.Scope, "*"); ok {
		return strings.HasPrefix(scope, prefix)
	}
	return h.Scope == scope
}

// emit queues a message for every active webhook that covers it.
func (s *Store) emit(scope string, data map[string]any) {
	now := s.cfg.Now()
	inner, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("bigcommercetest: %v", err)) // maps of strings and numbers
	}
	// The hash is SHA-1 of the data without a key: good to tell repetitions, and no proof.
	sum := sha1.Sum(inner)
	body, err := json.Marshal(map[string]any{
		"scope": scope, "store_id": "1001", "data": json.RawMessage(inner),
		"hash": hex.EncodeToString(sum[:]), "created_at": now.Unix(), "producer": "stores/" + s.cfg.StoreHash,
	})
	if err != nil {
		panic(fmt.Sprintf("bigcommercetest: %v", err))
	}
	for _, id := range slices.Sorted(maps.Keys(s.state.Hooks)) {
		h := s.state.Hooks[id]
		if !h.Active || !h.matches(scope) {
			continue
		}
		d := delivery{ID: "msg_" + itoa(s.next("message", 1)), HookID: id, Body: body, Signed: now, Due: now}
		s.state.Deliveries = append(s.state.Deliveries, &d)
		if s.cfg.Duplicates > 0 && s.random.Float64() < s.cfg.Duplicates {
			again := d
			s.state.Deliveries = append(s.state.Deliveries, &again)
		}
	}
	s.poke()
}

// Hooks lists the webhooks that are registered.
func (s *Store) Hooks() []Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Hook
	for _, id := range slices.Sorted(maps.Keys(s.state.Hooks)) {
		all = append(all, s.state.Hooks[id].clone())
	}
	return all
}

func (h *Hook) clone() Hook {
	c := *h
	c.Headers = maps.Clone(h.Headers)
	return c
}

// SleepHooks deactivates every webhook, as the store does after it failed for too long.
func (s *Store) SleepHooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.state.Hooks {
		h.Active = false
	}
}

// Writes is how often something in the store was changed over HTTP.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Pending is how many webhooks are waiting, and when the first of them is due.
func (s *Store) Pending() (n int, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.state.Deliveries {
		if due.IsZero() || d.Due.Before(due) {
			due = d.Due
		}
	}
	return len(s.state.Deliveries), due
}

// Deliver sends the webhooks that are due by the store's clock, one after the other,
// and returns how many were taken. One that is not answered 2xx is due again later, on
// BigCommerce's schedule; the last failure deactivates its webhook. The error joins
// what went wrong; a store with nothing due has none.
//
// A repetition carries the signature of the first try: BigCommerce does not say whether
// it signs anew, and a receiver must be able to live with either.
func (s *Store) Deliver(ctx context.Context) (taken int, err error) {
	s.sending.Lock()
	defer s.sending.Unlock()

	s.mu.Lock()
	now := s.cfg.Now()
	var due []*delivery
	for _, d := range s.state.Deliveries {
		if !d.Due.After(now) {
			due = append(due, d)
		}
	}
	if s.cfg.Reorder {
		s.random.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	}
	s.mu.Unlock()

	var errs []error
	for _, d := range due {
		if ctx.Err() != nil {
			return taken, errors.Join(append(errs, ctx.Err())...)
		}
		s.mu.Lock()
		var hook Hook
		h, ok := s.state.Hooks[d.HookID]
		if ok {
			hook = h.clone()
		}
		s.mu.Unlock()
		if !hook.Active {
			s.drop(d)
			continue
		}
		sendErr := s.post(ctx, hook, d)
		if sendErr != nil && ctx.Err() != nil {
			return taken, errors.Join(append(errs, ctx.Err())...) // not the receiver's failure: try it again
		}
		if sendErr == nil {
			taken++
			s.drop(d)
			continue
		}
		errs = append(errs, sendErr)
		s.mu.Lock()
		exhausted := d.Attempt >= len(retries)
		if exhausted {
			if h, ok := s.state.Hooks[d.HookID]; ok {
				h.Active, h.Updated = false, s.cfg.Now().Unix()
			}
		} else {
			d.Due = s.cfg.Now().Add(retries[d.Attempt])
			d.Attempt++
		}
		s.mu.Unlock()
		if exhausted {
			s.drop(d)
		}
	}
	return taken, errors.Join(errs...)
}

func (s *Store) drop(d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Deliveries = slices.DeleteFunc(s.state.Deliveries, func(e *delivery) bool { return e == d })
}

func (s *Store) post(ctx context.Context, h Hook, d *delivery) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.Destination, bytes.NewReader(d.Body))
	if err != nil {
		return fmt.Errorf("bigcommercetest: webhook %d: %w", h.ID, err)
	}
	r.Header = s.header(h, d)
	r.Header.Set("User-Agent", "bigcommercetest")
	resp, err := s.cfg.HTTPClient.Do(r)
	if err != nil {
		return fmt.Errorf("bigcommercetest: webhook %d: %w", h.ID, err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("bigcommercetest: webhook %d was answered %s", h.ID, resp.Status)
	}
	return nil
}

func (s *Store) header(h Hook, d *delivery) http.Header {
	header := s.sign(d.ID, d.Body, d.Signed)
	for k, v := range h.Headers {
		header.Set(k, v)
	}
	return header
}

// Sign returns the headers that the store sends with a webhook that was signed at a
// time, for tests that make their own bodies.
func (s *Store) Sign(body []byte, at time.Time) http.Header {
	s.mu.Lock()
	id := "msg_" + itoa(s.next("message", 1))
	s.mu.Unlock()
	return s.sign(id, body, at)
}

func (s *Store) sign(id string, body []byte, at time.Time) http.Header {
	header := http.Header{"Content-Type": {"application/json"}}
	if s.cfg.ClientSecret == "" {
		return header
	}
	wh, err := standardwebhooks.NewWebhookRaw([]byte(s.cfg.ClientSecret))
	if err != nil {
		panic(err) // it has no way to fail
	}
	signature, err := wh.Sign(id, at, body)
	if err != nil {
		panic(err)
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return header
}

// glance is how often Run looks at the clock, which may run faster than the computer's.
const glance = 100 * time.Millisecond

// Run delivers webhooks as they come due, until ctx ends, and returns its error.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		s.Deliver(ctx) // failures are kept in the schedule
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-tick.C:
		}
	}
}
