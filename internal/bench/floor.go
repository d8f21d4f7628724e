package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"sync"

	_ "modernc.org/sqlite"
)

// The floor is what one would write by hand for this one table layout and nothing
// else: plain rows, prepared statements, and one goroutine that puts all events that
// wait into one transaction.

const floorSchema = `
CREATE TABLE shipment (id INTEGER PRIMARY KEY, carrier TEXT NOT NULL, number TEXT NOT NULL, status INTEGER NOT NULL,
	updated_at INTEGER NOT NULL, next_poll_at INTEGER, check_at INTEGER) STRICT;
CREATE UNIQUE INDEX shipment_number ON shipment (carrier, number);
CREATE INDEX shipment_poll ON shipment (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX shipment_check ON shipment (check_at) WHERE check_at IS NOT NULL;
CREATE TABLE event (id INTEGER PRIMARY KEY, shipment_id INTEGER NOT NULL, dedupe TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX event_dedupe ON event (shipment_id, dedupe);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, shipment_id INTEGER NOT NULL, state INTEGER NOT NULL, send_at INTEGER, body BLOB NOT NULL) STRICT;
CREATE INDEX outbox_due ON outbox (send_at) WHERE state = 0;
`

type floorRequest struct {
	event event
	body  []byte
	done  chan error
}

func floorRequests(events []event) (all []*floorRequest, _ error) {
	for _, e := range events {
		body, err := json.Marshal(e.shipmentEvent())
		if err != nil {
			return nil, err
		}
		all = append(all, &floorRequest{event: e, body: body, done: make(chan error, 1)})
	}
	return all, nil
}

func openFloor(path string) (keeper, func() error, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(10000)", "cache_size(-65536)"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	if err := fillFloor(db); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	f := &floor{conn: conn}
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&f.read, `SELECT id, status FROM shipment WHERE carrier = ? AND number = ?`},
		{&f.event, `INSERT INTO event (shipment_id, dedupe, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`},
		{&f.update, `UPDATE shipment SET status = ?, updated_at = ?, next_poll_at = ?, check_at = ? WHERE id = ?`},
		{&f.outbox, `INSERT INTO outbox (key, shipment_id, state, send_at, body) VALUES (?, ?, 0, ?, ?) ON CONFLICT DO NOTHING`},
	} {
		if *p.to, err = conn.PrepareContext(ctx, p.sql); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	requests := make(chan *floorRequest, 1024)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.run(ctx, requests)
	}()
	keep := func(events ...event) error {
		all, err := floorRequests(events)
		if err != nil {
			return err
		}
		if len(all) > 1 {
			return f.bulk(ctx, all)
		}
		requests <- all[0]
		return <-all[0].done
	}
	return keep, func() error {
		close(requests)
		<-stopped
		return errors.Join(conn.Close(), db.Close())
	}, nil
}

func fillFloor(db *sql.DB) error {
	if _, err := db.Exec(floorSchema); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range parcels {
		ref := parcelRef(i)
		if _, err := tx.Exec(`INSERT INTO shipment (carrier, number, status, updated_at, next_poll_at, check_at) VALUES (?, ?, 0, ?, ?, ?)`,
			ref.Carrier, ref.TrackingNumber, start.Unix(), start.Unix()+3600, start.Unix()+86400); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type floor struct {
	mu                          sync.Mutex // with bulk, where the callers write
	conn                        *sql.Conn
	read, event, update, outbox *sql.Stmt
}

func (f *floor) run(ctx context.Context, requests <-chan *floorRequest) {
	for r := range requests {
		group := []*floorRequest{r}
	collect:
		for len(group) < 256 {
			select {
			case r, ok := <-requests:
				if !ok {
					break collect
				}
				group = append(group, r)
			default:
				break collect
			}
		}
		err := f.commit(ctx, group)
		for _, r := range group {
			r.done <- err
		}
	}
}

func (f *floor) bulk(ctx context.Context, all []*floorRequest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit(ctx, all)
}

func (f *floor) commit(ctx context.Context, group []*floorRequest) error {
	if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, r := range group {
		if err := f.one(ctx, r); err != nil {
			_, undo := f.conn.ExecContext(ctx, "ROLLBACK")
			return errors.Join(err, undo)
		}
	}
	_, err := f.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (f *floor) one(ctx context.Context, r *floorRequest) error {
	e, ref := r.event, parcelRef(r.event.parcel)
	var id int64
	var status int
	if err := f.read.QueryRowContext(ctx, ref.Carrier, ref.TrackingNumber).Scan(&id, &status); err != nil {
		return err
	}
	number := strconv.Itoa(e.number)
	res, err := f.event.ExecContext(ctx, id, number, e.at().Unix(), r.body)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	next := e.number%len(statuses) + 1 // the table lookup
	at := e.at().Unix()
	if _, err := f.update.ExecContext(ctx, next, at, at+6*3600, at+86400, id); err != nil || !e.message {
		return err
	}
	_, err = f.outbox.ExecContext(ctx, "out/"+strconv.Itoa(e.parcel)+"/"+number, id, at, r.body[:100])
	return err
}
