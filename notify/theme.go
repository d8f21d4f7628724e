package notify

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Theme is a shop's look. Colours are written "#rrggbb". The zero value is a warm,
// quiet default.
type Theme struct {
	Accent     string // buttons and the progress bar. Defaults to "#a8481f".
	Background string // around the card. Defaults to "#f5f1eb".
	Card       string // behind the text. Defaults to "#ffffff".
	Ink        string // the text. Defaults to "#2a2522".
	Muted      string // secondary text. Defaults to "#6a615a".

	// Font is a CSS font-family list of names that mail programs have; remote fonts are
	// not loaded. Defaults to a system font.
	Font string
}

// look is a checked theme in the types that html/template takes as they are.
type look struct {
	Accent, OnAccent, Background, Card, Ink, Muted, Line, Tint template.CSS
	Font                                                       template.CSS
}

// expand writes the theme's values into a template's source. A mail has hundreds of
// them, and html/template would escape each again in every mail. The values are checked,
// so they need no escaping; {{theme.X}} in any other spelling works too.
func (l look) expand(source string) string {
	return strings.NewReplacer(
		"{{theme.Accent}}", string(l.Accent), "{{theme.OnAccent}}", string(l.OnAccent), "{{theme.Background}}", string(l.Background),
		"{{theme.Card}}", string(l.Card), "{{theme.Ink}}", string(l.Ink), "{{theme.Muted}}", string(l.Muted),
		"{{theme.Line}}", string(l.Line), "{{theme.Tint}}", string(l.Tint), "{{theme.Font}}", string(l.Font),
	).Replace(source)
}

var (
	hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	fontList  = regexp.MustCompile(`^[A-Za-z0-9 ,'-]{1,200}$`)
)

func (t Theme) look() (look, error) {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&t.Accent, "#a8481f")
	def(&t.Background, "#f5f1eb")
	def(&t.Card, "#ffffff")
	def(&t.Ink, "#2a2522")
	def(&t.Muted, "#6a615a")
	def(&t.Font, "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif")
	var errs []error
	for _, c := range []struct{ field, value string }{
		{"Accent", t.Accent}, {"Background", t.Background}, {"Card", t.Card}, {"Ink", t.Ink}, {"Muted", t.Muted},
	} {
		if !hexColour.MatchString(c.value) {
			errs = append(errs, fmt.Errorf("notify: Theme.%s: %q is not a colour like #a8481f", c.field, c.value))
		}
	}
	if !fontList.MatchString(t.Font) {
		errs = append(errs, errors.New("notify: Theme.Font: only font names, commas and single quotes"))
	}
	if err := errors.Join(errs...); err != nil {
		return look{}, err
	}
	for _, c := range []struct{ field, value, on string }{
		{"Ink", t.Ink, t.Card}, {"Muted", t.Muted, t.Card}, {"Muted", t.Muted, t.Background},
	} {
		if r := contrast(c.value, c.on); r < 4.5 { // WCAG 2.2, 1.4.3
			errs = append(errs, fmt.Errorf("notify: Theme.%s: contrast of %s on %s is %.1f; it must be 4.5 or more to be readable", c.field, c.value, c.on, r))
		}
	}
	on := "#ffffff"
	if contrast(on, t.Accent) < 4.5 {
		on = "#1d1917"
	}
	return look{
		Accent: template.CSS(t.Accent), OnAccent: template.CSS(on), Background: template.CSS(t.Background),
		Card: template.CSS(t.Card), Ink: template.CSS(t.Ink), Muted: template.CSS(t.Muted), Font: template.CSS(t.Font),
		Line: template.CSS(mix(t.Card, t.Ink, 0.12)), Tint: template.CSS(mix(t.Card, t.Accent, 0.07)),
	}, errors.Join(errs...)
}

func rgb(hex string) [3]float64 {
	n, _ := strconv.ParseUint(hex[1:], 16, 32)
	return [3]float64{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
}

func mix(a, b string, share float64) string {
	x, y := rgb(a), rgb(b)
	var n [3]int
	for i := range n {
		n[i] = int(math.Round(x[i]*(1-share) + y[i]*share))
	}
	return fmt.Sprintf("#%02x%02x%02x", n[0], n[1], n[2])
}

func contrast(a, b string) float64 {
	luminance := func(hex string) float64 {
		c := rgb(hex)
		for i := range c {
			if c[i] /= 255; c[i] <= 0.04045 {
				c[i] /= 12.92
			} else {
				c[i] = math.Pow((c[i]+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
