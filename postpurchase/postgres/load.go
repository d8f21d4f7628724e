package postgres

import (
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// wants are the rows that the fns of a group wait for.
type wants struct {
	parcels  map[group.ParcelKey]struct{}
	latest   map[group.NumberKey]struct{}
	orders   map[group.OrderKey]struct{}
	cursors  map[group.CursorKey]struct{}
	owners   map[group.MessageKey]struct{} // which order a message belongs to
	messages map[*orderSlot]struct{}
	refs     map[*orderSlot]struct{} // the parcels of an order
	lists    []func(batch *pgx.Batch)
}

func (w *wants) empty() bool {
	return len(w.parcels)+len(w.latest)+len(w.orders)+len(w.cursors)+len(w.owners)+len(w.messages)+len(w.refs)+len(w.lists) == 0
}

func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// rows adds the rows, not the lists, of another.
func (w *wants) rows(from wants) {
	for k := range from.parcels {
		put(&w.parcels, k, struct{}{})
	}
	for k := range from.latest {
		put(&w.latest, k, struct{}{})
	}
	for k := range from.orders {
		put(&w.orders, k, struct{}{})
	}
	for k := range from.cursors {
		put(&w.cursors, k, struct{}{})
	}
}

// The ranks of tables: a transaction waits for locks in a table only while it has none
// in this table or a later one. Whoever keeps to that never waits for one who waits
// for it.
const (
	rankParcels = 1 + iota
	rankOrders
	rankCursors
)

// mode says whether locks of a rank may be waited for.
func (g *state) mode(rank int, wait, now query) (query, bool) {
	if g.held < rank {
		g.held = rank
		return wait, true
	}
	return now, false
}

// load reads and locks what is wanted.
func (g *state) load() error {
	w := g.wants
	g.wants = wants{}
	g.known.rows(w)
	batch := &pgx.Batch{}
	var missing []func(batch *pgx.Batch) // questions whether rows are not there or held by others
	g.loadParcels(batch, &w, &missing)
	g.loadOrders(batch, &w, &missing)
	g.loadCursors(batch, &w, &missing)
	g.loadOwners(batch, &w)
	g.loadMessages(batch, &w)
	g.loadRefs(batch, &w)
	for _, list := range w.lists {
		list(batch)
	}
	if err := g.send(batch); err != nil {
		return err
	}
	batch = &pgx.Batch{}
	for _, ask := range missing {
		ask(batch)
	}
	return g.send(batch)
}

// send sends statements in one step. The first one begins the transaction.
func (g *state) send(batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	if !g.begun {
		g.begun = true
		batch.QueuedQueries = append([]*pgx.QueuedQuery{{SQL: begin}, {SQL: byIndex}}, batch.QueuedQueries...)
	}
	return g.conn.SendBatch(g.ctx, batch).Close()
}

func (g *state) queue(batch *pgx.Batch, q query, args []any, row func(rows pgx.Rows) error) {
	g.ask(batch, g.b.sql[q], args, row)
}

func (g *state) ask(batch *pgx.Batch, q string, args []any, row func(rows pgx.Rows) error) {
	batch.Queue(q, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// there asks whether a query without locks finds rows; it must not.
func (g *state) there(q query, args []any) func(batch *pgx.Batch) {
	return func(batch *pgx.Batch) {
		batch.Queue(g.b.sql[q], args...).QueryRow(func(row pgx.Row) error {
			var n int
			if err := row.Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return errMet
			}
			return nil
		})
	}
}

type parcelArgs struct {
	keys                  []group.ParcelKey
	latest                []bool
	shop, carrier, number []string
	epoch                 []*int64
	known                 []int64
	cached                []*group.Parcel
	found                 []bool
}

func (a *parcelArgs) add(k group.ParcelKey, latest bool, known *group.Parcel) {
	a.keys, a.latest, a.found = append(a.keys, k), append(a.latest, latest), append(a.found, false)
	a.shop, a.carrier, a.number = append(a.shop, k.Shop), append(a.carrier, k.Carrier), append(a.number, k.Number)
	var epoch *int64
	if !latest {
		n := int64(k.Epoch)
		epoch = &n
	}
	var version int64
	if known != nil {
		version = known.Version
	}
	a.epoch, a.known, a.cached = append(a.epoch, epoch), append(a.known, version), append(a.cached, known)
}

func (a *parcelArgs) args() []any { return []any{a.shop, a.carrier, a.number, a.epoch, a.known} }

func (g *state) loadParcels(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.parcels)+len(w.latest) == 0 {
		return
	}
	all := &parcelArgs{}
	for k := range w.parcels {
		all.add(k, false, g.b.cache.Parcel(k))
	}
	for n := range w.latest {
		all.add(group.ParcelKey{NumberKey: n}, true, g.b.cache.Latest(n))
	}
	q, waits := g.mode(rankParcels, lockParcels, lockParcelsNow)
	g.queue(batch, q, all.args(), func(rows pgx.Rows) error {
		var n int
		var s parcelSlot
		var epoch int64
		var doc []byte
		if err := rows.Scan(&n, &s.id, &s.version, &epoch, &s.latest, &doc); err != nil {
			return err
		}
		n--
		all.found[n] = true
		s.key = all.keys[n]
		s.key.Epoch = int(epoch)
		slot, _, err := g.parcelRow(s, doc, all.cached[n])
		if err == nil && all.latest[n] {
			g.latest[s.key.NumberKey] = &latestSlot{parcel: slot}
		}
		return err
	})
	*missing = append(*missing, func(batch *pgx.Batch) {
		absent := &parcelArgs{}
		for i, k := range all.keys {
			if all.found[i] {
				continue
			}
			// The latest may have stopped being the latest while it was waited for.
			if !waits || all.latest[i] {
				absent.add(k, all.latest[i], nil)
			}
			if all.latest[i] {
				g.latest[k.NumberKey] = &latestSlot{}
			} else if g.parcels[k] == nil {
				g.parcels[k] = &parcelSlot{key: k}
			}
		}
		if len(absent.keys) > 0 {
			g.there(parcelsThere, absent.args())(batch)
		}
	})
}

// parcelRow makes a slot of a row, or returns the one there is. Where the document was
// read it also returns the parcel, which is the caller's.
func (g *state) parcelRow(s parcelSlot, doc []byte, cached *group.Parcel) (*parcelSlot, *postpurchase.Parcel, error) {
	if old := g.parcels[s.key]; old != nil {
		return old, nil, nil
	}
	var p *postpurchase.Parcel
	if doc == nil {
		s.base = cached.Row
	} else {
		var err error
		if s.base, p, err = record.ReadParcel(doc); err != nil {
			return nil, nil, corrupt(err)
		}
		g.b.cache.PutParcel(&group.Parcel{Key: s.key, ID: s.id, Version: s.version, Latest: s.latest, Row: s.base})
	}
	s.now = s.base
	slot := &s
	g.parcels[s.key] = slot
	if s.latest && g.latest[s.key.NumberKey] == nil {
		g.latest[s.key.NumberKey] = &latestSlot{parcel: slot}
	}
	return slot, p, nil
}

func (g *state) loadOrders(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.orders) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.orders))
	shops, ids, known := make([]string, len(keys)), make([]string, len(keys)), make([]int64, len(keys))
	cached := make([]*group.Order, len(keys))
	for i, k := range keys {
		shops[i], ids[i] = k.Shop, k.ID
		if cached[i] = g.b.cache.Order(k); cached[i] != nil {
			known[i] = cached[i].Version
		}
	}
	found := make([]bool, len(keys))
	q, waits := g.mode(rankOrders, lockOrders, lockOrdersNow)
	g.queue(batch, q, []any{shops, ids, known}, func(rows pgx.Rows) error {
		var n int
		var doc []byte
		s := &orderSlot{}
		if err := rows.Scan(&n, &s.id, &s.version, &doc); err != nil {
			return err
		}
		n--
		found[n] = true
		s.key = keys[n]
		if g.orders[s.key] != nil {
			return nil
		}
		g.orders[s.key] = s
		if s.version == known[n] {
			g.fromCache(s, cached[n])
			return nil
		}
		if doc == nil {
			return nil
		}
		s.now = &record.OrderRow{ID: fromText(s.key.ID), Doc: doc}
		return nil
	})
	*missing = append(*missing, func(batch *pgx.Batch) {
		var absentShops, absentIDs []string
		for i, k := range keys {
			if found[i] {
				continue
			}
			absentShops, absentIDs = append(absentShops, k.Shop), append(absentIDs, k.ID)
			if g.orders[k] == nil {
				g.orders[k] = &orderSlot{key: k, messages: new([]*messageSlot), refs: new([]group.ParcelKey)}
			}
		}
		if !waits && len(absentIDs) > 0 {
			g.there(ordersThere, []any{absentShops, absentIDs, make([]int64, len(absentIDs))})(batch)
		}
	})
}

// fromCache gives an order what its version stands for.
func (g *state) fromCache(s *orderSlot, c *group.Order) {
	s.now = c.Row
	if c.Messages != nil {
		list := make([]*messageSlot, 0, len(*c.Messages))
		for _, m := range *c.Messages {
			list = append(list, g.messageRow(s, m.ID, m.Row))
		}
		s.messages = &list
	}
	s.refs = c.Parcels // which have versions of their own
}

func (g *state) messageRow(owner *orderSlot, id int64, m *record.MessageRow) *messageSlot {
	k := group.MessageKey{Shop: owner.key.Shop, Key: toText(m.Key)}
	slot := g.messages[k]
	switch {
	case slot == nil:
		slot = &messageSlot{key: k, id: id, owner: owner, now: m}
		g.messages[k] = slot
	case slot.id == 0: // it was put without being read, and is not new
		slot.id = id
		g.bump(owner)
	}
	return slot
}

func (g *state) loadCursors(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.cursors) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.cursors))
	shops, names, found := make([]string, len(keys)), make([]string, len(keys)), make([]bool, len(keys))
	for i, k := range keys {
		shops[i], names[i] = k.Shop, k.Name
	}
	q, waits := g.mode(rankCursors, lockCursors, lockCursorsNow)
	g.queue(batch, q, []any{shops, names}, func(rows pgx.Rows) error {
		var n int
		var s cursorSlot
		var doc []byte
		if err := rows.Scan(&n, &s.id, &s.version, &doc); err != nil {
			return err
		}
		found[n-1] = true
		s.key = keys[n-1]
		_, err := g.cursorRow(s, doc)
		return err
	})
	*missing = append(*missing, func(batch *pgx.Batch) {
		var absentShops, absentNames []string
		for i, k := range keys {
			if found[i] {
				continue
			}
			absentShops, absentNames = append(absentShops, k.Shop), append(absentNames, k.Name)
			if g.cursors[k] == nil {
				g.cursors[k] = &cursorSlot{key: k}
			}
		}
		if !waits && len(absentNames) > 0 {
			g.there(cursorsThere, []any{absentShops, absentNames})(batch)
		}
	})
}

func (g *state) cursorRow(s cursorSlot, doc []byte) (*cursorSlot, error) {
	if old := g.cursors[s.key]; old != nil {
		return old, nil
	}
	c, err := record.Decode[postpurchase.Cursor](doc)
	if err != nil {
		return nil, corrupt(err)
	}
	s.now = c
	g.cursors[s.key] = &s
	return &s, nil
}

func (g *state) wantOwner(k group.MessageKey) { put(&g.wants.owners, k, struct{}{}) }

func (g *state) loadOwners(batch *pgx.Batch, w *wants) {
	if len(w.owners) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.owners))
	shops, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		shops[i], ids[i] = k.Shop, k.Key
		g.owners[k] = nil
	}
	g.queue(batch, ordersOfMessages, []any{shops, ids}, func(rows pgx.Rows) error {
		var n int
		var orderID string
		if err := rows.Scan(&n, &orderID); err != nil {
			return err
		}
		k := keys[n-1]
		g.owners[k] = &group.OrderKey{Shop: k.Shop, ID: orderID}
		return nil
	})
}

func (g *state) loadMessages(batch *pgx.Batch, w *wants) {
	if len(w.messages) == 0 {
		return
	}
	byID, ids := map[int64]*orderSlot{}, []int64{}
	for s := range w.messages {
		if s.messages == nil {
			s.messages = new([]*messageSlot)
			byID[s.id], ids = s, append(ids, s.id)
		}
	}
	g.queue(batch, messagesOfOrders, []any{ids}, func(rows pgx.Rows) error {
		var owner, id int64
		var key string
		var doc []byte
		if err := rows.Scan(&owner, &id, &key, &doc); err != nil {
			return err
		}
		s := byID[owner]
		m := &record.MessageRow{Doc: doc, Key: fromText(key), OrderID: fromText(s.key.ID)}
		*s.messages = append(*s.messages, g.messageRow(s, id, m))
		return nil
	})
}

// loadRefs finds which parcels orders have, and leaves it to the next step to read
// those.
func (g *state) loadRefs(batch *pgx.Batch, w *wants) {
	if len(w.refs) == 0 {
		return
	}
	byID, ids := map[int64]*orderSlot{}, []int64{}
	for s := range w.refs {
		if s.refs == nil {
			s.refs = new([]group.ParcelKey)
			byID[s.id], ids = s, append(ids, s.id)
		}
	}
	g.queue(batch, refsOfOrders, []any{ids}, func(rows pgx.Rows) error {
		var owner, epoch int64
		var k group.ParcelKey
		if err := rows.Scan(&owner, &k.Shop, &k.Carrier, &k.Number, &epoch); err != nil {
			return err
		}
		k.Epoch = int(epoch)
		s := byID[owner]
		*s.refs = append(*s.refs, k)
		return nil
	})
}

func corrupt(err error) error {
	return errors.Join(errCorrupt, err)
}

var errCorrupt = errors.New("postgres: a row is damaged")
