// Package order is what was bought, by whom and for how much, and how far it has come.
//
// For most uses a shop adapter fills an [Order], the service keeps it, and a page asks
// [DeriveProgress] how far it is:
//
//	p := order.DeriveProgress(&o, parcels)
//	fmt.Println(p) // 2 of 3 parcels delivered
//
// An Order holds facts of a shop and nothing that follows from them. Its progress is
// worked out from its parcels every time it is asked for, so that it can not be out of
// step with them. An order is "delivered" only when every physical unit is in a
// delivered parcel; where the shop does not say what is in a parcel, when every parcel
// is delivered.
//
// The package does nothing but compute: no clock, no goroutine, no storage. Values can
// be read by many goroutines at once.
package order
