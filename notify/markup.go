package notify

import (
	"time"
)

// markup returns the schema.org description of the message's news, which Gmail and
// others show beside it, or nil. The property names are schema.org's and those of
// Gmail's reference for ParcelDelivery and Order; where the two differ both are given.
func markup(kind Kind, d *Data) any {
	switch kind {
	case OrderConfirmed:
		return orderMarkup(d, "OrderProcessing")
	case Shipped, OutForDelivery, Delivered:
		var nodes []any
		for _, p := range d.Subjects() {
			nodes = append(nodes, parcelMarkup(d, p))
		}
		if len(nodes) == 1 {
			return nodes[0]
		}
		return nodes
	}
	return nil
}

type object = map[string]any

func merchant(d *Data) object { return object{"@type": "Organization", "name": d.Shop.Name} }

func orderMarkup(d *Data, status string) object {
	var offers []any
	for _, l := range d.Order.Lines {
		o := object{
			"@type": "Offer", "itemOffered": item(l),
			"eligibleQuantity": object{"@type": "QuantitativeValue", "value": l.Quantity},
		}
		if l.Paid.Currency != "" {
			o["price"], o["priceCurrency"] = l.Paid.Decimal(), l.Paid.Currency
		}
		offers = append(offers, o)
	}
	out := object{
		"@context": "http://schema.org", "@type": "Order", "orderNumber": d.Order.Number, "url": d.Order.URL,
		"merchant": merchant(d), "seller": merchant(d), "orderStatus": "http://schema.org/" + status,
		"acceptedOffer": offers,
	}
	if d.Order.Totals.Total.Currency != "" {
		out["price"], out["priceCurrency"] = d.Order.Totals.Total.Decimal(), d.Order.Totals.Total.Currency
	}
	if !d.Order.PlacedAt.IsZero() {
		out["orderDate"] = d.Order.PlacedAt.In(d.Zone).Format(time.RFC3339)
	}
	return out
}

func item(l Line) object {
	out := object{"@type": "Product", "name": l.Title}
	if l.ImageURL != "" {
		out["image"] = l.ImageURL
	}
	return out
}

func parcelMarkup(d *Data, p Parcel) object {
	status := "OrderInTransit"
	switch p.Status {
	case "pending", "pre_transit":
		status = "OrderProcessing"
	case "available_for_pickup":
		status = "OrderPickupAvailable"
	case "delivered":
		status = "OrderDelivered"
	case "exception", "failed", "attempt_failed":
		status = "OrderProblem"
	case "returned", "returning":
		status = "OrderReturned"
	}
	a := d.Order.ShipTo
	out := object{
		"@context": "http://schema.org", "@type": "ParcelDelivery",
		"carrier":  object{"@type": "Organization", "name": p.Carrier},
		"provider": object{"@type": "Organization", "name": p.Carrier},
		"partOfOrder": object{
			"@type": "Order", "orderNumber": d.Order.Number, "merchant": merchant(d), "seller": merchant(d),
			"orderStatus": "http://schema.org/" + status,
		},
		"trackingUrl": p.TrackURL,
	}
	if p.TrackingNumber != "" {
		out["trackingNumber"] = p.TrackingNumber
	}
	if a.Street != "" && a.City != "" && a.PostalCode != "" && a.Country != "" {
		out["deliveryAddress"] = object{
			"@type": "PostalAddress", "name": a.Name, "streetAddress": a.Street, "addressLocality": a.City,
			"addressRegion": a.Region, "postalCode": a.PostalCode, "addressCountry": a.Country,
		}
	}
	if !p.ETA.From.IsZero() {
		out["expectedArrivalFrom"] = moment(p.ETA.From, p.ETA.DayOnly)
	}
	if !p.ETA.To.IsZero() {
		out["expectedArrivalUntil"] = moment(p.ETA.To, p.ETA.DayOnly)
	}
	lines := p.Lines
	if len(lines) == 0 {
		lines = d.Order.Lines
	}
	if len(lines) > 0 {
		out["itemShipped"] = item(lines[0])
	}
	return out
}

// moment is an ISO 8601 date, or date and time with its offset.
func moment(t time.Time, dayOnly bool) string {
	if dayOnly {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}
