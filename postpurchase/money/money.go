// Package money is an amount of money.
package money

// Amount is money in one currency, in minor units.
type Amount struct {
	Minor    int64  `json:"minor"`    // in the currency's smallest unit: cents for EUR, yen for JPY
	Currency string `json:"currency"` // ISO 4217, upper case; empty only in the zero value
}
