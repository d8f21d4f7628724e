package notify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// probe is a kind of message that prints what its one text template computes.
func probe(t testing.TB, body string) func(locale string, d notify.Data) string {
	t.Helper()
	tmpl := load(t, notify.Options{Overrides: layers(over("probe.html", "x"), over("probe.txt", "<"+body+">"))})
	return func(locale string, d notify.Data) string {
		t.Helper()
		c, err := tmpl.Render("probe", locale, d)
		if err != nil {
			t.Fatal(err)
		}
		i, j := strings.IndexByte(c.Text, '<'), strings.LastIndexByte(c.Text, '>')
		return c.Text[i+1 : j]
	}
}

func TestMoney(t *testing.T) {
	show := probe(t, "{{if .Order.Totals.Total.Currency}}{{money .Order.Totals.Total}}{{end}}")
	tests := []struct {
		locale, currency string
		minor            int64
		want             string
	}{
		{"en", "EUR", 123450, "€1,234.50"},
		{"en", "USD", 5, "$0.05"},
		{"en-US", "USD", 123456789, "$1,234,567.89"},
		{"en-GB", "GBP", 999, "£9.99"},
		{"en-AU", "USD", 999, "US$9.99"},
		{"en", "JPY", 1235, "¥1,235"},
		{"en", "KWD", 1234567, "KWD\u00a01,234.567"},
		{"en", "EUR", -1999, "-€19.99"},
		{"de", "EUR", 123450, "1.234,50\u00a0€"},
		{"de", "EUR", 0, "0,00\u00a0€"},
		{"de", "JPY", 1235, "1.235\u00a0¥"},
		{"de", "CHF", 123450, "1.234,50\u00a0CHF"},
		{"de-AT", "EUR", 123450, "€\u00a01.234,50"},
		{"de-CH", "EUR", 123450, "EUR\u00a01’234.50"},
		{"de-CH", "CHF", -5, "-CHF\u00a00.05"},
		{"fr", "EUR", 123450, "€1,234.50"}, // no French texts: the default's words with the default's money
	}
	for _, tt := range tests {
		d := notify.Sample("probe")
		d.Order.Totals.Total = money.Amount{Minor: tt.minor, Currency: tt.currency}
		if got := show(tt.locale, d); got != tt.want {
			t.Errorf("%s %d %s: got %q, want %q", tt.locale, tt.minor, tt.currency, got, tt.want)
		}
	}
}

func TestDates(t *testing.T) {
	day := probe(t, "{{day .Parcel.DeliveredAt}} | {{time .Parcel.DeliveredAt}} | {{dateRange .Parcel.ETA}}")
	berlin, tokyo := zone(t, "Europe/Berlin"), zone(t, "Asia/Tokyo")
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := at("2026-12-30T12:00:00Z")
	tests := []struct {
		locale    string
		zone      *time.Location
		delivered string
		eta       notify.Window
		want      string
	}{
		{"en", berlin, "2026-12-30T23:30:00Z", notify.Window{From: at("2026-12-31T13:00:00Z"), To: at("2026-12-31T15:30:00Z")}, "tomorrow, Thursday, December 31 | 12:30 AM | tomorrow, Thursday, December 31, 2–4:30 PM"},
		{"en", berlin, "2026-12-30T08:00:00Z", notify.Window{From: at("2026-12-31T10:00:00Z"), To: at("2026-12-31T12:00:00Z")}, "today, Wednesday, December 30 | 9 AM | tomorrow, Thursday, December 31, 11 AM–1 PM"},
		{"en", berlin, "2026-12-31T23:00:00Z", notify.Window{}, "Friday, January 1, 2027 | 12 AM | "},
		{"en", tokyo, "2026-12-30T15:00:00Z", notify.Window{To: at("2026-12-30T14:00:00Z")}, "tomorrow, Thursday, December 31 | 12 AM | today, Wednesday, December 30, by 11 PM"},
		{"en-GB", berlin, "2026-12-30T08:05:00Z", notify.Window{From: at("2026-12-31T13:00:00Z")}, "today, Wednesday 30 December | 09:05 | tomorrow, Thursday 31 December, from 14:00"},
		{"de", berlin, "2026-12-29T08:00:00Z", notify.Window{From: at("2027-03-02T13:00:00Z"), To: at("2027-03-02T15:00:00Z")}, "gestern, Dienstag, 29. Dezember | 09:00 Uhr | Dienstag, 2. März 2027, 14:00–16:00 Uhr"},
		{"de-AT", berlin, "2027-01-05T08:00:00Z", notify.Window{From: at("2027-01-05T13:00:00Z"), To: at("2027-01-07T15:00:00Z")}, "Dienstag, 5. Jänner 2027 | 09:00 Uhr | Dienstag, 5. Jänner 2027 bis Donnerstag, 7. Jänner 2027"},
		// A day without hours stays the day it was given as, wherever the customer is.
		{"de", tokyo, "2026-12-30T08:00:00Z", notify.Window{To: at("2026-12-31T23:59:00+01:00"), DayOnly: true}, "heute, Mittwoch, 30. Dezember | 17:00 Uhr | morgen, Donnerstag, 31. Dezember"},
	}
	for _, tt := range tests {
		d := notify.Sample("probe")
		d.Now, d.Zone = now, tt.zone
		d.Parcel.DeliveredAt, d.Parcel.ETA = at(tt.delivered), tt.eta
		if got := strings.ReplaceAll(day(tt.locale, d), "\u00a0", " "); got != strings.TrimRight(tt.want, "") {
			t.Errorf("%s in %s:\n got %q\nwant %q", tt.locale, tt.zone, got, tt.want)
		}
	}
}

func TestLocaleFallback(t *testing.T) {
	tmpl := load(t, notify.Options{DefaultLocale: "de"})
	for locale, want := range map[string]string{
		"en": "en", "en-US": "en", "en_US": "en", "en-GB": "en", "de-AT": "de", "de-Latn-CH": "de",
		"fr": "de", "zh-TW": "de", "": "de", "not a tag": "de", "nds": "de", "english": "de",
	} {
		c, err := tmpl.Render(notify.Shipped, locale, notify.Sample(notify.Shipped))
		if err != nil {
			t.Fatal(err)
		}
		if c.Locale != want {
			t.Errorf("%q: %s, want %s", locale, c.Locale, want)
		}
	}
	if _, err := notify.Load(notify.Options{DefaultLocale: "xx"}); err == nil {
		t.Error("a default locale that is not there")
	}
	if _, err := notify.Load(notify.Options{Locales: []string{"en", "fr"}}); err == nil || !strings.Contains(err.Error(), "locales/fr.json") {
		t.Errorf("a locale that is not there: %v", err)
	}
	if got := load(t, notify.Options{Locales: []string{"en"}}).Locales(); !cmp.Equal(got, []string{"en"}) {
		t.Errorf("got %v", got)
	}
}

func TestMissingData(t *testing.T) {
	tmpl := load(t, notify.Options{})
	tests := []struct {
		kind   notify.Kind
		change func(*notify.Data)
		want   []string
	}{
		{notify.Shipped, func(d *notify.Data) { *d = notify.Data{} }, []string{"Now", "Zone", "Shop.Name", "Order.Number", "Order.URL", "Parcel"}},
		{notify.Shipped, func(d *notify.Data) { d.Parcel.Carrier = " \u202e " }, []string{"Parcel.Carrier"}},
		{notify.Shipped, func(d *notify.Data) { d.Merged = []notify.Parcel{{}} }, []string{"Merged[0].Carrier"}},
		{notify.Delivered, func(d *notify.Data) { d.Parcel.DeliveredAt = time.Time{} }, []string{"Parcel.DeliveredAt"}},
		{notify.ReadyForPickup, func(d *notify.Data) { d.Parcel.PickupPoint = nil }, []string{"Parcel.PickupPoint"}},
		{notify.ReadyForPickup, func(d *notify.Data) { d.Parcel.PickupPoint = &notify.PickupPoint{Name: "x"} }, []string{"Parcel.PickupPoint.Address"}},
		{notify.OrderConfirmed, func(d *notify.Data) { d.Order.Lines = nil }, []string{"Order.Lines"}},
		{notify.OrderConfirmed, func(d *notify.Data) { d.Order.URL = "javascript:alert(1)" }, []string{"Order.URL"}},
	}
	for _, tt := range tests {
		d := notify.Sample(tt.kind)
		tt.change(&d)
		c, err := tmpl.Render(tt.kind, "en", d)
		var missing *notify.MissingDataError
		if !errors.Is(err, notify.ErrMissingData) || !errors.As(err, &missing) {
			t.Errorf("%s: got %v", tt.kind, err)
			continue
		}
		if diff := cmp.Diff(tt.want, missing.Fields); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.kind, diff)
		}
		if c != (notify.Content{}) {
			t.Errorf("%s: half a message came with the error", tt.kind)
		}
	}
	d := notify.Sample(notify.OrderConfirmed)
	d.Order.Totals.Total.Currency = "XYZ"
	if _, err := tmpl.Render(notify.OrderConfirmed, "en", d); err == nil {
		t.Error("an amount in no known currency was shown")
	}
}

func TestHostileData(t *testing.T) {
	tmpl := load(t, notify.Options{})
	evil := "A\r\nBcc: x@y.example\u202egnp.exe\u0000<script>alert(1)</script>\"'>{{.Shop}}</title>"
	for _, kind := range tmpl.Kinds() {
		d := notify.Sample(kind)
		d.Customer.Name, d.Shop.Name, d.Order.Number, d.Shop.Address = evil, evil, evil, evil
		d.Shop.LogoURL, d.Shop.SupportURL, d.Shop.SupportPhone = "javascript:alert(1)", "data:text/html,x", "+49 30 <b>"
		d.Shop.SupportEmail, d.PreferencesURL = "a@b.example?bcc=x@y.example", "//evil.example"
		d.Order.Lines = []notify.Line{{Title: strings.Repeat("very long ", 1000), Options: evil, Quantity: 1, ImageURL: "http://insecure.example/a.png"}}
		if d.Parcel != nil {
			d.Parcel.Carrier, d.Parcel.TrackingNumber, d.Parcel.Place, d.Parcel.StatusText = evil, evil, evil, evil
			d.Parcel.TrackURL, d.Parcel.Status, d.Parcel.Detail, d.Parcel.Reason = "javascript:alert(1)", evil, evil, evil
			d.Parcel.Lines = d.Order.Lines
		}
		c, err := tmpl.Render(kind, "de", d)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, problem := range notify.Lint(c) {
			if !strings.Contains(problem, "subject has") { // the shop's name is the long one
				t.Errorf("%s: %s", kind, problem)
			}
		}
		for part, s := range map[string]string{"subject": c.Subject, "preheader": c.Preheader, "text": c.Text, "HTML": c.HTML} {
			for _, bad := range []string{"\u202e", "\u0000", "javascript:", "data:text", "//evil", "?bcc", "insecure.example", "\nBcc", "<script>alert"} {
				if strings.Contains(s, bad) && (part == "HTML" || bad != "<script>alert") {
					t.Errorf("%s: the %s holds %q", kind, part, bad)
				}
			}
			if len(s) > 60_000 {
				t.Errorf("%s: the %s has %d bytes", kind, part, len(s))
			}
		}
		if strings.ContainsAny(c.Subject+c.Preheader, "\r\n") {
			t.Errorf("%s: a subject of several lines", kind)
		}
	}
	d := notify.Sample(notify.Shipped)
	d.Customer.Name = "Win now at https://evil.example"
	c, err := tmpl.Render(notify.Shipped, "en", d)
	if err != nil || strings.Contains(c.HTML+c.Text, "evil") {
		t.Errorf("a name became a link in the shop's mail (%v)", err)
	}
	d.Customer.Name = "Zoë 👩‍👩‍👧 אבי"
	if c, err = tmpl.Render(notify.Shipped, "en", d); err != nil || !strings.Contains(c.HTML, d.Customer.Name) || !strings.Contains(c.Text, d.Customer.Name) {
		t.Errorf("a name that is only foreign was changed (%v)", err)
	}
}

// Several parcels in one message: each one's own place, day and contents, each once.
func TestMergedDelivery(t *testing.T) {
	tmpl := load(t, notify.Options{})
	d := notify.Sample(notify.Delivered)
	second := d.Parcels[1]
	second.DeliveredAt, second.DayOnly, second.Detail, second.Place = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), true, "safe_place", "Garage"
	d.Zone = time.FixedZone("UTC-5", -5*3600) // a day without hours is the same day here
	d.Merged, d.Parcels = []notify.Parcel{second}, []notify.Parcel{*d.Parcel, second}
	c, err := tmpl.Render(notify.Delivered, "en", d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Your 2 parcels have been delivered", "A neighbour has", "Schmidt", "safe place", "Garage", "Monday, November\u00a023", "Beeswax candle", "Linen duvet cover",
		d.Parcel.TrackingNumber, d.Order.URL,
	} {
		if n := strings.Count(c.Text, want); n != 1 {
			t.Errorf("%q is in the text part %d times:\n%s", want, n, c.Text)
		}
		if !strings.Contains(html.UnescapeString(c.HTML), want) {
			t.Errorf("%q is not in the HTML", want)
		}
	}
	if strings.Contains(c.Text, "other parcel") {
		t.Errorf("a parcel is listed among the others too:\n%s", c.Text)
	}
}

func TestPastEstimatesAreNotShown(t *testing.T) {
	tmpl := load(t, notify.Options{})
	d := notify.Sample(notify.Delayed)
	now := d.Now
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	for _, tt := range []struct {
		eta   notify.Window
		shown bool
	}{
		{notify.Window{From: now.Add(-2 * time.Hour), To: now.Add(-time.Minute)}, false},
		{notify.Window{From: now.Add(-2 * time.Hour), To: now.Add(time.Minute)}, true},
		{notify.Window{To: midnight, DayOnly: true}, true}, // today
		{notify.Window{To: midnight.Add(-time.Hour), DayOnly: true}, false},
		{notify.Window{From: now.Add(-time.Hour)}, true},
		{notify.Window{From: now.AddDate(0, 0, -1)}, false},
		{notify.Window{}, false},
	} {
		d.Parcel.ETA, d.Parcels = tt.eta, nil
		c, err := tmpl.Render(notify.Delayed, "en", d)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(c.Text, "Expected delivery"); got != tt.shown || strings.Contains(c.Text, "not given a new date") == tt.shown {
			t.Errorf("%v: shown %v, want %v\n%s", tt.eta, got, tt.shown, c.Text)
		}
	}
}

func TestRenderLeavesItsDataAlone(t *testing.T) {
	tmpl := load(t, notify.Options{})
	d := notify.Sample(notify.ReadyForPickup)
	d.Parcel.Status, d.Parcel.Carrier, d.Parcel.PickupPoint.Name = "", "D\nHL", "Pack\nstation"
	before := fmt.Sprintf("%+v %+v %+v", d, *d.Parcel, *d.Parcel.PickupPoint)
	if _, err := tmpl.Render(notify.ReadyForPickup, "en", d); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprintf("%+v %+v %+v", d, *d.Parcel, *d.Parcel.PickupPoint); after != before {
		t.Errorf("Render changed its data:\n%s\n%s", before, after)
	}
}

func TestConcurrentRenders(t *testing.T) {
	tmpl := load(t, notify.Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				d := notify.Sample(notify.Shipped)
				d.Order.Number = fmt.Sprintf("N-%d-%d", i, j)
				locale := []string{"en", "de"}[j%2]
				c, err := tmpl.Render(notify.Shipped, locale, d)
				if err != nil || c.Locale != locale || !strings.Contains(c.Text, d.Order.Number) || !strings.Contains(c.HTML, d.Order.Number) ||
					strings.Contains(c.HTML, "On its way") != (locale == "en") {
					t.Errorf("%s in %s: mixed up with another render (%v)", d.Order.Number, locale, err)
				}
			}
		})
	}
	wg.Wait()
}

var ld = regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)

func TestMarkup(t *testing.T) {
	tmpl := load(t, notify.Options{})
	want := map[notify.Kind]string{
		notify.OrderConfirmed: "Order", notify.Shipped: "ParcelDelivery", notify.OutForDelivery: "ParcelDelivery", notify.Delivered: "ParcelDelivery",
		notify.Delayed: "", notify.Exception: "", notify.ReadyForPickup: "",
	}
	for _, kind := range tmpl.Kinds() {
		d := notify.Sample(kind)
		d.Order.ShipTo.Street = `</script><script>alert(1)//`
		c, err := tmpl.Render(kind, "en", d)
		if err != nil {
			t.Fatal(err)
		}
		m := ld.FindStringSubmatch(c.HTML)
		if want[kind] == "" {
			if m != nil {
				t.Errorf("%s has markup", kind)
			}
			continue
		}
		if m == nil {
			t.Errorf("%s has no markup", kind)
			continue
		}
		var node map[string]any
		if err := json.Unmarshal([]byte(m[1]), &node); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if node["@type"] != want[kind] {
			t.Errorf("%s is a %v", kind, node["@type"])
		}
		if kind == notify.OrderConfirmed {
			continue
		}
		// What Gmail's reference requires of a ParcelDelivery.
		address, _ := node["deliveryAddress"].(map[string]any)
		carrier, _ := node["carrier"].(map[string]any)
		if carrier["name"] != "DHL" || node["expectedArrivalUntil"] == nil || node["trackingUrl"] != d.Parcel.TrackURL || node["itemShipped"] == nil {
			t.Errorf("%s: %v", kind, node)
		}
		for _, f := range []string{"streetAddress", "addressLocality", "addressRegion", "postalCode", "addressCountry"} {
			if address[f] == nil || address[f] == "" {
				t.Errorf("%s: no %s", kind, f)
			}
		}
		if address["streetAddress"] != d.Order.ShipTo.Street {
			t.Errorf("%s: the street became %q", kind, address["streetAddress"])
		}
	}
}

// The text part must say what the HTML says: every link, and every figure.
func TestTextPartIsComplete(t *testing.T) {
	tmpl := load(t, notify.Options{})
	href := regexp.MustCompile(`href="(https?:[^"]*)"`)
	for _, kind := range tmpl.Kinds() {
		c, err := tmpl.Render(kind, "de", notify.Sample(kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range href.FindAllStringSubmatch(c.HTML, -1) {
			if u := html.UnescapeString(m[1]); !strings.Contains(c.Text, u) {
				t.Errorf("%s: the text part has no %s", kind, u)
			}
		}
	}
}

func TestTheme(t *testing.T) {
	tmpl := load(t, notify.Options{Theme: notify.Theme{Accent: "#ffd400", Font: "Georgia, 'Times New Roman', serif"}})
	c, err := tmpl.Render(notify.Shipped, "en", notify.Sample(notify.Shipped))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.HTML, "background-color:#ffd400") || !strings.Contains(c.HTML, "Georgia") || !strings.Contains(c.HTML, "color:#1d1917") {
		t.Error("the colours are not the theme's, or white text is on yellow")
	}
	for _, theme := range []notify.Theme{
		{Accent: "red"}, {Ink: "#fff"}, {Background: "#000000;}"}, {Ink: "#cccccc"}, {Muted: "#999999"}, {Font: `Arial;} body{`}, {Font: `url(https://x)`},
	} {
		if _, err := notify.Load(notify.Options{Theme: theme}); err == nil {
			t.Errorf("%+v was accepted", theme)
		}
	}
}

// Whatever a customer, a carrier or a product catalogue writes, the mail is a good mail.
func FuzzRender(f *testing.F) {
	tmpl := load(f, notify.Options{})
	f.Add("Ann\r\nBcc: x", "\u202etitle", "https://shop.example/a b", "in_transit")
	f.Add("{{.}}", "</script>", "javascript:x", "\x00")
	f.Add("ZgotmplZ", "%!d(MISSING)", "https://a@b", "<no value>")
	f.Add("–=", "=?utf-8?q?x?=", "HTTPS://SHOP.example/?a=b&c=\"", "delivered")
	f.Fuzz(func(t *testing.T, name, title, link, word string) {
		for _, kind := range []notify.Kind{notify.OrderConfirmed, notify.Delivered, notify.ReadyForPickup} {
			d := notify.Sample(kind)
			d.Customer.Name, d.Shop.LogoURL, d.Shop.SupportEmail, d.Shop.SupportPhone, d.PreferencesURL = name, link, link, word, link
			d.Order.Lines[0] = notify.Line{Title: "t" + title, Options: name, Quantity: 1, ImageURL: link}
			d.Order.ShipTo.City = word
			if d.Parcel != nil {
				d.Parcel.Carrier, d.Parcel.TrackURL, d.Parcel.Status, d.Parcel.Reason, d.Parcel.Detail, d.Parcel.Place = "c"+name, link, word, word, word, title
			}
			c, err := tmpl.Render(kind, word, d)
			if err != nil {
				if strings.Contains(name+title+link+word, "ZgotmplZ") && errors.Is(err, notify.ErrUnsafe) {
					return // it cannot be told from the real thing, so it is refused
				}
				t.Fatal(err)
			}
			for _, problem := range notify.Lint(c) {
				if !strings.Contains(problem, "has a hole") { // a name may well be "%!"
					t.Errorf("%s: %s", kind, problem)
				}
			}
			for _, r := range c.Subject + c.Preheader + c.Text {
				if r < ' ' && r != '\n' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
					t.Errorf("%s: a control character %U", kind, r)
				}
			}
		}
	})
}

func BenchmarkRender(b *testing.B) {
	tmpl := load(b, notify.Options{})
	d := notify.Sample(notify.OrderConfirmed)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(notify.OrderConfirmed, "de", d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b, notify.Options{})
	}
}
