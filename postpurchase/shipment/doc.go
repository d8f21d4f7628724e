// Package shipment is the normalized parcel.
package shipment
