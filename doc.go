// Package doorstep is the map of a library for what happens after checkout: where the
// parcel is, what the customer is told, what may come back. It has no code of its own.
//
// For most uses, start at the top rung that you need; nothing of a lower one is lost on
// a higher one.
//
// # Pure packages
//
// No database, no goroutine, no clock.
//
//   - [github.com/doorstep-go/doorstep/postpurchase/shipment]: one normalized parcel, and
//     the machine that folds a carrier's events into its status
//   - [github.com/doorstep-go/doorstep/carriers]: what an adapter implements; ups, dhl and
//     fake beside it; carriertest, the exam every adapter passes
//   - [github.com/doorstep-go/doorstep/postpurchase/order]: what was bought; how far it has
//     come, over several parcels
//   - [github.com/doorstep-go/doorstep/postpurchase/money]: exact amounts
//   - [github.com/doorstep-go/doorstep/notify]: which message, when, in which words
//
// # The service
//
// [github.com/doorstep-go/doorstep/postpurchase] follows orders and parcels, raises
// alarms and sends messages, over a backend: memory, one file with
// [github.com/doorstep-go/doorstep/postpurchase/sqlite], or a server and any number of
// processes with [github.com/doorstep-go/doorstep/postpurchase/postgres].
// [github.com/doorstep-go/doorstep/postpurchase/telemetry] tells OpenTelemetry what it
// does.
//
// # The storefront
//
// [github.com/doorstep-go/doorstep/postpurchase/web] is the tracking page and the webhook
// endpoints as one http.Handler; [github.com/doorstep-go/doorstep/postpurchase/shop] is
// the port to a shop backend, with bigcommerce beside it.
//
// # Tests
//
// Shops test their own code with what this module is tested with: carriers/fake, the
// simulated carriers carriers/ups/upstest and carriers/dhl/dhltest, the simulated store
// postpurchase/shop/bigcommerce/bigcommercetest, the recorder and the mailbox of
// notify/notifytest, and postpurchase/clock.
package doorstep
