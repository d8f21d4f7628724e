package openapitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/doorstep-go/doorstep/internal/openapitest"
)

const file = `
openapi: 3.0.0
info: {title: Cats, version: ''}
servers: [{url: 'https://api.example.com/{shop}/v1', variables: {shop: {default: x}}}]
security: [{Key: []}]
components:
  securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}
paths:
  /cats/{id}:
    get:
      operationId: cat
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}}
    put:
      operationId: rename
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: object}}}}
`

// recorder keeps what would fail a test.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestTransport(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "specs"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "specs", "cats.yml"), []byte(file), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(openapitest.Variable, dir)
	var answer, got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 100)
		n, _ := r.Body.Read(b)
		got = string(b[:n])
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(answer))
	}))
	defer srv.Close()
	for _, c := range []struct {
		name, method, path, key, body, answer, want string
	}{
		{"fine", "GET", "/shop/v1/cats/1", "k", "", `{"name":"Tom"}`, ""},
		{"fine with a body", "PUT", "/shop/v1/cats/1", "k", `{"name":"Tom"}`, `{}`, ""},
		{"elsewhere", "GET", "/other", "", "", `{}`, ""},
		{"no key", "GET", "/shop/v1/cats/1", "", "", `{"name":"Tom"}`, "X-Key"},
		{"no such call", "GET", "/shop/v1/dogs", "k", "", `{}`, "no such call"},
		{"bad path", "GET", "/shop/v1/cats/tom", "k", "", `{"name":"Tom"}`, "the request breaks"},
		{"bad body", "PUT", "/shop/v1/cats/1", "k", `{"name":1}`, `{}`, "the request breaks"},
		{"bad answer", "GET", "/shop/v1/cats/1", "k", "", `{"name":1}`, "the answer 200 breaks"},
		{"no answer", "GET", "/shop/v1/cats/1", "k", "", ``, "the answer 200 breaks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := &recorder{TB: t}
			answer = c.answer
			spec := openapitest.Open(t, "cats.yml", srv.URL+"/shop/v1", func(d *openapi3.T) { d.Info.Title = "Patched" })
			r, err := http.NewRequest(c.method, srv.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if c.key != "" {
				r.Header.Set("X-Key", c.key)
			}
			resp, err := (&http.Client{Transport: openapitest.Transport(rec, nil, spec)}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got != c.body {
				t.Errorf("the server got %q, want %q", got, c.body)
			}
			switch {
			case c.want == "" && len(rec.failures) > 0:
				t.Errorf("failures %q", rec.failures)
			case c.want != "" && !strings.Contains(strings.Join(rec.failures, "\n"), c.want):
				t.Errorf("failures %q, want one with %q", rec.failures, c.want)
			}
		})
	}
}
