package keepalived

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// auth builds the authentication of an instance.
func (r *reader) auth(i *instance, c *vrrp.Config) vrrp.Auth {
	if i.hmac != nil {
		return vrrp.Auth{HMAC: r.hmac(i, c.AdvertInterval)}
	}
	if i.authType == nil && i.authPass == nil {
		return vrrp.Auth{}
	}
	if c.Version == 3 {
		r.warnf(i.authAt, "no_effect", "auth_hmac proves the origin of adverts of any version", "%s: version 3 has no authentication of this kind; it is ignored", i.name)
		return vrrp.Auth{}
	}
	a := vrrp.Auth{Type: vrrp.AuthPassword}
	switch kind := or(i.authType, "PASS"); {
	case strings.EqualFold(kind, "AH"):
		a.Type = vrrp.AuthHeader
	case !strings.EqualFold(kind, "PASS"):
		r.warnf(i.authAt, "bad_value", "PASS or AH", "auth_type %q is unknown; %s has no authentication", kind, i.name)
		return vrrp.Auth{}
	}
	key := or(i.authPass, "")
	if len(key) > vrrp.MaxAuthKey {
		r.warnf(i.authAt, "key_too_long", "", "auth_pass of %s has %d characters: the first %d are used", i.name, len(key), vrrp.MaxAuthKey)
		key = key[:vrrp.MaxAuthKey]
	}
	if key == "" {
		r.warnf(i.authAt, "missing_value", "auth_pass with up to 8 characters", "%s has no auth_pass and so no authentication", i.name)
		return vrrp.Auth{}
	}
	a.Key = vrrp.Secret(key)
	return a
}

const minHMACKey, maxHMACKey = 32, 64

// readHMACKey reads "ID KEY": text, or digits after hex:, or a file after
// file:.
func readHMACKey(r *reader, s *statement) {
	id, ok := r.number(s, 1, 1, 255)
	text := s.arg(2)
	if !ok || text == "" {
		r.errorf(s.where(0), "missing_value", "key ID KEY", "the key is not understood")
		return
	}
	key := []byte(text)
	if digits, is := strings.CutPrefix(text, "hex:"); is {
		var err error
		if key, err = hex.DecodeString(digits); err != nil {
			r.errorf(s.where(2), "bad_key", "an even number of hexadecimal digits", "key %d is not hexadecimal", id)
			return
		}
	}
	if name, is := strings.CutPrefix(text, "file:"); is {
		content, err := r.opts.Read(name)
		if err != nil {
			r.errorf(s.where(2), codeUnreadable, "", "read key %d: %v", id, err)
			return
		}
		key = []byte(strings.TrimSpace(string(content)))
	}
	if len(key) < minHMACKey || len(key) > maxHMACKey {
		r.errorf(s.where(2), "key_length", "for example: openssl rand -hex 32, with hex: before it", "key %d has %d octets: %d to %d are allowed", id, len(key), minHMACKey, maxHMACKey)
	}
	r.inst.hmac.keys = append(r.inst.hmac.keys, vrrp.HMACKey{ID: uint8(id), Key: key})
}

var hmacModes = map[string]vrrp.HMACMode{"enforce": vrrp.HMACEnforce, "permissive": vrrp.HMACPermissive, "receive-only": vrrp.HMACReceiveOnly}

func (r *reader) hmac(i *instance, interval time.Duration) *vrrp.HMAC {
	set := i.hmac
	h := &vrrp.HMAC{Keys: set.keys, Active: uint8(or(set.active, 0)), Window: or(set.window, vrrp.DefaultHMACWindow(interval))}
	if len(h.Keys) == 0 {
		r.errorf(set.at, "missing_key", "key 1 hex:…", "auth_hmac of %s has no key", i.name)
		return h
	}
	if h.Active == 0 {
		h.Active = h.Keys[0].ID
	}
	known := false
	for _, k := range h.Keys {
		known = known || k.ID == h.Active
	}
	if !known {
		r.errorf(set.at, "unknown_key", "", "there is no key %d, which active_key of %s names", h.Active, i.name)
	}
	mode, ok := hmacModes[or(set.mode, "enforce")]
	if !ok {
		r.errorf(set.at, "bad_value", "enforce, permissive or receive-only", "mode %q of auth_hmac is unknown", *set.mode)
	}
	h.Mode, h.Monotonic = mode, or(set.replay, "time") == "monotonic"
	return h
}
