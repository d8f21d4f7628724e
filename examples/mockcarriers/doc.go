// Package mockcarriers shows how a shop tests its own post-purchase code: without
// accounts, without a network and without waiting. It has tests only.
//
// There are three ways to have a carrier in a test, from the simplest on:
//
//   - carriers/fake: tracking numbers that say what becomes of them, or a journey that the
//     test writes down. For everything that is about the shop.
//   - A mock transport in the adapter's Config.HTTPClient: one answer, written by hand or
//     recorded. For one strange answer that a shop once met.
//   - upstest and dhltest: servers that speak the carrier's wire format, tokens, limits,
//     pushes and bad days included. For the whole way round.
//
// The clock of postpurchase/clock is moved by hand, and Service.Settle does what is due.
package mockcarriers
