package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// query is one of the statements, all prepared by Open.
type query int

const (
	getOrder query = iota
	ordersByNumber
	ordersOfCustomer
	getParcel
	latestParcel
	parcelsOfOrder
	parcelsByHealth
	getMessage
	messagesOfOrder
	messagesByState
	messagesOpen
	messagesPending
	getInbox
	getCursor
	nextDue

	duePoll
	dueCheck
	dueRenew
	duePollOf
	dueCheckOf
	dueRenewOf
	dueMessages
	dueCursors

	dataVersion
	putOrder
	deleteOrder
	deleteMessages
	deleteParcel
	addParcel
	setParcel
	setParcelPoll
	setParcelDoc
	linkParcel
	unlinkParcel
	addMessage
	putMessage
	putInbox
	trimInbox
	putCursor

	queryCount
	firstWrite = dataVersion
)

const inboxSize = 1000 // items that are kept of one shop

var queries = [queryCount]string{
	getOrder:         `SELECT doc FROM shop_order WHERE shop = ? AND order_id = ?`,
	ordersByNumber:   `SELECT doc FROM shop_order WHERE shop = ? AND number = ? ORDER BY placed_at DESC, id DESC`,
	ordersOfCustomer: `SELECT doc FROM shop_order WHERE shop = ? AND email = ? AND email <> '' ORDER BY placed_at DESC, id DESC`,
	getParcel:        `SELECT id, doc FROM parcel WHERE shop = ? AND carrier = ? AND number = ? AND epoch = ?`,
	latestParcel:     `SELECT id, doc FROM parcel WHERE shop = ? AND carrier = ? AND number = ? ORDER BY epoch DESC LIMIT 1`,
	parcelsOfOrder:   `SELECT p.id, p.doc FROM parcel_order o CROSS JOIN parcel p ON p.id = o.parcel_id WHERE o.shop = ? AND o.order_id = ? ORDER BY p.followed, p.id`,
	parcelsByHealth:  `SELECT id, doc FROM parcel WHERE shop = ? AND health = ? LIMIT ?`,
	getMessage:       `SELECT doc FROM message WHERE shop = ? AND key = ?`,
	messagesOfOrder:  `SELECT doc FROM message WHERE shop = ? AND order_id = ? ORDER BY id`,
	messagesByState:  `SELECT doc FROM message WHERE shop = ? AND state = ? LIMIT ?`,
	messagesOpen:     `SELECT doc FROM message WHERE shop = ? AND state = ? AND state IN ('sending', 'unknown', 'failed') LIMIT ?`,
	messagesPending:  `SELECT doc FROM message WHERE shop = ? AND state = 'pending' LIMIT ?`,
	getInbox:         `SELECT doc FROM inbox WHERE shop = ? ORDER BY received DESC, id DESC LIMIT ?`,
	getCursor:        `SELECT doc FROM cursor WHERE shop = ? AND name = ?`,
	nextDue: `SELECT min(t) FROM (
		SELECT (SELECT poll_at FROM parcel WHERE shop = ?1 AND poll_at IS NOT NULL ORDER BY poll_at LIMIT 1) AS t
		UNION ALL SELECT (SELECT check_at FROM parcel WHERE shop = ?1 AND check_at IS NOT NULL ORDER BY check_at LIMIT 1)
		UNION ALL SELECT (SELECT renew_at FROM parcel WHERE shop = ?1 AND renew_at IS NOT NULL ORDER BY renew_at LIMIT 1)
		UNION ALL SELECT (SELECT send_at FROM message WHERE shop = ?1 AND state = 'pending' AND send_at IS NOT NULL ORDER BY send_at LIMIT 1)
		UNION ALL SELECT (SELECT due FROM cursor WHERE shop = ?1 AND due IS NOT NULL ORDER BY due LIMIT 1))`,

	// The plus keeps SQLite from looking through all parcels of the carrier instead.
	duePoll:     `SELECT id, doc FROM parcel WHERE shop = ? AND poll_at <= ? ORDER BY poll_at LIMIT ?`,
	dueCheck:    `SELECT id, doc FROM parcel WHERE shop = ? AND check_at <= ? ORDER BY check_at LIMIT ?`,
	dueRenew:    `SELECT id, doc FROM parcel WHERE shop = ? AND renew_at <= ? ORDER BY renew_at LIMIT ?`,
	duePollOf:   `SELECT id, doc FROM parcel WHERE shop = ? AND +carrier = ? AND poll_at <= ? ORDER BY poll_at LIMIT ?`,
	dueCheckOf:  `SELECT id, doc FROM parcel WHERE shop = ? AND +carrier = ? AND check_at <= ? ORDER BY check_at LIMIT ?`,
	dueRenewOf:  `SELECT id, doc FROM parcel WHERE shop = ? AND +carrier = ? AND renew_at <= ? ORDER BY renew_at LIMIT ?`,
	dueMessages: `SELECT doc FROM message WHERE shop = ? AND state = 'pending' AND send_at <= ? ORDER BY send_at LIMIT ?`,
	dueCursors:  `SELECT doc FROM cursor WHERE shop = ? AND due <= ? ORDER BY due LIMIT ?`,

	dataVersion: `PRAGMA data_version`,
	putOrder: `INSERT INTO shop_order (shop, order_id, number, email, placed_at, doc) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (shop, order_id) DO UPDATE SET number = excluded.number, email = excluded.email, placed_at = excluded.placed_at, doc = excluded.doc`,
	deleteOrder:    `DELETE FROM shop_order WHERE shop = ? AND order_id = ?`,
	deleteMessages: `DELETE FROM message WHERE shop = ? AND order_id = ?`,
	deleteParcel:   `DELETE FROM parcel WHERE id = ?`,
	addParcel: `INSERT INTO parcel (shop, carrier, number, epoch, followed, status, health, poll_at, check_at, renew_at, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
	setParcel:     `UPDATE parcel SET followed = ?, status = ?, health = ?, poll_at = ?, check_at = ?, renew_at = ?, doc = ? WHERE id = ?`,
	setParcelPoll: `UPDATE parcel SET status = ?, poll_at = ?, doc = ? WHERE id = ?`,
	setParcelDoc:  `UPDATE parcel SET status = ?, doc = ? WHERE id = ?`,
	linkParcel:    `INSERT OR IGNORE INTO parcel_order (shop, order_id, parcel_id) VALUES (?, ?, ?)`,
	unlinkParcel:  `DELETE FROM parcel_order WHERE shop = ? AND order_id = ? AND parcel_id = ?`,
	addMessage:    `INSERT INTO message (shop, key, order_id, state, send_at, doc) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (shop, key) DO NOTHING`,
	putMessage: `INSERT INTO message (shop, key, order_id, state, send_at, doc) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (shop, key) DO UPDATE SET order_id = excluded.order_id, state = excluded.state, send_at = excluded.send_at, doc = excluded.doc`,
	putInbox:  `INSERT INTO inbox (shop, digest, received, doc) VALUES (?, ?, ?, ?) ON CONFLICT (shop, digest) DO NOTHING`,
	trimInbox: `DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE shop = ? ORDER BY received DESC, id DESC LIMIT -1 OFFSET ?)`,
	putCursor: `INSERT INTO cursor (shop, name, due, doc) VALUES (?, ?, ?, ?) ON CONFLICT (shop, name) DO UPDATE SET due = excluded.due, doc = excluded.doc`,
}

// statements are the prepared statements of one pool.
type statements [queryCount]*sql.Stmt

func prepare(ctx context.Context, db *sql.DB, upTo query) (*statements, error) {
	s := new(statements)
	for q := range upTo {
		var err error
		if s[q], err = db.PrepareContext(ctx, queries[q]); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range s {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// session is one transaction and its statements. err is the first trouble it had: once
// a statement fails SQLite may have rolled everything back, and nothing more is asked.
type session struct {
	tx   *sql.Tx
	from *statements
	mine statements
	err  error

	writes int // statements that may have written
}

// Statements run without a context: giving up in the middle of one would undo what
// others have in the same transaction, and none takes long.
var background = context.Background()

func (s *session) stmt(q query) *sql.Stmt {
	if s.mine[q] == nil {
		s.mine[q] = s.tx.StmtContext(background, s.from[q])
	}
	return s.mine[q]
}

func (s *session) fail(err error) error {
	err = explain(err)
	if s.err == nil {
		s.err = err
	}
	return err
}

// one reads one row and reports whether there was one.
func (s *session) one(q query, args []any, into ...any) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	err := s.stmt(q).QueryRowContext(background, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, s.fail(err)
	}
	return true, nil
}

// each reads all rows.
func (s *session) each(q query, args []any, row func(rows *sql.Rows) error) error {
	if s.err != nil {
		return s.err
	}
	rows, err := s.stmt(q).QueryContext(background, args...)
	if err != nil {
		return s.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *session) exec(q query, args ...any) (sql.Result, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.writes++
	res, err := s.stmt(q).ExecContext(background, args...)
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
	if _, err := s.tx.ExecContext(background, statement); err != nil {
		return s.fail(err)
	}
	return nil
}
