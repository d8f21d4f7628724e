package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// flush writes what has changed, and commits. All rows that it changes are locked, and
// new ones are added in the order of their keys, so that it waits for nobody who waits
// for it.
func (g *state) flush() error {
	if len(g.changedParcels)+len(g.changedOrders)+len(g.changedMessages)+len(g.changedCursors)+len(g.inbox)+len(g.dropped)+len(g.jobs) == 0 {
		return nil
	}
	w := &writer{state: g}
	batch := &pgx.Batch{}
	for _, step := range []func(batch *pgx.Batch) error{w.ordersOut, w.parcelsOut, w.cursorsOut, w.inboxOut} {
		if err := step(batch); err != nil {
			return err
		}
	}
	if w.added { // their ids are needed to go on, or whether they are there at all
		if err := g.send(batch); err != nil {
			return err
		}
		batch = &pgx.Batch{}
	}
	w.linksOut(batch)
	w.messagesOut(batch)
	mark := newVersion()
	batch.Queue(g.b.sql[leaveMark], g.writer, mark)
	if len(g.jobs) > 0 {
		if err := g.send(batch); err != nil {
			return err
		}
		// River wants a pgx.Tx. The transaction has begun already.
		tx, err := g.conn.BeginTx(g.ctx, pgx.TxOptions{BeginQuery: byIndex})
		if err != nil {
			return err
		}
		if err := g.b.jobs.Insert(g.ctx, tx, g.jobs, false); err != nil {
			return err
		}
		batch = &pgx.Batch{}
	}
	batch.Queue("COMMIT").Exec(func(done pgconn.CommandTag) error {
		if done.String() != "COMMIT" {
			return errors.New("postgres: the database has undone the transaction")
		}
		return nil
	})
	if g.conn.IsClosed() {
		return fmt.Errorf("%w: the connection was lost before the commit", ErrUnavailable)
	}
	err := g.send(batch)
	if answer := (*pgconn.PgError)(nil); err != nil && (errors.Is(err, errMet) || errors.As(err, &answer) && !unavailable(err)) {
		return err // and what follows an error is not done
	}
	if err != nil {
		// Once COMMIT was sent, only an answer tells, and a server that ends may have done it
		// all the same. (pgconn.SafeToRetry was seen to be wrong here: a connection that was
		// reset after the COMMIT can be reported as one that was closed before.)
		g.begun = false
		if err := g.b.settle(g.writer, mark, err); err != nil {
			return err
		}
	}
	g.begun = false
	w.remember()
	return nil
}

// settle finds out what became of a transaction whose commit had no answer. It returns
// nil if it was committed, [ErrUnavailable] if it was not, and [ErrUncertain] if the
// database cannot be reached for Config.Patience.
//
// Each writer has a row, in which every transaction of it leaves a mark. Locking the row
// waits for the transaction if it still runs, and then the mark is there or it is not.
// (PostgreSQL's own pg_xact_status was seen to call a lost transaction committed: a
// server that crashes may give its number to another.)
func (b *Backend) settle(writer, mark int64, lost error) error {
	ctx, cancel := context.WithTimeout(context.Background(), b.config.Patience)
	defer cancel()
	uncertain := fmt.Errorf("%w: %w", ErrUncertain, lost)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		var found int64
		switch err := b.config.Pool.QueryRow(ctx, b.sql[findMark], writer).Scan(&found); {
		case err == nil && found == mark:
			return nil
		case err == nil:
			return fmt.Errorf("%w: the connection was lost and the transaction undone", ErrUnavailable)
		case !again(err):
			return uncertain
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return uncertain
		}
	}
}

type writer struct {
	*state
	added bool // rows that somebody else may have added meanwhile
}

// version of a new row: any number but 0 that no other row has.
func newVersion() int64 { return 1 + rand.Int64N(1<<62) }

// add queues an INSERT of new rows that returns each one's key and id.
func (w *writer) add(batch *pgx.Batch, q query, want int, args []any, row func(rows pgx.Rows) error) {
	w.added = true
	batch.Queue(w.b.sql[q], args...).Query(func(rows pgx.Rows) error {
		got := 0
		for rows.Next() {
			got++
			if err := row(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if got != want {
			return errMet // others have added one meanwhile
		}
		return nil
	})
}

func (w *writer) ordersOut(batch *pgx.Batch) error {
	var (
		fresh, set, bumped []*orderSlot
	)
	for _, s := range w.changedOrders {
		switch {
		case s.id == 0:
			s.version = newVersion()
			fresh = append(fresh, s)
		case s.changed:
			s.version++
			set = append(set, s)
		default:
			s.version++
			bumped = append(bumped, s)
		}
	}
	if len(bumped) > 0 {
		ids, versions := make([]int64, len(bumped)), make([]int64, len(bumped))
		for i, s := range bumped {
			ids[i], versions[i] = s.id, s.version
		}
		batch.Queue(w.b.sql[bumpOrders], ids, versions)
	}
	if len(set) > 0 {
		c := orderColumns(set)
		batch.Queue(w.b.sql[setOrders], c.id, c.number, c.email, c.placed, c.version, c.doc)
	}
	if len(fresh) > 0 {
		slices.SortFunc(fresh, func(a, b *orderSlot) int {
			return cmp.Or(cmp.Compare(a.key.Shop, b.key.Shop), cmp.Compare(a.key.ID, b.key.ID))
		})
		c := orderColumns(fresh)
		w.add(batch, addOrders, len(fresh), []any{c.shop, c.order, c.number, c.email, c.placed, c.version, c.doc}, func(rows pgx.Rows) error {
			var k group.OrderKey
			var id int64
			err := rows.Scan(&k.Shop, &k.ID, &id)
			if err == nil {
				w.orders[k].id = id
			}
			return err
		})
	}
	return nil
}

type orderArrays struct {
	shop, order, number, email []string
	id, version                []int64
	placed                     []*int64
	doc                        [][]byte
}

func orderColumns(list []*orderSlot) (c orderArrays) {
	for _, s := range list {
		row := s.now
		if row == nil {
			row = &record.OrderRow{} // it is only spoken of
		}
		c.shop, c.order = append(c.shop, s.key.Shop), append(c.order, s.key.ID)
		c.number, c.email = append(c.number, toText(row.Number)), append(c.email, toText(row.Email))
		c.id, c.version, c.placed, c.doc = append(c.id, s.id), append(c.version, s.version), append(c.placed, row.Placed), append(c.doc, row.Doc)
	}
	return c
}

type parcelColumns struct {
	shop, carrier, number, status, health []string
	doc                                   [][]byte
	id, epoch, version                    []int64
	followed, poll, check, renew          []*int64
	latest                                []bool
}

func (c *parcelColumns) add(s *parcelSlot) {
	p := s.now
	c.shop, c.carrier, c.number = append(c.shop, s.key.Shop), append(c.carrier, s.key.Carrier), append(c.number, s.key.Number)
	c.status, c.health, c.doc = append(c.status, toText(p.Status)), append(c.health, toText(p.Health)), append(c.doc, p.Doc)
	c.id, c.epoch, c.version = append(c.id, s.id), append(c.epoch, int64(s.key.Epoch)), append(c.version, s.version)
	c.followed, c.poll = append(c.followed, p.Followed), append(c.poll, p.Poll)
	c.check, c.renew = append(c.check, p.Check), append(c.renew, p.Renew)
	c.latest = append(c.latest, s.latest)
}

func (w *writer) parcelsOut(batch *pgx.Batch) error {
	var fresh []*parcelSlot
	var set, add parcelColumns
	var outdated []int64
	for _, s := range w.changedParcels {
		if s.id == 0 {
			fresh = append(fresh, s)
			continue
		}
		s.version++
		set.add(s)
	}
	slices.SortFunc(fresh, func(a, b *parcelSlot) int {
		return cmp.Or(cmp.Compare(a.key.Shop, b.key.Shop), cmp.Compare(a.key.Carrier, b.key.Carrier),
			cmp.Compare(a.key.Number, b.key.Number), cmp.Compare(a.key.Epoch, b.key.Epoch))
	})
	was := map[group.NumberKey]*parcelSlot{}
	if len(fresh) > 0 {
		for k, s := range w.parcels {
			if s.latest {
				was[k.NumberKey] = s
			}
		}
	}
	for _, s := range fresh {
		s.version = newVersion()
		if s.latest = w.latest[s.key.NumberKey].parcel == s; s.latest {
			if old := was[s.key.NumberKey]; old != nil {
				old.latest = false
				old.version++
				outdated = append(outdated, old.id)
			}
		}
		add.add(s)
	}
	if len(set.id) > 0 {
		batch.Queue(w.b.sql[setParcels], set.id, set.version, set.followed, set.status, set.health, set.poll, set.check, set.renew, set.doc)
	}
	if len(outdated) > 0 {
		batch.Queue(w.b.sql[outdateParcels], outdated)
	}
	if len(fresh) > 0 {
		w.add(batch, addParcels, len(fresh), []any{add.shop, add.carrier, add.number, add.epoch, add.latest, add.version, add.followed,
			add.status, add.health, add.poll, add.check, add.renew, add.doc}, func(rows pgx.Rows) error {
			var k group.ParcelKey
			var id int64
			err := rows.Scan(&k.Shop, &k.Carrier, &k.Number, &k.Epoch, &id)
			if err == nil {
				w.parcels[k].id = id
			}
			return err
		})
	}
	return nil
}

// linksOut keeps the table of which parcels an order has.
func (w *writer) linksOut(batch *pgx.Batch) {
	var addOwner, addParcel, dropOwner, dropParcel []int64
	for _, s := range w.changedParcels {
		for _, id := range ordersOf(s.base, s.now) {
			was, is := s.base.Has(id), s.now.Has(id)
			if was == is {
				continue
			}
			owner := w.orders[group.OrderKey{Shop: s.key.Shop, ID: toText(id)}].id
			if is {
				addOwner, addParcel = append(addOwner, owner), append(addParcel, s.id)
			} else {
				dropOwner, dropParcel = append(dropOwner, owner), append(dropParcel, s.id)
			}
		}
	}
	if len(dropOwner) > 0 {
		batch.Queue(w.b.sql[unlinkParcels], dropOwner, dropParcel)
	}
	if len(addOwner) > 0 {
		batch.Queue(w.b.sql[linkParcels], addOwner, addParcel)
	}
}

func (w *writer) messagesOut(batch *pgx.Batch) {
	var set, add struct {
		shop, key, state []string
		doc              [][]byte
		id, owner        []int64
		send             []*int64
	}
	for _, s := range w.changedMessages {
		to := &set
		if s.id == 0 {
			to = &add
		}
		to.shop, to.key, to.state, to.doc = append(to.shop, s.key.Shop), append(to.key, s.key.Key), append(to.state, toText(s.now.State)), append(to.doc, s.now.Doc)
		to.id, to.owner, to.send = append(to.id, s.id), append(to.owner, s.owner.id), append(to.send, s.now.Send)
	}
	if len(set.id) > 0 {
		batch.Queue(w.b.sql[setMessages], set.shop, set.key, set.owner, set.state, set.send, set.doc)
	}
	if len(add.id) == 0 {
		return
	}
	batch.Queue(w.b.sql[addMessages], add.shop, add.key, add.owner, add.state, add.send, add.doc).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var k group.MessageKey
			var id int64
			if err := rows.Scan(&k.Shop, &k.Key, &id); err != nil {
				return err
			}
			w.messages[k].id = id
		}
		err := rows.Err()
		if e := (*pgconn.PgError)(nil); errors.As(err, &e) && e.Code == "23505" {
			// One that was put without being read is there, with another order: the next try
			// looks for it.
			for i, key := range add.key {
				w.resolve[group.MessageKey{Shop: add.shop[i], Key: key}] = true
			}
			return errMet
		}
		return err
	})
}

func (w *writer) cursorsOut(batch *pgx.Batch) error {
	type columns struct {
		shop, name  []string
		doc         [][]byte
		id, version []int64
		due         []*int64
	}
	var set, add columns
	slices.SortFunc(w.changedCursors, func(a, b *cursorSlot) int {
		return cmp.Or(cmp.Compare(a.key.Shop, b.key.Shop), cmp.Compare(a.key.Name, b.key.Name))
	})
	for _, s := range w.changedCursors {
		to := &set
		if s.version++; s.id == 0 {
			s.version, to = newVersion(), &add
		}
		text, err := record.Encode(s.now)
		if err != nil {
			return err
		}
		to.shop, to.name, to.doc = append(to.shop, s.key.Shop), append(to.name, s.key.Name), append(to.doc, text)
		to.id, to.version, to.due = append(to.id, s.id), append(to.version, s.version), append(to.due, record.Stamp(s.now.Due))
	}
	if len(set.id) > 0 {
		batch.Queue(w.b.sql[setCursors], set.id, set.version, set.due, set.doc)
	}
	if len(add.id) > 0 {
		w.add(batch, addCursors, len(add.id), []any{add.shop, add.name, add.version, add.due, add.doc}, func(rows pgx.Rows) error { return nil })
	}
	return nil
}

func (w *writer) inboxOut(batch *pgx.Batch) error {
	defer func() {
		for shop, before := range w.dropped {
			batch.Queue(w.b.views[record.DropInbox], shop, before)
		}
	}()
	if len(w.inbox) == 0 {
		return nil
	}
	items := slices.Clone(w.inbox)
	slices.SortStableFunc(items, func(a, b inboxItem) int {
		return cmp.Or(cmp.Compare(a.shop, b.shop), cmp.Compare(a.item.Digest, b.item.Digest))
	})
	var shops, digests []string
	var docs [][]byte
	var received []*int64
	for i, it := range items {
		if i > 0 && items[i-1].shop == it.shop && items[i-1].item.Digest == it.item.Digest {
			continue // the first is kept
		}
		doc, err := record.Encode(&it.item)
		if err != nil {
			return err
		}
		shops, digests, docs = append(shops, it.shop), append(digests, toText(it.item.Digest)), append(docs, doc)
		received = append(received, record.Stamp(it.item.Received))
	}
	batch.Queue(w.b.sql[addInbox], shops, digests, received, docs)
	for _, shop := range slices.Compact(slices.Clone(shops)) {
		batch.Queue(w.b.sql[trimInbox], shop, inboxSize)
	}
	return nil
}

// remember tells the cache what is in the database now.
func (w *writer) remember() {
	c := &w.b.cache
	for _, s := range w.changedParcels {
		c.PutParcel(&group.Parcel{Key: s.key, ID: s.id, Version: s.version, Latest: s.latest, Row: s.now})
	}
	for _, s := range w.orders {
		if s.id == 0 {
			continue
		}
		o := &group.Order{Key: s.key, ID: s.id, Version: s.version, Known: true, Row: s.now}
		if s.messages != nil {
			list := make([]group.Message, 0, len(*s.messages))
			for _, m := range *s.messages {
				if m.owner == s && m.now != nil {
					list = append(list, group.Message{ID: m.id, Row: m.now})
				}
			}
			o.Messages = &list
		}
		if s.parcels != nil {
			list := make([]group.ParcelKey, 0, len(*s.parcels))
			for _, p := range *s.parcels {
				if p.now.Has(fromText(s.key.ID)) {
					list = append(list, p.key)
				}
			}
			o.Parcels = &list
		} else if !s.bumps {
			o.Parcels = s.refs
		}
		c.PutOrder(o)
	}
}
