package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// statements are the prepared statements of the connection that writes. They are the
// driver's own: through database/sql each takes a fifth longer, and a group of updates
// is hundreds of them.
type statements struct {
	conn driver.Conn
	own  [queryCount]driver.Stmt
	any  [record.QueryCount]driver.Stmt
}

// of returns the statements of a connection, which may not be the one it was before: then
// those have ended with it.
func (s *statements) of(conn driver.Conn) *statements {
	if s.conn != conn {
		*s = statements{conn: conn}
	}
	return s
}

// close is called while the connection is open.
func (s *statements) close() {
	for _, all := range [][]driver.Stmt{s.own[:], s.any[:]} {
		for _, stmt := range all {
			if stmt != nil {
				_ = stmt.Close()
			}
		}
	}
	*s = statements{}
}

// session is one transaction on the connection that writes. err is the first trouble it
// had: once a statement fails SQLite may have rolled everything back, and nothing more
// is asked.
type session struct {
	stmts *statements
	err   error

	args   []driver.NamedValue
	values []driver.Value
	writes int // statements that may have written
}

func (s *session) fail(err error) error {
	err = explain(err)
	if s.err == nil {
		s.err = err
	}
	return err
}

func (s *session) prepared(at *driver.Stmt, text string) (driver.Stmt, error) {
	if *at == nil {
		stmt, err := s.stmts.conn.Prepare(text)
		if err != nil {
			return nil, err
		}
		*at = stmt
	}
	return *at, nil
}

func (s *session) named(args []any) []driver.NamedValue {
	s.args = s.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case int:
			a = int64(v)
		case *int64:
			if a = nil; v != nil {
				a = *v
			}
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

// each reads all rows of a statement of this database.
func (s *session) each(q query, args []any, row func(scan func(...any) error) error) error {
	return s.query(&s.stmts.own[q], queries[q], args, row)
}

// rows reads all rows of a statement of the vocabulary.
func (s *session) rows(q record.Query, args []any, row func(scan func(...any) error) error) error {
	return s.query(&s.stmts.any[q], vocabulary[q], args, row)
}

func (s *session) query(at *driver.Stmt, text string, args []any, row func(scan func(...any) error) error) error {
	if s.err != nil {
		return s.err
	}
	stmt, err := s.prepared(at, text)
	if err != nil {
		return s.fail(err)
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(background, s.named(args))
	if err != nil {
		return s.fail(err)
	}
	defer rows.Close()
	values := s.values[:0] // nobody else's while the rows are read
	s.values = nil
	defer func() { s.values = values }()
	for range rows.Columns() {
		values = append(values, nil)
	}
	scan := func(into ...any) error { return assign(values, into) }
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return s.fail(err)
		}
		if err := row(scan); err != nil {
			return err
		}
	}
}

// assign gives the values of a row to where they are wanted.
func assign(values []driver.Value, into []any) error {
	for i, to := range into {
		switch to := to.(type) {
		case *[]byte:
			*to, _ = values[i].([]byte)
		case *string:
			*to, _ = values[i].(string)
		case *int64:
			*to, _ = values[i].(int64)
		default:
			return fmt.Errorf("sqlite: no place for a value: %T", to)
		}
	}
	return nil
}

func (s *session) exec(q query, args ...any) (driver.Result, error) {
	if s.err != nil {
		return nil, s.err
	}
	stmt, err := s.prepared(&s.stmts.own[q], queries[q])
	if err != nil {
		return nil, s.fail(err)
	}
	s.writes++
	res, err := stmt.(driver.StmtExecContext).ExecContext(background, s.named(args))
	if err != nil {
		return nil, s.fail(err)
	}
	return res, nil
}

// run executes a statement that is not prepared, such as SAVEPOINT.
func (s *session) run(statement string) error {
	if s.err != nil {
		return s.err
	}
	if _, err := s.stmts.conn.(driver.ExecerContext).ExecContext(background, statement, nil); err != nil {
		return s.fail(err)
	}
	return nil
}
