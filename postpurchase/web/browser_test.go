package web_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/web"
)

// browser starts a headless Chromium, or skips the test where there is none. With
// DOORSTEP_TEST_REQUIRE=chromium it fails instead.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		const how = "no Chromium in PATH: install it with apt-get install chromium-headless-shell fonts-dejavu-core"
		if strings.Contains(os.Getenv("DOORSTEP_TEST_REQUIRE"), "chromium") {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it does not work for root
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(ctx)
	t.Cleanup(quit)
	// The first run starts the browser and must not have a time limit of its own.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx
}

// complaints are what the browser says to its console: blocked script, broken markup.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(ev any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if strings.HasSuffix(ev.Entry.URL, "/favicon.ico") {
			return // browsers ask every host for one, late and unasked
		}
		c.list = append(c.list, fmt.Sprint(ev.Entry.Level, ": ", ev.Entry.Text))
	case *runtime.EventConsoleAPICalled:
		c.list = append(c.list, "console: "+string(ev.Type))
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, "exception")
	}
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

func scheme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// measure looks at a page as a person would: what sticks out sideways, what is hard to
// read on what is behind it, what is too small for a finger.
const measure = `(() => {
	const found = [];
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) found.push('the page is wider than the window');
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return {rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1}; };
	const lum = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
	for (const e of document.querySelectorAll('body *')) {
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (!box.width || !box.height || style.visibility !== 'visible' || e.closest('.hide, .skip')) continue;
		if (box.right > width + 1 || box.left < -1) found.push('sticks out: ' + e.tagName + '.' + e.className);
		if ([...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) {
			const [a, b] = [lum(parse(style.color).rgb), lum(behind(e))];
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) found.push('contrast ' + ratio.toFixed(2) + ': ' + e.textContent.trim().slice(0, 40));
			if (parseFloat(style.fontSize) < 12) found.push('tiny: ' + e.textContent.trim().slice(0, 40));
		}
		if (e.matches('a, button, input, summary') && box.height < 43.9) found.push('low for a finger: ' + e.textContent.trim().slice(0, 40));
	}
	return found.slice(0, 20);
})()`

// TestBrowser looks at the pages in Chromium. With -artifacts its pictures are kept.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	heard := &complaints{}
	if err := chromedp.Listen(ctx, heard.hear); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{
		"preparing": true, "in-transit": true, "delayed": true, "out-for-delivery": true, "pickup-german": true, "customs": true,
		"delivered": true, "lost": true, "carrier-down": true, "split": true, "split-trouble": true, "honest-times": true,
	}
	looks := []struct {
		name, scheme  string
		width, height int64
	}{
		{"desktop-light", "light", 1100, 800}, {"desktop-dark", "dark", 1100, 800},
		{"phone-light", "light", 390, 844}, {"phone-dark", "dark", 390, 844}, {"narrow", "light", 360, 640},
	}
	look := func(t *testing.T, address string) {
		t.Helper()
		for _, l := range looks {
			limited, cancel := context.WithTimeout(ctx, time.Minute)
			if err := chromedp.Do(limited, chromedp.EmulateViewport(l.width, l.height), scheme(l.scheme), chromedp.Navigate(address)); err != nil {
				t.Fatal(err)
			}
			found, err := chromedp.Run(limited, chromedp.Evaluate[[]string](measure))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Errorf("%s: %s", l.name, f)
			}
			if artifacts := flag.Lookup("test.artifacts"); artifacts != nil && artifacts.Value.String() == "true" {
				picture, err := chromedp.Run(limited, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(t.ArtifactDir(), l.name+".png"), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			for _, c := range heard.take() {
				t.Errorf("%s: the browser complains: %s", l.name, c)
			}
		}
	}
	for _, s := range stories {
		if !shown[s.name] {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			s.tell(w)
			server := httptest.NewServer(w.pages)
			defer server.Close()
			look(t, server.URL+"/t/"+w.svc.OrderToken("01"))
			visible, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText.replace(/[ \n]+/g, ' ')`))
			if err != nil {
				t.Fatal(err)
			}
			if h := s.want[0]; !strings.Contains(visible, h) && s.name != "honest-times" {
				t.Errorf("nobody can see %q", h)
			}
		})
	}

	t.Run("lookup", func(t *testing.T) {
		w := newWorld(t)
		w.place(w.anOrder("01"))
		mux := http.NewServeMux()
		mux.Handle("/post/", http.StripPrefix("/post", w.pages))
		server := httptest.NewServer(mux)
		defer server.Close()
		look(t, server.URL+"/post/")
		try := func(email string) string {
			t.Helper()
			limited, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := chromedp.Do(limited, chromedp.Navigate(server.URL+"/post/"),
				chromedp.SendKeys(chromedp.CSS("#number"), "#1001"), chromedp.SendKeys(chromedp.CSS("#email"), email)); err != nil {
				t.Fatal(err)
			}
			if _, err := chromedp.RunResponse(limited, chromedp.Click(chromedp.CSS("form button"))); err != nil {
				t.Fatal(err)
			}
			h1, err := chromedp.Run(limited, chromedp.Text(chromedp.CSS("main")))
			if err != nil {
				t.Fatal(err)
			}
			return h1
		}
		// A browser that sends no Sec-Fetch-Site is judged by its Origin.
		origins := make(chan string, 8)
		mux.HandleFunc("POST /post/track", func(rw http.ResponseWriter, r *http.Request) {
			origins <- r.Header.Get("Origin")
			r.Header.Del("Sec-Fetch-Site")
			http.StripPrefix("/post", w.pages).ServeHTTP(rw, r)
		})
		if got := try("someone@else.example"); !strings.Contains(got, "We could not find an order") {
			t.Errorf("a wrong address shows %q", got)
		}
		if origin := <-origins; origin != server.URL {
			t.Errorf("the form says that it comes from %q", origin)
		}
		heard.take() // Chromium notes that the answer was 404
		if got := try("ada@customer.example"); !strings.Contains(got, "We are preparing your order") {
			t.Errorf("the right address shows %q", got)
		}
		if c := heard.take(); len(c) > 0 {
			t.Errorf("the browser complains: %q", c)
		}
	})

	for _, accent := range []string{"#ffd400", "#10103a", "#e6007e"} {
		t.Run("accent "+accent, func(t *testing.T) { // whatever the shop's colour, it can be read
			w := newWorld(t, func(_ *postpurchase.Config, o *web.Options) { o.Theme.Accent = accent })
			w.place(w.anOrder("01"))
			server := httptest.NewServer(w.pages)
			defer server.Close()
			look(t, server.URL+"/t/"+w.svc.OrderToken("01"))
		})
	}

	t.Run("hostile", func(t *testing.T) {
		w := newWorld(t)
		w.tellHostile()
		server := httptest.NewServer(w.pages)
		defer server.Close()
		look(t, server.URL+"/t/"+w.svc.OrderToken("01"))
		title, err := chromedp.Run(ctx, chromedp.Title())
		if err != nil {
			t.Fatal(err)
		}
		if title == "owned" || !strings.Contains(title, "Ready for you to collect") {
			t.Errorf("the title is %q", title)
		}
		elements, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll('script, img').length`))
		if err != nil || elements != 0 {
			t.Errorf("%d of the strangers' elements are in the page (%v)", elements, err)
		}
	})

	t.Run("measure", func(t *testing.T) {
		// The measuring must find what is wrong, or its silence proves nothing.
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprint(rw, `<body style="background:#fff"><p style="color:#999">pale<p style="width:2000px">wide<p><a href="x">low</a>`)
		}))
		defer server.Close()
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
			t.Fatal(err)
		}
		found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](measure))
		for _, want := range []string{"wider", "sticks out", "contrast", "low for a finger"} {
			if err != nil || !strings.Contains(strings.Join(found, "\n"), want) {
				t.Errorf("%q was not found in %q (%v)", want, found, err)
			}
		}
		heard.take()
	})

	t.Run("policy", func(t *testing.T) {
		// Were a script ever to get into a page, the policy would not let it run.
		w := newWorld(t)
		policy := w.get("/").Header.Get("Content-Security-Policy")
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Security-Policy", policy)
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprint(rw, `<title>safe</title><script>document.title="owned"</script><p style="display:none" onclick="1">x`)
		}))
		defer server.Close()
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := chromedp.Do(limited, chromedp.Navigate(server.URL)); err != nil {
			t.Fatal(err)
		}
		title, err := chromedp.Run(limited, chromedp.Title())
		if err != nil || title != "safe" {
			t.Errorf("the title is %q (%v)", title, err)
		}
		if c := heard.take(); len(c) == 0 {
			t.Error("the browser says nothing of the script it should have refused, so that its silence elsewhere proves nothing")
		}
	})
}
