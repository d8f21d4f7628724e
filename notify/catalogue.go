package notify

import (
	"slices"
	"time"
)

// Kind names a message, such as "shipped". It is an open string: a shop may add
// kinds of its own by adding an [Entry] and a template of that name.
type Kind string

// The kinds of message every shop gets.
const (
	OrderConfirmed Kind = "order_confirmed"  // the order was placed and paid
	Shipped        Kind = "shipped"          // the carrier has scanned the parcel for the first time
	OutForDelivery Kind = "out_for_delivery" // the parcel is on the last vehicle
	Delivered      Kind = "delivered"        // the customer, or one accepting for them, has it
	Delayed        Kind = "delayed"          // the promised time has passed and the parcel has not come
	Exception      Kind = "exception"        // something went wrong and somebody must act
	ReadyForPickup Kind = "ready_for_pickup" // the parcel waits at a counter or locker

	LabelNoScan Kind = "label_no_scan" // for the team: a label was made and the carrier has never scanned it
	Stalled     Kind = "stalled"       // for the team: the parcel has not moved for too long
)

// Class is why a message may be sent at all; the law and the mailbox providers treat
// the classes differently. It is an open string; the zero value is [Transactional].
type Class string

// The classes of message.
const (
	Transactional Class = "transactional" // part of the contract itself
	Service       Class = "service"       // helps with the contract, but it holds without
	Marketing     Class = "marketing"     // only with consent
)

// Urgency is how much a message loses by waiting. It is an open string; the zero
// value is [Anytime].
type Urgency string

// The urgencies.
const (
	Now     Urgency = "now"     // breaks quiet hours: it is of use only at once
	Today   Urgency = "today"   // waits for a decent hour, not for another day
	Anytime Urgency = "anytime" // waits as long as it has to, until it expires
)

// Per is what a message is about. It is an open string; the zero value is
// [PerParcel].
type Per string

// What a message may be about.
const (
	PerParcel Per = "parcel" // one message for each parcel and occurrence
	PerOrder  Per = "order"  // one message in an order's life
)

// Audience is who reads a message. It is an open string; the zero value is
// [ToCustomer].
type Audience string

// The audiences.
const (
	ToCustomer Audience = "customer"
	ToMerchant Audience = "merchant" // the shop's own team; the planner never tells the customer
)

// Channel is a way to a person, such as "email". It is an open string.
type Channel string

// Email is the channel of every built-in message.
const Email Channel = "email"

// Entry says when a kind of message is sent, and what it may push aside.
type Entry struct {
	Kind     Kind
	Audience Audience // Defaults to ToCustomer.
	Class    Class    // Defaults to Transactional.
	Urgency  Urgency  // Defaults to Anytime.
	Per      Per      // Defaults to PerParcel.

	// Channels are the ways it may go, the best first. Defaults to Email.
	Channels []Channel

	// MergeWindow is how long it waits for the same news of the order's other parcels,
	// to tell all in one message. Zero never merges.
	MergeWindow time.Duration

	// Wait is how long it waits for the carrier to take the news back.
	Wait time.Duration

	// MaxAge is how old the news may be when we hear it; older news changes the record
	// and tells nobody, so that importing a shop's history is silent. Defaults to 48 hours.
	MaxAge time.Duration

	// Expires is how long after the news it is still worth sending. Defaults to MaxAge.
	Expires time.Duration

	// ExpiresAtHour is the hour of the customer's day of the news after which it is not
	// worth sending. Zero means that the day does not matter.
	ExpiresAtHour int

	// Supersedes are the kinds whose unsent messages about the same parcel are stale
	// once this news is known, whether or not a message about it is sent.
	Supersedes []Kind

	// Terminal says that none of the superseded kinds is sent after this news, whatever
	// times the events carry.
	Terminal bool

	// Computed says that we worked the news out ourselves from something not happening:
	// its time says nothing about how far the parcel is, so it makes no carrier event
	// look old.
	Computed bool

	// Required says that the customer cannot switch it off.
	Required bool
}

const defaultMaxAge = 48 * time.Hour

// Catalogue returns the built-in entries, in the order of a parcel's life. The caller
// owns the slice and may change it and hand it to [NewPlanner].
//
// Merging is for news that one van or one warehouse makes for several parcels within
// minutes. A problem and a pickup are never merged: each has its own thing to do.
func Catalogue() []Entry {
	return []Entry{
		{Kind: OrderConfirmed, Per: PerOrder, Urgency: Now, Required: true},
		{Kind: LabelNoScan, Audience: ToMerchant, Class: Service, Computed: true},
		{
			Kind: Shipped, Urgency: Today, MergeWindow: 30 * time.Minute,
		},
		{
			Kind: Stalled, Audience: ToMerchant, Class: Service, Computed: true,
		},
		{
			Kind: Delayed, Class: Service, Urgency: Today, Computed: true, MergeWindow: 30 * time.Minute,
		},
		{
			Kind: Exception, Urgency: Today, Supersedes: []Kind{Shipped, Delayed, OutForDelivery},
		},
		{
			Kind: OutForDelivery, Urgency: Now, MergeWindow: 10 * time.Minute, ExpiresAtHour: 21,
			Supersedes: []Kind{Shipped, Delayed, Exception},
		},
		{
			Kind: ReadyForPickup, Urgency: Now,
			Supersedes: []Kind{Shipped, Delayed, Exception, OutForDelivery},
		},
		{
			Kind: Delivered, Urgency: Today, MergeWindow: 10 * time.Minute, Wait: 10 * time.Minute,
			Supersedes: []Kind{Shipped, Delayed, Exception, OutForDelivery, ReadyForPickup},
			Terminal:   true,
		},
	}
}

// withDefaults returns e as the planner uses it, sharing nothing with the caller's.
func (e Entry) withDefaults() Entry {
	if e.Audience == "" {
		e.Audience = ToCustomer
	}
	if e.Class == "" {
		e.Class = Transactional
	}
	if e.Urgency == "" {
		e.Urgency = Anytime
	}
	if e.Per == "" {
		e.Per = PerParcel
	}
	if len(e.Channels) == 0 {
		e.Channels = []Channel{Email}
	}
	if e.MaxAge == 0 {
		e.MaxAge = defaultMaxAge
	}
	if e.Expires == 0 {
		e.Expires = e.MaxAge
	}
	e.Channels = slices.Clone(e.Channels)
	e.Supersedes = slices.Clone(e.Supersedes)
	return e
}
