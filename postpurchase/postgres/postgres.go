// Package postgres is a [postpurchase.Backend] on PostgreSQL 13 or newer: what a shop
// knows and the jobs it has to do, kept by one commit, for any number of processes.
//
// For most uses, with the connection pool a shop has already:
//
//	backend, err := postgres.Open(ctx, postgres.Config{Pool: pool})
//	if err != nil { ... }
//	defer backend.Close()
//
// Everything is in a schema of its own ("doorstep"), which Open makes and brings up to
// date. Updates that wait at the same time share a transaction. Their functions run ahead
// of it, on what this process remembers; the transaction locks what they have read, and
// those that have read what is no longer so run again in it. The writes are a few
// statements for all of them. A transaction waits for locks in one order only, so that no
// two ever wait for each other. Jobs run on River, which keeps them in the same database
// and hears of new ones by LISTEN.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// Config is what can be chosen. Only Pool is required.
type Config struct {
	// Pool are the connections to use, at least 4. It may serve other things as well.
	// Close it after the Backend. Statements are prepared; through a pooler in between,
	// set the pool's DefaultQueryExecMode to what that allows.
	Pool *pgxpool.Pool

	// Schema is where the tables are: letters, digits and underscores. Defaults to
	// "doorstep".
	Schema string

	// JobSchema is where River's tables are. Set it only to share those that the program
	// has already: Open then leaves their version alone, and the program's own River
	// clients must not lead, because they would give up jobs they do not know (River's
	// maintenance runs in one of all clients). Defaults to Schema.
	JobSchema string

	// Logger hears of trouble that no call can return, such as a job that failed. It is
	// told no personal data of ours, but errors of jobs as they are. Defaults to silence.
	Logger *slog.Logger

	// Writers is how many transactions for Updates run at a time. More help only when the
	// database is far away. Defaults to 2.
	Writers int

	// Patience is how long an Update goes on trying while the database cannot be reached
	// or is starting; its context may end before. Defaults to 10 seconds.
	Patience time.Duration

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

	// Poll is how often Work looks for jobs by itself: for retries, and in case a
	// notification was lost with its connection. Defaults to 1 second.
	Poll time.Duration
}

// Backend keeps the state of shops in a database. Make it with [Open]; it is safe for
// concurrent use.
type Backend struct {
	config Config
	silent *slog.Logger // for what is not trouble, such as migrations
	sql    [queryCount]string
	views  [record.QueryCount]string

	driver  *riverpgxv5.Driver
	jobs    *jobs.Queue[pgx.Tx]
	line    *group.Line
	cache   group.Cache
	writers chan int64 // ids of those that write nothing now
}

var (
	_ postpurchase.Backend = (*Backend)(nil)
	_ postpurchase.Drainer = (*Backend)(nil)
	_ postpurchase.Queue   = (*Backend)(nil)
)

// ErrClosed says that the Backend was closed.
var ErrClosed = errors.New("postgres: the backend is closed")

// Open makes the tables, or brings them up to date, and returns a Backend on them. Any
// number of processes may do so at once. Tables of a newer version are refused with
// [ErrVersion]. Open starts nothing.
func Open(ctx context.Context, c Config) (*Backend, error) {
	work, err := c.complete()
	if err != nil {
		return nil, err
	}
	dialect := record.Postgres(pgx.Identifier{c.Schema}.Sanitize())
	b := &Backend{
		config: c, silent: slog.New(slog.DiscardHandler), sql: queries(dialect), views: record.Vocabulary(dialect),
		driver: riverpgxv5.New(c.Pool),
	}
	b.line = group.NewLine(&b.cache, c.Writers, ErrClosed, b.commit)
	if err := b.migrate(ctx); err != nil {
		return nil, fmt.Errorf("postgres: open: %w", explain(err))
	}
	if err := b.addWriters(ctx); err != nil {
		return nil, fmt.Errorf("postgres: open: %w", explain(err))
	}
	if b.jobs, err = jobs.New(b.driver, work); err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	return b, nil
}

// addWriters makes the rows of this process's writers: see settle.
func (b *Backend) addWriters(ctx context.Context) error {
	batch := &pgx.Batch{}
	batch.Queue(b.sql[dropWriters])
	b.writers = make(chan int64, b.config.Writers)
	for range b.config.Writers {
		id := newVersion()
		b.writers <- id
		batch.Queue(b.sql[addWriter], id)
	}
	return b.config.Pool.SendBatch(ctx, batch).Close()
}

// schemaName is what River allows, and no longer than that its notifications have room.
var schemaName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,45}$`)

func (c *Config) complete() (work jobs.Config, _ error) {
	if c.Pool == nil {
		return work, errors.New("postgres: Config.Pool is not set")
	}
	if n := c.Pool.Config().MaxConns; n < 4 {
		return work, fmt.Errorf("postgres: Config.Pool has %d connections, and at least 4 are needed", n)
	}
	if c.Schema == "" {
		c.Schema = "doorstep"
	}
	if c.JobSchema == "" {
		c.JobSchema = c.Schema
	}
	for _, name := range []string{c.Schema, c.JobSchema} {
		if !schemaName.MatchString(name) {
			return work, fmt.Errorf("postgres: %q is not the name of a schema: letters, digits and underscores, and at most 46", name)
		}
	}
	if c.Writers < 0 || c.Patience < 0 {
		return work, errors.New("postgres: a number in Config is negative")
	}
	c.Writers, c.Patience = cmp.Or(c.Writers, 2), cmp.Or(c.Patience, 10*time.Second)
	work = jobs.Config{
		Workers: c.Workers, JobTimeout: c.JobTimeout, RescueAfter: c.RescueAfter, Retry: c.Retry, Poll: c.Poll,
		Logger: c.Logger, Schema: c.JobSchema, Text: toText, Raw: fromText, Reindex: true, Explain: explain, Corrupt: errCorrupt,
	}
	if err := work.Complete(); err != nil {
		return work, fmt.Errorf("postgres: %w", err)
	}
	return work, nil
}

// View implements [postpurchase.Backend]. fn must not call View or Update of the same
// Backend: it holds one of the pool's connections.
func (b *Backend) View(ctx context.Context, shop string, fn func(r postpurchase.Reader) error) error {
	select {
	case <-b.line.Closed():
		return ErrClosed
	default:
	}
	tx, err := b.config.Pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + byIndex})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("postgres: view: %w", explain(err))
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	err = fn(&record.Reader{Shop: toText(shop), Rows: b.rows(ctx, tx), Corrupt: corrupt})
	if err != nil && ctx.Err() != nil && tx.Conn().IsClosed() {
		return ctx.Err()
	}
	return err
}

// rows asks a query of the vocabulary in a View's transaction.
func (b *Backend) rows(ctx context.Context, tx pgx.Tx) func(record.Query, []any, func(func(...any) error) error) error {
	fail := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return explain(err)
	}
	return func(q record.Query, args []any, row func(scan func(...any) error) error) error {
		for i, a := range args[1:] { // the shop is made already
			if s, ok := a.(string); ok {
				args[1+i] = toText(s)
			}
		}
		rows, err := tx.Query(ctx, b.views[q], args...)
		if err != nil {
			return fail(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return fail(err)
		}
		return nil
	}
}

// Close implements [postpurchase.Backend]. Updates that have begun are committed, later
// ones return [ErrClosed]. End what runs in Work before. The pool stays open.
func (b *Backend) Close() error {
	b.line.Close()
	return nil
}
