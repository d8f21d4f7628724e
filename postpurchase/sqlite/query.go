package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// query is a statement of this database only: those of a transaction, which also need
// to know what row a document is in.
type query int

const (
	findOrder query = iota
	findParcel
	findLatest
	findParcels
	findMessages
	findOwner

	duePoll
	dueCheck
	dueRenew
	duePollOf
	dueCheckOf
	dueRenewOf
	dueMessages
	dueCursors
	dataVersion

	addOrder
	setOrder
	deleteOrder
	deleteMessages
	deleteLinks
	deleteParcel
	addParcel
	setParcel
	setParcelPoll
	setParcelDoc
	linkParcel
	unlinkParcel
	addMessage
	setMessage
	moveMessage
	putInbox
	trimInbox
	putCursor

	queryCount
)

const inboxSize = 1000 // items that are kept of one shop

var queries = func() (q [queryCount]string) {
	for i, s := range [queryCount]string{
		findOrder:  `SELECT id, doc FROM {shop_order} WHERE shop = $1 AND order_id = $2`,
		findParcel: `SELECT id, doc FROM {parcel} WHERE shop = $1 AND carrier = $2 AND number = $3 AND epoch = $4`,
		findLatest: `SELECT id, doc FROM {parcel} WHERE shop = $1 AND carrier = $2 AND number = $3 ORDER BY epoch DESC LIMIT 1`,
		findParcels: `SELECT p.id, p.doc FROM {parcel_order} l {join} {parcel} p ON p.id = l.parcel_id
			WHERE l.owner = $1 ORDER BY p.followed NULLS FIRST, p.id`,
		findMessages: `SELECT id, key, doc FROM {message} WHERE owner = $1 ORDER BY id`,
		findOwner:    `SELECT o.order_id FROM {message} m {join} {shop_order} o ON o.id = m.owner WHERE m.shop = $1 AND m.key = $2`,

		// The plus keeps SQLite from looking through all parcels of the carrier instead.
		duePoll:     `SELECT id, doc FROM {parcel} WHERE shop = $1 AND poll_at <= $2 ORDER BY poll_at LIMIT $3`,
		dueCheck:    `SELECT id, doc FROM {parcel} WHERE shop = $1 AND check_at <= $2 ORDER BY check_at LIMIT $3`,
		dueRenew:    `SELECT id, doc FROM {parcel} WHERE shop = $1 AND renew_at <= $2 ORDER BY renew_at LIMIT $3`,
		duePollOf:   `SELECT id, doc FROM {parcel} WHERE shop = $1 AND +carrier = $4 AND poll_at <= $2 ORDER BY poll_at LIMIT $3`,
		dueCheckOf:  `SELECT id, doc FROM {parcel} WHERE shop = $1 AND +carrier = $4 AND check_at <= $2 ORDER BY check_at LIMIT $3`,
		dueRenewOf:  `SELECT id, doc FROM {parcel} WHERE shop = $1 AND +carrier = $4 AND renew_at <= $2 ORDER BY renew_at LIMIT $3`,
		dueMessages: `SELECT doc FROM {message} WHERE shop = $1 AND state = 'pending' AND send_at <= $2 ORDER BY send_at LIMIT $3`,
		dueCursors:  `SELECT doc FROM {cursor} WHERE shop = $1 AND due <= $2 ORDER BY due LIMIT $3`,
		dataVersion: `PRAGMA data_version`,

		addOrder:       `INSERT INTO {shop_order} (shop, order_id, number, email, placed_at, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
		setOrder:       `UPDATE {shop_order} SET number = $2, email = $3, placed_at = $4, doc = $5 WHERE id = $1`,
		deleteOrder:    `DELETE FROM {shop_order} WHERE id = $1`,
		deleteMessages: `DELETE FROM {message} WHERE owner = $1`,
		deleteLinks:    `DELETE FROM {parcel_order} WHERE owner = $1`,
		deleteParcel:   `DELETE FROM {parcel} WHERE id = $1`,
		addParcel: `INSERT INTO {parcel} (shop, carrier, number, epoch, followed, status, health, poll_at, check_at, renew_at, doc)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		setParcel:     `UPDATE {parcel} SET followed = $2, status = $3, health = $4, poll_at = $5, check_at = $6, renew_at = $7, doc = $8 WHERE id = $1`,
		setParcelPoll: `UPDATE {parcel} SET status = $2, poll_at = $3, doc = $4 WHERE id = $1`,
		setParcelDoc:  `UPDATE {parcel} SET status = $2, doc = $3 WHERE id = $1`,
		linkParcel:    `INSERT OR IGNORE INTO {parcel_order} (owner, parcel_id) VALUES ($1, $2)`,
		unlinkParcel:  `DELETE FROM {parcel_order} WHERE owner = $1 AND parcel_id = $2`,
		addMessage:    `INSERT INTO {message} (shop, key, owner, state, send_at, doc) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (shop, key) DO NOTHING`,
		setMessage:    `UPDATE {message} SET state = $2, send_at = $3, doc = $4 WHERE id = $1`,
		moveMessage:   `UPDATE {message} SET owner = $3, state = $4, send_at = $5, doc = $6 WHERE shop = $1 AND key = $2`,
		putInbox:      `INSERT INTO {inbox} (shop, digest, received, doc) VALUES ($1, $2, $3, $4) ON CONFLICT (shop, digest) DO NOTHING`,
		trimInbox:     `DELETE FROM {inbox} WHERE id IN (SELECT id FROM {inbox} WHERE shop = $1 ORDER BY received DESC, id DESC LIMIT -1 OFFSET $2)`,
		putCursor:     `INSERT INTO {cursor} (shop, name, due, doc) VALUES ($1, $2, $3, $4) ON CONFLICT (shop, name) DO UPDATE SET due = excluded.due, doc = excluded.doc`,
	} {
		q[i] = record.SQLite.SQL(s)
	}
	return q
}()

var vocabulary = record.Vocabulary(record.SQLite)

// viewStatements are the vocabulary, prepared for the connections that read.
type viewStatements [record.QueryCount]*sql.Stmt

func prepareViews(ctx context.Context, db *sql.DB) (*viewStatements, error) {
	s := new(viewStatements)
	for q, text := range vocabulary {
		var err error
		if s[q], err = db.PrepareContext(ctx, text); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *viewStatements) close() error {
	var errs []error
	for _, stmt := range s {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// Statements run without a context: giving up in the middle of one would undo what
// others have in the same transaction, and none takes long.
var background = context.Background()

// rows asks a query of the vocabulary in a View's transaction.
func (s *viewStatements) rows(tx *sql.Tx) func(record.Query, []any, func(func(...any) error) error) error {
	return func(q record.Query, args []any, row func(scan func(...any) error) error) error {
		rows, err := tx.StmtContext(background, s[q]).QueryContext(background, args...)
		if err != nil {
			return explain(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return explain(rows.Err())
	}
}
