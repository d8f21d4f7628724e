package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// childOf makes this program, started again, one of many processes on a database.
const childOf = "DOORSTEP_POSTGRES_TEST_CHILD"

const (
	callers = 8
	each    = 25 // increments of a caller
)

func ref(number string) shipment.Ref {
	return shipment.Ref{Carrier: "ups", TrackingNumber: number}
}

// increment counts up a parcel, and makes it first if there is none.
func increment(ctx context.Context, b postpurchase.Backend, number string) error {
	return b.Update(ctx, "acme", func(tx postpurchase.Tx) error {
		p, err := tx.Parcel(ref(number))
		if errors.Is(err, postpurchase.ErrNotFound) {
			p, err = &postpurchase.Parcel{Orders: []postpurchase.ParcelOrder{{OrderID: "1"}}}, nil
			p.Shipment.Ref = ref(number)
		}
		if err != nil {
			return err
		}
		p.Failures++
		return tx.PutParcel(p)
	})
}

// child opens the database with all others and counts up, in one order and the other.
func child(dsn string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn+" pool_max_conns=5")
	if err != nil {
		return err
	}
	defer pool.Close()
	b, err := postgres.Open(ctx, quick(pool))
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var errs [callers]error
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				err := increment(ctx, b, "same")
				if err == nil {
					err = crosswise(ctx, b, (c+i)%2 == 0)
				}
				if err != nil {
					errs[c] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs[:], b.Close())...)
}

// crosswise touches an order and a parcel in one order or the other: two that do both
// at a time would wait for each other if they waited.
func crosswise(ctx context.Context, b postpurchase.Backend, orderFirst bool) error {
	return b.Update(ctx, "acme", func(tx postpurchase.Tx) error {
		message := func() error {
			kept, err := tx.MessagesOfOrder("x")
			if err != nil {
				return err
			}
			m := &postpurchase.Message{}
			m.Key, m.OrderID = "count", "x"
			if len(kept) > 0 {
				m = kept[0]
			}
			m.Tries++
			return tx.PutMessage(m)
		}
		parcel := func() error {
			p, err := tx.Parcel(ref("x"))
			if errors.Is(err, postpurchase.ErrNotFound) {
				p, err = &postpurchase.Parcel{}, nil
				p.Shipment.Ref = ref("x")
			}
			if err != nil {
				return err
			}
			p.Failures++
			return tx.PutParcel(p)
		}
		if orderFirst {
			return errors.Join(message(), parcel())
		}
		return errors.Join(parcel(), message())
	})
}

// TestManyProcesses starts ten processes at once on an empty database. Each makes the
// tables if nobody has, and no update of any of them is lost.
func TestManyProcesses(t *testing.T) {
	dsn := pgtest.Database(t)
	const processes = 10
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childOf+"="+dsn)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("a process: %v: %s", err, out)
			}
		})
	}
	wg.Wait()
	b, err := postgres.Open(t.Context(), quick(pool(t, dsn)))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const want = processes * callers * each
	if err := b.View(t.Context(), "acme", func(r postpurchase.Reader) error {
		same, err1 := r.Parcel(ref("same"))
		x, err2 := r.Parcel(ref("x"))
		m, err3 := r.Message("count")
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		if same.Failures != want || x.Failures != want || m.Tries != want {
			t.Errorf("increments = %d, %d and %d, want %d", same.Failures, x.Failures, m.Tries, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	var deadlocks int
	if err := pool(t, dsn).QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks); err != nil || deadlocks > 0 {
		t.Errorf("deadlocks = %d, %v", deadlocks, err)
	}
}

// TestServerRestarts ends the server, as a crash does, while many write and work.
func TestServerRestarts(t *testing.T) {
	pgtest.Shared(t)
	// What was committed is to survive a crash of the server, if not one of the machine.
	s, err := pgtest.Start(t.Context(), pgtest.Config{Settings: []string{"synchronous_commit=on"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	b, err := postgres.Open(t.Context(), quick(pool(t, s.DSN("postgres"))))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var kept [callers]int // increments that were acknowledged
	var total, worked atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := b.Update(context.WithoutCancel(ctx), "acme", func(tx postpurchase.Tx) error {
					p, err := tx.Parcel(ref(fmt.Sprint(c)))
					if errors.Is(err, postpurchase.ErrNotFound) {
						p, err = &postpurchase.Parcel{}, nil
						p.Shipment.Ref = ref(fmt.Sprint(c))
					}
					if err != nil {
						return err
					}
					p.Failures++
					return errors.Join(tx.PutParcel(p), tx.Enqueue(postpurchase.Job{Kind: "k", Key: fmt.Sprint(c, "/", i)}))
				})
				switch {
				case err == nil:
					kept[c]++
					total.Add(1)
				default: // also ErrUncertain: the server that is back knows
					t.Errorf("Update = %v, and the server was away for less than Config.Patience", err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		if err := b.Work(ctx, "acme", func(context.Context, postpurchase.Job) error { worked.Add(1); return nil }); err != nil {
			t.Errorf("Work = %v", err)
		}
	})
	until(t, "updates and jobs", func() bool { return total.Load() > 50 && worked.Load() > 10 })
	for range 3 {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, done := total.Load(), worked.Load()
		until(t, "updates and jobs after a restart", func() bool { return total.Load() > before+50 && worked.Load() > done+10 })
	}
	cancel()
	wg.Wait()
	if err := b.View(t.Context(), "acme", func(r postpurchase.Reader) error {
		for c := range callers {
			p, err := r.Parcel(ref(fmt.Sprint(c)))
			if err != nil {
				return err
			}
			if p.Failures != kept[c] {
				t.Errorf("increments = %d, want %d", p.Failures, kept[c])
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// until waits for something that happens soon, or fails after a minute.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !happened(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("no %s after a minute", what)
		}
	}
}

// TestNoServer asks while the database is away for longer than Patience.
func TestNoServer(t *testing.T) {
	pgtest.Shared(t)
	s, err := pgtest.Start(t.Context(), pgtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c := quick(pool(t, s.DSN("postgres")))
	c.Patience = 50 * time.Millisecond
	b, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := increment(t.Context(), b, "1"); !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("Update = %v, want %v", err, postgres.ErrUnavailable)
	}
	if err := b.View(t.Context(), "acme", func(postpurchase.Reader) error { return nil }); !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("View = %v, want %v", err, postgres.ErrUnavailable)
	}
}

// TestListenRegained ends every connection while jobs are waited for, with polling as
// good as off: jobs are heard of all the same, before and after.
func TestListenRegained(t *testing.T) {
	dsn := pgtest.Database(t)
	c := quick(pool(t, dsn))
	c.Poll = time.Hour
	b, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done sync.Map
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Work(ctx, "acme", func(_ context.Context, j postpurchase.Job) error { done.Store(j.Key, true); return nil }); err != nil {
			t.Errorf("Work = %v", err)
		}
	})
	add := func(key string) {
		if err := b.Update(ctx, "acme", func(tx postpurchase.Tx) error { return tx.Enqueue(postpurchase.Job{Kind: "k", Key: key}) }); err != nil {
			t.Errorf("Update = %v", err)
		}
	}
	// A connection that was told to end may be seen for some time, so that another one is
	// waited for.
	var listener, before int
	listening := func() bool {
		err := pool(t, dsn).QueryRow(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> $1", before).Scan(&listener)
		return err == nil
	}
	// River listens to several things one after the other: the first job may come too early
	// to be heard of, and is done with the next.
	heard := func(key string) {
		t.Helper()
		n := 0
		until(t, "job "+key, func() bool {
			add(fmt.Sprint(key, n))
			n++
			_, ok := done.Load(key + "0")
			return ok
		})
	}
	until(t, "LISTEN", listening)
	heard("before")
	if _, err := pool(t, dsn).Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	before = listener
	until(t, "LISTEN after its connection was lost", listening)
	heard("after")
	cancel()
	wg.Wait()
}

// TestBadRow lets the database refuse one of many updates that share a transaction.
func TestBadRow(t *testing.T) {
	b, err := postgres.Open(t.Context(), quick(pool(t, pgtest.Database(t))))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var long strings.Builder // too long for an index, however well it is packed
	for i := range 5000 {
		fmt.Fprint(&long, i*i)
	}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			number := fmt.Sprint(i)
			if i%10 == 0 {
				number += long.String()
			}
			err := increment(t.Context(), b, number)
			if (err != nil) != (i%10 == 0) {
				t.Errorf("Update %d = %v", i, err)
			}
			if err != nil && strings.Contains(err.Error(), "149162536") {
				t.Errorf("the error shows the number: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestNewerVersion(t *testing.T) {
	dsn := pgtest.Database(t)
	b, err := postgres.Open(t.Context(), quick(pool(t, dsn)))
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := pool(t, dsn).Exec(t.Context(), "INSERT INTO doorstep.doorstep_version (version) VALUES (99)"); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Open(t.Context(), quick(pool(t, dsn)))
	if !errors.Is(err, postgres.ErrVersion) || !strings.Contains(err.Error(), "99") {
		t.Errorf("Open = %v, want %v that names the version", err, postgres.ErrVersion)
	}
}

// TestOldVersion opens tables of the first version, and writes to them.
func TestOldVersion(t *testing.T) {
	dsn := pgtest.Database(t)
	first, err := os.ReadFile("migrations/001.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"CREATE SCHEMA doorstep", strings.ReplaceAll(string(first), "{doorstep}", "doorstep"),
		"CREATE TABLE doorstep.doorstep_version (version integer NOT NULL); INSERT INTO doorstep.doorstep_version VALUES (1)",
		`INSERT INTO doorstep.shop_order (version, shop, order_id, number, email, doc) VALUES (5, 'acme', 'a', '100', '', '{"ID": "a", "Number": "100"}')`,
	} {
		if _, err := pool(t, dsn).Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	b, err := postgres.Open(t.Context(), quick(pool(t, dsn)))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Update(t.Context(), "acme", func(tx postpurchase.Tx) error {
		o, err := tx.Order("a")
		if err == nil && o.Number != "100" {
			t.Errorf("Number = %q", o.Number)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := increment(t.Context(), b, "1"); err != nil {
		t.Error(err)
	}
}

// TestScript makes the tables by the printed SQL, and opens them.
func TestScript(t *testing.T) {
	for _, schema := range []string{"", "My_shop"} {
		dsn := pgtest.Database(t)
		script, err := postgres.Script(schema)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool(t, dsn).Exec(t.Context(), script); err != nil {
			t.Fatal(err)
		}
		tables := func() (n int) {
			if err := pool(t, dsn).QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'i')").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := tables()
		c := quick(pool(t, dsn))
		c.Schema = schema
		b, err := postgres.Open(t.Context(), c)
		if err != nil {
			t.Fatalf("schema %q: %v", schema, err)
		}
		if after := tables(); after != before {
			t.Errorf("schema %q: Open has made %d tables and indexes more", schema, after-before)
		}
		if err := increment(t.Context(), b, "1"); err != nil {
			t.Errorf("schema %q: %v", schema, err)
		}
		b.Close()
	}
}

func TestConfig(t *testing.T) {
	few, err := pgxpool.New(t.Context(), "host=/nowhere pool_max_conns=3")
	if err != nil {
		t.Fatal(err)
	}
	defer few.Close()
	enough, err := pgxpool.New(t.Context(), "host=/nowhere pool_max_conns=4")
	if err != nil {
		t.Fatal(err)
	}
	defer enough.Close()
	for name, c := range map[string]postgres.Config{
		"no pool":          {},
		"too small a pool": {Pool: few},
		"schema":           {Pool: enough, Schema: "my shop"},
		"negative":         {Pool: enough, Writers: -1},
		"rescue too early": {Pool: enough, JobTimeout: time.Minute, RescueAfter: time.Second},
	} {
		if _, err := postgres.Open(t.Context(), c); err == nil || errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("%s: Open = %v, want an error of the Config", name, err)
		}
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{Pool: enough}); !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("Open without a server = %v, want %v", err, postgres.ErrUnavailable)
	}
}
