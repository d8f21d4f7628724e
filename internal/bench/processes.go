package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

const (
	processCallers = 32   // of each process
	processJobs    = 2000 // in the one queue
)

// processes shows what several processes do on one database, and that what one of them
// has done no other does again or undoes.
func processes(args []string) error {
	flags := flag.NewFlagSet("processes", flag.ContinueOnError)
	counts := flags.String("n", "1,2,4,8", "how many processes")
	runs := flags.Int("runs", 3, "runs; the median counts")
	length := flags.Duration("for", 3*time.Second, "how long a run is measured")
	folder := flags.String("folder", "", "where the database is made; the default is the system's folder for such things")
	part := flags.String("part", "", "what this process does for another one, which starts it")
	dsn := flags.String("dsn", "", "the database of a part")
	which := flags.Int("which", 0, "which of the processes this one is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *part != "" {
		return runPart(*part, *dsn, *which, *length)
	}
	s, err := startServer(*folder)
	if errors.Is(err, pgtest.ErrNoServer) {
		fmt.Printf("nothing on PostgreSQL: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(compareProcesses(s, *counts, max(*runs, 1), *length), s.pg.Stop())
}

func compareProcesses(s *server, counts string, runs int, length time.Duration) error {
	fmt.Printf("processes on one PostgreSQL on the same machine, fsync and synchronous_commit on; ingest: %d callers each, %d parcels at random; jobs: one queue of %d; %d CPUs; median of %d runs\n\n",
		processCallers, parcels, processJobs, runtime.NumCPU(), runs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "processes\tload before\tevents/s, all together\tevents answered\tof them lost\tjobs/s\tjobs\tdone\tdone more than once\t")
	for _, c := range strings.Split(counts, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return fmt.Errorf("not a number of processes: %q", c)
		}
		load := machineLoad()
		var rates, speeds []float64
		var total ingested
		var work worked
		for range runs {
			i, err := ingestWith(s, n, length)
			if err != nil {
				return fmt.Errorf("ingest with %d processes: %w", n, err)
			}
			j, err := workWith(s, n)
			if err != nil {
				return fmt.Errorf("jobs with %d processes: %w", n, err)
			}
			rates, speeds = append(rates, i.rate), append(speeds, j.rate)
			total.answered, total.lost = total.answered+i.answered, total.lost+i.lost
			work.keys, work.repeated, work.put = work.keys+j.keys, work.repeated+j.repeated, work.put+j.put
		}
		fmt.Fprintf(w, "%d\t%.1f\t%.0f\t%d\t%d\t%.0f\t%d\t%d\t%d\t\n", n, load, middle(rates), total.answered, total.lost, middle(speeds), work.put, work.keys, work.repeated)
	}
	return w.Flush()
}

// newShared makes a database that several processes are to open.
func newShared(s *server) (*grownPostgres, postpurchase.Backend, string, error) {
	made, err := newGrownPostgres(s)
	if err != nil {
		return nil, nil, "", err
	}
	g := made.(*grownPostgres)
	b, err := g.open(context.Background())
	if err != nil {
		return nil, nil, "", errors.Join(err, g.remove())
	}
	return g, b, s.pg.DSN(g.pool.Config().ConnConfig.Database) + " pool_max_conns=8", nil
}

type ingested struct {
	rate           float64
	answered, lost int
}

// ingestWith lets processes ingest at the same time, and looks whether every event that
// a caller was told to be kept is there.
func ingestWith(s *server, n int, length time.Duration) (r ingested, err error) {
	g, b, dsn, err := newShared(s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close(), g.remove()) }()
	ctx := context.Background()
	if err := fillBackend(ctx, b); err != nil {
		return r, err
	}
	waitForQuiet()
	results, err := together(n, "ingest", dsn, length)
	if err != nil {
		return r, err
	}
	for _, one := range results {
		r.rate += one.Rate
		r.answered += one.Done
	}
	kept := 0
	const chunk = 500
	for from := 0; from < parcels; from += chunk {
		err := b.View(ctx, "shop", func(v postpurchase.Reader) error {
			for i := from; i < from+chunk; i++ {
				p, err := v.Parcel(parcelRef(i))
				if err != nil {
					return err
				}
				kept += len(p.Shipment.Events)
			}
			return nil
		})
		if err != nil {
			return r, err
		}
	}
	r.lost = r.answered - kept
	return r, nil
}

type worked struct {
	rate                float64
	put, keys, repeated int
}

// workWith lets processes do the jobs of one queue. A job adds a row with a key of its
// own, or one to the count of a row that is there.
func workWith(s *server, n int) (r worked, err error) {
	g, b, dsn, err := newShared(s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close(), g.remove()) }()
	ctx := context.Background()
	if _, err := g.pool.Exec(ctx, `CREATE TABLE effect (key text PRIMARY KEY, times int NOT NULL)`); err != nil {
		return r, err
	}
	err = b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
		for i := range processJobs {
			if err := tx.Enqueue(postpurchase.Job{Kind: "effect", Key: "job-" + strconv.Itoa(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	var took time.Duration
	if _, err := together(n, "work", dsn, 0, func() error {
		began := time.Now()
		for count := 0; count < processJobs; time.Sleep(5 * time.Millisecond) {
			if err := g.pool.QueryRow(ctx, `SELECT count(*) FROM effect`).Scan(&count); err != nil {
				return err
			}
			if time.Since(began) > time.Minute {
				return fmt.Errorf("%d of %d jobs are done after a minute", count, processJobs)
			}
		}
		took = time.Since(began)
		time.Sleep(300 * time.Millisecond) // for one that would be done again
		return nil
	}); err != nil {
		return r, err
	}
	r.put, r.rate = processJobs, processJobs/took.Seconds()
	return r, g.pool.QueryRow(ctx, `SELECT count(*), sum(times) - count(*) FROM effect`).Scan(&r.keys, &r.repeated)
}

// partResult is what a part says when it has ended.
type partResult struct {
	Done int
	Rate float64 // a second
}

// together starts this program n times, lets all begin at the same moment, and ends
// them when meanwhile, if any, has returned.
func together(n int, part, dsn string, length time.Duration, meanwhile ...func() error) ([]partResult, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	type child struct {
		cmd *exec.Cmd
		in  io.WriteCloser
		out *bufio.Scanner
	}
	var children []child
	defer func() {
		for _, c := range children {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	}()
	for i := range n {
		cmd := exec.Command(self, "processes", "-part", part, "-dsn", dsn, "-which", strconv.Itoa(i), "-for", length.String())
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		children = append(children, child{cmd, in, bufio.NewScanner(out)})
	}
	for _, c := range children {
		if !c.out.Scan() {
			return nil, errors.New("a process ended before it began")
		}
	}
	for _, c := range children {
		if _, err := io.WriteString(c.in, "go\n"); err != nil {
			return nil, err
		}
	}
	for _, f := range meanwhile {
		if err := f(); err != nil {
			return nil, err
		}
	}
	var results []partResult
	for _, c := range children {
		c.in.Close() // ends a part that has no end of its own
	}
	for _, c := range children {
		var r partResult
		if !c.out.Scan() {
			return nil, errors.New("a process ended without a result")
		}
		if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// runPart is one of the processes. It says when it is ready, begins when it is told to,
// and prints its result.
func runPart(part, dsn string, which int, length time.Duration) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	b, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		return err
	}
	defer b.Close()
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	var r partResult
	switch part {
	case "ingest":
		r, err = ingestPart(ctx, b, which, length)
	case "work":
		r, err = workPart(ctx, b, pool, in)
	default:
		err = fmt.Errorf("there is no part %q", part)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// ingestPart keeps events that no other process has: their codes tell them apart.
func ingestPart(ctx context.Context, b postpurchase.Backend, which int, length time.Duration) (partResult, error) {
	var kept, made atomic.Int64
	errs := make([]error, processCallers)
	var wg sync.WaitGroup
	began := time.Now()
	for c := range processCallers {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(which), uint64(c)))
			for time.Since(began) < length && errs[c] == nil {
				n := int(made.Add(1))
				// All processes move on in time together; a thousand events are an hour.
				e := event{parcel: dice.IntN(parcels), number: n / 1000, message: n%100 < notified}
				news := e.shipmentEvent()
				news.Code = "P" + strconv.Itoa(which) + "N" + strconv.Itoa(n)
				news.Status = statuses[n%len(statuses)]
				errs[c] = b.Update(ctx, "shop", func(tx postpurchase.Tx) error {
					p, err := tx.Parcel(parcelRef(e.parcel))
					if err != nil {
						return err
					}
					if len(p.Shipment.Apply(shipment.Update{Events: []shipment.Event{news}})) == 0 {
						return errors.New("an event that is new was known")
					}
					p.NewsAt, p.AnsweredAt, p.PollAt, p.CheckAt = e.at(), e.at(), e.at().Add(6*time.Hour), e.at().Add(24*time.Hour)
					if err := tx.PutParcel(p); err != nil || !e.message {
						return err
					}
					return tx.PutMessage(newsMessage(e, "news/"+news.Code))
				})
				kept.Add(1)
			}
		})
	}
	wg.Wait()
	return partResult{Done: int(kept.Load()), Rate: float64(kept.Load()) / time.Since(began).Seconds()}, errors.Join(errs...)
}

// workPart does jobs until it is told to end.
func workPart(ctx context.Context, b postpurchase.Backend, pool *pgxpool.Pool, in *bufio.Reader) (partResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = in.ReadString('\n') // the end of it
	}()
	var done atomic.Int64
	err := b.Work(ctx, "shop", func(ctx context.Context, j postpurchase.Job) error {
		done.Add(1)
		_, err := pool.Exec(ctx, `INSERT INTO effect (key, times) VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET times = effect.times + 1`, j.Key)
		return err
	})
	return partResult{Done: int(done.Load())}, err
}
