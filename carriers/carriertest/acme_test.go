package carriertest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
	"github.com/doorstep-go/doorstep/carriers/carriertest"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The exam's own pupil: the smallest whole adapter, with tokens and signed pushes.
const acmeTable = `# kind, code, status, detail
	HUB	in_transit	processing
	TRUCK	out_for_delivery	on_vehicle
	DONE	delivered	recipient
`

var acmeCodes = carriers.MustParseCodes(acmeTable)

type acme struct {
	base, secret string
	http         *carrierhttp.Client
}

type acmeAnswer struct {
	Parcel string `json:"parcel"`
	Scans  []struct {
		At   time.Time `json:"at"`
		Code string    `json:"code"`
		Text string    `json:"text"`
		City string    `json:"city"`
	} `json:"scans"`
}

func newAcme(base, secret string, hc *http.Client) *acme {
	return &acme{base: base, secret: secret, http: carrierhttp.New(carrierhttp.Config{
		Carrier: "acme", HTTPClient: hc,
		Token: carrierhttp.NewTokenSource(carrierhttp.TokenConfig{
			Carrier: "acme", URL: base + "/token", ClientID: "acme-id", ClientSecret: "acme-secret", HTTPClient: hc,
		}),
	})}
}

func (a *acme) Code() string            { return "acme" }
func (a *acme) Limits() carriers.Limits { return carriers.Limits{} }

func (a *acme) Track(ctx context.Context, queries []carriers.Query) ([]carriers.Result, error) {
	results := make([]carriers.Result, len(queries))
	for i, q := range queries {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/parcels/"+url.PathEscape(q.Number), nil)
		if err != nil {
			return nil, err
		}
		var answer acmeAnswer
		if err := a.http.JSON(req, "track", &answer); err != nil {
			results[i].Err = err
			continue
		}
		results[i].Updates, results[i].Err = answer.updates("track")
	}
	return results, nil
}

func (a acmeAnswer) updates(op string) ([]carriers.Update, error) {
	if a.Parcel == "" {
		return nil, &carriers.Error{Carrier: "acme", Op: op, Kind: carriers.ErrMalformed, Message: "no parcel"}
	}
	u := carriers.Update{TrackingNumber: a.Parcel}
	for i, s := range a.Scans {
		e := shipment.Event{Time: shipment.At(s.At), Code: s.Code, Text: s.Text, Place: shipment.Place{City: s.City}, Sequence: len(a.Scans) - i}
		acmeCodes.Set(&e, "", s.Code)
		u.Events = append(u.Events, e)
	}
	return []carriers.Update{u}, nil
}

func (a *acme) ReceiveWebhook(_ context.Context, h http.Header, body []byte) ([]carriers.Update, error) {
	if a.secret == "" || !hmac.Equal([]byte(h.Get("X-Acme")), []byte(acmeSign(a.secret, body))) {
		return nil, &carriers.Error{Carrier: "acme", Op: "webhook", Kind: carriers.ErrUnauthorized}
	}
	var answer acmeAnswer
	if err := carrierhttp.DecodeJSON(body, &answer); err != nil {
		return nil, &carriers.Error{Carrier: "acme", Op: "webhook", Kind: carriers.ErrMalformed, Message: err.Error()}
	}
	return answer.updates("webhook")
}

func acmeSign(secret string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func (a *acme) Detect(number string) carriers.Match {
	if len(number) == 12 && strings.HasPrefix(number, "AC") && carriers.Digits(number[2:]) {
		return carriers.Match{Confidence: carriers.Likely, Why: "AC and ten digits"}
	}
	return carriers.Match{}
}

var acmeSuite = carriertest.Suite{
	New: func(baseURL string, hc *http.Client) (carriers.Adapter, error) {
		return newAcme(baseURL, "push-secret", hc), nil
	},
	Number:    "AC0000000017",
	Good:      "on_its_way",
	Secrets:   []string{"acme-secret", "push-secret"},
	TokenPath: "/token",
	NotFound:  []carriertest.Answer{{Name: "gone", Status: 410, Body: `{}`}},
	Errors:    []carriertest.Answer{{Name: "bad number", Status: 422, Body: `{}`, Kind: carriers.ErrInvalid}},
	Codes:     acmeCodes,
	Detect: map[string]carriers.Confidence{
		"ac 0000 0000 17": carriers.Likely,
		"AD0000000017":    carriers.NoMatch,
	},
	Webhook: &carriertest.Webhook{
		Sign: func(h http.Header, body []byte, right bool) {
			secret := "push-secret"
			if !right {
				secret = "another"
			}
			h.Set("X-Acme", acmeSign(secret, body))
		},
		SignsBody: true,
		NoSecret:  func() (carriers.Adapter, error) { return newAcme("http://acme.test", "", nil), nil },
		Unknown:   []string{`{"scans":[]}`},
	},
}

func TestAcme(t *testing.T) { carriertest.Run(t, acmeSuite) }
