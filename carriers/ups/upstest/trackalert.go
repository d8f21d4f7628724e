package upstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

type hook struct{ url, header, credential string }

type subscription struct{ from, until time.Time }

// Hook is what a merchant sets in UPS's portal: where Track Alert posts to, and the
// credential it shows in a header. An empty header is "credential".
func (s *Server) Hook(url, header, credential string) {
	if header == "" {
		header = "credential"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = &hook{url, header, credential}
}

// subscribe takes up to 100 numbers, for 14 days from now. Numbers that are not 1Z
// or 1R numbers are refused; numbers that are not known yet are not.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Locale  string   `json:"locale"`
		Numbers []string `json:"trackingNumberList"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request)
	switch {
	case err != nil:
		fail(w, http.StatusBadRequest, "VSS110", "Subscription request is empty or not present.")
		return
	case request.Locale == "":
		fail(w, http.StatusBadRequest, "VSS300", "Locale is required.")
		return
	case len(request.Numbers) == 0:
		fail(w, http.StatusBadRequest, "VSS200", "Tracking Number List is required.")
		return
	case len(request.Numbers) > 100:
		fail(w, http.StatusBadRequest, "VSS220", "You have submitted over 100 tracking numbers which is not allowed.")
		return
	}
	now := s.cfg.Now()
	valid, invalid := []string{}, []string{}
	for _, n := range request.Numbers {
		if len(n) < 16 || n[:2] != "1Z" && n[:2] != "1R" || carriers.CleanNumber(n) != n {
			invalid = append(invalid, n)
			continue
		}
		valid = append(valid, n)
		sub, known := s.subs[n]
		if !known || now.After(sub.until) {
			sub.from = now // no history is sent
		}
		sub.until = now.Add(14 * 24 * time.Hour)
		s.subs[n] = sub
	}
	answer := map[string]any{"validTrackingNumbers": valid}
	if len(invalid) > 0 {
		answer["invalidTrackingNumbers"] = invalid
	}
	if len(valid) == 0 {
		write(w, http.StatusBadRequest, map[string]any{"invalidTrackingNumbers": invalid, "response": map[string]any{
			"errors": []any{map[string]string{"code": "VSS210", "message": "The Subscription request should have at least one valid tracking number."}}}})
		return
	}
	write(w, http.StatusOK, answer)
}

// due is one push that has to be sent.
type due struct {
	parcel *parcel
	step   int // of the parcel's journey
	at     time.Time
	body   []byte
}

// PushDue sends the pushes that are due and were not taken yet, the oldest first, and
// returns what went wrong. One that was not taken is due again.
func (s *Server) PushDue(ctx context.Context) error {
	pushes, to := s.due()
	var errs []error
	for _, p := range pushes {
		if err := s.push(ctx, to, p); err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Server) due() ([]due, *hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook == nil || s.down != 0 {
		return nil, nil
	}
	now := s.cfg.Now()
	var pushes []due
	for number, p := range s.parcels {
		sub, ok := s.subs[number]
		if s.cfg.Account {
			sub, ok = subscription{s.since, now}, true
		}
		if !ok {
			continue
		}
		for i, step := range p.journey {
			at := p.start.Add(step.After + step.Reported)
			if p.pushed[i] || at.After(now) || !at.After(sub.from) || at.After(sub.until) {
				continue
			}
			pushes = append(pushes, due{p, i, at, p.alert(step, p.journey.Shown(p.start, at))})
		}
	}
	slices.SortFunc(pushes, func(a, b due) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.parcel.number, b.parcel.number)
	})
	h := *s.hook
	return pushes, &h
}

func (s *Server) push(ctx context.Context, to *hook, p due) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "UPSPubSubTrackingService")
	req.Header.Set(to.header, to.credential)
	resp, err := s.cfg.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("upstest: the push was answered with %d", resp.StatusCode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.parcel.pushed[p.step] = true
	return nil
}

// Run pushes what is due at every interval, by the system's clock, until ctx ends. It
// returns nil then. What is not taken is due again, so errors need no telling here.
func (s *Server) Run(ctx context.Context, interval time.Duration) error {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		_ = s.PushDue(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// alert is the flat body of a push (UPSTrackAlert.yaml, saved 2026-07).
func (p *parcel) alert(step fake.Step, shown fake.Journey) []byte {
	said, at := sayingFor(step), step.Time(p.start)
	place := address(step.Place)
	body := map[string]any{
		"trackingNumber":    p.number,
		"localActivityDate": at.Format(dateLayout), "localActivityTime": at.Format(timeLayout),
		"activityLocation":   map[string]string{"city": place.City, "stateProvince": place.StateProvince, "postalCode": place.PostalCode, "country": place.Country},
		"activityStatus":     map[string]string{"type": said.kind, "code": said.code, "description": said.text, "descriptionCode": said.status3},
		"actualDeliveryDate": "", "actualDeliveryTime": "",
	}
	if !p.opts.NoOffsets {
		body["gmtActivityDate"], body["gmtActivityTime"] = at.UTC().Format(dateLayout), at.UTC().Format(timeLayout)
		body["gmtOffset"] = at.Format("-07.00") // with a dot, unlike the Tracking API
	}
	if eta, offset, ok := shown.Promise(); ok {
		w := eta.Window(p.start, offset)
		body["scheduledDeliveryDate"], body["deliveryTimeDescription"] = w.To.Wall().Format(dateLayout), "end of day"
		if w.To.Precision() != shipment.PrecisionDay {
			body["deliveryStartTime"], body["deliveryEndTime"] = w.From.Wall().Format(timeLayout), w.To.Wall().Format(timeLayout)
			body["deliveryTimeDescription"] = "estimated delivery window"
		}
	}
	if step.Status == shipment.Delivered {
		body["actualDeliveryDate"], body["actualDeliveryTime"] = at.Format(dateLayout), at.Format(timeLayout)
		if p.opts.SignedBy != "" {
			body["receivedBy"] = p.opts.SignedBy
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings only
	}
	return b
}
