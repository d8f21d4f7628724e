package web_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(t *testing.T, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("texts/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestLanguagesSayTheSame(t *testing.T) {
	en, de := texts(t, "en"), texts(t, "de")
	for key, english := range en {
		german, ok := de[key]
		if !ok || strings.TrimSpace(german) == "" || strings.TrimSpace(english) == "" {
			t.Errorf("%s is not said in both languages", key)
		}
		a, b := placeholder.FindAllString(english, -1), placeholder.FindAllString(german, -1)
		slices.Sort(a)
		slices.Sort(b)
		if diff := cmp.Diff(slices.Compact(a), slices.Compact(b)); diff != "" {
			t.Errorf("%s has other placeholders in German (-en +de):\n%s", key, diff)
		}
	}
	for key := range de {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is only in German", key)
		}
	}
}

// Every word of the taxonomy has a text: one that is added there is missed here.
func TestEveryStateHasWords(t *testing.T) {
	en := texts(t, "en")
	file, err := parser.ParseFile(token.NewFileSet(), "../shipment/taxonomy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"Status": "status", "Detail": "detail", "Reason": "reason", "ActionBy": "action"}
	found := map[string]int{}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			name, ok := v.Type.(*ast.Ident)
			if !ok || kinds[name.Name] == "" {
				continue
			}
			word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if word == "" {
				word = "none"
			}
			found[name.Name]++
			if key := kinds[name.Name] + "." + word; en[key] == "" {
				t.Errorf("there are no words for %s", key)
			}
		}
	}
	if found["Status"] < 13 || found["Detail"] < 60 || found["Reason"] < 30 || found["ActionBy"] < 4 {
		t.Fatalf("the taxonomy was not read: %v", found)
	}
}

// Every text is used, and every text that is used is there.
func TestTextsAreUsed(t *testing.T) {
	en := texts(t, "en")
	var source strings.Builder
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") || !strings.HasSuffix(f.Name(), ".go") && f.Name() != "page.html" {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	asked := regexp.MustCompile(`"((?:head|next|when|ui|step|lang|action|status|detail|reason)\.[a-z_]*[a-z])"`)
	used := map[string]bool{}
	for _, m := range asked.FindAllStringSubmatch(source.String(), -1) {
		if used[m[1]] = true; en[m[1]] == "" {
			t.Errorf("%s is used and there is no text", m[1])
		}
	}
	if len(used) < 50 {
		t.Fatalf("only %d texts are used: the sources were not read", len(used))
	}
	for key := range en {
		kind, _, _ := strings.Cut(key, ".")
		if slices.Contains([]string{"status", "detail", "reason", "action", "step"}, kind) {
			continue // named by what a carrier says
		}
		if !used[key] {
			t.Errorf("%s is not used", key)
		}
	}
}
