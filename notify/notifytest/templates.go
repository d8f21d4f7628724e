package notifytest

import (
	"io/fs"
	"testing"

	"github.com/doorstep-go/doorstep/notify"
)

// CheckTemplates fails the test for everything that is wrong with a shop's own templates
// when they are laid over the built-in ones, as [notify.Load] would, and returns the
// loaded templates for further tests.
func CheckTemplates(t testing.TB, overrides ...fs.FS) *notify.Templates {
	t.Helper()
	tmpl, err := notify.Load(notify.Options{Overrides: overrides})
	if err == nil {
		return tmpl
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			t.Error(e)
		}
	} else {
		t.Error(err)
	}
	t.FailNow()
	return nil
}
