package notify_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/doorstep-go/doorstep/notify"
)

// layers are overrides, the first lowest.
func layers(in ...fstest.MapFS) []fs.FS {
	var out []fs.FS
	for _, f := range in {
		out = append(out, f)
	}
	return out
}

// over is one override file with the parts every kind must define, and body in it.
func over(name, body string) fstest.MapFS {
	if strings.HasSuffix(name, ".txt") && !strings.Contains(body, `define "body"`) {
		body = "{{define \"subject\"}}Subject{{end}}{{define \"preheader\"}}Preheader{{end}}\n{{define \"body\"}}" +
			"A text part that is long enough to be worth sending.\n" + body + "{{end}}"
	}
	if strings.HasSuffix(name, ".html") && name != "layout.html" && name != "partials.html" && !strings.Contains(body, `define "content"`) {
		body = "{{define \"content\"}}<tr><td>\n<h1>News</h1>\n" + body + "\n</td></tr>{{end}}"
	}
	return fstest.MapFS{name: {Data: []byte(body)}}
}

func TestFaultsAreFoundAtLoad(t *testing.T) {
	tests := []struct {
		name, file, body string
		line             int
		want             string
	}{
		{"unknown field", "shipped.html", `{{.Order.Nummber}}`, 3, "Order has no field Nummber; did you mean Number?"},
		{"in a dead branch", "shipped.html", "{{if false}}\n{{.Parcel.Trackingnumber}}{{end}}", 4, "did you mean TrackingNumber?"},
		{"in an else branch", "shipped.html", `{{if .Parcel}}{{else}}{{.Nothing}}{{end}}`, 3, "Data has no field Nothing"},
		{"dot of a range", "shipped.html", `{{range .Order.Lines}}{{.Name}}{{end}}`, 3, "Line has no field Name"},
		{"else of a range", "shipped.html", `{{range .Order.Lines}}{{else}}{{.Title}}{{end}}`, 3, "Data has no field Title"},
		{"dot of a with", "shipped.html", `{{with .Parcel}}{{.Number}}{{end}}`, 3, "Parcel has no field Number"},
		{"variable", "shipped.html", `{{$p := .Parcel}}{{$p.Size}}`, 3, "Parcel has no field Size"},
		{"range variables", "shipped.html", `{{range $i, $l := .Order.Lines}}{{$l.Titel}}{{end}}`, 3, "did you mean Title?"},
		{"index variable", "shipped.html", `{{range $i, $l := .Order.Lines}}{{$i.Titel}}{{end}}`, 3, "int has no field Titel"},
		{"dollar in a range", "shipped.html", `{{range .Order.Lines}}{{$.Shoop.Name}}{{end}}`, 3, "did you mean Shop?"},
		{"dot of a partial", "shipped.html", `{{template "own" .Parcel}}{{end}}{{define "own"}}{{.Order}}`, 3, "Parcel has no field Order"},
		{"partial without a dot", "shipped.html", `{{template "own"}}{{end}}{{define "own"}}{{.Order}}`, 3, "without a value"},
		{"wrong dot for a partial", "shipped.html", `{{template "eta" .Order}}`, 0, "Order has no field ETA"},
		{"unknown partial", "shipped.html", `{{template "footre" .}}`, 3, `no template "footre"; did you mean footer?`},
		{"unknown function", "shipped.html", `{{mony .Order.Totals.Total}}`, 3, `no function "mony"; did you mean money?`},
		{"wrong argument", "shipped.html", `{{money .Order.Number}}`, 3, "argument 1 of money must be money.Amount, not string"},
		{"piped argument", "shipped.html", `{{.Order.Number | date}}`, 3, "argument 1 of date must be time.Time, not string"},
		{"too few arguments", "shipped.html", `{{note "a"}}`, 3, "note takes 2 arguments, not 1"},
		{"field with an argument", "shipped.html", `{{.Order.Number "x"}}`, 3, "not a function"},
		{"range over a text", "shipped.html", `{{range .Order.Number}}{{end}}`, 3, "cannot range over string"},
		{"field of a result", "shipped.html", `{{(statusBadge .Parcel).Colour}}`, 3, "Badge has no field Colour"},
		{"method with a wrong name", "shipped.html", `{{.Parcel.DeliveredAt.IsZeroo}}`, 3, "did you mean IsZero?"},
		{"unknown text", "shipped.html", `{{t "shiped.next"}}`, 3, `no text "shiped.next" in any locale; did you mean shipped.next?`},
		{"text that is computed", "shipped.html", `{{t .Order.Number}}`, 3, "must be a literal"},
		{"placeholder not given", "shipped.html", `{{t "tracking.number"}}{{t "greeting" "nam" "x"}}`, 0, `{name} is not given at override 1/shipped.html:3; did you mean nam?`},
		{"odd arguments", "shipped.html", `{{t "greeting" "name"}}`, 3, "pairs"},
		{"plural as a text", "shipped.html", `{{t "merged.title"}}`, 3, "use plural, not t"},
		{"conditional comment", "shipped.html", `<!--[if mso]>x<![endif]-->`, 1, "removes conditional comments"},
		{"syntax", "shipped.html", "{{if .Order}}", 0, "unexpected EOF"},
		{"syntax in the middle", "shipped.html", "{{.Order.}}", 3, "unexpected"},
		{"text file", "delayed.txt", "{{.Order.Nummer}}", 3, "did you mean Number?"},
		{"layout", "layout.html", "{{define \"layout\"}}\n{{.Shop.Nam}}{{end}}", 2, "did you mean Name?"},
		{"partial that nobody uses", "partials.html", `{{define "mine"}}{{nofunc}}{{end}}`, 1, `no function "nofunc"`},
		{"without its parts", "shipped.txt", `{{define "body"}}x{{end}}`, 0, `must define "subject"`},
		{"html without text", "my_message.html", `x`, 0, "is missing"},
		{"locale that is no JSON", "locales/de.json", "{\n\"a\": }", 2, "not a JSON object"},
		{"text missing in one locale", "locales/de.json", "{\n\"mine\": \"x\"}", 0, `no text "mine"`},
		{"unknown plural form", "locales/de.json", "{\n\"merged.title\": {\"on\": \"x\", \"other\": \"x\"}}", 2, `unknown plural form "on"`},
		{"form the language has not", "locales/de.json", "{\n\"merged.title\": {\"one\": \"x\", \"few\": \"x\", \"other\": \"x\"}}", 2, `"few" does not occur in de`},
		{"form that is missing", "locales/de.json", "{\n\"merged.title\": {\"one\": \"x\"}}", 2, `"other" is missing`},
		{"plural without forms", "locales/de.json", "{\n\"merged.title\": \"x\"}", 2, "needs its forms"},
		{"placeholder that is open", "locales/de.json", "{\n\"greeting\": \"{name\"}", 2, "must look like {name}"},
		{"placeholder nobody gives", "locales/de.json", "{\n\"greeting\": \"{nmae}\"}", 2, "{nmae} is not given"},
		{"a text that is a number", "locales/de.json", "{\n\"greeting\": 7}", 2, "must be a text"},
		{"locale with no name", "locales/deutschlandisch.json", "{}", 0, "language tag"},
		{"relative link", "shipped.html", `<a href="/track">x</a>`, -1, "not absolute"},
		{"picture without alt", "shipped.html", `<img src="https://shop.example/a.png" width="10">`, -1, "without alt"},
		{"form", "shipped.html", `<form></form>`, -1, "does not work in mail"},
		{"two h1", "shipped.html", `<h1>again</h1>`, -1, "one h1"},
		{"unsafe value", "shipped.html", `<p style="color:{{.Order.URL}}">x</p>`, -1, "unsafe"},
		{"too large", "shipped.html", strings.Repeat("large ", 20000), -1, "Gmail cuts"},
		{"field that may be nil", "shipped.html", `{{.Parcel.PickupPoint.Name}}`, -1, "nil pointer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := notify.Load(notify.Options{Overrides: layers(over(tt.file, tt.body))})
			if err == nil {
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got:\n%v\nwant %q", err, tt.want)
			}
			if tt.line < 0 {
				return
			}
			var te *notify.TemplateError
			if !errors.As(err, &te) || te.File == "" {
				t.Fatalf("%v is not a TemplateError with a file", err)
			}
			if tt.line > 0 && te.Line != tt.line {
				t.Errorf("line %d, want %d: %v", te.Line, tt.line, err)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := notify.Load(notify.Options{Overrides: layers(
		over("shipped.html", "{{.A}}\n{{.B}}"), over("delivered.txt", "{{.C}}"),
	)})
	for _, want := range []string{"override 1/shipped.html:3: Data has no field A", "override 1/shipped.html:4: Data has no field B", "override 2/delivered.txt:3: Data has no field C"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestOverrides(t *testing.T) {
	tmpl := load(t, notify.Options{Overrides: layers(
		over("shipped.txt", "Order {{.Order.Number}}, {{t \"mine\"}}"),
		fstest.MapFS{
			"locales/en.json": {Data: []byte(`{"mine": "mine in English", "delivered.heading": {"one": "It is there!", "other": "They are there!"}}`)},
			"locales/de.json": {Data: []byte(`{"mine": "auf Deutsch meins"}`)},
		},
		over("gift_wrapped.html", "<p>{{.Order.Number}}</p>"),
		over("gift_wrapped.txt", "wrapped"),
	)})
	c, err := tmpl.Render(notify.Shipped, "de", notify.Sample(notify.Shipped))
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "Subject" || !strings.Contains(c.Text, "Order 1001, auf Deutsch meins") || !strings.Contains(c.HTML, "Ihr Paket ist unterwegs") {
		t.Errorf("the shop's text part with the built-in HTML: %q, %q", c.Subject, c.Text)
	}
	if c, err = tmpl.Render(notify.Delivered, "en", notify.Sample(notify.Delivered)); err != nil || !strings.Contains(c.HTML, "It is there!") {
		t.Errorf("the shop's words in the built-in template: %v", err)
	}
	if _, err := tmpl.Render("gift_wrapped", "en", notify.Sample("gift_wrapped")); err != nil {
		t.Errorf("a kind of the shop's own: %v", err)
	}
	if _, err := tmpl.Render("nothing", "en", notify.Sample("x")); !errors.Is(err, notify.ErrNoTemplate) {
		t.Errorf("got %v", err)
	}
}
