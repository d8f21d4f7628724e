// Package notify decides which message a customer gets about an order, when, and in
// which words, and hands it to a [Sender].
//
// For most uses, make a [Planner] and load the [Templates] once, at the start:
//
//	planner, err := notify.NewPlanner(notify.PlannerConfig{})
//	templates, err := notify.Load(notify.Options{})
//
// and then, for each piece of news, plan, keep the decisions, and when a message is due
// render and send it:
//
//	decisions := planner.Plan(notify.Input{News: news, History: history, Now: now, Zone: zone})
//	content, err := templates.Render(notify.Shipped, "de-AT", data)
//	receipt, err := sender.Send(ctx, notify.Message{Key: key, To: to, Content: content})
//
// Deciding is pure: no clock, no network, no goroutine. A message is planned when its
// news comes, checked again with [Planner.Recheck] at the moment it is due, and rendered
// as late as possible, so that it shows the newest state.
//
// Templates are checked when they are loaded. A field, function, partial, text or plural
// form that does not exist is an error of [Load] with file and line, in every branch and
// every locale; a shop's own templates ([Options.Overrides]) are held to the same.
//
// Sending is at most what the way out allows: e-mail has no idempotency key. A sender
// that cannot know whether a message went out says [ErrUnknown], and the caller decides
// whether to risk a second one.
package notify
