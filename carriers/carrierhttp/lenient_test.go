package carrierhttp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

type document struct {
	Text  string   `json:"text"`
	Count int      `json:"count"`
	Part  float64  `json:"part"`
	Yes   bool     `json:"yes"`
	Texts []string `json:"texts"`
	Inner struct {
		Text string `json:"text"`
	} `json:"inner"`
	Pointer *struct {
		Text string `json:"text"`
	} `json:"pointer"`
	List []struct {
		Text string `json:"text"`
	} `json:"list"`
	Any any `json:"any"`
	embedded
}

type embedded struct {
	Deep string `json:"deep"`
}

func TestDecodeLenient(t *testing.T) {
	full := document{Text: "1", Count: 2, Part: 0.5, Yes: true, Texts: []string{"a"}, embedded: embedded{"x"}}
	full.Inner.Text = "i"
	full.List = []struct {
		Text string `json:"text"`
	}{{"l"}}
	tests := map[string]struct {
		body string
		want document
	}{
		"as it should be": {`{"text":"1","count":2,"part":0.5,"yes":true,"texts":["a"],"inner":{"text":"i"},"list":[{"text":"l"}],"deep":"x","unknown":{}}`, full},
		"careless":        {`{"text":1,"count":"2","part":"0.5","yes":"true","texts":"a","inner":[{"text":"i"}],"list":{"text":"l"},"deep":["x"],"unknown":{}}`, full},
		"nulls": {`{"text":null,"count":null,"texts":null,"inner":null,"list":[null],"pointer":null}`, document{List: []struct {
			Text string `json:"text"`
		}{{}}}},
		"nonsense":  {`{"text":{"a":1},"count":"many","part":"half","yes":"perhaps","texts":[{"a":1},"b"],"inner":"x","list":["y"],"pointer":3}`, document{Texts: []string{"b"}, List: nil}},
		"truth":     {`{"text":true,"count":3.7}`, document{Text: "true"}},
		"leftovers": {`{"text":"kept","count":{}}`, document{Text: "kept"}},
		"mark":      {"\xef\xbb\xbf" + `{"text":5}`, document{Text: "5"}},
	}
	for name, tt := range tests {
		got := document{Text: "of before", Count: 99}
		if name == "as it should be" || name == "nulls" {
			got = document{}
		}
		if err := carrierhttp.DecodeLenient([]byte(tt.body), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.List) == 0 {
			got.List = nil
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(document{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "a text": `"x"`, "a number": "1e999", "a page": "<html>", "half": `{"text":"1"`,
		"two": `{"text":1}{"text":2}`, "trailing": `{"text":1} x`, "deep": strings.Repeat(`{"inner":`, 100_000), "a list": `[{"text":1}]`, "NaN": `{"count":NaN}`,
	} {
		var v document
		if err := carrierhttp.DecodeLenient([]byte(body), &v); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "html") || strings.Contains(err.Error(), "NaN") {
			t.Errorf("%s: the error tells of the body: %v", name, err)
		}
	}
}

// FuzzDecodeLenient holds that what encoding/json reads is read the same, and that
// what was read can be written and read again.
func FuzzDecodeLenient(f *testing.F) {
	for _, s := range []string{`{"text":1,"list":{"text":"x"}}`, `{"count":"3","texts":["a",1]}`, `[]`, `{"text":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var strict, lenient, again document
		strictErr := carrierhttp.DecodeJSON(body, &strict)
		err := carrierhttp.DecodeLenient(body, &lenient)
		if strictErr == nil && (err != nil || !cmp.Equal(strict, lenient, cmp.AllowUnexported(document{}))) {
			t.Errorf("encoding/json: %+v, lenient: %+v (%v)", strict, lenient, err)
		}
		if err != nil {
			return
		}
		b, err := json.Marshal(lenient)
		if err != nil {
			t.Fatal(err)
		}
		if err := carrierhttp.DecodeLenient(b, &again); err != nil {
			t.Errorf("what was read is not read again: %v", err)
		}
	})
}
