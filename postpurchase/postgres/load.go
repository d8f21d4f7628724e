package postgres

import (
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
)

// wants are the rows that the fns of a group wait for.
type wants struct {
	parcels  map[parcelKey]struct{}
	latest   map[numberKey]struct{}
	orders   map[orderKey]struct{}
	cursors  map[cursorKey]struct{}
	owners   map[messageKey]struct{} // which order a message belongs to
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
func (g *group) mode(rank int, wait, now query) (query, bool) {
	if g.held < rank {
		g.held = rank
		return wait, true
	}
	return now, false
}

// load reads and locks what is wanted.
func (g *group) load() error {
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

func (g *group) send(batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return g.tx.SendBatch(g.ctx, batch).Close()
}

func (g *group) queue(batch *pgx.Batch, q query, args []any, row func(rows pgx.Rows) error) {
	batch.Queue(g.b.sql[q], args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// there asks whether a query without locks finds rows; it must not.
func (g *group) there(q query, args []any) func(batch *pgx.Batch) {
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
	keys                  []parcelKey
	latest                []bool
	shop, carrier, number []string
	epoch                 []*int64
	known                 []int64
	cached                []*cachedParcel
	found                 []bool
}

func (a *parcelArgs) add(k parcelKey, latest bool, known *cachedParcel) {
	a.keys, a.latest, a.found = append(a.keys, k), append(a.latest, latest), append(a.found, false)
	a.shop, a.carrier, a.number = append(a.shop, k.shop), append(a.carrier, k.carrier), append(a.number, k.number)
	var epoch *int64
	if !latest {
		n := int64(k.epoch)
		epoch = &n
	}
	var version int64
	if known != nil {
		version = known.version
	}
	a.epoch, a.known, a.cached = append(a.epoch, epoch), append(a.known, version), append(a.cached, known)
}

func (a *parcelArgs) args() []any { return []any{a.shop, a.carrier, a.number, a.epoch, a.known} }

func (g *group) loadParcels(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.parcels)+len(w.latest) == 0 {
		return
	}
	all := &parcelArgs{}
	for k := range w.parcels {
		all.add(k, false, g.b.cache.parcel(k))
	}
	for n := range w.latest {
		all.add(parcelKey{numberKey: n}, true, g.b.cache.latestOf(n))
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
		s.key.epoch = int(epoch)
		slot, err := g.parcelRow(s, doc, all.cached[n])
		if err == nil && all.latest[n] {
			g.latest[s.key.numberKey] = &latestSlot{parcel: slot}
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
				g.latest[k.numberKey] = &latestSlot{}
			} else if g.parcels[k] == nil {
				g.parcels[k] = &parcelSlot{key: k}
			}
		}
		if len(absent.keys) > 0 {
			g.there(parcelsThere, absent.args())(batch)
		}
	})
}

// parcelRow makes a slot of a row, or returns the one there is.
func (g *group) parcelRow(s parcelSlot, doc []byte, cached *cachedParcel) (*parcelSlot, error) {
	if old := g.parcels[s.key]; old != nil {
		return old, nil
	}
	if doc == nil {
		s.base, s.cost = cached.parcel, cached.cost
	} else {
		p, err := record.Decode[postpurchase.Parcel](doc)
		if err != nil {
			return nil, corrupt(err)
		}
		s.base, s.cost = p, len(doc)
		g.b.cache.putParcel(s.key, s.latest, &cachedParcel{version: s.version, parcel: p, cost: s.cost})
	}
	s.now = s.base
	slot := &s
	g.parcels[s.key] = slot
	if s.latest && g.latest[s.key.numberKey] == nil {
		g.latest[s.key.numberKey] = &latestSlot{parcel: slot}
	}
	return slot, nil
}

func (g *group) loadOrders(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.orders) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.orders))
	shops, ids, known := make([]string, len(keys)), make([]string, len(keys)), make([]int64, len(keys))
	cached := make([]*cachedOrder, len(keys))
	for i, k := range keys {
		shops[i], ids[i] = k.shop, k.id
		if cached[i] = g.b.cache.order(k); cached[i] != nil {
			known[i] = cached[i].version
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
		o, err := record.Decode[order.Order](doc)
		if err != nil {
			return corrupt(err)
		}
		s.base, s.now, s.cost = o, o, len(doc)
		return nil
	})
	*missing = append(*missing, func(batch *pgx.Batch) {
		var absentShops, absentIDs []string
		for i, k := range keys {
			if found[i] {
				continue
			}
			absentShops, absentIDs = append(absentShops, k.shop), append(absentIDs, k.id)
			if g.orders[k] == nil {
				g.orders[k] = &orderSlot{key: k, messages: new([]*messageSlot), refs: new([]parcelKey)}
			}
		}
		if !waits && len(absentIDs) > 0 {
			g.there(ordersThere, []any{absentShops, absentIDs, make([]int64, len(absentIDs))})(batch)
		}
	})
}

// fromCache gives an order what its version stands for.
func (g *group) fromCache(s *orderSlot, c *cachedOrder) {
	s.base, s.now, s.cost = c.order, c.order, c.cost
	if c.messages != nil {
		list := make([]*messageSlot, 0, len(*c.messages))
		for _, m := range *c.messages {
			list = append(list, g.messageRow(s, m.id, m.message))
		}
		s.messages = &list
	}
	s.refs = c.parcels // which have versions of their own
}

func (g *group) messageRow(owner *orderSlot, id int64, m *postpurchase.Message) *messageSlot {
	k := messageOf(owner.key.shop, m.Key)
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

func (g *group) loadCursors(batch *pgx.Batch, w *wants, missing *[]func(*pgx.Batch)) {
	if len(w.cursors) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.cursors))
	shops, names, found := make([]string, len(keys)), make([]string, len(keys)), make([]bool, len(keys))
	for i, k := range keys {
		shops[i], names[i] = k.shop, k.name
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
			absentShops, absentNames = append(absentShops, k.shop), append(absentNames, k.name)
			if g.cursors[k] == nil {
				g.cursors[k] = &cursorSlot{key: k}
			}
		}
		if !waits && len(absentNames) > 0 {
			g.there(cursorsThere, []any{absentShops, absentNames})(batch)
		}
	})
}

func (g *group) cursorRow(s cursorSlot, doc []byte) (*cursorSlot, error) {
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

func (g *group) wantOwner(k messageKey) { put(&g.wants.owners, k, struct{}{}) }

func (g *group) loadOwners(batch *pgx.Batch, w *wants) {
	if len(w.owners) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(w.owners))
	shops, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		shops[i], ids[i] = k.shop, k.key
		g.owners[k] = nil
	}
	g.queue(batch, ordersOfMessages, []any{shops, ids}, func(rows pgx.Rows) error {
		var n int
		var orderID string
		if err := rows.Scan(&n, &orderID); err != nil {
			return err
		}
		k := keys[n-1]
		g.owners[k] = &orderKey{k.shop, orderID}
		return nil
	})
}

func (g *group) loadMessages(batch *pgx.Batch, w *wants) {
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
		m, err := record.Decode[postpurchase.Message](doc)
		if err != nil {
			return corrupt(err)
		}
		s := byID[owner]
		*s.messages = append(*s.messages, g.messageRow(s, id, m))
		return nil
	})
}

// loadRefs finds which parcels orders have, and leaves it to the next step to read
// those.
func (g *group) loadRefs(batch *pgx.Batch, w *wants) {
	if len(w.refs) == 0 {
		return
	}
	byID, ids := map[int64]*orderSlot{}, []int64{}
	for s := range w.refs {
		if s.refs == nil {
			s.refs = new([]parcelKey)
			byID[s.id], ids = s, append(ids, s.id)
		}
	}
	g.queue(batch, refsOfOrders, []any{ids}, func(rows pgx.Rows) error {
		var owner, epoch int64
		var k parcelKey
		if err := rows.Scan(&owner, &k.shop, &k.carrier, &k.number, &epoch); err != nil {
			return err
		}
		k.epoch = int(epoch)
		s := byID[owner]
		*s.refs = append(*s.refs, k)
		return nil
	})
}

func corrupt(err error) error {
	return errors.Join(errCorrupt, err)
}

var errCorrupt = errors.New("postgres: a row is damaged")
