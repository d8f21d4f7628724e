package bigcommerce

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase/order"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// Product implements [shop.ProductReader], with V3 of the catalogue. With a variant it
// takes two requests.
func (a *Adapter) Product(ctx context.Context, productID, variantID string) (shop.Product, error) {
	const op = "product"
	productID, ok := numericID(productID)
	if variantID != "" && ok {
		variantID, ok = numericID(variantID)
	}
	if !ok {
		return shop.Product{}, a.fail(op, shop.ErrNotFound)
	}
	var product struct {
		Data struct {
			ID     integer `json:"id"`
			Name   string  `json:"name"`
			SKU    string  `json:"sku"`
			Type   string  `json:"type"`
			Images []struct {
				Thumbnail bool   `json:"is_thumbnail"`
				Standard  string `json:"url_standard"`
			} `json:"images"`
		} `json:"data"`
	}
	path := "/v3/catalog/products/" + productID
	some, err := a.get(ctx, op, path, url.Values{"include": {"images"}}, &product)
	if err != nil {
		return shop.Product{}, err
	}
	if !some || product.Data.ID.id() != productID {
		return shop.Product{}, a.fail(op, shop.ErrNotFound)
	}
	p := shop.Product{ID: productID, SKU: product.Data.SKU, Title: product.Data.Name, Kind: lineKind(product.Data.Type)}
	for _, image := range product.Data.Images {
		if p.ImageURL == "" || image.Thumbnail {
			p.ImageURL = image.Standard
		}
	}
	if variantID == "" {
		return p, nil
	}
	var variant struct {
		Data struct {
			ID      integer `json:"id"`
			SKU     string  `json:"sku"`
			Image   string  `json:"image_url"`
			Options []struct {
				Name  string `json:"option_display_name"`
				Label string `json:"label"`
			} `json:"option_values"`
		} `json:"data"`
	}
	if some, err = a.get(ctx, op, path+"/variants/"+variantID, nil, &variant); err != nil {
		return shop.Product{}, err
	}
	if !some || variant.Data.ID.id() != variantID {
		return shop.Product{}, a.fail(op, shop.ErrNotFound)
	}
	p.VariantID = variantID
	p.SKU = cmp.Or(variant.Data.SKU, p.SKU)
	p.ImageURL = cmp.Or(variant.Data.Image, p.ImageURL)
	var parts []string
	for _, o := range variant.Data.Options {
		parts = append(parts, o.Name+": "+o.Label)
	}
	p.Options = strings.Join(parts, ", ")
	return p, nil
}

// Customer implements [shop.CustomerReader], with V3 of the customers. Guests have no
// account: what an order says of them is all there is.
func (a *Adapter) Customer(ctx context.Context, id string) (order.Customer, error) {
	const op = "customer"
	id, ok := numericID(id)
	if !ok {
		return order.Customer{}, a.fail(op, shop.ErrNotFound)
	}
	var answer struct {
		Data []struct {
			ID        integer `json:"id"`
			FirstName string  `json:"first_name"`
			LastName  string  `json:"last_name"`
			Email     string  `json:"email"`
			Phone     text    `json:"phone"`
		} `json:"data"`
	}
	if _, err := a.get(ctx, op, "/v3/customers", url.Values{"id:in": {id}}, &answer); err != nil {
		return order.Customer{}, err
	}
	for _, c := range answer.Data {
		if c.ID.id() == id {
			return order.Customer{
				ID: id, Name: strings.TrimSpace(c.FirstName + " " + c.LastName),
				Email: c.Email, Phone: string(c.Phone),
			}, nil
		}
	}
	return order.Customer{}, a.fail(op, shop.ErrNotFound)
}
