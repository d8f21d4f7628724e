package ups_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/carriers/ups"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// TestTableIsWhole counts the rows of each of UPS's lists, and what they mean: a row
// that is lost, or slips into another meaning, is seen here.
func TestTableIsWhole(t *testing.T) {
	type count map[string]int
	got := map[string]count{}
	for key, m := range ups.Codes {
		kind := string(m.Status)
		if m.Class != shipment.ClassStatus {
			kind = string(m.Class)
		}
		if got[key.Kind] == nil {
			got[key.Kind] = count{}
		}
		got[key.Kind]["all"]++
		got[key.Kind][kind]++
	}
	want := map[string]count{
		// 687 of UPS's list, and three that are listed as D.
		"X": {
			"all": 690, "informational": 139, "retraction": 1, "pre_transit": 4, "in_transit": 294, "out_for_delivery": 3,
			"attempt_failed": 25, "available_for_pickup": 7, "exception": 172, "returning": 26, "returned": 1,
			"delivered": 8, "failed": 9, "cancelled": 1,
		},
		// 151 of UPS's list, and FS and ZP.
		"D":       {"all": 153, "informational": 33, "in_transit": 40, "out_for_delivery": 2, "available_for_pickup": 5, "exception": 21, "returned": 1, "delivered": 51},
		"I":       {"all": 38, "informational": 3, "retraction": 3, "pre_transit": 2, "in_transit": 25, "out_for_delivery": 4, "cancelled": 1},
		"M":       {"all": 4, "pre_transit": 3, "cancelled": 1},
		"U":       {"all": 3, "informational": 3},
		"status3": {"all": 160, "unknown": 7, "informational": 58, "pre_transit": 7, "in_transit": 42, "out_for_delivery": 8, "attempt_failed": 8, "available_for_pickup": 4, "exception": 15, "returning": 2, "returned": 2, "delivered": 3, "failed": 2, "cancelled": 2},
		"type":    {"all": 5, "in_transit": 2, "pre_transit": 1, "cancelled": 1, "informational": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// meaning is what the adapter makes of one activity. deliveredOn is the answer's date
// of delivery, or empty.
func meaning(t *testing.T, kind, code, status3, deliveredOn string) shipment.Event {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"trackingNumber": inquiry, "localActivityDate": "20260107", "localActivityTime": "120000",
		"activityStatus":     map[string]string{"type": kind, "code": code, "descriptionCode": status3, "description": "text"},
		"actualDeliveryDate": deliveredOn,
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ups.New(ups.Config{ClientID: "id", ClientSecret: "secret", WebhookCredential: "c", WebhookHeader: "X-Api-Key"})
	if err != nil {
		t.Fatal(err)
	}
	updates, err := a.ReceiveWebhook(context.Background(), http.Header{"X-Api-Key": {"c"}}, body)
	if err != nil {
		t.Fatal(err)
	}
	return updates[0].Events[0]
}

// TestDeliveredTraps has a row for everything that looks delivered and is not, and
// for what would undo a delivery.
func TestDeliveredTraps(t *testing.T) {
	const on = "20260107"
	tests := []struct {
		kind, code, status3, deliveredOn string
		want                             shipment.Status
		detail                           shipment.Detail
		class                            shipment.Class
	}{
		// Type D, waiting for the customer.
		{"D", "ZP", "161", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		{"D", "2Q", "161", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		{"D", "1N", "017", on, shipment.AvailableForPickup, shipment.DetailLocker, shipment.ClassStatus},
		{"D", "ZQ", "040", on, shipment.AvailableForPickup, shipment.DetailCarrierDepot, shipment.ClassStatus},
		{"D", "EP", "144", on, shipment.AvailableForPickup, shipment.DetailPostOffice, shipment.ClassStatus},
		// Each half alone is enough.
		{"D", "ZP", "", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		{"D", "2Q", "", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		{"D", "1N", "", on, shipment.AvailableForPickup, shipment.DetailLocker, shipment.ClassStatus},
		{"D", "", "017", on, shipment.AvailableForPickup, shipment.DetailReady, shipment.ClassStatus},
		{"D", "FS", "040", on, shipment.AvailableForPickup, shipment.DetailReady, shipment.ClassStatus},
		{"D", "ML", "144", on, shipment.AvailableForPickup, shipment.DetailPostOffice, shipment.ClassStatus},
		{"D", "FS", "161", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		// "Delivered" of three digits does not beat a code that says where it waits.
		{"D", "2Q", "011", on, shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		{"D", "B0", "011", on, shipment.Returned, shipment.DetailToSender, shipment.ClassStatus},
		{"D", "F7", "011", on, shipment.InTransit, shipment.DetailHandedToPartner, shipment.ClassStatus},
		// A request to hold is not ready yet.
		{"D", "AU", "", on, shipment.InTransit, shipment.DetailRedirected, shipment.ClassStatus},
		{"D", "AU", "017", on, shipment.AvailableForPickup, shipment.DetailReady, shipment.ClassStatus},
		// Delivered to the sender.
		{"D", "B0", "034", on, shipment.Returned, shipment.DetailToSender, shipment.ClassStatus},
		{"D", "B0", "", on, shipment.Returned, shipment.DetailToSender, shipment.ClassStatus},
		{"D", "FS", "034", on, shipment.Returned, shipment.DetailToSender, shipment.ClassStatus},
		{"D", "FS", "067", on, shipment.Returned, shipment.DetailToSender, shipment.ClassStatus},
		// Delivered to an agent.
		{"X", "F7", "143", "", shipment.InTransit, shipment.DetailHandedToPartner, shipment.ClassStatus},
		{"X", "F7", "", "", shipment.InTransit, shipment.DetailHandedToPartner, shipment.ClassStatus},
		{"D", "FS", "143", on, shipment.InTransit, shipment.DetailHandedToPartner, shipment.ClassStatus},
		// Merchandise that "is being delivered", with damage.
		{"X", "A4", "", "", shipment.Exception, shipment.DetailDamaged, shipment.ClassStatus},
		{"X", "64", "", "", shipment.Delivered, shipment.DetailDamaged, shipment.ClassStatus},
		// Not in any table: the type alone delivers nothing, a time of delivery does.
		{"D", "Q8", "", "", "", "", ""},
		{"D", "Q8", "000", "", "", "", ""},
		{"D", "Q8", "", on, shipment.Delivered, shipment.DetailRecipient, shipment.ClassStatus},
		{"X", "Q8", "", "", "", "", ""},
		{"X", "Q8", "013", "", "", "", ""},
		{"NA", "", "", "", "", "", ""},
		// Real deliveries.
		{"D", "FS", "011", on, shipment.Delivered, shipment.DetailRecipient, shipment.ClassStatus},
		{"D", "3H", "011", on, shipment.Delivered, shipment.DetailNeighbour, shipment.ClassStatus},
		{"D", "ML", "011", on, shipment.Delivered, shipment.DetailSafePlace, shipment.ClassStatus},
		{"D", "2W", "011", on, shipment.Delivered, shipment.DetailCollected, shipment.ClassStatus},
		{"D", "YC", "026", on, shipment.Delivered, shipment.DetailRecipient, shipment.ClassStatus},
		// Three digits that say nothing leave it to the code.
		{"X", "DJ", "013", "", shipment.InTransit, shipment.DetailDelayed, shipment.ClassStatus},
		{"X", "AG", "030", "", shipment.Exception, shipment.DetailAddressProblem, shipment.ClassStatus},
		{"I", "OF", "000", "", shipment.OutForDelivery, shipment.DetailOnVehicle, shipment.ClassStatus},
		// DP means three things.
		{"I", "DP", "", "", shipment.InTransit, shipment.DetailDeparted, shipment.ClassStatus},
		{"M", "DP", "", "", shipment.PreTransit, shipment.DetailInfoReceived, shipment.ClassStatus},
		{"X", "DP", "", "", shipment.Exception, shipment.DetailRejected, shipment.ClassStatus},
		// X is not always bad.
		{"X", "DA", "", "", shipment.InTransit, shipment.DetailCustomsCleared, shipment.ClassStatus},
		{"X", "JA", "", "", "", "", shipment.ClassInformational},
		// Taken back, whatever the three digits say.
		{"X", "TL", "005", "", "", "", shipment.ClassRetraction},
		{"I", "CA", "005", "", "", "", shipment.ClassRetraction},
		{"I", "CD", "005", "", "", "", shipment.ClassRetraction},
		{"I", "CL", "005", "", "", "", shipment.ClassRetraction},
		{"X", "8I", "", "", shipment.AvailableForPickup, shipment.DetailPickupPoint, shipment.ClassStatus},
		// After the delivery.
		{"U", "PX", "155", on, "", "", shipment.ClassInformational},
		{"X", "56", "", on, "", "", shipment.ClassInformational},
		// Seized is the end; a manifest can be voided.
		{"X", "IY", "147", "", shipment.Failed, shipment.DetailOther, shipment.ClassStatus},
		{"MV", "", "", "", shipment.Cancelled, shipment.DetailVoid, shipment.ClassStatus},
	}
	for _, tt := range tests {
		e := meaning(t, tt.kind, tt.code, tt.status3, tt.deliveredOn)
		if e.Status != tt.want || e.Detail != tt.detail || e.Class != tt.class {
			t.Errorf("type %q, code %q, three digits %q: %q/%q (%s), want %q/%q (%s)", tt.kind, tt.code, tt.status3, e.Status, e.Detail, e.Class, tt.want, tt.detail, tt.class)
		}
	}
}

// TestRetractions plays what is taken back to a shipment.
func TestRetractions(t *testing.T) {
	at := func(hour int, kind, code string) shipment.Event {
		e := meaning(t, kind, code, "", "20260107")
		e.Time, e.Sequence = shipment.At(day.Add(hours(hour))), hour
		return e
	}
	tests := []struct {
		name   string
		events []shipment.Event
		want   shipment.Status
	}{
		{"delivery in error", []shipment.Event{at(1, "I", "OF"), at(2, "D", "FS"), at(3, "X", "TL")}, shipment.OutForDelivery},
		{"wrong pick-up scan", []shipment.Event{at(1, "D", "2Q"), at(2, "D", "2W"), at(3, "X", "8I")}, shipment.AvailableForPickup},
		{"departure cancelled", []shipment.Event{at(1, "I", "AR"), at(2, "I", "DP"), at(3, "I", "CD")}, shipment.InTransit},
		{"late scan after delivery", []shipment.Event{at(1, "I", "OF"), at(3, "D", "FS"), at(2, "I", "DP"), at(4, "U", "PX")}, shipment.Delivered},
	}
	for _, tt := range tests {
		s := shipment.Shipment{Ref: shipment.Ref{Carrier: ups.Code, TrackingNumber: inquiry}}
		s.Apply(shipment.Update{Events: tt.events})
		if s.Status != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s.Status, tt.want)
		}
	}
	s := shipment.Shipment{}
	s.Apply(shipment.Update{Events: []shipment.Event{at(1, "I", "AR"), at(2, "I", "DP"), at(3, "I", "CD")}})
	if s.Detail != shipment.DetailArrived {
		t.Errorf("after a cancelled departure: detail %q, want %q", s.Detail, shipment.DetailArrived)
	}
}

var day = time.Date(2026, 1, 7, 0, 0, 0, 0, time.FixedZone("", -7*3600))

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
