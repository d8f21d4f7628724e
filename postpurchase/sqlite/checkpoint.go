package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
)

// A commit is in the log; a checkpoint moves it to where it belongs. SQLite does so in
// the commit that finds the log too long: in a file of a gigabyte everybody who waited
// for that commit waited 150 ms and more. checkpoints does it beside the commits, on a
// connection for reading, and stops nobody. It loses nothing if it fails or is cut off:
// the log is as good a place.
type checkpoints struct {
	writes  int // since the last was begun; used by who has the turn
	running atomic.Bool
	all     sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

const (
	// checkpointAfter is how many statements write about 10,000 pages of log, or 40 MB, in
	// a file that is much larger than that. Fewer would write the same pages more often.
	checkpointAfter = 2500

	// longLog is when SQLite makes a checkpoint in a commit after all, because there is
	// always somebody who reads or writes and the log never comes to an end: at 160 MB.
	longLog = "wal_autocheckpoint(40000)"
)

func (c *checkpoints) begin() { c.ctx, c.cancel = context.WithCancel(background) }

func (c *checkpoints) end() {
	c.cancel()
	c.all.Wait()
}

// after begins a checkpoint if it is time for one.
func (c *checkpoints) after(writes int, db *sql.DB) {
	if c.writes += writes; c.writes < checkpointAfter || !c.running.CompareAndSwap(false, true) {
		return
	}
	c.writes = 0
	c.all.Go(func() {
		defer c.running.Store(false)
		_, _ = db.ExecContext(c.ctx, "PRAGMA wal_checkpoint(PASSIVE)") // the next one tries again
	})
}
