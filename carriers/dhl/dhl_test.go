package dhl_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carriertest"
	"github.com/doorstep-go/doorstep/carriers/dhl"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const (
	key    = "exam-api-key"
	header = "X-Shop-Hook"
	token  = "exam-hook-token"
)

var unlimited = carriers.Limits{PerDay: -1, Spacing: -1}

func codes(t *testing.T) carriers.Codes {
	t.Helper()
	tsv, err := os.ReadFile("codes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	c, err := carriers.ParseCodes(string(tsv))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAdapter(t *testing.T) {
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	carriertest.Run(t, carriertest.Suite{
		New: func(baseURL string, hc *http.Client) (carriers.Adapter, error) {
			return dhl.New(dhl.Config{
				APIKey: key, BaseURL: baseURL, WebhookHeader: header, WebhookToken: token,
				HTTPClient: hc, Limits: unlimited,
			})
		},
		Number:  "4206917831",
		Good:    "express-delivered",
		Secrets: []string{key, token},
		NotFound: []carriertest.Answer{
			{Name: "problem document", Status: 404, Header: problem, Body: `{"title":"No result found","detail":"No shipment with given tracking number found.","status":404}`},
			{Name: "empty list", Body: `{"shipments":[]}`},
		},
		Errors: []carriertest.Answer{
			{Name: "wrong key", Status: 401, Header: problem, Body: `{"title":"Unauthorized","detail":"Unauthorized for given resource.","status":401}`, Kind: carriers.ErrUnauthorized},
			{Name: "over the plan", Status: 429, Header: problem, Body: `{"title":"Too many requests","status":429}`, Kind: carriers.ErrRateLimited},
			{Name: "wrong parameter", Status: 400, Header: problem, Body: `{"title":"Bad request","status":400}`, Kind: carriers.ErrInvalid},
			{Name: "another document", Body: `{"shipment":{}}`, Kind: carriers.ErrMalformed},
		},
		Codes:    codes(t),
		Unmapped: []string{"in orbit"},
		Detect: map[string]carriers.Confidence{
			"4206917831":             carriers.Likely,   // Express, mod 7
			"42 0691 7831":           carriers.Likely,   // as people type it
			"4206917835":             carriers.NoMatch,  // wrong check digit
			"00340434161094015902":   carriers.Certain,  // SSCC
			"340434161094015902":     carriers.Certain,  // without its leading zeros
			"00340434161094015903":   carriers.NoMatch,  // wrong check digit
			"JD014600007731920451":   carriers.Likely,   // Express piece
			"JJD000390007731900417":  carriers.Likely,   // Parcel
			"GM605143772019834":      carriers.Likely,   // eCommerce
			"RR178326405DE":          carriers.Likely,   // S10, Germany
			"RR178326404DE":          carriers.NoMatch,  // S10, wrong check digit
			"RR178326405US":          carriers.NoMatch,  // S10, another post
			"LX178326405DE":          carriers.Likely,   // S10, Germany
			"LX178326405NL":          carriers.Possible, // S10, eCommerce's service
			"1Z12345E0205271688":     carriers.NoMatch,  // UPS
			"9400111202555842332669": carriers.NoMatch,  // USPS
			"999999999999":           carriers.Possible, // 12 digits
			"JJD0099123456":          carriers.Likely,   // the same, short
			"JVGL0991234560":         carriers.Likely,   // another licence plate
			"JJD0002991234567801":    carriers.Possible, // Yodel's
			"JD0002991234567801":     carriers.Possible, // the same, short
			"XJD0099123456":          carriers.NoMatch,
			"GM9E44608A27984866BA2D": carriers.Possible, // eCommerce, hexadecimal
			"GMAILACCOUNTNUMBER":     carriers.NoMatch,
			"GS295117494011169041":   carriers.NoMatch,
			"LX17635035":             carriers.Possible, // LaserShip has it too
			"60120172242323":         carriers.Possible, // 14 digits
			"hello":                  carriers.NoMatch,
		},
		Webhook: &carriertest.Webhook{
			Sign: func(h http.Header, _ []byte, right bool) {
				h.Set(header, token)
				if !right {
					h.Set(header, "another-token")
				}
			},
			NoSecret: func() (carriers.Adapter, error) { return dhl.New(dhl.Config{APIKey: key}) },
			Unknown:  []string{`{"shipments":[]}`, `{"shipments":[{}]}`, `{"shipments":[{"service":"express"}]}`, `[{}]`, `[[]]`},
		},
	})
}

// The table has a row for every code of DHL's lists.
func TestCodesAreComplete(t *testing.T) {
	got := map[string]int{}
	for k := range codes(t) {
		got[k.Kind]++
	}
	want := map[string]int{
		"express": 44, "parcel-de": 16, "svb": 46, "ecommerce": 289, "ecommerce-europe": 162, // 557
		"parcel-de-ice": 27, "statusCode": 5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// adapter answers every question with body.
func adapter(t testing.TB, body string) carriers.Adapter {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(httpmock.NewStringResponder(http.StatusOK, body))
	a, err := dhl.New(dhl.Config{APIKey: key, HTTPClient: &http.Client{Transport: mock}, Limits: unlimited, WebhookHeader: header, WebhookToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// event is what the adapter makes of one event.
func event(t *testing.T, service, statusCode, status, detailed string) shipment.Event {
	t.Helper()
	body, err := json.Marshal(map[string]any{"shipments": []any{map[string]any{
		"id": "4206917831", "service": service,
		"events": []any{map[string]any{"timestamp": "2026-02-10T10:00:00", "statusCode": statusCode, "status": status, "statusDetailed": detailed, "description": "Delivered"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := adapter(t, string(body)).Track(context.Background(), []carriers.Query{{Number: "4206917831"}})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	return results[0].Updates[0].Events[0]
}

// DHL says "delivered" of parcels that are not; a text that says so never counts.
func TestDelivered(t *testing.T) {
	tests := []struct {
		service, statusCode, status, detailed string
		want                                  shipment.Status
		detail                                shipment.Detail
	}{
		{"ecommerce-europe", "delivered", "43", "", shipment.AvailableForPickup, shipment.DetailPickupPoint},
		{"ecommerce-europe", "delivered", "44", "", shipment.AvailableForPickup, shipment.DetailPickupPoint},
		{"ecommerce-europe", "delivered", "45", "", shipment.AvailableForPickup, shipment.DetailLocker},
		{"ecommerce-europe", "delivered", "46", "", shipment.AvailableForPickup, shipment.DetailPostOffice},
		{"ecommerce-europe", "delivered", "302", "", shipment.OutForDelivery, shipment.DetailOnVehicle},
		{"ecommerce-europe", "delivered", "366", "", shipment.Returned, shipment.DetailToSender},
		{"ecommerce-europe", "delivered", "63", "", shipment.Delivered, ""},
		{"ecommerce-europe", "delivered", "306", "", shipment.Delivered, shipment.DetailDamaged},
		{"ecommerce", "delivered", "601", "", shipment.AvailableForPickup, shipment.DetailPickupPoint},
		{"ecommerce", "delivered", "642", "", shipment.InTransit, shipment.DetailHandedToPartner},
		{"ecommerce", "delivered", "860", "", shipment.Returned, shipment.DetailToSender},
		{"ecommerce", "failure", "571", "", shipment.AttemptFailed, ""},
		{"ecommerce", "delivered", "600", "", shipment.Delivered, ""},
		{"parcel-de", "delivered", "ZU", "", shipment.Delivered, ""},
		{"parcel-de", "delivered", "ZU", "DLVRD", shipment.Delivered, ""},
		{"parcel-de", "delivered", "ZU", "DSPSD", shipment.Failed, shipment.DetailDisposed},
		{"parcel-de", "delivered", "ZF", "", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "delivered", "ZF", "CNRFC", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "delivered", "ZF", "HLDCC", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "delivered", "ZF", "LDTMV", shipment.InTransit, shipment.DetailMoving}, // the customer would come too early
		{"parcel-de", "delivered", "ZF", "EXPHD", shipment.Exception, shipment.DetailHeld},
		{"parcel-de", "delivered", "LA", "CNRFC", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "transit", "LA", "HLDCC", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "transit", "LA", "HNDDE", shipment.AvailableForPickup, shipment.DetailReady},
		{"parcel-de", "transit", "LA", "INFCL", shipment.Exception, shipment.DetailHeld},
		{"parcel-de", "transit", "PO", "", shipment.InTransit, ""},
		{"parcel-de", "transit", "PO", "LDTMV", shipment.OutForDelivery, shipment.DetailOnVehicle},
		{"post-de", "delivered", "RETURNED_TO_SENDER", "", shipment.Returned, shipment.DetailToSender},
		{"svb", "delivered", "RETURNED_TO_SENDER", "", shipment.Returned, shipment.DetailToSender},
		{"post-de", "delivered", "AMOUNT_TRANSFERRED", "", "", ""},
		{"post-de", "delivered", "PAID_EPOS", "", "", ""},
		{"post-de", "delivered", "PAID_MAILMAN", "", "", ""},
		{"post-de", "delivered", "DELIVERED", "", shipment.Delivered, ""},
		{"express", "delivered", "OK", "", shipment.Delivered, ""},
		{"express", "delivered", "RT", "", shipment.Returned, shipment.DetailToSender},
		{"express", "transit", "CC", "", shipment.AvailableForPickup, shipment.DetailReady},
		{"express", "transit", "ok", "", shipment.InTransit, ""}, // codes are matched as they are
		{"express", "transit", "Delivered", "", shipment.InTransit, ""},
		{"express", "", "Delivered", "", "", ""},
		{"express", "unknown", "Delivered", "", shipment.Unknown, ""},
		{"express", "failure", "Not delivered", "", shipment.Exception, shipment.DetailOther},
		{"express", "delivered", "Delivered", "", shipment.Delivered, ""},
		{"express", "pre-transit", "DELIVERED", "", shipment.PreTransit, shipment.DetailInfoReceived},
		{"parcel-nl", "delivered", "DELIVERED", "", shipment.Delivered, ""},
		{"", "delivered", "45", "", shipment.Delivered, ""},
		{"ecommerce-europe", "transit", "99999", "", shipment.InTransit, ""},
	}
	for _, tt := range tests {
		e := event(t, tt.service, tt.statusCode, tt.status, tt.detailed)
		if e.Status != tt.want || e.Detail != tt.detail {
			t.Errorf("%s %s %q %s: %q %q, want %q %q", tt.service, tt.statusCode, tt.status, tt.detailed, e.Status, e.Detail, tt.want, tt.detail)
		}
	}
}

// A delay is not an exception; customs at work is not, customs that want something is.
func TestDelaysAndCustoms(t *testing.T) {
	tests := []struct {
		service, status string
		want            shipment.Status
		detail          shipment.Detail
		reason          shipment.Reason
	}{
		{"express", "MD", shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCarrierDelay},
		{"express", "UD", shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCustomsDelay},
		{"express", "IC", shipment.InTransit, shipment.DetailCustomsProcessing, ""},
		{"express", "CR", shipment.InTransit, shipment.DetailCustomsCleared, ""},
		{"express", "CD", shipment.Exception, shipment.DetailHeld, shipment.ReasonCustomsDocuments},
		{"express", "HP", shipment.Exception, shipment.DetailHeld, shipment.ReasonPaymentDue},
		{"ecommerce", "240", shipment.Exception, shipment.DetailHeld, shipment.ReasonCustomsDuties},
		{"ecommerce", "546", shipment.InTransit, shipment.DetailDelayed, shipment.ReasonCarrierMissort},
		{"ecommerce-europe", "266", shipment.InTransit, shipment.DetailDelayed, shipment.ReasonWeather},
		{"ecommerce-europe", "142", shipment.InTransit, shipment.DetailDeliveryRescheduled, shipment.ReasonRecipientRequest},
	}
	for _, tt := range tests {
		e := event(t, tt.service, "failure", tt.status, "")
		if e.Status != tt.want || e.Detail != tt.detail || e.Reason != tt.reason {
			t.Errorf("%s %s: %q %q %q", tt.service, tt.status, e.Status, e.Detail, e.Reason)
		}
	}
	// DHL says "exception" (BV) of what is none; a customer would be told to act.
	for ice, want := range map[string]shipment.Status{
		"SECHK": "", "CHECK": "", "PURCR": "", "INFCL": shipment.InTransit, "RELBL": shipment.InTransit,
		"TRBCR": shipment.InTransit, "DMGDS": shipment.Exception, "": shipment.Exception,
	} {
		if e := event(t, "parcel-de", "failure", "BV", ice); e.Status != want {
			t.Errorf("parcel-de BV with %q: %q, want %q", ice, e.Status, want)
		}
	}
	if e := event(t, "parcel-de", "transit", "NB", "STORN"); e.Class != shipment.ClassRetraction || e.Status != "" {
		t.Errorf("STORN: class %q, status %q", e.Class, e.Status)
	}
}

func TestTimes(t *testing.T) {
	tests := map[string]string{
		"2026-02-10T10:00:05":           "2026-02-10T10:00:05",
		"2026-02-10T10:00:05Z":          "2026-02-10T10:00:05+00:00",
		"2026-02-10T10:00:05+02:00":     "2026-02-10T10:00:05+02:00",
		"2026-02-10T10:00:05+0200":      "2026-02-10T10:00:05+02:00",
		"2026-02-10T10:00:05-05.00":     "2026-02-10T10:00:05-05:00",
		"2026-02-10T10:00:05+01":        "2026-02-10T10:00:05+01:00",
		"2026-02-10T10:00:05.123456789": "2026-02-10T10:00:05",
		"2026-02-10T10:00:05.1+05:30":   "2026-02-10T10:00:05+05:30",
		"2026-02-10 10:00:05":           "2026-02-10T10:00:05",
		"2026-02-10T10:00":              "2026-02-10T10:00",
		"2026-02-10T10:00+01:00":        "2026-02-10T10:00+01:00",
		"2026-02-10T00:00:00":           "2026-02-10T00:00:00",
		"2026-02-10":                    "2026-02-10",
		"2026-02-30":                    "",
		"2026-02-10T25:00:00":           "",
		"2026-02-10T10:00:05+99:00":     "",
		"2026-02-10T10:00:05 CET":       "",
		"10.02.2026 10:00":              "",
		"":                              "",
	}
	for in, want := range tests {
		body := `{"shipments":[{"id":"1","service":"express","events":[{"timestamp":"` + in + `","status":"OK"}]}]}`
		results, err := adapter(t, body).Track(context.Background(), []carriers.Query{{Number: "1"}})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		if got := results[0].Updates[0].Events[0].Time.String(); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}

func TestEstimates(t *testing.T) {
	tests := map[string]string{ // fields of the answer, and the window
		`"estimatedTimeOfDelivery":"2026-02-12T00:00:00Z"`: "2026-02-12/2026-02-12",
		`"estimatedTimeOfDelivery":"2026-02-12"`:           "2026-02-12/2026-02-12",
		`"estimatedTimeOfDelivery":"2026-02-12T18:00:00"`:  "2026-02-12T18:00:00/2026-02-12T18:00:00",
		`"estimatedTimeOfDelivery":"2026-02-12T00:00:00","estimatedDeliveryTimeFrame":{"estimatedFrom":"2026-02-12T09:00:00+01:00","estimatedThrough":"2026-02-12T12:00:00+01:00"}`: "2026-02-12T09:00:00+01:00/2026-02-12T12:00:00+01:00",
		`"estimatedDeliveryTimeFrame":{"estimatedFrom":"2026-02-12T00:00:00","estimatedThrough":"2026-02-12T22:00:00"}`:                                                             "2026-02-12T00:00:00/2026-02-12T22:00:00",
		`"estimatedDeliveryTimeFrame":{"estimatedFrom":"2026-02-12T00:00:00","estimatedThrough":"2026-02-14T00:00:00"}`:                                                             "2026-02-12/2026-02-14",
		`"estimatedDeliveryTimeFrame":{"estimatedThrough":"2026-02-14T00:00:00"}`:                                                                                                   "/2026-02-14",
		`"estimatedTimeOfDelivery":"by end of day"`: "",
		`"estimatedTimeOfDelivery":null`:            "",
	}
	for in, want := range tests {
		results, err := adapter(t, `{"shipments":[{"id":"1","service":"express",`+in+`}]}`).Track(context.Background(), []carriers.Query{{Number: "1"}})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		got := ""
		for _, e := range results[0].Updates[0].Estimates {
			got += e.Window.From.String() + "/" + e.Window.To.String()
		}
		if got != want {
			t.Errorf("%s\nis read as %q, want %q", in, got, want)
		}
	}
}

// The request is the documented one, and says what the query knows.
func TestRequest(t *testing.T) {
	var asked *http.Request
	hc := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = r
		return httpmock.NewStringResponse(http.StatusOK, `{"shipments":[]}`), nil
	})}
	a, err := dhl.New(dhl.Config{APIKey: key, HTTPClient: hc, RequesterCountry: "DE", Language: "de", Limits: unlimited})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q    carriers.Query
		want string
	}{
		{carriers.Query{Number: "4206917831"}, "https://api-eu.dhl.com/track/shipments?language=de&requesterCountryCode=DE&trackingNumber=4206917831"},
		{carriers.Query{Number: "4206917831", Service: "Express", PostalCode: "8000 C"}, "https://api-eu.dhl.com/track/shipments?language=de&recipientPostalCode=8000+C&requesterCountryCode=DE&service=express&trackingNumber=4206917831"},
		{carriers.Query{Number: "4206917831", PieceID: "parcel-nl/4206917831"}, "https://api-eu.dhl.com/track/shipments?language=de&requesterCountryCode=DE&service=parcel-nl&trackingNumber=4206917831"},
		{carriers.Query{Number: "4206917831", Service: "DHL Paket"}, "https://api-eu.dhl.com/track/shipments?language=de&requesterCountryCode=DE&trackingNumber=4206917831"},
	} {
		results, err := a.Track(context.Background(), []carriers.Query{tt.q})
		if err != nil || !errors.Is(results[0].Err, carriers.ErrNotFound) {
			t.Fatal(err, results)
		}
		if got := asked.URL.String(); got != tt.want {
			t.Errorf("asked %s\nwant  %s", got, tt.want)
		}
		if asked.Header.Get("DHL-API-Key") != key {
			t.Error("no DHL-API-Key")
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// New keys get one request in five seconds and 250 a day.
func TestDefaultLimits(t *testing.T) {
	clock := time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC)
	hc := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(http.StatusOK, `{"shipments":[]}`), nil
	})}
	a, err := dhl.New(dhl.Config{APIKey: key, HTTPClient: hc, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Limits(); got != (carriers.Limits{Batch: 1, PerDay: 250, Spacing: 5 * time.Second}) {
		t.Errorf("limits %+v", got)
	}
	ask := func() error {
		_, err := a.Track(context.Background(), []carriers.Query{{Number: "4206917831"}})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, carriers.ErrRateLimited) || carriers.RetryAfter(err) != 5*time.Second {
		t.Errorf("the second at once: %v, retry after %v", err, carriers.RetryAfter(err))
	}
	for range 249 {
		clock = clock.Add(5 * time.Second)
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNew(t *testing.T) {
	for name, cfg := range map[string]dhl.Config{
		"nothing":                {},
		"a token and no header":  {APIKey: key, WebhookToken: token},
		"a header and no token":  {APIKey: key, WebhookHeader: header},
		"a BaseURL without host": {APIKey: key, BaseURL: "api-eu.dhl.com"},
		"a BaseURL of files":     {APIKey: key, BaseURL: "file:///tmp"},
	} {
		if _, err := dhl.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a, err := dhl.New(dhl.Config{WebhookHeader: header, WebhookToken: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Track(context.Background(), []carriers.Query{{Number: "1"}}); !errors.Is(err, carriers.ErrUnauthorized) {
		t.Errorf("Track without a key: %v", err)
	}
}

func seeds(f *testing.F) {
	f.Helper()
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	n := 0
	for _, d := range dirs {
		for _, name := range []string{"response.json", "webhook.json"} {
			if b, err := os.ReadFile("testdata/" + d.Name() + "/" + name); err == nil {
				f.Add(b)
				n++
			}
		}
	}
	if n < 10 {
		f.Fatalf("%d seeds", n)
	}
}

// checkUpdates holds what is true of every update, whatever DHL sends.
func checkUpdates(t *testing.T, updates []carriers.Update) {
	t.Helper()
	for _, u := range updates {
		if u.TrackingNumber == "" || u.WeightGrams < 0 || u.PieceCount < 0 {
			t.Errorf("update %+v", u)
		}
		for i, e := range u.Events {
			if e.Sequence != i || !e.Seen.IsZero() {
				t.Errorf("event %d has sequence %d, seen %v", i, e.Sequence, e.Seen)
			}
			if text, err := e.Time.MarshalText(); err != nil {
				t.Error(err)
			} else if again, err := shipment.ParseTime(string(text)); err != nil || again != e.Time {
				t.Errorf("time %s is not read back: %v", text, err)
			}
		}
	}
}

func FuzzTrack(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		results, err := adapter(t, string(body)).Track(context.Background(), []carriers.Query{{Number: "4206917831"}})
		if err != nil {
			t.Fatalf("an answer of one parcel concerns that parcel: %v", err)
		}
		if err := results[0].Err; err != nil {
			if len(results[0].Updates) > 0 || !errors.Is(err, carriers.ErrMalformed) && !errors.Is(err, carriers.ErrNotFound) {
				t.Fatalf("%v", err)
			}
			return
		}
		checkUpdates(t, results[0].Updates)
	})
}

func FuzzWebhook(f *testing.F) {
	seeds(f)
	a := adapter(f, "").(carriers.WebhookReceiver)
	proved := http.Header{}
	proved.Set(header, token)
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := a.ReceiveWebhook(context.Background(), proved, body)
		if err != nil {
			if updates != nil || !errors.Is(err, carriers.ErrMalformed) {
				t.Fatalf("%v, %v", updates, err)
			}
			return
		}
		checkUpdates(t, updates)
		if _, err := a.ReceiveWebhook(context.Background(), http.Header{}, body); !errors.Is(err, carriers.ErrUnauthorized) {
			t.Fatalf("without the token: %v", err)
		}
	})
}

func TestErrorsHoldNothingOfTheParcel(t *testing.T) {
	_, err := adapter(t, "").(carriers.WebhookReceiver).ReceiveWebhook(context.Background(), http.Header{header: {"guess"}}, []byte(`{"id":"4206917831"}`))
	if err == nil || strings.Contains(err.Error(), "4206917831") || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "guess") {
		t.Errorf("%v", err)
	}
}

func richest(b *testing.B) []byte {
	body, err := os.ReadFile("testdata/express-delivered/response.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	return body
}

// BenchmarkReceiveWebhook reads the richest answer of testdata as a push: everything
// the adapter does with an answer apart from HTTP.
func BenchmarkReceiveWebhook(b *testing.B) {
	body := richest(b)
	a := adapter(b, "").(carriers.WebhookReceiver)
	proved := http.Header{}
	proved.Set(header, token)
	for b.Loop() {
		if _, err := a.ReceiveWebhook(context.Background(), proved, body); err != nil {
			b.Fatal(err)
		}
	}
}
