package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/internal/pgtest"
)

const victim = "DOORSTEP_PGTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		s, err := pgtest.Start(context.Background(), pgtest.Config{})
		fmt.Println(s.DSN("postgres"), err)
		select {} // until it is killed
	}
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

func count(t *testing.T, dsn string) (n int) {
	t.Helper()
	if err := pgtest.Connect(t, dsn).QueryRow(t.Context(), "SELECT count(*) FROM thing").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDatabasesAreApart(t *testing.T) {
	s := pgtest.Shared(t)
	if err := s.CreateDatabase(t.Context(), "pattern", ""); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.DSN("pattern"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE thing (n int); INSERT INTO thing VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	a, b := pgtest.Copy(t, "pattern"), pgtest.Copy(t, "pattern")
	if _, err := pgtest.Connect(t, a).Exec(t.Context(), "INSERT INTO thing VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if got := []int{count(t, a), count(t, b)}; got[0] != 2 || got[1] != 1 {
		t.Errorf("rows = %v, want 2 in the one and 1 in the other", got)
	}
	var tables int
	if err := pgtest.Pool(t).QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relname = 'thing'").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("an empty database has %d tables, %v", tables, err)
	}
}

func TestKillAndRestart(t *testing.T) {
	pgtest.Shared(t)
	s, err := pgtest.Start(t.Context(), pgtest.Config{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE thing (n int); INSERT INTO thing VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s.DSN("postgres")); n != 1 {
		t.Errorf("rows after a crash = %d, want 1", n)
	}
}

// TestDiesWithItsProcess kills a process that runs a server.
func TestDiesWithItsProcess(t *testing.T) {
	pgtest.Shared(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	dsn, ok := strings.CutSuffix(line, " <nil>\n")
	if err != nil || !ok {
		t.Fatalf("the server did not start: %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for end := time.Now().Add(20 * time.Second); ; {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			return
		}
		conn.Close(t.Context())
		if time.Now().After(end) {
			t.Fatal("the server outlives its process")
		}
	}
}
