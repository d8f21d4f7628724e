package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output collects what the program prints.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// speed is simulated seconds in a second: a day in four. News is stale after two days,
// so a machine that stands still for eight seconds is told as such by the mails.
const speed = "21600"

// start runs the program until stop is called, which returns what run returned.
func start(t *testing.T, dir, addr string) (out *output, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, done := &output{}, make(chan error, 1)
	go func() { done <- run(ctx, []string{"-dir", dir, "-addr", addr, "-speed", speed}, out) }()
	return out, func() error {
		cancel()
		return <-done
	}
}

// until waits until ok, looking often; the program runs on a clock of its own.
func until(t *testing.T, what string, out *output, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(90 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within 90 seconds; the program said:\n%s", what, out)
		}
	}
}

// mails are the mails in the demo's mailbox that have text in them.
func mails(dir, text string) (found []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "mail", "*.eml"))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) {
			found = append(found, string(b))
		}
	}
	return found
}

// The whole way: from a paid order to the doorstep, over real wire formats, and on
// after a restart.
func TestDemo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir, addr := t.TempDir(), listener.Addr().String()
	listener.Close()

	out, stop := start(t, dir, addr)
	until(t, "a confirmation", out, func() bool { return len(mails(dir, "Subject: Thank you for your order")) > 0 })
	until(t, "a delivery", out, func() bool { return len(mails(dir, "Subject: Delivered: your parcel")) > 0 })
	link := regexp.MustCompile(`http://` + regexp.QuoteMeta(addr) + `/t/[\w=-]+(\r?\n[\w-]+)*`).FindString(mails(dir, "Subject: Delivered: your parcel")[0])
	link = strings.NewReplacer("=\r\n", "", "=\n", "", "\r", "", "\n", "").Replace(link)
	if page := get(t, link); !strings.Contains(page, "Delivered") || !strings.Contains(page, "UPS") {
		t.Errorf("the page of the delivered parcel does not say so:\n%.2000s", page)
	}
	if err := stop(); err != nil {
		t.Fatalf("stopping: %v", err)
	}

	before, placed := len(mails(dir, "Subject: ")), strings.Count(out.String(), "order placed")
	out, stop = start(t, dir, addr)
	until(t, "an order after the restart", out, func() bool { return strings.Contains(out.String(), "order placed") })
	until(t, "a mail after the restart", out, func() bool { return len(mails(dir, "Subject: ")) > before })
	if strings.Contains(out.String(), "order=100 ") {
		t.Error("the world began anew")
	}
	if err := stop(); err != nil {
		t.Fatalf("stopping: %v", err)
	}
	seen := map[string]bool{}
	id := regexp.MustCompile(`(?mi)^Message-ID: *(\S+)`)
	for _, m := range mails(dir, "Subject: ") {
		switch found := id.FindStringSubmatch(m); {
		case found == nil:
			t.Error("a mail has no Message-ID")
		case seen[found[1]]:
			t.Errorf("a mail came twice: %s", found[1])
		default:
			seen[found[1]] = true
		}
	}
	t.Logf("%d orders before the restart", placed)
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", url, resp.StatusCode, err)
	}
	return string(b)
}
