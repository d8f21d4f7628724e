package notify_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/notify"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func load(t testing.TB, o notify.Options) *notify.Templates {
	t.Helper()
	tmpl, err := notify.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestGoldens(t *testing.T) {
	tmpl := load(t, notify.Options{})
	for _, kind := range tmpl.Kinds() {
		for _, locale := range tmpl.Locales() {
			c, err := tmpl.Render(kind, locale, notify.Sample(kind))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(kind)+"."+locale+".html", c.HTML)
			golden(t, string(kind)+"."+locale+".txt", "Subject: "+c.Subject+"\nPreheader: "+c.Preheader+"\n\n"+c.Text)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
