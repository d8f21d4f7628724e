package postpurchase

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Memory is a [Backend] for tests and first tries: it forgets everything when the
// program ends. It works inside a testing/synctest bubble when it was made there.
//
// A job that failed is tried again after 100 ms and then after twice as long each
// time, up to 10 minutes, by the time package's clock and not by the service's.
type Memory struct {
	mu     sync.Mutex // held by one Update at a time, fn included
	closed bool

	states sync.Mutex // held for moments only, so that readers never wait for an Update
	shops  map[string]*memoryShop
}

var (
	_ Backend = (*Memory)(nil)
	_ Drainer = (*Memory)(nil)
)

var errClosed = errors.New("postpurchase: the backend is closed")

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{shops: map[string]*memoryShop{}} }

// memoryShop is all there is of one shop.
type memoryShop struct {
	state memoryState // guarded by Memory.states; the trees themselves never change
	jobs  memoryJobs
}

func (m *Memory) shop(name string) *memoryShop {
	m.states.Lock()
	defer m.states.Unlock()
	s := m.shops[name]
	if s == nil {
		s = &memoryShop{state: newMemoryState()}
		s.jobs.byKey = map[string]*memoryJob{}
		s.jobs.changed = make(chan struct{})
		m.shops[name] = s
	}
	return s
}

// Update implements [Backend].
func (m *Memory) Update(ctx context.Context, shop string, fn func(tx Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.closed {
		return errClosed
	}
	s := m.shop(shop)
	tx := &memoryTx{memoryState: s.state}
	if err := fn(tx); err != nil {
		return err
	}
	m.states.Lock()
	s.state = tx.memoryState
	m.states.Unlock()
	s.jobs.add(tx.jobs)
	return nil
}

// DeleteOrder implements [Backend].
func (m *Memory) DeleteOrder(ctx context.Context, shop, id string) error {
	return m.Update(ctx, shop, func(tx Tx) error { return tx.(*memoryTx).deleteOrder(id) })
}

// View implements [Backend].
func (m *Memory) View(ctx context.Context, shop string, fn func(r Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := m.shop(shop)
	m.states.Lock()
	state := s.state
	m.states.Unlock()
	return fn(&state)
}

// Close implements [Backend].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// sortKey is the key of every index: what belongs together, and in which order.
type sortKey struct {
	group string
	at    time.Time
	seq   int64
}

func (k sortKey) compare(l sortKey) int {
	return cmp.Or(strings.Compare(k.group, l.group), k.at.Compare(l.at), cmp.Compare(k.seq, l.seq))
}

func compareRefs(a, b shipment.Ref) int {
	return cmp.Or(strings.Compare(a.Carrier, b.Carrier), strings.Compare(a.TrackingNumber, b.TrackingNumber), cmp.Compare(a.Epoch, b.Epoch))
}

// kept is a thing and the place it was given when it was kept first.
type kept[T any] struct {
	thing T
	seq   int64
}

// memoryState is one state of one shop. Copying it is taking a snapshot.
type memoryState struct {
	seq int64

	orders  tree[string, kept[*order.Order]]
	numbers tree[sortKey, *order.Order]
	emails  tree[sortKey, *order.Order]

	parcels       tree[shipment.Ref, kept[*Parcel]]
	parcelsOf     tree[sortKey, *Parcel] // by order
	parcelsHealth tree[sortKey, *Parcel]
	parcelsDue    tree[sortKey, *Parcel] // by timer

	messages      tree[string, kept[*Message]]
	messagesOf    tree[sortKey, *Message] // by order
	messagesState tree[sortKey, *Message]
	messagesDue   tree[sortKey, *Message]

	cursors    tree[string, kept[Cursor]]
	cursorsDue tree[sortKey, Cursor]

	inbox   tree[sortKey, InboxItem]
	digests tree[string, struct{}]
}

func newMemoryState() memoryState {
	return memoryState{
		orders: newTree[string, kept[*order.Order]](strings.Compare), numbers: newTree[sortKey, *order.Order](sortKey.compare),
		emails:  newTree[sortKey, *order.Order](sortKey.compare),
		parcels: newTree[shipment.Ref, kept[*Parcel]](compareRefs), parcelsOf: newTree[sortKey, *Parcel](sortKey.compare),
		parcelsHealth: newTree[sortKey, *Parcel](sortKey.compare), parcelsDue: newTree[sortKey, *Parcel](sortKey.compare),
		messages: newTree[string, kept[*Message]](strings.Compare), messagesOf: newTree[sortKey, *Message](sortKey.compare),
		messagesState: newTree[sortKey, *Message](sortKey.compare), messagesDue: newTree[sortKey, *Message](sortKey.compare),
		cursors: newTree[string, kept[Cursor]](strings.Compare), cursorsDue: newTree[sortKey, Cursor](sortKey.compare),
		inbox: newTree[sortKey, InboxItem](sortKey.compare), digests: newTree[string, struct{}](strings.Compare),
	}
}

// place is where a thing stays in lists: that of the thing it replaces, or the next.
func (s *memoryState) place(old int64, ok bool) int64 {
	if ok {
		return old
	}
	s.seq++
	return s.seq
}

func notFound(what string) error { return fmt.Errorf("%s: %w", what, ErrNotFound) }

// group returns copies of up to limit values of a group, in order; 0 is no limit.
func group[V any](t tree[sortKey, V], name string, limit int, clone func(V) V) []V {
	var list []V
	for k, v := range t.from(sortKey{name, time.Time{}, math.MinInt64}) {
		if k.group != name {
			break
		}
		list = append(list, clone(v))
		if len(list) == limit {
			break
		}
	}
	return list
}

func (s *memoryState) Order(id string) (*order.Order, error) {
	o, ok := s.orders.get(id)
	if !ok {
		return nil, notFound("order")
	}
	return cloneOrder(o.thing), nil
}

func (s *memoryState) OrdersByNumber(number string) ([]*order.Order, error) {
	list := group(s.numbers, number, 0, cloneOrder)
	slices.Reverse(list)
	return list, nil
}

func (s *memoryState) OrdersOfCustomer(email string) ([]*order.Order, error) {
	if email = FoldEmail(email); email == "" {
		return nil, nil
	}
	list := group(s.emails, email, 0, cloneOrder)
	slices.Reverse(list)
	return list, nil
}

func (s *memoryState) Parcel(ref shipment.Ref) (*Parcel, error) {
	p, ok := s.parcels.get(ref)
	if !ok {
		return nil, notFound("parcel")
	}
	return cloneParcel(p.thing), nil
}

func (s *memoryState) LatestParcel(carrier, number string) (*Parcel, error) {
	var latest *Parcel
	for ref, p := range s.parcels.from(shipment.Ref{Carrier: carrier, TrackingNumber: number, Epoch: math.MinInt}) {
		if ref.Carrier != carrier || ref.TrackingNumber != number {
			break
		}
		latest = p.thing
	}
	if latest == nil {
		return nil, notFound("parcel")
	}
	return cloneParcel(latest), nil
}

func (s *memoryState) ParcelsOfOrder(orderID string) ([]*Parcel, error) {
	return group(s.parcelsOf, orderID, 0, cloneParcel), nil
}

func (s *memoryState) ParcelsByHealth(h shipment.Health, limit int) ([]*Parcel, error) {
	if limit <= 0 {
		return nil, nil
	}
	return group(s.parcelsHealth, string(cmp.Or(h, shipment.HealthUnknown)), limit, cloneParcel), nil
}

func (s *memoryState) Message(key string) (*Message, error) {
	m, ok := s.messages.get(key)
	if !ok {
		return nil, notFound("message")
	}
	return cloneMessage(m.thing), nil
}

func (s *memoryState) MessagesOfOrder(orderID string) ([]*Message, error) {
	return group(s.messagesOf, orderID, 0, cloneMessage), nil
}

func (s *memoryState) MessagesByState(state notify.State, limit int) ([]*Message, error) {
	if limit <= 0 {
		return nil, nil
	}
	return group(s.messagesState, string(state), limit, cloneMessage), nil
}

func (s *memoryState) Inbox(limit int) ([]InboxItem, error) {
	if limit <= 0 {
		return nil, nil
	}
	list := group(s.inbox, "", 0, func(i InboxItem) InboxItem { return i })
	slices.Reverse(list)
	list = list[:min(limit, len(list))]
	for i := range list {
		list[i].Body = slices.Clone(list[i].Body)
	}
	return list, nil
}

func (s *memoryState) Cursor(name string) (Cursor, error) {
	c, ok := s.cursors.get(name)
	if !ok {
		return Cursor{}, notFound("cursor")
	}
	return c.thing, nil
}

func (s *memoryState) NextDue() (next time.Time, err error) {
	earlier := func(k sortKey) {
		if next.IsZero() || k.at.Before(next) {
			next = k.at
		}
	}
	for _, timer := range []Timer{TimerPoll, TimerCheck, TimerRenew} {
		for k := range s.parcelsDue.from(sortKey{string(timer), time.Time{}, math.MinInt64}) {
			if k.group == string(timer) {
				earlier(k)
			}
			break
		}
	}
	for k := range s.messagesDue.from(sortKey{}) {
		earlier(k)
		break
	}
	for k := range s.cursorsDue.from(sortKey{}) {
		earlier(k)
		break
	}
	return next, nil
}

// memoryTx is a state that can be changed, and the jobs to add with it.
type memoryTx struct {
	memoryState
	jobs []Job
}

func (tx *memoryTx) DueParcels(t Timer, carrier string, now time.Time, limit int) (list []*Parcel, err error) {
	for k, p := range tx.parcelsDue.from(sortKey{string(t), time.Time{}, math.MinInt64}) {
		if k.group != string(t) || k.at.After(now) || len(list) >= limit {
			break
		}
		if carrier == "" || carrier == p.Shipment.Ref.Carrier {
			list = append(list, cloneParcel(p))
		}
	}
	return list, nil
}

func (tx *memoryTx) DueMessages(now time.Time, limit int) (list []*Message, err error) {
	for k, m := range tx.messagesDue.from(sortKey{}) {
		if k.at.After(now) || len(list) >= limit {
			break
		}
		list = append(list, cloneMessage(m))
	}
	return list, nil
}

func (tx *memoryTx) DueCursors(now time.Time, limit int) (list []Cursor, err error) {
	for k, c := range tx.cursorsDue.from(sortKey{}) {
		if k.at.After(now) || len(list) >= limit {
			break
		}
		list = append(list, c)
	}
	return list, nil
}

func (tx *memoryTx) PutOrder(o *order.Order) error {
	seq := tx.dropOrder(o.ID)
	c := cloneOrder(o)
	tx.orders = tx.orders.put(c.ID, kept[*order.Order]{c, seq})
	tx.numbers = tx.numbers.put(sortKey{c.DisplayNumber(), c.PlacedAt, seq}, c)
	tx.emails = tx.emails.put(sortKey{FoldEmail(c.Customer.Email), c.PlacedAt, seq}, c)
	return nil
}

// dropOrder takes an order out of the indexes and returns its place, or the next one.
func (tx *memoryTx) dropOrder(id string) (seq int64) {
	old, ok := tx.orders.get(id)
	seq = tx.place(old.seq, ok)
	if ok {
		o := old.thing
		tx.orders = tx.orders.delete(id)
		tx.numbers = tx.numbers.delete(sortKey{o.DisplayNumber(), o.PlacedAt, seq})
		tx.emails = tx.emails.delete(sortKey{FoldEmail(o.Customer.Email), o.PlacedAt, seq})
	}
	return seq
}

func (tx *memoryTx) deleteOrder(id string) error {
	tx.dropOrder(id)
	for _, m := range group(tx.messagesOf, id, 0, cloneMessage) {
		tx.dropMessage(m.Key)
	}
	for _, p := range group(tx.parcelsOf, id, 0, cloneParcel) {
		left := slices.DeleteFunc(slices.Clone(p.Orders), func(o ParcelOrder) bool { return o.OrderID == id })
		if len(left) == 0 {
			tx.dropParcel(p.Shipment.Ref)
			continue
		}
		p.Orders = left
		if err := tx.PutParcel(p); err != nil {
			return err
		}
	}
	return nil
}

func (tx *memoryTx) PutParcel(p *Parcel) error {
	seq := tx.dropParcel(p.Shipment.Ref)
	c := cloneParcel(p)
	tx.parcels = tx.parcels.put(c.Shipment.Ref, kept[*Parcel]{c, seq})
	for _, o := range c.Orders {
		tx.parcelsOf = tx.parcelsOf.put(sortKey{o.OrderID, c.Followed, seq}, c)
	}
	tx.parcelsHealth = tx.parcelsHealth.put(sortKey{group: string(cmp.Or(c.Health, shipment.HealthUnknown)), seq: seq}, c)
	for t, at := range c.timers() {
		if !at.IsZero() {
			tx.parcelsDue = tx.parcelsDue.put(sortKey{string(t), at, seq}, c)
		}
	}
	return nil
}

// dropParcel takes a parcel out of the indexes and returns its place, or the next one.
func (tx *memoryTx) dropParcel(ref shipment.Ref) (seq int64) {
	old, ok := tx.parcels.get(ref)
	seq = tx.place(old.seq, ok)
	if ok {
		tx.parcels = tx.parcels.delete(ref)
		for _, o := range old.thing.Orders {
			tx.parcelsOf = tx.parcelsOf.delete(sortKey{o.OrderID, old.thing.Followed, seq})
		}
		tx.parcelsHealth = tx.parcelsHealth.delete(sortKey{group: string(cmp.Or(old.thing.Health, shipment.HealthUnknown)), seq: seq})
		for t, at := range old.thing.timers() {
			tx.parcelsDue = tx.parcelsDue.delete(sortKey{string(t), at, seq})
		}
	}
	return seq
}

func (p *Parcel) timers() map[Timer]time.Time {
	return map[Timer]time.Time{TimerPoll: p.PollAt, TimerCheck: p.CheckAt, TimerRenew: p.RenewAt}
}

func (tx *memoryTx) PutMessage(m *Message) error {
	seq := tx.dropMessage(m.Key)
	c := cloneMessage(m)
	tx.messages = tx.messages.put(c.Key, kept[*Message]{c, seq})
	tx.messagesOf = tx.messagesOf.put(sortKey{group: c.OrderID, seq: seq}, c)
	tx.messagesState = tx.messagesState.put(sortKey{group: string(c.State), seq: seq}, c)
	if c.State == notify.StatePending && !c.SendAt.IsZero() {
		tx.messagesDue = tx.messagesDue.put(sortKey{"", c.SendAt, seq}, c)
	}
	return nil
}

// dropMessage takes a message out of the indexes and returns its place, or the next one.
func (tx *memoryTx) dropMessage(key string) (seq int64) {
	old, ok := tx.messages.get(key)
	seq = tx.place(old.seq, ok)
	if ok {
		tx.messages = tx.messages.delete(key)
		tx.messagesOf = tx.messagesOf.delete(sortKey{group: old.thing.OrderID, seq: seq})
		tx.messagesState = tx.messagesState.delete(sortKey{group: string(old.thing.State), seq: seq})
		tx.messagesDue = tx.messagesDue.delete(sortKey{"", old.thing.SendAt, seq})
	}
	return seq
}

const memoryInbox = 1000 // items that are kept of one shop

func (tx *memoryTx) PutInbox(i InboxItem) error {
	if _, ok := tx.digests.get(i.Digest); ok {
		return nil
	}
	i.Body = slices.Clone(i.Body)
	tx.digests = tx.digests.put(i.Digest, struct{}{})
	tx.inbox = tx.inbox.put(sortKey{"", i.Received, tx.place(0, false)}, i)
	if tx.inbox.size > memoryInbox {
		for k, oldest := range tx.inbox.from(sortKey{}) {
			tx.inbox, tx.digests = tx.inbox.delete(k), tx.digests.delete(oldest.Digest)
			break
		}
	}
	return nil
}

func (tx *memoryTx) DropInbox(before time.Time) error {
	for k, i := range tx.inbox.from(sortKey{}) {
		if !i.Received.IsZero() && i.Received.Before(before) {
			tx.inbox, tx.digests = tx.inbox.delete(k), tx.digests.delete(i.Digest)
		}
	}
	return nil
}

func (tx *memoryTx) PutCursor(c Cursor) error {
	old, ok := tx.cursors.get(c.Name)
	seq := tx.place(old.seq, ok)
	if ok {
		tx.cursorsDue = tx.cursorsDue.delete(sortKey{"", old.thing.Due, seq})
	}
	tx.cursors = tx.cursors.put(c.Name, kept[Cursor]{c, seq})
	if !c.Due.IsZero() {
		tx.cursorsDue = tx.cursorsDue.put(sortKey{"", c.Due, seq}, c)
	}
	return nil
}

func (tx *memoryTx) Enqueue(j Job) error {
	j.Args = slices.Clone(j.Args)
	tx.jobs = append(tx.jobs, j)
	return nil
}

func cloneParcel(p *Parcel) *Parcel {
	c := *p
	c.Shipment = *p.Shipment.Clone()
	c.Orders = slices.Clone(p.Orders)
	for i := range c.Orders {
		c.Orders[i].Lines = slices.Clone(c.Orders[i].Lines)
	}
	c.Alarms = slices.Clone(p.Alarms)
	return &c
}

func cloneOrder(o *order.Order) *order.Order {
	c := *o
	c.Lines = slices.Clone(o.Lines)
	c.Parcels = slices.Clone(o.Parcels)
	for i := range c.Parcels {
		c.Parcels[i].Lines = slices.Clone(c.Parcels[i].Lines)
	}
	return &c
}

func cloneMessage(m *Message) *Message {
	c := *m
	c.Parcels = slices.Clone(m.Parcels)
	return &c
}
