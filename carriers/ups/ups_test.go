package ups_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carriertest"
	"github.com/doorstep-go/doorstep/carriers/ups"
)

const inquiry = "1ZD00R570312000016"

var suite = carriertest.Suite{
	New: func(baseURL string, hc *http.Client) (carriers.Adapter, error) {
		return ups.New(ups.Config{
			ClientID: "exam-client-id", ClientSecret: "exam-client-secret", AccountNumber: "A1B2C3",
			BaseURL: baseURL, HTTPClient: hc, WebhookCredential: "exam-webhook-credential",
		})
	},
	Number:    inquiry,
	Good:      "delivered",
	Secrets:   []string{"exam-client-secret", "exam-webhook-credential", "ZXhhbS1jbGllbnQtaWQ6ZXhhbS1jbGllbnQtc2VjcmV0"},
	TokenPath: "/security/v1/oauth/token",
	Token: func(w http.ResponseWriter, token string) {
		w.Header().Set("Content-Type", "application/json")
		// All of UPS's members are strings.
		_ = json.NewEncoder(w).Encode(map[string]string{
			"token_type": "Bearer", "issued_at": "1767700000000", "client_id": "exam-client-id",
			"access_token": token, "expires_in": "14399", "status": "approved",
		})
	},
	NotFound: []carriertest.Answer{
		{Name: "warning", Code: "TW0001", Body: `{"trackResponse":{"shipment":[{"inquiryNumber":"` + inquiry + `","warnings":[{"code":"TW0001","message":"Tracking Information Not Found"}]}]}}`},
		{Name: "warning as an object", Code: "TW0001", Body: `{"trackResponse":{"shipment":{"inquiryNumber":"` + inquiry + `","warnings":{"code":"TW0001","message":"Tracking Information Not Found"}}}}`},
		{Name: "404", Status: 404, Code: "TW0001", Body: `{"response":{"errors":[{"code":"TW0001","message":"not found"}]}}`},
	},
	Errors: []carriertest.Answer{
		{Name: "no such form of number", Status: 400, Code: "TV1002", Kind: carriers.ErrInvalid, Body: `{"response":{"errors":[{"code":"TV1002","message":"Invalid inquiry number ` + inquiry + `"}]}}`},
		{Name: "token expired", Status: 401, Code: "250003", Kind: carriers.ErrUnauthorized, Body: `{"response":{"errors":[{"code":"250003","message":"Invalid Access License number"}]}}`},
		{Name: "blocked merchant", Status: 403, Code: "250009", Kind: carriers.ErrUnauthorized, Body: `{"response":{"errors":[{"code":"250009","message":"Blocked Merchant"}]}}`},
		{Name: "quota", Status: 429, Code: "10429", Kind: carriers.ErrRateLimited, Body: `{"response":{"errors":[{"code":"10429","message":"Too Many Requests"}]}}`},
		{Name: "transient", Status: 503, Code: "10004", Kind: carriers.ErrUnavailable, Body: `{"response":{"errors":[{"code":"10004","message":"Something went wrong"}]}}`},
		{Name: "error with 200", Status: 200, Code: "10004", Kind: carriers.ErrMalformed, Body: `{"response":{"errors":[{"code":"10004","message":"Something went wrong"}]}}`},
		{Name: "another warning", Status: 200, Code: "TW0009", Kind: carriers.ErrMalformed, Body: `{"trackResponse":{"shipment":[{"warnings":[{"code":"TW0009"}]}]}}`},
		{Name: "a code that is a text", Status: 400, Kind: carriers.ErrInvalid, Body: `{"response":{"errors":[{"code":"number ` + inquiry + ` is bad","message":"no"}]}}`},
	},
	Codes:    ups.Codes,
	Unmapped: []string{"Q8", "Q9"},
	Detect: map[string]carriers.Confidence{
		// Valid and invalid numbers of jkeen/tracking_number_data, MIT, and typed ones.
		"1Z5R89390357567127":         carriers.Certain,
		"1Z879E930346834440":         carriers.Certain,
		"1Z410E7W0392751591":         carriers.Certain,
		"1ZXX3150YW44070023":         carriers.Certain,
		" 1 z 8v92a70-3672030 24 ":   carriers.Certain,
		"K1506235620":                carriers.Likely,
		"92612900000033499522966220": carriers.Possible,
		"MI1234567890":               carriers.Possible,
		"1R00000000000017":           carriers.Possible,
		"1Z1111111111111111":         carriers.NoMatch,
		"1Z5R89390357567128":         carriers.NoMatch,
		"2Z5R89390357567127":         carriers.NoMatch,
		"K1506235621":                carriers.NoMatch,
		"B1506235620":                carriers.NoMatch,
		"9400109104250532908587":     carriers.NoMatch, // USPS
		"00340434161094022115":       carriers.NoMatch, // DHL
		"986578788855":               carriers.NoMatch, // FedEx
	},
	Webhook: &carriertest.Webhook{
		Sign: func(h http.Header, _ []byte, right bool) {
			h.Set("User-Agent", "UPSPubSubTrackingService")
			h.Set("credential", map[bool]string{true: "exam-webhook-credential", false: "another-credential"}[right])
		},
		NoSecret: func() (carriers.Adapter, error) {
			return ups.New(ups.Config{ClientID: "id", ClientSecret: "secret"})
		},
		Unknown: []string{`{"trackingNumber":"` + inquiry + `"}`, `{"trackingNumber":"` + inquiry + `","activityStatus":{}}`, `{"activityStatus":{"type":"I","code":"OF"}}`},
	},
}

func TestAdapter(t *testing.T) { carriertest.Run(t, suite) }

func TestNoPushesWithoutACredential(t *testing.T) {
	a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", HTTPClient: &http.Client{Transport: noNetwork{t}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Subscribe(t.Context(), []carriers.Query{{Number: "1Z999AA10123456784"}}); !errors.Is(err, carriers.ErrUnsupported) {
		t.Errorf("Subscribe: %v, want %v", err, carriers.ErrUnsupported)
	}
}

// noNetwork fails the test when it is used.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	n.t.Error("a request was sent")
	return nil, errors.New("no network")
}
