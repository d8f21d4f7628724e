package postpurchase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	memoryWorkers   = 8                     // calls of one Work at a time
	memoryRetry     = 50 * time.Millisecond // doubled with each failure
	memoryRetryMost = 10 * time.Minute
	memoryGrace     = 10 * time.Second // for running jobs once Work is to end
)

// memoryJobs are the jobs of one shop that wait or run.
type memoryJobs struct {
	mu      sync.Mutex
	byKey   map[string]*memoryJob
	due     []*memoryJob  // wait, the earliest first
	changed chan struct{} // closed and replaced whenever due grows
}

type memoryJob struct {
	Job
	at       time.Time
	failures int
}

func (q *memoryJobs) add(jobs []Job) {
	if len(jobs) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, j := range jobs {
		if q.byKey[j.Key] == nil {
			m := &memoryJob{Job: j, at: now}
			q.byKey[j.Key] = m
			q.insert(m)
		}
	}
	q.wake()
}

// insert keeps due sorted; the usual job is the last one.
func (q *memoryJobs) insert(j *memoryJob) {
	i := len(q.due)
	if i > 0 && q.due[i-1].at.After(j.at) {
		i, _ = slices.BinarySearchFunc(q.due, j, func(a, b *memoryJob) int {
			if a.at.After(b.at) {
				return 1
			}
			return -1
		})
	}
	q.due = slices.Insert(q.due, i, j)
}

func (q *memoryJobs) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// take returns a job that is due. Where there is none it returns what to wait for: a
// change, or the time until the next job is due (negative if there is none). Jobs in
// skip are left alone.
func (q *memoryJobs) take(skip map[*memoryJob]bool) (j *memoryJob, changed <-chan struct{}, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for i, j := range q.due {
		if j.at.After(now) {
			return nil, q.changed, j.at.Sub(now)
		}
		if !skip[j] {
			q.due = slices.Delete(q.due, i, i+1)
			return j, nil, 0
		}
	}
	return nil, q.changed, -1
}

// finish forgets a job that was done, and puts back one that was not.
func (q *memoryJobs) finish(j *memoryJob, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		delete(q.byKey, j.Key)
		return
	}
	j.failures++
	j.at = time.Now().Add(min(memoryRetryMost, memoryRetry<<min(j.failures, 20)))
	q.insert(j)
	q.wake()
}

// run does one job. A panic is an error: it must not end the program, as it would not
// with jobs that are kept in a database.
func (j *memoryJob) run(ctx context.Context, do func(context.Context, Job) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("postpurchase: job %s panicked: %v", j.Kind, r)
		}
	}()
	c := j.Job
	c.Args = slices.Clone(c.Args)
	return do(ctx, c)
}

// Work implements [Backend]. Up to eight calls of do run at the same time. When ctx is
// done they have 10 seconds to end before their own context is.
func (m *Memory) Work(ctx context.Context, shop string, do func(ctx context.Context, j Job) error) error {
	q := &m.shop(shop).jobs
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(memoryGrace):
			cancel()
		case <-inner.Done():
		}
	})
	defer stop()

	var calls sync.WaitGroup
	defer calls.Wait()
	slots := make(chan struct{}, memoryWorkers)
	for {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		j, changed, wait := q.take(nil)
		for j == nil {
			var due <-chan time.Time
			if wait >= 0 {
				due = time.After(wait)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			case <-due:
			}
			j, changed, wait = q.take(nil)
		}
		if ctx.Err() != nil { // taken and not begun: as if it had not been taken
			q.mu.Lock()
			q.insert(j)
			q.wake()
			q.mu.Unlock()
			return nil
		}
		calls.Go(func() {
			q.finish(j, j.run(inner, do))
			<-slots
		})
	}
}

var _ Queue = (*Memory)(nil)

// Depth implements [Queue].
func (m *Memory) Depth(_ context.Context, shop string) (int, error) {
	q := &m.shop(shop).jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.byKey), nil
}

// Drain implements [Drainer]. Jobs are done one after the other.
func (m *Memory) Drain(ctx context.Context, shop string, do func(ctx context.Context, j Job) error) error {
	q := &m.shop(shop).jobs
	var errs []error
	failed := map[*memoryJob]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		j, _, _ := q.take(failed)
		if j == nil {
			return errors.Join(errs...)
		}
		err := j.run(ctx, do)
		if err != nil {
			errs = append(errs, err)
			failed[j] = true
		}
		q.finish(j, err)
	}
}
