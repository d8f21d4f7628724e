package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/internal/group"
	"github.com/doorstep-go/doorstep/postpurchase/internal/record"
)

// DeleteOrder implements [postpurchase.Backend].
func (b *Backend) DeleteOrder(ctx context.Context, shop, id string) error {
	select {
	case <-b.line.Closed():
		return ErrClosed
	default:
	}
	for try := 0; ; try++ {
		err := pgx.BeginFunc(ctx, b.config.Pool, func(tx pgx.Tx) error { return b.deleteOrder(ctx, tx, toText(shop), toText(id), id) })
		switch {
		case err == nil:
			b.cache.Clear() // what was deleted would only be drafted on in vain
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errMet) && !again(err) || try == maxTries:
			return fmt.Errorf("postgres: delete: %w", explain(err))
		}
		select {
		case <-time.After(time.Duration(try) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deleteOrder locks the parcels and then the order, as all do.
func (b *Backend) deleteOrder(ctx context.Context, tx pgx.Tx, shop, id, rawID string) error {
	links := func() ([]int64, error) {
		rows, err := tx.Query(ctx, b.sql[parcelsToDelete], shop, id)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	ids, err := links()
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, b.sql[lockParcelsByID], ids)
	if err != nil {
		return err
	}
	var deleted, kept []int64
	var numbers []group.NumberKey
	docs := [][]byte{}
	var row, version int64
	var n group.NumberKey
	var doc []byte
	if _, err := pgx.ForEachRow(rows, []any{&row, &version, &n.Shop, &n.Carrier, &n.Number, &doc}, func() error {
		p, err := record.Decode[postpurchase.Parcel](doc)
		if err != nil {
			return corrupt(err)
		}
		p.Orders = slices.DeleteFunc(p.Orders, func(o postpurchase.ParcelOrder) bool { return o.OrderID == rawID })
		if len(p.Orders) == 0 {
			deleted, numbers = append(deleted, row), append(numbers, n)
			return nil
		}
		left, err := record.Encode(p)
		kept, docs = append(kept, row), append(docs, left)
		return err
	}); err != nil {
		return err
	}
	var owner int64
	if err := tx.QueryRow(ctx, b.sql[lockOrder], shop, id).Scan(&owner); errors.Is(err, pgx.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	// Now that the order is locked no parcel can come to it or go.
	again, err := links()
	if err != nil {
		return err
	}
	if !slices.Equal(again, ids) {
		return errMet
	}
	batch := &pgx.Batch{}
	batch.Queue(b.sql[deleteLinks], owner)
	batch.Queue(b.sql[deleteMessages], owner)
	batch.Queue(b.sql[deleteOrder], owner)
	batch.Queue(b.sql[deleteParcels], deleted)
	batch.Queue(b.sql[setDocs], kept, docs)
	for _, n := range numbers {
		batch.Queue(b.sql[nameLatest], n.Shop, n.Carrier, n.Number)
	}
	return tx.SendBatch(ctx, batch).Close()
}
