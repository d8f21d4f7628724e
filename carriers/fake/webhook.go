package fake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
)

const (
	signatureHeader = "Fake-Signature"
	timestampHeader = "Fake-Timestamp"
	tolerance       = 5 * time.Minute // how old or early a push may be
)

// push is the body that the fake carrier sends.
type push struct {
	Updates []carriers.Update `json:"updates"`
}

// SignedPush is what the carrier would push now about a number: the body, and the
// header that proves it. Tests hand both to the webhook of the program under test.
// Errors are those of [Adapter.Track] and, without Config.WebhookSecret, one that
// wraps [carriers.ErrUnauthorized].
func (a *Adapter) SignedPush(number string) (http.Header, []byte, error) {
	if a.cfg.WebhookSecret == "" {
		return nil, nil, &carriers.Error{Carrier: Code, Op: "webhook", Kind: carriers.ErrUnauthorized, Message: "no secret is configured"}
	}
	now := a.cfg.Now()
	r := a.ask(number, now)
	if r.Err != nil {
		return nil, nil, r.Err
	}
	body, err := json.Marshal(push{r.Updates})
	if err != nil {
		return nil, nil, err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	stamp := strconv.FormatInt(now.Unix(), 10)
	header.Set(timestampHeader, stamp)
	header.Set(signatureHeader, a.sign(stamp, body))
	return header, body, nil
}

func (a *Adapter) sign(stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(a.cfg.WebhookSecret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// ReceiveWebhook implements [carriers.WebhookReceiver]: it accepts what
// [Adapter.SignedPush] of an adapter with the same secret made, for five minutes.
func (a *Adapter) ReceiveWebhook(ctx context.Context, header http.Header, body []byte) ([]carriers.Update, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fail := func(kind error, why string) ([]carriers.Update, error) {
		return nil, &carriers.Error{Carrier: Code, Op: "webhook", Kind: kind, Message: why}
	}
	if a.cfg.WebhookSecret == "" {
		return fail(carriers.ErrUnauthorized, "no secret is configured")
	}
	stamp := header.Get(timestampHeader)
	if !hmac.Equal([]byte(a.sign(stamp, body)), []byte(header.Get(signatureHeader))) {
		return fail(carriers.ErrUnauthorized, "wrong signature")
	}
	unix, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fail(carriers.ErrUnauthorized, "no timestamp")
	}
	if age := a.cfg.Now().Sub(time.Unix(unix, 0)); age.Abs() > tolerance {
		return fail(carriers.ErrUnauthorized, "too old, or from the future")
	}
	var p push
	if err := json.Unmarshal(body, &p); err != nil {
		return fail(carriers.ErrMalformed, "not the JSON of a push")
	}
	if err := p.check(); err != nil {
		return fail(carriers.ErrMalformed, err.Error())
	}
	return p.Updates, nil
}

func (p push) check() error {
	if len(p.Updates) == 0 {
		return errors.New("no updates")
	}
	for _, u := range p.Updates {
		if u.TrackingNumber == "" {
			return errors.New("no tracking number")
		}
	}
	return nil
}
