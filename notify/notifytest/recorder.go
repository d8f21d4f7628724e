package notifytest

import (
	"context"
	"net/mail"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/doorstep-go/doorstep/notify"
)

// Recorder is a [notify.Sender] for a shop's own tests: it keeps the messages instead
// of sending them, and fails when it is told to. The zero value is ready. It is safe for
// concurrent use and never waits.
type Recorder struct {
	// Via is its channel. Defaults to notify.Email.
	Via notify.Channel

	mu       sync.Mutex
	messages []notify.Message
	failures []error
}

var _ notify.Sender = (*Recorder)(nil)

// Channel returns Via.
func (r *Recorder) Channel() notify.Channel {
	if r.Via == "" {
		return notify.Email
	}
	return r.Via
}

// Send keeps the message, or fails as [Recorder.FailNext] said. Like a real sender, one
// that is told to fail with [notify.ErrUnknown] has sent the message all the same.
func (r *Recorder) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return notify.Receipt{}, &notify.SendError{Sender: "recorder", Kind: notify.ErrTransient, Err: err}
	}
	if a, err := mail.ParseAddress(m.To.Email); err != nil || a.Address != m.To.Email || m.Key == "" || m.Content.Subject == "" || m.Content.Text == "" {
		return notify.Receipt{}, &notify.SendError{Sender: "recorder", Op: "build", Kind: notify.ErrRejected}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var kind error
	if len(r.failures) > 0 {
		kind, r.failures = r.failures[0], r.failures[1:]
	}
	if kind == nil || kind == notify.ErrUnknown {
		if m.Headers != nil {
			headers := make(map[string]string, len(m.Headers))
			for k, v := range m.Headers {
				headers[k] = v
			}
			m.Headers = headers
		}
		r.messages = append(r.messages, m)
	}
	if kind != nil {
		e := &notify.SendError{Sender: "recorder", Kind: kind}
		if kind == notify.ErrThrottled {
			e.RetryAfter = time.Minute
		}
		return notify.Receipt{}, e
	}
	return notify.Receipt{ProviderID: "recorded-" + strconv.Itoa(len(r.messages))}, nil
}

// FailNext makes the next n messages fail with kind: notify.ErrRejected, ErrThrottled,
// ErrTransient or ErrUnknown.
func (r *Recorder) FailNext(n int, kind error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		r.failures = append(r.failures, kind)
	}
}

// Messages returns what was sent, in order. The slice is the caller's.
func (r *Recorder) Messages() []notify.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// For returns what was sent to one address, in order.
func (r *Recorder) For(email string) []notify.Message {
	return slices.DeleteFunc(r.Messages(), func(m notify.Message) bool { return m.To.Email != email })
}

// Reset forgets the messages and the failures to come.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages, r.failures = nil, nil
}
