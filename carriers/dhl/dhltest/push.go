package dhltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// hook is an address that wants to be told.
type hook struct{ url, header, token string }

// Hook registers an address that is told of every parcel that was put, with the
// header and token that prove DHL to it. In life, an account manager does this.
func (s *Server) Hook(url, header, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, hook{url, header, token})
}

// due is a push that has to be made.
type due struct {
	hook   hook
	index  int
	parcel *parcel
	shown  int
	body   []byte
}

// PushDue pushes every parcel that shows more than its hook was told of, once, with
// all of its history. What a hook does not answer with 2xx is due again. The error
// joins what went wrong; the other pushes were made all the same.
func (s *Server) PushDue(ctx context.Context) error {
	pushes, err := s.due()
	errs := []error{err}
	for _, p := range pushes {
		if err := s.push(ctx, p); err != nil {
			errs = append(errs, err)
			continue
		}
		s.mu.Lock()
		p.parcel.pushed[p.index] = p.shown
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// due collects the pushes without sending them, so that a hook may ask for the parcel
// while it is told.
func (s *Server) due() ([]due, error) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != 0 {
		return nil, nil
	}
	var pushes []due
	for i, h := range s.hooks {
		for _, p := range s.parcels {
			shown := p.journey.Shown(p.start, now)
			if len(shown) <= p.pushed[i] {
				continue
			}
			ws := p.wire(shown)
			// eCommerce Europe pushes the shipment alone, the others the API's answer.
			var body any = wireAnswer{Shipments: []wireShipment{ws}}
			if p.service == "ecommerce-europe" {
				body = ws
			}
			b, err := json.Marshal(body)
			if err != nil {
				return nil, err
			}
			pushes = append(pushes, due{h, i, p, len(shown), b})
		}
	}
	return pushes, nil
}

func (s *Server) push(ctx context.Context, p due) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.hook.url, bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(p.hook.header, p.hook.token)
	resp, err := s.cfg.HTTPClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // lets the connection be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("dhltest: the hook answered %d", resp.StatusCode)
	}
	return nil
}

// Run calls [Server.PushDue] each time that interval passes, on the system's clock,
// until ctx ends. Interval defaults to a second. What a hook refuses is tried again at
// the next turn.
func (s *Server) Run(ctx context.Context, interval time.Duration) error {
	if interval <= 0 {
		interval = time.Second
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			_ = s.PushDue(ctx) // refused pushes stay due
		}
	}
}
