package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shop"
	"github.com/doorstep-go/doorstep/postpurchase/shop/bigcommerce"
)

type validAnswer struct {
	Valid bool `json:"valid"`
}

// verifySignature knows Standard Webhooks, as BigCommerce signs by it: the adapter
// verifies before it reads, so a body that is no webhook of BigCommerce's and is proved
// to be the sender's is told from one that is not.
func verifySignature(ctx context.Context, line []byte) (any, error) {
	var request struct {
		Scheme    string            `json:"scheme"`
		Secret    any               `json:"secret"`
		Headers   map[string]string `json:"headers"`
		Body      []byte            `json:"body_base64"`
		Now       *int64            `json:"now"`
		Tolerance int               `json:"tolerance_s"`
	}
	if err := decode(line, &request); err != nil {
		return nil, err
	}
	key, isText := request.Secret.(string)
	if request.Scheme != "standardwebhooks" || !isText {
		return unsupported{true}, nil
	}
	// BigCommerce's secret is the key itself; others write the key in base64.
	if encoded, ok := strings.CutPrefix(key, "whsec_"); ok {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return validAnswer{false}, nil
		}
		key = string(raw)
	}
	cfg := bigcommerce.Config{
		StoreHash: "conformance", AccessToken: "token", ClientSecret: key,
		WebhookTolerance: time.Duration(request.Tolerance) * time.Second,
	}
	if request.Now != nil {
		cfg.Now = func() time.Time { return time.Unix(*request.Now, 0) }
	}
	a, err := bigcommerce.New(cfg)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range request.Headers {
		header.Set(name, value)
	}
	_, err = a.ReceiveWebhook(ctx, header, request.Body)
	return validAnswer{!errors.Is(err, shop.ErrUnauthorized)}, nil
}
