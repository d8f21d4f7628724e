// Bench measures the module against what is possible by hand, in one run, and prints
// both. "go run ./internal/bench ingest" is durable ingest on SQLite and PostgreSQL.
package main

import (
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
	case "ingest":
		err = ingest(os.Args[2:])
	default:
		err = fmt.Errorf("usage: bench ingest [-db sqlite,postgres] [-runs n] [-for duration] [-callers n,n] [-cpuprofile file]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
