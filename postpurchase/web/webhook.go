package web

import (
	"errors"
	"io"
	"net/http"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/postpurchase/shop"
)

// maxWebhook is how large a push may be. Carriers send some kilobytes, the fattest shop
// some hundred.
const maxWebhook = 1 << 20

func (h *Handler) carrierWebhook(w http.ResponseWriter, r *http.Request) {
	body, ok := h.pushed(w, r)
	if !ok {
		return
	}
	h.answerPush(w, r, h.svc.ReceiveWebhook(r.Context(), r.PathValue("code"), r.Header, body))
}

func (h *Handler) shopWebhook(w http.ResponseWriter, r *http.Request) {
	body, ok := h.pushed(w, r)
	if !ok {
		return
	}
	h.answerPush(w, r, h.svc.ReceiveShopWebhook(r.Context(), r.Header, body))
}

// pushed reads a push whole and as it came: signatures are of the bytes.
func (h *Handler) pushed(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		return nil, false
	}
	return body, true
}

// answerPush says what became of a push, in a status and nothing else: who pushes is a
// program, and a body could only tell a stranger something.
func (h *Handler) answerPush(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, carriers.ErrUnauthorized), errors.Is(err, shop.ErrUnauthorized):
		w.WriteHeader(http.StatusUnauthorized)
	case errors.Is(err, carriers.ErrUnsupported), errors.Is(err, shop.ErrUnsupported):
		w.WriteHeader(http.StatusNotFound) // a carrier or shop that we do not have, or that never pushes
	default:
		if r.Context().Err() == nil {
			h.log.ErrorContext(r.Context(), "webhook could not be kept; it will come again", "err", err)
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
