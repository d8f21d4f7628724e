package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed texts/*.json
var textFiles embed.FS

// words are the texts of one language, and how it writes days and hours.
type words struct {
	lang  string            // of the texts: "de"
	tag   string            // for the lang attribute: "de-AT", or lang
	texts map[string]string // by key, such as "status.delivered"
	style dateStyle
}

func loadWords(lang string) (*words, error) {
	raw, err := textFiles.ReadFile("texts/" + lang + ".json")
	if err != nil {
		return nil, fmt.Errorf("web: Options.Locales: no texts in %q; there are en and de", lang)
	}
	w := &words{lang: lang, tag: lang, texts: map[string]string{}, style: styleOf(lang)}
	if err := json.Unmarshal(raw, &w.texts); err != nil {
		return nil, fmt.Errorf("web: texts/%s.json: %w", lang, err)
	}
	return w, nil
}

// say returns a text with the names in braces replaced. Arguments are name and value in
// turn. A key that is missing is a defect that the tests find; the page shows nothing
// then, and never a raw key.
func (w *words) say(key string, args ...string) string {
	s := w.texts[key]
	for i := 0; i+1 < len(args); i += 2 {
		args[i] = "{" + args[i] + "}"
	}
	if len(args) == 0 {
		return s
	}
	return strings.NewReplacer(args...).Replace(s)
}

// of returns the text for an open string such as a status, or that of other where the
// word is not known: a customer never reads a raw code.
func (w *words) of(kind, word, other string) string {
	if s, ok := w.texts[kind+"."+word]; ok {
		return s
	}
	return w.texts[other]
}

// in returns w for a region's way to write days and hours.
func (w *words) in(tag string) *words {
	c := *w
	c.tag, c.style = tag, styleOf(tag)
	return &c
}

// pick returns the words of the first of the wished languages that is offered, or of
// the shop's first language.
func (h *Handler) pick(wishes ...string) *words {
	for _, wish := range wishes {
		tags, _, err := language.ParseAcceptLanguage(strings.ReplaceAll(wish, "_", "-"))
		if err != nil {
			continue
		}
		for _, t := range tags {
			base, _ := t.Base()
			i := slices.IndexFunc(h.words, func(w *words) bool { return w.lang == base.String() })
			if i < 0 {
				continue
			}
			if region, confidence := t.Region(); confidence == language.Exact {
				return h.words[i].in(base.String() + "-" + region.String())
			}
			return h.words[i]
		}
	}
	return h.words[0]
}
