package ups_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/ups"
)

const subscription = ups.Production + "/api/track/v2/subscription/standard/package"

func queries(n int) []carriers.Query {
	q := make([]carriers.Query, n)
	for i := range q {
		q[i].Number = fmt.Sprintf("1ZD00R5703120%05d", i)
	}
	return q
}

func TestSubscribe(t *testing.T) {
	a, mock := mocked(t, httpmock.NewStringResponder(500, ""))
	var batches []int
	mock.RegisterResponder("POST", subscription, func(r *http.Request) (*http.Response, error) {
		var body struct {
			Locale, CountryCode string
			TrackingNumberList  []string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if body.Locale != "en_US" || body.CountryCode != "US" || r.Header.Get("transId") == "" || r.Header.Get("transactionSrc") == "" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("request: locale %q, country %q, headers %v", body.Locale, body.CountryCode, r.Header)
		}
		batches = append(batches, len(body.TrackingNumberList))
		n := body.TrackingNumberList
		return httpmock.NewJsonResponse(200, map[string]any{"validTrackingNumbers": n[1:], "invalidTrackingNumbers": n[:1]})
	})
	subs, err := a.Subscribe(context.Background(), queries(205))
	if err != nil || len(subs) != 205 {
		t.Fatalf("%d subscriptions, error %v", len(subs), err)
	}
	if fmt.Sprint(batches) != "[100 100 5]" {
		t.Errorf("batches = %v, want no more than 100", batches)
	}
	for i, s := range subs {
		if i%100 == 0 {
			if !errors.Is(s.Err, carriers.ErrInvalid) || !s.Expires.IsZero() {
				t.Errorf("number %d: %v, want ErrInvalid for what UPS refused", i, s.Err)
			}
		} else if s.Err != nil || !s.Expires.Equal(day.Add(14*24*time.Hour)) {
			t.Errorf("number %d: expires %v, error %v; want 14 days from now", i, s.Expires, s.Err)
		}
	}
}

func TestSubscribeErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		all    error // that Subscribe returns
		each   error // that each number has
	}{
		{"none is valid", 400, `{"invalidTrackingNumbers":["1ZD00R570312000000"],"response":{"errors":[{"code":"VSS210"}]}}`, nil, carriers.ErrInvalid},
		{"refused as a whole", 400, `{"response":{"errors":[{"code":"VSS310"}]}}`, carriers.ErrInvalid, nil},
		{"no permission", 403, `{}`, carriers.ErrUnauthorized, nil},
		{"down", 503, `<html>`, carriers.ErrUnavailable, nil},
		{"limited", 429, `{}`, carriers.ErrRateLimited, nil},
		{"a page", 200, `<html>`, carriers.ErrMalformed, nil},
		{"nothing", 200, `{}`, carriers.ErrMalformed, nil},
	}
	for _, tt := range tests {
		a, mock := mocked(t, httpmock.NewStringResponder(500, ""))
		mock.RegisterResponder("POST", subscription, httpmock.NewStringResponder(tt.status, tt.body))
		subs, err := a.Subscribe(context.Background(), queries(1))
		if !errors.Is(err, tt.all) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.all)
		}
		if tt.each != nil && (len(subs) != 1 || !errors.Is(subs[0].Err, tt.each)) {
			t.Errorf("%s: %v, want %v", tt.name, subs, tt.each)
		}
		if n := mock.GetCallCountInfo()["POST "+subscription]; n != 1 {
			t.Errorf("%s: %d requests; a POST is sent once", tt.name, n)
		}
	}
}

func TestWebhookHeader(t *testing.T) {
	body := []byte(`{"trackingNumber":"` + inquiry + `","localActivityDate":"20260107","localActivityTime":"082200","activityStatus":{"type":"I","code":"OF"}}`)
	tests := []struct {
		header, configured, name, sent string
		ok                             bool
	}{
		{"", "secret", "credential", "secret", true},
		{"", "secret", "CREDENTIAL", "secret", true},
		{"", "secret", "credential", "secreT", false},
		{"", "secret", "credential", "secret1", false},
		{"", "secret", "Authorization", "secret", false},
		{"Authorization", "Bearer abc", "Authorization", "Bearer abc", true},
		{"", "", "credential", "", false},
		{"", "", "credential", "x", false},
	}
	for _, tt := range tests {
		a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "s", WebhookHeader: tt.header, WebhookCredential: tt.configured})
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"User-Agent": {"UPSPubSubTrackingService"}}
		h.Set(tt.name, tt.sent)
		if _, err := a.ReceiveWebhook(context.Background(), h, body); (err == nil) != tt.ok {
			t.Errorf("%+v: error %v", tt, err)
		}
	}
}

// TestStaleSchedule checks that a schedule of years ago is no estimate.
func TestStaleSchedule(t *testing.T) {
	a, _ := mocked(t, httpmock.NewStringResponder(500, ""))
	updates, err := a.ReceiveWebhook(context.Background(), http.Header{"Credential": {"c"}}, []byte(`{"trackingNumber":"`+inquiry+`",
		"localActivityDate":"20260107","localActivityTime":"082200","scheduledDeliveryDate":"20191014","activityStatus":{"type":"I","code":"OF"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(updates[0].Estimates) != 0 {
		t.Errorf("estimates = %+v, want none", updates[0].Estimates)
	}
}
