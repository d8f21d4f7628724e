package carriertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
)

// direct answers in memory with what the good day answers.
type direct struct{ e exam }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	switch {
	case d.e.TokenPath == "" || r.URL.Path != d.e.TokenPath:
		d.e.good.answer(w)
	case d.e.Token != nil:
		d.e.Token(w, "exam-access-token")
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"exam-access-token","token_type":"Bearer","expires_in":3600}`)
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// shapes plays the good answer in the odd shapes that gateways give to JSON. None may
// be fatal: either the answer is understood, or the error is of a known kind.
func (e exam) shapes(t *testing.T) {
	var doc any
	d := json.NewDecoder(bytes.NewReader(e.good.response))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Skip("the carrier's answers are not JSON")
	}
	write := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	texts := map[string]bool{}
	for _, u := range e.goodUpdates(t) {
		for _, ev := range u.Events {
			for _, s := range []string{ev.Text, ev.Place.City, ev.Place.Name} {
				if len(s) > 3 {
					texts[s] = true
				}
			}
		}
	}
	invalid := string(e.good.response)
	for s := range texts {
		invalid = strings.ReplaceAll(invalid, s, s[:2]+"\xff\xc3("+s[2:])
	}
	if invalid == string(e.good.response) {
		t.Error("no text of the good answer reaches the updates")
	}
	shapes := []struct {
		name string
		body []byte
		same bool // the result must be that of the good answer
	}{
		{"byte order mark", append([]byte("\xef\xbb\xbf"), e.good.response...), true},
		{"unknown fields", write(mutate(doc, func(v any) any {
			if m, ok := v.(map[string]any); ok {
				m["examUnknownField"] = map[string]any{"a": []any{1, nil, "x"}}
			}
			return v
		})), true},
		{"strings for numbers", write(mutate(doc, func(v any) any {
			switch v := v.(type) {
			case json.Number:
				return v.String()
			case bool:
				return strconv.FormatBool(v)
			}
			return v
		})), false},
		{"numbers for strings", write(mutate(doc, func(v any) any {
			s, ok := v.(string)
			if _, err := strconv.ParseInt(s, 10, 64); !ok || err != nil || len(s) > 1 && s[0] == '0' {
				return v
			}
			return json.Number(s)
		})), false},
		{"objects for lists of one", write(mutate(doc, func(v any) any {
			if l, ok := v.([]any); ok && len(l) == 1 {
				return l[0]
			}
			return v
		})), false},
		{"lists of one for objects", write(mutate(doc, func(v any) any {
			if m, ok := v.(map[string]any); ok {
				return []any{m}
			}
			return v
		})), false},
		{"nulls for values", write(mutate(doc, func(v any) any {
			switch v.(type) {
			case map[string]any, []any:
				return v
			}
			return nil
		})), false},
		{"nulls for lists", write(mutate(doc, func(v any) any {
			if _, ok := v.([]any); ok {
				return nil
			}
			return v
		})), false},
		{"empty lists", write(mutate(doc, func(v any) any {
			if _, ok := v.([]any); ok {
				return []any{}
			}
			return v
		})), false},
		{"long texts", write(mutate(doc, func(v any) any {
			if s, ok := v.(string); ok && texts[s] {
				return strings.Repeat(s+"\u202e\x00\x1b[31m ", 20_000/len(s))
			}
			return v
		})), false},
		{"invalid UTF-8", []byte(invalid), false},
		{"twice", append(append([]byte{}, e.good.response...), e.good.response...), false},
		{"UTF-16", utf16(e.good.response), false},
	}
	want := e.goodUpdates(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			e.bubble(t, &carrier{handler: func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write(s.body) }}, func(t *testing.T, c *carrier) {
				result := c.track(context.Background(), e.good.query(e.Suite))
				if s.same && !reflect.DeepEqual(result.Updates, want) {
					t.Errorf("the result is not that of the good answer (error: %v)", result.Err)
				}
				if result.Err != nil {
					if !errors.Is(result.Err, carriers.ErrMalformed) && !errors.Is(result.Err, carriers.ErrNotFound) {
						t.Errorf("error = %v, want ErrMalformed or ErrNotFound", result.Err)
					}
					e.checkSecrets(t, c, result.Err)
					return
				}
				if len(result.Updates) == 0 {
					t.Error("neither an error nor an update")
				}
				for _, u := range result.Updates {
					if text, bad := invalidText(reflect.ValueOf(u)); bad {
						t.Errorf("invalid UTF-8 came through: %q", text)
					}
					for _, ev := range u.Events {
						if len(ev.Text) > 1000 || strings.ContainsAny(ev.Text, "\x00\x1b\u202e") {
							t.Error("a text without end, or with control characters, came through")
						}
					}
				}
			})
		})
	}
}

// mutate returns a copy of v in which each value was replaced by f, from the leaves
// to the root. The root itself is kept.
func mutate(v any, f func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, each := range v {
			m[k] = f(mutate(each, f))
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, each := range v {
			l[i] = f(mutate(each, f))
		}
		return l
	}
	return v
}

func utf16(b []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

// concurrency asks from eight sides at once: one token, eight right answers.
func (e exam) concurrency(t *testing.T) {
	c := &carrier{handler: func(w http.ResponseWriter, _ *http.Request, _ int) {
		time.Sleep(200 * time.Millisecond)
		e.good.answer(w)
	}}
	want := e.goodUpdates(t)
	e.bubble(t, c, func(t *testing.T, c *carrier) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				// An adapter may refuse what is over its own budget; it may not fail otherwise.
				result := c.track(context.Background(), e.good.query(e.Suite))
				switch {
				case errors.Is(result.Err, carriers.ErrRateLimited):
				case result.Err != nil:
					t.Errorf("error = %v", result.Err)
				case !reflect.DeepEqual(result.Updates, want):
					t.Error("another result than when asked alone")
				}
			})
		}
		wg.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.TokenPath != "" && c.tokens != 1 {
			t.Errorf("%d requests for tokens, want 1 for all", c.tokens)
		}
	})
}
