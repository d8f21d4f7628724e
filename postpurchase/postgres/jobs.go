package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
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

	// cooldown bounds how often a burst of commits makes River look for jobs.
	cooldown = 10 * time.Millisecond
)

// jobArgs is a [postpurchase.Job] as River keeps it. There is one kind of River job for
// all of ours, and one queue per shop.
type jobArgs struct {
	Key  string  `json:"key" river:"unique"`
	Name string  `json:"kind"`
	Args *string `json:"args,omitempty"` // text, because River keeps JSON as jsonb, which is not the same bytes
	Shop string  `json:"shop"`
}

func (jobArgs) Kind() string { return "doorstep" }

func (a jobArgs) job() postpurchase.Job {
	j := postpurchase.Job{Kind: fromText(a.Name), Key: fromText(a.Key)}
	if a.Args != nil {
		j.Args = json.RawMessage(*a.Args)
	}
	return j
}

// queue is the River queue of a shop, whose name is made a text already. River allows few characters in its name.
func queue(shop string) string {
	h := sha256.Sum256([]byte(shop))
	return "doorstep_" + hex.EncodeToString(h[:16])
}

// unique drops a job with the key of one that waits or runs. River's default would
// count those that were done too, for as long as it keeps them.
var unique = river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}}

// insertJobs adds the jobs of a group in one statement, in the order of their keys, as
// all who add jobs do.
func (b *Backend) insertJobs(ctx context.Context, conn *pgx.Conn, jobs []shopJob) error {
	slices.SortStableFunc(jobs, func(a, b shopJob) int {
		return cmp.Or(cmp.Compare(a.shop, b.shop), cmp.Compare(a.job.Key, b.job.Key))
	})
	var params []river.InsertManyParams
	var opts *river.InsertOpts
	for i, j := range jobs {
		switch {
		case i == 0 || jobs[i-1].shop != j.shop:
			opts = &river.InsertOpts{Queue: queue(j.shop), MaxAttempts: maxAttempts, UniqueOpts: unique}
		case jobs[i-1].job.Key == j.job.Key:
			continue
		}
		a := jobArgs{Key: toText(j.job.Key), Name: toText(j.job.Kind), Shop: j.shop}
		if j.job.Args != nil {
			s := string(j.job.Args)
			a.Args = &s
		}
		params = append(params, river.InsertManyParams{Args: a, InsertOpts: opts})
	}
	// Not InsertManyFastTx: on PostgreSQL that is COPY, which fails for a key that is there.
	// River wants a pgx.Tx. The transaction has begun already.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: byIndex})
	if err != nil {
		return err
	}
	_, err = b.insert.InsertManyTx(ctx, tx, params)
	return err
}

type worker struct {
	river.WorkerDefaults[jobArgs]
	do func(context.Context, postpurchase.Job) error
}

func (w *worker) Work(ctx context.Context, j *river.Job[jobArgs]) error {
	return w.do(ctx, j.Args.job())
}

type retryPolicy func(n int) time.Duration

func (p retryPolicy) NextRetry(j *rivertype.JobRow) time.Time {
	return time.Now().Add(p(max(j.Attempt, 1)))
}

// Work implements [postpurchase.Backend]. Up to Config.Workers calls of do run at the
// same time, each with Config.JobTimeout. When ctx is done they have 10 seconds to end
// before their own context is. A job that was running when its process died is done
// again Config.RescueAfter after it began, or up to half a minute later. A panic of do
// is an error of the job.
func (b *Backend) Work(ctx context.Context, shop string, do func(ctx context.Context, j postpurchase.Job) error) error {
	select {
	case <-ctx.Done():
		return nil
	case <-b.line.Closed():
		return ErrClosed
	default:
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{do: do}); err != nil {
		return fmt.Errorf("postgres: work: %w", err)
	}
	client, err := river.NewClient(b.driver, &river.Config{
		Queues: map[string]river.QueueConfig{queue(toText(shop)): {
			MaxWorkers: b.config.Workers, FetchCooldown: min(cooldown, b.config.Poll), FetchPollInterval: b.config.Poll,
		}},
		Workers:                     workers,
		Logger:                      b.config.Logger,
		JobTimeout:                  b.config.JobTimeout,
		RescueStuckJobsAfter:        b.config.RescueAfter,
		RetryPolicy:                 retryPolicy(b.config.Retry),
		MaxAttempts:                 maxAttempts,
		SoftStopTimeout:             grace,
		CompletedJobRetentionPeriod: keepCompleted,
		DiscardedJobRetentionPeriod: keepDiscarded,
		Schema:                      b.config.JobSchema,
	})
	if err != nil {
		return fmt.Errorf("postgres: work: %w", err)
	}
	if err := b.recover(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	// River v0.47 ends when its context is cancelled, but spins for ever in its notifier
	// when a deadline passes.
	start, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	if err := client.Start(start); err != nil {
		return unlessDone(ctx, err)
	}
	// River's leader does the same, once there is one: see recover.
	again := time.NewTicker(max(min(b.config.RescueAfter/2, 30*time.Second), 50*time.Millisecond))
	defer again.Stop()
	for {
		select {
		case <-client.Stopped():
			return nil
		case <-again.C:
			if err := b.recover(start); err != nil && start.Err() == nil {
				b.config.Logger.WarnContext(ctx, "postgres: lost jobs could not be looked for", "error", explain(err))
			}
		}
	}
}

func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("postgres: work: %w", explain(err))
}

// recover does at once what River does once one of its clients has become the leader,
// which takes up to 20 seconds after the last leader was killed: it makes jobs
// available that have waited long enough, or were lost with their process.
func (b *Backend) recover(ctx context.Context) error {
	exec, now := b.driver.GetExecutor(), time.Now().UTC()
	horizon := now.Add(-b.config.RescueAfter)
	for after := int64(0); ; {
		stuck, err := exec.JobGetStuck(ctx, &riverdriver.JobGetStuckParams{Schema: b.config.JobSchema, AfterID: after, Max: 1000, StuckHorizon: horizon})
		if err != nil {
			return err
		}
		if len(stuck) == 0 {
			break
		}
		p := &riverdriver.JobRescueManyParams{Schema: b.config.JobSchema, StuckHorizon: horizon}
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
		due, err := exec.JobSchedule(ctx, &riverdriver.JobScheduleParams{Schema: b.config.JobSchema, Max: 1000, Now: &now})
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

// Depth implements [postpurchase.Queue].
func (b *Backend) Depth(ctx context.Context, shop string) (n int, err error) {
	select {
	case <-b.line.Closed():
		return 0, ErrClosed
	default:
	}
	// River keeps what is done for some time; its index is by state and queue.
	err = b.config.Pool.QueryRow(ctx, `SELECT count(*) FROM `+pgx.Identifier{b.config.JobSchema, "river_job"}.Sanitize()+`
		WHERE queue = $1 AND state IN ('available', 'pending', 'retryable', 'running', 'scheduled')`, queue(toText(shop))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("postgres: depth: %w", explain(err))
	}
	return n, nil
}

// Drain implements [postpurchase.Drainer]. Jobs are done one after the other. It takes
// those that were put off after a failure once they are due, and does not wait for
// them.
func (b *Backend) Drain(ctx context.Context, shop string, do func(ctx context.Context, j postpurchase.Job) error) error {
	var errs []error
	failed := map[int64]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		jobs, err := b.fetch(ctx, queue(toText(shop)))
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("postgres: drain: %w", explain(err)))...)
		}
		if len(jobs) == 0 {
			return errors.Join(errs...)
		}
		for i, j := range jobs {
			var set *riverdriver.JobSetStateIfRunningParams
			again := time.Now().Add(b.config.Retry(max(j.Attempt, 1))).UTC()
			if failed[j.ID] || ctx.Err() != nil {
				at := again
				if !failed[j.ID] {
					at = time.Now().UTC()
				}
				set = riverdriver.JobSetStateSnoozedAvailable(j.ID, at, j.Attempt-1, nil)
			} else if err := b.drainOne(ctx, j, do); err != nil {
				errs, failed[j.ID] = append(errs, err), true
				set = riverdriver.JobSetStateErrorAvailable(j.ID, again, attemptError(j, err, time.Now().UTC()), nil)
			} else {
				set = riverdriver.JobSetStateCompleted(j.ID, time.Now().UTC(), nil)
			}
			// The job was done, or not, whatever has become of ctx.
			if err := b.setState(context.WithoutCancel(ctx), set); err != nil {
				return errors.Join(append(errs, fmt.Errorf("postgres: drain: %d jobs are left to be rescued: %w", len(jobs)-i, explain(err)))...)
			}
		}
	}
}

func (b *Backend) fetch(ctx context.Context, queue string) ([]*rivertype.JobRow, error) {
	if err := b.recover(ctx); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	return b.driver.GetExecutor().JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{
		Schema:   b.config.JobSchema,
		ClientID: "drain", MaxAttemptedBy: 10, MaxToLock: drainBatch, Now: &now, Queue: queue,
	})
}

func (b *Backend) drainOne(ctx context.Context, j *rivertype.JobRow, do func(context.Context, postpurchase.Job) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("postgres: a job panicked: %v", r)
		}
	}()
	var args jobArgs
	if err := json.Unmarshal(j.EncodedArgs, &args); err != nil {
		return fmt.Errorf("%w: a job cannot be read", errCorrupt)
	}
	ctx, cancel := context.WithTimeout(ctx, b.config.JobTimeout)
	defer cancel()
	return do(ctx, args.job())
}

func (b *Backend) setState(ctx context.Context, p *riverdriver.JobSetStateIfRunningParams) error {
	now := time.Now().UTC()
	_, err := b.driver.GetExecutor().JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		Schema: b.config.JobSchema,
		ID:     []int64{p.ID}, Attempt: []*int{p.Attempt}, ErrData: [][]byte{p.ErrData}, FinalizedAt: []*time.Time{p.FinalizedAt},
		MetadataDoMerge: []bool{p.MetadataDoMerge}, MetadataUpdates: [][]byte{p.MetadataUpdates}, Now: &now,
		ScheduledAt: []*time.Time{p.ScheduledAt}, State: []rivertype.JobState{p.State},
	})
	return err
}

var _ river.ClientRetryPolicy = retryPolicy(nil)
