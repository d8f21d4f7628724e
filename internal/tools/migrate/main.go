// Migrate prints the SQL that makes the tables of Doorstep and of its job queue in an
// empty PostgreSQL schema, for those whose programs may not make tables themselves:
//
//	go run ./internal/tools/migrate | psql -v ON_ERROR_STOP=1
//
// A program that opens the schema then finds it complete.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/doorstep-go/doorstep/postpurchase/postgres"
)

func main() {
	schema := flag.String("schema", "doorstep", "the schema to make the tables in")
	flag.Parse()
	script, err := postgres.Script(*schema)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(script)
}
