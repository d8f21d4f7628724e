package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// transaction is one run of one Update's fn. What it puts is its own until fn has
// returned, and then becomes part of the group's state.
type transaction struct {
	g       *group
	r       *request
	shop    string
	started bool
	parked  bool       // waits for rows
	resume  chan error // when they are there, or never will be
	failed  error
	err     error // of fn

	reads []read

	// What was put. The rows are not read before fn has returned, and then for all at
	// once.
	ended    bool // fn has returned
	parcels  held[parcelKey, postpurchase.Parcel]
	orders   held[orderKey, order.Order]
	messages held[messageKey, postpurchase.Message]
	cursors  held[cursorKey, postpurchase.Cursor]
	inbox    []postpurchase.InboxItem
	jobs     []postpurchase.Job
}

type read struct {
	stamp *int
	was   int
}

// held are things that were put, in the order of their first put.
type held[K comparable, V any] struct {
	keys  []K
	byKey map[K]*V
}

func (h *held[K, V]) put(k K, v *V) {
	if h.byKey == nil {
		h.byKey = map[K]*V{}
	}
	if _, ok := h.byKey[k]; !ok {
		h.keys = append(h.keys, k)
	}
	h.byKey[k] = v
}

var _ postpurchase.Tx = (*transaction)(nil)

// call runs fn on the goroutine of its caller, who gets a panic of it.
func (t *transaction) call(fn func(tx postpurchase.Tx) error) {
	ended := false
	defer func() {
		t.r.gone = !ended
		t.g.baton <- struct{}{}
	}()
	t.err = fn(t)
	ended, t.ended = true, true
}

// park waits until what the group wants was read.
func (t *transaction) park() error {
	if t.failed == nil {
		t.parked = true
		t.g.baton <- struct{}{}
		t.failed = <-t.resume
		t.parked = false
	}
	return t.failed
}

func (t *transaction) saw(stamp *int) {
	t.reads = append(t.reads, read{stamp, *stamp})
}

// current reports whether nothing that was read was changed by others since.
func (t *transaction) current() bool {
	return !slices.ContainsFunc(t.reads, func(r read) bool { return *r.stamp != r.was })
}

// resolve reports whether all rows that were put are read, and wants those that are
// not.
func (t *transaction) resolve() bool {
	g, ready := t.g, true
	wantOrder := func(k orderKey) *orderSlot {
		s := g.orders[k]
		if s == nil {
			ready = false
			put(&g.wants.orders, k, struct{}{})
		}
		return s
	}
	wantMessages := func(k orderKey) {
		if s := wantOrder(k); s != nil && s.messages == nil {
			ready = false
			put(&g.wants.messages, s, struct{}{})
		}
	}
	for _, k := range t.parcels.keys {
		p, s := t.parcels.byKey[k], g.parcels[k]
		if s == nil {
			ready = false
			put(&g.wants.parcels, k, struct{}{})
		}
		if (s == nil || s.now == nil) && g.latest[k.numberKey] == nil { // a new one may be the latest
			ready = false
			put(&g.wants.latest, k.numberKey, struct{}{})
		}
		if s == nil {
			continue
		}
		for _, id := range ordersOf(s.now, p) {
			if record.HasOrder(s.now, id) != record.HasOrder(p, id) {
				wantOrder(orderOf(t.shop, id))
			}
		}
	}
	for _, k := range t.orders.keys {
		wantOrder(k)
	}
	for _, k := range t.messages.keys {
		wantMessages(orderOf(t.shop, t.messages.byKey[k].OrderID))
		if !g.resolve[k] || g.messages[k] != nil {
			continue
		}
		owner, known := g.owners[k]
		if !known {
			ready = false
			g.wantOwner(k)
		} else if owner != nil { // it is to leave an order, whose messages are read
			wantMessages(*owner)
		}
	}
	for _, k := range t.cursors.keys {
		if g.cursors[k] == nil {
			ready = false
			put(&g.wants.cursors, k, struct{}{})
		}
	}
	return ready
}

// accept makes what was put part of the group's state.
func (t *transaction) accept() {
	g := t.g
	changes := len(t.parcels.keys) + len(t.orders.keys) + len(t.messages.keys) + len(t.cursors.keys) + len(t.inbox)
	for _, k := range t.parcels.keys {
		t.acceptParcel(g.parcels[k], t.parcels.byKey[k])
	}
	for _, k := range t.orders.keys {
		s := g.orders[k]
		s.now, s.changed = t.orders.byKey[k], true
		g.bump(s)
	}
	for _, k := range t.messages.keys {
		t.acceptMessage(k, t.messages.byKey[k])
	}
	for _, k := range t.cursors.keys {
		s := g.cursors[k]
		s.now = t.cursors.byKey[k]
		s.stamp++
		if !s.changed {
			s.changed = true
			g.changedCursors = append(g.changedCursors, s)
		}
	}
	for _, i := range t.inbox {
		g.inbox = append(g.inbox, inboxItem{t.shop, i})
	}
	for _, j := range t.jobs {
		g.jobs = append(g.jobs, shopJob{t.r.shop, j})
	}
	if changes > 0 {
		g.stamp++
	}
}

func (t *transaction) acceptMessage(k messageKey, m *postpurchase.Message) {
	g := t.g
	owner, s := g.orders[orderOf(t.shop, m.OrderID)], g.messages[k]
	if s == nil {
		s = &messageSlot{key: k}
		g.messages[k] = s
	}
	if s.owner != owner {
		if s.owner != nil {
			g.bump(s.owner)
			*s.owner.messages = slices.DeleteFunc(*s.owner.messages, func(other *messageSlot) bool { return other == s })
		}
		s.owner = owner
		*owner.messages = append(*owner.messages, s)
	}
	g.bump(owner)
	s.now = m
	s.stamp++
	if !s.changed {
		s.changed = true
		g.changedMessages = append(g.changedMessages, s)
	}
}

func (t *transaction) acceptParcel(s *parcelSlot, p *postpurchase.Parcel) {
	g := t.g
	for _, id := range ordersOf(s.now, p) {
		was, is := record.HasOrder(s.now, id), record.HasOrder(p, id)
		if was == is {
			continue
		}
		o := g.orders[orderOf(t.shop, id)]
		g.bump(o)
		if is && o.parcels != nil && !slices.Contains(*o.parcels, s) {
			*o.parcels = append(*o.parcels, s)
		}
	}
	if l := g.latest[s.key.numberKey]; l != nil && (l.parcel == nil || l.parcel.key.epoch < s.key.epoch) {
		l.parcel = s
		l.stamp++
	}
	s.now = p
	s.stamp++
	if !s.changed {
		s.changed = true
		g.changedParcels = append(g.changedParcels, s)
	}
}

// bump says that an order, or what belongs to it, has changed.
func (g *group) bump(o *orderSlot) {
	o.stamp++
	if !o.bumps {
		o.bumps = true
		g.changedOrders = append(g.changedOrders, o)
	}
}

// ordersOf are the orders of a parcel before or after a change, each once.
func ordersOf(parcels ...*postpurchase.Parcel) (ids []string) {
	for _, p := range parcels {
		if p == nil {
			continue
		}
		for _, o := range p.Orders {
			if !slices.Contains(ids, o.OrderID) {
				ids = append(ids, o.OrderID)
			}
		}
	}
	return ids
}

// The following return slots once they are read.

func (t *transaction) parcelSlot(ref shipment.Ref) (*parcelSlot, error) {
	k := keyOf(t.shop, ref)
	for {
		if s := t.g.parcels[k]; s != nil {
			t.saw(&s.stamp)
			return s, nil
		}
		put(&t.g.wants.parcels, k, struct{}{})
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

func (t *transaction) latestSlot(carrier, number string) (*latestSlot, error) {
	n := numberOf(t.shop, carrier, number)
	for {
		if s := t.g.latest[n]; s != nil {
			t.saw(&s.stamp)
			return s, nil
		}
		put(&t.g.wants.latest, n, struct{}{})
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

func (t *transaction) orderSlot(id string) (*orderSlot, error) {
	k := orderOf(t.shop, id)
	for {
		if s := t.g.orders[k]; s != nil {
			t.saw(&s.stamp)
			return s, nil
		}
		put(&t.g.wants.orders, k, struct{}{})
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

// orderWithMessages returns an order whose messages were read.
func (t *transaction) orderWithMessages(id string) (*orderSlot, error) {
	for {
		s, err := t.orderSlot(id)
		if err != nil || s.messages != nil {
			return s, err
		}
		put(&t.g.wants.messages, s, struct{}{})
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

// orderWithParcels returns an order whose parcels were read.
func (t *transaction) orderWithParcels(id string) (*orderSlot, error) {
	for {
		s, err := t.orderSlot(id)
		if err != nil || s.parcels != nil {
			return s, err
		}
		complete := s.refs != nil
		if !complete {
			put(&t.g.wants.refs, s, struct{}{})
		} else {
			for _, k := range *s.refs {
				if t.g.parcels[k] == nil {
					complete = false
					put(&t.g.wants.parcels, k, struct{}{})
				}
			}
		}
		if complete {
			list := make([]*parcelSlot, 0, len(*s.refs))
			for _, k := range *s.refs {
				list = append(list, t.g.parcels[k])
			}
			// Those that got the order in this group before its list was read.
			for _, p := range t.g.changedParcels {
				if p.key.shop == t.shop && record.HasOrder(p.now, id) && !slices.Contains(list, p) {
					list = append(list, p)
				}
			}
			s.parcels = &list
			return s, nil
		}
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

// messageSlot finds a message wherever it is, together with its order. It is nil if
// there is none.
func (t *transaction) messageSlot(key string) (*messageSlot, error) {
	k := messageOf(t.shop, key)
	for {
		if s := t.g.messages[k]; s != nil {
			t.saw(&s.stamp)
			t.saw(&s.owner.stamp)
			return s, nil
		}
		owner, known := t.g.owners[k]
		switch {
		case !known:
			t.g.wantOwner(k)
			if err := t.park(); err != nil {
				return nil, err
			}
		case owner == nil:
			t.saw(&t.g.stamp)
			return nil, nil
		default:
			o, err := t.orderWithMessages(fromText(owner.id))
			if err != nil {
				return nil, err
			}
			if t.g.messages[k] == nil { // it has left its order, or is no more
				t.saw(&o.stamp)
				delete(t.g.owners, k)
			}
		}
	}
}

func (t *transaction) cursorSlot(name string) (*cursorSlot, error) {
	k := cursorKey{t.shop, toText(name)}
	for {
		if s := t.g.cursors[k]; s != nil {
			t.saw(&s.stamp)
			return s, nil
		}
		put(&t.g.wants.cursors, k, struct{}{})
		if err := t.park(); err != nil {
			return nil, err
		}
	}
}

// list waits for a query of its own.
func (t *transaction) list(q query, args []any, row func(rows pgx.Rows) error) error {
	t.g.wants.lists = append(t.g.wants.lists, func(batch *pgx.Batch) { t.g.queue(batch, q, args, row) })
	t.saw(&t.g.stamp)
	return t.park()
}

// The values as this Update sees them.

func (t *transaction) parcel(s *parcelSlot) *postpurchase.Parcel {
	if v, ok := t.parcels.byKey[s.key]; ok {
		return v
	}
	return s.now
}

func (t *transaction) order(s *orderSlot) *order.Order {
	if v, ok := t.orders.byKey[s.key]; ok {
		return v
	}
	return s.now
}

func (t *transaction) message(s *messageSlot) *postpurchase.Message {
	if v, ok := t.messages.byKey[s.key]; ok {
		return v
	}
	return s.now
}

func (t *transaction) cursor(s *cursorSlot) *postpurchase.Cursor {
	if v, ok := t.cursors.byKey[s.key]; ok {
		return v
	}
	return s.now
}

func giveParcel(p *postpurchase.Parcel) (*postpurchase.Parcel, error) {
	if p == nil {
		return nil, notFound("parcel")
	}
	return record.CloneParcel(p), nil
}

func (t *transaction) Order(id string) (*order.Order, error) {
	if o, ok := t.orders.byKey[orderOf(t.shop, id)]; ok {
		return record.CloneOrder(o), nil
	}
	s, err := t.orderSlot(id)
	if err != nil {
		return nil, err
	}
	if s.now == nil {
		return nil, notFound("order")
	}
	return record.CloneOrder(s.now), nil
}

func (t *transaction) OrdersByNumber(number string) ([]*order.Order, error) {
	return t.orderList(idsByNumber, number, func(o *order.Order) bool { return o.DisplayNumber() == number })
}

func (t *transaction) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if email = postpurchase.FoldEmail(email); email == "" {
		return nil, nil
	}
	return t.orderList(idsByEmail, email, func(o *order.Order) bool { return postpurchase.FoldEmail(o.Customer.Email) == email })
}

// orderList reads the orders that a query finds, and those that this group has changed,
// the newest first.
func (t *transaction) orderList(q query, arg string, is func(o *order.Order) bool) ([]*order.Order, error) {
	var ids []string
	if err := t.list(q, []any{t.shop, toText(arg)}, func(rows pgx.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, fromText(id))
		return err
	}); err != nil {
		return nil, err
	}
	var slots []*orderSlot
	for _, id := range ids {
		if k := orderOf(t.shop, id); t.g.orders[k] == nil {
			put(&t.g.wants.orders, k, struct{}{})
		}
	}
	for _, id := range ids {
		s, err := t.orderSlot(id)
		if err != nil {
			return nil, err
		}
		slots = append(slots, s)
	}
	slots = append(slots, t.g.changedOrders...)
	var all []*order.Order
	seen := map[orderKey]bool{}
	for _, s := range slots {
		if o := t.order(s); s.key.shop == t.shop && o != nil && is(o) && !seen[s.key] {
			all = append(all, record.CloneOrder(o))
		}
		seen[s.key] = true
	}
	for _, k := range t.orders.keys {
		if o := t.orders.byKey[k]; !seen[k] && is(o) {
			all = append(all, record.CloneOrder(o))
		}
	}
	slices.Reverse(all) // the last kept first, where the time is the same
	slices.SortStableFunc(all, func(a, b *order.Order) int { return b.PlacedAt.Compare(a.PlacedAt) })
	return all, nil
}

func (t *transaction) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	if p, ok := t.parcels.byKey[keyOf(t.shop, ref)]; ok {
		return record.CloneParcel(p), nil
	}
	s, err := t.parcelSlot(ref)
	if err != nil {
		return nil, err
	}
	return giveParcel(s.now)
}

func (t *transaction) LatestParcel(carrier, number string) (*postpurchase.Parcel, error) {
	l, err := t.latestSlot(carrier, number)
	if err != nil {
		return nil, err
	}
	var latest *postpurchase.Parcel
	if s := l.parcel; s != nil {
		t.saw(&s.stamp)
		latest = t.parcel(s)
	}
	for _, k := range t.parcels.keys {
		if k.numberKey == numberOf(t.shop, carrier, number) && (latest == nil || k.epoch > latest.Shipment.Ref.Epoch) {
			latest = t.parcels.byKey[k]
		}
	}
	return giveParcel(latest)
}

func (t *transaction) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	o, err := t.orderWithParcels(orderID)
	if err != nil {
		return nil, err
	}
	var all []*postpurchase.Parcel
	for _, s := range *o.parcels {
		t.saw(&s.stamp)
		if p := t.parcel(s); record.HasOrder(p, orderID) {
			all = append(all, record.CloneParcel(p))
		}
	}
	for _, k := range t.parcels.keys {
		if p := t.parcels.byKey[k]; record.HasOrder(p, orderID) && !slices.ContainsFunc(*o.parcels, func(s *parcelSlot) bool { return s.key == k }) {
			all = append(all, record.CloneParcel(p))
		}
	}
	slices.SortStableFunc(all, func(a, b *postpurchase.Parcel) int { return a.Followed.Compare(b.Followed) })
	return all, nil
}

// parcelList reads a list that a query finds, and what this group has changed besides.
func (t *transaction) parcelList(slots []*parcelSlot, is func(p *postpurchase.Parcel) bool, less func(a, b *postpurchase.Parcel) int, limit int) []*postpurchase.Parcel {
	slots = append(slots, t.g.changedParcels...)
	seen := map[parcelKey]bool{}
	var all []*postpurchase.Parcel
	for _, s := range slots {
		if v := t.parcel(s); !seen[s.key] && s.key.shop == t.shop && v != nil && is(v) {
			t.saw(&s.stamp)
			all = append(all, v)
		}
		seen[s.key] = true
	}
	for _, k := range t.parcels.keys {
		if v := t.parcels.byKey[k]; !seen[k] && is(v) {
			all = append(all, v)
		}
	}
	if less != nil {
		slices.SortStableFunc(all, less)
	}
	all = all[:min(len(all), max(limit, 0))]
	for i, p := range all {
		all[i] = record.CloneParcel(p)
	}
	return all
}

// more is how many rows to read so that limit are left without the changed ones.
func more(limit, changed int) int { return max(limit, 0) + changed }

func (t *transaction) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	var refs []shipment.Ref
	if err := t.list(byHealth(h, refsByHealth, refsByTrouble), []any{t.shop, toText(record.Health(h)), more(limit, len(t.g.changedParcels)+len(t.parcels.keys))}, func(rows pgx.Rows) error {
		var r shipment.Ref
		err := rows.Scan(&r.Carrier, &r.TrackingNumber, &r.Epoch)
		r.Carrier, r.TrackingNumber = fromText(r.Carrier), fromText(r.TrackingNumber)
		refs = append(refs, r)
		return err
	}); err != nil {
		return nil, err
	}
	for _, r := range refs {
		if k := keyOf(t.shop, r); t.g.parcels[k] == nil {
			put(&t.g.wants.parcels, k, struct{}{})
		}
	}
	var slots []*parcelSlot
	for _, r := range refs {
		s, err := t.parcelSlot(r)
		if err != nil {
			return nil, err
		}
		slots = append(slots, s)
	}
	return t.parcelList(slots, func(p *postpurchase.Parcel) bool { return record.Health(p.Health) == record.Health(h) }, nil, limit), nil
}

func (t *transaction) DueParcels(timer postpurchase.Timer, carrier string, now time.Time, limit int) ([]*postpurchase.Parcel, error) {
	var q query
	switch timer {
	case postpurchase.TimerPoll:
		q = claimPoll
	case postpurchase.TimerCheck:
		q = claimCheck
	case postpurchase.TimerRenew:
		q = claimRenew
	default:
		return nil, nil // nothing has such a timer
	}
	g := t.g
	g.held = max(g.held, rankParcels) // others' rows are left out, and never waited for
	var slots []*parcelSlot
	if err := t.list(q, []any{t.shop, toText(carrier), record.Nanos(now), more(limit, len(g.changedParcels)+len(t.parcels.keys))}, func(rows pgx.Rows) error {
		s := parcelSlot{key: parcelKey{numberKey: numberKey{shop: t.shop}}}
		var doc []byte
		if err := rows.Scan(&s.id, &s.version, &s.key.epoch, &s.latest, &s.key.carrier, &s.key.number, &doc); err != nil {
			return err
		}
		put(&g.known.parcels, s.key, struct{}{})
		slot, err := g.parcelRow(s, doc, nil)
		slots = append(slots, slot)
		return err
	}); err != nil {
		return nil, err
	}
	is := func(p *postpurchase.Parcel) bool {
		at := record.Timer(p, timer)
		return !at.IsZero() && !at.After(now) && (carrier == "" || p.Shipment.Ref.Carrier == carrier)
	}
	less := func(a, b *postpurchase.Parcel) int { return record.Timer(a, timer).Compare(record.Timer(b, timer)) }
	return t.parcelList(slots, is, less, limit), nil
}

func (t *transaction) Message(key string) (*postpurchase.Message, error) {
	if m, ok := t.messages.byKey[messageOf(t.shop, key)]; ok {
		return record.CloneMessage(m), nil
	}
	s, err := t.messageSlot(key)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, notFound("message")
	}
	return record.CloneMessage(s.now), nil
}

func (t *transaction) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	o, err := t.orderWithMessages(orderID)
	if err != nil {
		return nil, err
	}
	var all []*postpurchase.Message
	for _, s := range *o.messages {
		if m := t.message(s); m != nil && m.OrderID == orderID {
			all = append(all, record.CloneMessage(m))
		}
	}
	for _, k := range t.messages.keys {
		if m := t.messages.byKey[k]; m.OrderID == orderID && !slices.ContainsFunc(*o.messages, func(s *messageSlot) bool { return s.key == k }) {
			all = append(all, record.CloneMessage(m))
		}
	}
	return all, nil
}

// messageList is parcelList for messages.
func (t *transaction) messageList(slots []*messageSlot, is func(m *postpurchase.Message) bool, less func(a, b *postpurchase.Message) int, limit int) []*postpurchase.Message {
	slots = append(slots, t.g.changedMessages...)
	seen := map[messageKey]bool{}
	var all []*postpurchase.Message
	for _, s := range slots {
		if v := t.message(s); !seen[s.key] && s.key.shop == t.shop && v != nil && is(v) {
			t.saw(&s.stamp)
			all = append(all, v)
		}
		seen[s.key] = true
	}
	for _, k := range t.messages.keys {
		if v := t.messages.byKey[k]; !seen[k] && is(v) {
			all = append(all, v)
		}
	}
	if less != nil {
		slices.SortStableFunc(all, less)
	}
	all = all[:min(len(all), max(limit, 0))]
	for i, m := range all {
		all[i] = record.CloneMessage(m)
	}
	return all
}

// found reads the orders of messages that a query has found, and returns those of the
// messages that are still there.
func (t *transaction) found(keys, orders []string) ([]*messageSlot, error) {
	for _, id := range orders {
		if k := (orderOf(t.shop, id)); t.g.orders[k] == nil {
			put(&t.g.wants.orders, k, struct{}{})
		}
	}
	for _, id := range orders {
		s, err := t.orderSlot(id)
		if err != nil {
			return nil, err
		}
		if s.messages == nil {
			put(&t.g.wants.messages, s, struct{}{})
		}
	}
	for _, id := range orders {
		if _, err := t.orderWithMessages(id); err != nil {
			return nil, err
		}
	}
	var slots []*messageSlot
	for _, k := range keys {
		if s := t.g.messages[messageOf(t.shop, k)]; s != nil {
			slots = append(slots, s)
		}
	}
	return slots, nil
}

func (t *transaction) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	var keys, orders []string
	if err := t.list(keysByState, []any{t.shop, toText(string(state)), more(limit, len(t.g.changedMessages)+len(t.messages.keys))}, func(rows pgx.Rows) error {
		var key, id string
		err := rows.Scan(&key, &id)
		keys, orders = append(keys, fromText(key)), append(orders, fromText(id))
		return err
	}); err != nil {
		return nil, err
	}
	slots, err := t.found(keys, orders)
	if err != nil {
		return nil, err
	}
	return t.messageList(slots, func(m *postpurchase.Message) bool { return m.State == state }, nil, limit), nil
}

func (t *transaction) DueMessages(now time.Time, limit int) ([]*postpurchase.Message, error) {
	t.g.held = max(t.g.held, rankOrders)
	var keys, orders []string
	if err := t.list(claimMessages, []any{t.shop, record.Nanos(now), more(limit, len(t.g.changedMessages)+len(t.messages.keys))}, func(rows pgx.Rows) error {
		var key, id string
		var row int64
		err := rows.Scan(&key, &id, &row)
		keys, orders = append(keys, fromText(key)), append(orders, fromText(id))
		return err
	}); err != nil {
		return nil, err
	}
	slots, err := t.found(keys, orders)
	if err != nil {
		return nil, err
	}
	is := func(m *postpurchase.Message) bool {
		return m.State == notify.StatePending && !m.SendAt.IsZero() && !m.SendAt.After(now)
	}
	return t.messageList(slots, is, func(a, b *postpurchase.Message) int { return a.SendAt.Compare(b.SendAt) }, limit), nil
}

func (t *transaction) Inbox(limit int) ([]postpurchase.InboxItem, error) {
	var all []postpurchase.InboxItem
	seen := map[string]bool{}
	add := func(i postpurchase.InboxItem) {
		if !seen[i.Digest] {
			i.Body = slices.Clone(i.Body)
			all = append(all, i)
		}
		seen[i.Digest] = true
	}
	if err := t.list(getInbox, []any{t.shop, max(limit, 0)}, func(rows pgx.Rows) error {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return err
		}
		i, err := record.Decode[postpurchase.InboxItem](doc)
		if err != nil {
			return corrupt(err)
		}
		add(*i)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, i := range t.g.inbox {
		if i.shop == t.shop {
			add(i.item)
		}
	}
	for _, i := range t.inbox {
		add(i)
	}
	slices.SortStableFunc(all, func(a, b postpurchase.InboxItem) int { return b.Received.Compare(a.Received) })
	return all[:min(len(all), max(limit, 0))], nil
}

func (t *transaction) Cursor(name string) (postpurchase.Cursor, error) {
	if c, ok := t.cursors.byKey[cursorKey{t.shop, toText(name)}]; ok {
		return *c, nil
	}
	s, err := t.cursorSlot(name)
	if err != nil {
		return postpurchase.Cursor{}, err
	}
	if s.now == nil {
		return postpurchase.Cursor{}, notFound("cursor")
	}
	return *s.now, nil
}

func (t *transaction) DueCursors(now time.Time, limit int) ([]postpurchase.Cursor, error) {
	g := t.g
	g.held = max(g.held, rankCursors)
	var slots []*cursorSlot
	if err := t.list(claimCursors, []any{t.shop, record.Nanos(now), more(limit, len(g.changedCursors)+len(t.cursors.keys))}, func(rows pgx.Rows) error {
		s := cursorSlot{key: cursorKey{shop: t.shop}}
		var doc []byte
		if err := rows.Scan(&s.id, &s.version, &s.key.name, &doc); err != nil {
			return err
		}
		put(&g.known.cursors, s.key, struct{}{})
		slot, err := g.cursorRow(s, doc)
		slots = append(slots, slot)
		return err
	}); err != nil {
		return nil, err
	}
	slots = append(slots, g.changedCursors...)
	is := func(c *postpurchase.Cursor) bool { return c != nil && !c.Due.IsZero() && !c.Due.After(now) }
	var all []postpurchase.Cursor
	seen := map[cursorKey]bool{}
	for _, s := range slots {
		if c := t.cursor(s); s.key.shop == t.shop && is(c) && !seen[s.key] {
			all = append(all, *c)
		}
		seen[s.key] = true
	}
	for _, k := range t.cursors.keys {
		if c := t.cursors.byKey[k]; !seen[k] && is(c) {
			all = append(all, *c)
		}
	}
	slices.SortStableFunc(all, func(a, b postpurchase.Cursor) int { return a.Due.Compare(b.Due) })
	return all[:min(len(all), max(limit, 0))], nil
}

func (t *transaction) NextDue() (time.Time, error) {
	g := t.g
	parcelIDs, messageIDs, cursorIDs := []int64{}, []int64{}, []int64{}
	var times []time.Time
	// What was put and not read yet is read now, so that it can be left out.
	for !t.resolve() {
		if err := t.park(); err != nil {
			return time.Time{}, err
		}
	}
	for _, s := range g.parcels {
		if p, mine := t.parcels.byKey[s.key]; mine || s.changed {
			if parcelIDs = append(parcelIDs, s.id); !mine {
				p = s.now
			}
			if s.key.shop == t.shop {
				times = append(times, p.PollAt, p.CheckAt, p.RenewAt)
			}
		}
	}
	for _, s := range g.changedMessages {
		messageIDs = append(messageIDs, s.id)
		if _, mine := t.messages.byKey[s.key]; !mine && s.key.shop == t.shop && s.now.State == notify.StatePending {
			times = append(times, s.now.SendAt)
		}
	}
	for k, m := range t.messages.byKey {
		if s := g.messages[k]; s != nil {
			messageIDs = append(messageIDs, s.id)
		}
		if m.State == notify.StatePending {
			times = append(times, m.SendAt)
		}
	}
	for _, s := range g.cursors {
		if c, mine := t.cursors.byKey[s.key]; mine || s.changed {
			if cursorIDs = append(cursorIDs, s.id); !mine {
				c = s.now
			}
			if s.key.shop == t.shop {
				times = append(times, c.Due)
			}
		}
	}
	if err := t.list(nextDue, []any{t.shop, parcelIDs, messageIDs, cursorIDs}, func(rows pgx.Rows) error {
		var next *int64
		if err := rows.Scan(&next); err != nil || next == nil {
			return err
		}
		times = append(times, time.Unix(0, *next).UTC())
		return nil
	}); err != nil {
		return time.Time{}, err
	}
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Time{}, nil
	}
	return slices.MinFunc(times, time.Time.Compare).UTC(), nil
}

func (t *transaction) PutOrder(o *order.Order) error {
	t.orders.put(orderOf(t.shop, o.ID), record.CloneOrder(o))
	return nil
}

func (t *transaction) PutParcel(p *postpurchase.Parcel) error {
	t.parcels.put(keyOf(t.shop, p.Shipment.Ref), record.CloneParcel(p))
	return nil
}

func (t *transaction) PutMessage(m *postpurchase.Message) error {
	t.messages.put(messageOf(t.shop, m.Key), record.CloneMessage(m))
	return nil
}

func (t *transaction) PutInbox(i postpurchase.InboxItem) error {
	i.Body = slices.Clone(i.Body)
	t.inbox = append(t.inbox, i)
	return nil
}

func (t *transaction) PutCursor(c postpurchase.Cursor) error {
	t.cursors.put(cursorKey{t.shop, toText(c.Name)}, &c)
	return nil
}

func (t *transaction) Enqueue(j postpurchase.Job) error {
	j.Args = slices.Clone(j.Args)
	t.jobs = append(t.jobs, j)
	return nil
}
