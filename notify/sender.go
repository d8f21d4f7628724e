package notify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Address is a person's mailbox or number.
type Address struct {
	Name  string // as the person writes it; may hold anything
	Email string
}

// Message is ready to send.
type Message struct {
	// Key identifies the message for good, shop included. A sender that can tells its
	// provider, so that a repeat is dropped; the SMTP sender makes the Message-ID from it.
	Key string

	Kind    Kind
	Class   Class // decides the headers of bulk mail. Defaults to Transactional.
	To      Address
	From    Address // Defaults to the sender's own.
	Content Content

	// ThreadRoot is what the messages of one order share, such as the shop and the order's
	// id, so that a mail program shows them as one conversation. Empty keeps them apart.
	ThreadRoot string

	// UnsubscribeURL is an https link that takes the one-click POST of RFC 8058. Senders
	// use it for messages that are not transactional.
	UnsubscribeURL string

	// Headers are further header fields, by name. Those that a sender sets itself are not
	// replaced.
	Headers map[string]string
}

// Receipt is what a provider says about a message it took.
type Receipt struct {
	ProviderID string // the provider's own id; empty if it has none
	AcceptedAt time.Time
}

// Sender is one way out. Send returns nil only when the provider has taken the message
// over; that it arrived is another matter. It honours ctx, is safe for concurrent use,
// never retries by itself, and fails with a [*SendError].
type Sender interface {
	// Channel is the way it goes, such as [Email]. It is constant.
	Channel() Channel

	// Send hands the message over, once.
	Send(ctx context.Context, m Message) (Receipt, error)
}

// The kinds of failure, for errors.Is.
var (
	ErrRejected  = errors.New("rejected")         // this message will never be taken: do not try again
	ErrThrottled = errors.New("throttled")        // too much at once: try after RetryAfter
	ErrTransient = errors.New("not sent for now") // certainly not sent: try again
	ErrUnknown   = errors.New("may have been sent")
)

// SendError says why a message was not sent, or not certainly. Its text holds no
// address, no credential and no content, so it may be logged.
type SendError struct {
	Sender     string // such as "smtp"
	Kind       error  // ErrRejected, ErrThrottled, ErrTransient or ErrUnknown
	Code       string // the provider's, such as "550 5.1.1"; empty if there was none
	Op         string // what was being done, such as "rcpt"; empty if it does not matter
	RetryAfter time.Duration
	Err        error // the cause, for errors.Is; its text may hold addresses and is not in Error
}

// Error names sender, step, kind and code.
func (e *SendError) Error() string {
	s := "notify: " + e.Sender
	if e.Op != "" {
		s += " " + e.Op
	}
	s += ": " + e.Kind.Error()
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(", retry after %s", e.RetryAfter)
	}
	return s
}

// Unwrap returns the kind and the cause.
func (e *SendError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
