package postgres_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/backendtest"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
)

// quick makes failures and crashes of tests be over soon.
func quick(pool *pgxpool.Pool) postgres.Config {
	return postgres.Config{
		Pool: pool, JobTimeout: 200 * time.Millisecond, RescueAfter: 400 * time.Millisecond, Poll: 20 * time.Millisecond,
		Retry: func(n int) time.Duration { return time.Duration(n) * 20 * time.Millisecond },
	}
}

// server names the environment variable that tells processes that tests start about
// the server of the test.
const server = "DOORSTEP_POSTGRES_TEST_SERVER"

// owned is a Backend that closes its pool.
type owned struct {
	*postgres.Backend
	pool *pgxpool.Pool
}

func (o owned) Close() error {
	err := o.Backend.Close()
	o.pool.Close()
	return err
}

// crash opens a database that is named after the folder.
var crash = &backendtest.Crash{Open: func(folder string) (postpurchase.Backend, error) {
	ctx := context.Background()
	h := fnv.New64()
	h.Write([]byte(folder))
	name := fmt.Sprintf("crash%x", h.Sum64())
	admin, err := pgxpool.New(ctx, os.Getenv(server)+" dbname=postgres")
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	var there bool
	if err := admin.QueryRow(ctx, "SELECT exists (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return nil, err
	}
	if !there {
		if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
			return nil, err
		}
	}
	pool, err := pgxpool.New(ctx, os.Getenv(server)+" dbname="+name+" pool_max_conns=10")
	if err != nil {
		return nil, err
	}
	b, err := postgres.Open(ctx, quick(pool))
	if err != nil {
		pool.Close()
		return nil, err
	}
	return owned{b, pool}, nil
}}

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childOf); dsn != "" {
		if err := child(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := backendtest.Main(m, crash)
	pgtest.Stop()
	os.Exit(code)
}

func pool(t testing.TB, dsn string) *pgxpool.Pool { return pgtest.Connect(t, dsn+" pool_max_conns=10") }

func TestBackend(t *testing.T) {
	t.Setenv(server, pgtest.Shared(t).Address())
	var mu sync.Mutex
	dsns := map[postpurchase.Backend]string{}
	at := func(t *testing.T, dsn string) postpurchase.Backend {
		t.Helper()
		c := quick(pool(t, dsn))
		c.JobTimeout, c.RescueAfter = 0, 0
		b, err := postgres.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		dsns[b] = dsn
		return b
	}
	same := func(t *testing.T, b postpurchase.Backend) postpurchase.Backend { return at(t, dsns[b]) }
	backendtest.Run(t, backendtest.Suite{
		Open:   func(t *testing.T) postpurchase.Backend { return at(t, pgtest.Database(t)) },
		Reopen: same,
		Second: same,
		Crash:  crash,
	})
}

// TestStatements asks PostgreSQL to plan every statement, so that none is missing.
func TestStatements(t *testing.T) {
	p := pool(t, pgtest.Database(t))
	b, err := postgres.Open(t.Context(), quick(p))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i, sql := range postgres.Statements(b) {
		if sql == "" {
			t.Errorf("statement %d is missing", i)
		}
		if _, err := p.Exec(t.Context(), fmt.Sprintf("PREPARE s%d AS %s", i, sql)); err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
	}
}
