package main

import (
	"context"
	"database/sql"
	"encoding/json"
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

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/sqlite"
)

const (
	grownEvents   = 5   // of each parcel
	grownMessages = 3   // of each order, sent
	activeShare   = 20  // percent of the parcels that are still under way
	fillChunk     = 250 // parcels in one Update of the fill
	bulkEvents    = 128 // events in one Update of bulk ingest
	manyCallers   = 64
	hoursOfRun    = 1000 // between the events of one run and the next; a hundred events are an hour

	// smallTable is how many parcels are few enough that measuring them changes what they
	// are: each run gets a database of its own.
	smallTable = 20_000
)

// growth shows what becomes slower as the database grows.
func growth(args []string) error {
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	sizes := flags.String("sizes", "10000,100000,1000000", "how many parcels")
	backends := flags.String("backends", "sqlite,postgres", "which databases")
	runs := flags.Int("runs", 3, "runs of each rate; the median counts")
	length := flags.Duration("for", 2*time.Second, "how long a run of a rate is measured at most")
	folder := flags.String("folder", "", "where the databases are made; the default is the system's folder for such things")
	profile := flags.String("cpuprofile", "", "write a CPU profile of the durable ingest at the last size to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	g := &grower{runs: max(*runs, 1), length: *length, folder: *folder, profile: *profile}
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < fillChunk {
			return fmt.Errorf("not a number of parcels from %d: %q", fillChunk, s)
		}
		g.sizes = append(g.sizes, n)
	}
	example, err := json.Marshal(grownEvent(0, 0))
	if err != nil {
		return err
	}
	fmt.Printf("growth: %d events of %d bytes as JSON, one order and %d sent messages a parcel, %d %% under way; ingest hits parcels at random over the whole table; %d CPUs; median of %d runs\n\n",
		grownEvents, len(example), grownMessages, activeShare, runtime.NumCPU(), g.runs)
	if strings.Contains(*backends, "sqlite") {
		if err := g.table("SQLite", g.sqlite); err != nil {
			return err
		}
	}
	if !strings.Contains(*backends, "postgres") {
		return nil
	}
	s, err := startServer(*folder)
	if errors.Is(err, pgtest.ErrNoServer) {
		fmt.Printf("nothing on PostgreSQL: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	err = g.table("PostgreSQL", func() (store, error) { return newGrownPostgres(s) })
	return errors.Join(err, s.pg.Stop())
}

// store is a database that can say how large it is.
type store interface {
	// open makes the database if there is none, and opens it with nothing in its caches.
	open(ctx context.Context) (postpurchase.Backend, error)
	close() error                                             // and keep what is in it
	bytes(ctx context.Context) (all, orders int64, err error) // orders: of all
	remove() error
}

type grower struct {
	sizes   []int
	runs    int
	length  time.Duration
	folder  string
	profile string
}

// grown is a database of one size and what was measured of it.
type grown struct {
	size    int
	store   store
	backend postpurchase.Backend

	loads         []float64    // of the machine, before each rate
	fills         []float64    // events/s
	rates         [2][]float64 // events/s, one by one and in bulk
	bytes, orders int64        // per parcel: of the parcel and its messages, and of its order

	duePoll, duePolls, dueChecks, next, p50, p99 time.Duration
}

// table measures every size and says how far the last is from the first. The runs of
// the sizes take turns, so that all meet the same weather.
func (g *grower) table(name string, make func() (store, error)) (err error) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\tparcels\tload\tfill events/s\tbytes/parcel\tof its order\tingest/s, %d callers\tbulk/s, %d a tx\t1 due poll\t100\t100 due checks\tNextDue\ttracking page p50\tp99\t\n", name, manyCallers, bulkEvents)
	var rows []*grown
	defer func() {
		for _, r := range rows {
			err = errors.Join(err, r.store.close(), r.store.remove())
		}
	}()
	ctx := context.Background()
	for _, size := range g.sizes {
		r := &grown{size: size}
		if r.store, err = make(); err != nil {
			return err
		}
		if err := r.fill(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s with %d parcels: %w", name, size, err), r.store.remove())
		}
		rows = append(rows, r)
		if err := r.measure(ctx); err != nil {
			return fmt.Errorf("%s with %d parcels: %w", name, size, err)
		}
	}
	for run := range g.runs {
		for mode := range 2 {
			for i, r := range rows {
				if err := g.once(ctx, r, run, mode, i == len(rows)-1, make); err != nil {
					return fmt.Errorf("%s with %d parcels: %w", name, r.size, err)
				}
			}
		}
	}
	for _, r := range rows {
		fmt.Fprintf(w, "\t%d\t%.1f\t%.0f\t%d\t%d\t%.0f\t%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t\n", r.size, middle(r.loads), middle(r.fills), r.bytes, r.orders,
			middle(r.rates[0]), middle(r.rates[1]), r.duePoll, r.duePolls, r.dueChecks, r.next, r.p50, r.p99)
	}
	first, last := rows[0], rows[len(rows)-1]
	change := func(a, b float64) string { return fmt.Sprintf("%+.0f %%", 100*(b-a)/a) }
	fmt.Fprintf(w, "first to last\t\t\t%s\t%s\t\t%s\t%s\t\t\t\t\t\t\t\n", change(middle(first.fills), middle(last.fills)),
		change(float64(first.bytes), float64(last.bytes)), change(middle(first.rates[0]), middle(last.rates[0])), change(middle(first.rates[1]), middle(last.rates[1])))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("\nall runs:")
	for _, r := range rows {
		fmt.Printf("  %d parcels: ingest %.0f, bulk %.0f, load before each %.1f\n", r.size, r.rates[0], r.rates[1], r.loads)
	}
	fmt.Println()
	return nil
}

// measure is what a size is measured for once, before anything is ingested.
func (r *grown) measure(ctx context.Context) error {
	all, orders, err := r.store.bytes(ctx)
	if err != nil {
		return err
	}
	r.bytes, r.orders = (all-orders)/int64(r.size), orders/int64(r.size)
	return r.reads(ctx)
}

// once is one run of one rate. A small table has a database of its own for each, so that
// the parcels of every run have as many events.
func (g *grower) once(ctx context.Context, r *grown, run, mode int, last bool, make func() (store, error)) (err error) {
	if r.size <= smallTable {
		fresh := &grown{size: r.size}
		if fresh.store, err = make(); err != nil {
			return err
		}
		if err := fresh.fill(ctx); err != nil {
			return errors.Join(err, fresh.store.remove())
		}
		old := r.store
		r.store, r.backend, r.fills = fresh.store, fresh.backend, append(r.fills, fresh.fills...)
		if err := errors.Join(old.close(), old.remove()); err != nil {
			return err
		}
	}
	waitForQuiet()
	r.loads = append(r.loads, machineLoad())
	if g.profile != "" && last && mode == 0 && run == g.runs-1 {
		stop, err := startProfile(g.profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	rate, err := g.rate(ctx, r.backend, r.size, []int{1, bulkEvents}[mode], uint64(run*2+mode))
	r.rates[mode] = append(r.rates[mode], rate)
	return err
}

func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// fill fills a store and opens it anew, with empty caches.
func (r *grown) fill(ctx context.Context) error {
	b, err := r.store.open(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := grow(ctx, b, r.size); err != nil {
		return errors.Join(err, r.store.close())
	}
	r.fills = append(r.fills, float64(r.size*grownEvents)/time.Since(began).Seconds())
	if err := r.store.close(); err != nil {
		return err
	}
	r.backend, err = r.store.open(ctx)
	return err
}

// grow puts parcels with their orders and messages.
func grow(ctx context.Context, b postpurchase.Backend, size int) error {
	var next atomic.Int64
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for {
				from := int(next.Add(fillChunk)) - fillChunk
				if from >= size || errs[w] != nil {
					return
				}
				to := min(from+fillChunk, size)
				// What is put is made outside of the transaction, beside the commits of others.
				var all []grownParcel
				for i := from; i < to; i++ {
					all = append(all, makeGrown(i))
				}
				errs[w] = b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
					for _, p := range all {
						if err := p.put(tx); err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

type grownParcel struct {
	order    *order.Order
	parcel   *postpurchase.Parcel
	messages []*postpurchase.Message
}

func (p grownParcel) put(tx postpurchase.Tx) error {
	if err := errors.Join(tx.PutOrder(p.order), tx.PutParcel(p.parcel)); err != nil {
		return err
	}
	for _, m := range p.messages {
		if err := tx.PutMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// grownNow is when the measuring happens: half of the timers that are set are due.
var grownNow = start.Add(7 * 24 * time.Hour)

func makeGrown(i int) grownParcel {
	ref := parcelRef(i)
	p := &postpurchase.Parcel{Shipment: shipment.Shipment{Ref: ref}, Orders: []postpurchase.ParcelOrder{{OrderID: orderID(i)}},
		PostalCode: "50667", Country: "DE", Zone: "Europe/Berlin", Followed: start, Tracking: shipment.TrackingCompleted,
		AskedAt: start, AnsweredAt: start, NewsAt: start}
	var news shipment.Update
	for n := range grownEvents {
		news.Events = append(news.Events, grownEvent(i, n))
	}
	active := i%100 < activeShare
	if !active {
		news.Events[grownEvents-1].Status, news.Events[grownEvents-1].Class = shipment.Delivered, shipment.ClassStatus
	}
	p.Shipment.Apply(news)
	if active {
		// Spread so that no order of the table is that of the timers.
		spread := time.Duration(i*7919%7200-3600) * time.Second
		p.Tracking = shipment.TrackingActive
		p.PollAt, p.CheckAt = grownNow.Add(spread), grownNow.Add(-spread)
	}
	kinds := []notify.Kind{"shipped", "out_for_delivery", "delivered"}
	g := grownParcel{parcel: p, order: grownOrder(i)}
	for n := range grownMessages {
		at := start.Add(time.Duration(n*20) * time.Hour)
		m := &postpurchase.Message{Channel: notify.Email, Rule: notify.RuleNews, Decided: at, Tried: at, Sent: at, Tries: 1,
			Receipt: words(i, n, 4), Locale: "de-DE", Subject: "Your order " + orderID(i) + " is on its way"}
		m.Key = string(kinds[n]) + "/" + ref.String()
		m.Kind, m.OrderID, m.State, m.Parcels = kinds[n], orderID(i), notify.StateSent, []string{ref.String()}
		m.OccurredAt, m.SendAt, m.Expires = at, at, at.Add(24*time.Hour)
		g.messages = append(g.messages, m)
	}
	return g
}

func grownOrder(i int) *order.Order {
	name := words(i, 100, 2)
	price := money.Amount{Minor: 5990, Currency: "EUR"}
	address := order.Address{Name: name, Street1: words(i, 101, 1) + " 17", City: "Cologne", PostalCode: "50667", Country: "DE"}
	return &order.Order{
		ID: orderID(i), Number: strconv.Itoa(i), PlacedAt: start, UpdatedAt: start, Payment: order.PaymentPaid,
		Locale: "de-DE", TimeZone: "Europe/Berlin", Customer: order.Customer{Name: name, Email: "customer" + strconv.Itoa(i) + "@example.com"},
		ShipTo: address, Lines: []order.Line{{ID: "1", SKU: "S-" + strconv.Itoa(i%500), Title: "Shoes", Quantity: 1, UnitPrice: price, Paid: price}},
		Totals: order.Totals{Items: price, Total: price, TaxIncluded: true},
	}
}

// grownEvent is an event whose text is of its own, so that no two parcels compress well.
func grownEvent(parcel, number int) shipment.Event {
	e := event{parcel: parcel, number: number, message: true}.shipmentEvent()
	e.Text = words(parcel, number, 10)
	return e
}

// words are letters that look like text and are the same whenever they are asked for.
func words(parcel, number, n int) string {
	dice := rand.New(rand.NewPCG(uint64(parcel), uint64(number)))
	b := make([]byte, 0, n*9)
	for i := range n {
		if i > 0 {
			b = append(b, ' ')
		}
		for range 8 {
			b = append(b, 'a'+byte(dice.IntN(26)))
		}
	}
	return string(b)
}

// reads measures what the database is asked while nobody writes.
func (r *grown) reads(ctx context.Context) error {
	waitForQuiet()
	b, size := r.backend, r.size
	dice := rand.New(rand.NewPCG(uint64(size), 3))
	var pages []time.Duration
	for range min(size/2, 3000) {
		i := dice.IntN(size)
		began := time.Now()
		err := b.View(ctx, "shop", func(v postpurchase.Reader) error {
			_, err := v.Order(orderID(i))
			if err != nil {
				return err
			}
			parcels, err := v.ParcelsOfOrder(orderID(i))
			if err != nil {
				return err
			}
			messages, err := v.MessagesOfOrder(orderID(i))
			if err == nil && (len(parcels) != 1 || len(parcels[0].Shipment.Events) != grownEvents || len(messages) != grownMessages) {
				err = fmt.Errorf("order %d is not what was put", i)
			}
			return err
		})
		if err != nil {
			return err
		}
		pages = append(pages, time.Since(began))
	}
	slices.Sort(pages)
	r.p50, r.p99 = rounded(pages[len(pages)/2]), rounded(pages[len(pages)*99/100])

	scan := func(t postpurchase.Timer, carrier string, limit int) (time.Duration, error) {
		return repeated(func() (took time.Duration, err error) {
			err = b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
				began := time.Now()
				due, err := tx.DueParcels(t, carrier, grownNow, limit)
				took = time.Since(began)
				if err == nil && len(due) != min(limit, size*activeShare/200) {
					err = fmt.Errorf("%d parcels are due", len(due))
				}
				return err
			})
			return took, err
		})
	}
	var err error
	if r.duePoll, err = scan(postpurchase.TimerPoll, "ups", 1); err != nil {
		return err
	}
	if r.duePolls, err = scan(postpurchase.TimerPoll, "ups", 100); err != nil {
		return err
	}
	if r.dueChecks, err = scan(postpurchase.TimerCheck, "", 100); err != nil {
		return err
	}
	r.next, err = repeated(func() (time.Duration, error) {
		began := time.Now()
		err := b.View(ctx, "shop", func(v postpurchase.Reader) error {
			_, err := v.NextDue()
			return err
		})
		return time.Since(began), err
	})
	return err
}

// repeated is the median of 15 after one to warm up.
func repeated(one func() (time.Duration, error)) (time.Duration, error) {
	var all []time.Duration
	for i := range 16 {
		took, err := one()
		if err != nil {
			return 0, err
		}
		if i > 0 {
			all = append(all, took)
		}
	}
	slices.Sort(all)
	return rounded(all[len(all)/2]), nil
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// rate is how many events a second are kept, each caller waiting for its commit. It ends
// when there has been one for each parcel.
func (g *grower) rate(ctx context.Context, b postpurchase.Backend, size, perUpdate int, seed uint64) (float64, error) {
	callers := manyCallers
	if perUpdate > 1 {
		callers = 4
	}
	runtime.GC()
	var kept, made atomic.Int64
	var stop atomic.Bool
	errs := make([]error, callers)
	var wg sync.WaitGroup
	began := time.Now()
	for c := range callers {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(seed, uint64(c)))
			for !stop.Load() && kept.Load() < int64(size) {
				events := make([]event, perUpdate)
				for i := range events {
					// Numbers rise, so that each event is new and later than all of its parcel.
					number := int(seed)*hoursOfRun + grownEvents + int(made.Add(1))/100
					events[i] = event{parcel: dice.IntN(size), number: number, message: dice.IntN(100) < notified}
				}
				err := b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
					if err := prefetch(tx, events); err != nil {
						return err
					}
					for _, e := range events {
						if err := ingestGrown(tx, e); err != nil {
							return err
						}
					}
					return nil
				})
				if errs[c] = err; err != nil {
					stop.Store(true)
					return
				}
				kept.Add(int64(perUpdate))
			}
		})
	}
	timer := time.AfterFunc(g.length, func() { stop.Store(true) })
	defer timer.Stop()
	wg.Wait()
	return float64(kept.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// ingestGrown does what a service does with news that has at most one message.
func ingestGrown(tx postpurchase.Tx, e event) error {
	p, err := tx.Parcel(parcelRef(e.parcel))
	if err != nil {
		return err
	}
	news := grownEvent(e.parcel, e.number)
	if len(p.Shipment.Apply(shipment.Update{Events: []shipment.Event{news}})) == 0 {
		return nil
	}
	p.NewsAt, p.AnsweredAt = e.at(), e.at()
	spread := time.Duration(e.parcel*7919%3600) * time.Second
	p.PollAt, p.CheckAt = e.at().Add(6*time.Hour+spread), e.at().Add(24*time.Hour+spread)
	if err := tx.PutParcel(p); err != nil || !e.message {
		return err
	}
	return tx.PutMessage(newsMessage(e, "news/"+p.Shipment.Ref.String()+"/"+strconv.Itoa(e.number)))
}

func newsMessage(e event, key string) *postpurchase.Message {
	m := &postpurchase.Message{Rule: notify.RuleNews, Reason: "news", Decided: e.at()}
	m.Key, m.Kind, m.OrderID, m.State = key, "shipped", orderID(e.parcel), notify.StatePending
	m.Parcels = []string{parcelRef(e.parcel).String()}
	m.OccurredAt, m.SendAt, m.Expires = e.at(), e.at(), e.at().Add(24*time.Hour)
	return m
}

// machineLoad is the load average of the last minute, so that a reader can see what
// else the machine did. Negative: not known here.
func machineLoad() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}

// waitForQuiet waits until others use less than a fifth of a core, but not for long:
// somebody may be working here.
func waitForQuiet() {
	for range 8 {
		before, ok := busy()
		if !ok {
			return
		}
		const look = 250 * time.Millisecond
		time.Sleep(look)
		if after, _ := busy(); (after - before).Seconds() < 0.2*look.Seconds() {
			return
		}
	}
}

// busy is how long the cores have worked since the machine started.
func busy() (time.Duration, bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var ticks time.Duration // of 10 ms
	for i, field := range strings.Fields(line) {
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 4 && i != 5 && i <= 8 { // but idle and waiting for disks
			ticks += time.Duration(n)
		}
	}
	return ticks * 10 * time.Millisecond, ticks > 0
}

type grownSQLite struct {
	dir     string
	backend *sqlite.Backend
}

func (g *grower) sqlite() (store, error) {
	dir, err := os.MkdirTemp(g.folder, "doorstep-bench")
	if err != nil {
		return nil, err
	}
	return &grownSQLite{dir: dir}, nil
}

func (s *grownSQLite) path() string { return filepath.Join(s.dir, "bench.db") }

func (s *grownSQLite) open(ctx context.Context) (b postpurchase.Backend, err error) {
	s.backend, err = sqlite.Open(ctx, s.path())
	return s.backend, err
}

func (s *grownSQLite) close() error { return s.backend.Close() }

func (s *grownSQLite) bytes(ctx context.Context) (all, orders int64, err error) {
	db, err := sql.Open("sqlite", "file:"+s.path()+"?mode=ro")
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT sum(pgsize), sum(pgsize) FILTER (WHERE name GLOB 'shop_order*') FROM dbstat WHERE aggregate = TRUE`).Scan(&all, &orders)
	return all, orders, err
}

func (s *grownSQLite) remove() error { return os.RemoveAll(s.dir) }

type grownPostgres struct {
	server  *server
	pool    *pgxpool.Pool
	backend *postgres.Backend
}

func newGrownPostgres(s *server) (store, error) {
	pool, err := s.pool(context.Background())
	if err != nil {
		return nil, err
	}
	return &grownPostgres{server: s, pool: pool}, nil
}

func (s *grownPostgres) open(ctx context.Context) (b postpurchase.Backend, err error) {
	s.backend, err = postgres.Open(ctx, postgres.Config{Pool: s.pool})
	return s.backend, err
}

// close does what autovacuum would have done by the next day.
func (s *grownPostgres) close() error {
	if err := s.backend.Close(); err != nil {
		return err
	}
	_, err := s.pool.Exec(context.Background(), "VACUUM ANALYZE")
	if err == nil {
		_, err = s.pool.Exec(context.Background(), "CHECKPOINT")
	}
	return err
}

// bytes is without the catalogue of an empty database, which does not grow.
func (s *grownPostgres) bytes(ctx context.Context) (all, orders int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT sum(size)::bigint, (sum(size) FILTER (WHERE relname = 'shop_order'))::bigint FROM (
		SELECT c.relname, pg_total_relation_size(c.oid) AS size FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'doorstep' AND c.relkind = 'r') t`).Scan(&all, &orders)
	return all, orders, err
}

func (s *grownPostgres) remove() error {
	ctx := context.Background()
	name := s.pool.Config().ConnConfig.Database
	s.pool.Close()
	admin, err := pgxpool.New(ctx, s.server.pg.DSN("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	return err
}
