package carriertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// contract checks what [carriers.Adapter] promises apart from any answer.
func (e exam) contract(t *testing.T) {
	c := &carrier{handler: func(w http.ResponseWriter, _ *http.Request, _ int) { e.good.answer(w) }}
	e.bubble(t, c, func(t *testing.T, c *carrier) {
		a, _ := c.set.Adapter(c.code)
		limits, code := a.Limits(), a.Code()
		if a.Limits() != limits || a.Code() != code {
			t.Error("Code and Limits are not constant")
		}
		c.mu.Lock()
		if c.attempts+c.tokens != 0 {
			t.Error("New sent a request")
		}
		c.mu.Unlock()
		results, err := a.Track(context.Background(), nil)
		if err != nil || len(results) != 0 {
			t.Errorf("Track of nothing = %d results, %v; want none", len(results), err)
		}
		// One result for each query, in order, for a full batch.
		n := min(max(1, a.Limits().Batch), 50)
		queries := slices.Repeat([]carriers.Query{e.good.query(e.Suite)}, n)
		asked := slices.Clone(queries)
		results, err = a.Track(context.Background(), queries)
		if err != nil || len(results) != n {
			t.Errorf("Track of a batch of %d = %d results, %v", n, len(results), err)
		}
		if !slices.Equal(queries, asked) {
			t.Error("Track changed the caller's queries")
		}
	})
}

// detailStatuses says which statuses a detail may come with, for the details that
// belong to one status only. It finds rows of a table whose columns slipped.
var detailStatuses = map[shipment.Status][]shipment.Detail{
	shipment.PreTransit:         {shipment.DetailLabelCreated, shipment.DetailInfoReceived, shipment.DetailAwaitingHandover, shipment.DetailPickupFailed},
	shipment.InTransit:          {shipment.DetailPickedUp, shipment.DetailAccepted, shipment.DetailMoving, shipment.DetailDeparted, shipment.DetailArrived, shipment.DetailProcessing, shipment.DetailArrivedDestinationCountry, shipment.DetailArrivedDeliveryFacility, shipment.DetailCustomsProcessing, shipment.DetailCustomsCleared, shipment.DetailHandedToPartner, shipment.DetailRedirected, shipment.DetailRelabelled, shipment.DetailDeliveryScheduled, shipment.DetailDeliveryRescheduled, shipment.DetailDelayed, shipment.DetailProblemResolved},
	shipment.OutForDelivery:     {shipment.DetailOnVehicle, shipment.DetailRecipientContacted, shipment.DetailAppointmentSet},
	shipment.AttemptFailed:      {shipment.DetailNotHome, shipment.DetailBusinessClosed, shipment.DetailNoAccess, shipment.DetailNoticeLeft, shipment.DetailIDCheckFailed, shipment.DetailCODUnpaid, shipment.DetailFinalAttempt},
	shipment.AvailableForPickup: {shipment.DetailReady, shipment.DetailPickupPoint, shipment.DetailLocker, shipment.DetailPostOffice, shipment.DetailCarrierDepot},
	shipment.Delivered:          {shipment.DetailRecipient, shipment.DetailSigned, shipment.DetailCollected, shipment.DetailNeighbour, shipment.DetailSafePlace, shipment.DetailReception, shipment.DetailPOBox, shipment.DetailAlternativeLocation, shipment.DetailCODCollected, shipment.DetailPartial, shipment.DetailDamaged},
	shipment.Exception:          {shipment.DetailHeld, shipment.DetailAddressProblem, shipment.DetailRefused, shipment.DetailUnclaimed, shipment.DetailUndeliverable, shipment.DetailRejected, shipment.DetailDamaged},
	shipment.Returning:          {shipment.DetailToSender},
	shipment.Returned:           {shipment.DetailToSender},
	shipment.Failed:             {shipment.DetailLost, shipment.DetailDestroyed, shipment.DetailDisposed},
	shipment.Cancelled:          {shipment.DetailVoid},
}

// codes checks the table, and that testdata shows no code that is not in it.
func (e exam) codes(t *testing.T) {
	if len(e.Codes) == 0 {
		t.Error("Suite.Codes is empty")
	}
	for key, m := range e.Codes {
		if key.Code == "" {
			t.Errorf("a row of kind %q without a code", key.Kind)
		}
		if m.Class != shipment.ClassStatus {
			if m.Status != "" && m.Class == shipment.ClassInformational {
				t.Errorf("%q %q: informational, and yet with status %q", key.Kind, key.Code, m.Status)
			}
			continue
		}
		if m.Status == shipment.Unknown || m.Detail == "" || m.Detail == shipment.DetailOther {
			continue
		}
		if !slices.Contains(detailStatuses[m.Status], m.Detail) {
			t.Errorf("%q %q: detail %q does not belong to status %q", key.Kind, key.Code, m.Detail, m.Status)
		}
	}
	for _, c := range e.cases {
		for _, u := range e.play(t, c).Updates {
			for _, ev := range u.Events {
				if ev.Status == "" && (ev.Class == "" || ev.Class == shipment.ClassStatus) && !slices.Contains(e.Unmapped, ev.Code) {
					t.Errorf("testdata/%s: code %q of kind %q is not in the table", c.name, ev.Code, ev.Kind)
				}
			}
		}
	}
}

func (e exam) detect(t *testing.T) {
	e.bubble(t, &carrier{}, func(t *testing.T, c *carrier) {
		a, _ := c.set.Adapter(c.code)
		if _, ok := a.(carriers.Detector); !ok {
			if len(e.Detect) > 0 {
				t.Error("Suite.Detect is set, and the adapter is no carriers.Detector")
			}
			return
		}
		if len(e.Detect) == 0 {
			t.Error("the adapter is a carriers.Detector, and Suite.Detect is empty")
		}
		for number, want := range e.Detect {
			got := carriers.NoMatch
			for _, found := range c.set.Detect(number) {
				got = found.Confidence
				if found.Why == "" {
					t.Errorf("%q: no Why", number)
				}
			}
			if got != want {
				t.Errorf("Detect(%q) = %d, want %d", number, got, want)
			}
		}
		d := a.(carriers.Detector)
		for _, odd := range []string{"", "1", "1Z", strings.Repeat("1", 64), strings.Repeat("Z", 64), "1Z\xff\xfe", "\u00e4\u00f6\u00fc"} {
			d.Detect(odd) // must not panic
		}
	})
}

func (e exam) webhook(t *testing.T) {
	if e.Suite.Webhook == nil {
		e.bubble(t, &carrier{}, func(t *testing.T, c *carrier) {
			a, _ := c.set.Adapter(c.code)
			if _, ok := a.(carriers.WebhookReceiver); ok {
				t.Error("the adapter is a carriers.WebhookReceiver, and Suite.Webhook is not set")
			}
		})
		return
	}
	w := e.Suite.Webhook
	i := slices.IndexFunc(e.cases, func(c testcase) bool { return c.webhook != nil })
	if i < 0 {
		t.Fatal("testdata has no webhook.json")
	}
	good := e.cases[i]
	headers := func(body []byte, right bool) http.Header {
		h := http.Header{"Content-Type": {"application/json"}}
		for k, v := range good.Header {
			h.Set(k, v)
		}
		w.Sign(h, body, right)
		return h
	}
	unsigned := http.Header{"Content-Type": {"application/json"}}
	changed := []byte(strings.Replace(string(good.webhook), "1", "2", 1))
	var changedKinds []error
	if w.SignsBody {
		changedKinds = []error{carriers.ErrUnauthorized}
	}
	tests := []struct {
		name   string
		header http.Header
		body   []byte
		kinds  []error // none: anything but a panic
		ok     bool
	}{
		{"valid", headers(good.webhook, true), good.webhook, nil, true},
		{"no proof", unsigned, good.webhook, []error{carriers.ErrUnauthorized}, false},
		{"wrong proof", headers(good.webhook, false), good.webhook, []error{carriers.ErrUnauthorized}, false},
		{"no header at all", nil, good.webhook, []error{carriers.ErrUnauthorized}, false},
		{"wrong proof and nonsense", headers([]byte("nonsense"), false), []byte("nonsense"), []error{carriers.ErrUnauthorized}, false},
		{"changed body", headers(good.webhook, true), changed, changedKinds, false},
	}
	for _, body := range append([]string{"", "null", "[]", "{}", `"text"`, "nonsense", "<html></html>", `{"unknown":true}`, strings.Repeat("[", 100_000)}, w.Unknown...) {
		name := body
		if len(name) > 20 {
			name = name[:20]
		}
		tests = append(tests, struct {
			name   string
			header http.Header
			body   []byte
			kinds  []error
			ok     bool
		}{"verified but not understood: " + name, headers([]byte(body), true), []byte(body), []error{carriers.ErrMalformed}, false})
	}
	huge := []byte(`{"padding":"` + strings.Repeat("x", 8<<20) + `"}`)
	tests = append(tests, struct {
		name   string
		header http.Header
		body   []byte
		kinds  []error
		ok     bool
	}{"eight megabytes", headers(huge, true), huge, []error{carriers.ErrMalformed}, false})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e.bubble(t, &carrier{}, func(t *testing.T, c *carrier) {
				updates, err := c.set.ReceiveWebhook(context.Background(), c.code, tt.header, tt.body)
				if tt.ok {
					if err != nil || len(updates) == 0 {
						t.Fatalf("%d updates, error %v; want updates", len(updates), err)
					}
					return
				}
				for _, kind := range tt.kinds {
					if !errors.Is(err, kind) {
						t.Errorf("error = %v, want one that wraps %v", err, kind)
					}
				}
				if err == nil {
					return
				}
				if len(updates) != 0 {
					t.Error("updates beside an error")
				}
				var kinded *carriers.Error
				if !errors.As(err, &kinded) || kinded.Op != "webhook" {
					t.Errorf("error is %T, want a *carriers.Error with Op webhook", err)
				}
				e.checkSecrets(t, c, err)
			})
		})
	}
	if w.NoSecret == nil {
		return
	}
	t.Run("no secret configured", func(t *testing.T) {
		a, err := w.NoSecret()
		if err != nil {
			return // refused at the start: the best answer
		}
		set, err := carriers.NewSet(a)
		if err != nil {
			t.Fatal(err)
		}
		for name, h := range map[string]http.Header{"right proof": headers(good.webhook, true), "no proof": unsigned, "no header": nil} {
			if _, err := set.ReceiveWebhook(context.Background(), a.Code(), h, good.webhook); err == nil {
				t.Errorf("%s: a push was taken although no secret is configured", name)
			}
		}
	})
}
