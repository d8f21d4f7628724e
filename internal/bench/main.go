// Bench measures the module against what is possible by hand, in one run, and prints
// both. "go run ./internal/bench ingest" is durable ingest on SQLite and PostgreSQL,
// "growth" is what becomes slower as the database grows, and "processes" is what several
// processes do on one PostgreSQL.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	var err error
	switch what {
	case "processes":
		err = processes(os.Args[2:])
	case "growth":
		err = growth(os.Args[2:])
	case "ingest":
		err = ingest(os.Args[2:])
	default:
		err = errors.New(`usage:
  bench ingest [-db sqlite,postgres] [-runs n] [-for duration] [-callers n,n] [-bulk=false] [-cpuprofile file]
  bench growth [-sizes n,n] [-backends sqlite,postgres] [-runs n] [-for duration] [-cpuprofile file]
  bench processes [-n n,n] [-runs n] [-for duration]`)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
