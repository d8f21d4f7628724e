package web

import (
	"fmt"
	"math"
	"strconv"
)

// Theme is the shop's colour. Everything else on the page is quiet, so that it fits
// beside any shop.
type Theme struct {
	// Accent is for links, buttons and progress, written "#rrggbb". Where it would be
	// hard to read it is darkened, or lightened on dark screens, until it has the contrast
	// of 4.5 that WCAG 2.2 asks for. Defaults to "#a8481f".
	Accent string

	// AccentDark is the same for dark screens. Defaults to Accent.
	AccentDark string
}

// The backgrounds that colours are measured against; style.css has the same.
const (
	cardLight = "#ffffff"
	pageLight = "#f5f2ed"
	cardDark  = "#211e1c"
)

// css returns the custom properties of the theme.
func (t Theme) css() (string, error) {
	if t.Accent == "" {
		t.Accent = "#a8481f"
	}
	if t.AccentDark == "" {
		t.AccentDark = t.Accent
	}
	light, err := parseColour("Accent", t.Accent)
	if err != nil {
		return "", err
	}
	dark, err := parseColour("AccentDark", t.AccentDark)
	if err != nil {
		return "", err
	}
	page, _ := parseColour("", pageLight) // the darker of the two light ones
	card, _ := parseColour("", cardDark)
	light, dark = light.readableOn(page), dark.readableOn(card)
	return fmt.Sprintf(":root{--accent:%s;--on-accent:%s}@media(prefers-color-scheme:dark){:root{--accent:%s;--on-accent:%s}}\n",
		light, light.ink(), dark, dark.ink()), nil
}

type colour [3]float64 // red, green and blue from 0 to 255

func parseColour(field, s string) (c colour, err error) {
	if len(s) != 7 || s[0] != '#' {
		return c, fmt.Errorf("web: Options.Theme.%s: %q is not a colour like #a8481f", field, s)
	}
	for i := range c {
		n, err := strconv.ParseUint(s[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return c, fmt.Errorf("web: Options.Theme.%s: %q is not a colour like #a8481f", field, s)
		}
		c[i] = float64(n)
	}
	return c, nil
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", byte(c[0]+.5), byte(c[1]+.5), byte(c[2]+.5))
}

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	var lin [3]float64
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			lin[i] = v / 12.92
		} else {
			lin[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*lin[0] + 0.7152*lin[1] + 0.0722*lin[2]
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func (c colour) contrast(d colour) float64 {
	a, b := c.luminance(), d.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// readableOn moves c towards black or white until it can be read on a background.
func (c colour) readableOn(background colour) colour {
	end := colour{255, 255, 255}
	if background.luminance() > 0.4 {
		end = colour{}
	}
	from := c
	for step := 0.0; c.contrast(background) < 4.6 && step < 1; {
		step += 0.02
		for i := range c {
			c[i] = math.Round(from[i] + (end[i]-from[i])*step)
		}
	}
	return c
}

// ink is black or white, whichever is easier to read on c.
func (c colour) ink() colour {
	white, black := colour{255, 255, 255}, colour{0x14, 0x12, 0x10}
	if c.contrast(white) >= c.contrast(black) {
		return white
	}
	return black
}
