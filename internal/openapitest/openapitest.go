// Package openapitest holds our requests, and the answers of our simulated servers,
// against the OpenAPI files that a platform publishes.
//
// The files are not ours to give away. A test that uses them looks for a folder in the
// environment and is skipped without it:
//
//	DOORSTEP_TEST_SPECS=/path/to/specs go test ./...
package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Variable is the environment variable that names the folder. The files are in it, or
// in "specs" below it.
const Variable = "DOORSTEP_TEST_SPECS"

// Spec is a published file, ready to be tested against.
type Spec struct {
	// Server is where the file's API is at in the test, such as
	// "http://127.0.0.1:1234/stores/abc/v2". Requests to elsewhere are not of this file.
	Server string

	doc     *openapi3.T
	router  routers.Router
	checked atomic.Int64
}

// Open loads a file by its name, and skips the test where there is no folder. A file
// that is missing from a folder that is there is an error. Patches mend what a file
// says wrongly about itself: say why where you use one.
func Open(t testing.TB, name, server string, patches ...func(*openapi3.T)) *Spec {
	t.Helper()
	dir := os.Getenv(Variable)
	if dir == "" {
		t.Skipf("set %s to a folder with the file %s to test against it", Variable, name)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(dir, "specs", name)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The file itself is not validated: most that are published break a rule of OpenAPI
	// somewhere (an empty version, an example against its own schema, an operation id
	// twice), and none of that is our concern.
	for _, patch := range patches {
		patch(doc)
	}
	doc.Servers = openapi3.Servers{{URL: server}}
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
		}
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &Spec{Server: server, doc: doc, router: router}
}

// Checked is how many requests and answers were held against the file. A test that
// checked none has proved nothing.
func (s *Spec) Checked() int { return int(s.checked.Load()) }

// Transport returns a round tripper over base (nil: the default one) that fails t for
// each request, and each answer, that breaks the spec it belongs to, and for each
// request to a spec's server that the spec does not know. What goes to another server
// is passed on unseen. Answers of a status that the file does not tell of pass.
func Transport(t testing.TB, base http.RoundTripper, specs ...*Spec) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{t, base, specs}
}

type transport struct {
	t     testing.TB
	base  http.RoundTripper
	specs []*Spec
}

// RoundTrip implements [http.RoundTripper].
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	spec := tr.spec(r.URL)
	if spec == nil {
		return tr.base.RoundTrip(r)
	}
	what := r.Method + " " + r.URL.Path
	route, params, err := spec.router.FindRoute(r)
	if err != nil {
		tr.t.Errorf("%s: the file has no such call: %v", what, err)
		return tr.base.RoundTrip(r)
	}
	body, err := drain(r.Body)
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	input := &openapi3filter.RequestValidationInput{
		Request: r.Clone(r.Context()), PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:  authenticate,
			SkipSettingDefaults: true,
			MultiError:          true,
		},
	}
	input.Request.Body = io.NopCloser(bytes.NewReader(body))
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		tr.t.Errorf("%s: the request breaks the file: %v", what, err)
	}
	if body != nil {
		again.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := tr.base.RoundTrip(again)
	if err != nil {
		return nil, err
	}
	answer, err := drain(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	check := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{MultiError: true},
	}
	check.SetBodyBytes(answer)
	if err := openapi3filter.ValidateResponse(r.Context(), check); err != nil {
		tr.t.Errorf("%s: the answer %d breaks the file: %v", what, resp.StatusCode, err)
	}
	spec.checked.Add(1)
	return resp, nil
}

func (tr *transport) spec(u *url.URL) *Spec {
	full := u.Scheme + "://" + u.Host + u.Path
	for _, s := range tr.specs {
		if strings.HasPrefix(full, strings.TrimSuffix(s.Server, "/")+"/") {
			return s
		}
	}
	return nil
}

func drain(b io.ReadCloser) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	return io.ReadAll(b)
}

// authenticate looks whether the credentials are where the file wants them.
func authenticate(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	h := in.RequestValidationInput.Request.Header
	switch s := in.SecurityScheme; {
	case s.Type == "apiKey" && s.In == "header":
		if h.Get(s.Name) == "" {
			return fmt.Errorf("no header %s", s.Name)
		}
	case s.Type == "http", s.Type == "oauth2":
		if h.Get("Authorization") == "" {
			return fmt.Errorf("no header Authorization")
		}
	}
	return nil
}
