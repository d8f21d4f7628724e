package carriers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// A Set is the adapters of one program. It is the one place that knows which optional
// interfaces an adapter has, and it makes good what adapters need not care for:
// numbers are cleaned, batches cut, answers checked, and every error is an [*Error]
// that names its carrier. It is safe for concurrent use.
type Set struct {
	byCode map[string]Adapter
	codes  []string
}

// NewSet returns a Set. No code, and two adapters with one code, are errors.
func NewSet(adapters ...Adapter) (*Set, error) {
	s := &Set{byCode: map[string]Adapter{}}
	for _, a := range adapters {
		code := a.Code()
		if code == "" || strings.ToLower(code) != code || strings.ContainsAny(code, "/# ") {
			return nil, fmt.Errorf("carriers: %q is not a code of lower-case letters", code)
		}
		if s.byCode[code] != nil {
			return nil, fmt.Errorf("carriers: two adapters for %q", code)
		}
		s.byCode[code] = a
		s.codes = append(s.codes, code)
	}
	slices.Sort(s.codes)
	return s, nil
}

// Codes returns the carriers in the set, sorted.
func (s *Set) Codes() []string { return slices.Clone(s.codes) }

// Adapter returns the adapter for a carrier.
func (s *Set) Adapter(code string) (Adapter, bool) { a, ok := s.byCode[code]; return a, ok }

// Limits is what a carrier allows; the zero value for a carrier that is not in the set.
func (s *Set) Limits(code string) Limits {
	if a, ok := s.byCode[code]; ok {
		return a.Limits()
	}
	return Limits{}
}

// Candidate is a carrier that a number may belong to.
type Candidate struct {
	Carrier string
	Match
}

// Detect returns the carriers of the set whose numbers look like number, the surest
// first and then by code. It never decides: numbers of one form belong to many
// carriers.
func (s *Set) Detect(number string) []Candidate {
	number = CleanNumber(number)
	var found []Candidate
	if number == "" {
		return nil
	}
	for _, code := range s.codes {
		d, ok := s.byCode[code].(Detector)
		if !ok {
			continue
		}
		if m := d.Detect(number); m.Confidence > NoMatch {
			found = append(found, Candidate{code, m})
		}
	}
	slices.SortStableFunc(found, func(a, b Candidate) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return found
}

const maxNumber = 64 // longer than any carrier's

// CleanNumber brings a tracking number, as people type and paste it, to the form that
// carriers expect: upper case, without spaces, dashes and invisible characters. It
// returns "" for what cannot be a tracking number: other characters, or more than 64.
func CleanNumber(number string) string {
	if len(number) > 4*maxNumber {
		return ""
	}
	b := make([]byte, 0, len(number))
	for _, r := range number {
		switch {
		case r >= 'a' && r <= 'z':
			b = append(b, byte(r-'a'+'A'))
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			b = append(b, byte(r))
		case r == ' ', r == '-', r == '\t', r == '\n', r == '\r', r == '\u00a0', r == '\u2009', r == '\u202f',
			r >= '\u200b' && r <= '\u200f', r >= '\u2010' && r <= '\u2015', r == '\ufeff':
		default:
			return ""
		}
	}
	if len(b) > maxNumber {
		return ""
	}
	return string(b)
}

// Track asks one carrier about any number of parcels, in batches of the carrier's
// size one after the other, and returns one Result for each query in their order.
// Where a batch fails as a whole, each of its results has the error, and so have
// those after it when waiting is what helps. Every Err is an [*Error].
func (s *Set) Track(ctx context.Context, carrier string, queries []Query) []Result {
	results := make([]Result, len(queries))
	fail := func(from, to int, err error) {
		for i := from; i < to; i++ {
			if results[i].Err == nil && results[i].Updates == nil {
				results[i].Err = wrap(carrier, "track", err)
			}
		}
	}
	a, ok := s.byCode[carrier]
	if !ok {
		fail(0, len(queries), &Error{Carrier: carrier, Op: "track", Kind: ErrUnsupported, Message: "no adapter for this carrier"})
		return results
	}
	var at []int // where each clean query stands
	var clean []Query
	for i, q := range queries {
		if q.Number = CleanNumber(q.Number); q.Number == "" {
			results[i].Err = &Error{Carrier: carrier, Op: "track", Kind: ErrInvalid, Message: "not a tracking number"}
			continue
		}
		at, clean = append(at, i), append(clean, q)
	}
	batch := max(1, a.Limits().Batch)
	for len(clean) > 0 {
		n := min(batch, len(clean))
		got, err := a.Track(ctx, clean[:n])
		if err == nil && len(got) != n {
			err = &Error{Carrier: carrier, Op: "track", Kind: ErrMalformed, Message: fmt.Sprintf("adapter gave %d results for %d queries", len(got), n)}
		}
		for i := range n {
			r := &results[at[i]]
			switch {
			case err != nil:
				r.Err = wrap(carrier, "track", err)
			case got[i].Err != nil:
				r.Err = wrap(carrier, "track", got[i].Err)
			default:
				r.Updates = got[i].Updates
				for j := range r.Updates {
					u := &r.Updates[j]
					if u.TrackingNumber = CleanNumber(u.TrackingNumber); u.TrackingNumber == "" {
						u.TrackingNumber = clean[i].Number // some carriers do not repeat it
					}
					checkUpdate(u)
				}
			}
		}
		clean, at = clean[n:], at[n:]
		if err != nil && (errors.Is(err, ErrRateLimited) || errors.Is(err, ErrUnauthorized) || ctx.Err() != nil) {
			for _, i := range at {
				results[i].Err = wrap(carrier, "track", err)
			}
			break
		}
	}
	return results
}

// A Job is one carrier's part of [Set.TrackAll].
type Job struct {
	Carrier string
	Queries []Query
}

// TrackAll asks several carriers at once and returns the results of each job in the
// order of jobs. One carrier's trouble is that carrier's alone.
func (s *Set) TrackAll(ctx context.Context, jobs []Job) [][]Result {
	results := make([][]Result, len(jobs))
	var g errgroup.Group
	g.SetLimit(8)
	for i, j := range jobs {
		g.Go(func() error {
			results[i] = s.Track(ctx, j.Carrier, j.Queries)
			return nil
		})
	}
	_ = g.Wait() // each function returns nil
	return results
}

// ReceiveWebhook gives what a carrier pushed to its adapter. Errors are [*Error];
// they wrap [ErrUnsupported] where the carrier is not in the set or does not push.
func (s *Set) ReceiveWebhook(ctx context.Context, carrier string, header http.Header, body []byte) ([]Update, error) {
	r, ok := s.byCode[carrier].(WebhookReceiver)
	if !ok {
		return nil, &Error{Carrier: carrier, Op: "webhook", Kind: ErrUnsupported}
	}
	updates, err := r.ReceiveWebhook(ctx, header, body)
	if err != nil {
		return nil, wrap(carrier, "webhook", err)
	}
	for i := range updates {
		if updates[i].TrackingNumber = CleanNumber(updates[i].TrackingNumber); updates[i].TrackingNumber == "" {
			return nil, &Error{Carrier: carrier, Op: "webhook", Kind: ErrMalformed, Message: "no tracking number"}
		}
		checkUpdate(&updates[i])
	}
	return updates, nil
}

// CanSubscribe reports whether a carrier can be asked to push.
func (s *Set) CanSubscribe(carrier string) bool { _, ok := s.byCode[carrier].(Subscriber); return ok }

// Subscribe asks a carrier to push news of parcels. Errors are [*Error].
func (s *Set) Subscribe(ctx context.Context, carrier string, queries []Query) ([]Subscription, error) {
	sub, ok := s.byCode[carrier].(Subscriber)
	if !ok {
		return nil, &Error{Carrier: carrier, Op: "subscribe", Kind: ErrUnsupported}
	}
	subs, err := sub.Subscribe(ctx, queries)
	if err == nil && len(subs) != len(queries) {
		err = &Error{Carrier: carrier, Op: "subscribe", Kind: ErrMalformed, Message: "adapter gave another number of answers"}
	}
	if err != nil {
		return nil, wrap(carrier, "subscribe", err)
	}
	return subs, nil
}

const (
	maxEvents = 4096 // in one update; real histories have tens
	maxList   = 256  // of any other list
	maxText   = 1000 // bytes of any one text; carriers' sentences have hundreds
	maxURL    = 2048
)

// checkUpdate cuts what a hostile or broken carrier could send without end, and makes
// every text valid UTF-8 without control characters. What is no web address is no URL,
// and a related number that is none is dropped.
func checkUpdate(u *Update) {
	u.Events = u.Events[:min(len(u.Events), maxEvents)]
	u.Estimates = u.Estimates[:min(len(u.Estimates), maxList)]
	u.Related = u.Related[:min(len(u.Related), maxList)]
	cleanTexts(&u.Service, &u.PieceID)
	cleanPlace(&u.Origin)
	cleanPlace(&u.Destination)
	for i := range u.Events {
		e := &u.Events[i]
		cleanTexts(&e.Text, &e.Code, &e.Kind, &e.Piece, &e.Retracts, &e.Source,
			(*string)(&e.Status), (*string)(&e.Detail), (*string)(&e.Reason), (*string)(&e.ActionBy), (*string)(&e.Class))
		cleanPlace(&e.Place)
	}
	for i := range u.Estimates {
		cleanTexts((*string)(&u.Estimates[i].Source))
	}
	u.Related = slices.DeleteFunc(u.Related, func(r shipment.Related) bool { return CleanNumber(r.TrackingNumber) == "" })
	for i := range u.Related {
		r := &u.Related[i]
		r.TrackingNumber = CleanNumber(r.TrackingNumber)
		cleanTexts(&r.Carrier, &r.Kind, (*string)(&r.Relation))
	}
	if p := u.PickupPoint; p != nil {
		p.Hours = p.Hours[:min(len(p.Hours), maxList)]
		for i := range p.Hours {
			cleanTexts(&p.Hours[i])
		}
		cleanTexts(&p.ID, &p.Name, &p.Street, &p.Comment)
		cleanPlace(&p.Place)
	}
	if p := u.Proof; p != nil {
		cleanTexts(&p.SignedBy, &p.LeftAt)
		for _, link := range []*string{&p.SignatureURL, &p.PhotoURL, &p.DocumentURL} {
			if *link != "" && !webAddress(*link) {
				*link = ""
			}
		}
	}
}

func cleanPlace(p *shipment.Place) {
	cleanTexts(&p.Name, &p.City, &p.Region, &p.PostalCode, &p.Country)
}

func cleanTexts(texts ...*string) {
	for _, s := range texts {
		*s = cleanText(*s)
	}
}

// webAddress reports whether s is an absolute http or https URL: a page may link it.
func webAddress(s string) bool {
	if len(s) > maxURL || !utf8.ValidString(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func cleanText(s string) string {
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean && len(s) <= maxText && (s == "" || s[0] != ' ' && s[len(s)-1] != ' ') {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0, r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1 // control characters, and those that turn the direction of text around
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return strings.TrimSpace(s)
}

func wrap(carrier, op string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Carrier: carrier, Op: op, Err: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Carrier: carrier, Op: op, Kind: ErrUnavailable, Err: context.DeadlineExceeded}
	}
	return &Error{Carrier: carrier, Op: op, Err: err}
}

// A Namer says what its carrier is called by people. It is optional.
type Namer interface{ Name() string }

// Name is what a carrier is called by people: what its adapter says, or its code in
// upper case.
func (s *Set) Name(code string) string {
	if n, ok := s.byCode[code].(Namer); ok {
		return n.Name()
	}
	return strings.ToUpper(code)
}
