package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The troubles with a database that a program may want to tell apart. Test for them
// with [errors.Is].
var (
	// ErrUnavailable: the database cannot be reached, is starting or is ending. Nothing
	// was kept. Try again later.
	ErrUnavailable = errors.New("the database is not available")
	// ErrUncertain: the connection was lost during a commit, and the database could not be
	// asked afterwards whether the update was kept. What is idempotent may be tried again.
	ErrUncertain = errors.New("the connection was lost during the commit, which may have happened")
	// ErrFull: the disk of the database is full, or another of its limits was reached.
	ErrFull = errors.New("the database has no room left")
	// ErrReadOnly: the database does not take writes, for instance because it is a
	// standby.
	ErrReadOnly = errors.New("the database cannot be written to")
)

// explain says what an error of the database means, where we know. What the database
// says of rows can hold values; it is left out of the text and found by errors.As.
func explain(err error) error {
	if errors.Is(err, ErrUncertain) || errors.Is(err, ErrUnavailable) {
		return err
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if unavailable(err) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return err
	}
	quiet := databaseError{e}
	switch {
	case unavailable(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, quiet)
	case e.Code == "25006":
		return fmt.Errorf("%w: %w", ErrReadOnly, quiet)
	case e.Code == "53100" || e.Code == "53200" || e.Code == "53400":
		return fmt.Errorf("%w: %w", ErrFull, quiet)
	}
	return quiet
}

// databaseError keeps a message of the server from showing values: those are in its
// detail, and for a few classes in the message.
type databaseError struct{ *pgconn.PgError }

func (e databaseError) Error() string {
	if e.Code[:2] == "22" || e.Code[:2] == "23" {
		return "the database refused a value (SQLSTATE " + e.Code + ")"
	}
	return e.Message + " (SQLSTATE " + e.Code + ")"
}

func (e databaseError) Unwrap() error { return e.PgError }

// unavailable reports whether the connection or the whole server failed.
func unavailable(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code {
		case "57P01", "57P02", "57P03", "57P05", "53300": // ends, crashed, starts, idle too long, too many connections
			return true
		}
		return e.Code[:2] == "08"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || lost(err)
}

// lost reports whether the connection ended under a statement.
func lost(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgx.ErrTxClosed)
}

// again reports whether the same transaction may work when it is tried again, and
// nothing was wrong with it.
func again(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03") {
		return true
	}
	return (unavailable(err) || errors.Is(err, ErrUnavailable)) && !errors.Is(err, context.Canceled)
}
