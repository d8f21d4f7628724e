// Command conformance is a thin JSON-lines driver around the SDK, so that a judge in any
// language can hold it to cases of its own. It reads one request a line from standard
// input and writes one answer a line to standard output, in the same order:
//
//	{"op":"detect_number","number":"1Z 999 AA1 01 2345 6784"}
//	{"couriers":["ups"],"known_couriers":["dhl","ups"]}
//
// It goes the way a shop goes: answers of carriers through [carriers.Set.Track] and the
// real adapters, parcels through [postpurchase.Service]. What the SDK does not claim is
// answered {"unsupported":true}. The driver recovers no panic: one is to be seen.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const maxLine = 128 << 20 // bytes of one request; bodies come in base64

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// run answers requests until in ends.
func run(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		if err := answers.Encode(answer(ctx, lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// unsupported is the answer to what the SDK does not claim.
type unsupported struct {
	Unsupported bool `json:"unsupported"`
}

// failure is an error in the judge's words.
type failure struct {
	Error wireError `json:"error"`
}

type wireError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// errBadRequest is for requests that are none.
var errBadRequest = errors.New("not a request")

var operations = map[string]func(ctx context.Context, request []byte) (any, error){
	"parse_tracking":   parseTracking,
	"parse_webhook":    parseWebhook,
	"detect_number":    detectNumber,
	"verify_signature": verifySignature,
	"replay":           replay,
	"map_code":         mapCode,
}

func answer(ctx context.Context, line []byte) any {
	var request struct {
		Op string `json:"op"`
	}
	if err := decode(line, &request); err != nil {
		return failed(err)
	}
	do, ok := operations[request.Op]
	if !ok {
		return unsupported{true}
	}
	a, err := do(ctx, line)
	if err != nil {
		return failed(err)
	}
	return a
}

func decode(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	return nil
}

func failed(err error) failure { return failure{wireError{kindOf(err), err.Error()}} }

// kindOf is the judge's word for an error.
func kindOf(err error) string {
	for _, k := range []struct {
		is   error
		kind string
	}{
		{errBadRequest, "bad_request"},
		{carriers.ErrNotFound, "not_found"},
		{carriers.ErrUnauthorized, "auth"},
		{carriers.ErrRateLimited, "rate_limited"},
		{carriers.ErrMalformed, "malformed_response"},
		{carriers.ErrUnavailable, "unavailable"},
		{carriers.ErrInvalid, "invalid_request"},
		{carriers.ErrUnsupported, "unsupported"},
	} {
		if errors.Is(err, k.is) {
			return k.kind
		}
	}
	return "api_error"
}

// canonical is the judge's word for a status. It has none for "nothing from the carrier
// yet", and none for parcels that will never arrive.
func canonical(s shipment.Status) string {
	switch {
	case s == shipment.Pending || !s.Known():
		return "unknown"
	case s == shipment.Failed:
		return "exception"
	}
	return string(s)
}
