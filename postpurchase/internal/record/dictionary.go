package record

// dictionary gives field names their numbers, which are on people's disks: add at the
// end, and neither change nor remove.
var dictionary = []string{
	"shipment", "orders", "piece_id", "postal_code", "country", "shipped_at", "promise", "zone", "followed", "tracking",
	"health", "poll_at", "check_at", "renew_at", "asked_at", "answered_at", "news_at", "push_until", "failures", "trouble",
	"alarms", "order_id", "shop_id", "lines", "linked",
	"ref", "status", "detail", "reason", "action_by", "status_at", "homeward", "attempts", "journey", "history",
	"picked_up_at", "first_attempt_at", "delivered_at", "events", "not_before", "estimates", "related", "proof",
	"pickup_point", "service", "weight_grams", "piece_count", "origin", "destination",
	"carrier", "tracking_number", "epoch", "at", "seen", "time", "place", "class", "code", "kind", "text", "retracts",
	"piece", "source", "sequence", "name", "city", "region", "from", "to", "window", "first", "last", "relation",
	"signed_by", "left_at", "signature_url", "photo_url", "document_url", "id", "street", "hours", "until", "comment",
	"Planned", "Key", "Kind", "OrderID", "Parcels", "State", "OccurredAt", "SendAt", "Expires",
	"channel", "rule", "target", "decided", "tried_at", "sent_at", "tries", "receipt", "locale", "subject",
	"ID", "Number", "Channel", "PlacedAt", "UpdatedAt", "Payment", "Cancelled", "ShopState", "Locale", "TimeZone",
	"Customer", "ShipTo", "BillTo", "Lines", "Totals", "Promise", "ShipBy", "Name", "Email", "Phone", "Company",
	"Street1", "Street2", "City", "Region", "PostalCode", "Country", "ProductID", "VariantID", "SKU", "Title", "Options",
	"ImageURL", "Quantity", "UnitPrice", "Paid", "Tax", "Items", "Discount", "Shipping", "Total", "TaxIncluded",
	"Ref", "CarrierName", "ShippedAt", "TrackingURL", "LineID", "minor", "currency",
	"why", "received", "digest", "body", "value", "due",
}

var nameNumbers = func() map[string]uint64 {
	m := map[string]uint64{}
	for i, name := range dictionary {
		m[name] = uint64(i) + firstName
	}
	return m
}()

const (
	nameInFull = 0 // the name follows
	firstName  = 1 // the first of the dictionary
)
