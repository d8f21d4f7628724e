// Package pgtest runs throw-away PostgreSQL servers from the programs that are
// installed on the machine: no Docker, no download.
//
// For most uses, one line in a test, and Stop at the end of TestMain:
//
//	pool := pgtest.Pool(t) // a database of its own, or the test is skipped
//
// The server is shared by the tests of a process and started by the first that needs
// it. It does not sync to disk: it is for tests of what is right, and not of power cuts.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer says that the machine has no PostgreSQL programs.
var ErrNoServer = errors.New("pgtest: no PostgreSQL on this machine; to have one: apt-get install postgresql, or set PGBIN to the folder of initdb and postgres")

// Config says what kind of server to run. The zero value is one for tests.
type Config struct {
	// Dir is the folder to make the server's own folder in. Defaults to the folder for
	// temporary files, or to /dev/shm for a server that need not be durable.
	Dir string

	// Durable makes commits wait for the disk, as a real server's do: for measuring.
	// Defaults to a server that never waits.
	Durable bool

	// Settings are further settings, such as "max_wal_size=8GB".
	Settings []string
}

// Server is a running server. Its methods are safe for concurrent use, but not Kill
// and Restart with each other.
type Server struct {
	bin, dir string
	settings []string
	uid, gid int // -1: those of this process

	mu     sync.Mutex
	log    *bytes.Buffer
	pid    int
	exited chan struct{}
}

const (
	prefix  = "doorstep-pg-"
	enough  = 256 << 20 // bytes free in memory for a server of tests
	patient = 60 * time.Second
)

// programs returns the folder of initdb and postgres.
func programs() (string, error) {
	dirs := []string{os.Getenv("PGBIN")}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(versions) // the newest first
	dirs = append(append(dirs, versions...), "/usr/local/pgsql/bin", "/opt/homebrew/bin")
	for _, d := range dirs {
		if d == "" {
			continue
		}
		_, err1 := os.Stat(filepath.Join(d, "initdb"))
		_, err2 := os.Stat(filepath.Join(d, "postgres"))
		if err1 == nil && err2 == nil {
			return d, nil
		}
	}
	return "", ErrNoServer
}

// Start makes a new server and returns when it can be used. It ends with the process
// at the latest; Stop also removes its files.
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	if c.Dir == "" {
		if c.Dir = os.TempDir(); !c.Durable && memoryFree() >= enough {
			c.Dir = "/dev/shm"
		}
	}
	sweep(c.Dir)
	s := &Server{bin: bin, uid: -1, gid: -1}
	if s.dir, err = os.MkdirTemp(c.Dir, prefix+strconv.Itoa(os.Getpid())+"-"); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	if os.Getuid() == 0 { // which initdb refuses to be
		if err := s.lower(); err != nil {
			return nil, err
		}
	}
	init := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C", "-E", "UTF8", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	s.settings = []string{"listen_addresses=", "unix_socket_directories=" + s.dir, "max_connections=200", "log_min_messages=warning"}
	if !c.Durable {
		s.settings = append(s.settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"autovacuum=off", "wal_level=minimal", "max_wal_senders=0", "shared_buffers=64MB")
	}
	s.settings = append(s.settings, c.Settings...)
	if err := s.Restart(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// lower makes the server run as a user that is not root.
func (s *Server) lower() error {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return fmt.Errorf("pgtest: PostgreSQL does not run as root, and there is no other user: %w", err)
		}
	}
	s.uid, _ = strconv.Atoi(u.Uid)
	s.gid, _ = strconv.Atoi(u.Gid)
	if err := os.Chown(s.dir, s.uid, s.gid); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return os.Chmod(s.dir, 0o755) // so that this process can be somebody else and connect
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = attributes(s.uid, s.gid)
	return cmd
}

// Address returns the part of a connection string that leads to the server.
func (s *Server) Address() string { return fmt.Sprintf("host=%s user=postgres", s.dir) }

// DSN returns the connection string of a database of the server.
func (s *Server) DSN(database string) string { return s.Address() + " dbname=" + database }

// Restart starts the server if it does not run, and returns when it can be used.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid != 0 {
		return nil
	}
	var args []string
	for _, set := range s.settings {
		args = append(args, "-c", set)
	}
	cmd := s.command("postgres", append([]string{"-D", s.data()}, args...)...)
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel ends the server with the thread that started it, and not with the
		// process: keep the thread.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	s.pid, s.exited, s.log = cmd.Process.Pid, exited, log
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-exited:
			s.pid = 0
			return fmt.Errorf("pgtest: the server ended: %s", strings.TrimSpace(log.String()))
		case <-ctx.Done():
			return fmt.Errorf("pgtest: the server does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the server at once, as a crash would, and returns when it has ended. What
// was committed is there after Restart.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

func (s *Server) end(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid == 0 {
		return nil
	}
	p, err := os.FindProcess(s.pid)
	if err != nil {
		return err
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgtest: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patient):
		return errors.New("pgtest: the server does not end")
	}
	s.pid = 0
	return nil
}

// Stop ends the server and removes its files.
func (s *Server) Stop() error {
	err := s.Kill()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// CreateDatabase makes a database, empty or as a copy of template. It is no error if
// there is one of that name.
func (s *Server) CreateDatabase(ctx context.Context, name, template string) error {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		sql += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	_, err = conn.Exec(ctx, sql)
	if state := sqlState(err); state == "42P04" || state == "23505" { // there is one, or another makes it now
		return nil
	}
	return err
}

// sweep removes what servers have left whose process was killed.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	for _, d := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(d), prefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() && !alive(n) {
			os.RemoveAll(d)
		}
	}
}
