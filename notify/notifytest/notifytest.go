// Package notifytest holds what one needs to test messages: a [Recorder] in place of a
// sender, a [Mailbox] that is a real SMTP server with a page, [CheckTemplates] for a
// shop's own templates, and [Run], the exam for those who write a sender.
//
// For most uses, give the code under test a Recorder and look at what it was asked to
// send:
//
//	var sent notifytest.Recorder
//	shop := newShop(&sent)
//	shop.Ship("1001")
//	if got := sent.For("ann@example.com"); len(got) != 1 {
//		t.Errorf("got %d mails", len(got))
//	}
package notifytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/notify"
)

// Behaviour is what the far end of a sender does with the next messages.
type Behaviour string

// The behaviours a far end must be able to show.
const (
	Accept   Behaviour = "accept"   // take it
	Reject   Behaviour = "reject"   // refuse it for good
	Throttle Behaviour = "throttle" // refuse it because of too many
	Fail     Behaviour = "fail"     // refuse it for now
	Hang     Behaviour = "hang"     // take all of it and never answer
	HangUp   Behaviour = "hang up"  // take all of it and drop the connection instead of answering
)

// Received is a message as it arrived at the far end.
type Received struct {
	To      []string // recipients by the envelope or the request, addresses only
	ToName  string   // decoded
	Subject string   // decoded
	Text    string
	HTML    string
	Header  func(name string) string // decoded; nil if the way out has no headers
}

// FarEnd is the provider a sender under examination talks to.
type FarEnd interface {
	// Behave decides what becomes of messages from now on.
	Behave(Behaviour)

	// Hung returns a channel that gets a value each time a message begins to hang.
	Hung() <-chan struct{}

	// Received returns what was taken, in order, also what was not answered.
	Received() []Received
}

// Suite is an exam for a sender.
type Suite struct {
	// New returns a sender that talks to a far end of its own, both stopped when t ends.
	New func(t *testing.T) (notify.Sender, FarEnd)

	// Down returns a sender whose far end cannot be reached.
	Down func(t *testing.T) notify.Sender

	// Secrets are the credentials the senders were given; no error may hold one.
	Secrets []string
}

// Run puts a sender through the exam: what [notify.Sender] promises, on good days and on
// bad ones.
func Run(t *testing.T, s Suite) {
	if s.New == nil || s.Down == nil {
		t.Fatal("notifytest: Suite.New and Suite.Down are required")
	}
	message := func(key string) notify.Message {
		return notify.Message{
			Key: key, Kind: notify.Shipped, Class: notify.Transactional, ThreadRoot: "exam/order-1",
			To: notify.Address{Name: "Zoë Müller-Łukasz 🌻", Email: "zoe@customer.example"},
			Content: notify.Content{
				Subject: "Ihr Paket „Größe L“ ist unterwegs 📦", Preheader: "Heute zwischen 14 und 16 Uhr.", Locale: "de",
				Text: "Guten Tag,\n\nIhr Paket ist unterwegs.\n.\nEine Zeile mit nur einem Punkt darüber.\nhttps://shop.example/track?sig=a=b\n",
				HTML: `<!DOCTYPE html><html lang="de" dir="ltr"><body><h1>Ihr Paket ist unterwegs</h1><p>Grüße – ` + strings.Repeat("lang ", 300) + `</p></body></html>`,
			},
		}
	}
	private := append([]string{"zoe", "customer.example", "Müller", "exam/", "Größe"}, s.Secrets...)
	failed := func(t *testing.T, err error, kinds ...error) *notify.SendError {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		var se *notify.SendError
		if !errors.As(err, &se) {
			t.Fatalf("%T is not a *notify.SendError", err)
		}
		ok := false
		for _, k := range kinds {
			ok = ok || errors.Is(err, k)
		}
		if !ok {
			t.Errorf("%v: want a failure of kind %v", err, kinds)
		}
		for _, secret := range private {
			if secret != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("the error holds %q, which is private", secret)
			}
		}
		return se
	}
	count := func(t *testing.T, far FarEnd, want int) {
		t.Helper()
		if got := len(far.Received()); got != want {
			t.Errorf("%d messages arrived, want %d", got, want)
		}
	}

	t.Run("accepts", func(t *testing.T) {
		sender, far := s.New(t)
		if sender.Channel() == "" {
			t.Error("no channel")
		}
		m := message("exam/accepts")
		if _, err := sender.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		count(t, far, 1)
		got := far.Received()[0]
		if len(got.To) != 1 || got.To[0] != m.To.Email {
			t.Errorf("to %q, want %q", got.To, m.To.Email)
		}
		if got.ToName != m.To.Name {
			t.Errorf("to the name %q, want %q", got.ToName, m.To.Name)
		}
		if got.Subject != m.Content.Subject {
			t.Errorf("subject %q, want %q", got.Subject, m.Content.Subject)
		}
		if lines(got.Text) != lines(m.Content.Text) {
			t.Errorf("text %q, want %q", got.Text, m.Content.Text)
		}
		if lines(got.HTML) != lines(m.Content.HTML) {
			t.Errorf("HTML %q, want %q", got.HTML, m.Content.HTML)
		}
	})
	t.Run("rejected", func(t *testing.T) {
		sender, far := s.New(t)
		far.Behave(Reject)
		_, err := sender.Send(t.Context(), message("exam/rejected"))
		failed(t, err, notify.ErrRejected)
	})
	t.Run("throttled", func(t *testing.T) {
		sender, far := s.New(t)
		far.Behave(Throttle)
		_, err := sender.Send(t.Context(), message("exam/throttled"))
		if se := failed(t, err, notify.ErrThrottled); se.RetryAfter <= 0 {
			t.Error("a throttled message must say when to try again")
		}
	})
	t.Run("fails for now and then works", func(t *testing.T) {
		sender, far := s.New(t)
		far.Behave(Fail)
		_, err := sender.Send(t.Context(), message("exam/fails"))
		failed(t, err, notify.ErrTransient)
		count(t, far, 0)
		far.Behave(Accept)
		if _, err := sender.Send(t.Context(), message("exam/fails")); err != nil {
			t.Errorf("a failure must not break the sender: %v", err)
		}
		count(t, far, 1)
	})
	t.Run("cannot be reached", func(t *testing.T) {
		_, err := s.Down(t).Send(t.Context(), message("exam/down"))
		failed(t, err, notify.ErrTransient)
	})
	t.Run("hangs past the deadline", func(t *testing.T) {
		sender, far := s.New(t)
		far.Behave(Hang)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := sender.Send(ctx, message("exam/hangs"))
			done <- err
		}()
		select {
		case <-far.Hung():
		case err := <-done:
			t.Fatalf("returned before the far end had the message: %v", err)
		}
		cancel() // as a deadline would, without waiting for one
		select {
		case err := <-done:
			// The far end has all of it: whether it was sent cannot be known.
			failed(t, err, notify.ErrUnknown)
			if !errors.Is(err, context.Canceled) {
				t.Error("the error does not say that the context ended")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the sender does not honour its context")
		}
	})
	t.Run("connection lost after the message was taken", func(t *testing.T) {
		sender, far := s.New(t)
		far.Behave(HangUp)
		_, err := sender.Send(t.Context(), message("exam/hangup"))
		failed(t, err, notify.ErrUnknown)
		count(t, far, 1) // a sender does not retry by itself
	})
	t.Run("context that has ended", func(t *testing.T) {
		sender, far := s.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := sender.Send(ctx, message("exam/ended"))
		failed(t, err, notify.ErrTransient)
		count(t, far, 0)
	})
	t.Run("header injection", func(t *testing.T) {
		evil := "x\r\nBcc: victim@other.example\r\nX-Injected: yes\r\n\r\n<b>body</b>"
		for name, change := range map[string]func(*notify.Message){
			"subject":     func(m *notify.Message) { m.Content.Subject = "Hi" + evil },
			"name":        func(m *notify.Message) { m.To.Name = "Ann" + evil },
			"quoted name": func(m *notify.Message) { m.To.Name = `"Ann" <victim@other.example>, ` },
			"address":     func(m *notify.Message) { m.To.Email += evil },
			"two addresses": func(m *notify.Message) {
				m.To.Email += ", victim@other.example"
			},
			"header value": func(m *notify.Message) { m.Headers = map[string]string{"X-Shop": "a" + evil} },
			"header name":  func(m *notify.Message) { m.Headers = map[string]string{"X-Shop: a" + evil: "b"} },
			"thread":       func(m *notify.Message) { m.ThreadRoot = evil },
			"key":          func(m *notify.Message) { m.Key = "exam/" + evil },
			"unsubscribe":  func(m *notify.Message) { m.Class, m.UnsubscribeURL = notify.Marketing, "https://a.example/"+evil },
		} {
			t.Run(name, func(t *testing.T) {
				sender, far := s.New(t)
				m := message("exam/injection")
				change(&m)
				if _, err := sender.Send(t.Context(), m); err != nil {
					failed(t, err, notify.ErrRejected)
					count(t, far, 0)
					return
				}
				for _, got := range far.Received() {
					if len(got.To) != 1 || strings.Contains(got.To[0], "victim") {
						t.Errorf("sent to %q", got.To)
					}
					if got.Header != nil && (got.Header("Bcc") != "" || got.Header("X-Injected") != "") {
						t.Error("a header was injected")
					}
				}
			})
		}
	})
	t.Run("messages that cannot be sent", func(t *testing.T) {
		for name, change := range map[string]func(*notify.Message){
			"no key":       func(m *notify.Message) { m.Key = "" },
			"no recipient": func(m *notify.Message) { m.To.Email = "" },
			"no address":   func(m *notify.Message) { m.To.Email = "zoe" },
			"no content":   func(m *notify.Message) { m.Content = notify.Content{} },
		} {
			t.Run(name, func(t *testing.T) {
				sender, far := s.New(t)
				m := message("exam/bad")
				change(&m)
				_, err := sender.Send(t.Context(), m)
				failed(t, err, notify.ErrRejected)
				count(t, far, 0)
			})
		}
	})
	t.Run("many at once", func(t *testing.T) {
		sender, far := s.New(t)
		const n = 16
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { _, errs[i] = sender.Send(t.Context(), message(fmt.Sprintf("exam/many/%d", i))) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		count(t, far, n)
	})
}

func lines(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
