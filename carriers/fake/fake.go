package fake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Code is the fake carrier's code.
const Code = "fake"

var (
	_ carriers.Adapter         = (*Adapter)(nil)
	_ carriers.Detector        = (*Adapter)(nil)
	_ carriers.WebhookReceiver = (*Adapter)(nil)
	_ carriers.Subscriber      = (*Adapter)(nil)
	_ carriers.Namer           = (*Adapter)(nil)
)

// Config is the fake carrier's choices. The zero value is good.
type Config struct {
	// Start is when the journeys of all named numbers begin. Set it where the answers
	// must not depend on when a number is first asked for, or outlive the process.
	// Defaults to [Script.Past] before the number is first asked for.
	Start time.Time

	// WebhookSecret signs and verifies pushes. Defaults to none: pushes are refused.
	WebhookSecret string

	// Now tells the time. Defaults to [time.Now].
	Now func() time.Time
}

// Adapter is the fake carrier. It is safe for concurrent use.
type Adapter struct {
	cfg     Config
	scripts []Script

	mu     sync.Mutex
	puts   map[string]parcel
	starts map[string]time.Time // of named numbers, by clean number
}

type parcel struct {
	start   time.Time
	journey Journey
}

// maxStarts bounds the memory that numbers typed by strangers can take.
const maxStarts = 1 << 16

// New returns an Adapter.
func New(cfg Config) (*Adapter, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Adapter{cfg: cfg, scripts: Scripts(), puts: map[string]parcel{}, starts: map[string]time.Time{}}, nil
}

// Put gives a number a journey that begins at start, in place of what it meant. The
// number may be any that [carriers.CleanNumber] accepts; another is an error.
func (a *Adapter) Put(number string, start time.Time, j Journey) error {
	number = clean(number)
	if number == "" {
		return errors.New("fake: not a tracking number")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.puts[number] = parcel{start, slices.Clone(j)}
	return nil
}

// Code implements [carriers.Adapter].
func (a *Adapter) Code() string { return Code }

// Name implements [carriers.Namer].
func (a *Adapter) Name() string { return "Fake Parcel" }

// Limits implements [carriers.Adapter]: ten parcels in one question, no other limit.
func (a *Adapter) Limits() carriers.Limits {
	return carriers.Limits{Batch: 10, Retention: 120 * day}
}

// Detect implements [carriers.Detector]: it is certain of numbers that begin with
// FAKE, and of those that were Put.
func (a *Adapter) Detect(number string) carriers.Match {
	if strings.HasPrefix(number, "FAKE") {
		return carriers.Match{Confidence: carriers.Certain, Why: "begins with FAKE"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.puts[number]; ok {
		return carriers.Match{Confidence: carriers.Certain, Why: "was put"}
	}
	return carriers.Match{}
}

// Track implements [carriers.Adapter].
func (a *Adapter) Track(ctx context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := a.cfg.Now()
	results := make([]carriers.Result, len(queries))
	for i, q := range queries {
		results[i] = a.ask(q.Number, now)
	}
	return results, nil
}

// Subscribe implements [carriers.Subscriber]. A subscription lasts 30 days.
// Nothing is pushed: a test sends [Adapter.SignedPush] itself.
func (a *Adapter) Subscribe(ctx context.Context, queries []carriers.Query) ([]carriers.Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := a.cfg.Now()
	subs := make([]carriers.Subscription, len(queries))
	for i, q := range queries {
		if _, err := a.find(clean(q.Number), now); err != nil && !errors.Is(err, carriers.ErrNotFound) {
			subs[i].Err = err
			continue
		}
		subs[i].Expires = now.Add(30 * day)
	}
	return subs, nil
}

func (a *Adapter) ask(number string, now time.Time) carriers.Result {
	number = clean(number)
	p, err := a.find(number, now)
	if err != nil {
		return carriers.Result{Err: err}
	}
	shown := p.journey.Shown(p.start, now)
	if len(shown) == 0 {
		return carriers.Result{Err: failure(carriers.ErrNotFound)}
	}
	return carriers.Result{Updates: []carriers.Update{{TrackingNumber: number, Update: update(shown, p.start)}}}
}

func failure(kind error) error {
	e := &carriers.Error{Carrier: Code, Op: "track", Kind: kind}
	if kind == carriers.ErrRateLimited {
		e.RetryAfter = time.Minute
	}
	return e
}

func (a *Adapter) find(number string, now time.Time) (parcel, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.puts[number]; ok {
		return p, nil
	}
	s, ok := scripted(a.scripts, number)
	switch {
	case !ok:
		return parcel{}, failure(carriers.ErrNotFound)
	case s.Err != nil:
		return parcel{}, failure(s.Err)
	case !a.cfg.Start.IsZero():
		return parcel{a.cfg.Start, s.Journey}, nil
	}
	start, ok := a.starts[number]
	if !ok {
		start = now.Add(-s.Past)
		if len(a.starts) < maxStarts {
			a.starts[number] = start
		}
	}
	return parcel{start, s.Journey}, nil
}

// update says what these steps mean, as a carrier's adapter does.
func update(shown Journey, start time.Time) shipment.Update {
	u := shipment.Update{Service: "Fake Parcel", PieceCount: 1, WeightGrams: 1200}
	before := ""
	for i, s := range shown {
		e := shipment.Event{
			Time: shipment.At(s.Time(start)), Place: s.Place, Class: shipment.ClassStatus,
			Status: s.Status, Detail: s.Detail, Reason: s.Reason, ActionBy: actionBy(s),
			Code: code(s), Text: text(s), Sequence: i,
		}
		switch {
		case s.Retracts:
			e.Class, e.Retracts = shipment.ClassRetraction, before
		case s.Status == "":
			e.Class = shipment.ClassInformational
		}
		before = e.Code
		u.Events = append(u.Events, e)
		switch s.Status {
		case shipment.AvailableForPickup:
			until := s.Time(start).AddDate(0, 0, 7)
			u.PickupPoint = &shipment.PickupPoint{
				ID: "FP-1", Name: s.Place.Name, Street: "1 Example Street", Place: s.Place,
				Hours: []string{"Mo-Sa 08:00-20:00"}, Until: shipment.Day(until.Year(), until.Month(), until.Day()),
			}
		case shipment.Delivered:
			u.Proof = &shipment.Proof{LeftAt: "Front door"}
			if s.Detail == shipment.DetailSigned {
				u.Proof = &shipment.Proof{SignedBy: "A. Example"}
			}
		}
		if s.Retracts {
			u.Proof = nil
		}
	}
	u.Origin = shipment.Place{City: shown[0].Place.City, Country: shown[0].Place.Country}
	if eta, offset, ok := shown.Promise(); ok && !shown[len(shown)-1].Status.Terminal() {
		u.Estimates = []shipment.Estimate{{Window: eta.Window(start, offset), Source: shipment.EstimateCarrier}}
	}
	return u
}

// code is the fake carrier's own code of a step: the status and the detail.
func code(s Step) string {
	switch {
	case s.Retracts:
		return "RETRACTED"
	case s.Status == "":
		return "INFO"
	case s.Detail == "":
		return strings.ToUpper(string(s.Status))
	}
	return strings.ToUpper(string(s.Status) + "." + string(s.Detail))
}

func text(s Step) string {
	switch {
	case s.Retracts:
		return "The previous scan was made by mistake"
	case s.Status == "":
		return "The estimate has changed"
	}
	words := strings.ReplaceAll(string(s.Status), "_", " ")
	if s.Detail != "" {
		words += ": " + strings.ReplaceAll(string(s.Detail), "_", " ")
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func actionBy(s Step) shipment.ActionBy {
	switch {
	case s.Status == shipment.AvailableForPickup, s.Reason == shipment.ReasonCustomsDocuments, s.Reason == shipment.ReasonCustomsDuties:
		return shipment.ActionRecipient
	case s.Status == shipment.Exception && s.Detail == shipment.DetailDamaged:
		return shipment.ActionShipper
	}
	return shipment.ActionNone
}
