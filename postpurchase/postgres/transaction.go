package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/jobs"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// transaction is one run of one Update's fn. What it puts is its own until fn has
// returned, and then becomes part of the group's state.
type transaction struct {
	*group.Puts
	g       *state
	r       *group.Request
	shop    string
	started bool
	stale   bool       // its draft has read what is no longer so
	parked  bool       // waits for rows
	resume  chan error // when they are there, or never will be
	failed  error
	ended   bool // fn has
	err     error

	reads []read
}

type read struct {
	stamp *int
	was   int
}

var (
	_ group.Transaction       = (*transaction)(nil)
	_ postpurchase.Prefetcher = (*transaction)(nil)
)

// newTransaction returns the transaction of a request, which goes on from puts.
func newTransaction(g *state, r *group.Request, puts *group.Puts) *transaction {
	return &transaction{Puts: puts, g: g, r: r, shop: puts.Keys.Shop, resume: make(chan error)}
}

// Ended implements [group.Transaction].
func (t *transaction) Ended() {
	t.ended, t.err = true, t.r.Err
	t.g.baton <- struct{}{}
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
	wantOrder := func(k group.OrderKey) *orderSlot {
		s := g.orders[k]
		if s == nil {
			ready = false
			put(&g.wants.orders, k, struct{}{})
		}
		return s
	}
	wantMessages := func(k group.OrderKey) {
		if s := wantOrder(k); s != nil && s.messages == nil {
			ready = false
			put(&g.wants.messages, s, struct{}{})
		}
	}
	for i, k := range t.Parcels.Keys {
		p, s := t.Parcels.At(i), g.parcels[k]
		if s == nil {
			ready = false
			put(&g.wants.parcels, k, struct{}{})
		}
		if (s == nil || s.now == nil) && g.latest[k.NumberKey] == nil { // a new one may be the latest
			ready = false
			put(&g.wants.latest, k.NumberKey, struct{}{})
		}
		if s == nil {
			continue
		}
		for _, id := range ordersOf(s.now, p) {
			if s.now.Has(id) != p.Has(id) {
				wantOrder(t.Keys.Order(id))
			}
		}
	}
	for _, k := range t.Orders.Keys {
		wantOrder(k)
	}
	for i, k := range t.Messages.Keys {
		wantMessages(t.Keys.Order(t.Messages.At(i).OrderID))
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
	for _, k := range t.Cursors.Keys {
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
	changes := len(t.Parcels.Keys) + len(t.Orders.Keys) + len(t.Messages.Keys) + len(t.Cursors.Keys) + len(t.Puts.Inbox)
	for i, k := range t.Parcels.Keys {
		t.acceptParcel(g.parcels[k], t.Parcels.At(i))
	}
	for i, k := range t.Orders.Keys {
		s := g.orders[k]
		s.now, s.changed = t.Orders.At(i), true
		g.bump(s)
	}
	for i, k := range t.Messages.Keys {
		t.acceptMessage(k, t.Messages.At(i))
	}
	for i, k := range t.Cursors.Keys {
		s := g.cursors[k]
		s.now = t.Cursors.At(i)
		s.stamp++
		if !s.changed {
			s.changed = true
			g.changedCursors = append(g.changedCursors, s)
		}
	}
	for _, i := range t.Puts.Inbox {
		g.inbox = append(g.inbox, inboxItem{t.shop, i})
	}
	if t.Dropped != nil {
		put(&g.dropped, t.shop, max(g.dropped[t.shop], *t.Dropped))
		changes++
	}
	for _, j := range t.Jobs {
		g.jobs = append(g.jobs, jobs.Of{Shop: t.shop, Job: j})
	}
	if changes > 0 {
		g.stamp++
	}
}

func (t *transaction) acceptMessage(k group.MessageKey, m *record.MessageRow) {
	g := t.g
	owner, s := g.orders[t.Keys.Order(m.OrderID)], g.messages[k]
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

func (t *transaction) acceptParcel(s *parcelSlot, p *record.ParcelRow) {
	g := t.g
	for _, id := range ordersOf(s.now, p) {
		was, is := s.now.Has(id), p.Has(id)
		if was == is {
			continue
		}
		o := g.orders[t.Keys.Order(id)]
		g.bump(o)
		if is && o.parcels != nil && !slices.Contains(*o.parcels, s) {
			*o.parcels = append(*o.parcels, s)
		}
	}
	if l := g.latest[s.key.NumberKey]; l != nil && (l.parcel == nil || l.parcel.key.Epoch < s.key.Epoch) {
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
func (g *state) bump(o *orderSlot) {
	o.stamp++
	if !o.bumps {
		o.bumps = true
		g.changedOrders = append(g.changedOrders, o)
	}
}

// ordersOf are the orders of a parcel before or after a change, each once.
func ordersOf(rows ...*record.ParcelRow) (ids []string) {
	for _, p := range rows {
		if p == nil {
			continue
		}
		for _, id := range p.Orders {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// The following return slots once they are read.

func (t *transaction) parcelSlot(ref shipment.Ref) (*parcelSlot, error) {
	k := t.Keys.Parcel(ref)
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
	n := t.Keys.Number(carrier, number)
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
	k := t.Keys.Order(id)
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
				if p.key.Shop == t.shop && p.now.Has(id) && !slices.Contains(list, p) {
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
	k := t.Keys.Message(key)
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
			o, err := t.orderWithMessages(fromText(owner.ID))
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
	k := t.Keys.Cursor(name)
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
func (t *transaction) list(q string, args []any, row func(rows pgx.Rows) error) error {
	t.g.wants.lists = append(t.g.wants.lists, func(batch *pgx.Batch) { t.g.ask(batch, q, args, row) })
	t.saw(&t.g.stamp)
	return t.park()
}

// The values as this Update sees them.

func (t *transaction) parcel(s *parcelSlot) *record.ParcelRow {
	if v, ok := t.Parcels.Get(s.key); ok {
		return v
	}
	return s.now
}

func (t *transaction) order(s *orderSlot) *record.OrderRow {
	if v, ok := t.Orders.Get(s.key); ok {
		return v
	}
	return s.now
}

func (t *transaction) message(s *messageSlot) *record.MessageRow {
	if v, ok := t.Messages.Get(s.key); ok {
		return v
	}
	return s.now
}

func (t *transaction) cursor(s *cursorSlot) *postpurchase.Cursor {
	if v, ok := t.Cursors.Get(s.key); ok {
		return v
	}
	return s.now
}

func giveParcel(p *record.ParcelRow) (*postpurchase.Parcel, error) {
	if p == nil {
		return nil, record.NotFound("parcel")
	}
	v, err := p.Parcel()
	if err != nil {
		return nil, corrupt(err)
	}
	return v, nil
}

func giveOrder(o *record.OrderRow) (*order.Order, error) {
	if o == nil {
		return nil, record.NotFound("order")
	}
	v, err := o.Order()
	if err != nil {
		return nil, corrupt(err)
	}
	return v, nil
}

func giveMessage(m *record.MessageRow) (*postpurchase.Message, error) {
	v, err := m.Message()
	if err != nil {
		return nil, corrupt(err)
	}
	return v, nil
}

// Prefetch implements [postpurchase.Prefetcher]: three steps, however many parcels.
func (t *transaction) Prefetch(refs []shipment.Ref) error {
	g := t.g
	for _, r := range refs {
		if n := t.Keys.Number(r.Carrier, r.TrackingNumber); g.latest[n] == nil {
			put(&g.wants.latest, n, struct{}{})
		}
	}
	if err := t.parkForWants(); err != nil {
		return err
	}
	var orders []group.OrderKey
	for _, r := range refs {
		l := g.latest[t.Keys.Number(r.Carrier, r.TrackingNumber)]
		if l == nil || l.parcel == nil || l.parcel.now == nil {
			continue
		}
		for _, id := range l.parcel.now.Orders {
			k := t.Keys.Order(id)
			if orders = append(orders, k); g.orders[k] == nil {
				put(&g.wants.orders, k, struct{}{})
			}
		}
	}
	if err := t.parkForWants(); err != nil {
		return err
	}
	for _, k := range orders {
		if s := g.orders[k]; s != nil && s.messages == nil {
			put(&g.wants.messages, s, struct{}{})
		}
	}
	return t.parkForWants()
}

// parkForWants waits for rows if any are wanted, which may be for others.
func (t *transaction) parkForWants() error {
	if t.g.wants.empty() {
		return nil
	}
	return t.park()
}

func (t *transaction) Order(id string) (*order.Order, error) {
	if o, ok := t.Orders.Get(t.Keys.Order(id)); ok {
		return giveOrder(o)
	}
	s, err := t.orderSlot(id)
	if err != nil {
		return nil, err
	}
	return giveOrder(s.now)
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
	if err := t.list(t.g.b.sql[q], []any{t.shop, toText(arg)}, func(rows pgx.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, fromText(id))
		return err
	}); err != nil {
		return nil, err
	}
	var slots []*orderSlot
	for _, id := range ids {
		if k := t.Keys.Order(id); t.g.orders[k] == nil {
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
	seen := map[group.OrderKey]bool{}
	add := func(k group.OrderKey, row *record.OrderRow) error {
		if seen[k] || k.Shop != t.shop || row == nil {
			return nil
		}
		seen[k] = true
		o, err := giveOrder(row)
		if err == nil && is(o) {
			all = append(all, o)
		}
		return err
	}
	for _, s := range slots {
		if err := add(s.key, t.order(s)); err != nil {
			return nil, err
		}
	}
	for i, k := range t.Orders.Keys {
		if err := add(k, t.Orders.At(i)); err != nil {
			return nil, err
		}
	}
	slices.Reverse(all) // the last kept first, where the time is the same
	slices.SortStableFunc(all, func(a, b *order.Order) int { return b.PlacedAt.Compare(a.PlacedAt) })
	return all, nil
}

func (t *transaction) Parcel(ref shipment.Ref) (*postpurchase.Parcel, error) {
	if p, ok := t.Parcels.Get(t.Keys.Parcel(ref)); ok {
		return giveParcel(p)
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
	var latest *record.ParcelRow
	if s := l.parcel; s != nil {
		t.saw(&s.stamp)
		latest = t.parcel(s)
	}
	if mine := t.Latest(t.Keys.Number(carrier, number)); mine != nil && (latest == nil || mine.Ref.Epoch > latest.Ref.Epoch) {
		latest = mine
	}
	return giveParcel(latest)
}

func (t *transaction) ParcelsOfOrder(orderID string) ([]*postpurchase.Parcel, error) {
	o, err := t.orderWithParcels(orderID)
	if err != nil {
		return nil, err
	}
	had := make([]*record.ParcelRow, 0, len(*o.parcels))
	for _, s := range *o.parcels {
		t.saw(&s.stamp)
		if s.now != nil {
			had = append(had, s.now)
		}
	}
	all, err := t.ParcelsOf(orderID, had)
	if err != nil {
		return nil, corrupt(err)
	}
	return all, nil
}

// parcelList reads a list that a query finds, and what this group has changed besides.
func (t *transaction) parcelList(slots []*parcelSlot, is func(p *record.ParcelRow) bool, less func(a, b *record.ParcelRow) int, limit int) []*record.ParcelRow {
	slots = append(slots, t.g.changedParcels...)
	seen := map[group.ParcelKey]bool{}
	var all []*record.ParcelRow
	for _, s := range slots {
		if v := t.parcel(s); !seen[s.key] && s.key.Shop == t.shop && v != nil && is(v) {
			t.saw(&s.stamp)
			all = append(all, v)
		}
		seen[s.key] = true
	}
	for i, k := range t.Parcels.Keys {
		if v := t.Parcels.At(i); !seen[k] && is(v) {
			all = append(all, v)
		}
	}
	if less != nil {
		slices.SortStableFunc(all, less)
	}
	return all[:min(len(all), max(limit, 0))]
}

// more is how many rows to read so that limit are left without the changed ones.
func more(limit, changed int) int { return max(limit, 0) + changed }

func (t *transaction) ParcelsByHealth(h shipment.Health, limit int) ([]*postpurchase.Parcel, error) {
	q := refsByTrouble
	if record.ByHealth(h) == record.ParcelsByHealth {
		q = refsByHealth
	}
	var refs []shipment.Ref
	if err := t.list(t.g.b.sql[q], []any{t.shop, toText(record.Health(h)), more(limit, len(t.g.changedParcels)+len(t.Parcels.Keys))}, func(rows pgx.Rows) error {
		var r shipment.Ref
		err := rows.Scan(&r.Carrier, &r.TrackingNumber, &r.Epoch)
		r.Carrier, r.TrackingNumber = fromText(r.Carrier), fromText(r.TrackingNumber)
		refs = append(refs, r)
		return err
	}); err != nil {
		return nil, err
	}
	for _, r := range refs {
		if k := t.Keys.Parcel(r); t.g.parcels[k] == nil {
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
	return giveAll(t.parcelList(slots, func(p *record.ParcelRow) bool { return p.Health == record.Health(h) }, nil, limit), nil)
}

// giveAll reads the parcels of rows, unless they were read just now.
func giveAll(rows []*record.ParcelRow, just map[*record.ParcelRow]*postpurchase.Parcel) ([]*postpurchase.Parcel, error) {
	var all []*postpurchase.Parcel
	for _, row := range rows {
		p, err := just[row], error(nil)
		if p == nil {
			p, err = giveParcel(row)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
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
	just := map[*record.ParcelRow]*postpurchase.Parcel{}
	if err := t.list(t.g.b.sql[q], []any{t.shop, toText(carrier), record.Nanos(now), more(limit, len(g.changedParcels)+len(t.Parcels.Keys))}, func(rows pgx.Rows) error {
		s := parcelSlot{key: group.ParcelKey{NumberKey: group.NumberKey{Shop: t.shop}}}
		var doc []byte
		if err := rows.Scan(&s.id, &s.version, &s.key.Epoch, &s.latest, &s.key.Carrier, &s.key.Number, &doc); err != nil {
			return err
		}
		put(&g.known.parcels, s.key, struct{}{})
		slot, p, err := g.parcelRow(s, doc, nil)
		if err != nil {
			return err
		}
		if p != nil {
			just[slot.base] = p
		}
		slots = append(slots, slot)
		return nil
	}); err != nil {
		return nil, err
	}
	limitAt := record.Nanos(now)
	is := func(p *record.ParcelRow) bool {
		at := p.Timer(timer)
		return at != nil && *at <= limitAt && (carrier == "" || p.Ref.Carrier == carrier)
	}
	less := func(a, b *record.ParcelRow) int { return cmp.Compare(*a.Timer(timer), *b.Timer(timer)) }
	return giveAll(t.parcelList(slots, is, less, limit), just)
}

func (t *transaction) Message(key string) (*postpurchase.Message, error) {
	if m, ok := t.Messages.Get(t.Keys.Message(key)); ok {
		return giveMessage(m)
	}
	s, err := t.messageSlot(key)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, record.NotFound("message")
	}
	return giveMessage(s.now)
}

func (t *transaction) MessagesOfOrder(orderID string) ([]*postpurchase.Message, error) {
	o, err := t.orderWithMessages(orderID)
	if err != nil {
		return nil, err
	}
	had := make([]*record.MessageRow, 0, len(*o.messages))
	for _, s := range *o.messages {
		had = append(had, s.now)
	}
	all, err := t.MessagesOf(orderID, had)
	if err != nil {
		return nil, corrupt(err)
	}
	return all, nil
}

// messageList is parcelList for messages.
func (t *transaction) messageList(slots []*messageSlot, is func(m *postpurchase.Message) bool, less func(a, b *postpurchase.Message) int, limit int) ([]*postpurchase.Message, error) {
	slots = append(slots, t.g.changedMessages...)
	seen := map[group.MessageKey]bool{}
	var all []*postpurchase.Message
	add := func(row *record.MessageRow) error {
		m, err := giveMessage(row)
		if err == nil && is(m) {
			all = append(all, m)
		}
		return err
	}
	for _, s := range slots {
		if v := t.message(s); !seen[s.key] && s.key.Shop == t.shop && v != nil {
			t.saw(&s.stamp)
			if err := add(v); err != nil {
				return nil, err
			}
		}
		seen[s.key] = true
	}
	for i, k := range t.Messages.Keys {
		if !seen[k] {
			if err := add(t.Messages.At(i)); err != nil {
				return nil, err
			}
		}
	}
	if less != nil {
		slices.SortStableFunc(all, less)
	}
	return all[:min(len(all), max(limit, 0))], nil
}

// found reads the orders of messages that a query has found, and returns those of the
// messages that are still there.
func (t *transaction) found(keys, orders []string) ([]*messageSlot, error) {
	for _, id := range orders {
		if k := (t.Keys.Order(id)); t.g.orders[k] == nil {
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
		if s := t.g.messages[t.Keys.Message(k)]; s != nil {
			slots = append(slots, s)
		}
	}
	return slots, nil
}

func (t *transaction) MessagesByState(state notify.State, limit int) ([]*postpurchase.Message, error) {
	var keys, orders []string
	if err := t.list(t.g.b.sql[keysByState], []any{t.shop, toText(string(state)), more(limit, len(t.g.changedMessages)+len(t.Messages.Keys))}, func(rows pgx.Rows) error {
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
	return t.messageList(slots, func(m *postpurchase.Message) bool { return m.State == state }, nil, limit)
}

func (t *transaction) DueMessages(now time.Time, limit int) ([]*postpurchase.Message, error) {
	t.g.held = max(t.g.held, rankOrders)
	var keys, orders []string
	if err := t.list(t.g.b.sql[claimMessages], []any{t.shop, record.Nanos(now), more(limit, len(t.g.changedMessages)+len(t.Messages.Keys))}, func(rows pgx.Rows) error {
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
	return t.messageList(slots, is, func(a, b *postpurchase.Message) int { return a.SendAt.Compare(b.SendAt) }, limit)
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
	if err := t.list(t.g.b.views[record.GetInbox], []any{t.shop, max(limit, 0)}, func(rows pgx.Rows) error {
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
	for _, i := range t.Puts.Inbox {
		add(i)
	}
	for _, dropped := range []*int64{t.Dropped, droppedOf(t.g, t.shop)} {
		if dropped != nil {
			all = slices.DeleteFunc(all, func(i postpurchase.InboxItem) bool {
				at := record.Stamp(i.Received)
				return at != nil && *at < *dropped
			})
		}
	}
	slices.SortStableFunc(all, func(a, b postpurchase.InboxItem) int { return b.Received.Compare(a.Received) })
	return all[:min(len(all), max(limit, 0))], nil
}

func droppedOf(g *state, shop string) *int64 {
	if at, ok := g.dropped[shop]; ok {
		return &at
	}
	return nil
}

func (t *transaction) Cursor(name string) (postpurchase.Cursor, error) {
	if c, ok := t.Cursors.Get(t.Keys.Cursor(name)); ok {
		return *c, nil
	}
	s, err := t.cursorSlot(name)
	if err != nil {
		return postpurchase.Cursor{}, err
	}
	if s.now == nil {
		return postpurchase.Cursor{}, record.NotFound("cursor")
	}
	return *s.now, nil
}

func (t *transaction) DueCursors(now time.Time, limit int) ([]postpurchase.Cursor, error) {
	g := t.g
	g.held = max(g.held, rankCursors)
	var slots []*cursorSlot
	if err := t.list(t.g.b.sql[claimCursors], []any{t.shop, record.Nanos(now), more(limit, len(g.changedCursors)+len(t.Cursors.Keys))}, func(rows pgx.Rows) error {
		s := cursorSlot{key: group.CursorKey{Shop: t.shop}}
		var doc []byte
		if err := rows.Scan(&s.id, &s.version, &s.key.Name, &doc); err != nil {
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
	seen := map[group.CursorKey]bool{}
	for _, s := range slots {
		if c := t.cursor(s); s.key.Shop == t.shop && is(c) && !seen[s.key] {
			all = append(all, *c)
		}
		seen[s.key] = true
	}
	for i, k := range t.Cursors.Keys {
		if c := t.Cursors.At(i); !seen[k] && is(c) {
			all = append(all, *c)
		}
	}
	slices.SortStableFunc(all, func(a, b postpurchase.Cursor) int { return a.Due.Compare(b.Due) })
	return all[:min(len(all), max(limit, 0))], nil
}

func (t *transaction) NextDue() (time.Time, error) {
	g := t.g
	parcelIDs, messageIDs, cursorIDs := []int64{}, []int64{}, []int64{}
	var times []*int64
	// What was put and not read yet is read now, so that it can be left out.
	for !t.resolve() {
		if err := t.park(); err != nil {
			return time.Time{}, err
		}
	}
	for _, s := range g.parcels {
		if p, mine := t.Parcels.Get(s.key); mine || s.changed {
			if parcelIDs = append(parcelIDs, s.id); !mine {
				p = s.now
			}
			if s.key.Shop == t.shop {
				times = append(times, p.Poll, p.Check, p.Renew)
			}
		}
	}
	pending := func(m *record.MessageRow) {
		if m.Pending() {
			times = append(times, m.Send)
		}
	}
	for _, s := range g.changedMessages {
		messageIDs = append(messageIDs, s.id)
		if _, mine := t.Messages.Get(s.key); !mine && s.key.Shop == t.shop {
			pending(s.now)
		}
	}
	for i, k := range t.Messages.Keys {
		if s := g.messages[k]; s != nil {
			messageIDs = append(messageIDs, s.id)
		}
		pending(t.Messages.At(i))
	}
	for _, s := range g.cursors {
		if c, mine := t.Cursors.Get(s.key); mine || s.changed {
			if cursorIDs = append(cursorIDs, s.id); !mine {
				c = s.now
			}
			if s.key.Shop == t.shop {
				times = append(times, record.Stamp(c.Due))
			}
		}
	}
	if err := t.list(t.g.b.sql[nextDue], []any{t.shop, parcelIDs, messageIDs, cursorIDs}, func(rows pgx.Rows) error {
		var next *int64
		err := rows.Scan(&next)
		times = append(times, next)
		return err
	}); err != nil {
		return time.Time{}, err
	}
	var next *int64
	for _, at := range times {
		if at != nil && (next == nil || *at < *next) {
			next = at
		}
	}
	return record.Moment(next), nil
}
