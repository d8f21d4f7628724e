package order

import (
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// Order is what was bought, by whom and for how much, as the shop said it last. It
// holds facts only: how far the order has come is derived from its parcels by
// [DeriveProgress] and is never stored here.
type Order struct {
	ID        string    // the shop's own id; opaque, unique within the shop
	Number    string    // what the customer is shown; defaults to ID when empty
	Channel   string    // the sales channel, when the shop has several
	PlacedAt  time.Time // when the customer placed it
	UpdatedAt time.Time // when the shop last changed it; an older copy never replaces a newer one

	Payment   Payment // how far the payment is
	Cancelled bool    // the shop cancelled the whole order
	ShopState string  // the shop's own word for the order's state, for agents

	Locale   string // BCP 47 of the customer at purchase, such as "de-AT"; empty if the shop does not know
	TimeZone string // IANA name where the customer is, such as "Europe/Vienna"; empty if unknown

	Customer Customer
	ShipTo   Address
	BillTo   Address

	Lines  []Line
	Totals Totals

	// Promise is what the shop told the customer at purchase, in the zone of ShipTo.
	// The zero value means that nothing was promised.
	Promise shipment.Window

	// ShipBy is when the shop promised to hand the order over. Zero means no promise.
	ShipBy time.Time

	// Parcels are the parcels the shop says it sent.
	Parcels []Parcel
}

// DisplayNumber is the number to show to people: Number, or ID where there is none.
func (o *Order) DisplayNumber() string {
	if o.Number != "" {
		return o.Number
	}
	return o.ID
}

// Payment is how far the payment of an order is. It is an open string.
type Payment string

// The payment states.
const (
	PaymentUnknown           Payment = ""
	PaymentPending           Payment = "pending"
	PaymentAuthorized        Payment = "authorized"
	PaymentPaid              Payment = "paid"
	PaymentPartiallyRefunded Payment = "partially_refunded"
	PaymentRefunded          Payment = "refunded"
	PaymentFailed            Payment = "failed"
	PaymentVoided            Payment = "voided"
)

// Customer is who bought. All fields are personal data and never appear in errors
// or logs.
type Customer struct {
	ID    string // the shop's id; empty for a guest
	Name  string // as the customer wrote it
	Email string
	Phone string // as the customer wrote it; E.164 if the shop keeps it so
}

// Address is a postal address. All fields are personal data.
type Address struct {
	Name       string
	Company    string
	Street1    string
	Street2    string
	City       string
	Region     string // state or province, as the shop keeps it
	PostalCode string
	Country    string // ISO 3166-1 alpha-2, upper case
	Phone      string
}

// LineKind is the kind of thing a line sells. It is an open string.
type LineKind string

// The kinds of line.
const (
	LinePhysical LineKind = "physical"
	LineDigital  LineKind = "digital"
	LineGiftCard LineKind = "gift_card"
)

// Line is one line of an order.
type Line struct {
	ID        string // unique within the order
	ProductID string
	VariantID string
	SKU       string
	Title     string
	Options   string // the chosen options as one line of text, such as "Size: M, Colour: red"
	ImageURL  string // untrusted; https only when shown
	Kind      LineKind
	Quantity  int
	UnitPrice money.Amount // what one unit was offered for, tax as the shop shows it
	Paid      money.Amount // what the customer paid for the whole line, discounts off, tax in
	Tax       money.Amount // the tax within Paid
}

// Totals is the money of a whole order, in the currency the customer paid in.
type Totals struct {
	Items       money.Amount
	Discount    money.Amount // positive
	Shipping    money.Amount
	Tax         money.Amount
	Total       money.Amount
	TaxIncluded bool // Items and Shipping hold the tax already
}

// Parcel is one parcel of an order as the shop knows it: which number the carrier
// has given it and what is inside.
type Parcel struct {
	ID          string       // the shop's id of the shipment
	Ref         shipment.Ref // Carrier is empty when the shop's own word for it is not understood
	CarrierName string       // the shop's own word for the carrier
	ShippedAt   time.Time
	Lines       []ParcelLine // empty: the shop does not say what is inside
	TrackingURL string       // the shop's own link; untrusted
}

// ParcelLine is how many units of a line are in a parcel.
type ParcelLine struct {
	LineID   string
	Quantity int
}
