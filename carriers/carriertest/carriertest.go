package carriertest

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/doorstep-go/doorstep/carriers"
)

var update = flag.Bool("update", false, "write testdata/*/want.json from what the adapter makes of the answers")

// Suite is what the exam has to know of an adapter. New, Number and Good are
// required; the other fields say what the carrier has, and a part of the exam is
// left out only where the carrier has nothing of the kind.
type Suite struct {
	// New makes the adapter. It must send all requests, those for tokens too, to
	// baseURL through hc, which may have any number of hosts behind it. It is called
	// once for each part of the exam, with no token cached.
	New func(baseURL string, hc *http.Client) (carriers.Adapter, error)

	// Number is a tracking number of the carrier's form. Error texts must not hold it.
	Number string

	// Good is the folder in testdata whose response is played wherever an answer must
	// be good. It should be the richest one.
	Good string

	// Secrets are the credentials that New uses. They must not be in error texts, and
	// must not go to another host.
	Secrets []string

	// TokenPath is the path of the token endpoint below baseURL. Empty: the carrier has
	// no tokens, and a 401 is final.
	TokenPath string

	// Token writes the token endpoint's good answer for the given access token.
	// Defaults to {"access_token": token, "token_type": "Bearer", "expires_in": 3600}.
	Token func(w http.ResponseWriter, token string)

	// NotFound are the ways in which the carrier says that it does not know a number,
	// beside a bare 404.
	NotFound []Answer

	// Errors are the carrier's own errors and the kind that must come of each.
	Errors []Answer

	// Codes is the adapter's table, and Unmapped are codes that testdata shows on
	// purpose although the table does not have them.
	Codes    carriers.Codes
	Unmapped []string

	// Detect are numbers, clean or as people type them, and how sure the adapter must
	// be. Numbers of other carriers belong in it too. Empty where the adapter is no
	// [carriers.Detector].
	Detect map[string]carriers.Confidence

	// Webhook is for adapters that are a [carriers.WebhookReceiver].
	Webhook *Webhook
}

// Answer is one answer of a carrier and what must come of it.
type Answer struct {
	Name   string
	Status int // defaults to 200
	Header http.Header
	Body   string
	Kind   error  // one of the kinds of [carriers]; [Suite.NotFound] need not say it
	Code   string // the carrier's error code that the error must hold; empty: any
}

// Webhook is what the exam has to know of a carrier's pushes.
type Webhook struct {
	// Sign puts what proves the sender on header, made with the right secret or with
	// another one.
	Sign func(header http.Header, body []byte, right bool)

	// SignsBody says that the proof covers the body, so that a changed body is refused.
	SignsBody bool

	// NoSecret makes an adapter without a webhook secret. It must fail, or the adapter
	// must refuse every push. Nil where there is no such adapter.
	NoSecret func() (carriers.Adapter, error)

	// Unknown are bodies from a proved sender that mean nothing to the adapter, beside
	// the exam's own: they must give [carriers.ErrMalformed].
	Unknown []string
}

// Run examines an adapter. It reads testdata in the directory of the test.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if s.New == nil || s.Number == "" || s.Good == "" {
		t.Fatal("carriertest: New, Number and Good are required")
	}
	cases := load(t)
	i := slices.IndexFunc(cases, func(c testcase) bool { return c.name == s.Good && c.response != nil })
	if i < 0 {
		t.Fatalf("carriertest: testdata/%s has no response", s.Good)
	}
	e := exam{Suite: s, cases: cases, good: cases[i]}
	t.Run("Contract", e.contract)
	t.Run("Testdata", e.testdata)
	t.Run("BadDays", e.badDays)
	t.Run("Shapes", e.shapes)
	t.Run("Concurrency", e.concurrency)
	t.Run("Codes", e.codes)
	t.Run("Detect", e.detect)
	t.Run("Webhook", e.webhook)
}

type exam struct {
	Suite
	cases []testcase
	good  testcase
}

// testcase is one folder of testdata. case.json is optional; it holds what is not the
// default of an answer or a query.
type testcase struct {
	name     string
	dir      string
	response []byte
	webhook  []byte
	Status   int               `json:"status"` // of the answer; default 200
	Header   map[string]string `json:"header"` // of the answer, or of the push
	Number   string            `json:"number"` // asked for; default Suite.Number
	Query    carriers.Query    `json:"query"`  // further hints
}

func (c testcase) query(s Suite) carriers.Query {
	q := c.Query
	q.Number = c.Number
	if q.Number == "" {
		q.Number = s.Number
	}
	return q
}

func (c testcase) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range c.Header {
		w.Header().Set(k, v)
	}
	if c.Status != 0 {
		w.WriteHeader(c.Status)
	}
	_, _ = w.Write(c.response)
}

func load(t *testing.T) []testcase {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatalf("carriertest: an adapter without testdata is not examined: %v", err)
	}
	var cases []testcase
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == "fuzz" {
			continue
		}
		c := testcase{name: entry.Name(), dir: filepath.Join("testdata", entry.Name())}
		files, err := os.ReadDir(c.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			body, err := os.ReadFile(filepath.Join(c.dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			switch stem, _, _ := strings.Cut(f.Name(), "."); {
			case stem == "response":
				c.response = body
			case stem == "webhook":
				c.webhook = body
			case f.Name() == "case.json":
				if err := json.Unmarshal(body, &c); err != nil {
					t.Fatalf("%s/case.json: %v", c.dir, err)
				}
			}
		}
		if (c.response == nil) == (c.webhook == nil) {
			t.Fatalf("%s: needs a response or a webhook, not both", c.dir)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatal("carriertest: testdata is empty")
	}
	return cases
}
