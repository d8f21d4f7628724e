package record

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// TestGolden writes values to the very bytes that are on people's disks, and reads them
// back. The goldens were written by the first version of the format. There is no flag to
// write them again: a golden that differs is a document that can no longer be read, or
// that another process would read otherwise.
func TestGolden(t *testing.T) {
	parcel, bought, message, item, cursor := richParcel(), richOrder(), richMessage(), richInboxItem(), richCursor()
	other := richOther()
	golden(t, "parcel", &parcel)
	golden(t, "order", &bought)
	golden(t, "message", &message)
	golden(t, "inbox_item", &item)
	golden(t, "cursor", &cursor)
	golden(t, "other", &other)
	golden(t, "empty", &postpurchase.Parcel{})
}

func golden[T any](t *testing.T, name string, value *T) {
	t.Run(name, func(t *testing.T) {
		want, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), hex.Dump(doc)); diff != "" {
			t.Fatalf("other bytes (-want +got):\n%s", diff)
		}
		same(t, doc, value)
	})
}

// same reads a document into what it was made of, and its prefixes without a panic. The
// document is overwritten in between: what was read must not share it.
func same[T any](t *testing.T, doc []byte, want *T) {
	t.Helper()
	read := bytes.Clone(doc)
	got, err := Decode[T](read)
	if err != nil {
		t.Fatal(err)
	}
	clear(read)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("it is read as\n%+v, want\n%+v", got, want)
	}
	for i := range doc {
		if _, err := Decode[T](doc[:i]); err != nil && err != ErrDocument {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
}

var (
	kolkata = time.FixedZone("", 5*3600+1800)
	noon    = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

// later is some minutes after noon, with nanoseconds.
func later(minutes int) time.Time {
	return noon.Add(time.Duration(minutes)*time.Minute + time.Duration(minutes)*1234567)
}

func parsed(text string) shipment.Time {
	t, err := shipment.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return t
}

func richParcel() postpurchase.Parcel {
	place := shipment.Place{Name: "Hub 7", City: "Köln", Region: "NW", PostalCode: "50667", Country: "DE"}
	return postpurchase.Parcel{
		Shipment: shipment.Shipment{
			Ref:    shipment.Ref{Carrier: "dhl", TrackingNumber: "00340434161094042557", Epoch: 2},
			Status: shipment.Delivered, Detail: shipment.DetailNeighbour, Reason: "recipient_absent", ActionBy: "customer",
			StatusAt: parsed("2026-03-04T14:02:00+01:00"), Homeward: true, Attempts: 1, Journey: 3,
			History: []shipment.Transition{
				{Status: shipment.InTransit, Detail: shipment.DetailDeparted, Reason: "weather", At: parsed("2026-03-03T21:15"), Seen: later(1), Journey: 3},
				{Status: shipment.AttemptFailed, At: parsed("2026-03-03"), Seen: later(2).In(kolkata)},
				{},
				{Status: shipment.Delivered, At: parsed("2026-03-04T14:02:00+01:00"), Seen: later(3)},
			},
			PickedUpAt: parsed("1969-12-31T23:59:58-11:30:15"), FirstAttemptAt: parsed("2026-03-03"), DeliveredAt: parsed("9999-12-31T23:59:59+23:59:59"),
			Events: []shipment.Event{
				{
					Time: parsed("2026-03-02T09:00:00+05:30"), Place: place, Class: shipment.ClassInformational, Status: shipment.PreTransit,
					Detail: shipment.DetailLabelCreated, Reason: "weather", ActionBy: "shop", Code: "MP", Kind: "M", Text: "Label created",
					Retracts: "XX", Piece: "JJD000390007", Source: "agent", Sequence: -7, Seen: later(4),
				},
				{
					Time: parsed("2026-03-02T09:01"), Place: shipment.Place{City: "Graz"}, Status: shipment.InTransit, Sequence: 70000, Seen: later(5).In(kolkata),
					Text: "Die Sendung wurde im Start-Paketzentrum bearbeitet. Sie wird nun zum Ziel-Paketzentrum gebracht; das dauert meist einen Tag.",
				},
				{},
				{Time: parsed("2026-03-02T09:02:03-03:30~"), Seen: time.Unix(-1, 999999999).UTC()},
				{Time: parsed("2026-03-02T09:02+05:45~"), Text: "\x00\xff not UTF-8"},
				{Time: parsed("0001-01-01T00:00:00")}, // a wall clock that looks like none
				{Time: parsed("0000-01-01T00:00:00Z")},
				{Time: parsed("0001-01-01")},
				{Time: parsed("1970-01-01T00:00:00")},
				{Time: shipment.At(time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", -25200)))},
			},
			NotBefore: later(6),
			Estimates: []shipment.Estimate{
				{Window: shipment.Window{From: parsed("2026-03-04"), To: parsed("2026-03-05T18:00-05:00")}, Source: shipment.EstimateCarrier, First: later(7), Last: later(8)},
				{Window: shipment.Window{To: parsed("2026-03-06")}, Source: shipment.EstimateComputed},
			},
			Related: []shipment.Related{{TrackingNumber: "42", Carrier: "usps", Relation: shipment.RelatedPartner, Kind: "USPS_PIC"}, {Relation: shipment.RelatedChild}},
			Proof:   &shipment.Proof{SignedBy: "ADA", LeftAt: "Front Door", SignatureURL: "https://c.example/s", PhotoURL: "https://c.example/p", DocumentURL: "https://c.example/d"},
			PickupPoint: &shipment.PickupPoint{
				ID: "4711", Name: "Kiosk", Street: "Ring 1", Place: place, Hours: []string{"Mo 8-18", "", "Di 9-12"}, Until: parsed("2026-03-11"), Comment: "ring twice",
			},
			Service: "Express", WeightGrams: 1250, PieceCount: 2, Origin: place, Destination: shipment.Place{Country: "AT"},
		},
		Orders: []postpurchase.ParcelOrder{
			{OrderID: "1001", ShopID: "77", Lines: []order.ParcelLine{{LineID: "1", Quantity: 2}, {LineID: "2"}, {}}, Linked: true},
			{OrderID: "1002", Lines: []order.ParcelLine{}},
		},
		PieceID: "JJD000390007", PostalCode: "8010", Country: "AT", ShippedAt: later(9).In(time.FixedZone("", -36000)),
		Promise: shipment.Window{From: parsed("2026-03-04"), To: parsed("2026-03-05")}, Zone: "Europe/Vienna",
		Followed: later(10), Tracking: "active", Health: shipment.HealthStalled, PollAt: later(11), CheckAt: later(12), RenewAt: later(13),
		AskedAt: later(14), AnsweredAt: later(15), NewsAt: later(16), PushUntil: later(17), Failures: 3, Trouble: "the carrier's server is not there",
		Alarms: []string{"lost", "", "stalled"},
	}
}

func richOrder() order.Order {
	amount := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	address := order.Address{
		Name: "Ada Lovelace", Company: "Engines", Street1: "Ring 1", Street2: "Top 2", City: "Graz", Region: "ST", PostalCode: "8010", Country: "AT", Phone: "+43 1",
	}
	return order.Order{
		ID: "1001", Number: "#1001", Channel: "web", PlacedAt: later(20), UpdatedAt: later(21).In(kolkata), Payment: order.PaymentPaid, Cancelled: true,
		ShopState: "Awaiting Shipment", Locale: "de-AT", TimeZone: "Europe/Vienna", Customer: order.Customer{ID: "5", Name: "Ada", Email: "ada@shop.example", Phone: "1"},
		ShipTo: address, BillTo: order.Address{Country: "AT"},
		Lines: []order.Line{
			{
				ID: "1", ProductID: "p", VariantID: "v", SKU: "S-1", Title: "Boots", Options: "Size: 40", ImageURL: "https://shop.example/1.jpg", Kind: order.LinePhysical,
				Quantity: 2, UnitPrice: amount(8999), Paid: amount(-1 << 63), Tax: amount(1<<63 - 1),
			},
			{ID: "2", Quantity: 1},
		},
		Totals:  order.Totals{Items: amount(17998), Discount: amount(100), Shipping: amount(590), Tax: amount(3000), Total: amount(18488), TaxIncluded: true},
		Promise: shipment.Window{To: parsed("2026-03-05")}, ShipBy: later(22),
		Parcels: []order.Parcel{{
			ID: "9", Ref: shipment.Ref{Carrier: "ups", TrackingNumber: "1Z999AA10123456784"}, CarrierName: "UPS", ShippedAt: later(23),
			Lines: []order.ParcelLine{{LineID: "1", Quantity: 2}}, TrackingURL: "https://shop.example/t",
		}},
	}
}

func richMessage() postpurchase.Message {
	return postpurchase.Message{
		Planned: notify.Planned{
			Key: "dhl/1/delivered", Kind: "delivered", OrderID: "1001", Parcels: []string{"dhl/1", "dhl/2"}, State: "sent", OccurredAt: later(30), SendAt: later(31), Expires: later(32),
		},
		Channel: "email", Rule: "news", Reason: "It is news.", Target: "other", Decided: later(33), Tried: later(34), Sent: later(35), Tries: 2,
		Trouble: "greylisted", Receipt: "<1@mail.example>", Locale: "de", Subject: "Ihr Paket ist da",
	}
}

func richInboxItem() postpurchase.InboxItem {
	return postpurchase.InboxItem{Source: "carrier/ups", Why: "nobody follows it", Received: later(40), Digest: "ab12", Body: []byte("{\"x\":\"\x00\xff\"}")}
}

func richCursor() postpurchase.Cursor {
	return postpurchase.Cursor{Name: "orders", Value: "2026-03-02T12:00:00Z", Due: later(50)}
}

// other has what no struct of ours has yet: other kinds, and names that the dictionary
// does not know.
type other struct {
	Small   int8   `json:"small"`
	Wide    int64  `json:"code"`
	Count   uint32 `json:"a_name_that_is_new"`
	Share   float64
	Words   map[string]int
	Name    string `json:",omitempty"`
	Pointer *string
	Moment  *time.Time
	Moments []time.Time
	Times   []shipment.Time
	Raw     []byte
	Raws    [][]byte
	Events  []*shipment.Event
	Numbers []int
	Pair    [2]int
	Hidden  string `json:"-"`
	_       string
	Inner   inner
	Empty   []inner
	Nothing *inner
	inner
	Any any
}

type inner struct {
	Self *inner `json:"self"` // a type may hold itself
	List []inner
	Flag bool `json:"-"`
}

func richOther() other {
	word, moment := "word", later(60)
	return other{
		Small: -128, Wide: 1 << 40, Count: 7, Share: 0.5, Words: map[string]int{"b": 2, "a": 1}, Name: "n", Pointer: &word, Moment: &moment,
		Moments: []time.Time{later(61), {}, later(62).In(kolkata)}, Times: []shipment.Time{parsed("2026-03-05"), {}}, Raw: []byte{}, Raws: [][]byte{{1}, nil},
		Events: []*shipment.Event{{Code: "x"}, nil}, Numbers: []int{1, 2}, Pair: [2]int{3, 4},
		Inner: inner{Self: &inner{Self: &inner{}}, List: []inner{{}, {List: []inner{}}}}, Empty: []inner{}, Nothing: &inner{}, Any: "any",
	}
}
