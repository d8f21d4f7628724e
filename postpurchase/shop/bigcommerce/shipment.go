package bigcommerce

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// carrierCodes reads the two fields that name a carrier. tracking_carrier is one of
// AfterShip's courier slugs, shipping_provider one of BigCommerce's own words or
// "carrier_{id}" for an app, which says nothing. A word that is not here leaves the
// carrier open, to be found by the number.
//
// Only those slugs are here that surely are this carrier for our adapter of that code.
// Sources: shipping_provider_standard in orders.v2; AfterShip's list of couriers.
var carrierCodes = map[string]string{
	"ups":       "ups",
	"upsready":  "ups",
	"upsonline": "ups",
	"ups-api":   "ups",

	"dhl":                  "dhl", // AfterShip's word for DHL Express
	"dhl-api":              "dhl",
	"dhl-germany":          "dhl",
	"deutsch-post":         "dhl", // spelled so by AfterShip
	"dhl-global-mail":      "dhl",
	"dhl-global-mail-asia": "dhl",
	"dhl-ecommerce-gc":     "dhl",
	"dhl-benelux":          "dhl",
	"dhl-nl":               "dhl",
	"dhlparcel-nl":         "dhl",
	"dhlparcel-uk":         "dhl",
	"dhlparcel-es":         "dhl",
	"dhl-es":               "dhl",
	"dhl-poland":           "dhl",
	"dhl-pieceid":          "dhl",
	"dhl-reference":        "dhl",

	"fedex":   "fedex",
	"usps":    "usps",
	"endicia": "usps", // sells its postage
	"dpd":     "dpd",
	"dpd-de":  "dpd",
	"gls":     "gls",
}

func carrierCode(words ...string) string {
	for _, w := range words {
		if code := carrierCodes[strings.ToLower(strings.TrimSpace(w))]; code != "" {
			return code
		}
	}
	return ""
}

type wireShipment struct {
	ID            integer `json:"id"`
	Created       date    `json:"date_created"`
	Number        text    `json:"tracking_number"`
	Provider      string  `json:"shipping_provider"`
	ProviderName  string  `json:"shipping_provider_display_name"`
	Carrier       string  `json:"tracking_carrier"`
	Link          string  `json:"tracking_link"`           // set by somebody
	GeneratedLink string  `json:"generated_tracking_link"` // made by BigCommerce
	Items         []struct {
		LineID   integer `json:"order_product_id"`
		Quantity integer `json:"quantity"`
	} `json:"items"`
}

// maxNumbers bounds the numbers that are read from one field, which holds 50
// characters.
const maxNumbers = 16

// numbers reads the tracking number field. It is meant for one number; staff type
// several with a comma, and spaces as they stand on the label.
func numbers(field string) []string {
	var all []string
	seen := map[string]bool{}
	for _, n := range strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(",;|&\r\n", r) }) {
		n = strings.ToUpper(strings.Join(strings.Fields(n), ""))
		if n != "" && !seen[n] && len(all) < maxNumbers {
			seen[n] = true
			all = append(all, n)
		}
	}
	return all
}

// parcels makes one parcel per number. The first has the shipment's id; the others
// have a mark behind it. What is in which of several parcels is not said, so that
// their lines stay empty. A shipment without a number is a parcel without one.
func (s wireShipment) parcels() []order.Parcel {
	p := order.Parcel{
		ID:          s.ID.id(),
		Ref:         shipment.Ref{Carrier: carrierCode(s.Carrier, s.Provider)},
		CarrierName: cmp.Or(s.ProviderName, s.Carrier, s.Provider),
		ShippedAt:   s.Created.Time,
		TrackingURL: cmp.Or(s.Link, s.GeneratedLink),
	}
	found := numbers(string(s.Number))
	if len(found) <= 1 {
		for _, item := range s.Items {
			p.Lines = append(p.Lines, order.ParcelLine{LineID: item.LineID.id(), Quantity: int(item.Quantity)})
		}
	}
	if len(found) == 0 {
		p.Ref = shipment.Ref{}
		return []order.Parcel{p}
	}
	all := make([]order.Parcel, len(found))
	for i, n := range found {
		all[i] = p
		all[i].Ref.TrackingNumber = n
		if i > 0 {
			all[i].ID += parcelMark + strconv.Itoa(i+1)
		}
	}
	return all
}

// parcelMark stands between a shipment's id and the place of a number in its field.
const parcelMark = "-"

// maxLink is the longest tracking_link. Source: orders.v2, orderShipment_Put.
const maxLink = 500

// WriteTracking implements [shop.TrackingWriter]. It sets the shipment's tracking_link,
// which BigCommerce shows in its mails and in the customer's account, after it has
// looked whether the link is there already. A shipment has one link: where its field
// holds several numbers, that of the first parcel is written, and for the others
// nothing is done.
func (a *Adapter) WriteTracking(ctx context.Context, orderID, parcelID, link string) error {
	const op = "write tracking"
	u, err := url.Parse(link)
	if err != nil || len(link) > maxLink || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return &shop.Error{Shop: Code, Op: op, Kind: shop.ErrInvalid, Err: errors.New("the link is no web address of at most 500 bytes")}
	}
	shipmentID, place, several := strings.Cut(parcelID, parcelMark)
	orderID, okOrder := numericID(orderID)
	shipmentID, okShipment := numericID(shipmentID)
	if several {
		_, ok := numericID(place)
		okShipment = okShipment && ok
	}
	if !okOrder || !okShipment {
		return a.fail(op, shop.ErrNotFound)
	}
	path := "/v2/orders/" + orderID + "/shipments/" + shipmentID
	var s wireShipment
	some, err := a.get(ctx, op, path, nil, &s)
	switch {
	case err != nil:
		return err
	case !some:
		return a.fail(op, shop.ErrNotFound)
	case several || s.Link == link:
		return nil
	}
	_, err = a.send(ctx, op, "PUT", path, map[string]string{"tracking_link": link}, &s)
	return err
}
