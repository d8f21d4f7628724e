package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "1Z999", `a\b`, "a\x00b", "\xff\xfe", `\x00`, "ä\x80", `\`} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		text := toText(a)
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			t.Errorf("%q becomes %q, which cannot be kept", a, text)
		}
		if back := fromText(text); back != a {
			t.Errorf("%q becomes %q and then %q", a, text, back)
		}
		if (toText(b) == text) != (a == b) {
			t.Errorf("%q and %q both become %q", a, b, text)
		}
	})
}
