package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// The troubles with a database file that a program may want to tell apart. Test for
// them with [errors.Is].
var (
	ErrFull     = errors.New("the disk or the database is full")
	ErrReadOnly = errors.New("the database cannot be written to")
	ErrBusy     = errors.New("another process is writing to the database")
	ErrCorrupt  = errors.New("the file is not a database, or is damaged")
)

// The primary result codes of SQLite (sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// explain says what an error of SQLite means, where we know.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	var kind error
	switch e.Code() & 0xff {
	case codeBusy, codeLocked:
		kind = ErrBusy
	case codeReadOnly:
		kind = ErrReadOnly
	case codeFull:
		kind = ErrFull
	case codeCorrupt, codeNotADB:
		kind = ErrCorrupt
	case codeCantOpen:
		return fmt.Errorf("the file cannot be opened or made: %w", err)
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
