package notify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// News is something that happened and that a customer might be told.
type News struct {
	Kind    Kind
	OrderID string // the shop's id of the order; opaque
	Parcel  string // an opaque key, one per parcel of the order; empty for news of the order itself

	// Occurrence counts the same thing happening again to the same parcel, such as the
	// second problem. The same event heard twice has the same occurrence. Zero means one.
	Occurrence int

	// OccurredAt is when it happened, not when we heard of it. News without a time is
	// treated as too old to tell.
	OccurredAt time.Time

	Detail string // kept for the caller; the planner does not read it
}

// State is what has become of a planned message. It is an open string.
type State string

// The states of a planned message. [Pending] is the only one the planner changes.
const (
	StatePending    State = "pending"
	StateSending    State = "sending"
	StateSent       State = "sent"
	StateUnknown    State = "unknown" // may have been sent
	StateFailed     State = "failed"
	StateMerged     State = "merged"     // told by another message
	StateSuppressed State = "suppressed" // decided against
	StateSuperseded State = "superseded" // newer news made it stale
	StateCancelled  State = "cancelled"  // the news was taken back: as if it had never come
)

// Planned is a message, or a decision against one, as it was kept.
type Planned struct {
	Key        string
	Kind       Kind
	OrderID    string
	Parcels    []string // what the message is about; empty for a message about the order
	State      State
	OccurredAt time.Time // of the news of this Key; what was merged in is kept under its own
	SendAt     time.Time
	Expires    time.Time
}

// Action is what to do about one piece of news. It is an open string.
type Action string

// The actions.
const (
	Send      Action = "send"      // keep a new message, to be sent at SendAt
	Merge     Action = "merge"     // add Parcels to the pending message Target
	Supersede Action = "supersede" // take Parcels out of the pending message Target; drop it when none is left
	Suppress  Action = "suppress"  // tell nobody
	Defer     Action = "defer"     // from [Planner.Recheck] only: not now, but at SendAt
)

// Rule names why a decision was made, for the people who have to explain it.
type Rule string

// The rules.
const (
	RuleNews        Rule = "news"        // nothing speaks against it
	RuleTerminal    Rule = "terminal"    // R1: the parcel's journey has ended
	RuleMerged      Rule = "merged"      // R2: one message per order and window
	RuleOutdated    Rule = "outdated"    // R4: older than what the customer already knows
	RuleDuplicate   Rule = "duplicate"   // R5: the same news again
	RuleBackfill    Rule = "backfill"    // R6: too long ago when we heard of it
	RuleDailyCap    Rule = "daily_cap"   // R9: enough for one day
	RuleSuperseded  Rule = "superseded"  // newer news of the parcel makes it stale
	RuleQuietHours  Rule = "quiet_hours" // people are asleep
	RuleExpired     Rule = "expired"     // no longer worth sending
	RulePreferences Rule = "preferences" // the customer does not want it
	RuleChannel     Rule = "channel"     // no way to the customer that is allowed and configured
	RuleAudience    Rule = "audience"    // for the team, never for the customer
	RuleCatalogue   Rule = "catalogue"   // the shop does not send this kind
)

// Decision is what to do about one piece of news, and why. Every decision is kept by
// the caller, also those against sending: they answer "why was I not told?", and they
// are the History of the next call.
type Decision struct {
	Action     Action
	Key        string // of the news; unique within a shop, so the caller adds the shop's id
	Kind       Kind
	OrderID    string
	Parcels    []string // what the action is about
	OccurredAt time.Time
	SendAt     time.Time // for Send, Merge and Defer
	Expires    time.Time // for Send, Merge and Defer; not to be sent at or after it
	Channel    Channel   // for Send
	Target     string    // for Merge and Supersede: the Key of the other message
	Rule       Rule
	Reason     string // one sentence for an agent; no personal data
}

// Preferences are what a customer wants. The zero value wants everything.
type Preferences struct {
	Off         []Kind    // kinds not wanted; a Required kind is sent all the same
	OffChannels []Channel // ways not wanted

	// Quiet are the customer's own quiet hours. Nil means the planner's.
	Quiet *Quiet
}

// Input is everything one plan depends on. All of it is about one customer; News and
// History may be of one order only or of several.
type Input struct {
	News        []News
	History     []Planned // everything that was kept for these orders, in any order
	Preferences Preferences
	Now         time.Time

	// Zone is where the customer is. Nil means the zone of Now.
	Zone *time.Location

	// Elsewhere are the times of this customer's messages that are not in History, but
	// for the urgent ones, so that the daily cap holds over all orders.
	Elsewhere []time.Time
}

// Quiet are the hours in which only urgent messages are sent, as times of day on the
// customer's wall clock. From may be after Until: then they span midnight. From equal
// to Until means no quiet hours.
type Quiet struct {
	From  time.Duration // since midnight
	Until time.Duration // since midnight
}

// PlannerConfig says how a shop talks to its customers. The zero value is usable.
type PlannerConfig struct {
	Catalogue []Entry // Defaults to Catalogue().
	Off       []Kind  // kinds this shop does not send

	// Quiet are the quiet hours. Defaults to 22:00 until 8:00.
	Quiet *Quiet

	// DailyCap is how many messages that are not urgent a customer gets on one of their
	// days before a non-transactional message waits for the next. Negative means no cap. Defaults to 3.
	DailyCap int

	// Channels are the ways the shop has a [Sender] for. Defaults to Email.
	Channels []Channel
}

// Planner decides which messages to send. It holds no state: the same input gives the
// same decisions. It is safe for concurrent use. Make one with [NewPlanner].
type Planner struct {
	entries  map[Kind]Entry
	rank     map[Kind]int
	off      []Kind
	quiet    Quiet
	cap      int
	channels []Channel
}

// NewPlanner returns a planner, or an error that says what in cfg cannot work.
func NewPlanner(cfg PlannerConfig) (*Planner, error) {
	if cfg.Catalogue == nil {
		cfg.Catalogue = Catalogue()
	}
	if cfg.Quiet == nil {
		cfg.Quiet = &Quiet{From: 22 * time.Hour, Until: 8 * time.Hour}
	}
	if cfg.DailyCap == 0 {
		cfg.DailyCap = 3
	}
	if len(cfg.Channels) == 0 {
		cfg.Channels = []Channel{Email}
	}
	p := &Planner{
		entries: make(map[Kind]Entry, len(cfg.Catalogue)), rank: make(map[Kind]int, len(cfg.Catalogue)),
		off: slices.Clone(cfg.Off), quiet: *cfg.Quiet, cap: cfg.DailyCap, channels: slices.Clone(cfg.Channels),
	}
	var errs []error
	if !p.quiet.valid() {
		errs = append(errs, errors.New("notify: Quiet: times of day must be from 0 up to 24 hours"))
	}
	for i, e := range cfg.Catalogue {
		switch {
		case e.Kind == "":
			errs = append(errs, fmt.Errorf("notify: Catalogue[%d] has no Kind", i))
			continue
		case p.rank[e.Kind] > 0:
			errs = append(errs, fmt.Errorf("notify: Catalogue: %q appears twice", e.Kind))
		case e.MergeWindow < 0 || e.Wait < 0 || e.MaxAge < 0 || e.Expires < 0 || e.ExpiresAtHour < 0 || e.ExpiresAtHour > 23:
			errs = append(errs, fmt.Errorf("notify: Catalogue: %q has a negative duration or an hour past 23", e.Kind))
		}
		p.entries[e.Kind] = e.withDefaults()
		p.rank[e.Kind] = i + 1
	}
	for _, e := range cfg.Catalogue {
		for _, s := range e.Supersedes {
			if _, ok := p.entries[s]; !ok {
				errs = append(errs, fmt.Errorf("notify: Catalogue: %q supersedes %q, which is not in it", e.Kind, s))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// Key returns the idempotency key of news: the same news has the same key, whichever
// carrier or aggregator told us, and no two pieces of news of one shop share one.
func Key(n News) string {
	if n.Parcel == "" {
		return url.PathEscape(n.OrderID) + "/" + url.PathEscape(string(n.Kind))
	}
	return url.PathEscape(n.OrderID) + "/" + url.PathEscape(n.Parcel) + "/" + url.PathEscape(string(n.Kind)) +
		"/" + strconv.Itoa(max(n.Occurrence, 1))
}

// Plan decides what becomes of the news. It reads no clock and changes nothing it is
// given. Decisions come in the order of the news' own times, so the order within one
// call does not matter; history from earlier calls is respected as it is.
func (p *Planner) Plan(in Input) []Decision {
	if len(in.News) == 0 {
		return nil
	}
	s := p.begin(&in)
	news := slices.Clone(in.News)
	for i := range news {
		if e := p.entries[news[i].Kind]; e.Per == PerOrder {
			news[i].Parcel = ""
		}
	}
	slices.SortStableFunc(news, func(a, b News) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), cmp.Compare(p.rank[a.Kind], p.rank[b.Kind]),
			cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Parcel, b.Parcel), cmp.Compare(a.Occurrence, b.Occurrence))
	})
	for _, n := range news {
		s.one(n)
	}
	return s.out
}

// message is one entry of the working history of a call.
type message struct {
	key        string
	kind       Kind
	orderID    string
	parcels    []string
	state      State
	occurredAt time.Time
	sendAt     time.Time
	expires    time.Time
	decision   int // index in out of the decision that made it in this call; -1 if it is older
}

// about reports whether m and n have the same subject. News of the order and news of
// its parcels do not age each other: a shop may confirm the payment after shipping.
func (m *message) about(n News) bool {
	if m.orderID != n.OrderID {
		return false
	}
	if n.Parcel == "" {
		return len(m.parcels) == 0
	}
	return slices.Contains(m.parcels, n.Parcel)
}

type planning struct {
	p    *Planner
	in   *Input
	zone *time.Location
	msgs []message
	out  []Decision
}

func (p *Planner) begin(in *Input) *planning {
	s := &planning{p: p, in: in, zone: in.Zone}
	if s.zone == nil {
		s.zone = in.Now.Location()
	}
	s.msgs = make([]message, 0, len(in.History)+len(in.News))
	for i := range in.History {
		h := &in.History[i]
		s.msgs = append(s.msgs, message{
			key: h.Key, kind: h.Kind, orderID: h.OrderID, parcels: h.Parcels, state: h.State,
			occurredAt: h.OccurredAt, sendAt: h.SendAt, expires: h.Expires, decision: -1,
		})
	}
	return s
}

// occurred is when the news that m tells about one of its parcels happened: a parcel
// that was merged in has a time of its own.
func (s *planning) occurred(m *message, parcel string) time.Time {
	if len(m.parcels) > 1 || m.state == StatePending {
		for i := range s.msgs {
			o := &s.msgs[i]
			if o.state == StateMerged && o.kind == m.kind && o.orderID == m.orderID && len(o.parcels) == 1 && o.parcels[0] == parcel {
				return o.occurredAt
			}
		}
	}
	return m.occurredAt
}

func (s *planning) one(n News) {
	d := Decision{Action: Suppress, Key: Key(n), Kind: n.Kind, OrderID: n.OrderID, OccurredAt: n.OccurredAt}
	if n.Parcel != "" {
		d.Parcels = []string{n.Parcel}
	}
	for i := range s.msgs {
		if m := &s.msgs[i]; m.key == d.Key && m.state != StateCancelled {
			d.Rule, d.Reason = RuleDuplicate, "this news was decided on before"
			s.out = append(s.out, d) // not remembered: the first decision stands
			return
		}
	}
	e, known := s.p.entries[n.Kind]
	if !known || slices.Contains(s.p.off, n.Kind) {
		if !known {
			d.Reason = "the shop's catalogue has no such message"
		} else {
			d.Reason = "the shop does not send this message"
		}
		d.Rule = RuleCatalogue
		if known {
			s.supersede(n, e, d.Key)
		}
		s.keep(d, StateSuppressed)
		return
	}
	if e.Audience != ToCustomer {
		d.Rule, d.Reason = RuleAudience, "for the shop's team; the customer is not told"
		s.keep(d, StateSuppressed)
		return
	}
	if rule, reason := s.stale(n, e); rule != "" {
		d.Rule, d.Reason = rule, reason
		s.keep(d, StateSuppressed)
		return
	}
	// What is known is known even if nobody is told of it, so a backfilled or unwanted
	// "delivered" still stops what is pending.
	s.supersede(n, e, d.Key)
	if rule, reason := s.unwanted(n, e, &d); rule != "" {
		d.Rule, d.Reason = rule, reason
		s.keep(d, StateSuppressed)
		return
	}
	if t := s.mergeTarget(n, e); t >= 0 {
		m := &s.msgs[t]
		m.parcels = append(slices.Clip(m.parcels), n.Parcel)
		if m.decision >= 0 {
			s.out[m.decision].Parcels = m.parcels
		}
		d.Action, d.Target, d.SendAt, d.Expires = Merge, m.key, m.sendAt, m.expires
		d.Rule, d.Reason = RuleMerged, "told together with the same news of another parcel of this order"
		s.keep(d, StateMerged)
		return
	}
	s.schedule(n, e, &d)
	if d.Action == Send {
		s.keep(d, StatePending)
	} else {
		s.keep(d, StateSuppressed)
	}
}

// keep adds the decision to the result and to the working history.
func (s *planning) keep(d Decision, state State) {
	s.out = append(s.out, d)
	s.msgs = append(s.msgs, message{
		key: d.Key, kind: d.Kind, orderID: d.OrderID, parcels: d.Parcels, state: state,
		occurredAt: d.OccurredAt, sendAt: d.SendAt, expires: d.Expires, decision: len(s.out) - 1,
	})
}

// stale applies R1 and R4: what the customer already knows, or has outlived.
func (s *planning) stale(n News, e Entry) (Rule, string) {
	for i := range s.msgs {
		m := &s.msgs[i]
		if m.state == StateCancelled || !m.about(n) {
			continue
		}
		me, ok := s.p.entries[m.kind]
		if !ok || me.Audience != ToCustomer {
			continue
		}
		if slices.Contains(me.Supersedes, n.Kind) && me.Terminal {
			return RuleTerminal, "the parcel's journey has ended: " + string(m.kind) + " is known already"
		}
		if e.Terminal && slices.Contains(e.Supersedes, m.kind) {
			continue // the end of a journey is news, whatever the clocks say
		}
		if !me.Computed && m.kind != n.Kind && n.OccurredAt.Before(s.occurred(m, n.Parcel)) {
			return RuleOutdated, "older than " + string(m.kind) + ", which is known already"
		}
		if m.kind == n.Kind && m.state != StateMerged && n.Parcel != "" && slices.Equal(m.parcels, []string{n.Parcel}) &&
			n.OccurredAt.Before(m.occurredAt) {
			return RuleOutdated, "an older occurrence of what is known already"
		}
	}
	return "", ""
}

// supersede takes the news' parcel out of the pending messages it makes stale.
func (s *planning) supersede(n News, e Entry, key string) {
	if len(e.Supersedes) == 0 {
		return
	}
	for i := range s.msgs {
		m := &s.msgs[i]
		if m.state != StatePending || !slices.Contains(e.Supersedes, m.kind) || m.orderID != n.OrderID ||
			!slices.Contains(m.parcels, n.Parcel) || (!e.Terminal && n.OccurredAt.Before(s.occurred(m, n.Parcel))) {
			continue
		}
		rule, reason := RuleSuperseded, string(n.Kind)+" is newer"
		if e.Terminal {
			rule, reason = RuleTerminal, "the parcel's journey has ended: "+string(n.Kind)
		}
		left := make([]string, 0, len(m.parcels))
		for _, q := range m.parcels {
			if q != n.Parcel {
				left = append(left, q)
			}
		}
		m.parcels = left
		if m.decision >= 0 { // made a moment ago, in this call: it never comes to be
			d := &s.out[m.decision]
			d.Parcels = left
			for j := range s.out {
				if o := &s.out[j]; o.Action == Merge && o.Target == m.key && slices.Contains(o.Parcels, n.Parcel) {
					o.Action, o.Target, o.Rule, o.Reason = Suppress, key, rule, reason
					o.SendAt, o.Expires = time.Time{}, time.Time{}
				}
			}
			if len(left) == 0 {
				m.state = StateSuppressed
				m.parcels = []string{n.Parcel}
				*d = Decision{
					Action: Suppress, Key: d.Key, Kind: d.Kind, OrderID: d.OrderID, Parcels: m.parcels,
					OccurredAt: d.OccurredAt, Target: key, Rule: rule, Reason: reason,
				}
				continue
			}
		}
		if len(left) == 0 {
			m.state = StateSuperseded
			m.parcels = []string{n.Parcel}
		}
		s.out = append(s.out, Decision{
			Action: Supersede, Key: key, Kind: m.kind, OrderID: n.OrderID, Parcels: []string{n.Parcel},
			OccurredAt: n.OccurredAt, Target: m.key, Rule: rule, Reason: reason,
		})
	}
}

// unwanted applies R6 and the preferences, and picks the channel.
func (s *planning) unwanted(n News, e Entry, d *Decision) (Rule, string) {
	if n.OccurredAt.IsZero() {
		return RuleBackfill, "the news has no time, so it cannot be shown to be fresh"
	}
	if s.in.Now.Sub(n.OccurredAt) > e.MaxAge {
		return RuleBackfill, "more than " + hours(e.MaxAge) + " old when it was heard"
	}
	var rule Rule
	var reason string
	if d.Channel, rule, reason = s.p.channel(e, s.in.Preferences); rule != "" {
		return rule, reason
	}
	return "", ""
}

// channel is the best way that the shop has and the customer allows.
func (p *Planner) channel(e Entry, prefs Preferences) (Channel, Rule, string) {
	if !e.Required && slices.Contains(prefs.Off, e.Kind) {
		return "", RulePreferences, "the customer switched this message off"
	}
	refused := false
	for _, c := range e.Channels {
		if !slices.Contains(p.channels, c) {
			continue
		}
		if !e.Required && slices.Contains(prefs.OffChannels, c) {
			refused = true
			continue
		}
		return c, "", ""
	}
	if refused {
		return "", RulePreferences, "the customer switched every way for this message off"
	}
	return "", RuleChannel, "no channel of this message is configured"
}

// mergeTarget finds the pending message of the order that can take the news in, or -1.
func (s *planning) mergeTarget(n News, e Entry) int {
	if e.MergeWindow == 0 || n.Parcel == "" {
		return -1
	}
	for i := range s.msgs {
		m := &s.msgs[i]
		if m.state == StatePending && m.kind == n.Kind && m.orderID == n.OrderID &&
			s.in.Now.Before(m.sendAt) && len(m.parcels) > 0 && !slices.Contains(m.parcels, n.Parcel) {
			return i
		}
	}
	return -1
}

// schedule decides when, and whether that is in time.
func (s *planning) schedule(n News, e Entry, d *Decision) {
	d.Action, d.Rule, d.Reason = Send, RuleNews, "news for the customer"
	d.Expires = n.OccurredAt.Add(e.Expires)
	if e.ExpiresAtHour > 0 {
		if end := wall(n.OccurredAt.In(s.zone), time.Duration(e.ExpiresAtHour)*time.Hour); end.Before(d.Expires) {
			d.Expires = end
		}
	}
	if !s.in.Now.Before(d.Expires) {
		d.Action, d.Rule, d.Reason = Suppress, RuleExpired, "no longer worth sending when it was heard"
		return
	}
	d.SendAt = s.in.Now.Add(max(e.MergeWindow, e.Wait))
	if !d.SendAt.Before(d.Expires) { // better now than never, and alone rather than not at all
		d.SendAt = s.in.Now
	}
	s.hold(e, d)
}

// hold moves d to a decent hour and under the daily cap, or suppresses it when that is
// too late.
func (s *planning) hold(e Entry, d *Decision) {
	if e.Urgency != Now {
		quiet := s.p.quietFor(s.in.Preferences)
		if at := quiet.next(d.SendAt, s.zone); at.After(d.SendAt) {
			d.SendAt, d.Rule, d.Reason = at, RuleQuietHours, "waits for the end of the quiet hours"
		}
		if e.Class != Transactional && s.p.cap > 0 {
			for day := 0; day < 7 && s.sameDay(d.SendAt, d.Key) >= s.p.cap; day++ {
				y, m, dd := d.SendAt.In(s.zone).Date()
				d.SendAt = quiet.next(wall(time.Date(y, m, dd+1, 12, 0, 0, 0, s.zone), quiet.Until), s.zone)
				d.Rule, d.Reason = RuleDailyCap, "the customer has had enough messages for one day"
			}
		}
	}
	if !d.SendAt.Before(d.Expires) {
		d.Action = Suppress
		d.Reason += ", and by then it is no longer worth sending"
		d.SendAt = time.Time{}
	}
}

// sameDay counts the customer's messages on the day of t.
func (s *planning) sameDay(t time.Time, except string) int {
	y, m, d := t.In(s.zone).Date()
	same := func(u time.Time) bool {
		uy, um, ud := u.In(s.zone).Date()
		return uy == y && um == m && ud == d
	}
	count := 0
	for i := range s.msgs {
		switch s.msgs[i].state {
		case StatePending, StateSending, StateSent, StateUnknown:
			// What cannot wait does not use up the room of what can.
			if s.msgs[i].key != except && s.p.entries[s.msgs[i].kind].Urgency != Now && same(s.msgs[i].sendAt) {
				count++
			}
		}
	}
	for _, u := range s.in.Elsewhere {
		if same(u) {
			count++
		}
	}
	return count
}

func (p *Planner) quietFor(prefs Preferences) Quiet {
	if prefs.Quiet != nil && prefs.Quiet.valid() {
		return *prefs.Quiet
	}
	return p.quiet
}

// Recheck decides at the moment of sending whether a pending message may still go: the
// preferences, the hour or the parcel may have changed since it was planned. in.News is
// not read. The action is [Send], [Defer] or [Suppress].
func (p *Planner) Recheck(m Planned, in Input) Decision {
	s := p.begin(&in)
	d := Decision{
		Action: Suppress, Key: m.Key, Kind: m.Kind, OrderID: m.OrderID, Parcels: slices.Clone(m.Parcels),
		OccurredAt: m.OccurredAt, SendAt: in.Now, Expires: m.Expires,
	}
	e, ok := p.entries[m.Kind]
	switch {
	case !ok || slices.Contains(p.off, m.Kind):
		d.Rule, d.Reason = RuleCatalogue, "the shop does not send this message"
		return d
	case e.Audience != ToCustomer:
		d.Rule, d.Reason = RuleAudience, "for the shop's team; the customer is not told"
		return d
	case !m.Expires.IsZero() && !in.Now.Before(m.Expires):
		d.Rule, d.Reason = RuleExpired, "no longer worth sending"
		return d
	}
	rule, reason := Rule(""), ""
	self := message{kind: m.Kind, orderID: m.OrderID, parcels: m.Parcels, state: StatePending, occurredAt: m.OccurredAt}
	d.Parcels = slices.DeleteFunc(d.Parcels, func(q string) bool {
		mine := s.occurred(&self, q)
		for i := range s.msgs {
			h := &s.msgs[i]
			if h.state == StateCancelled || h.orderID != m.OrderID || h.kind == m.Kind || !slices.Contains(h.parcels, q) {
				continue
			}
			he, theirs := p.entries[h.kind], s.occurred(h, q)
			switch {
			case he.Terminal && slices.Contains(he.Supersedes, m.Kind):
				rule, reason = RuleTerminal, "the parcel's journey has ended: "+string(h.kind)
			case slices.Contains(he.Supersedes, m.Kind) && !theirs.Before(mine):
				rule, reason = RuleSuperseded, string(h.kind)+" is newer"
			case h.state == StateSent && !he.Computed && !e.Terminal && theirs.After(mine):
				rule, reason = RuleOutdated, "older than "+string(h.kind)+", which was told meanwhile"
			default:
				continue
			}
			return true
		}
		return false
	})
	if len(d.Parcels) == 0 && len(m.Parcels) > 0 {
		d.Parcels, d.Rule, d.Reason = slices.Clone(m.Parcels), rule, reason
		return d
	}
	channel, rule, reason := p.channel(e, in.Preferences)
	if rule != "" {
		d.Rule, d.Reason = rule, reason
		return d
	}
	d.Action, d.Channel, d.Rule, d.Reason = Send, channel, RuleNews, "due"
	if d.Expires.IsZero() {
		d.Expires = in.Now.Add(e.Expires)
	}
	// The cap was applied when it was planned; a message that has its turn keeps it.
	e.Class = Transactional
	s.hold(e, &d)
	if d.Action == Send && d.SendAt.After(in.Now) {
		d.Action = Defer
	}
	return d
}

// Remember returns the history with the decisions in it, as [Planner.Plan] expects to
// get it back. It changes none of its arguments. A program with a database does the
// same in rows; this is for tests and for programs without one.
func Remember(history []Planned, decisions []Decision) []Planned {
	out := slices.Clone(history)
	find := func(key string) *Planned {
		for i := range out {
			if out[i].Key == key && out[i].State == StatePending {
				return &out[i]
			}
		}
		return nil
	}
	for _, d := range decisions {
		p := Planned{
			Key: d.Key, Kind: d.Kind, OrderID: d.OrderID, Parcels: slices.Clone(d.Parcels),
			OccurredAt: d.OccurredAt, SendAt: d.SendAt, Expires: d.Expires,
		}
		switch d.Action {
		case Send:
			p.State = StatePending
		case Suppress:
			if d.Rule == RuleDuplicate {
				continue
			}
			p.State = StateSuppressed
		case Merge:
			p.State = StateMerged
			if t := find(d.Target); t != nil {
				t.Parcels = slices.Clone(t.Parcels)
				for _, q := range d.Parcels {
					if !slices.Contains(t.Parcels, q) {
						t.Parcels = append(t.Parcels, q)
					}
				}
			}
		case Supersede:
			if t := find(d.Target); t != nil {
				left := slices.DeleteFunc(slices.Clone(t.Parcels), func(q string) bool { return slices.Contains(d.Parcels, q) })
				if len(left) == 0 {
					t.State = StateSuperseded
				} else {
					t.Parcels = left
				}
			}
			continue
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

func (q Quiet) valid() bool {
	day := 24 * time.Hour
	return q.From >= 0 && q.From < day && q.Until >= 0 && q.Until < day
}

// holds reports whether the wall clock of t is within the quiet hours.
func (q Quiet) holds(t time.Time) bool {
	h, m, s := t.Clock()
	c := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	if q.From <= q.Until {
		return c >= q.From && c < q.Until
	}
	return c >= q.From || c < q.Until
}

// next is t, or the first moment after it that is not quiet in the zone. It works on
// the wall clock, so a night is as long as the clocks make it, and days that a zone
// skipped are skipped.
func (q Quiet) next(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	if q.From == q.Until || !q.holds(local) {
		return t
	}
	y, m, d := local.Date()
	for i := range 4 {
		c := wall(time.Date(y, m, d+i, 12, 0, 0, 0, zone), q.Until)
		// The end may fall into the hour that a clock change leaves out; time.Date may
		// then answer with a moment before the gap, which is still quiet.
		for step := 0; step < 16 && q.holds(c.In(zone)); step++ {
			c = c.Add(15 * time.Minute)
		}
		for step := 0; step < 16 && c.Add(-15*time.Minute).After(t) && !q.holds(c.Add(-15*time.Minute).In(zone)); step++ {
			c = c.Add(-15 * time.Minute)
		}
		if c.After(t) && !q.holds(c.In(zone)) {
			return c.In(t.Location())
		}
	}
	return t
}

// wall is the moment on t's day at which its clocks show the time of day c.
func wall(t time.Time, c time.Duration) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, int(c/time.Second), 0, t.Location())
}

func hours(d time.Duration) string {
	return strconv.FormatFloat(d.Hours(), 'f', -1, 64) + " hours"
}

// Class is the class of a kind of message in the planner's catalogue, which decides
// how a [Sender] labels it. It is empty for a kind that is not there.
func (p *Planner) Class(k Kind) Class { return p.entries[k].Class }
