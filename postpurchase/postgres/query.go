package postgres

import (
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// query is a statement of this database only: those of an Update, which lock rows and
// write many at once. They take one array per column.
type query int

const (
	// Reads of an Update. Those that lock have a twin that does not wait.
	lockParcels query = iota
	lockParcelsNow
	lockOrders
	lockOrdersNow
	lockCursors
	lockCursorsNow
	parcelsThere
	ordersThere
	cursorsThere
	refsOfOrders
	messagesOfOrders
	ordersOfMessages
	refsByHealth
	refsByTrouble
	keysByState
	idsByNumber
	idsByEmail
	claimPoll
	claimCheck
	claimRenew
	claimMessages
	claimCursors
	nextDue

	// Writes.
	addOrders
	setOrders
	bumpOrders
	addParcels
	setParcels
	outdateParcels
	linkParcels
	unlinkParcels
	addMessages
	setMessages
	addCursors
	setCursors
	addInbox
	trimInbox
	leaveMark
	findMark
	addWriter
	dropWriters

	// Deletes.
	parcelsToDelete
	lockParcelsByID
	lockOrder
	deleteParcels
	deleteLinks
	deleteMessages
	deleteOrder
	setDocs
	nameLatest

	queryCount
)

const inboxSize = 1000 // items that are kept of one shop

const (
	selectParcels = `SELECT k.n, p.id, p.version, p.epoch, p.latest, CASE WHEN p.version <> k.known THEN p.doc END
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS k (shop, carrier, number, epoch, known, n)
		JOIN {parcel} p ON p.shop = k.shop AND p.carrier = k.carrier AND p.number = k.number AND (p.epoch = k.epoch OR k.epoch IS NULL AND p.latest)`
	selectOrders = `SELECT k.n, o.id, o.version, CASE WHEN o.version <> k.known THEN o.doc END
		FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS k (shop, order_id, known, n)
		JOIN {shop_order} o ON o.shop = k.shop AND o.order_id = k.order_id`
	selectCursors = `SELECT k.n, c.id, c.version, c.doc
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (shop, name, n)
		JOIN {cursor} c ON c.shop = k.shop AND c.name = k.name`

	// The sort is by what never changes: whoever locks several rows of a table does it in
	// this order.
	inOrderP, inOrderO, inOrderC = ` ORDER BY p.id FOR UPDATE OF p`, ` ORDER BY o.id FOR UPDATE OF o`, ` ORDER BY c.id FOR UPDATE OF c`

	claimParcel = `SELECT id, version, epoch, latest, carrier, number, doc FROM {parcel}
		WHERE shop = $1 AND (carrier = $2 OR $2 = '') AND {timer} <= $3 ORDER BY {timer} LIMIT $4 FOR UPDATE SKIP LOCKED`
)

var statements = [queryCount]string{
	// What an Update has changed is left out here and looked at by itself.
	nextDue: `SELECT least(
		(SELECT min(poll_at) FROM {parcel} WHERE shop = $1 AND poll_at IS NOT NULL AND id <> ALL ($2::bigint[])),
		(SELECT min(check_at) FROM {parcel} WHERE shop = $1 AND check_at IS NOT NULL AND id <> ALL ($2::bigint[])),
		(SELECT min(renew_at) FROM {parcel} WHERE shop = $1 AND renew_at IS NOT NULL AND id <> ALL ($2::bigint[])),
		(SELECT min(send_at) FROM {message} WHERE shop = $1 AND state = 'pending' AND send_at IS NOT NULL AND id <> ALL ($3::bigint[])),
		(SELECT min(due) FROM {cursor} WHERE shop = $1 AND due IS NOT NULL AND id <> ALL ($4::bigint[])))`,

	lockParcels:    selectParcels + inOrderP,
	lockParcelsNow: selectParcels + inOrderP + ` SKIP LOCKED`,
	lockOrders:     selectOrders + inOrderO,
	lockOrdersNow:  selectOrders + inOrderO + ` SKIP LOCKED`,
	lockCursors:    selectCursors + inOrderC,
	lockCursorsNow: selectCursors + inOrderC + ` SKIP LOCKED`,
	parcelsThere:   `SELECT count(*) FROM (` + selectParcels + `) there`,
	ordersThere:    `SELECT count(*) FROM (` + selectOrders + `) there`,
	cursorsThere:   `SELECT count(*) FROM (` + selectCursors + `) there`,
	refsOfOrders: `SELECT l.owner, p.shop, p.carrier, p.number, p.epoch
		FROM {parcel_order} l JOIN {parcel} p ON p.id = l.parcel_id WHERE l.owner = ANY ($1::bigint[]) ORDER BY p.id`,
	messagesOfOrders: `SELECT owner, id, key, doc FROM {message} WHERE owner = ANY ($1::bigint[]) ORDER BY id`,
	ordersOfMessages: `SELECT k.n, o.order_id
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (shop, key, n)
		JOIN {message} m ON m.shop = k.shop AND m.key = k.key JOIN {shop_order} o ON o.id = m.owner`,
	refsByHealth:  `SELECT carrier, number, epoch FROM {parcel} WHERE shop = $1 AND health = $2 LIMIT $3`,
	refsByTrouble: `SELECT carrier, number, epoch FROM {parcel} WHERE shop = $1 AND health = $2 AND ` + record.Trouble + ` LIMIT $3`,
	keysByState: `SELECT m.key, o.order_id FROM {message} m JOIN {shop_order} o ON o.id = m.owner
		WHERE m.shop = $1 AND m.state = $2 LIMIT $3`,
	idsByNumber: `SELECT order_id FROM {shop_order} WHERE shop = $1 AND number = $2 AND doc IS NOT NULL ORDER BY id`,
	idsByEmail:  `SELECT order_id FROM {shop_order} WHERE shop = $1 AND email = $2 AND email <> '' ORDER BY id`,
	claimPoll:   strings.ReplaceAll(claimParcel, "{timer}", "poll_at"),
	claimCheck:  strings.ReplaceAll(claimParcel, "{timer}", "check_at"),
	claimRenew:  strings.ReplaceAll(claimParcel, "{timer}", "renew_at"),
	claimMessages: `SELECT m.key, o.order_id, o.id FROM {message} m JOIN {shop_order} o ON o.id = m.owner
		WHERE m.shop = $1 AND m.state = 'pending' AND m.send_at <= $2 ORDER BY m.send_at, m.id LIMIT $3 FOR UPDATE OF o SKIP LOCKED`,
	claimCursors: `SELECT id, version, name, doc FROM {cursor} WHERE shop = $1 AND due <= $2 ORDER BY due, id LIMIT $3 FOR UPDATE SKIP LOCKED`,

	addOrders: `INSERT INTO {shop_order} (shop, order_id, number, email, placed_at, version, doc)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[]) ON CONFLICT DO NOTHING RETURNING shop, order_id, id`,
	setOrders: `UPDATE {shop_order} o SET number = k.number, email = k.email, placed_at = k.placed_at, version = k.version, doc = k.doc
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[]) AS k (id, number, email, placed_at, version, doc) WHERE o.id = k.id`,
	bumpOrders: `UPDATE {shop_order} o SET version = k.version FROM unnest($1::bigint[], $2::bigint[]) AS k (id, version) WHERE o.id = k.id`,
	addParcels: `INSERT INTO {parcel} (shop, carrier, number, epoch, latest, version, followed, status, health, poll_at, check_at, renew_at, doc)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[])
		ON CONFLICT DO NOTHING RETURNING shop, carrier, number, epoch, id`,
	setParcels: `UPDATE {parcel} p SET version = k.version, followed = k.followed, status = k.status, health = k.health,
			poll_at = k.poll_at, check_at = k.check_at, renew_at = k.renew_at, doc = k.doc
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[])
			AS k (id, version, followed, status, health, poll_at, check_at, renew_at, doc) WHERE p.id = k.id`,
	outdateParcels: `UPDATE {parcel} p SET latest = false, version = p.version + 1 WHERE p.id = ANY ($1::bigint[])`,
	linkParcels:    `INSERT INTO {parcel_order} (owner, parcel_id) SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING`,
	unlinkParcels: `DELETE FROM {parcel_order} l USING unnest($1::bigint[], $2::bigint[]) AS k (owner, parcel_id)
		WHERE l.owner = k.owner AND l.parcel_id = k.parcel_id`,
	addMessages: `INSERT INTO {message} (shop, key, owner, state, send_at, doc)
		SELECT shop, key, owner, state, send_at, doc
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[]) WITH ORDINALITY AS k (shop, key, owner, state, send_at, doc, n)
		ORDER BY n RETURNING shop, key, id`,
	setMessages: `UPDATE {message} m SET owner = k.owner, state = k.state, send_at = k.send_at, doc = k.doc
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[]) AS k (shop, key, owner, state, send_at, doc)
		WHERE m.shop = k.shop AND m.key = k.key`,
	addCursors: `INSERT INTO {cursor} (shop, name, version, due, doc)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) ON CONFLICT DO NOTHING RETURNING shop, name, id`,
	setCursors: `UPDATE {cursor} c SET version = k.version, due = k.due, doc = k.doc
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS k (id, version, due, doc) WHERE c.id = k.id`,
	addInbox: `INSERT INTO {inbox} (shop, digest, received, doc)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) ON CONFLICT DO NOTHING`,
	trimInbox: `DELETE FROM {inbox} WHERE id IN (SELECT id FROM {inbox} WHERE shop = $1 ORDER BY received DESC NULLS LAST, id DESC OFFSET $2)`,

	leaveMark: `INSERT INTO {writer} (id, mark, seen) VALUES ($1, $2, now()) ON CONFLICT (id) DO UPDATE SET mark = excluded.mark, seen = excluded.seen`,
	findMark:  `SELECT mark FROM {writer} WHERE id = $1 FOR UPDATE`,
	addWriter: `INSERT INTO {writer} (id, mark, seen) VALUES ($1, 0, now())`,
	// Those of processes that ended.
	dropWriters: `DELETE FROM {writer} WHERE seen < now() - interval '30 days'`,

	parcelsToDelete: `SELECT l.parcel_id FROM {shop_order} o JOIN {parcel_order} l ON l.owner = o.id WHERE o.shop = $1 AND o.order_id = $2 ORDER BY l.parcel_id`,
	lockParcelsByID: `SELECT id, version, shop, carrier, number, doc FROM {parcel} WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE`,
	lockOrder:       `SELECT id FROM {shop_order} WHERE shop = $1 AND order_id = $2 FOR UPDATE`,
	deleteParcels:   `DELETE FROM {parcel} WHERE id = ANY ($1::bigint[])`,
	deleteLinks:     `DELETE FROM {parcel_order} WHERE owner = $1`,
	deleteMessages:  `DELETE FROM {message} WHERE owner = $1`,
	deleteOrder:     `DELETE FROM {shop_order} WHERE id = $1`,
	setDocs: `UPDATE {parcel} p SET version = p.version + 1, doc = k.doc
		FROM unnest($1::bigint[], $2::bytea[]) AS k (id, doc) WHERE p.id = k.id`,
	// Where the latest parcel of a number is gone another one is the latest.
	nameLatest: `UPDATE {parcel} SET version = version + 1, latest = true WHERE id = (
		SELECT id FROM {parcel} WHERE shop = $1 AND carrier = $2 AND number = $3 ORDER BY epoch DESC LIMIT 1 FOR UPDATE) AND NOT latest`,
}

// queries are the statements for a schema.
func queries(d record.Dialect) (q [queryCount]string) {
	for i, s := range statements {
		q[i] = d.SQL(s)
	}
	return q
}
