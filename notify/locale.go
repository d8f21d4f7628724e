package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// phrases are the texts of one locale.
type phrases struct {
	tag   language.Tag
	name  string // "de"
	texts map[string]*phrase
}

// phrase is a text, or one per plural form.
type phrase struct {
	file  string
	line  int
	forms map[plural.Form]pattern // plural.Other only, unless it is a plural
	many  bool
}

// pattern is a text cut at its placeholders: literal, name, literal, name, …, literal.
type pattern []string

func (p pattern) names() []string {
	var out []string
	for i := 1; i < len(p); i += 2 {
		out = append(out, p[i])
	}
	return out
}

func parsePattern(s string) (pattern, error) {
	var p pattern
	for {
		lit, rest, ok := strings.Cut(s, "{")
		if strings.Contains(lit, "}") {
			return nil, fmt.Errorf("a } without a {")
		}
		p = append(p, lit)
		if !ok {
			return p, nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
			return nil, fmt.Errorf("a placeholder must look like {name}")
		}
		p = append(p, name)
		s = after
	}
}

// fill puts the arguments, name and value in turn, into the pattern.
func (p pattern) fill(args []any) (string, error) {
	if len(p) == 1 {
		return p[0], nil
	}
	var b strings.Builder
	for i, s := range p {
		if i%2 == 0 {
			b.WriteString(s)
			continue
		}
		found := false
		for j := 0; j+1 < len(args); j += 2 {
			if args[j] != s {
				continue
			}
			found = true
			switch v := args[j+1].(type) {
			case string:
				b.WriteString(v)
			case int:
				b.WriteString(strconv.Itoa(v))
			default:
				return "", fmt.Errorf("{%s} must be a string or an int, not %T", s, v)
			}
		}
		if !found {
			return "", fmt.Errorf("{%s} is not given", s)
		}
	}
	return b.String(), nil
}

var formNames = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many, "other": plural.Other,
}

func formName(f plural.Form) string {
	for name, g := range formNames {
		if f == g {
			return name
		}
	}
	return "other"
}

// formOf is the CLDR form of a whole number.
func formOf(tag language.Tag, n int) plural.Form {
	if n < 0 {
		n = -n
	}
	return plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)
}

// formsOf are the forms that whole numbers have in a language.
func formsOf(tag language.Tag) []plural.Form {
	forms := []plural.Form{plural.Other}
	for _, n := range append(seq(200), 1_000, 1_000_000) {
		if f := formOf(tag, n); !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return forms
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// readLocale reads the texts of one file into p, over those that are there.
func (p *phrases) read(fsys fs.FS, file, label string) []error {
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return []error{&TemplateError{File: label, Problem: "cannot be read"}}
	}
	if len(raw) > maxFile {
		return []error{&TemplateError{File: label, Problem: "larger than 1 MB"}}
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		line := 1
		switch e := err.(type) {
		case *json.SyntaxError:
			line = 1 + bytes.Count(raw[:min(int(e.Offset), len(raw))], []byte("\n"))
		case *json.UnmarshalTypeError:
			line = 1 + bytes.Count(raw[:min(int(e.Offset), len(raw))], []byte("\n"))
		}
		return []error{&TemplateError{File: label, Line: line, Problem: "is not a JSON object of texts: " + err.Error()}}
	}
	var errs []error
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	want := formsOf(p.tag)
	for _, key := range keys {
		line := 1
		if i := bytes.Index(raw, []byte(strconv.Quote(key))); i >= 0 {
			line += bytes.Count(raw[:i], []byte("\n"))
		}
		bad := func(format string, args ...any) {
			errs = append(errs, &TemplateError{File: label, Line: line, Problem: strconv.Quote(key) + ": " + fmt.Sprintf(format, args...)})
		}
		ph := &phrase{file: label, line: line, forms: map[plural.Form]pattern{}}
		var one string
		if json.Unmarshal(m[key], &one) == nil {
			pat, err := parsePattern(one)
			if err != nil {
				bad("%v", err)
				continue
			}
			ph.forms[plural.Other] = pat
			p.texts[key] = ph
			continue
		}
		var forms map[string]string
		if json.Unmarshal(m[key], &forms) != nil {
			bad("must be a text, or an object with a text for each plural form")
			continue
		}
		ph.many = true
		for name, s := range forms {
			f, ok := formNames[name]
			if !ok {
				bad("unknown plural form %q; the forms are zero, one, two, few, many, other", name)
				continue
			}
			if !slices.Contains(want, f) {
				bad("plural form %q does not occur in %s", name, p.name)
				continue
			}
			pat, err := parsePattern(s)
			if err != nil {
				bad("%s: %v", name, err)
				continue
			}
			ph.forms[f] = pat
		}
		for _, f := range want {
			if _, ok := ph.forms[f]; !ok {
				bad("plural form %q is missing", formName(f))
			}
		}
		p.texts[key] = ph
	}
	return errs
}

// lookup returns the pattern of key; n chooses the form if the text is a plural.
func (p *phrases) lookup(key string, n int) (pattern, error) {
	ph, ok := p.texts[key]
	if !ok {
		return nil, fmt.Errorf("no text %q in %s", key, p.name)
	}
	if !ph.many {
		return ph.forms[plural.Other], nil
	}
	if pat, ok := ph.forms[formOf(p.tag, n)]; ok {
		return pat, nil
	}
	return ph.forms[plural.Other], nil
}

// locales are all that were loaded.
type locales struct {
	byName map[string]*phrases
	def    *phrases
}

// pick finds the texts for a tag: exact, then up its CLDR parents, then the shop's
// default. A language that merely looks near is never taken instead.
func (l *locales) pick(tag string) *phrases {
	if p, ok := l.byName[tag]; ok {
		return p
	}
	t, err := language.Parse(strings.ReplaceAll(tag, "_", "-"))
	if err != nil {
		return l.def
	}
	for t != language.Und {
		if p, ok := l.byName[t.String()]; ok {
			return p
		}
		t = t.Parent()
	}
	return l.def
}

func localeFiles(fsys fs.FS) ([]string, error) {
	files, err := fs.Glob(fsys, "locales/*.json")
	sort.Strings(files)
	return files, err
}

func localeName(file string) string { return strings.TrimSuffix(path.Base(file), ".json") }
