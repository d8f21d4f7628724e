package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
)

func open(t *testing.T, path string) *sqlite.Backend {
	t.Helper()
	b, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// raw runs SQL on a file without the package under test.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func putParcel(b postpurchase.Backend, number, text string) error {
	return b.Update(context.Background(), "shop", func(tx postpurchase.Tx) error {
		p := &postpurchase.Parcel{Trouble: text}
		p.Shipment.Ref = shipment.Ref{Carrier: "ups", TrackingNumber: number}
		return errors.Join(tx.PutParcel(p), tx.Enqueue(postpurchase.Job{Kind: "k", Key: number}))
	})
}

// noise is a text that cannot be packed into much less.
func noise(n int) string {
	b := make([]byte, n)
	for i, dice := 0, rand.New(rand.NewPCG(1, uint64(n))); i < n; i++ {
		b[i] = byte(' ' + dice.IntN(95))
	}
	return string(b)
}

func hasParcel(t *testing.T, b postpurchase.Backend, number string) (has bool) {
	t.Helper()
	if err := b.View(t.Context(), "shop", func(r postpurchase.Reader) error {
		_, err := r.Parcel(shipment.Ref{Carrier: "ups", TrackingNumber: number})
		has = err == nil
		if errors.Is(err, postpurchase.ErrNotFound) {
			return nil
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	return has
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    error
		says    string
	}{
		"newer version": {func(t *testing.T, path string) {
			b, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			b.Close()
			raw(t, path, "PRAGMA user_version = 999")
		}, sqlite.ErrVersion, "its version is 999"},
		"another program's": {func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE theirs (x)")
		}, sqlite.ErrVersion, "another program"},
		"not a database": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("this is not a database ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, sqlite.ErrCorrupt, ""},
		"a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			c.prepare(t, path)
			before, _ := os.ReadFile(path)
			b, err := sqlite.Open(t.Context(), path)
			if err == nil {
				b.Close()
				t.Fatal("Open = nil, want an error")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Open = %v, want %v that says %q", err, c.want, c.says)
			}
			if after, _ := os.ReadFile(path); c.want == sqlite.ErrCorrupt && string(after) != string(before) {
				t.Error("Open has changed the file")
			}
		})
	}
	for _, path := range []string{"", ":memory:", filepath.Join(t.TempDir(), "missing", "x.db")} {
		if b, err := sqlite.Open(t.Context(), path); err == nil {
			b.Close()
			t.Errorf("Open(%q) = nil, want an error", path)
		}
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), sqlite.Config{JobTimeout: 2, RescueAfter: 1}); err == nil {
		t.Error("a Config that does running jobs twice was taken")
	}
}

// TestOldVersion opens a file of the first version, with rows in it.
func TestOldVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	first, err := os.ReadFile("migrations/001.sql")
	if err != nil {
		t.Fatal(err)
	}
	raw(t, path, string(first),
		`INSERT INTO shop_order (shop, order_id, number, email, doc) VALUES ('shop', 'a', '100', '', CAST('{"ID": "a", "Number": "100"}' AS BLOB))`,
		`INSERT INTO parcel (id, shop, carrier, number, epoch, status, health, doc) VALUES
			(7, 'shop', 'ups', '1', 0, '', 'late', CAST('{"shipment": {"ref": {"carrier": "ups", "tracking_number": "1"}}, "health": "late", "orders": [{"order_id": "a"}, {"order_id": "spoken of"}]}' AS BLOB))`,
		`INSERT INTO parcel_order (shop, order_id, parcel_id) VALUES ('shop', 'a', 7), ('shop', 'spoken of', 7)`,
		`INSERT INTO message (shop, key, order_id, state, doc) VALUES ('shop', 'm', 'only a message''s', 'sent', CAST('{"Key": "m", "OrderID": "only a message''s", "State": "sent"}' AS BLOB))`,
		"PRAGMA user_version = 1", "PRAGMA application_id = 0x646f6f72")
	b := open(t, path)
	look := func(r postpurchase.Reader) error {
		o, err := r.Order("a")
		if err != nil || o.Number != "100" {
			t.Errorf("Order = %v, %v", o, err)
		}
		for _, id := range []string{"spoken of", "only a message's"} {
			if _, err := r.Order(id); !errors.Is(err, postpurchase.ErrNotFound) {
				t.Errorf("Order %q = %v, want %v", id, err, postpurchase.ErrNotFound)
			}
		}
		for _, id := range []string{"a", "spoken of"} {
			if of, err := r.ParcelsOfOrder(id); err != nil || len(of) != 1 {
				t.Errorf("parcels of %q = %v, %v", id, of, err)
			}
		}
		if late, err := r.ParcelsByHealth(shipment.HealthLate, 9); err != nil || len(late) != 1 {
			t.Errorf("late parcels = %v, %v", late, err)
		}
		if of, err := r.MessagesOfOrder("only a message's"); err != nil || len(of) != 1 || of[0].Key != "m" {
			t.Errorf("messages = %v, %v", of, err)
		}
		return nil
	}
	if err := b.View(t.Context(), "shop", look); err != nil {
		t.Error(err)
	}
	if err := b.Update(t.Context(), "shop", func(tx postpurchase.Tx) error { return look(tx) }); err != nil {
		t.Error(err)
	}
	if err := putParcel(b, "2", ""); err != nil {
		t.Error(err)
	}
}

// TestOpenTogether opens a new file many times at once: one migrates it.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			b, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Close()
			if err := putParcel(b, fmt.Sprint(i), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b := open(t, path)
	for i := range 6 {
		if !hasParcel(t, b, fmt.Sprint(i)) {
			t.Errorf("parcel %d is missing", i)
		}
	}
}

// TestFull fills a database of limited size: what does not fit is refused as a whole,
// what fits beside it in the same commit is kept, and there is life after it.
// TestCheckpoint looks whether commits move from the log to the file while the file is
// open, long before a commit would have to do so itself.
func TestCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	b := open(t, path)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const parcels = 1500 // a row and a link each
	before := size()
	for from := 0; from < parcels; from += 100 {
		err := b.Update(t.Context(), "shop", func(tx postpurchase.Tx) error {
			for i := from; i < from+100; i++ {
				p := &postpurchase.Parcel{Trouble: noise(1000), Orders: []postpurchase.ParcelOrder{{OrderID: "o"}}}
				p.Shipment.Ref = shipment.Ref{Carrier: "ups", TrackingNumber: fmt.Sprint(i)}
				if err := tx.PutParcel(p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sqlite.WaitForCheckpoint(b)
	if got := size() - before; got < 1_000_000 {
		t.Errorf("the file has grown by %d bytes, and a million and more were put", got)
	}
	if !hasParcel(t, b, "0") || !hasParcel(t, b, fmt.Sprint(parcels-1)) {
		t.Error("a parcel is gone")
	}
}

func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	b := open(t, path)
	if err := putParcel(b, "before", ""); err != nil {
		t.Fatal(err)
	}
	sqlite.LimitPages(t, b, 200)
	big := noise(3 << 20)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if i%2 == 0 {
				if err := putParcel(b, fmt.Sprint(i), ""); err != nil {
					t.Errorf("a small update beside a big one: %v", err)
				}
				return
			}
			if err := putParcel(b, fmt.Sprint(i), big); !errors.Is(err, sqlite.ErrFull) {
				t.Errorf("Update = %v, want %v", err, sqlite.ErrFull)
			}
		})
	}
	wg.Wait()
	for i := range 20 {
		if got := hasParcel(t, b, fmt.Sprint(i)); got != (i%2 == 0) {
			t.Errorf("parcel %d kept = %v", i, got)
		}
	}
	jobs := map[string]bool{}
	if err := b.Drain(t.Context(), "shop", func(_ context.Context, j postpurchase.Job) error { jobs[j.Key] = true; return nil }); err != nil {
		t.Error(err)
	}
	if len(jobs) != 11 || jobs["1"] {
		t.Errorf("jobs = %v, want those of the 11 parcels that were kept", jobs)
	}
	sqlite.LimitPages(t, b, 1_000_000)
	if err := putParcel(b, "after", big); err != nil {
		t.Errorf("Update when there is room again = %v", err)
	}
}

// TestJobPanic lets a job panic: it is tried again.
func TestJobPanic(t *testing.T) {
	b, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := putParcel(b, "1", ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	if err := b.Work(ctx, "shop", func(context.Context, postpurchase.Job) error {
		if tries++; tries == 1 {
			panic("once")
		}
		cancel()
		return nil
	}); err != nil || tries != 2 {
		t.Errorf("Work = %v after %d tries, want nil after 2", err, tries)
	}
}

func ExampleOpen() {
	ctx := context.Background()
	folder, _ := os.MkdirTemp("", "doorstep")
	defer os.RemoveAll(folder)

	backend, err := sqlite.Open(ctx, filepath.Join(folder, "doorstep.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	err = backend.Update(ctx, "my-shop", func(tx postpurchase.Tx) error {
		return tx.PutCursor(postpurchase.Cursor{Name: "orders", Value: "1001"})
	})
	fmt.Println("kept:", err == nil)
	// Output: kept: true
}
