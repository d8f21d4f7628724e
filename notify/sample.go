package notify

import (
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

// Sample returns data of a made-up order for a message of the kind, for previews and for
// shops' own template tests. Each call returns a new value.
func Sample(kind Kind) Data { return samples(kind)[0] }

// samples are what Load renders: a full message, one about several parcels where that
// can be, and one with nothing but what is required.
func samples(kind Kind) []Data {
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 24, 9, 12, 0, 0, zone)
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	lines := []Line{
		{
			Title: "Linen duvet cover", Options: "Colour: sage, Size: 200 × 200 cm", Quantity: 1, Paid: eur(14900),
			ImageURL: "https://shop.example/images/duvet.jpg",
		},
		{Title: "Beeswax candle", Options: "Large", Quantity: 3, Paid: eur(5670)},
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, zone) }
	parcel := Parcel{
		ID: "p1", Carrier: "DHL", TrackingNumber: "00340434161094042557", TrackURL: "https://shop.example/track/p1",
		ETA: Window{From: at(26, 10), To: at(26, 13)}, ShippedAt: at(24, 8), PromisedBy: at(26, 20), Lines: lines[:1],
	}
	other := Parcel{
		ID: "p2", Carrier: "UPS", TrackingNumber: "1Z999AA10123456784", TrackURL: "https://shop.example/track/p2",
		Status: "pre_transit", ETA: Window{From: at(27, 0), To: at(28, 0), DayOnly: true}, Lines: lines[1:],
	}
	d := Data{
		Now: now, Zone: zone,
		Shop: Shop{
			Name: "Hearth & Linen", URL: "https://shop.example", SupportEmail: "help@shop.example", SupportPhone: "+4930123456",
			SupportURL: "https://shop.example/help", Address: "Hearth & Linen GmbH, Torstraße 1, 10119 Berlin",
		},
		Customer: Customer{Name: "Marta Nowak"},
		Order: Order{
			Number: "1001", URL: "https://shop.example/orders/1001?sig=abc", PlacedAt: at(23, 18), Lines: lines,
			Totals: Totals{
				Items: eur(20570), Discount: eur(1000), Shipping: eur(490), Tax: eur(3203), Total: eur(20060), TaxIncluded: true,
			},
			Promise: Window{From: at(26, 0), To: at(27, 0), DayOnly: true},
			ShipTo: PostalAddress{
				Name: "Marta Nowak", Street: "Lindenweg 4", City: "Potsdam", Region: "Brandenburg", PostalCode: "14467", Country: "DE",
			},
		},
		Parcels:        []Parcel{parcel, other},
		PreferencesURL: "https://shop.example/preferences?sig=abc",
	}
	if kind == OrderConfirmed {
		d.Parcels = nil
		bare := d
		bare.Shop, bare.Customer, bare.PreferencesURL = Shop{Name: d.Shop.Name}, Customer{}, ""
		bare.Order = Order{
			Number: "1001", URL: d.Order.URL, Lines: []Line{{Title: "Beeswax candle", Quantity: 1}}, Totals: Totals{Total: eur(1890)},
		}
		return []Data{d, bare}
	}
	switch kind {
	case OutForDelivery:
		parcel.ETA = Window{From: at(24, 14), To: at(24, 16)}
	case Delivered:
		parcel.DeliveredAt, parcel.Detail, parcel.Place = now.Add(-18*time.Minute), "neighbour", "Schmidt"
	case Delayed:
		parcel.PromisedBy = at(23, 20)
	case Exception:
		parcel.Reason, parcel.StatusText = "address_incorrect", "Die Sendung konnte nicht zugestellt werden."
	case ReadyForPickup:
		parcel.PickupPoint = &PickupPoint{
			Name: "Packstation 142", Address: []string{"Friedrich-Ebert-Straße 12", "14467 Potsdam"},
			Hours: []string{"Mo–Fr 08:00–20:00", "Sa 09:00–18:00"}, Until: at(30, 18), Code: "4711",
			MapURL: "https://maps.example/142",
		}
	}
	parcel.Status = statusFor(kind, "")
	d.Parcel = &parcel
	d.Parcels[0] = parcel

	several := d
	second := other
	second.ETA, second.DeliveredAt, second.PickupPoint = parcel.ETA, parcel.DeliveredAt, parcel.PickupPoint
	second.Status, second.Reason, second.Detail = parcel.Status, parcel.Reason, "safe_place"
	third := Parcel{ID: "p3", Carrier: "UPS", Status: "in_transit"}
	several.Merged, several.Parcels = []Parcel{second}, []Parcel{parcel, second, third}

	bare := Data{
		Now: now, Zone: zone, Shop: Shop{Name: d.Shop.Name}, Order: Order{Number: "1001", URL: d.Order.URL},
		Parcel: &Parcel{Carrier: "UPS", DeliveredAt: parcel.DeliveredAt, DayOnly: true},
	}
	if parcel.PickupPoint != nil {
		bare.Parcel.PickupPoint = &PickupPoint{Name: "Kiosk", Address: []string{"14467 Potsdam"}}
	}
	return []Data{d, several, bare}
}
