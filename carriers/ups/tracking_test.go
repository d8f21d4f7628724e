package ups_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// mocked returns an adapter whose requests are answered by responders.
func mocked(t testing.TB, track httpmock.Responder) (*ups.Adapter, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder("POST", ups.Production+"/security/v1/oauth/token", func(r *http.Request) (*http.Response, error) {
		return httpmock.NewJsonResponse(200, map[string]string{"access_token": "mock-token", "expires_in": "14399", "token_type": "Bearer"})
	})
	mock.RegisterResponder("GET", `=~^`+ups.Production+`/api/track/v1/details/`, track)
	a, err := ups.New(ups.Config{
		ClientID: "mock-id", ClientSecret: "mock-secret", AccountNumber: "A1B2C3", WebhookCredential: "c",
		HTTPClient: &http.Client{Transport: mock}, Now: func() time.Time { return day },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, mock
}

func one(t testing.TB, body string) (carriers.Update, error) {
	t.Helper()
	a, _ := mocked(t, httpmock.NewStringResponder(200, body))
	results, err := a.Track(context.Background(), []carriers.Query{{Number: inquiry}})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil || len(results[0].Updates) == 0 {
		return carriers.Update{}, results[0].Err
	}
	return results[0].Updates[0], nil
}

// TestRequests checks what UPS requires of a request.
func TestRequests(t *testing.T) {
	good, err := os.ReadFile("testdata/label_only/response.json")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // the numbers of a batch are asked for side by side
	seen := map[string]bool{}
	a, mock := mocked(t, func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("transId")
		if id == "" || len(id) > 32 || seen[id] {
			t.Errorf("transId = %q, want a new one of at most 32 characters", id)
		}
		seen[id] = true
		if got := r.Header.Get("transactionSrc"); got != "doorstep" {
			t.Errorf("transactionSrc = %q", got)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer mock-token" {
			t.Errorf("Authorization = %q", got)
		}
		if got, want := r.URL.RawQuery, "locale=en_US&returnMilestones=false&returnPOD=false&returnSignature=false"; got != want {
			t.Errorf("query = %q, want %q", got, want)
		}
		return httpmock.NewBytesResponse(200, good), nil
	})
	mock.RegisterResponder("POST", ups.Production+"/security/v1/oauth/token", func(r *http.Request) (*http.Response, error) {
		id, secret, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		if id != "mock-id" || secret != "mock-secret" || r.Header.Get("x-merchant-id") != "A1B2C3" || string(body) != "grant_type=client_credentials" {
			t.Errorf("token request: user %q, merchant %q, body %q", id, r.Header.Get("x-merchant-id"), body)
		}
		return httpmock.NewStringResponse(200, `{"access_token":"mock-token","expires_in":"14399","token_type":"Bearer"}`), nil
	})
	results, err := a.Track(context.Background(), []carriers.Query{{Number: inquiry}, {Number: "1ZD00R570312000025"}})
	if err != nil || results[0].Err != nil || results[1].Err != nil {
		t.Fatalf("Track: %v, %v, %v", err, results[0].Err, results[1].Err)
	}
	if len(seen) != 2 {
		t.Errorf("%d requests, want one for each number", len(seen))
	}
}

// TestOneBadNumber checks that one number's trouble is that number's alone.
func TestOneBadNumber(t *testing.T) {
	good, err := os.ReadFile("testdata/label_only/response.json")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := mocked(t, func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/BAD0000") {
			return httpmock.NewStringResponse(400, `{"response":{"errors":[{"code":"TV1002","message":"Invalid inquiry number"}]}}`), nil
		}
		return httpmock.NewBytesResponse(200, good), nil
	})
	results, err := a.Track(context.Background(), []carriers.Query{{Number: inquiry}, {Number: "BAD0000"}})
	if err != nil {
		t.Fatal(err)
	}
	var e *carriers.Error
	if results[0].Err != nil || !errors.As(results[1].Err, &e) || !errors.Is(e, carriers.ErrInvalid) || e.Code != "TV1002" {
		t.Errorf("errors = %v, %v; want none, and ErrInvalid with TV1002", results[0].Err, results[1].Err)
	}
}

// TestTimes checks every way in which UPS is known to write a time.
func TestTimes(t *testing.T) {
	tests := []struct{ date, clock, gmtDate, gmtTime, gmtOffset, want string }{
		{"20260105", "142300", "20260105", "21:23:00", "-07:00", "2026-01-05T14:23:00-07:00"},
		{"20260105", "142300", "", "", "-07.00", "2026-01-05T14:23:00-07:00"},
		{"20260105", "142300", "", "", "-0700", "2026-01-05T14:23:00-07:00"},
		{"20260105", "142300", "", "", "+05:30", "2026-01-05T14:23:00+05:30"},
		{"20260105", "142300", "", "", "+00:00", "2026-01-05T14:23:00+00:00"},
		{"20260105", "142300", "20260105", "212300", "", "2026-01-05T14:23:00-07:00"},
		{"20260105", "004700", "20260105", "74700", "", "2026-01-05T00:47:00-07:00"},
		{"20260105", "233000", "20260106", "043000", "", "2026-01-05T23:30:00-05:00"},
		{"20260105", "142300", "20260105", "14:23:00", "", "2026-01-05T14:23:00+00:00"}, // said, not made up
		{"20260105", "142300", "", "", "", "2026-01-05T14:23:00"},
		{"20260105", "142300", "20260105", "", "", "2026-01-05T14:23:00"},
		{"20260105", "142300", "20260105", "211700", "", "2026-01-05T14:23:00"}, // no zone is six minutes off
		{"20260105", "142300", "20260107", "212300", "", "2026-01-05T14:23:00"}, // nor two days
		{"20260105", "142300", "", "", "-99:00", "2026-01-05T14:23:00"},
		{"20260105", "142300", "", "", "soon", "2026-01-05T14:23:00"},
		{"20260105", "14:23:00", "", "", "-07:00", "2026-01-05T14:23:00-07:00"},
		{"20260105", "1423", "", "", "", "2026-01-05T14:23:00"},
		{"20260105", "", "20260105", "212300", "-07:00", "2026-01-05"},
		{"20260105", "noon", "", "", "-07:00", "2026-01-05"},
		{"20260105", "250000", "", "", "", "2026-01-05"},
		{"20260230", "142300", "", "", "-07:00", ""},
		{"string", "142300", "", "", "-07:00", ""},
		{"", "", "", "", "", ""},
	}
	for _, tt := range tests {
		body, err := json.Marshal(map[string]any{"trackResponse": map[string]any{"shipment": []any{map[string]any{"package": []any{map[string]any{
			"trackingNumber": inquiry,
			"activity": []any{map[string]any{
				"date": tt.date, "time": tt.clock, "gmtDate": tt.gmtDate, "gmtTime": tt.gmtTime, "gmtOffset": tt.gmtOffset,
				"status": map[string]string{"type": "I", "code": "AR"},
			}},
		}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		u, err := one(t, string(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Events[0].Time.String(); got != tt.want {
			t.Errorf("%q %q, GMT %q %q %q: %q, want %q", tt.date, tt.clock, tt.gmtDate, tt.gmtTime, tt.gmtOffset, got, tt.want)
		}
	}
}

// TestEstimates checks the windows that come of UPS's dates and times.
func TestEstimates(t *testing.T) {
	const sdd, rdd = `{"type":"SDD","date":"20260107"}`, `{"type":"RDD","date":"20260109"}`
	tests := []struct{ dates, clock, want string }{
		{sdd, `{"type":"EOD"}`, "carrier 2026-01-07..2026-01-07"},
		{sdd, `{"type":"EOD","endTime":"190000"}`, "carrier 2026-01-07..2026-01-07"},
		{sdd, `{}`, "carrier 2026-01-07..2026-01-07"},
		{sdd, `{"type":"CMT","endTime":"103000"}`, "carrier 2026-01-07..2026-01-07T10:30:00"},
		{sdd, `{"type":"EDW","startTime":"131500","endTime":"171500"}`, "carrier 2026-01-07T13:15:00..2026-01-07T17:15:00"},
		{sdd, `{"type":"IDW","startTime":"string","endTime":"string"}`, "carrier 2026-01-07..2026-01-07"},
		{sdd + "," + rdd, `{"type":"CDW","startTime":"090000","endTime":"110000"}`, "carrier 2026-01-07..2026-01-07; rescheduled 2026-01-09T09:00:00..2026-01-09T11:00:00"},
		{sdd + `,{"type":"DEL","date":"20260108"}`, `{"type":"DEL","endTime":"142300"}`, "carrier 2026-01-07..2026-01-07"},
		{`{"type":"DEL","date":"20260108"}`, `{"type":"DEL","endTime":"142300"}`, ""},
		{`{"type":"SDD","date":"string"}`, `{"type":"EOD"}`, ""},
		{`{"type":"string","date":"20260107"}`, `{"type":"EOD"}`, ""},
	}
	for _, tt := range tests {
		u, err := one(t, `{"trackResponse":{"shipment":[{"package":[{"trackingNumber":"`+inquiry+`","deliveryDate":[`+tt.dates+`],"deliveryTime":`+tt.clock+`}]}]}}`)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range u.Estimates {
			got = append(got, fmt.Sprintf("%s %v..%v", e.Source, e.Window.From, e.Window.To))
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.dates, tt.clock, s, tt.want)
		}
	}
}

// TestTemplate plays the shape of UPS's documentation, with words where values
// belong: nothing may come of a word.
func TestTemplate(t *testing.T) {
	u, err := one(t, `{"trackResponse":{"shipment":[{"inquiryNumber":"`+inquiry+`","userRelation":"MYCHOICE_HOME","package":[{
		"trackingNumber":"","accessPointInformation":{"pickupByDate":"string"},"packageCount":"2",
		"deliveryDate":[{"date":"string","type":"string"}],"deliveryTime":{"endTime":"string","startTime":"string","type":"string"},
		"packageAddress":[{"type":"ORIGIN/DESTINATION","name":"Someone"}],"weight":{"unitOfMeasurement":"string","weight":"string"},
		"activity":[{"date":"20210210","time":"071356","status":{"type":"X","code":"SR","statusCode":"","simplifiedTextDescription":"Delivered","description":"Released."}}]
	}]}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := carriers.Update{TrackingNumber: inquiry, Update: shipment.Update{PieceCount: 2, Events: []shipment.Event{{
		Time: shipment.Local(time.Date(2021, 2, 10, 7, 13, 56, 0, time.UTC)), Kind: "X", Code: "SR", Text: "Released.", Sequence: 1,
	}}}}
	if diff := cmp.Diff(want, u, cmp.Comparer(func(a, b shipment.Time) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]ups.Config{
		"nothing":        {},
		"no secret":      {ClientID: "id"},
		"no id":          {ClientSecret: "secret"},
		"a relative URL": {ClientID: "id", ClientSecret: "secret", BaseURL: "onlinetools.ups.com"},
	} {
		if _, err := ups.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func seeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"trackResponse":{"shipment":{"package":{"trackingNumber":1,"activity":{"status":"D"}}}}}`))
}

// sane fails when an update holds what cannot come of any answer.
func sane(t *testing.T, u carriers.Update) {
	t.Helper()
	if u.TrackingNumber == "" || u.WeightGrams < 0 || u.PieceCount < 0 {
		t.Errorf("update = %+v", u)
	}
	for _, e := range u.Events {
		if e.Status != "" && e.Code == "" {
			t.Errorf("status %q out of nothing", e.Status)
		}
		if _, ok := e.Time.Offset(); ok && e.Time.Precision() == shipment.PrecisionDay {
			t.Error("a day with an offset")
		}
	}
}

func FuzzTrack(f *testing.F) {
	seeds(f, "testdata/*/response.json")
	var body []byte
	a, _ := mocked(f, func(*http.Request) (*http.Response, error) { return httpmock.NewBytesResponse(200, body), nil })
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		results, err := a.Track(context.Background(), []carriers.Query{{Number: inquiry}})
		if err != nil {
			t.Fatal(err)
		}
		r := results[0]
		if (r.Err == nil) == (len(r.Updates) == 0) {
			t.Errorf("%d updates, error %v", len(r.Updates), r.Err)
		}
		if r.Err != nil && !errors.Is(r.Err, carriers.ErrMalformed) && !errors.Is(r.Err, carriers.ErrNotFound) {
			t.Errorf("error = %v", r.Err)
		}
		for _, u := range r.Updates {
			sane(t, u)
		}
	})
}

func FuzzReceiveWebhook(f *testing.F) {
	seeds(f, "testdata/*/webhook.json")
	a, _ := mocked(f, httpmock.NewStringResponder(500, ""))
	h := http.Header{"Credential": {"c"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := a.ReceiveWebhook(context.Background(), h, body)
		if err != nil && !errors.Is(err, carriers.ErrMalformed) {
			t.Errorf("error = %v", err)
		}
		for _, u := range updates {
			sane(t, u)
		}
	})
}
