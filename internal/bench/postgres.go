package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/internal/pgtest"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
)

// server is started once, and each run has a database of its own.
type server struct {
	pg        *pgtest.Server
	databases atomic.Int64
}

func startServer(folder string) (*server, error) {
	pg, err := pgtest.Start(context.Background(), pgtest.Config{Dir: folder, Durable: true,
		Settings: []string{"shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min"}})
	if err != nil {
		return nil, err
	}
	return &server{pg: pg}, nil
}

// pool makes an empty database and connections to it.
func (s *server) pool(ctx context.Context) (*pgxpool.Pool, error) {
	name := fmt.Sprintf("bench%d", s.databases.Add(1))
	if err := s.pg.CreateDatabase(ctx, name, ""); err != nil {
		return nil, err
	}
	return pgxpool.New(ctx, s.pg.DSN(name)+" pool_max_conns=10")
}

func (s *server) backend() (postpurchase.Backend, func() error, error) {
	ctx := context.Background()
	pool, err := s.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return b, func() error {
		err := b.Close()
		pool.Close()
		return err
	}, nil
}

// The floor on PostgreSQL: the same layout as on SQLite, two goroutines that put all
// events that wait into one transaction each, and statements on whole groups.

const postgresFloorSchema = `
CREATE TABLE shipment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, carrier text NOT NULL, number text NOT NULL, status smallint NOT NULL,
	updated_at bigint NOT NULL, next_poll_at bigint, check_at bigint);
CREATE UNIQUE INDEX shipment_number ON shipment (carrier, number);
CREATE INDEX shipment_poll ON shipment (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX shipment_check ON shipment (check_at) WHERE check_at IS NOT NULL;
CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shipment_id bigint NOT NULL, dedupe text NOT NULL, at bigint NOT NULL, body bytea NOT NULL);
CREATE UNIQUE INDEX event_dedupe ON event (shipment_id, dedupe);
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE, shipment_id bigint NOT NULL, state smallint NOT NULL, send_at bigint, body bytea NOT NULL);
CREATE INDEX outbox_due ON outbox (send_at) WHERE state = 0;
`

const (
	floorLock = `SELECT k.n, s.id, s.status FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (carrier, number, n)
		JOIN shipment s ON s.carrier = k.carrier AND s.number = k.number ORDER BY s.id FOR UPDATE OF s`
	floorEvents = `INSERT INTO event (shipment_id, dedupe, at, body) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[])
		ON CONFLICT DO NOTHING RETURNING shipment_id, dedupe`
	floorUpdate = `UPDATE shipment s SET status = k.status, updated_at = k.at, next_poll_at = k.poll, check_at = k.check
		FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS k (id, status, at, poll, "check") WHERE s.id = k.id`
	floorOutbox = `INSERT INTO outbox (key, shipment_id, state, send_at, body) SELECT key, id, 0, at, body
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[]) AS k (key, id, at, body) ON CONFLICT DO NOTHING`
)

func (s *server) openFloor(string) (keeper, func() error, error) {
	ctx := context.Background()
	pool, err := s.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := pool.Exec(ctx, postgresFloorSchema, pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, nil, err
	}
	if _, err := pool.CopyFrom(ctx, pgx.Identifier{"shipment"}, []string{"carrier", "number", "status", "updated_at", "next_poll_at", "check_at"},
		pgx.CopyFromSlice(parcels, func(i int) ([]any, error) {
			ref := parcelRef(i)
			return []any{ref.Carrier, ref.TrackingNumber, 0, start.Unix(), start.Unix() + 3600, start.Unix() + 86400}, nil
		})); err != nil {
		return nil, nil, err
	}
	requests := make(chan *floorRequest, 1024)
	const writers = 2
	stopped := make(chan struct{}, writers)
	for range writers {
		go func() {
			defer func() { stopped <- struct{}{} }()
			collect(requests, func(group []*floorRequest) error { return postgresFloor(ctx, pool, group) })
		}()
	}
	keep := func(events ...event) error {
		all, err := floorRequests(events)
		if err != nil {
			return err
		}
		if len(all) > 1 {
			return postgresFloor(ctx, pool, all)
		}
		requests <- all[0]
		return <-all[0].done
	}
	return keep, func() error {
		close(requests)
		for range writers {
			<-stopped
		}
		pool.Close()
		return nil
	}, nil
}

func collect(requests <-chan *floorRequest, commit func([]*floorRequest) error) {
	for r := range requests {
		group := []*floorRequest{r}
	more:
		for len(group) < 256 {
			select {
			case r, ok := <-requests:
				if !ok {
					break more
				}
				group = append(group, r)
			default:
				break more
			}
		}
		err := commit(group)
		for _, r := range group {
			r.done <- err
		}
	}
}

func postgresFloor(ctx context.Context, pool *pgxpool.Pool, group []*floorRequest) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var carriers, numbers []string
		for _, r := range group {
			ref := parcelRef(r.event.parcel)
			carriers, numbers = append(carriers, ref.Carrier), append(numbers, ref.TrackingNumber)
		}
		ids := make([]int64, len(group))
		rows, err := tx.Query(ctx, floorLock, carriers, numbers)
		if err != nil {
			return err
		}
		var n, id int64
		var status int16
		if _, err := pgx.ForEachRow(rows, []any{&n, &id, &status}, func() error { ids[n-1] = id; return nil }); err != nil {
			return err
		}
		dedupe, at, bodies := make([]string, len(group)), make([]int64, len(group)), make([][]byte, len(group))
		for i, r := range group {
			dedupe[i], at[i], bodies[i] = strconv.Itoa(r.event.number), r.event.at().Unix(), r.body
		}
		type key struct {
			id     int64
			dedupe string
		}
		fresh := map[key]bool{}
		rows, err = tx.Query(ctx, floorEvents, ids, dedupe, at, bodies)
		if err != nil {
			return err
		}
		var k key
		if _, err := pgx.ForEachRow(rows, []any{&k.id, &k.dedupe}, func() error { fresh[k] = true; return nil }); err != nil {
			return err
		}
		type row struct {
			status int16
			at     int64
		}
		last := map[int64]row{}
		var keys []string
		var owners, sendAt []int64
		var messages [][]byte
		for i, r := range group {
			if !fresh[key{ids[i], dedupe[i]}] {
				continue
			}
			delete(fresh, key{ids[i], dedupe[i]})
			last[ids[i]] = row{int16(r.event.number%len(statuses) + 1), at[i]}
			if r.event.message {
				keys = append(keys, "out/"+strconv.Itoa(r.event.parcel)+"/"+dedupe[i])
				owners, sendAt, messages = append(owners, ids[i]), append(sendAt, at[i]), append(messages, r.body[:100])
			}
		}
		var changed, ats, polls, checks []int64
		var states []int16
		for id, r := range last {
			changed, states, ats = append(changed, id), append(states, r.status), append(ats, r.at)
			polls, checks = append(polls, r.at+6*3600), append(checks, r.at+86400)
		}
		batch := &pgx.Batch{}
		batch.Queue(floorUpdate, changed, states, ats, polls, checks)
		batch.Queue(floorOutbox, keys, owners, sendAt, messages)
		return errors.Join(tx.SendBatch(ctx, batch).Close())
	})
}
