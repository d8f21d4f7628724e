package main

import (
	"context"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/carriers/ups"
)

type detectAnswer struct {
	Couriers []string `json:"couriers"`
	Known    []string `json:"known_couriers"`
}

// detectNumber names the carriers that are recognised. Those whose form fits, as many
// other carriers' numbers' do ([carriers.Possible]), are left out: the SDK offers them
// for people to choose from, and follows no parcel on the strength of it.
func detectNumber(_ context.Context, line []byte) (any, error) {
	var request struct {
		Number string `json:"number"`
	}
	if err := decode(line, &request); err != nil {
		return nil, err
	}
	set, err := newSet(&peer{})
	if err != nil {
		return nil, err
	}
	a := detectAnswer{Couriers: []string{}, Known: []string{dhl.Code, ups.Code}}
	for _, c := range set.Detect(request.Number) {
		if c.Confidence > carriers.Possible {
			a.Couriers = append(a.Couriers, c.Carrier)
		}
	}
	return a, nil
}
