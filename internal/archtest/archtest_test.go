// Package archtest keeps the shape of the module: who may import what, what lies at the
// top level, and that the README's programs and commands are the ones that are run.
package archtest

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const mod = "github.com/doorstep-go/doorstep"

// allowed lists, for each package, every package that it may reach outside the standard
// library, itself and what its own imports drag in through this list. "…" at the end
// allows all that begins so. A package that is not listed may not exist.
var allowed = map[string][]string{
	"":                          {},
	"/postpurchase/money":       {"golang.org/x/text/..."},
	"/postpurchase/shipment":    {},
	"/postpurchase/clock":       {},
	"/postpurchase/order":       {"/postpurchase/money", "/postpurchase/shipment"},
	"/postpurchase/shop":        {"/postpurchase/order"},
	"/carriers":                 {"/postpurchase/shipment", "golang.org/x/sync/..."},
	"/carriers/carrierhttp":     {"/carriers", "github.com/hashicorp/...", "golang.org/x/oauth2/...", "golang.org/x/time/..."},
	"/carriers/fake":            {"/carriers"},
	"/carriers/ups":             {"/carriers/carrierhttp", "/postpurchase/money"},
	"/carriers/dhl":             {"/carriers/carrierhttp", "/postpurchase/money"},
	"/carriers/ups/upstest":     {"/carriers/ups", "/carriers/fake"},
	"/carriers/dhl/dhltest":     {"/carriers/dhl", "/carriers/fake"},
	"/carriers/carriertest":     {"/carriers", "/carriers/fake", "github.com/google/go-cmp/..."},
	"/notify":                   {"/postpurchase/money", "golang.org/x/text/..."},
	"/notify/smtp":              {"/notify", "github.com/wneessen/go-mail/...", "golang.org/x/..."},
	"/notify/notifytest":        {"/notify", "github.com/google/go-cmp/...", "github.com/emersion/..."},
	"/postpurchase":             {"/carriers", "/notify", "/postpurchase/clock", "/postpurchase/shop", "golang.org/x/sync/..."},
	"/postpurchase/backendtest": {"/postpurchase", "github.com/google/go-cmp/..."},
	"/postpurchase/sqlite":      {"/postpurchase", "github.com/riverqueue/...", "github.com/tidwall/...", "github.com/klauspost/compress/...", "modernc.org/...", "github.com/dustin/...", "github.com/google/uuid", "github.com/mattn/...", "github.com/ncruces/...", "github.com/remyoudompheng/...", "golang.org/x/...", "go.uber.org/..."},
	"/postpurchase/postgres":    {"/postpurchase", "github.com/riverqueue/...", "github.com/tidwall/...", "github.com/klauspost/compress/...", "github.com/jackc/...", "github.com/google/uuid", "golang.org/x/...", "go.uber.org/..."},
	"/postpurchase/telemetry":   {"/postpurchase", "go.opentelemetry.io/...", "github.com/go-logr/...", "github.com/cespare/..."},
	"/postpurchase/web":         {"/postpurchase", "golang.org/x/time/..."},

	"/postpurchase/shop/shoptest":                    {"/postpurchase/shop", "github.com/google/go-cmp/...", "github.com/standard-webhooks/..."},
	"/postpurchase/shop/bigcommerce":                 {"/postpurchase/shop", "github.com/hashicorp/...", "github.com/standard-webhooks/..."},
	"/postpurchase/shop/bigcommerce/bigcommercetest": {"/postpurchase/shop/bigcommerce", "/postpurchase/clock"},
}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Standard,Imports,Deps"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
}

func TestImports(t *testing.T) {
	pkgs := list(t, "./...")
	for path, p := range pkgs {
		name, ours := strings.CutPrefix(path, mod)
		if !ours || strings.HasPrefix(name, "/examples/") || strings.HasPrefix(name, "/internal/") || strings.Contains(name, "/internal/") {
			continue
		}
		if _, ok := allowed[name]; !ok {
			t.Errorf("%s is a package that the list does not know: say what it may import", name)
			continue
		}
		for _, dep := range p.Deps {
			if pkgs[dep].Standard || dep == path || mayReach(name, dep, nil) {
				continue
			}
			t.Errorf("%s reaches %s", name, dep)
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, mod+"/examples") {
				t.Errorf("%s imports an example", name)
			}
		}
	}
	for name := range allowed {
		if _, ok := pkgs[mod+name]; !ok {
			t.Errorf("%s is listed and does not exist", name)
		}
	}
}

// mayReach follows the list: what a listed package may reach, its importers may too.
func mayReach(name, dep string, seen []string) bool {
	if slices.Contains(seen, name) {
		return false
	}
	for _, ok := range allowed[name] {
		full := ok
		if strings.HasPrefix(ok, "/") {
			full = mod + ok
		}
		if prefix, many := strings.CutSuffix(full, "/..."); full == dep || many && (dep == prefix || strings.HasPrefix(dep, prefix+"/")) {
			return true
		}
		if strings.HasPrefix(ok, "/") && mayReach(ok, dep, append(seen, name)) {
			return true
		}
	}
	return strings.HasPrefix(dep, mod+name+"/internal/")
}

func TestTopLevel(t *testing.T) {
	want := []string{
		".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md",
		"carriers", "doc.go", "examples", "go.mod", "go.sum", "internal", "notify", "postpurchase",
	}
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("needs a git checkout: %v", err)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(line), "/")
		if !slices.Contains(got, top) {
			got = append(got, top)
		}
	}
	slices.Sort(got)
	for _, name := range got {
		if !slices.Contains(want, name) && name != "returns" {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing at the top level", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestREADME(t *testing.T) {
	readme := read(t, "README.md")
	if program := read(t, "examples/quickstart/main.go"); !strings.Contains(readme, "```go\n"+program+"```") {
		t.Error("the README's program is not examples/quickstart/main.go")
	}
	// The other Go in it is lines of an example that is compiled.
	example := read(t, "postpurchase/postgres/example_test.go")
	for i, block := range strings.Split(readme, "```go\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(code, "//") || i == 0 {
			continue
		}
		for line := range strings.Lines(code) {
			if !strings.Contains(example, strings.TrimSpace(line)) {
				t.Errorf("the README's line %q is in no compiled example", strings.TrimSpace(line))
			}
		}
	}
	ci := read(t, ".ci/run")
	for _, command := range []string{"go test ./...", "go run ./examples/bigcommerce"} {
		if !strings.Contains(readme, command) {
			t.Errorf("the README does not say %q", command)
		}
	}
	if !strings.Contains(ci, "\ngo test ./...\n") {
		t.Error(".ci/run does not run the README's test command")
	}
}

// TestThinPlugin keeps the promise that a plugin is wiring: the SDK's behaviour belongs
// in the SDK.
func TestThinPlugin(t *testing.T) {
	if n := strings.Count(read(t, "examples/bigcommerce/main.go"), "\n"); n >= 150 {
		t.Errorf("examples/bigcommerce/main.go has %d lines, and promises less than 150", n)
	}
}
