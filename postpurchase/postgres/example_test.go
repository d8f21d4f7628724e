package postgres_test

import (
	"context"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/postgres"
)

// The backend is all that differs from a service on one file.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	backend, err := postgres.Open(ctx, postgres.Config{Pool: pool}) // was: sqlite.Open(ctx, "doorstep.db")
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()

	carrier, err := fake.New(fake.Config{})
	if err != nil {
		log.Fatal(err)
	}
	svc, err := postpurchase.New(postpurchase.Config{Carriers: []carriers.Adapter{carrier}, Backend: backend})
	if err != nil {
		log.Fatal(err)
	}
	if err := svc.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
