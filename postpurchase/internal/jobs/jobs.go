// Package jobs does the jobs of the backends that keep them on River: one kind of River
// job for all of ours, and one queue per shop.
package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/doorstep-go/doorstep/postpurchase"
)

const (
	// maxAttempts is when River gives a job up: after more than two months at the longest
	// wait between tries. River keeps every attempt's error in the job's row, so that it
	// cannot be without end.
	maxAttempts = 10_000

	keepCompleted = 10 * time.Minute
	keepDiscarded = 30 * 24 * time.Hour
	grace         = 10 * time.Second // for running jobs once Work is to end

	// cooldown bounds how often a burst of commits makes River look for jobs: on SQLite each
	// look takes the connection that writes.
	cooldown = 10 * time.Millisecond
)

// Config is what can be chosen. The zero value is right for most uses; the backends'
// own Configs say what the first five are.
type Config struct {
	Workers     int
	JobTimeout  time.Duration
	RescueAfter time.Duration
	Retry       func(n int) time.Duration
	Poll        time.Duration

	Schema string       // of River's tables; empty for none
	Logger *slog.Logger // defaults to silence

	// Text says how a text is in the database, and Raw undoes it. Nil: as it is.
	Text, Raw func(string) string

	// Reindex is whether River is to rebuild its indexes from time to time.
	Reindex bool

	// Explain says what an error of the database means. Corrupt is the error of a job that
	// cannot be read.
	Explain func(error) error
	Corrupt error
}

// Complete fills in what was not chosen, and refuses what cannot work.
func (c *Config) Complete() error {
	if c.Workers < 0 || c.JobTimeout < 0 || c.RescueAfter < 0 || c.Poll < 0 {
		return errors.New("a number in Config is negative")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Workers = cmp.Or(c.Workers, 16)
	c.JobTimeout = cmp.Or(c.JobTimeout, time.Minute)
	c.RescueAfter = cmp.Or(c.RescueAfter, c.JobTimeout+30*time.Second)
	c.Poll = cmp.Or(c.Poll, time.Second)
	if c.RescueAfter <= c.JobTimeout {
		return errors.New("Config.RescueAfter is not more than JobTimeout: running jobs would be done twice")
	}
	if c.Retry == nil {
		c.Retry = func(n int) time.Duration { return min(10*time.Minute, time.Second<<min(n-1, 20)) }
	}
	same := func(s string) string { return s }
	if c.Text == nil {
		c.Text, c.Raw = same, same
	}
	return nil
}

// Queue keeps jobs and does them. TTx is a transaction of the database's driver.
type Queue[TTx any] struct {
	config Config
	driver riverdriver.Driver[TTx]
	insert *river.Client[TTx]
}

// New returns the queue of a database, and starts nothing.
func New[TTx any](driver riverdriver.Driver[TTx], c Config) (*Queue[TTx], error) {
	insert, err := river.NewClient(driver, &river.Config{Logger: c.Logger, Schema: c.Schema})
	return &Queue[TTx]{config: c, driver: driver, insert: insert}, err
}

// Of is a job of a shop, whose name is made a text already.
type Of struct {
	Shop string
	Job  postpurchase.Job
}

// args is a [postpurchase.Job] as River keeps it.
type args struct {
	Key  string  `json:"key" river:"unique"`
	Name string  `json:"kind"`
	Args *string `json:"args,omitempty"` // text, because River keeps JSON in a form that is not the same bytes
	Shop string  `json:"shop"`
}

func (args) Kind() string { return "doorstep" }

func (q *Queue[TTx]) job(a args) postpurchase.Job {
	j := postpurchase.Job{Kind: q.config.Raw(a.Name), Key: q.config.Raw(a.Key)}
	if a.Args != nil {
		j.Args = json.RawMessage(*a.Args)
	}
	return j
}

// Name is the River queue of a shop, whose name is made a text already. River allows few
// characters in it.
func Name(shop string) string {
	h := sha256.Sum256([]byte(shop))
	return "doorstep_" + hex.EncodeToString(h[:16])
}

// unique drops a job with the key of one that waits or runs. River's default would
// count those that were done too, for as long as it keeps them.
var unique = river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}}

// Insert adds jobs in one statement, in the order of their keys, as all who add jobs do.
// Fast is River's faster way; on PostgreSQL that is COPY, which fails for a key that is
// there.
func (q *Queue[TTx]) Insert(ctx context.Context, tx TTx, jobs []Of, fast bool) error {
	slices.SortStableFunc(jobs, func(a, b Of) int {
		return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.Job.Key, b.Job.Key))
	})
	var params []river.InsertManyParams
	var opts *river.InsertOpts
	for i, j := range jobs {
		switch {
		case i == 0 || jobs[i-1].Shop != j.Shop:
			opts = &river.InsertOpts{Queue: Name(j.Shop), MaxAttempts: maxAttempts, UniqueOpts: unique}
		case jobs[i-1].Job.Key == j.Job.Key:
			continue
		}
		a := args{Key: q.config.Text(j.Job.Key), Name: q.config.Text(j.Job.Kind), Shop: j.Shop}
		if j.Job.Args != nil {
			s := string(j.Job.Args)
			a.Args = &s
		}
		params = append(params, river.InsertManyParams{Args: a, InsertOpts: opts})
	}
	var err error
	if fast {
		_, err = q.insert.InsertManyFastTx(ctx, tx, params)
	} else {
		_, err = q.insert.InsertManyTx(ctx, tx, params)
	}
	return err
}

type worker struct {
	river.WorkerDefaults[args]
	do func(context.Context, args) error
}

func (w *worker) Work(ctx context.Context, j *river.Job[args]) error { return w.do(ctx, j.Args) }

type retryPolicy func(n int) time.Duration

func (p retryPolicy) NextRetry(j *rivertype.JobRow) time.Time {
	return time.Now().Add(p(max(j.Attempt, 1)))
}

// Work is a backend's Work. Up to Config.Workers calls of do run at the same time, each
// with Config.JobTimeout. When ctx is done they have 10 seconds to end before their own
// context is. A job that was running when its process died is done again
// Config.RescueAfter after it began, or up to half a minute later. A panic of do is an
// error of the job.
func (q *Queue[TTx]) Work(ctx context.Context, shop string, do func(ctx context.Context, j postpurchase.Job) error) error {
	if ctx.Err() != nil {
		return nil
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{do: func(ctx context.Context, a args) error { return do(ctx, q.job(a)) }}); err != nil {
		return fmt.Errorf("work: %w", err)
	}
	config := &river.Config{
		Queues: map[string]river.QueueConfig{Name(q.config.Text(shop)): {
			MaxWorkers: q.config.Workers, FetchCooldown: min(cooldown, q.config.Poll), FetchPollInterval: q.config.Poll,
		}},
		Workers:                     workers,
		Logger:                      q.config.Logger,
		JobTimeout:                  q.config.JobTimeout,
		RescueStuckJobsAfter:        q.config.RescueAfter,
		RetryPolicy:                 retryPolicy(q.config.Retry),
		MaxAttempts:                 maxAttempts,
		SoftStopTimeout:             grace,
		CompletedJobRetentionPeriod: keepCompleted,
		DiscardedJobRetentionPeriod: keepDiscarded,
		Schema:                      q.config.Schema,
	}
	if !q.config.Reindex {
		config.ReindexerIndexNames = []string{}
	}
	client, err := river.NewClient(q.driver, config)
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	if err := q.recover(ctx); err != nil {
		return q.unlessDone(ctx, err)
	}
	// River v0.47 ends when its context is cancelled, but spins for ever in its notifier
	// when a deadline passes.
	start, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	if err := client.Start(start); err != nil {
		return q.unlessDone(ctx, err)
	}
	// River's leader does the same, once there is one: see recover.
	again := time.NewTicker(max(min(q.config.RescueAfter/2, 30*time.Second), 50*time.Millisecond))
	defer again.Stop()
	for {
		select {
		case <-client.Stopped():
			return nil
		case <-again.C:
			if err := q.recover(start); err != nil && start.Err() == nil {
				q.config.Logger.WarnContext(ctx, "lost jobs could not be looked for", "error", q.config.Explain(err))
			}
		}
	}
}

func (q *Queue[TTx]) unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("work: %w", q.config.Explain(err))
}

// recover does at once what River does once one of its clients has become the leader,
// which takes up to 20 seconds after the last leader was killed: it makes jobs
// available that have waited long enough, or were lost with their process.
func (q *Queue[TTx]) recover(ctx context.Context) error {
	exec, now := q.driver.GetExecutor(), time.Now().UTC()
	horizon := now.Add(-q.config.RescueAfter)
	for after := int64(0); ; {
		stuck, err := exec.JobGetStuck(ctx, &riverdriver.JobGetStuckParams{Schema: q.config.Schema, AfterID: after, Max: 1000, StuckHorizon: horizon})
		if err != nil {
			return err
		}
		if len(stuck) == 0 {
			break
		}
		p := &riverdriver.JobRescueManyParams{Schema: q.config.Schema, StuckHorizon: horizon}
		for _, j := range stuck {
			p.ID = append(p.ID, j.ID)
			p.Error = append(p.Error, attemptError(j, errors.New("its process ended or it did not end in time"), now))
			p.FinalizedAt = append(p.FinalizedAt, nil)
			p.ScheduledAt = append(p.ScheduledAt, now)
			p.State = append(p.State, string(rivertype.JobStateAvailable))
			after = j.ID
		}
		if _, err := exec.JobRescueMany(ctx, p); err != nil {
			return err
		}
	}
	for {
		due, err := exec.JobSchedule(ctx, &riverdriver.JobScheduleParams{Schema: q.config.Schema, Max: 1000, Now: &now})
		if err != nil || len(due) < 1000 {
			return err
		}
	}
}

func attemptError(j *rivertype.JobRow, err error, at time.Time) []byte {
	text, _ := json.Marshal(rivertype.AttemptError{At: at, Attempt: max(j.Attempt, 0), Error: err.Error()})
	return text
}

// drainBatch is how many jobs Drain takes at a time. It is small: those it has taken
// when its process dies wait for their rescue.
const drainBatch = 16

// Drain is a backend's Drain. Jobs are done one after the other. It takes
// those that were put off after a failure once they are due, and does not wait for
// them.
func (q *Queue[TTx]) Drain(ctx context.Context, shop string, do func(ctx context.Context, j postpurchase.Job) error) error {
	var errs []error
	failed := map[int64]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		jobs, err := q.fetch(ctx, Name(q.config.Text(shop)))
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("drain: %w", q.config.Explain(err)))...)
		}
		if len(jobs) == 0 {
			return errors.Join(errs...)
		}
		for i, j := range jobs {
			var set *riverdriver.JobSetStateIfRunningParams
			again := time.Now().Add(q.config.Retry(max(j.Attempt, 1))).UTC()
			if failed[j.ID] || ctx.Err() != nil {
				at := again
				if !failed[j.ID] {
					at = time.Now().UTC()
				}
				set = riverdriver.JobSetStateSnoozedAvailable(j.ID, at, j.Attempt-1, nil)
			} else if err := q.drainOne(ctx, j, do); err != nil {
				errs, failed[j.ID] = append(errs, err), true
				set = riverdriver.JobSetStateErrorAvailable(j.ID, again, attemptError(j, err, time.Now().UTC()), nil)
			} else {
				set = riverdriver.JobSetStateCompleted(j.ID, time.Now().UTC(), nil)
			}
			// The job was done, or not, whatever has become of ctx.
			if err := q.setState(context.WithoutCancel(ctx), set); err != nil {
				return errors.Join(append(errs, fmt.Errorf("drain: %d jobs are left to be rescued: %w", len(jobs)-i, q.config.Explain(err)))...)
			}
		}
	}
}

func (q *Queue[TTx]) fetch(ctx context.Context, queue string) ([]*rivertype.JobRow, error) {
	if err := q.recover(ctx); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	return q.driver.GetExecutor().JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{
		Schema:   q.config.Schema,
		ClientID: "drain", MaxAttemptedBy: 10, MaxToLock: drainBatch, Now: &now, Queue: queue,
	})
}

func (q *Queue[TTx]) drainOne(ctx context.Context, j *rivertype.JobRow, do func(context.Context, postpurchase.Job) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a job panicked: %v", r)
		}
	}()
	var a args
	if err := json.Unmarshal(j.EncodedArgs, &a); err != nil {
		return fmt.Errorf("%w: a job cannot be read", q.config.Corrupt)
	}
	ctx, cancel := context.WithTimeout(ctx, q.config.JobTimeout)
	defer cancel()
	return do(ctx, q.job(a))
}

func (q *Queue[TTx]) setState(ctx context.Context, p *riverdriver.JobSetStateIfRunningParams) error {
	now := time.Now().UTC()
	_, err := q.driver.GetExecutor().JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		Schema: q.config.Schema,
		ID:     []int64{p.ID}, Attempt: []*int{p.Attempt}, ErrData: [][]byte{p.ErrData}, FinalizedAt: []*time.Time{p.FinalizedAt},
		MetadataDoMerge: []bool{p.MetadataDoMerge}, MetadataUpdates: [][]byte{p.MetadataUpdates}, Now: &now,
		ScheduledAt: []*time.Time{p.ScheduledAt}, State: []rivertype.JobState{p.State},
	})
	return err
}

var _ river.ClientRetryPolicy = retryPolicy(nil)
