package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// neutral is an adapter for a carrier that speaks our own words. It has what a real
// adapter has: the shared HTTP client, lenient reading, typed errors.
type neutral struct{ http *carrierhttp.Client }

const neutralCode = "neutral"

var _ carriers.Adapter = (*neutral)(nil)

func newNeutral(p *peer) *neutral {
	return &neutral{carrierhttp.New(carrierhttp.Config{Carrier: neutralCode, HTTPClient: &http.Client{Transport: p}})}
}

// Code implements [carriers.Adapter].
func (*neutral) Code() string { return neutralCode }

// Limits implements [carriers.Adapter].
func (*neutral) Limits() carriers.Limits { return carriers.Limits{} }

// Track implements [carriers.Adapter].
func (n *neutral) Track(ctx context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	results := make([]carriers.Result, len(queries))
	for i := range queries {
		u, err := n.track(ctx)
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i].Updates = []carriers.Update{u}
	}
	return results, nil
}

type neutralBody struct {
	TrackingNumber string         `json:"tracking_number"`
	Events         []neutralEvent `json:"events"`
}

type neutralEvent struct {
	Status   string `json:"status"`
	Text     string `json:"text"`
	At       string `json:"at"`
	Location string `json:"location"`
}

func (n *neutral) track(ctx context.Context) (carriers.Update, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://neutral.example/parcel", nil)
	if err != nil {
		return carriers.Update{}, err
	}
	resp, err := n.http.Do(r, "track")
	if err != nil {
		return carriers.Update{}, err
	}
	if err := n.http.StatusError(resp, "track"); err != nil {
		return carriers.Update{}, err
	}
	malformed := func(why string) (carriers.Update, error) {
		return carriers.Update{}, &carriers.Error{Carrier: neutralCode, Op: "track", Kind: carriers.ErrMalformed, Message: why}
	}
	var body neutralBody
	if err := carrierhttp.DecodeLenient(resp.Body, &body); err != nil {
		return malformed(err.Error())
	}
	if body.TrackingNumber == "" && len(body.Events) == 0 {
		return malformed("no parcel in the answer")
	}
	u := carriers.Update{TrackingNumber: body.TrackingNumber}
	for _, e := range body.Events {
		u.Events = append(u.Events, e.event())
	}
	return u, nil
}

func (e *neutralEvent) event() shipment.Event {
	out := shipment.Event{Class: shipment.ClassStatus, Status: shipment.Status(e.Status), Text: e.Text, Place: shipment.Place{Name: e.Location}}
	if at, err := shipment.ParseTime(strings.TrimSpace(e.At)); err == nil {
		out.Time = at
	}
	if out.Status == "" || out.Status == shipment.Unknown || !out.Status.Known() {
		out.Status, out.Code = shipment.Unknown, e.Status // kept, counted, and moves nothing
	}
	return out
}
