package notify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	texttemplate "text/template"
	"text/template/parse"

	"golang.org/x/text/language"
)

//go:embed templates
var builtin embed.FS

// maxFile is how large a template or locale file may be.
const maxFile = 1 << 20

// Options say which templates to load. The zero value loads the built-in ones.
type Options struct {
	// Overrides are the shop's own files, over the built-in ones and later over earlier:
	// <kind>.html, <kind>.txt, layout.html, partials.html, partials.txt and
	// locales/<tag>.json. A template file replaces the one of the same name; texts replace
	// those of the same key.
	Overrides []fs.FS

	// Locales are the tags to load. Defaults to all there are.
	Locales []string

	// DefaultLocale is used for customers whose language there is no locale for.
	// Defaults to "en".
	DefaultLocale string

	Theme Theme
}

// Content is a rendered message.
type Content struct {
	Subject   string
	Preheader string // what a mailbox shows beside the subject
	HTML      string
	Text      string
	Locale    string // the locale whose texts were used, which may not be the one asked for
}

// ErrNoTemplate says that there is no template for a kind of message.
var ErrNoTemplate = errors.New("no template")

// ErrUnsafe says that a message was not rendered because html/template refused a value.
var ErrUnsafe = errors.New("unsafe value in a template")

// Templates render messages. They are checked when they are loaded and do not change
// afterwards. They are safe for concurrent use. Make them with [Load].
type Templates struct {
	locales *locales
	look    look
	kinds   map[Kind]*kindTemplates
}

// kindTemplates are the parsed files of one kind. Executing needs functions that belong
// to one render, so instances are pooled: cloning and escaping HTML takes milliseconds.
type kindTemplates struct {
	html *htmltemplate.Template // never executed, only cloned
	text *texttemplate.Template
	pool sync.Pool
}

type instance struct {
	env  *env
	html *htmltemplate.Template
	text *texttemplate.Template
	buf  bytes.Buffer
}

func (k *kindTemplates) instance() (*instance, error) {
	if in, ok := k.pool.Get().(*instance); ok {
		return in, nil
	}
	in := &instance{env: new(env)}
	var err error
	if in.html, err = k.html.Clone(); err != nil {
		return nil, err
	}
	in.html.Funcs(in.env.funcs())
	if in.text, err = k.text.Clone(); err != nil {
		return nil, err
	}
	in.text.Funcs(in.env.funcs())
	return in, nil
}

// source is one template file.
type source struct {
	label string // for errors
	body  string
}

// Load reads the templates and checks them: every field, function, partial and text that
// is named in any branch must exist, in every locale, with the right placeholders and
// plural forms. Then each kind is rendered in each locale with sample data and held
// against [Lint]. All that is wrong is in the error, as [*TemplateError] where a file is
// to blame.
func Load(o Options) (*Templates, error) {
	if o.DefaultLocale == "" {
		o.DefaultLocale = "en"
	}
	look, err := o.Theme.look()
	if err != nil {
		return nil, err
	}
	base, err := fs.Sub(builtin, "templates")
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	t := &Templates{look: look, locales: &locales{byName: map[string]*phrases{}}, kinds: map[Kind]*kindTemplates{}}
	htmls, texts := map[string]source{}, map[string]source{}
	var errs []error
	for i, fsys := range append([]fs.FS{base}, o.Overrides...) {
		label := func(name string) string { return name }
		if i > 0 {
			label = func(name string) string { return "override " + strconv.Itoa(i) + "/" + name }
		}
		if fsys == nil {
			return nil, fmt.Errorf("notify: Overrides[%d] is nil", i-1)
		}
		errs = append(errs, readSources(fsys, "*.html", label, htmls)...)
		errs = append(errs, readSources(fsys, "*.txt", label, texts)...)
		errs = append(errs, t.locales.readAll(fsys, o.Locales, label)...)
	}
	if t.locales.def = t.locales.byName[o.DefaultLocale]; t.locales.def == nil {
		errs = append(errs, fmt.Errorf("notify: DefaultLocale %q: no such locale is loaded", o.DefaultLocale))
	}
	for _, name := range o.Locales {
		if t.locales.byName[name] == nil {
			errs = append(errs, fmt.Errorf("notify: Locales: there is no locales/%s.json", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := t.parse(htmls, texts); err != nil {
		return nil, err
	}
	if err := t.prove(); err != nil {
		return nil, err
	}
	return t, nil
}

func readSources(fsys fs.FS, pattern string, label func(string) string, into map[string]source) []error {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return []error{fmt.Errorf("notify: %w", err)}
	}
	var errs []error
	for _, name := range names {
		body, err := fs.ReadFile(fsys, name)
		switch {
		case err != nil:
			errs = append(errs, &TemplateError{File: label(name), Problem: "cannot be read"})
		case len(body) > maxFile:
			errs = append(errs, &TemplateError{File: label(name), Problem: "larger than 1 MB"})
		default:
			into[name] = source{label(name), string(body)}
		}
	}
	return errs
}

func (l *locales) readAll(fsys fs.FS, only []string, label func(string) string) []error {
	files, err := localeFiles(fsys)
	if err != nil {
		return []error{fmt.Errorf("notify: %w", err)}
	}
	var errs []error
	for _, file := range files {
		name := localeName(file)
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		tag, err := language.Parse(name)
		if err != nil {
			errs = append(errs, &TemplateError{File: label(file), Problem: "is not named for a language tag"})
			continue
		}
		p := l.byName[name]
		if p == nil {
			p = &phrases{tag: tag, name: name, texts: map[string]*phrase{}}
			l.byName[name] = p
		}
		errs = append(errs, p.read(fsys, file, label(file))...)
	}
	return errs
}

// shared files hold what every kind may use; every other file is a kind.
func shared(name string) bool {
	stem := strings.TrimSuffix(name, path.Ext(name))
	return stem == "layout" || stem == "partials" || strings.HasPrefix(stem, "_")
}

func (t *Templates) parse(htmls, texts map[string]source) error {
	var errs []error
	trees := func(sources map[string]source, own string) map[string]*parse.Tree {
		set := map[string]*parse.Tree{}
		names := make([]string, 0, len(sources))
		for name := range sources {
			if shared(name) {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		for _, name := range append(names, own) { // the kind's own file is last: it may redefine partials
			src := sources[name]
			tree := parse.New(src.label)
			tree.Mode = parse.SkipFuncCheck // the checker names what there is instead
			own := map[string]*parse.Tree{}
			if _, err := tree.Parse(t.look.expand(src.body), "", "", own); err != nil {
				errs = append(errs, parseError(src.label, err))
				continue
			}
			for n, tr := range own {
				if n != src.label { // text outside of define is not part of anything
					set[n] = tr
				}
			}
		}
		return set
	}
	kinds := map[string]bool{}
	for name := range htmls {
		kinds[strings.TrimSuffix(name, ".html")] = !shared(name)
	}
	for name := range texts {
		kinds[strings.TrimSuffix(name, ".txt")] = !shared(name)
	}
	names := make([]string, 0, len(kinds))
	for name, is := range kinds {
		if is {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	uses := wordUses()
	dot := reflect.TypeFor[*Data]()
	for _, name := range names {
		before := len(errs)
		for _, ext := range []string{".html", ".txt"} {
			if _, ok := map[string]map[string]source{".html": htmls, ".txt": texts}[ext][name+ext]; !ok {
				errs = append(errs, &TemplateError{File: name + ext, Problem: "is missing; a message has an HTML and a text part"})
			}
		}
		html, text := trees(htmls, name+".html"), trees(texts, name+".txt")
		if len(errs) > before {
			continue
		}
		for _, set := range []struct {
			trees map[string]*parse.Tree
			entry []string
			file  string
		}{
			{html, []string{"layout", "content"}, htmls[name+".html"].label},
			{text, []string{"subject", "preheader", "body"}, texts[name+".txt"].label},
		} {
			c := &checker{trees: set.trees, funcs: funcTypes(), done: map[visit]bool{}}
			for _, entry := range set.entry {
				if set.trees[entry] == nil {
					errs = append(errs, &TemplateError{File: set.file, Problem: fmt.Sprintf("must define %q", entry)})
				}
				c.check(entry, dot)
			}
			reached := map[string]bool{}
			for v := range c.done {
				reached[v.name] = true
			}
			for n := range set.trees {
				if !reached[n] {
					c.check(n, nil)
				}
			}
			errs = append(errs, c.errs...)
			uses = append(uses, c.uses...)
		}
		k := &kindTemplates{
			html: htmltemplate.New("").Funcs(new(env).funcs()).Option("missingkey=error"),
			text: texttemplate.New("").Funcs(new(env).funcs()).Option("missingkey=error"),
		}
		for n, tr := range html {
			if _, err := k.html.AddParseTree(n, tr); err != nil {
				errs = append(errs, fmt.Errorf("notify: %s: %w", name, err))
			}
		}
		for n, tr := range text {
			if _, err := k.text.AddParseTree(n, tr); err != nil {
				errs = append(errs, fmt.Errorf("notify: %s: %w", name, err))
			}
		}
		t.kinds[Kind(name)] = k
	}
	errs = append(errs, checkTexts(uses, t.locales)...)
	return joinSorted(errs)
}

// parseError gives a syntax error of text/template file and line of its own.
func parseError(label string, err error) error {
	msg := strings.TrimPrefix(err.Error(), "template: "+label+":")
	if n, rest, ok := strings.Cut(msg, ": "); ok {
		if line, e := strconv.Atoi(strings.Split(n, ":")[0]); e == nil {
			return &TemplateError{File: label, Line: line, Problem: rest}
		}
	}
	return &TemplateError{File: label, Problem: err.Error()}
}

// joinSorted joins errors, each text once, in the order of files and lines.
func joinSorted(errs []error) error {
	sort.SliceStable(errs, func(i, j int) bool {
		a, okA := errs[i].(*TemplateError)
		b, okB := errs[j].(*TemplateError)
		if !okA || !okB {
			return okA && !okB
		}
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Line < b.Line
	})
	return errors.Join(slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })...)
}

// prove renders every kind in every locale with sample data.
func (t *Templates) prove() error {
	var errs []error
	for _, kind := range t.Kinds() {
		for _, locale := range t.Locales() {
			for _, s := range samples(kind) {
				c, err := t.Render(kind, locale, s)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				for _, problem := range Lint(c) {
					errs = append(errs, fmt.Errorf("notify: %s in %s: %s", kind, locale, problem))
				}
			}
		}
	}
	return joinSorted(errs)
}

// Kinds lists the kinds there are templates for, sorted.
func (t *Templates) Kinds() []Kind {
	out := make([]Kind, 0, len(t.kinds))
	for k := range t.kinds {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Locales lists the locales that are loaded, sorted.
func (t *Templates) Locales() []string {
	out := make([]string, 0, len(t.locales.byName))
	for n := range t.locales.byName {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Render makes a message from data, in the texts nearest to the BCP 47 tag locale: the
// tag itself, its parents, or the default. It returns an error and no content at all
// when data is missing ([ErrMissingData]), when there is no such kind
// ([ErrNoTemplate]) or when a value could not be shown safely ([ErrUnsafe]). Error texts
// hold no data.
func (t *Templates) Render(kind Kind, locale string, data Data) (Content, error) {
	k, ok := t.kinds[kind]
	if !ok {
		return Content{}, fmt.Errorf("notify: %w for %q", ErrNoTemplate, kind)
	}
	data = data.clean()
	if fields := data.missing(kind); len(fields) > 0 {
		return Content{}, &MissingDataError{Kind: kind, Fields: fields}
	}
	if data.Parcel != nil {
		data.Parcel.Status = statusFor(kind, data.Parcel.Status)
		for i := range data.Merged {
			data.Merged[i].Status = statusFor(kind, data.Merged[i].Status)
		}
	}
	data.dropPast()
	in, err := k.instance()
	if err != nil {
		return Content{}, fmt.Errorf("notify: %s: %w", kind, err)
	}
	ph := t.locales.pick(locale)
	formatTag := ph.name
	if base, _, _ := strings.Cut(ph.name, "-"); locale == base || strings.HasPrefix(locale, base+"-") {
		formatTag = locale // Austrian money in German words
	}
	*in.env = env{kind: kind, phrases: ph, format: formatFor(formatTag), look: t.look, data: &data}
	c := Content{Locale: ph.name}
	for _, part := range []struct {
		name string
		into *string
	}{{"subject", &c.Subject}, {"preheader", &c.Preheader}, {"body", &c.Text}} {
		in.buf.Reset()
		if err := in.text.ExecuteTemplate(&in.buf, part.name, &data); err != nil {
			return Content{}, renderError(kind, ph.name, err)
		}
		*part.into = in.buf.String()
	}
	c.Subject, c.Preheader, c.Text = text(c.Subject, 200), text(c.Preheader, 200), tidy(c.Text)
	in.env.subject, in.env.preheader = c.Subject, c.Preheader
	in.buf.Reset()
	if err := in.html.ExecuteTemplate(&in.buf, "layout", &data); err != nil {
		return Content{}, renderError(kind, ph.name, err)
	}
	if bytes.Contains(in.buf.Bytes(), []byte("ZgotmplZ")) {
		return Content{}, fmt.Errorf("notify: %s in %s: %w", kind, ph.name, ErrUnsafe)
	}
	c.HTML = in.buf.String()
	*in.env = env{} // keep nothing of the customer
	k.pool.Put(in)
	return c, nil
}

// renderError keeps where a template failed and leaves out what it failed on: the texts
// of package template quote values.
func renderError(kind Kind, locale string, err error) error {
	var exec texttemplate.ExecError
	where := ""
	if errors.As(err, &exec) {
		where = " (" + exec.Name + ")"
	}
	msg := err.Error()
	if i := strings.LastIndex(msg, ">: "); i >= 0 {
		msg = msg[i+3:]
	} else {
		msg = "the template could not be executed"
	}
	return fmt.Errorf("notify: %s in %s%s: %s", kind, locale, where, msg)
}

func statusFor(kind Kind, status string) string {
	if status != "" {
		return status
	}
	switch kind {
	case Shipped, Delayed:
		return "in_transit"
	case OutForDelivery, Delivered, Exception:
		return string(kind)
	case ReadyForPickup:
		return "available_for_pickup"
	}
	return ""
}

// tidy takes trailing spaces off lines and leaves at most one empty line in a row.
func tidy(s string) string {
	var b strings.Builder
	empty := 0
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty++
			continue
		}
		if empty > 0 && b.Len() > 0 {
			b.WriteByte('\n')
		}
		empty = 0
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
