package postpurchase

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// The names of the cursors that belong to the shop.
const (
	cursorOrders = "shop/orders" // Value: until when changed orders were read
	cursorHooks  = "shop/hooks"
)

type orderArgs struct {
	ID string `json:"id"`
}

type linkArgs struct {
	OrderID string `json:"order_id"`
	ShopID  string `json:"shop_id"`
}

// ReceiveShopWebhook takes what the shop pushed: the request's header and its body,
// read whole and not changed. A push is only a hint: the order is read from the shop
// again by a job, so that order, repetition and age of pushes do not matter. Errors
// wrap [shop.ErrUnauthorized] when the sender is not proved, and then nothing is kept;
// answer 401. A push that is authentic and not understood is kept for people to look
// at and is no error. Any other error: answer 5xx, and the shop will push again.
func (s *Service) ReceiveShopWebhook(ctx context.Context, header http.Header, body []byte) error {
	return s.observed(ctx, OpWebhook, Attributes{}, func(ctx context.Context) error {
		return s.receiveShopWebhook(ctx, header, body)
	})
}

func (s *Service) receiveShopWebhook(ctx context.Context, header http.Header, body []byte) error {
	n, ok := s.cfg.Shop.(shop.Notifier)
	if !ok {
		return &shop.Error{Shop: s.shopCode(), Op: "webhook", Kind: shop.ErrUnsupported}
	}
	events, err := n.ReceiveWebhook(ctx, header, body)
	switch {
	case errors.Is(err, shop.ErrMalformed):
		s.malformed(ctx, "")
		return s.keep(ctx, "shop", "not understood", body)
	case err != nil:
		return err
	}
	unknown := false
	err = s.update(ctx, func(tx Tx) error {
		for _, e := range events {
			switch {
			case e.OrderID != "":
				// The id keeps a repeated push from becoming a second read.
				if err := enqueue(tx, jobOrder, e.OrderID+"@"+e.ID, orderArgs{e.OrderID}); err != nil {
					return err
				}
			case e.Kind == shop.KindUnknown || e.Kind == shop.KindUninstalled:
				unknown = true
			}
		}
		return nil
	})
	if err == nil && unknown {
		s.malformed(ctx, "")
		return s.keep(ctx, "shop", "not known", body)
	}
	return err
}

func (s *Service) shopCode() string {
	if s.cfg.Shop == nil {
		return "shop"
	}
	return s.cfg.Shop.Code()
}

// doOrder reads an order from the shop.
func (s *Service) doOrder(ctx context.Context, raw json.RawMessage) error {
	var args orderArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	if s.cfg.Shop == nil {
		return nil
	}
	o, err := s.cfg.Shop.Order(ctx, args.ID)
	switch {
	case errors.Is(err, shop.ErrNotFound):
		return nil // a cart that never became an order, or one that was removed
	case err != nil:
		return err
	}
	return s.PlaceOrder(ctx, o)
}

// sweepCursors makes jobs of what is due and belongs to no parcel.
func (s *Service) sweepCursors(ctx context.Context, now time.Time) (n int, err error) {
	err = s.update(ctx, func(tx Tx) error {
		due, err := tx.DueCursors(now, sweepSize)
		if err != nil {
			return err
		}
		n = len(due)
		for _, c := range due {
			if strings.HasPrefix(c.Name, cursorRetain) {
				if c, err = s.retire(tx, c, now); err != nil {
					return err
				}
				if err := tx.PutCursor(c); err != nil {
					return err
				}
				continue
			}
			c.Due = time.Time{}
			job := ""
			switch {
			case c.Name == cursorInbox:
				if c.Due, err = s.retireInbox(tx, now); err != nil {
					return err
				}
			case c.Name == cursorOrders && s.cfg.Shop != nil && s.cfg.ShopEvery > 0:
				c.Due, job = now.Add(s.cfg.ShopEvery), jobReconcile
			case c.Name == cursorHooks && s.cfg.ShopWebhooks:
				c.Due, job = now.Add(day), jobHooks
			}
			if job != "" {
				if err := enqueue(tx, job, strconv.FormatInt(now.UnixNano(), 36), nil); err != nil {
					return err
				}
			}
			if err := tx.PutCursor(c); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// overlap is how much of the past is read again: shops list an order some time after
// they stamp it.
const overlap = 5 * time.Minute

// reconcile is doReconcile, with an error where the shop could not be read.
func (s *Service) reconcile(ctx context.Context) error {
	if s.cfg.Shop == nil {
		return nil
	}
	var since time.Time
	err := s.view(ctx, func(r Reader) error {
		c, err := r.Cursor(cursorOrders)
		if err != nil {
			return err
		}
		since, _ = time.Parse(time.RFC3339, c.Value) // the first time there is none: read from a month ago
		return nil
	})
	if err != nil {
		return err
	}
	if since.IsZero() {
		since = s.now().AddDate(0, -1, 0)
	}
	began := s.now()
	for o, err := range shop.All(ctx, s.cfg.Shop, shop.Query{ModifiedSince: since.Add(-overlap)}) {
		if err != nil && o.ID != "" {
			s.log.ErrorContext(ctx, "order of the shop is not understood", "order", o.ID, "err", err)
			continue
		}
		if err != nil {
			return err // the cursor stays where it is; it is due again soon
		}
		if err := s.PlaceOrder(ctx, o); err != nil {
			// One order that is not in order must not hide all others.
			s.log.ErrorContext(ctx, "order could not be taken from the shop", "err", err)
		}
	}
	return s.update(ctx, func(tx Tx) error {
		c, err := tx.Cursor(cursorOrders)
		if err != nil {
			return err
		}
		c.Value = began.Format(time.RFC3339)
		return tx.PutCursor(c)
	})
}

// doHooks makes the shop push to us.
func (s *Service) doHooks(ctx context.Context) error {
	h, ok := s.cfg.Shop.(shop.HookEnsurer)
	if !ok {
		return nil
	}
	return h.EnsureWebhooks(ctx, strings.TrimSuffix(s.cfg.BaseURL, "/")+"/webhooks/shop")
}

// enqueueLink plans to tell the shop where the parcel can be followed.
func (s *Service) enqueueLink(tx Tx, orderID string, part ParcelOrder) error {
	if _, ok := s.cfg.Shop.(shop.TrackingWriter); !ok || part.ShopID == "" || s.cfg.BaseURL == "" {
		return nil
	}
	return enqueue(tx, jobLink, orderID+"/"+part.ShopID, linkArgs{orderID, part.ShopID})
}

func (s *Service) doLink(ctx context.Context, raw json.RawMessage) error {
	var args linkArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return err
	}
	w, ok := s.cfg.Shop.(shop.TrackingWriter)
	if !ok {
		return nil
	}
	err := w.WriteTracking(ctx, args.OrderID, args.ShopID, s.OrderLink(args.OrderID))
	switch {
	case errors.Is(err, shop.ErrNotFound), errors.Is(err, shop.ErrUnsupported), errors.Is(err, shop.ErrInvalid):
		s.log.WarnContext(ctx, "shop took no tracking link", "err", err)
	case err != nil:
		return err
	}
	return s.update(ctx, func(tx Tx) error {
		parcels, err := tx.ParcelsOfOrder(args.OrderID)
		if err != nil {
			return err
		}
		for _, p := range parcels {
			for i := range p.Orders {
				if o := &p.Orders[i]; o.OrderID == args.OrderID && o.ShopID == args.ShopID && !o.Linked {
					o.Linked = true
					if err := tx.PutParcel(p); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}
