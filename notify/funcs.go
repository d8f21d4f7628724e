package notify

import (
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// Step is one stage of a parcel's progress bar, for templates.
type Step struct {
	Label string
	Done  bool // reached
	Now   bool // the stage it is in
}

// Badge is a short word about a parcel with a tone, for templates. The tone is good,
// info, warn or bad; the word always says the same, for those who see no colour.
type Badge struct {
	Tone string
	Text string
}

// Ink is the badge's text colour.
func (b Badge) Ink() template.CSS {
	switch b.Tone {
	case "good":
		return "#14603c"
	case "warn":
		return "#7a4700"
	case "bad":
		return "#98211b"
	}
	return "#1c4f7c"
}

// Paper is the colour behind the badge's text.
func (b Badge) Paper() template.CSS {
	switch b.Tone {
	case "good":
		return "#e1f3e8"
	case "warn":
		return "#fdf0d5"
	case "bad":
		return "#fde6e3"
	}
	return "#e3eefa"
}

// Button is a link that is drawn as one, for templates.
type Button struct {
	URL   string
	Label string
}

// Note is a short piece of advice with a heading, for templates.
type Note struct {
	Title string
	Text  string
}

// env is what the functions of one render see. Each template instance has its own, and
// one goroutine at a time uses it.
type env struct {
	kind      Kind
	phrases   *phrases
	format    *format
	look      look
	data      *Data
	subject   string
	preheader string
}

// funcs are the functions templates may call. Their signatures are what the checker
// holds the templates against.
func (e *env) funcs() map[string]any {
	return map[string]any{
		"t":           e.t,
		"plural":      e.plural,
		"money":       e.money,
		"date":        e.date,
		"time":        e.time,
		"day":         e.day,
		"arrived":     e.arrived,
		"dateRange":   e.dateRange,
		"windowDay":   e.windowDay,
		"windowClock": e.windowClock,
		"list":        e.list,
		"sentence":    sentence,
		"link":        link,
		"tel":         tel,
		"outlook":     outlook,
		"badge":       func(tone, text string) Badge { return Badge{tone, text} },
		"statusBadge": e.statusBadge,
		"statusText":  func(p Parcel) string { return e.statusBadge(p).Text },
		"reasonText":  func(p Parcel) string { return e.word("reason.", reasonGroup(p), "other") },
		"nextText":    func(p Parcel) string { return e.word("next.", nextStep(p), "wait") },
		"placeText":   e.placeText,
		"steps":       e.steps,
		"button":      func(url, label string) (Button, error) { u, err := link(url); return Button{u, label}, err },
		"note":        func(title, text string) Note { return Note{title, text} },
		"theme":       func() look { return e.look },
		"subject":     func() string { return e.subject },
		"preheader":   func() string { return e.preheader },
		"lang":        func() string { return e.phrases.name },
		"dir":         func() string { return "ltr" },
		"jsonld":      func() any { return markup(e.kind, e.data) },
	}
}

func funcTypes() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for name, f := range new(env).funcs() {
		out[name] = reflect.TypeOf(f)
	}
	return out
}

func (e *env) t(key string, args ...any) (string, error) {
	p, err := e.phrases.lookup(key, 0)
	if err != nil {
		return "", err
	}
	s, err := p.fill(args)
	if err != nil {
		return "", fmt.Errorf("text %q: %w", key, err)
	}
	return s, nil
}

func (e *env) plural(key string, n int, args ...any) (string, error) {
	p, err := e.phrases.lookup(key, n)
	if err != nil {
		return "", err
	}
	s, err := p.fill(append([]any{"n", n}, args...))
	if err != nil {
		return "", fmt.Errorf("text %q: %w", key, err)
	}
	return s, nil
}

// word looks up prefix+word, or prefix+otherwise where the locale has no such word.
func (e *env) word(prefix, word, otherwise string) string {
	p, err := e.phrases.lookup(prefix+word, 0)
	if err != nil {
		p, err = e.phrases.lookup(prefix+otherwise, 0)
	}
	if err != nil || len(p) != 1 {
		return ""
	}
	return p[0]
}

func (e *env) money(a money.Amount) (string, error) {
	if _, err := money.Exponent(a.Currency); err != nil {
		return "", fmt.Errorf("an amount in no known currency")
	}
	return e.format.money(a), nil
}

func (e *env) date(t time.Time) string { return e.civil(t.In(e.data.Zone)) }

// civil writes the date that t shows in its own zone.
func (e *env) civil(t time.Time) string {
	return e.format.date(e.format, t, t.Year() != e.data.Now.In(e.data.Zone).Year())
}

func (e *env) time(t time.Time) string { return e.format.clock(t.In(e.data.Zone)) }

// day writes the date, with "today" or "tomorrow" before it: mail is read later than it
// is sent, so the word never stands alone.
func (e *env) day(t time.Time) (string, error) { return e.relative(t.In(e.data.Zone)) }

func (e *env) relative(local time.Time) (string, error) {
	s := e.civil(local)
	switch daysBetween(e.data.Now.In(e.data.Zone), local) {
	case -1:
		return e.t("day.yesterday", "date", s)
	case 0:
		return e.t("day.today", "date", s)
	case 1:
		return e.t("day.tomorrow", "date", s)
	}
	return s, nil
}

// arrived writes the day a parcel was delivered, like day.
func (e *env) arrived(p Parcel) (string, error) {
	if p.DayOnly {
		return e.relative(p.DeliveredAt)
	}
	return e.day(p.DeliveredAt)
}

// ends are the window's bounds as they are shown: a day without hours is the day it
// was given as, wherever the reader is.
func (e *env) ends(w Window) (from, to time.Time) {
	from, to = w.From, w.To
	if to.IsZero() {
		to = from
	}
	if from.IsZero() {
		from = to
	}
	if !w.DayOnly {
		from, to = from.In(e.data.Zone), to.In(e.data.Zone)
	}
	return from, to
}

func (e *env) windowDay(w Window) (string, error) {
	if !w.Known() {
		return "", nil
	}
	from, to := e.ends(w)
	if daysBetween(from, to) == 0 {
		return e.relative(to)
	}
	return e.civil(from) + e.format.dash + e.civil(to), nil
}

func (e *env) windowClock(w Window) (string, error) {
	from, to := e.ends(w)
	if !w.Known() || w.DayOnly || daysBetween(from, to) != 0 {
		return "", nil
	}
	switch {
	case w.To.IsZero():
		return e.t("window.from", "time", e.format.clock(from))
	case w.From.IsZero() || from.Equal(to):
		return e.t("window.by", "time", e.format.clock(to))
	}
	return e.format.clockRange(from, to), nil
}

func (e *env) dateRange(w Window) (string, error) {
	d, err := e.windowDay(w)
	if err != nil {
		return "", err
	}
	c, err := e.windowClock(w)
	if err != nil || c == "" {
		return d, err
	}
	return d + ", " + c, nil
}

func (e *env) list(items []string) (string, error) {
	switch len(items) {
	case 0:
		return "", nil
	case 1:
		return items[0], nil
	}
	return e.t("list.and", "first", strings.Join(items[:len(items)-1], ", "), "last", items[len(items)-1])
}

// sentence writes the first letter large.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// link lets through absolute http and https links and nothing else.
func link(s string) (string, error) {
	if u := webURL(s); u != "" {
		return u, nil
	}
	return "", fmt.Errorf("a link that is not absolute, or not http or https")
}

// tel makes a tel: link, which html/template would otherwise destroy.
func tel(number string) (template.URL, error) {
	if n := phone(number); n != "" {
		return template.URL("tel:" + n), nil
	}
	return "", fmt.Errorf("a phone number that is not E.164")
}

// outlook wraps markup in the conditional comment that only Outlook on Windows reads,
// and that html/template would otherwise remove.
func outlook(markup string) (template.HTML, error) {
	if strings.Contains(markup, "--") || strings.Contains(markup, "]>") {
		return "", fmt.Errorf("outlook markup must not hold comments")
	}
	return template.HTML("<!--[if mso]>" + markup + "<![endif]-->"), nil
}

func (e *env) statusBadge(p Parcel) Badge {
	tone := "info"
	switch p.Status {
	case "delivered":
		tone = "good"
	case "attempt_failed", "exception", "available_for_pickup", "returning":
		tone = "warn"
	case "failed", "returned", "cancelled":
		tone = "bad"
	}
	return Badge{tone, e.word("status.", p.Status, "unknown")}
}

// placeText says where a delivered parcel is, as far as that is known.
func (e *env) placeText(p Parcel) string {
	return e.word("place.", p.Detail, "other")
}

func (e *env) steps(p Parcel) []Step {
	labels := []string{"ordered", "shipped", "out", "delivered"}
	if p.PickupPoint != nil || p.Status == "available_for_pickup" {
		labels[2], labels[3] = "ready", "collected"
	}
	at := 0
	switch p.Status {
	case "in_transit", "exception", "attempt_failed":
		at = 1
	case "out_for_delivery", "available_for_pickup":
		at = 2
	case "delivered":
		at = 3
	case "returning", "returned", "failed", "cancelled":
		return nil
	}
	out := make([]Step, len(labels))
	for i, l := range labels {
		out[i] = Step{e.word("step.", l, ""), i <= at, i == at}
	}
	return out
}

// statuses are the words of the taxonomy that every locale must have.
var statuses = []string{
	"unknown", "pending", "pre_transit", "in_transit", "out_for_delivery", "attempt_failed", "available_for_pickup",
	"exception", "returning", "delivered", "returned", "failed", "cancelled",
}

// reasons maps a reason of the taxonomy to the sentence that explains it to a customer;
// several have the same consequence for them.
var reasons = map[string]string{
	"recipient_unavailable": "unavailable", "recipient_refused": "refused", "recipient_moved": "address",
	"recipient_request": "request", "business_closed": "closed", "no_access": "access", "id_check_failed": "id",
	"pickup_missed": "unclaimed", "address_incorrect": "address", "payment_due": "payment", "customs_delay": "customs",
	"customs_documents": "documents", "customs_duties": "duties", "customs_inspection": "customs", "prohibited": "prohibited",
	"carrier_delay": "carrier", "carrier_missort": "carrier", "carrier_vehicle": "carrier", "carrier_capacity": "carrier",
	"carrier_flight": "carrier", "carrier_damage": "damaged", "carrier_lost": "lost", "carrier_rejected": "shipper",
	"out_of_coverage": "coverage", "weather": "weather", "external": "external", "shipper_cancelled": "shipper",
	"shipper_data": "shipper", "shipper_not_ready": "shipper", "shipper_packaging": "damaged",
}

// details does the same for a detail, where the carrier gives no reason.
var details = map[string]string{
	"address_problem": "address", "refused": "refused", "unclaimed": "unclaimed", "damaged": "damaged", "lost": "lost",
	"not_home": "unavailable", "no_access": "access", "business_closed": "closed", "id_check_failed": "id",
	"cod_unpaid": "payment", "customs_processing": "customs",
}

func reasonGroup(p Parcel) string {
	if g, ok := reasons[p.Reason]; ok {
		return g
	}
	if g, ok := details[p.Detail]; ok {
		return g
	}
	return "other"
}

func nextStep(p Parcel) string {
	switch reasonGroup(p) {
	case "address", "access", "coverage":
		return "address"
	case "payment", "duties", "documents", "id":
		return "carrier"
	case "unavailable", "closed", "unclaimed", "request":
		return "choose"
	case "refused", "damaged", "lost", "prohibited", "shipper":
		return "contact"
	}
	return "wait"
}

// wordUses are the texts that the functions look up by themselves.
func wordUses() []use {
	var out []use
	add := func(prefix string, words []string) {
		for _, w := range words {
			out = append(out, use{file: "built-in functions", key: prefix + w})
		}
	}
	add("status.", statuses)
	add("step.", []string{"ordered", "shipped", "out", "delivered", "ready", "collected"})
	add("reason.", []string{
		"unavailable", "refused", "address", "request", "closed", "access", "id", "unclaimed", "payment", "customs", "documents",
		"duties", "prohibited", "carrier", "damaged", "lost", "shipper", "coverage", "weather", "external", "other",
	})
	add("next.", []string{"address", "carrier", "choose", "contact", "wait"})
	add("place.", []string{"other", "recipient", "signed", "collected", "neighbour", "safe_place", "reception", "po_box"})
	for _, d := range []string{"today", "tomorrow", "yesterday"} {
		out = append(out, use{file: "built-in functions", key: "day." + d, args: []string{"date"}})
	}
	return append(out,
		use{file: "built-in functions", key: "window.by", args: []string{"time"}},
		use{file: "built-in functions", key: "window.from", args: []string{"time"}},
		use{file: "built-in functions", key: "list.and", args: []string{"first", "last"}})
}
