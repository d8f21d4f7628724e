// Package dhltest is a simulated DHL for tests and demonstrations: the Shipment
// Tracking – Unified API and its pushes in their real wire format, about parcels whose
// life is a [fake.Journey].
//
// For most uses, serve it, put a parcel, and point the adapter at it:
//
//	dhlServer := dhltest.New(dhltest.Config{APIKey: "key", Now: clock})
//	srv := httptest.NewServer(dhlServer)
//	dhlServer.Put("00340434161094015902", "parcel-de", start, fake.OnTime(from, to, 2), dhltest.Options{})
//	adapter, err := dhl.New(dhl.Config{APIKey: "key", BaseURL: srv.URL, Now: clock, Limits: ...})
//
// A step of a journey shows in answers from its start plus Step.After plus
// Step.Reported on, in the codes of the parcel's division. Where a division has no
// word for a step, its nearest is said, as in life: Express has none for "on the way
// back" and says that it was forwarded. Times have an offset with Express and eCommerce
// Europe, and none with the others.
//
// A Server keeps nothing but what was put and who was told of it, so the same calls
// make the same Server again; one that was made again pushes all it knows once more. It
// starts nothing by itself: [Server.PushDue] pushes what is due, and [Server.Run] does
// that until its context ends.
package dhltest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Config is a server's choices. The zero value is good.
type Config struct {
	// APIKey is the key that requests must have. Defaults to "demo-key".
	APIKey string

	// Now tells the time: what has happened by then shows. Defaults to [time.Now].
	Now func() time.Time

	// Requests is how many requests are answered within Per, all keys together; more are
	// answered with 429 and Retry-After. Defaults to no limit.
	Requests int
	Per      time.Duration

	// HTTPClient sends the pushes. Defaults to a client with a timeout of 5 seconds,
	// which is as long as DHL waits.
	HTTPClient *http.Client
}

// Server is a simulated DHL. It is an [http.Handler], and safe for concurrent use.
type Server struct {
	cfg Config

	mu      sync.Mutex
	down    int
	fail    func(w http.ResponseWriter, r *http.Request) bool
	parcels []*parcel
	recent  []time.Time // requests within Per
	hooks   []hook
}

// Options are a parcel's further particulars. The zero value is good.
type Options struct {
	// Product is the service's name. Defaults to a name of the division.
	Product string

	// WeightGrams is the parcel's weight. Defaults to 1500.
	WeightGrams int

	// PieceIDs are the pieces of the consignment. Defaults to the number itself.
	PieceIDs []string

	// SignedBy is who signs when it is delivered. Defaults to nobody.
	SignedBy string

	// Words makes DHL say a sentence in place of each code, as some divisions do.
	Words bool
}

type parcel struct {
	number, service string
	start           time.Time
	journey         fake.Journey
	opts            Options
	pushed          map[int]int // steps that each hook was told of, by hook
}

// New returns a Server.
func New(cfg Config) *Server {
	if cfg.APIKey == "" {
		cfg.APIKey = "demo-key"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: 5 * time.Second}
	}
	return &Server{cfg: cfg}
}

// Put gives a number of a division, such as "express" or "parcel-de", a journey that
// begins at start. A number may be put in several divisions; put again in the same, it
// is replaced.
func (s *Server) Put(number, service string, start time.Time, j fake.Journey, opts Options) {
	opts.PieceIDs = slices.Clone(opts.PieceIDs)
	p := &parcel{number: carriers.CleanNumber(number), service: service, start: start, journey: slices.Clone(j), opts: opts, pushed: map[int]int{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.parcels, func(o *parcel) bool { return o.number == p.number && o.service == service })
	if i < 0 {
		s.parcels = append(s.parcels, p)
		return
	}
	s.parcels[i] = p
}

// SetDown makes DHL answer every request with this HTTP status and a page of HTML, and
// push nothing; 0 ends it.
func (s *Server) SetDown(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = status
}

// Fail makes the server ask fail first about every request: where it returns true it
// has answered, well or badly. Nil ends it.
func (s *Server) Fail(fail func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// ServeHTTP implements [http.Handler]: GET /track/shipments.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil && fail(w, r) {
		return
	}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch wait := s.take(now); {
	case s.down != 0:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(s.down)
		_, _ = w.Write([]byte("<html><body><h1>Service unavailable</h1></body></html>"))
	case r.URL.Path != "/track/shipments":
		problem(w, http.StatusNotFound, "Not Found", "The resource does not exist.")
	case r.Method != http.MethodGet:
		problem(w, http.StatusMethodNotAllowed, "Method Not Allowed", "Only GET is allowed.")
	case r.Header.Get("DHL-API-Key") != s.cfg.APIKey:
		problem(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized for given resource.")
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		problem(w, http.StatusTooManyRequests, "Too Many Requests", "Too many requests within the defined time period, please try again later.")
	case r.URL.Query().Get("trackingNumber") == "":
		problem(w, http.StatusBadRequest, "Bad Request", "The parameter trackingNumber is required.")
	default:
		s.answer(w, r.URL.Query().Get("trackingNumber"), r.URL.Query().Get("service"), now)
	}
}

// take counts a request, and returns how long to wait where there are too many. A
// refused request is not counted.
func (s *Server) take(now time.Time) time.Duration {
	if s.cfg.Requests <= 0 || s.cfg.Per <= 0 {
		return 0
	}
	s.recent = slices.DeleteFunc(s.recent, func(at time.Time) bool { return !at.After(now.Add(-s.cfg.Per)) })
	if len(s.recent) >= s.cfg.Requests {
		return s.recent[0].Add(s.cfg.Per).Sub(now)
	}
	s.recent = append(s.recent, now)
	return 0
}

func problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": title, "detail": detail, "status": status}) // to a client that may be gone
}

func (s *Server) answer(w http.ResponseWriter, number, service string, now time.Time) {
	number = carriers.CleanNumber(number)
	list := []wireShipment{}
	others := []string{}
	for _, p := range s.parcels {
		if p.number != number && !slices.Contains(p.opts.PieceIDs, number) {
			continue
		}
		shown := p.journey.Shown(p.start, now)
		switch {
		case len(shown) == 0:
		case service != "" && p.service != service:
			others = append(others, "/track/shipments?trackingNumber="+number+"&service="+p.service)
		default:
			list = append(list, p.wire(shown))
		}
	}
	if len(list) == 0 {
		problem(w, http.StatusNotFound, "No result found", "No shipment with given tracking number found.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(wireAnswer{ // to a client that may be gone
		URL: "/track/shipments?trackingNumber=" + number + "&offset=0&limit=5", Shipments: list, Others: others,
	})
}

type (
	wireAnswer struct {
		URL       string         `json:"url"`
		Shipments []wireShipment `json:"shipments"`
		Others    []string       `json:"possibleAdditionalShipmentsUrl,omitempty"`
	}
	wireShipment struct {
		ID          string      `json:"id"`
		Service     string      `json:"service"`
		Origin      wirePlace   `json:"origin"`
		Destination *wirePlace  `json:"destination,omitempty"`
		Status      wireEvent   `json:"status"`
		ETA         string      `json:"estimatedTimeOfDelivery,omitempty"`
		ETAFrame    *wireFrame  `json:"estimatedDeliveryTimeFrame,omitempty"`
		Details     wireDetails `json:"details"`
		Events      []wireEvent `json:"events"`
		ReturnFlag  bool        `json:"returnFlag,omitempty"`
	}
	wireEvent struct {
		Timestamp      string     `json:"timestamp"`
		Location       *wirePlace `json:"location,omitempty"`
		StatusCode     string     `json:"statusCode"`
		Status         string     `json:"status"`
		StatusDetailed string     `json:"statusDetailed,omitempty"`
		Description    string     `json:"description"`
	}
	wirePlace struct {
		Address      wireAddress       `json:"address"`
		ServicePoint *wireServicePoint `json:"servicePoint,omitempty"`
	}
	wireAddress struct {
		CountryCode     string `json:"countryCode,omitempty"`
		PostalCode      string `json:"postalCode,omitempty"`
		AddressLocality string `json:"addressLocality,omitempty"`
	}
	wireServicePoint struct {
		Label string `json:"label"`
	}
	wireFrame struct {
		From    string `json:"estimatedFrom"`
		Through string `json:"estimatedThrough"`
	}
	wireDetails struct {
		Product  wireProduct `json:"product"`
		Proof    *wireProof  `json:"proofOfDelivery,omitempty"`
		Pieces   int         `json:"totalNumberOfPieces"`
		PieceIDs []string    `json:"pieceIds"`
		Weight   wireWeight  `json:"weight"`
	}
	wireProduct struct {
		Name string `json:"productName"`
	}
	wireProof struct {
		Timestamp string     `json:"timestamp"`
		Signed    wirePerson `json:"signed"`
	}
	wirePerson struct {
		Type string `json:"@type"`
		Name string `json:"name"`
	}
	wireWeight struct {
		Value float64 `json:"value"`
		Unit  string  `json:"unitText"`
	}
)

// wire is what DHL says of a parcel of which these steps are known, the newest first.
func (p *parcel) wire(shown fake.Journey) wireShipment {
	d := divisionOf(p.service)
	opts := p.opts
	if opts.Product == "" {
		opts.Product = d.product
	}
	if opts.WeightGrams == 0 {
		opts.WeightGrams = 1500
	}
	if len(opts.PieceIDs) == 0 {
		opts.PieceIDs = []string{p.number}
	}
	ws := wireShipment{
		ID: p.number, Service: p.service, Origin: *place(shown[0].Place),
		Details: wireDetails{
			Product: wireProduct{opts.Product}, Pieces: len(opts.PieceIDs), PieceIDs: opts.PieceIDs,
			Weight: wireWeight{float64(opts.WeightGrams) / 1000, "kg"},
		},
	}
	for _, step := range slices.Backward(shown) {
		if said, ok := d.say(step); ok {
			ws.Events = append(ws.Events, p.event(step, said, d))
		}
		ws.ReturnFlag = ws.ReturnFlag || d.returnFlag && step.Status == shipment.Returning
	}
	if len(ws.Events) > 0 {
		ws.Status = ws.Events[0]
	}
	last := shown[len(shown)-1]
	if to := p.journey[len(p.journey)-1]; to.Status == shipment.Delivered {
		ws.Destination = place(shipment.Place{Country: to.Place.Country, PostalCode: to.Place.PostalCode, City: to.Place.City})
	}
	switch eta, offset, ok := shown.Promise(); {
	case last.Status.Terminal():
		if last.Status == shipment.Delivered && opts.SignedBy != "" {
			ws.Details.Proof = &wireProof{d.clock(last.Time(p.start)), wirePerson{"Person", opts.SignedBy}}
		}
	case !ok:
	case eta.From == eta.To:
		ws.ETA = p.start.Add(eta.From).In(time.FixedZone("", offset)).Format("2006-01-02") + "T00:00:00"
	default:
		zone := time.FixedZone("", offset)
		ws.ETAFrame = &wireFrame{d.clock(p.start.Add(eta.From).In(zone)), d.clock(p.start.Add(eta.To).In(zone))}
	}
	return ws
}

func (p *parcel) event(step fake.Step, said saying, d division) wireEvent {
	e := wireEvent{
		Timestamp: d.clock(step.Time(p.start)), StatusCode: said.coarse, Status: said.code,
		StatusDetailed: said.detailed, Description: said.text, Location: place(step.Place),
	}
	if p.opts.Words || said.code == "" {
		e.Status, e.StatusDetailed = said.text, ""
	}
	return e
}

func place(p shipment.Place) *wirePlace {
	w := &wirePlace{Address: wireAddress{CountryCode: p.Country, PostalCode: p.PostalCode, AddressLocality: p.City}}
	if p.Name != "" {
		w.ServicePoint = &wireServicePoint{strings.TrimSpace(p.Name)}
	}
	return w
}
