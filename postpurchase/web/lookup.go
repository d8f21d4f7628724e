package web

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/doorstep-go/doorstep/postpurchase"
)

// formView is the lookup form. It repeats nothing that was typed in.
type formView struct{ Failed string }

// maxForm is how large a lookup may be: two fields and some room.
const maxForm = 8 << 10

func (h *Handler) form(w http.ResponseWriter, r *http.Request) {
	h.showForm(w, r, http.StatusOK, "")
}

func (h *Handler) showForm(w http.ResponseWriter, r *http.Request, status int, failed string) {
	f := h.frame(r, h.wordsFor(r, ""))
	f.Title = f.say("ui.find")
	f.Form = &formView{f.say(failed)}
	h.show(w, r, status, f)
}

// findPage serves /track: the form again, and what becomes of it.
func (h *Handler) findPage() http.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := h.frame(r, h.wordsFor(r, ""))
		f.Title = f.say("ui.refused")
		f.Note, f.Form = &noteView{f.Title, f.say("ui.refused_text")}, &formView{}
		h.show(w, r, http.StatusForbidden, f)
	}))
	post := guard.Handler(http.HandlerFunc(h.find))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			h.form(w, r)
			return
		}
		h.only(http.MethodPost, post.ServeHTTP)(w, r)
	}
}

// find sends who knows an order's number and e-mail address on to its page.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		h.showForm(w, r, http.StatusBadRequest, "ui.find_empty")
		return
	}
	number := strings.TrimPrefix(strings.TrimSpace(r.PostForm.Get("number")), "#")
	email := strings.TrimSpace(r.PostForm.Get("email"))
	if number == "" || email == "" {
		h.showForm(w, r, http.StatusBadRequest, "ui.find_empty")
		return
	}
	// The number is remembered as a digest: short, whatever was typed, and nothing to read.
	sum := sha256.Sum256([]byte(strings.ToLower(number)))
	if wait := h.limit.allow(bucket(h.opt.ClientIP(r)), string(sum[:16])); wait > 0 {
		f := h.frame(r, h.wordsFor(r, ""))
		f.Title = f.say("ui.too_many")
		f.Note = &noteView{f.Title, f.say("ui.too_many_text")}
		w.Header().Set("Retry-After", strconv.Itoa(seconds(wait)))
		h.show(w, r, http.StatusTooManyRequests, f)
		return
	}
	v, err := h.svc.FindOrder(r.Context(), number, email)
	switch {
	case errors.Is(err, postpurchase.ErrNotFound):
		h.showForm(w, r, http.StatusNotFound, "ui.find_failed")
		return
	case err != nil:
		h.broken(w, r, err)
		return
	}
	token := h.svc.OrderToken(v.Order.ID)
	if token == "" {
		h.broken(w, r, errors.New("Config.LinkKeys is empty"))
		return
	}
	// Relative, because only whoever mounted the handler knows where it is.
	location := "t/" + token
	wished := r.URL.Query().Get("lang")
	if slices.ContainsFunc(h.words, func(w *words) bool { return w.lang == wished }) {
		location += "?lang=" + wished
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
