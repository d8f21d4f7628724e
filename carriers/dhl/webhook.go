package dhl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

const maxPush = 4 << 20

// wirePush is the body of a push. Divisions differ: some send what the tracking API
// answers, others the shipment alone.
type wirePush struct {
	Shipments list[wireShipment] `json:"shipments"`
	wireShipment
}

// ReceiveWebhook implements [carriers.WebhookReceiver]. DHL proves itself by the
// header and token that the hook was registered with, and signs nothing: the hook's
// address must be https.
func (a *Adapter) ReceiveWebhook(ctx context.Context, header http.Header, body []byte) ([]carriers.Update, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fail := func(kind error, why string) ([]carriers.Update, error) {
		return nil, &carriers.Error{Carrier: Code, Op: "webhook", Kind: kind, Message: why}
	}
	if a.cfg.WebhookToken == "" {
		return fail(carriers.ErrUnauthorized, "no token is configured")
	}
	// Hashes are compared, so that neither the token's bytes nor its length show in time.
	got, want := sha256.Sum256([]byte(header.Get(a.cfg.WebhookHeader))), sha256.Sum256([]byte(a.cfg.WebhookToken))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return fail(carriers.ErrUnauthorized, "wrong token")
	}
	if len(body) > maxPush {
		return fail(carriers.ErrMalformed, "larger than 4 MiB")
	}
	var shipments list[wireShipment]
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		err = carrierhttp.DecodeJSON(body, &shipments)
	} else {
		var push wirePush
		err = carrierhttp.DecodeJSON(body, &push)
		if shipments = push.Shipments; shipments == nil && push.ID != "" {
			shipments = list[wireShipment]{push.wireShipment}
		}
	}
	switch {
	case err != nil:
		return fail(carriers.ErrMalformed, err.Error())
	case len(shipments) == 0:
		return fail(carriers.ErrMalformed, "no shipment")
	}
	updates := make([]carriers.Update, 0, len(shipments))
	for i := range shipments {
		u := shipments[i].update("")
		if u.TrackingNumber == "" {
			return fail(carriers.ErrMalformed, "no tracking number")
		}
		updates = append(updates, u)
	}
	return updates, nil
}
