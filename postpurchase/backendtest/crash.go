package backendtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Crash says how a Backend that outlives its process is opened in another one, which
// the exam ends with kill -9 in the middle of its work.
type Crash struct {
	// Open opens the Backend in a folder. Jobs whose process died should be done again
	// within a second or two.
	Open func(folder string) (postpurchase.Backend, error)
}

const (
	crashFolder = "DOORSTEP_BACKENDTEST_FOLDER"
	crashRound  = "DOORSTEP_BACKENDTEST_ROUND"
	crashRounds = 4
)

// Main is for TestMain, as os.Exit(backendtest.Main(m, crash)): it runs the tests, or,
// when the exam has started this program again, the work that is to be killed.
func Main(m *testing.M, c *Crash) int {
	folder := os.Getenv(crashFolder)
	if folder == "" {
		return m.Run()
	}
	if err := c.victim(folder, os.Getenv(crashRound)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// victim keeps things and does jobs as fast as it can, and says on stdout what has been
// kept. It does not end.
func (c *Crash) victim(folder, round string) error {
	b, err := c.Open(folder)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what, id string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, id) // one write to a pipe: it arrives whole or not at all
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, i)
				if err := b.Update(context.Background(), shop, func(tx postpurchase.Tx) error { return crashPut(tx, id) }); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				say("kept", id)
			}
		}()
	}
	return b.Work(context.Background(), shop, func(ctx context.Context, j postpurchase.Job) error { return crashDo(ctx, b, j.Key, say) })
}

// crashPut keeps a parcel, its order, a message and the job that is to send it.
func crashPut(tx postpurchase.Tx, id string) error {
	p := parcel(0)
	p.Shipment.Ref.TrackingNumber, p.Orders[0].OrderID = id, id
	all, err := tx.Cursor("all")
	if err != nil && !errors.Is(err, postpurchase.ErrNotFound) {
		return err
	}
	all.Name, all.Value = "all", all.Value+"x"
	if len(all.Value) > 1000 {
		all.Value = ""
	}
	return errors.Join(tx.PutOrder(anOrder(id, id, epoch)), tx.PutParcel(p), tx.PutMessage(message(id, id)), tx.PutCursor(all),
		tx.Enqueue(postpurchase.Job{Kind: "send", Key: id}))
}

// crashDo sends a message once: that it was sent is a row, which is kept together with
// what sending does, here another row.
func crashDo(ctx context.Context, b postpurchase.Backend, id string, say func(what, id string)) error {
	err := b.Update(ctx, shop, func(tx postpurchase.Tx) error {
		m, err := tx.Message(id)
		if err != nil {
			return err
		}
		if m.Tries > 0 {
			return nil // done before the crash, by a process that could not say so
		}
		m.Tries++
		p, err := tx.Parcel(shipment.Ref{Carrier: "ups", TrackingNumber: id})
		if err != nil {
			return err
		}
		p.Failures++ // the effect
		return errors.Join(tx.PutMessage(m), tx.PutParcel(p))
	})
	if err == nil {
		say("done", id)
	}
	return err
}

func (c *Crash) run(t *testing.T) {
	if os.Getenv(crashFolder) != "" {
		t.Fatal("TestMain does not call backendtest.Main")
	}
	folder := t.TempDir()
	dice := rand.New(rand.NewPCG(1, 2))
	kept, done := map[string]bool{}, map[string]bool{}
	for round := range crashRounds {
		// Counted in what was said, not in time: every machine is hit in the middle.
		c.kill(t, folder, round, 50+dice.IntN(400), kept, done)
		if t.Failed() {
			return
		}
		c.check(t, folder, kept, done, false)
	}
	c.check(t, folder, kept, done, true)
}

// kill lets a process work until it has said n things and ends it.
func (c *Crash) kill(t *testing.T, folder string, round, n int, kept, done map[string]bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashFolder+"="+folder, crashRound+"="+fmt.Sprint(round))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for in := bufio.NewScanner(out); in.Scan(); lines++ {
		what, id, _ := strings.Cut(in.Text(), " ")
		switch what {
		case "kept":
			kept[id] = true
		case "done":
			done[id] = true
		}
		if lines == n {
			cmd.Process.Kill() // and go on reading what it has said before
		}
	}
	_ = cmd.Wait()
	if lines < n {
		t.Fatalf("the process said %d things of %d and ended by itself: %s", lines, n, stderr.String())
	}
}

// check opens what the killed process has left. At the end it also does the jobs that
// are left and checks that all effects are there once.
func (c *Crash) check(t *testing.T, folder string, kept, done map[string]bool, end bool) {
	t.Helper()
	b, err := c.Open(folder)
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	defer b.Close()
	// Not acknowledged and there all the same is possible; half there is not.
	pending := c.pending(t, b, kept, done)
	if !end {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var mu sync.Mutex
	todo := map[string]bool{}
	for _, id := range pending {
		todo[id] = true
	}
	if len(todo) == 0 {
		t.Error("the crashes left no job to do: they show nothing")
	}
	if err := b.Work(ctx, shop, func(ctx context.Context, j postpurchase.Job) error {
		err := crashDo(context.WithoutCancel(ctx), b, j.Key, func(string, string) {})
		if err != nil {
			t.Errorf("job: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if delete(todo, j.Key); len(todo) == 0 {
			cancel()
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if left := c.pending(t, b, kept, done); len(left) > 0 {
		t.Errorf("%d of %d jobs are lost, such as %s", len(left), len(pending), left[0])
	}
	t.Logf("%d updates were acknowledged in %d crashes, %d jobs were left to do", len(kept), crashRounds, len(pending))
}

// pending returns the ids of messages that were not sent yet, and checks all others.
func (c *Crash) pending(t *testing.T, b postpurchase.Backend, kept, done map[string]bool) (ids []string) {
	err := b.View(t.Context(), shop, func(r postpurchase.Reader) error {
		all, err := r.ParcelsByHealth("", 1_000_000)
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, p := range all {
			id := p.Shipment.Ref.TrackingNumber
			there[id] = true
			m, err1 := r.Message(id)
			_, err2 := r.Order(id)
			of, err3 := r.ParcelsOfOrder(id)
			if err := errors.Join(err1, err2, err3); err != nil || len(of) != 1 {
				t.Errorf("only half of an update is there: %v", err)
				continue
			}
			if m.Tries != p.Failures || m.Tries > 1 {
				t.Errorf("a message was sent %d times, with %d effects", m.Tries, p.Failures)
			}
			if done[id] && m.Tries == 0 {
				t.Errorf("what a job did was acknowledged, and is not there")
			}
			if m.Tries == 0 {
				ids = append(ids, id)
			}
		}
		for id := range kept {
			if !there[id] {
				t.Errorf("an update was acknowledged, and is not there")
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return ids
}
