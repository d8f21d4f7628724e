// Package carriers is what a carrier adapter implements, and the [Set] that a program
// holds adapters in.
//
// For most uses, make adapters with the New of their own packages, put them into a
// Set, and ask:
//
//	set, err := carriers.NewSet(ups, dhl)
//	...
//	results := set.Track(ctx, "ups", []carriers.Query{{Number: "1Z 999 AA1 01 2345 6784"}})
//
// There is no registry and no init. An adapter is one folder: a Config and a New, the
// wire structs of its answers, a code table that says what each of the carrier's codes
// means, and testdata that [github.com/doorstep-go/doorstep/carriers/carriertest]
// plays to it. What a carrier can do beyond tracking is an optional interface
// ([Detector], [WebhookReceiver], [Subscriber]).
package carriers
