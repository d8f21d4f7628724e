// Package fake is a carrier without parcels, for examples and for a shop's own tests.
// It needs no account and no network.
//
// For most uses, take a tracking number that says what becomes of its parcel:
//
//	carrier, err := fake.New(fake.Config{})
//	...
//	set, err := carriers.NewSet(carrier)
//	...
//	results := set.Track(ctx, "fake", []carriers.Query{{Number: "FAKE-DELIVERED"}})
//
// These are over when they are first asked for, so that there is something to see:
//
//	FAKE-DELIVERED        was delivered an hour ago
//	FAKE-DELIVERED-TWICE  was called delivered twice, with an old scan in between
//	FAKE-ATTEMPT          nobody was at home; delivered on the next day
//	FAKE-CANCELLED        the label was voided
//	FAKE-LOST             was lost
//	FAKE-RETURNED         was refused, and is with the sender again
//	FAKE-UNCLAIMED        was not collected, and is with the sender again
//	FAKE-OUTOFORDER       was delivered; scans came late, twice and out of order
//	FAKE-RETRACTED        was called delivered by mistake, taken back, then delivered
//	FAKE-DAMAGED          is damaged; the shop must decide
//
// These go on by the adapter's clock:
//
//	FAKE-ONTIME           begins now, and arrives on the promised day
//	FAKE-LATE             begins now, and arrives two days after the promise
//	FAKE-NOTYET           begins now; is not found for six hours
//	FAKE-NOSCAN           was announced five days ago and not handed over
//	FAKE-STALLED          was last seen a week ago
//	FAKE-TRANSIT          is on its way
//	FAKE-OUTFORDELIVERY   is on the last vehicle, delivered in two hours
//	FAKE-PICKUP           waits in a shop, collected in two days
//	FAKE-CUSTOMS          is held by customs, who want papers
//
// And these are a carrier's bad days:
//
//	FAKE-NOTFOUND         is not found, ever
//	FAKE-INVALID          is refused as invalid
//	FAKE-DOWN             the carrier cannot be reached
//	FAKE-RATELIMITED      the carrier asks to be left alone for a minute
//	FAKE-UNAUTHORIZED     the carrier refuses the credentials
//	FAKE-MALFORMED        the carrier's answer is not understood
//
// Digits behind a number make another parcel of the same kind: FAKE-DELIVERED-7. Case
// and dashes do not matter. Any other number is not found.
//
// The adapter remembers in memory when a number was first asked for; Config.Start
// fixes that moment instead. A test that scripts its own parcel uses [Adapter.Put]
// with a [Journey], its own or one of the stories ([OnTime], [Late], [Lost], …), and
// moves Config.Now. [Adapter.SignedPush] makes the push that the carrier would send.
// The same journeys are played in real wire formats by the simulated UPS and DHL of
// upstest and dhltest.
package fake
