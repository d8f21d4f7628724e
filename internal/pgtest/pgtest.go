package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Require names the environment variable that lists, separated by commas, what tests
// must not be skipped for: with "postgres" in it a machine without PostgreSQL fails.
const Require = "DOORSTEP_TEST_REQUIRE"

var shared struct {
	mu     sync.Mutex
	server *Server
	err    error
}

var databases atomic.Int64

// Shared returns the server of this process. Where there is no PostgreSQL the test is
// skipped, or fails if [Require] says so.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Start(context.Background(), Config{})
	}
	if errors.Is(shared.err, ErrNoServer) && !slices.Contains(strings.Split(os.Getenv(Require), ","), "postgres") {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Stop ends the server of this process, if one was started. Call it at the end of
// TestMain.
func Stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	shared.server = nil
}

// Database makes an empty database for a test on the shared server and returns its
// connection string. It goes with the server.
func Database(t testing.TB) string {
	t.Helper()
	return Copy(t, "")
}

// Copy does the same with a copy of the database named template, which nobody may be
// connected to.
func Copy(t testing.TB, template string) string {
	t.Helper()
	s := Shared(t)
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := s.CreateDatabase(context.Background(), name, template); err != nil {
		t.Fatal(err)
	}
	return s.DSN(name)
}

// Pool makes an empty database for a test and returns connections to it. They are
// closed when the test ends.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return Connect(t, Database(t))
}

// Connect returns connections to a database. They are closed when the test ends.
func Connect(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
