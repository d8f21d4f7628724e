package ups_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/carriers/ups/upstest"
	"github.com/doorstep-go/doorstep/internal/openapitest"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// checked returns an adapter and the simulated UPS behind it, with every request of
// the one and every answer of the other held against UPS's own files.
func checked(t *testing.T, now func() time.Time, specs func(url string) []*openapitest.Spec) (*ups.Adapter, *upstest.Server) {
	t.Helper()
	server := upstest.New(upstest.Config{Now: now})
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	files := specs(srv.URL)
	a, err := ups.New(ups.Config{
		ClientID: "id", ClientSecret: "secret", AccountNumber: "A1B2C3", BaseURL: srv.URL, Now: now,
		WebhookCredential: "credential", // without it there is nothing to subscribe to
		HTTPClient:        &http.Client{Transport: openapitest.Transport(t, nil, files...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range files {
			if f.Checked() == 0 {
				t.Error("nothing was held against a file")
			}
		}
	})
	return a, server
}

func TestTrackingAgainstFile(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	a, server := checked(t, func() time.Time { return now }, func(url string) []*openapitest.Spec {
		return []*openapitest.Spec{
			openapitest.Open(t, "ups-tracking.yaml", url+"/api"),
			openapitest.Open(t, "ups-oauth-cc.yaml", url),
		}
	})
	from, to := shipment.Place{City: "Chicago", Region: "IL", Country: "US"}, shipment.Place{City: "Denver", Region: "CO", Country: "US"}
	journeys := []fake.Journey{
		fake.OnTime(from, to, 3), fake.Late(from, to, 3), fake.Pickup(from, to, 3), fake.Returned(from, to, 3),
		fake.HeldByCustoms(from, to, 3), fake.Lost(from, to, 3), fake.Retracted(from, to, 3), fake.Cancelled(from, to, 3),
	}
	start := now
	for _, journey := range journeys {
		server.Put(inquiry, start, journey, upstest.Options{SignedBy: "MORGAN"})
		for _, step := range journey {
			now = start.Add(step.After + step.Reported)
			if _, err := a.Track(context.Background(), []carriers.Query{{Number: inquiry}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, number := range []string{"1ZD00R570312000025", "1Z"} { // not known, and not a number
		if _, err := a.Track(context.Background(), []carriers.Query{{Number: number}}); err != nil {
			t.Fatal(err)
		}
	}
}

// plainType mends the path's "type", which the file describes by two schemas at once,
// so that every value is said to be missing.
func plainType(doc *openapi3.T) {
	if p := doc.Components.Parameters["type"]; p != nil {
		p.Value.Schema = openapi3.NewSchemaRef("", openapi3.NewStringSchema().WithEnum("standard", "enhanced"))
	}
}

func TestTrackAlertAgainstFile(t *testing.T) {
	a, _ := checked(t, time.Now, func(url string) []*openapitest.Spec {
		return []*openapitest.Spec{openapitest.Open(t, "ups-trackalert.patched.json", url+"/api", plainType)}
	})
	for _, batch := range [][]carriers.Query{queries(3), {{Number: inquiry}, {Number: "92612900000033499522966220"}}, {{Number: "92612900000033499522966220"}}} {
		if _, err := a.Subscribe(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
}
