package sqlite

import (
	"fmt"
	"testing"
)

// LimitPages makes the database full at n pages, as a full disk would be.
func LimitPages(t *testing.T, b *Backend, n int) {
	t.Helper()
	if _, err := b.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
		t.Fatal(err)
	}
}

// WaitForCheckpoint waits until what was begun beside the commits has ended.
func WaitForCheckpoint(b *Backend) { b.checkpoints.all.Wait() }
