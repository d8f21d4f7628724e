package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
)

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
	if err := b.jobs.Work(ctx, shop, do); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// Drain implements [postpurchase.Drainer]. Jobs are done one after the other. It takes
// those that were put off after a failure once they are due, and does not wait for
// them.
func (b *Backend) Drain(ctx context.Context, shop string, do func(ctx context.Context, j postpurchase.Job) error) error {
	return b.jobs.Drain(ctx, shop, do)
}

// Depth implements [postpurchase.Queue].
func (b *Backend) Depth(ctx context.Context, shop string) (n int, err error) {
	select {
	case <-b.line.Closed():
		return 0, ErrClosed
	default:
	}
	// River keeps what is done for some time; its index is by state and queue.
	err = b.config.Pool.QueryRow(ctx, `SELECT count(*) FROM `+pgx.Identifier{b.config.JobSchema, "river_job"}.Sanitize()+`
		WHERE queue = $1 AND state IN ('available', 'pending', 'retryable', 'running', 'scheduled')`, jobs.Name(toText(shop))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("postgres: depth: %w", explain(err))
	}
	return n, nil
}
