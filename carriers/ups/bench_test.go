package ups

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/doorstep-go/doorstep/carriers/carrierhttp"
)

// answer is an answer of about 6 KB with 12 activities.
func answer(b *testing.B) []byte {
	raw, err := os.ReadFile("testdata/attempts_then_pickup_point/response.json")
	if err != nil {
		b.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		b.Fatal(err)
	}
	return compact.Bytes()
}

// BenchmarkDecode compares, in one run, encoding/json alone into the wire structs with
// all that the adapter does to make an update of the same answer.
func BenchmarkDecode(b *testing.B) {
	body := answer(b)
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var a trackAnswer
			if err := json.Unmarshal(body, &a); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var a trackAnswer
			if err := carrierhttp.DecodeLenient(body, &a); err != nil {
				b.Fatal(err)
			}
			updates, err := a.updates("1ZD00R570312000016")
			if err != nil || len(updates[0].Events) != 12 {
				b.Fatal(err, len(updates[0].Events))
			}
		}
	})
}
