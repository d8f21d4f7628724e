package ups

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const (
	maxPush          = 4 << 20 // bytes: a push may hold a photo
	maxSubscribe     = 100     // numbers in one request
	subscriptionLife = 14 * 24 * time.Hour
)

// wireAlert is what Track Alert posts: one activity of one parcel, flat. A photo that
// it may hold is not read.
type wireAlert struct {
	TrackingNumber string      `json:"trackingNumber"`
	Date           string      `json:"localActivityDate"`
	Time           string      `json:"localActivityTime"`
	GMTDate        string      `json:"gmtActivityDate"`
	GMTTime        string      `json:"gmtActivityTime"`
	GMTOffset      string      `json:"gmtOffset"`
	Location       wireAddress `json:"activityLocation"`
	Status         struct {
		Type            string `json:"type"`
		Code            string `json:"code"`
		Description     string `json:"description"`
		DescriptionCode string `json:"descriptionCode"` // the three digits that the Tracking API calls statusCode
	} `json:"activityStatus"`
	ScheduledDate   string `json:"scheduledDeliveryDate"`
	ActualDate      string `json:"actualDeliveryDate"`
	WindowStart     string `json:"deliveryStartTime"`
	WindowEnd       string `json:"deliveryEndTime"`
	ReceivedBy      string `json:"receivedBy"`
	AlternateNumber string `json:"alternateTrackingNumber"`
}

// ReceiveWebhook implements [carriers.WebhookReceiver] for Track Alert. UPS does not
// sign what it posts: the proof is the credential alone, so a push is best taken as a
// reason to ask. The User-Agent proves nothing and is not looked at.
func (a *Adapter) ReceiveWebhook(_ context.Context, header http.Header, body []byte) ([]carriers.Update, error) {
	// Hashes are compared, so that not even the length of the credential can be timed.
	want := sha256.Sum256([]byte(a.cfg.WebhookCredential))
	got := sha256.Sum256([]byte(header.Get(a.cfg.WebhookHeader)))
	if a.cfg.WebhookCredential == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, &carriers.Error{Carrier: Code, Op: "webhook", Kind: carriers.ErrUnauthorized}
	}
	if len(body) > maxPush {
		return nil, malformed("webhook", "body is too large")
	}
	var alert wireAlert
	if err := carrierhttp.DecodeLenient(body, &alert); err != nil {
		return nil, malformed("webhook", err.Error())
	}
	u, ok := alert.update()
	if !ok {
		return nil, malformed("webhook", "no tracking number or no activity")
	}
	return []carriers.Update{u}, nil
}

func (alert *wireAlert) update() (carriers.Update, bool) {
	u := carriers.Update{TrackingNumber: carriers.CleanNumber(alert.TrackingNumber)}
	s := alert.Status
	e := shipment.Event{
		Time:  eventTime(alert.Date, alert.Time, alert.GMTDate, alert.GMTTime, alert.GMTOffset),
		Place: alert.Location.place(),
		Kind:  s.Type, Code: s.Code, Text: text(s.Description),
	}
	if u.TrackingNumber == "" || e.Code == "" && e.Text == "" {
		return u, false
	}
	// JSON numbers have lost their zeros, and in UPS's own example their base: 17 stands
	// there for 021. Only three digits are three digits.
	status3 := s.DescriptionCode
	if len(status3) != 3 {
		status3 = ""
	}
	delivered := day(alert.ActualDate)
	read(&e, s.Type, s.Code, status3, !delivered.IsZero())
	u.Events = []shipment.Event{e}
	u.Related = related(u.TrackingNumber, []wireAlternate{{Number: alert.AlternateNumber}}, replaced(s.Type, s.Code))
	u.Proof = proof(alert.ReceivedBy, "")
	// UPS goes on sending the first schedule for as long as it likes; what is older than
	// its own retention is no estimate of this parcel.
	if w := window(alert.ScheduledDate, alert.WindowStart, alert.WindowEnd); !w.IsZero() && delivered.IsZero() && e.Time.Wall().Sub(w.From.Wall()) < 120*24*time.Hour {
		u.Estimates = []shipment.Estimate{{Window: w, Source: shipment.EstimateCarrier}}
	}
	return u, true
}

// Subscribe implements [carriers.Subscriber]: UPS will post what happens to the
// parcels for 14 days from now, and nothing of before. It takes 1Z and 1R numbers
// only; others, and those that UPS refuses, have [carriers.ErrInvalid].
//
// Without Config.WebhookCredential every push would be refused, so there is nothing to
// subscribe to: the error wraps [carriers.ErrUnsupported].
func (a *Adapter) Subscribe(ctx context.Context, queries []carriers.Query) ([]carriers.Subscription, error) {
	if a.cfg.WebhookCredential == "" {
		return nil, &carriers.Error{Carrier: Code, Op: "subscribe", Kind: carriers.ErrUnsupported, Message: "Config.WebhookCredential is empty"}
	}
	subs := make([]carriers.Subscription, len(queries))
	var numbers []string
	var at []int // where each number stands
	for i, q := range queries {
		if n := carriers.CleanNumber(q.Number); alertable(n) {
			numbers, at = append(numbers, n), append(at, i)
		} else {
			subs[i].Err = refusal
		}
	}
	for len(numbers) > 0 {
		n := min(maxSubscribe, len(numbers))
		refused, err := a.subscribe(ctx, numbers[:n])
		if err != nil && len(refused) == 0 {
			// What was subscribed before this is subscribed again with the next try: to subscribe
			// twice is to renew.
			return nil, err
		}
		expires := a.cfg.Now().Add(subscriptionLife)
		for i, number := range numbers[:n] {
			switch {
			case refused[number]:
				subs[at[i]].Err = refusal
			case err != nil:
				subs[at[i]].Err = err
			default:
				subs[at[i]].Expires = expires
			}
		}
		numbers, at = numbers[n:], at[n:]
	}
	return subs, nil
}

var refusal error = &carriers.Error{Carrier: Code, Op: "subscribe", Kind: carriers.ErrInvalid, Message: "UPS takes no subscription for this number"}

// alertable reports whether Track Alert takes a number of this form: 1Z, or 1R (Roadie).
func alertable(number string) bool {
	switch {
	case strings.HasPrefix(number, "1Z"):
		return len(number) == 18
	case strings.HasPrefix(number, "1R"):
		return len(number) == 16 || len(number) == 28
	}
	return false
}

// subscribe sends one request. It returns the numbers that UPS refused; an error
// beside them says that no number was taken.
func (a *Adapter) subscribe(ctx context.Context, numbers []string) (refused map[string]bool, err error) {
	request := struct {
		Locale      string   `json:"locale"`
		CountryCode string   `json:"countryCode"`
		Numbers     []string `json:"trackingNumberList"`
	}{Locale: a.cfg.Locale, CountryCode: "US", Numbers: numbers}
	if _, country, ok := strings.Cut(a.cfg.Locale, "_"); ok {
		request.CountryCode = country
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	req, err := a.request(ctx, http.MethodPost, "/api/track/v2/subscription/standard/package", body)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req, "subscribe")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Valid   []string `json:"validTrackingNumbers"`
		Invalid []string `json:"invalidTrackingNumbers"`
	}
	err = a.statusError(resp, "subscribe")
	if err != nil && !errors.Is(err, carriers.ErrInvalid) {
		return nil, err
	}
	if decodeErr := carrierhttp.DecodeLenient(resp.Body, &answer); decodeErr != nil && err == nil {
		return nil, malformed("subscribe", decodeErr.Error())
	}
	if err == nil && len(answer.Valid)+len(answer.Invalid) == 0 {
		return nil, malformed("subscribe", "UPS names no number that it took")
	}
	refused = make(map[string]bool, len(answer.Invalid))
	for _, n := range answer.Invalid {
		refused[carriers.CleanNumber(n)] = true
	}
	return refused, err
}
