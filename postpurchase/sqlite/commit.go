package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"runtime"
	"slices"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
)

// Update implements [postpurchase.Backend]. Updates that come while others commit wait
// for that and are then committed together, shops taking turns. Meanwhile each runs its
// fn on what is remembered; it runs again in the transaction if that is no longer so.
// When a commit that several share fails, each is tried alone. A panic of fn is its
// caller's. If ctx ends before the commit has begun, Update returns the context's error
// and nothing happened; after that it says what happened.
func (b *Backend) Update(ctx context.Context, shop string, fn func(tx postpurchase.Tx) error) error {
	return b.line.Update(ctx, group.Keys{Shop: shop}, fn)
}

// DeleteOrder implements [postpurchase.Backend].
func (b *Backend) DeleteOrder(ctx context.Context, shop, id string) error {
	return b.Update(ctx, shop, func(tx postpurchase.Tx) error {
		t, err := group.Transact(tx)
		if err != nil {
			return err
		}
		return t.(*transaction).deleteOrder(id)
	})
}

// commit runs requests in one transaction and answers everybody.
func (b *Backend) commit(all []*group.Request) {
	queues, err := b.transact(all)
	if err != nil && len(all) > 1 {
		// Somebody's bad update must not be everybody's.
		queues = nil
		for i, r := range all {
			q, err := b.transact(all[i : i+1])
			if err != nil {
				r.Err = fmt.Errorf("sqlite: update: %w", err)
			}
			queues = append(queues, q...)
		}
	} else if err != nil {
		all[0].Err = fmt.Errorf("sqlite: update: %w", err)
	}
	for _, r := range all {
		r.Answer()
	}
	b.driver.wake(queues)
	// Those that were answered may come again at once: let them, it costs nothing when
	// nobody else is there, and they need not wait for the next commit.
	runtime.Gosched()
}

// transact commits what the updates of a group do, except of those whose fn fails: the
// request has that error then. An error of transact means that nothing was kept. It
// returns the queues that have new jobs.
func (b *Backend) transact(all []*group.Request) (queues []string, err error) {
	conn, err := b.db.Conn(background)
	if err != nil {
		return nil, explain(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(background, nil)
	if err != nil {
		return nil, explain(err)
	}
	committed := false
	defer func() {
		if !committed {
			tx.Rollback()
			b.cache.Clear()
		}
	}()
	s := &session{}
	var added []jobs.Of
	if err := conn.Raw(func(c any) error {
		s.stmts = b.write.of(c.(driver.Conn))
		return b.run(s, all, &added)
	}); err != nil {
		return nil, explain(err)
	}
	if len(added) > 0 {
		if err := b.jobs.Insert(background, tx, added, true); err != nil {
			return nil, explain(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, explain(err)
	}
	committed = true
	b.checkpoints.after(s.writes, b.readDB)
	for _, j := range added {
		if q := jobs.Name(j.Shop); !slices.Contains(queues, q) {
			queues = append(queues, q)
		}
	}
	return queues, nil
}

// run does what the updates of a group do, except for their jobs and the commit.
func (b *Backend) run(s *session, all []*group.Request, added *[]jobs.Of) error {
	var version int64
	if err := s.each(dataVersion, nil, func(scan func(...any) error) error { return scan(&version) }); err != nil {
		return err
	}
	if version != b.dataVersion { // another process has committed
		b.cache.Clear()
		b.dataVersion = version
	}
	for _, r := range all {
		t, err := b.one(s, r)
		if s.err != nil {
			return s.err
		}
		if err != nil {
			return err
		}
		keep := r.Err == nil && !r.Gone()
		if err := t.end(keep); err != nil {
			return err
		}
		if keep {
			for _, j := range t.Jobs {
				*added = append(*added, jobs.Of{Shop: r.Keys.Shop, Job: j})
			}
		}
	}
	return nil
}

// one does what an Update does, unless it has done so already on what is still so.
func (b *Backend) one(s *session, r *group.Request) (*transaction, error) {
	d := r.Draft
	r.Draft = nil // it has its chance once
	again := func() *transaction {
		t := newTransaction(b, s, &group.Puts{Keys: r.Keys})
		if !r.Lost() {
			t.run(r)
		}
		return t
	}
	if d == nil {
		return again(), nil
	}
	current := b.cache.Current(d)
	t := newTransaction(b, s, &d.Puts)
	switch {
	case d.Ended() && current:
		r.Err = d.Err
		return t, nil
	case d.Ended():
		return again(), nil
	}
	if t.run(r); current || s.err != nil {
		return t, nil
	}
	// It has gone on from what is no longer so, and has come to an end that counts for
	// nothing.
	if err := t.end(false); err != nil {
		return nil, err
	}
	return again(), nil
}

// nextVersion is one that nothing has had since Open.
func (b *Backend) nextVersion() int64 {
	b.version++
	return b.version
}
