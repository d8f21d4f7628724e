package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
)

const (
	parcels    = 10_000
	duplicates = 5  // percent of the events that repeat the one before
	notified   = 55 // percent of the fresh events that call for a message
)

// event is one thing that a carrier pushes: about 300 bytes as JSON.
type event struct {
	parcel  int
	number  int  // of the parcel's events, from 0
	message bool // it calls for a message
}

// source makes events at random, the same for every pipeline.
type source struct {
	mu   sync.Mutex
	dice *rand.Rand
	seen [parcels]int
}

func newSource(seed uint64) *source { return &source{dice: rand.New(rand.NewPCG(seed, 7))} }

func (s *source) next() event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{parcel: s.dice.IntN(parcels)}
	if s.seen[e.parcel] > 0 && s.dice.IntN(100) < duplicates {
		e.number = s.seen[e.parcel] - 1
	} else {
		e.number = s.seen[e.parcel]
		s.seen[e.parcel]++
	}
	e.message = (e.parcel*7919+e.number*104729)%100 < notified
	return e
}

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.FixedZone("", 3600))

func (e event) at() time.Time { return start.Add(time.Duration(e.number) * time.Hour) }

// statuses go round: an event that calls for a message changes the status, another is
// history.
var statuses = []shipment.Status{shipment.InTransit, shipment.OutForDelivery, shipment.AttemptFailed, shipment.Exception}

var filler = strings.Repeat("Processed at facility. ", 4)

func (e event) shipmentEvent() shipment.Event {
	class := shipment.ClassInformational
	if e.message {
		class = shipment.ClassStatus
	}
	return shipment.Event{
		Time: shipment.At(e.at()), Class: class, Status: statuses[e.number%len(statuses)],
		Code: "C" + strconv.Itoa(e.number%40), Kind: "I", Text: filler,
		Place: shipment.Place{City: "Cologne", PostalCode: "50667", Country: "DE"}, Sequence: e.number, Seen: e.at().Add(time.Minute),
	}
}

// pipeline is one way to keep an event durably; keep returns when it is.
type pipeline struct {
	name string
	open func(folder string) (keep keeper, close func() error, err error)
}

// keeper keeps events in one transaction.
type keeper func(events ...event) error

func ingest(args []string) error {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	runs := flags.Int("runs", 3, "runs of each pipeline; the median counts")
	length := flags.Duration("for", 2500*time.Millisecond, "how long a run is measured")
	callers := flags.String("callers", "64,256", "how many callers wait for their commits at the same time")
	bulk := flags.Bool("bulk", true, "measure also callers that bring many events at a time")
	database := flags.String("db", "sqlite,postgres", "which databases")
	only := flags.String("only", "", "only pipelines with this in their name")
	profile := flags.String("cpuprofile", "", "write a CPU profile to this file")
	folder := flags.String("folder", "", "where the databases are made; the default is the system's folder for such things")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var load []callersOf
	for c := range strings.SplitSeq(*callers, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return fmt.Errorf("not a number of callers: %q", c)
		}
		load = append(load, callersOf{n, 1})
	}
	if *bulk {
		load = append(load, callersOf{4, bulkEvents})
	}
	if strings.Contains(*database, "sqlite") {
		fmt.Printf("durable ingest on SQLite, synchronous=FULL, "+conditions+"\n\n", parcels, duplicates, notified, runtime.NumCPU())
		if err := compare(onSQLite, load, *only, *folder, *runs, *length); err != nil {
			return err
		}
	}
	if !strings.Contains(*database, "postgres") {
		return nil
	}
	s, err := startServer(*folder)
	if errors.Is(err, pgtest.ErrNoServer) {
		fmt.Printf("\nnothing on PostgreSQL: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Printf("\ndurable ingest on PostgreSQL on the same machine, fsync and synchronous_commit on, "+conditions+"\n\n", parcels, duplicates, notified, runtime.NumCPU())
	return errors.Join(compare(onPostgres(s), load, *only, *folder, *runs, *length), s.pg.Stop())
}

const conditions = "%d parcels, 300-byte events, %d %% duplicates, %d %% with a message, %d CPUs"

// callersOf are so many callers that bring so many events at a time.
type callersOf struct{ callers, events int }

// compare measures pipelines, the first of which is the floor.
func compare(pipelines []pipeline, load []callersOf, only, folder string, runs int, length time.Duration) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "callers\tevents each\tpipeline\tevents/s (median)\tall runs\tp50\tp99\tof the floor\t")
	for _, c := range load {
		results := make([][]result, len(pipelines))
		for run := range runs {
			for i, p := range pipelines { // one after the other, so that all meet the same weather
				if !strings.Contains(p.name, only) {
					continue
				}
				r, err := measure(p, folder, c, length, uint64(run))
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				results[i] = append(results[i], r)
			}
		}
		var floor float64
		for i, p := range pipelines {
			if len(results[i]) == 0 {
				continue
			}
			m := median(results[i])
			if i == 0 {
				floor = m.rate
			}
			ratio := "-"
			if floor > 0 {
				ratio = fmt.Sprintf("%.2f", m.rate/floor)
			}
			var all []string
			for _, r := range results[i] {
				all = append(all, fmt.Sprintf("%.0f", r.rate))
			}
			fmt.Fprintf(w, "%d\t%d\t%s\t%.0f\t%s\t%v\t%v\t%s\t\n", c.callers, c.events, p.name, m.rate, strings.Join(all, " "), m.p50, m.p99, ratio)
		}
	}
	return w.Flush()
}

type result struct {
	rate     float64
	p50, p99 time.Duration
}

func median(all []result) result {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b result) int { return int(a.rate - b.rate) })
	return all[len(all)/2]
}

func measure(p pipeline, folder string, load callersOf, length time.Duration, seed uint64) (r result, err error) {
	dir, err := os.MkdirTemp(folder, "doorstep-bench")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	keep, closer, err := p.open(filepath.Join(dir, "bench.db"))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closer()) }()
	runtime.GC()

	src := newSource(seed)
	var stop, failed atomic.Bool
	var failure error
	var wg sync.WaitGroup
	took := make([][]time.Duration, load.callers)
	began := time.Now()
	for c := range load.callers {
		wg.Go(func() {
			events := make([]event, load.events)
			for !stop.Load() {
				for i := range events {
					events[i] = src.next()
				}
				t := time.Now()
				if err := keep(events...); err != nil {
					if failed.CompareAndSwap(false, true) {
						failure = err
					}
					stop.Store(true)
					return
				}
				took[c] = append(took[c], time.Since(t))
			}
		})
	}
	time.Sleep(length)
	stop.Store(true)
	wg.Wait()
	if failed.Load() {
		return r, failure
	}
	elapsed := time.Since(began)
	all := slices.Concat(took...)
	slices.Sort(all)
	return result{
		rate: float64(len(all)*load.events) / elapsed.Seconds(),
		p50:  all[len(all)/2].Round(10 * time.Microsecond), p99: all[len(all)*99/100].Round(10 * time.Microsecond),
	}, nil
}

var onSQLite = []pipeline{
	{"floor: by hand, group commit", openFloor},
	{"ours: sqlite.Backend.Update", withFile(openBackend)},
	{"ours: Service.Ingest", withFile(openService)},
}

type open func(b postpurchase.Backend, closer func() error) (keeper, func() error, error)

func withFile(open open) func(path string) (keeper, func() error, error) {
	return func(path string) (keeper, func() error, error) {
		b, err := sqlite.Open(context.Background(), path)
		if err != nil {
			return nil, nil, err
		}
		return open(b, b.Close)
	}
}

func onPostgres(s *server) []pipeline {
	with := func(open open) func(string) (keeper, func() error, error) {
		return func(string) (keeper, func() error, error) {
			b, closer, err := s.backend()
			if err != nil {
				return nil, nil, err
			}
			return open(b, closer)
		}
	}
	return []pipeline{
		{"floor: by hand, group commit", s.openFloor},
		{"ours: postgres.Backend.Update", with(openBackend)},
		{"ours: Service.Ingest", with(openService)},
	}
}

// openBackend does what the service does around Update and Apply, without planning.
func openBackend(b postpurchase.Backend, closer func() error) (keeper, func() error, error) {
	if err := fillBackend(context.Background(), b); err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	ctx := context.Background()
	keep := func(events ...event) error {
		return b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
			if err := prefetch(tx, events); err != nil {
				return err
			}
			for _, e := range events {
				if err := keepOne(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return keep, closer, nil
}

// prefetch says which parcels a batch of events is about.
func prefetch(tx postpurchase.Tx, events []event) error {
	p, ok := tx.(postpurchase.Prefetcher)
	if !ok || len(events) == 1 {
		return nil
	}
	refs := make([]shipment.Ref, len(events))
	for i, e := range events {
		refs[i] = parcelRef(e.parcel)
	}
	return p.Prefetch(refs)
}

func keepOne(tx postpurchase.Tx, e event) error {
	p, err := tx.Parcel(parcelRef(e.parcel))
	if err != nil {
		return err
	}
	changes := p.Shipment.Apply(shipment.Update{Events: []shipment.Event{e.shipmentEvent()}})
	if len(changes) == 0 {
		return nil
	}
	p.NewsAt, p.AnsweredAt = e.at(), e.at()
	p.PollAt = e.at().Add(6 * time.Hour)
	p.CheckAt = e.at().Add(24 * time.Hour)
	if err := tx.PutParcel(p); err != nil || !e.message {
		return err
	}
	m := &postpurchase.Message{Rule: notify.RuleNews, Reason: "news", Decided: e.at()}
	m.Key = "out/" + strconv.Itoa(e.parcel) + "/" + strconv.Itoa(e.number)
	m.Kind, m.OrderID, m.State = "shipped", orderID(e.parcel), notify.StatePending
	m.Parcels = []string{p.Shipment.Ref.String()}
	m.OccurredAt, m.SendAt, m.Expires = e.at(), e.at(), e.at().Add(24*time.Hour)
	return tx.PutMessage(m)
}

func parcelRef(i int) shipment.Ref {
	return shipment.Ref{Carrier: "ups", TrackingNumber: fmt.Sprintf("1Z999AA1%010d", i)}
}

func orderID(i int) string { return "order-" + strconv.Itoa(i) }

func fillBackend(ctx context.Context, b postpurchase.Backend) error {
	const chunk = 500
	for from := 0; from < parcels; from += chunk {
		err := b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
			for i := from; i < from+chunk; i++ {
				p := &postpurchase.Parcel{Shipment: shipment.Shipment{Ref: parcelRef(i)}, Orders: []postpurchase.ParcelOrder{{OrderID: orderID(i)}},
					PostalCode: "50667", Country: "DE", Zone: "Europe/Berlin", Followed: start, Tracking: shipment.TrackingActive,
					PollAt: start.Add(time.Hour), CheckAt: start.Add(24 * time.Hour)}
				p.Shipment.Apply(shipment.Update{})
				if err := tx.PutParcel(p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
