package order_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

func ExampleDeriveProgress() {
	o := order.Order{ID: "118", Lines: []order.Line{{ID: "1", Quantity: 3}}}
	noon := shipment.At(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	var parcels []*shipment.Shipment
	for i, status := range []shipment.Status{shipment.Delivered, shipment.Delivered, shipment.InTransit} {
		s := &shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: fmt.Sprint("1Z", i)}}
		s.Apply(shipment.Update{Events: []shipment.Event{{Time: noon, Status: status}}})
		parcels = append(parcels, s)
	}
	p := order.DeriveProgress(&o, parcels)
	fmt.Println(p.Status, "-", p)
	// Output: partly_delivered - 2 of 3 parcels delivered
}

// parcel is one that has lived through statuses, one each day.
func parcel(number string, statuses ...shipment.Status) *shipment.Shipment {
	s := &shipment.Shipment{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: number}}
	for i, st := range statuses {
		s.Apply(shipment.Update{Events: []shipment.Event{{Time: shipment.At(time.Date(2026, 3, 2+i, 12, 0, 0, 0, time.UTC)), Status: st}}})
	}
	return s
}

func related(s *shipment.Shipment, relation shipment.Relation, number string) *shipment.Shipment {
	s.Apply(shipment.Update{Related: []shipment.Related{{TrackingNumber: number, Relation: relation}}})
	return s
}

// box is a parcel of the shop's with units of lines, as "1:2".
func box(number string, lines ...string) order.Parcel {
	p := order.Parcel{Ref: shipment.Ref{Carrier: "ups", TrackingNumber: number}}
	for _, l := range lines {
		var pl order.ParcelLine
		fmt.Sscanf(strings.Replace(l, ":", " ", 1), "%s %d", &pl.LineID, &pl.Quantity)
		p.Lines = append(p.Lines, pl)
	}
	return p
}

func TestDeriveProgress(t *testing.T) {
	const (
		pending, label, moving, van, failed, exception = shipment.Pending, shipment.PreTransit, shipment.InTransit, shipment.OutForDelivery, shipment.Failed, shipment.Exception
		delivered, returning, returned, cancelled      = shipment.Delivered, shipment.Returning, shipment.Returned, shipment.Cancelled
	)
	lines := []order.Line{{ID: "1", Quantity: 2}, {ID: "2", Quantity: 1, Kind: order.LinePhysical}, {ID: "3", Quantity: 5, Kind: order.LineDigital}, {ID: "4", Quantity: 1, Kind: order.LineGiftCard}}
	tests := []struct {
		name    string
		order   order.Order
		parcels []*shipment.Shipment
		want    order.Progress
		says    string
	}{
		{"nothing sent", order.Order{Lines: lines}, nil,
			order.Progress{Status: order.ProgressUnfulfilled, Units: 3}, "not shipped yet"},
		{"only a download", order.Order{Lines: lines[2:]}, nil,
			order.Progress{Status: order.ProgressNothingToShip}, "nothing to ship"},
		{"an order of which no lines are known", order.Order{}, nil,
			order.Progress{Status: order.ProgressUnfulfilled}, "not shipped yet"},
		{"cancelled before", order.Order{Lines: lines, Cancelled: true}, []*shipment.Shipment{parcel("A", label, cancelled)},
			order.Progress{Status: order.ProgressCancelled, Units: 3}, "cancelled"},
		{"cancelled too late", order.Order{Lines: lines, Cancelled: true}, []*shipment.Shipment{parcel("A", moving)},
			order.Progress{Status: order.ProgressShipped, Parcels: 1, Shipped: 1, Units: 3}, "1 of 1 parcel shipped"},
		{"a label is not a parcel that has left", order.Order{Lines: lines}, []*shipment.Shipment{parcel("A", label), parcel("B")},
			order.Progress{Status: order.ProgressPreparing, Parcels: 2, Units: 3}, "0 of 2 parcels shipped"},
		{"one of two has left", order.Order{Lines: lines}, []*shipment.Shipment{parcel("A", van), parcel("B", label)},
			order.Progress{Status: order.ProgressPartlyShipped, Parcels: 2, Shipped: 1, Units: 3}, "1 of 2 parcels shipped"},
		{"the only parcel has left, and the shop says that it is not all", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2")}}, []*shipment.Shipment{parcel("A", moving)},
			order.Progress{Status: order.ProgressPartlyShipped, Parcels: 1, Shipped: 1, Units: 3, UnitsShipped: 2}, "1 of 1 parcel shipped"},
		{"the only parcel is there, and the shop says that it is not all", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2", "3:5")}}, []*shipment.Shipment{parcel("A", delivered)},
			order.Progress{Status: order.ProgressPartlyDelivered, Parcels: 1, Shipped: 1, Delivered: 1, Units: 3, UnitsShipped: 2, UnitsDelivered: 2}, "1 of 1 parcel delivered"},
		{"all is there, the download apart", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2"), box("B", "2:1")}}, []*shipment.Shipment{parcel("A", delivered), parcel("B", delivered)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 2, Shipped: 2, Delivered: 2, Units: 3, UnitsShipped: 3, UnitsDelivered: 3}, "2 of 2 parcels delivered"},
		{"one line in two parcels, one of them there", order.Order{Lines: lines[:1], Parcels: []order.Parcel{box("A", "1:1"), box("B", "1:1")}}, []*shipment.Shipment{parcel("A", delivered), parcel("B", moving)},
			order.Progress{Status: order.ProgressPartlyDelivered, Parcels: 2, Shipped: 2, Delivered: 1, Units: 2, UnitsShipped: 2, UnitsDelivered: 1}, "1 of 2 parcels delivered"},
		{"two parcels, the shop does not say what is inside", order.Order{Lines: lines, Parcels: []order.Parcel{box("A"), box("B")}}, []*shipment.Shipment{parcel("A", delivered), parcel("B", delivered)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 2, Shipped: 2, Delivered: 2, Units: 3}, "2 of 2 parcels delivered"},
		{"the shop sent one that nobody can follow", order.Order{Lines: lines, Parcels: []order.Parcel{box("A"), {ID: "7"}}}, []*shipment.Shipment{parcel("A", delivered)},
			order.Progress{Status: order.ProgressPartlyDelivered, Parcels: 2, Shipped: 2, Delivered: 1, Units: 3}, "1 of 2 parcels delivered"},
		{"the carrier's name is not understood by the shop's adapter", order.Order{Parcels: []order.Parcel{{Ref: shipment.Ref{TrackingNumber: "A"}, CarrierName: "Brown"}}}, []*shipment.Shipment{parcel("A", delivered)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 1, Shipped: 1, Delivered: 1}, "1 of 1 parcel delivered"},
		{"a number gave way to another", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2", "2:1")}}, []*shipment.Shipment{related(parcel("A", moving), shipment.RelatedReplacedBy, "B"), parcel("B", delivered)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 1, Shipped: 1, Delivered: 1, Units: 3, UnitsShipped: 3, UnitsDelivered: 3}, "1 of 1 parcel delivered"},
		{"the same, told by the new number, over three", order.Order{}, []*shipment.Shipment{related(parcel("C", van), shipment.RelatedReplaces, "B"), parcel("A", moving), related(parcel("B", moving), shipment.RelatedReplaces, "A")},
			order.Progress{Status: order.ProgressShipped, Parcels: 1, Shipped: 1}, "1 of 1 parcel shipped"},
		{"two numbers that each replace the other", order.Order{}, []*shipment.Shipment{related(parcel("A", moving), shipment.RelatedReplacedBy, "B"), related(parcel("B", moving), shipment.RelatedReplacedBy, "A")},
			order.Progress{Status: order.ProgressShipped, Parcels: 1, Shipped: 1}, "1 of 1 parcel shipped"},
		{"replaced by a number that nobody follows", order.Order{}, []*shipment.Shipment{related(parcel("A", moving), shipment.RelatedReplacedBy, "B")},
			order.Progress{Status: order.ProgressShipped, Parcels: 1, Shipped: 1}, "1 of 1 parcel shipped"},
		{"refused, and back under a number of its own", order.Order{}, []*shipment.Shipment{related(parcel("A", moving, exception), shipment.RelatedReturn, "B"), parcel("B", moving, delivered)},
			order.Progress{Status: order.ProgressReturned, Parcels: 1, Shipped: 1, Returned: 1}, "1 of 1 parcel returned"},
		{"a customer's return does not unmake the delivery", order.Order{}, []*shipment.Shipment{parcel("A", delivered), related(parcel("B", moving), shipment.RelatedOutbound, "A")},
			order.Progress{Status: order.ProgressDelivered, Parcels: 1, Shipped: 1, Delivered: 1}, "1 of 1 parcel delivered"},
		{"the worst decides", order.Order{}, []*shipment.Shipment{parcel("A", delivered), parcel("B", moving, returning), parcel("C", moving, failed), parcel("D", moving, exception)},
			order.Progress{Status: order.ProgressAttention, Attention: failed, Parcels: 4, Shipped: 4, Delivered: 1}, "1 of 4 parcels delivered, one is failed"},
		{"lost, and sent again", order.Order{Lines: lines[:1], Parcels: []order.Parcel{box("A", "1:2"), box("B", "1:2")}}, []*shipment.Shipment{parcel("A", moving, failed), parcel("B", delivered)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 2, Shipped: 2, Delivered: 1, Units: 2, UnitsShipped: 2, UnitsDelivered: 2}, "1 of 2 parcels delivered"},
		{"two pieces under one number of the shop's, the lead is there", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2", "2:1")}}, []*shipment.Shipment{related(parcel("A", delivered), shipment.RelatedChild, "B"), parcel("B", moving)},
			order.Progress{Status: order.ProgressPartlyDelivered, Parcels: 2, Shipped: 2, Delivered: 1, Units: 3}, "1 of 2 parcels delivered"},
		{"the same, told by the piece, and both are there", order.Order{Lines: lines, Parcels: []order.Parcel{box("A", "1:2", "2:1")}}, []*shipment.Shipment{parcel("A", delivered), related(parcel("B", delivered), shipment.RelatedMaster, "A")},
			order.Progress{Status: order.ProgressDelivered, Parcels: 2, Shipped: 2, Delivered: 2, Units: 3}, "2 of 2 parcels delivered"},
		{"one came, one went back", order.Order{}, []*shipment.Shipment{parcel("A", delivered), parcel("B", moving, returned)},
			order.Progress{Status: order.ProgressPartlyReturned, Parcels: 2, Shipped: 2, Delivered: 1, Returned: 1}, "1 of 2 parcels returned"},
		{"a voided label is no parcel", order.Order{}, []*shipment.Shipment{parcel("A", delivered), parcel("B", label, cancelled)},
			order.Progress{Status: order.ProgressDelivered, Parcels: 1, Shipped: 1, Delivered: 1}, "1 of 1 parcel delivered"},
		{"a pickup that failed: nobody has the parcel", order.Order{}, []*shipment.Shipment{parcel("A", label, exception)},
			order.Progress{Status: order.ProgressAttention, Attention: exception, Parcels: 1}, "0 of 1 parcel delivered, one is exception"},
		{"nil parcels and lines that are not", order.Order{Lines: lines[:1], Parcels: []order.Parcel{box("A", "9:1", "1:-4")}}, []*shipment.Shipment{nil, parcel("A", pending)},
			order.Progress{Status: order.ProgressPreparing, Parcels: 1, Units: 2}, "0 of 1 parcel shipped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := order.DeriveProgress(&tt.order, tt.parcels)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
			if got.String() != tt.says {
				t.Errorf("says %q, want %q", got, tt.says)
			}
			turned := slices.Clone(tt.parcels)
			slices.Reverse(turned)
			if diff := cmp.Diff(got, order.DeriveProgress(&tt.order, turned)); diff != "" {
				t.Errorf("the order of the parcels shows:\n%s", diff)
			}
		})
	}
}

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func valid() order.Order {
	return order.Order{
		ID: "118", TimeZone: "Europe/Vienna",
		Customer: order.Customer{Name: "Maria Muster", Email: "maria@example.com"},
		Lines:    []order.Line{{ID: "1", Quantity: 2, Paid: eur(1999)}, {ID: "2", Quantity: 1, Title: "Gift"}},
		Totals:   order.Totals{Total: eur(1999)},
		Parcels:  []order.Parcel{box("A", "1:2")},
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*order.Order)
		want  []order.Problem
	}{
		{"as it should be", func(*order.Order) {}, nil},
		{"no lines and no zone yet", func(o *order.Order) { o.Lines, o.Parcels, o.TimeZone = nil, nil, "" }, nil},
		{"free of charge", func(o *order.Order) { o.Totals, o.Lines[0].Paid = order.Totals{}, money.Amount{} }, nil},
		{"no id", func(o *order.Order) { o.ID = " " }, []order.Problem{{Field: "ID", Why: "is empty"}}},
		{"a zone of this computer", func(o *order.Order) { o.TimeZone = "Local" }, []order.Problem{{Field: "TimeZone", Why: "is not a known IANA name"}}},
		{"a zone that reaches for files", func(o *order.Order) { o.TimeZone = "../../etc/passwd" }, []order.Problem{{Field: "TimeZone", Why: "is not a known IANA name"}}},
		{"two currencies", func(o *order.Order) { o.Lines[1].Paid = money.Amount{Minor: 1, Currency: "USD"} }, []order.Problem{{Field: "Lines[1].Paid", Why: "is in another currency than the rest"}}},
		{"an amount of nothing in another currency", func(o *order.Order) { o.Lines[1].Tax = money.Amount{Currency: "USD"} }, []order.Problem{{Field: "Lines[1].Tax", Why: "is in another currency than the rest"}}},
		{"a currency that there is not", func(o *order.Order) { o.Totals.Total.Currency = "€" }, []order.Problem{{Field: "Totals.Total", Why: "has an unknown currency"}}},
		{"no currency", func(o *order.Order) { o.Totals.Shipping.Minor = 5 }, []order.Problem{{Field: "Totals.Shipping", Why: "has no currency"}}},
		{"lines that can not be told apart, and none of one", func(o *order.Order) { o.Lines[1].ID, o.Lines[1].Quantity = "1", 0 },
			[]order.Problem{{Field: "Lines[1].ID", Why: "is that of another line"}, {Field: "Lines[1].Quantity", Why: "is not positive"}}},
		{"a line without an id", func(o *order.Order) { o.Lines[1].ID = "" }, []order.Problem{{Field: "Lines[1].ID", Why: "is empty"}}},
		{"a parcel of other things", func(o *order.Order) { o.Parcels = []order.Parcel{box("A", "7:0")} },
			[]order.Problem{{Field: "Parcels[0].Lines[0].LineID", Why: "is not a line of the order"}, {Field: "Parcels[0].Lines[0].Quantity", Why: "is not positive"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := valid()
			tt.spoil(&o)
			err := o.Validate()
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var invalid *order.InvalidError
			if !errors.Is(err, order.ErrInvalid) || !errors.As(err, &invalid) {
				t.Fatalf("%v is not an ErrInvalid with detail", err)
			}
			if diff := cmp.Diff(tt.want, invalid.Problems); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "aria") || strings.Contains(err.Error(), "118") {
				t.Errorf("the error holds what is personal: %v", err)
			}
		})
	}
	o := order.Order{Lines: make([]order.Line, 3)}
	if got, want := o.Validate().Error(), "order: not valid: ID is empty; Lines[0].ID is empty; Lines[0].Quantity is not positive; and 4 more"; got != want {
		t.Errorf("error %q\n want %q", got, want)
	}
}

func TestReplaces(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	known := &order.Order{ID: "1", UpdatedAt: monday}
	tests := []struct {
		name string
		o    order.Order
		old  *order.Order
		want bool
	}{
		{"the first", order.Order{ID: "1"}, nil, true},
		{"a newer copy", order.Order{ID: "1", UpdatedAt: monday.Add(1)}, known, true},
		{"the same copy", order.Order{ID: "1", UpdatedAt: monday}, known, true},
		{"an older copy", order.Order{ID: "1", UpdatedAt: monday.Add(-1)}, known, false},
		{"a copy of nobody knows when", order.Order{ID: "1"}, known, false},
		{"neither knows", order.Order{ID: "1"}, &order.Order{ID: "1"}, true},
		{"another order", order.Order{ID: "2", UpdatedAt: monday.Add(1)}, known, false},
	}
	for _, tt := range tests {
		if got := tt.o.Replaces(tt.old); got != tt.want {
			t.Errorf("%s: Replaces = %v", tt.name, got)
		}
	}
}

func TestDisplayNumber(t *testing.T) {
	if got := (&order.Order{ID: "118"}).DisplayNumber(); got != "118" {
		t.Errorf("an order without a number is shown as %q", got)
	}
	if got := (&order.Order{ID: "118", Number: "#1001"}).DisplayNumber(); got != "#1001" {
		t.Errorf("the number is shown as %q", got)
	}
}
