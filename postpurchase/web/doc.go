// Package web is what the world sees of a post-purchase service: the public tracking
// page and the endpoints that carriers and the shop push to, in one [http.Handler].
//
// For most uses, mount it where Config.BaseURL of the service says, and serve it:
//
//	pages, err := web.New(svc, web.Options{ShopName: "Linden & Loom"})
//	...
//	http.Handle("/post/", http.StripPrefix("/post", pages))
//
// These are its addresses, below wherever it is mounted:
//
//	GET  /t/{token}                 the tracking page; the token is that of Service.OrderLink
//	GET  /                          the form to look for an order
//	POST /track                     what the form does: fields "number" and "email"
//	POST /webhooks/carrier/{code}   pushes of a carrier
//	POST /webhooks/shop             pushes of the shop
//	GET  /healthz                   204 while the process is alive
//	GET  /readyz                    204 while the service does its work, else 503; the reason is for the log only
//
// # The tracking page
//
// It is made on the server, has no JavaScript and loads nothing from others but the
// pictures of products and of the shop, over https. It shows what is true by the best of
// our knowledge: events that the carrier took back and those that cannot be of this
// parcel are left out, and an agent sees them all with ParcelView.Explain. Times are as
// the carrier told them: the wall clock of the place, with its offset where it is known
// and not the customer's; a day stays a day. When the carrier spoke last and when it was
// asked last are said apart.
//
// Who holds the link can read the page, so it shows no name, no street and no e-mail
// address, not who signed and not where the parcel was put. The carrier's own words and
// the products' titles are shown as they are, as text. The page is never cached and asks
// not to be indexed.
//
// # Looking for an order
//
// Who knows an order number and the e-mail address it was placed with is sent on to the
// signed link of the order. That is decided against the safer way, to send the link by
// e-mail, because customers ask when mails do not arrive. In return the page shows no
// more than above, lookups are limited for each client address, each order number and
// altogether ([Limits]), and the answer is the same, byte for byte, whether there is no
// such order or the address is another.
//
// # Webhooks
//
// A push is read up to 1 MiB (413 beyond), verified by the carrier's adapter before
// anything else (401, and nothing is kept), and answered with 204 when the service has
// kept it. 404 is a carrier that is not configured or never pushes. Anything else is 503
// with Retry-After, so that it comes again.
//
// The server that serves the handler should have time limits of its own:
// ReadHeaderTimeout, ReadTimeout and IdleTimeout.
package web
