package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/backendtest"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
)

// quick makes failures and crashes of tests be over soon.
var quick = sqlite.Config{
	JobTimeout: 200 * time.Millisecond, RescueAfter: 400 * time.Millisecond, Poll: 20 * time.Millisecond,
	Retry: func(n int) time.Duration { return time.Duration(n) * 20 * time.Millisecond },
}

var crash = &backendtest.Crash{Open: func(folder string) (postpurchase.Backend, error) {
	return sqlite.Open(context.Background(), filepath.Join(folder, "crash.db"), quick)
}}

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, crash)) }

func TestBackend(t *testing.T) {
	var mu sync.Mutex
	paths := map[postpurchase.Backend]string{}
	at := func(t *testing.T, path string) postpurchase.Backend {
		t.Helper()
		c := quick
		c.JobTimeout, c.RescueAfter = 0, 0
		b, err := sqlite.Open(t.Context(), path, c)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		paths[b] = path
		return b
	}
	same := func(t *testing.T, b postpurchase.Backend) postpurchase.Backend { return at(t, paths[b]) }
	backendtest.Run(t, backendtest.Suite{
		Open:   func(t *testing.T) postpurchase.Backend { return at(t, filepath.Join(t.TempDir(), "a?b#c%41 d.db")) },
		Reopen: same,
		Second: same,
		Crash:  crash,
	})
}
