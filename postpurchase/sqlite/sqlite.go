// Package sqlite is a [postpurchase.Backend] in one SQLite file: what a shop knows and
// the jobs it has to do, kept by one commit. It needs no server and no cgo.
//
// For most uses:
//
//	backend, err := sqlite.Open(ctx, "doorstep.db")
//	if err != nil { ... }
//	defer backend.Close()
//
// Every Update that has returned nil is on the disk (synchronous=FULL): it outlives the
// process and the power. Updates that wait at the same time share a commit, so that
// many callers cost little more than one, and run ahead of it on what is remembered.
// Jobs run on River, which keeps them in the
// same file. Several processes may use one file on one machine; one is faster. The
// file must not be on a network file system.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// ErrClosed says that the Backend was closed.
var ErrClosed = errors.New("sqlite: the backend is closed")

// Config is what can be chosen. The zero value is right for most uses.
type Config struct {
	// Logger hears of trouble that no call can return, such as a job that failed. It is
	// told no personal data of ours, but errors of jobs as they are. Defaults to silence.
	Logger *slog.Logger

	// Workers is how many jobs one Work does at a time. Defaults to 16.
	Workers int

	// JobTimeout is when the context of a running job ends. Defaults to 1 minute.
	JobTimeout time.Duration

	// RescueAfter is how long after it began a job is taken for lost with its process,
	// and done again; more than JobTimeout. Defaults to JobTimeout and 30 seconds.
	RescueAfter time.Duration

	// Retry is how long a job waits after its nth failure in a row, n from 1. Defaults to
	// 1 second, twice as long each time, up to 10 minutes.
	Retry func(n int) time.Duration

	// Poll is how often Work looks for jobs that other processes have added, and for
	// retries. Jobs of this Backend are begun at once. Defaults to 1 second.
	Poll time.Duration

	// BusyTimeout is how long an Update waits for another process that is writing.
	// Defaults to 10 seconds.
	BusyTimeout time.Duration
}

const (
	readers = 4 // connections for View: more than twice the cores collapse
)

// Backend is an open database file. Make it with [Open]; it is safe for concurrent use.
type Backend struct {
	config Config
	silent *slog.Logger // for what is not trouble, such as migrations

	db     *sql.DB // one connection, shared by Updates and River
	readDB *sql.DB
	views  *viewStatements

	driver *riverDriver
	jobs   *jobs.Queue[*sql.Tx]

	line  *group.Line
	cache group.Cache

	// Used by the writer.
	write       statements
	version     int64 // the last that was given to anything in the cache
	dataVersion int64 // PRAGMA data_version: changes when another connection commits

	checkpoints checkpoints
}

var (
	_ postpurchase.Backend = (*Backend)(nil)
	_ postpurchase.Drainer = (*Backend)(nil)
)

// Open opens the database file at path, makes it if there is none, and brings its
// tables up to date. A file of a newer version is refused with [ErrVersion]. At most
// one Config is used. Open starts nothing.
func Open(ctx context.Context, path string, config ...Config) (*Backend, error) {
	b := &Backend{
		silent: slog.New(slog.DiscardHandler),
	}
	b.line = group.NewLine(&b.cache, 1, ErrClosed, b.commit) // SQLite has one writer
	b.checkpoints.begin()
	if len(config) > 1 {
		return nil, errors.New("sqlite: more than one Config")
	}
	if len(config) == 1 {
		b.config = config[0]
	}
	work, err := b.config.complete()
	if err != nil {
		return nil, err
	}
	if path == "" || path == ":memory:" {
		return nil, errors.New("sqlite: a database in memory cannot be shared by its connections; use postpurchase.NewMemory")
	}
	if err := b.open(ctx, path, work); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open: %w", explain(err)), b.closeDBs())
	}
	return b, nil
}

func (c *Config) complete() (j jobs.Config, err error) {
	j = jobs.Config{
		Workers: c.Workers, JobTimeout: c.JobTimeout, RescueAfter: c.RescueAfter, Retry: c.Retry, Poll: c.Poll,
		Logger: c.Logger, Explain: explain, Corrupt: ErrCorrupt,
	}
	if err := j.Complete(); err != nil {
		return j, fmt.Errorf("sqlite: %w", err)
	}
	if c.BusyTimeout < 0 {
		return j, errors.New("sqlite: a number in Config is negative")
	}
	c.BusyTimeout = cmp.Or(c.BusyTimeout, 10*time.Second)
	return j, nil
}

func (b *Backend) open(ctx context.Context, path string, work jobs.Config) (err error) {
	busy := fmt.Sprintf("busy_timeout(%d)", b.config.BusyTimeout.Milliseconds())
	// The busy timeout comes first: going into WAL mode may have to wait as well.
	b.db, err = sql.Open("sqlite", dsn(path, "immediate", busy, "journal_mode(WAL)", "synchronous(FULL)",
		longLog, "cache_size(-65536)", "temp_store(MEMORY)"))
	if err != nil {
		return err
	}
	// SQLite has one writer. With one connection it is also never busy with itself.
	b.db.SetMaxOpenConns(1)
	b.driver = newDriver(b.db)
	if err := b.db.PingContext(ctx); err != nil {
		return err
	}
	if err := b.migrate(ctx); err != nil {
		return err
	}
	b.readDB, err = sql.Open("sqlite", dsn(path, "deferred", busy, "query_only(1)", "cache_size(-16384)"))
	if err != nil {
		return err
	}
	b.readDB.SetMaxOpenConns(readers)
	b.readDB.SetMaxIdleConns(readers)
	if b.jobs, err = jobs.New(b.driver, work); err != nil {
		return err
	}
	b.views, err = prepareViews(ctx, b.readDB)
	return err
}

func dsn(path, txlock string, pragmas ...string) string {
	q := url.Values{"_txlock": {txlock}, "_pragma": pragmas}
	// In a URI filename these three have a meaning, in a path they have none.
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + path + "?" + q.Encode()
}

// View implements [postpurchase.Backend]. fn must not call View of the same Backend:
// there are four places, and it holds one.
func (b *Backend) View(ctx context.Context, shop string, fn func(r postpurchase.Reader) error) error {
	select {
	case <-b.line.Closed():
		return ErrClosed
	default:
	}
	tx, err := b.readDB.BeginTx(ctx, nil)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("sqlite: view: %w", explain(err))
	}
	defer tx.Rollback()
	if err := fn(&record.Reader{Shop: shop, Rows: b.views.rows(tx), Corrupt: corrupt}); err != nil {
		if ctx.Err() != nil && errors.Is(err, sql.ErrTxDone) {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// Close implements [postpurchase.Backend]. Updates that have begun are committed, later
// ones return [ErrClosed]. End what runs in Work before.
func (b *Backend) Close() error {
	select {
	case <-b.line.Closed():
		return nil
	default:
	}
	b.line.Close()
	b.checkpoints.end()
	return b.closeDBs()
}

func (b *Backend) closeDBs() error {
	var errs []error
	if b.write.conn != nil {
		errs = append(errs, b.onConnection(func(c driver.Conn) { b.write.of(c).close() }))
	}
	if b.views != nil {
		errs = append(errs, b.views.close())
	}
	for _, db := range []*sql.DB{b.readDB, b.db} { // the writer last: it makes the checkpoint
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// onConnection calls fn with the connection that writes, once nobody else has it.
func (b *Backend) onConnection(fn func(c driver.Conn)) error {
	conn, err := b.db.Conn(background)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		fn(c.(driver.Conn))
		return nil
	})
}
