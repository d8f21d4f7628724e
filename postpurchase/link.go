package postpurchase

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ErrLink says that a link is not one of ours, or is too old.
var ErrLink = errors.New("postpurchase: link is not valid")

const (
	linkVersion = 1
	linkMAC     = 16 // bytes: 128 bits are beyond guessing, and links stay short
	day         = 24 * time.Hour
)

// OrderLink returns the address of the tracking page of an order, for whoever holds
// it: it needs no password and shows nothing that a thief of the link could use to
// take the parcel's place. It is empty where Config.BaseURL is.
func (s *Service) OrderLink(orderID string) string {
	if s.cfg.BaseURL == "" {
		return ""
	}
	return strings.TrimSuffix(s.cfg.BaseURL, "/") + "/t/" + s.OrderToken(orderID)
}

// OrderToken returns the secret part of the link of an order. It is the same all day,
// so that a shop that is told the link again has nothing to change.
func (s *Service) OrderToken(orderID string) string {
	if len(s.cfg.LinkKeys) == 0 {
		return ""
	}
	b := []byte{linkVersion}
	b = binary.BigEndian.AppendUint16(b, uint16(s.now().Unix()/int64(day/time.Second)))
	b = append(b, orderID...)
	return base64.RawURLEncoding.EncodeToString(s.seal(s.cfg.LinkKeys[0], b))
}

// OpenToken returns the order that a token was made for. The error is [ErrLink],
// whatever is wrong with it.
func (s *Service) OpenToken(token string) (orderID string, err error) {
	if len(token) > 512 {
		return "", ErrLink
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 3+1+linkMAC || b[0] != linkVersion {
		return "", ErrLink
	}
	body := b[:len(b)-linkMAC]
	for _, key := range s.cfg.LinkKeys {
		if !hmac.Equal(s.seal(key, body), b) {
			continue
		}
		made := time.Unix(int64(binary.BigEndian.Uint16(body[1:3]))*int64(day/time.Second), 0)
		if now := s.now(); now.Sub(made) > s.cfg.LinkLifetime || made.Sub(now) > 2*day {
			return "", ErrLink
		}
		return string(body[3:]), nil
	}
	return "", ErrLink
}

// seal appends the code that proves body was made by this shop. The shop's id is in it,
// so that one shop's links open nothing of another's with the same key.
func (s *Service) seal(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("doorstep order link\x00" + s.shop + "\x00"))
	mac.Write(body)
	return append(append([]byte(nil), body...), mac.Sum(nil)[:linkMAC]...)
}
