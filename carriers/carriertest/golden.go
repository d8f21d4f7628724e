package carriertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// testdata plays every answer in testdata to the adapter and compares what comes of
// it with want.json.
func (e exam) testdata(t *testing.T) {
	for _, c := range e.cases {
		t.Run(c.name, func(t *testing.T) {
			result := e.play(t, c)
			got := render(t, result)
			path := filepath.Join(c.dir, "want.json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("no want.json: run go test -update, and read what it writes: %v", err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", path, diff)
			}
			for _, u := range result.Updates {
				e.checkUpdate(t, u)
				checkLaw(t, u)
			}
		})
	}
}

// play gives the adapter one answer or push and returns what it made of it.
func (e exam) play(t *testing.T, c testcase) (result carriers.Result) {
	e.bubble(t, &carrier{handler: func(w http.ResponseWriter, _ *http.Request, _ int) { c.answer(w) }}, func(t *testing.T, srv *carrier) {
		if c.webhook == nil {
			result = srv.track(context.Background(), c.query(e.Suite))
			return
		}
		if e.Suite.Webhook == nil {
			t.Fatal("a webhook in testdata, and Suite.Webhook is not set")
		}
		h := http.Header{}
		for k, v := range c.Header {
			h.Set(k, v)
		}
		e.Suite.Webhook.Sign(h, c.webhook, true)
		result.Updates, result.Err = srv.set.ReceiveWebhook(context.Background(), srv.code, h, c.webhook)
	})
	return result
}

// checkUpdate checks what must be true of every update, whatever the carrier said.
func (e exam) checkUpdate(t *testing.T, u carriers.Update) {
	t.Helper()
	if u.TrackingNumber == "" {
		t.Error("an update without a tracking number")
	}
	if u.TrackingNumber != carriers.CleanNumber(u.TrackingNumber) {
		t.Error("an update whose tracking number is not clean")
	}
	for i, ev := range u.Events {
		if !ev.Status.Known() && ev.Status != "" {
			t.Errorf("event %d: status %q is none of ours", i, ev.Status)
		}
		if !ev.Detail.Known() || !ev.Reason.Known() || !ev.Class.Known() || !ev.ActionBy.Known() {
			t.Errorf("event %d: a word that is none of ours: %q %q %q %q", i, ev.Detail, ev.Reason, ev.Class, ev.ActionBy)
		}
		if ev.Code == "" && ev.Text == "" {
			t.Errorf("event %d: neither the carrier's code nor its text was kept", i)
		}
		if !ev.Seen.IsZero() {
			t.Errorf("event %d: Seen is set; it is the shipment's business", i)
		}
	}
	for _, est := range u.Estimates {
		if est.Source == "" || est.Window.IsZero() {
			t.Errorf("an estimate without a window or a source: %+v", est)
		}
		if !est.First.IsZero() || !est.Last.IsZero() {
			t.Error("an estimate with First or Last set; they are the shipment's business")
		}
	}
	for _, r := range u.Related {
		if r.TrackingNumber == "" || r.Relation == "" || r.TrackingNumber == u.TrackingNumber && r.Carrier == "" {
			t.Errorf("a related number that says nothing: relation %q", r.Relation)
		}
	}
}

// render writes a result as JSON that is short enough to be read: one line for each
// event and each other fact.
func render(t *testing.T, r carriers.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	line := func(indent, key string, v any, comma bool) {
		var j bytes.Buffer
		enc := json.NewEncoder(&j)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		b.WriteString(indent)
		if key != "" {
			b.WriteString(`"` + key + `": `)
		}
		b.Write(bytes.TrimSpace(j.Bytes()))
		if comma {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("{\n")
	if r.Err != nil {
		var err *carriers.Error
		if !errors.As(r.Err, &err) {
			t.Fatalf("an error that is no *carriers.Error: %T", r.Err)
		}
		line("  ", "error", err.Error(), len(r.Updates) > 0)
	}
	if len(r.Updates) > 0 {
		b.WriteString("  \"updates\": [\n")
		for i, u := range r.Updates {
			b.WriteString("    {\n")
			line("      ", "tracking_number", u.TrackingNumber, true)
			folded := fold(u.Update)
			line("      ", "status", statusLine(folded), true)
			for _, f := range fields(t, u) {
				line("      ", f.key, f.value, true)
			}
			b.WriteString("      \"events\": [\n")
			for j, ev := range u.Events {
				line("        ", "", ev, j < len(u.Events)-1)
			}
			b.WriteString("      ]\n    }")
			if i < len(r.Updates)-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString("  ]\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}

type field struct {
	key   string
	value json.RawMessage
}

// fields are the fields of u that are set, without number and events, by name.
func fields(t *testing.T, u carriers.Update) []field {
	t.Helper()
	u.TrackingNumber, u.Events = "", nil
	j, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(j, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "tracking_number")
	var fs []field
	for k, v := range m {
		fs = append(fs, field{k, v})
	}
	slices.SortFunc(fs, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return fs
}

// fold is the shipment that has heard u and nothing else.
func fold(updates ...shipment.Update) *shipment.Shipment {
	s := &shipment.Shipment{Ref: shipment.Ref{TrackingNumber: "EXAM"}}
	for _, u := range updates {
		s.Apply(u)
	}
	return s
}

// statusLine is a shipment's status for want.json: "in_transit/delayed (weather)".
func statusLine(s *shipment.Shipment) string {
	line := string(s.Status)
	if s.Detail != "" {
		line += "/" + string(s.Detail)
	}
	if s.Reason != "" {
		line += " (" + string(s.Reason) + ")"
	}
	if s.ActionBy != shipment.ActionNone {
		line += ", " + string(s.ActionBy) + " must act"
	}
	return line
}

// checkLaw checks that the order and the repetition of an update's events change
// nothing: the adapter gave them times and sequences that are enough to sort them by.
func checkLaw(t *testing.T, u carriers.Update) {
	t.Helper()
	events := func(evs ...shipment.Event) shipment.Update { return shipment.Update{Events: evs} }
	want := fold(events(u.Events...))
	reversed := slices.Clone(u.Events)
	slices.Reverse(reversed)
	single := make([]shipment.Update, 0, 2*len(reversed))
	for _, ev := range reversed {
		single = append(single, events(ev))
	}
	shuffled := slices.Clone(u.Events)
	rand.New(rand.NewPCG(1, uint64(len(shuffled)))).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for name, got := range map[string]*shipment.Shipment{
		"reversed":             fold(events(reversed...)),
		"one by one, reversed": fold(single...),
		"shuffled":             fold(events(shuffled...)),
		"twice":                fold(events(append(slices.Clone(shuffled), u.Events...)...), events(u.Events...)),
	} {
		if len(u.Events) == 0 {
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b shipment.Time) bool { return a == b })); diff != "" {
			t.Errorf("events %s give another shipment (-want +got)\n%s", name, diff)
		}
	}
}
