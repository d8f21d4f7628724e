package notify

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Gmail cuts a mail's HTML at 102 KB; what is behind the cut, such as the footer, is
// hidden. (support.google.com, measured by several senders)
const maxHTML = 100 << 10

var (
	tagPattern  = regexp.MustCompile(`(?s)<(html|img|a|table|form|script|link|iframe)\b([^>]*)>`)
	attrPattern = regexp.MustCompile(`(?s)\b([a-zA-Z-]+)\s*=\s*"([^"]*)"`)
	h1Pattern   = regexp.MustCompile(`<h1\b`)
)

// Lint reports what mail programs would make of a rendered message that its author did
// not mean: text that html/template destroyed, links and pictures that do not work, a
// missing text part, a mail that is cut. It returns nil for a good message.
func Lint(c Content) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if strings.Contains(c.HTML, "ZgotmplZ") {
		add("html/template refused a value and wrote ZgotmplZ in its place, near %q", around(c.HTML, "ZgotmplZ"))
	}
	if n := len(c.HTML); n > maxHTML {
		add("the HTML has %d bytes; Gmail cuts it above %d", n, maxHTML)
	}
	if c.Subject == "" || strings.TrimSpace(c.Subject) != c.Subject || strings.ContainsAny(c.Subject, "\r\n") {
		add("the subject must be one line")
	}
	if n := utf8.RuneCountInString(c.Subject); n > 90 {
		add("the subject has %d characters; most programs show fewer than 90", n)
	}
	if c.Preheader == "" {
		add("there is no preheader: the first words of the mail would be shown beside the subject")
	}
	if len(strings.TrimSpace(c.Text)) < 40 {
		add("there is no text part worth the name")
	}
	for i, line := range strings.Split(c.Text, "\n") {
		if strings.Contains(line, "<no value>") || strings.Contains(line, "%!") {
			add("line %d of the text part has a hole", i+1)
		}
	}
	if n := len(h1Pattern.FindAllStringIndex(c.HTML, -1)); n != 1 {
		add("there must be one h1, not %d", n)
	}
	for _, m := range tagPattern.FindAllStringSubmatch(c.HTML, -1) {
		attrs := map[string]string{}
		for _, a := range attrPattern.FindAllStringSubmatch(m[2], -1) {
			attrs[strings.ToLower(a[1])] = a[2]
		}
		_, hasAlt := attrs["alt"]
		switch m[1] {
		case "html":
			if attrs["lang"] == "" || attrs["dir"] == "" {
				add("html needs lang and dir")
			}
		case "img":
			if !hasAlt || attrs["width"] == "" {
				add("an img without alt or width")
			}
			if !strings.HasPrefix(attrs["src"], "https://") {
				add("an img whose src is not https")
			}
		case "a":
			href := attrs["href"]
			if !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "http://") &&
				!strings.HasPrefix(href, "mailto:") && !strings.HasPrefix(href, "tel:") {
				add("a link that is not absolute: %q", href)
			}
		case "table":
			if attrs["role"] != "presentation" && !strings.Contains(c.HTML, "<th") {
				add("a layout table without role=presentation")
			}
		case "script":
			if attrs["type"] != "application/ld+json" {
				add("a script; mail programs remove it")
			}
		default:
			add("<%s> does not work in mail", m[1])
		}
	}
	return out
}

func around(s, what string) string {
	i := strings.Index(s, what)
	return s[max(0, i-40):min(len(s), i+len(what)+10)]
}
