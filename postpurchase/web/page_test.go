package web_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

var update = flag.Bool("update", false, "write the golden pages of testdata")

// goldens are the stories of which the whole page is kept.
var goldens = map[string]bool{"preparing": true, "in-transit": true, "pickup-german": true, "delivered": true, "split": true, "taken-back": true}

var (
	styleSheet = regexp.MustCompile(`(?s)<style>.*?</style>`)
	sprite     = regexp.MustCompile(`(?s)<svg class="sprite".*?</svg>`)
	markup     = regexp.MustCompile(`<[^>]*>`)
	rawKey     = regexp.MustCompile(`\b(status|detail|reason|head|next|when|ui|step|action)\.[a-z_]+\b|\{[a-z]+\}|[a-z]+_[a-z]+`)
)

func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			s.tell(w)
			page := w.read("01")
			for _, want := range s.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			text := markup.ReplaceAllString(sprite.ReplaceAllString(styleSheet.ReplaceAllString(page, ""), ""), " ")
			for _, not := range s.not {
				if strings.Contains(text, not) {
					t.Errorf("the page says %q", not)
				}
			}
			if raw := rawKey.FindString(text); raw != "" {
				t.Errorf("the page shows a raw code: %q", raw)
			}
			for _, personal := range []string{"Ada", "Musterstraße", "ada@customer.example"} {
				if strings.Contains(page, personal) {
					t.Errorf("the page shows %q", personal)
				}
			}
			if strings.Contains(page, " style=") || strings.Contains(page, "<script") || strings.Contains(page, "javascript:") {
				t.Error("the page holds style or script that its policy forbids")
			}
			if t.Failed() {
				t.Log(strings.Join(strings.Fields(text), " "))
			}
			if goldens[s.name] {
				golden(t, s.name, page)
			}
		})
	}
}

func golden(t *testing.T, name, page string) {
	t.Helper()
	page = sprite.ReplaceAllString(styleSheet.ReplaceAllString(page, "<style>…</style>"), "")
	file := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", file, diff)
	}
}

// hostile is what a stranger would write where we show text.
const hostile = `<script>document.title="owned"</script><img src=x onerror="document.title='owned'">"'` + "\u202e{{.}}"

func (w *world) tellHostile() {
	w.place(w.anOrder("01", func(o *order.Order) {
		o.Number = "10" + hostile
		o.ShipTo.City = hostile
		o.Lines[0].Title, o.Lines[0].Options = hostile, hostile
		o.Lines[0].ImageURL = "javascript:alert(1)"
		o.Lines[1].ImageURL = "http://tracker.example/pixel.gif"
	}))
	w.ship("01", "FP4711001", nil, lines("l1", 1)...)
	w.clock.Advance(9 * time.Hour)
	w.tell(carriers.Update{TrackingNumber: "FP4711001", Update: shipment.Update{
		Service: hostile,
		Events: []shipment.Event{
			{Time: shipment.At(monday.Add(time.Hour)), Status: shipment.InTransit, Code: "1", Text: hostile, Place: shipment.Place{Name: hostile, City: hostile}},
			{Time: shipment.At(monday.Add(2 * time.Hour)), Status: "sunk", Detail: "by_whale", Reason: "ahab_wanted", Code: "2", Text: hostile},
			{Time: shipment.At(monday.Add(8 * time.Hour)), Status: shipment.AvailableForPickup, Detail: "in_orbit", Code: "3", Text: hostile},
		},
		PickupPoint: &shipment.PickupPoint{Name: hostile, Street: hostile, Place: shipment.Place{City: hostile}, Hours: []string{hostile}, Comment: hostile},
	}})
}

func TestHostileText(t *testing.T) {
	w := newWorld(t)
	w.tellHostile()
	page := w.read("01")
	for _, bad := range []string{"<script", "<img", "javascript:", "tracker.example", "by_whale", "ahab_wanted", "in_orbit", "sunk"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 10 {
		t.Errorf("only %d of the hostile texts are shown as text", n)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	token := w.svc.OrderToken("01")
	if res := w.get("/t/" + token); res.StatusCode != http.StatusOK {
		t.Fatalf("the link answers %d", res.StatusCode)
	}
	other := newWorld(t, func(c *postpurchase.Config, _ *web.Options) { c.ShopID = "other" })
	flipped := []byte(token)
	flipped[6] ^= 1
	tests := map[string]string{
		"tampered":           string(flipped),
		"cut":                token[:len(token)-1],
		"of another shop":    other.svc.OrderToken("01"),
		"of an unknown one":  w.svc.OrderToken("99"),
		"no token":           "x",
		"far too long":       strings.Repeat("A", 5000),
		"with more behind":   token + "/more",
		"of another service": "../../" + token,
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			res := w.get("/t/" + strings.ReplaceAll(bad, "../", "%2e%2e%2f"))
			page := body(t, res)
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("answers %d", res.StatusCode)
			}
			if !strings.Contains(page, "This link does not work any more") || !strings.Contains(page, "<form") {
				t.Error("does not offer another way")
			}
			if strings.Contains(page, "Linen throw") {
				t.Error("shows the order")
			}
		})
	}
	w.clock.Advance(500 * day)
	if res := w.get("/t/" + token); res.StatusCode != http.StatusNotFound {
		t.Errorf("a link of long ago answers %d", res.StatusCode)
	}
}

// A carrier gives a number to another parcel after half a year; the old link must not
// show it.
func TestNumberUsedAgain(t *testing.T) {
	w := newWorld(t)
	single(fake.OnTime(cologne, berlin, 3), 5*day)(w)
	w.clock.Advance(250 * day)
	madrid := shipment.Place{City: "Madrid", Country: "ES"}
	w.tell(carriers.Update{TrackingNumber: "FP4711001", Update: shipment.Update{
		Events:      []shipment.Event{{Time: shipment.At(w.clock.Now()), Status: shipment.AvailableForPickup, Code: "9", Text: "En tienda", Place: madrid}},
		Estimates:   []shipment.Estimate{{Window: shipment.Window{To: shipment.Day(2027, 8, 1)}, Source: shipment.EstimateCarrier}},
		PickupPoint: &shipment.PickupPoint{Name: "Tienda"},
	}})
	v, err := w.svc.Order(t.Context(), "01")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Parcels[0].Shipment.Journey; got != 1 {
		t.Fatalf("the parcel is on journey %d; this test wants the next one", got)
	}
	page := w.read("01")
	for _, stranger := range []string{"Madrid", "Tienda", "En tienda", "August", "Ready for you"} {
		if strings.Contains(page, stranger) {
			t.Errorf("the page shows %q of a stranger's parcel", stranger)
		}
	}
	if !strings.Contains(page, "Thursday 19\u00a0November 2026 at 12:30") {
		t.Error("the page does not say when the customer's parcel was delivered")
	}
}

func TestLanguage(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01", func(o *order.Order) { o.Locale = "" }))
	w.place(w.anOrder("02", german))
	w.place(w.anOrder("03", func(o *order.Order) { o.Locale = "pt-BR" }))
	tests := []struct{ name, order, query, accept, want string }{
		{"nothing said", "01", "", "", "en"},
		{"browser", "01", "", "fr;q=0.9, de-CH;q=0.8, en;q=0.1", "de-CH"},
		{"order before browser", "02", "", "en-US", "de-DE"},
		{"link before order", "02", "?lang=en", "de", "en"},
		{"order in a language we do not have", "03", "", "de", "de"},
		{"nonsense", "01", "?lang=%3Cscript%3E", ";;;q=,*", "en"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/t/"+w.svc.OrderToken(tt.order)+tt.query, nil)
			r.Header.Set("Accept-Language", tt.accept)
			if page := body(t, w.do(r)); !strings.Contains(page, `<html lang="`+tt.want+`">`) {
				t.Errorf("the page is not in %q: %.60q", tt.want, page)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	for _, path := range []string{"/", "/track", "/t/" + w.svc.OrderToken("01"), "/t/x", "/nowhere/at/all", "/healthz"} {
		head := w.get(path).Header
		referrer := "no-referrer"
		if !strings.HasPrefix(path, "/t/"+w.svc.OrderToken("01")) && path != "/healthz" {
			referrer = "same-origin" // the form must be able to say where it comes from
		}
		for name, want := range map[string]string{
			"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": referrer,
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		} {
			if got := head.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := head.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: the policy %q allows script", path, policy)
		}
	}
	framed := newWorld(t, func(_ *postpurchase.Config, o *web.Options) { o.FrameAncestors = []string{"https://linden.example"} })
	head := framed.get("/").Header
	if got := head.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors https://linden.example") || head.Get("X-Frame-Options") != "" {
		t.Errorf("the shop may not frame the page: %q", got)
	}
}

// The handler works wherever it is mounted: all its links are relative.
func TestMounted(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	mux := http.NewServeMux()
	mux.Handle("/a/post/", http.StripPrefix("/a/post", w.pages))
	server := httptest.NewServer(mux)
	defer server.Close()
	client := server.Client()
	for path, action := range map[string]string{"/a/post/": `action="./track`, "/a/post/t/x": `action="../track`, "/a/post/t/x/y": `action="../../track`} {
		res, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if page := body(t, res); !strings.Contains(page, action) {
			t.Errorf("the form of %s does not lead to the handler", path)
		}
		res.Body.Close()
	}
	res, err := client.PostForm(server.URL+"/a/post/track?lang=de", map[string][]string{"number": {"#1001"}, "email": {" ADA@customer.example"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, want := res.Request.URL.RequestURI(), "/a/post/t/"+w.svc.OrderToken("01")+"?lang=de"; got != want || res.StatusCode != http.StatusOK {
		t.Errorf("the lookup led to %s (%d), want %s", got, res.StatusCode, want)
	}
}

func TestBackendOutOfOrder(t *testing.T) {
	w := newWorld(t)
	w.place(w.anOrder("01"))
	token := w.svc.OrderToken("01")
	w.backend.err = http.ErrAbortHandler
	for name, r := range map[string]*http.Request{
		"page": httptest.NewRequest(http.MethodGet, "/t/"+token, nil), "lookup": lookup("1001", "ada@customer.example"),
	} {
		res := w.do(r)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: answers %d", name, res.StatusCode)
		}
		if page := body(t, res); !strings.Contains(page, "We cannot show your order right now") || strings.Contains(page, "abort") {
			t.Errorf("%s: does not say in plain words what is wrong", name)
		}
	}
}

func TestOptions(t *testing.T) {
	w := newWorld(t)
	good := web.Options{ShopName: "x"}
	tests := map[string]func(*web.Options){
		"ShopName":       func(o *web.Options) { o.ShopName = " " },
		"ShopURL":        func(o *web.Options) { o.ShopURL = "javascript:alert(1)" },
		"SupportURL":     func(o *web.Options) { o.SupportURL = "/help" },
		"SupportEmail":   func(o *web.Options) { o.SupportEmail = "a@b?bcc=c@d" },
		"LogoURL":        func(o *web.Options) { o.LogoURL = "http://shop.example/logo.png" },
		"Accent":         func(o *web.Options) { o.Theme.Accent = "red;}" },
		"AccentDark":     func(o *web.Options) { o.Theme.AccentDark = "#12345" },
		"Locales":        func(o *web.Options) { o.Locales = []string{"tlh"} },
		"FrameAncestors": func(o *web.Options) { o.FrameAncestors = []string{"https://a.example; script-src *"} },
	}
	for field, change := range tests {
		opt := good
		change(&opt)
		if _, err := web.New(w.svc, opt); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("a wrong %s: %v", field, err)
		}
	}
	if _, err := web.New(w.svc, good); err != nil {
		t.Error(err)
	}
	if _, err := web.New(nil, good); err == nil {
		t.Error("no service is no error")
	}
}
