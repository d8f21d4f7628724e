package shipment_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

var update = flag.Bool("update", false, "write the machine's table into doc.go")

const (
	tableBegin = "// that is set aside. A test writes the table down from the running machine.\n//\n"
	tableEnd   = "//\n// In words: "
)

// TestTable keeps the table in the package's documentation true: it is what parcels do.
func TestTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(doc), tableBegin)
	had, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("doc.go has no place for the table")
	}
	want := table(t)
	if *update {
		if err := os.WriteFile("doc.go", []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(had, want); diff != "" {
		t.Errorf("the table in doc.go is not what the machine does; run with -update and read it (-doc +machine):\n%s", diff)
	}
}

func table(t *testing.T) string {
	statuses := shipment.Statuses()
	letter := func(s shipment.Status) string {
		for i := range statuses {
			if statuses[i] == s {
				return string(rune('a' + i))
			}
		}
		t.Fatalf("a parcel is %q", s)
		return ""
	}
	var b strings.Builder
	row := func(key, name string, cells []string) {
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("//\t%1s %-25s %s", key, name, strings.Join(cells, " ")), " "))
	}
	var heads []string
	for _, s := range statuses {
		heads = append(heads, letter(s))
	}
	row("", "", heads)

	type start struct {
		name string
		path []shipment.Status
	}
	starts := []start{}
	for _, s := range statuses {
		switch s {
		case shipment.Unknown:
			row(letter(s), string(s), []string{"(a parcel is never that)"})
			continue
		case shipment.Pending:
			starts = append(starts, start{string(s), nil})
		default:
			starts = append(starts, start{string(s), []shipment.Status{s}})
		}
	}
	starts = append(starts,
		start{"exception, turned round", []shipment.Status{shipment.Returning, shipment.Exception}},
		start{"failed, turned round", []shipment.Status{shipment.Returning, shipment.Failed}})
	for _, st := range starts {
		var cells []string
		var from shipment.Status
		for _, word := range statuses {
			var s shipment.Shipment
			s.Apply(shipment.Update{})
			noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			for i, p := range st.path {
				s.Apply(shipment.Update{Events: []shipment.Event{{Time: shipment.At(noon.Add(time.Duration(i) * time.Hour)), Status: p, Code: "a"}}})
			}
			from = s.Status
			s.Apply(shipment.Update{Events: []shipment.Event{{Time: shipment.At(noon.Add(9 * time.Hour)), Status: word, Code: "b"}}})
			x := s.Explain()
			switch last := x.Steps[len(x.Steps)-1]; last.Verdict {
			case shipment.VerdictMoved:
				cells = append(cells, letter(s.Status))
			case shipment.VerdictConfirmed:
				cells = append(cells, "=")
			case shipment.VerdictSetAside:
				cells = append(cells, ".")
			default:
				t.Fatalf("%s and an event of %s: %s", from, word, last.Verdict)
			}
			if cells[len(cells)-1] != letter(s.Status) && s.Status != from {
				t.Fatalf("%s and an event of %s became %s, which the table does not show", from, word, s.Status)
			}
		}
		key := letter(from)
		row(key, st.name, cells)
	}
	return b.String()
}
