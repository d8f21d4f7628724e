// Package carriertest is the exam that every carrier adapter passes.
//
// For most uses, an adapter's test is one call:
//
//	func TestAdapter(t *testing.T) {
//		carriertest.Run(t, carriertest.Suite{
//			New:    func(baseURL string, hc *http.Client) (carriers.Adapter, error) { ... },
//			Number: "1Z999AA10123456784",
//			Good:   "delivered",
//			...
//		})
//	}
//
// The exam plays a carrier that has good days and bad ones. The good days are the
// adapter's own testdata: each folder testdata/<scenario> holds one answer of the
// carrier (response.json) or one push (webhook.json), and want.json says what must
// come of it. "go test -update" writes want.json; a person reads it before it is
// committed. The bad days are the same for all: refused and expired tokens, rate
// limits of a day, maintenance pages, half answers, endless answers, silence.
//
// Everything runs in a [testing/synctest] bubble over a network made of pipes, so
// the exam needs no network, no port and no patience: a minute of waiting takes no
// time, and a goroutine that an adapter leaves behind fails the test.
package carriertest
