package postpurchase_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/notify"
	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// personal is what nothing that is kept may hold after a customer was forgotten.
var personal = []string{"Ada", "Lovelace", "ada@example.com", "10115", "+49301234567", "Front Door"}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func customerOrder(id, number string) order.Order {
	o := anOrder(id, 1)
	o.Customer.Phone = "+49301234567"
	o.ShipTo.Name, o.BillTo.Name = "Ada Lovelace", "Ada Lovelace"
	o.Parcels = []order.Parcel{{ID: "s" + id, Ref: shipment.Ref{Carrier: "fake", TrackingNumber: number}}}
	return o
}

func TestForgetAndExport(t *testing.T) {
	w := newShop(t)
	w.put("T1", fake.OnTime(cologne, berlin, 1))
	w.put("T2", fake.OnTime(cologne, berlin, 3))
	first, second := customerOrder("1", "T1"), customerOrder("2", "T2")
	second.Customer.Email = " ADA@example.com"
	for _, o := range []order.Order{first, second} {
		if err := w.svc.PlaceOrder(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	w.live(20 * time.Hour)

	views, err := w.svc.Export(t.Context(), "ada@EXAMPLE.com")
	if err != nil || len(views) != 2 {
		t.Fatalf("Export = %d orders, %v; want 2", len(views), err)
	}
	if s := text(t, views); !strings.Contains(s, "Lovelace") || !strings.Contains(s, "T1") {
		t.Error("the export does not hold what is known")
	}
	if views, err := w.svc.Export(t.Context(), "eve@example.com"); err != nil || len(views) != 0 {
		t.Errorf("Export of a stranger = %d orders, %v", len(views), err)
	}

	sent := len(w.sender.kinds())
	if n, err := w.svc.Forget(t.Context(), "Ada@Example.com"); n != 2 || err != nil {
		t.Fatalf("Forget = %d, %v; want 2", n, err)
	}
	// The shop's own copy comes again, with everything in it.
	first.UpdatedAt = w.clock.Now()
	if err := w.svc.PlaceOrder(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.live(6 * 24 * time.Hour)
	for _, id := range []string{"1", "2"} {
		v, err := w.svc.Order(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		s := text(t, v)
		for _, p := range personal {
			if strings.Contains(s, p) {
				t.Errorf("order %s still holds %q", id, p)
			}
		}
		if v.Parcels[0].Shipment.Status != shipment.Delivered {
			t.Errorf("order %s: the parcel's fate is lost: %s", id, v.Parcels[0].Shipment.Status)
		}
	}
	if got := len(w.sender.kinds()); got != sent {
		t.Errorf("%d messages were sent to somebody who was forgotten: %v", got-sent, w.sender.kinds()[sent:])
	}
	if views, err := w.svc.Export(t.Context(), "ada@example.com"); err != nil || len(views) != 0 {
		t.Errorf("Export afterwards = %d orders, %v", len(views), err)
	}
	if n, err := w.svc.Forget(t.Context(), "ada@example.com"); n != 0 || err != nil {
		t.Errorf("Forget again = %d, %v", n, err)
	}
	if n, err := w.svc.Forget(t.Context(), " "); n != 0 || err != nil {
		t.Errorf("Forget nobody = %d, %v", n, err)
	}
}

func TestForgetSharedParcel(t *testing.T) {
	w := newShop(t)
	w.put("T1", fake.OnTime(cologne, berlin, 3))
	mine, theirs := customerOrder("1", "T1"), customerOrder("2", "T1")
	theirs.Customer = order.Customer{Name: "Eve", Email: "eve@example.com"}
	for _, o := range []order.Order{mine, theirs} {
		if err := w.svc.PlaceOrder(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.svc.Forget(t.Context(), "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	w.live(6 * 24 * time.Hour)
	if v, err := w.svc.Order(t.Context(), "2"); err != nil || v.Order.Customer.Name != "Eve" {
		t.Errorf("the other customer was forgotten too: %v", err)
	}
	if got := w.sender.kinds(); len(got) == 0 || got[len(got)-1] != notify.Delivered {
		t.Errorf("the other customer was told %v", got)
	}
}

func TestRetention(t *testing.T) {
	w := newShop(t, func(c *postpurchase.Config) {
		c.Retention = postpurchase.Retention{Personal: 60 * 24 * time.Hour, Orders: 200 * 24 * time.Hour}
	})
	w.put("T1", fake.OnTime(cologne, berlin, 2))
	o := customerOrder("1", "T1")
	if err := w.svc.PlaceOrder(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	days := func(n int) {
		t.Helper()
		w.clock.Advance(time.Duration(n)*24*time.Hour - time.Hour)
		w.live(time.Hour)
	}
	w.live(10 * 24 * time.Hour)
	days(40)
	if v, err := w.svc.Order(t.Context(), "1"); err != nil || v.Order.Customer.Email == "" {
		t.Fatalf("it was forgotten after 50 days: %v", err)
	}
	days(20)
	v, err := w.svc.Order(t.Context(), "1")
	if err != nil || v.Order.Customer != (order.Customer{}) {
		t.Fatalf("it was not forgotten after 70 days: %v", err)
	}
	if v.Parcels[0].Shipment.Status != shipment.Delivered {
		t.Errorf("the parcel's fate is lost: %s", v.Parcels[0].Shipment.Status)
	}
	days(140)
	if _, err := w.svc.Order(t.Context(), "1"); !errors.Is(err, postpurchase.ErrNotFound) {
		t.Errorf("after 210 days: %v, want it deleted", err)
	}
	if _, err := w.svc.Parcel(t.Context(), shipment.Ref{Carrier: "fake", TrackingNumber: "T1"}); !errors.Is(err, postpurchase.ErrNotFound) {
		t.Errorf("its parcel after 210 days: %v, want it deleted", err)
	}
}

// TestInboxRetention keeps what was not understood for as long as personal data.
func TestInboxRetention(t *testing.T) {
	w := newShop(t, func(c *postpurchase.Config) {
		c.Retention = postpurchase.Retention{Personal: 60 * 24 * time.Hour}
	})
	receive := func(body string) {
		t.Helper()
		stamp := strconv.FormatInt(w.clock.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte("a secret of the fake carrier"))
		mac.Write([]byte(stamp + "." + body))
		header := http.Header{}
		header.Set("Fake-Timestamp", stamp)
		header.Set("Fake-Signature", hex.EncodeToString(mac.Sum(nil)))
		if err := w.svc.ReceiveWebhook(t.Context(), "fake", header, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		receive string
		days    int
		want    []string
	}{
		{"Ada Lovelace", 40, []string{"Ada Lovelace"}},
		{"of Berlin", 25, []string{"of Berlin"}}, // the first is 65 days old
		{"", 40, nil},
		{"Ada again", 59, []string{"Ada again"}},
		{"", 2, nil},
	} {
		if step.receive != "" {
			receive(step.receive)
		}
		w.clock.Advance(time.Duration(step.days)*24*time.Hour - time.Hour)
		w.live(time.Hour)
		items, err := w.svc.Inbox(t.Context(), 10)
		var got []string
		for _, i := range items {
			got = append(got, string(i.Body))
		}
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("inbox = %q, %v; want %q", got, err, step.want)
		}
	}
}
