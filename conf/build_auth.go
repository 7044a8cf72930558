package conf

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

const (
	// minHMACKey and maxHMACKey are what keepalived allows.
	minHMACKey, maxHMACKey = 32, 64
	// makeKeyHint shows how to make a key.
	makeKeyHint = "for example: openssl rand -hex 32, with hex: before it"
)

var authTypes = map[string]vrrp.AuthType{"password": vrrp.AuthPassword, "ah": vrrp.AuthHeader}

var hmacModes = map[string]vrrp.HMACMode{
	"enforce": vrrp.HMACEnforce, "permissive": vrrp.HMACPermissive, "receive-only": vrrp.HMACReceiveOnly,
}

// auth builds the authentication of an instance.
func (b *builder) auth(n *node, c vrrp.Config) vrrp.Auth {
	blocks := n.all("auth")
	if len(blocks) == 0 {
		return vrrp.Auth{}
	}
	a := blocks[0]
	if a.labels[0] == "hmac" {
		return vrrp.Auth{HMAC: b.hmac(a, c.AdvertInterval)}
	}
	for _, k := range a.all("key") {
		b.errorf("unknown_block", k.def, `secret = "…"`, "%s has one key and no block key", a)
	}
	key := b.secret(a)
	if c.Version == 3 {
		b.errorf("auth_version_3", a.def, `auth "hmac" proves the origin of adverts of any version`,
			"%s: VRRP version 3 has no authentication of this kind", a)
	}
	if len(key) > vrrp.MaxAuthKey {
		b.errorf("key_too_long", a.def, "keepalived uses the first 8 characters of a longer one",
			"the key of %s has %d octets: the wire carries %d", a, len(key), vrrp.MaxAuthKey)
	}
	return vrrp.Auth{Type: authTypes[a.labels[0]], Key: key}
}

// hmac builds the keys and rules of signed adverts.
func (b *builder) hmac(a *node, interval time.Duration) *vrrp.HMAC {
	h := &vrrp.HMAC{
		Active: uint8(get[int64](a, "active_key")), Mode: hmacModes[get[string](a, "mode")],
		Monotonic: get[string](a, "anti_replay") == "monotonic", Window: get[time.Duration](a, "time_window"),
	}
	if h.Window == 0 {
		h.Window = vrrp.DefaultHMACWindow(interval)
	}
	if h.Monotonic && a.has("time_window") {
		b.warnf("no_effect", a.at("time_window"), "", `time_window has no effect with anti_replay = "monotonic"`)
	}
	first := map[uint8]*node{}
	for _, k := range a.all("key") {
		id, err := strconv.ParseUint(k.labels[0], 10, 8)
		if err != nil || id == 0 {
			b.errorf("out_of_range", k.rngs[0], "", "key number %q is out of range: 1 to 255", k.labels[0])
			continue
		}
		if prev := first[uint8(id)]; prev != nil {
			b.errorf("duplicate_name", k.rngs[0], "", "%s is defined twice, first at %s", k, where(prev.def))
			continue
		}
		first[uint8(id)] = k
		key := b.secret(k)
		if key != nil && (len(key) < minHMACKey || len(key) > maxHMACKey) {
			b.errorf("key_length", k.def, makeKeyHint, "%s has %d octets: %d to %d are allowed", k, len(key), minHMACKey, maxHMACKey)
		}
		h.Keys = append(h.Keys, vrrp.HMACKey{ID: uint8(id), Key: key})
	}
	b.checkActive(a, h, first)
	return h
}

// checkActive chooses the key that signs.
func (b *builder) checkActive(a *node, h *vrrp.HMAC, known map[uint8]*node) {
	switch {
	case len(a.all("key")) == 0:
		b.errorf("missing_key", a.def, fmt.Sprintf(`key "1" { secret = "…" }, %s`, makeKeyHint), "%s has no key", a)
	case h.Active == 0 && len(h.Keys) > 1:
		b.errorf("missing_key", a.def, "active_key = the number of one of them", "%s has %d keys and no active_key", a, len(h.Keys))
	case h.Active == 0 && len(h.Keys) == 1:
		h.Active = h.Keys[0].ID
	case a.has("active_key") && known[h.Active] == nil:
		b.errorf("unknown_key_number", a.at("active_key"), "", "%s has no key %d", a, h.Active)
	}
}

// secret reads a key, nil when there is none or it has been reported. Errors
// point at the block: its lines are not shown.
func (b *builder) secret(n *node) vrrp.Secret {
	if n.bad("secret", "file") {
		return nil
	}
	text := []byte(get[string](n, "secret"))
	switch {
	case n.has("secret") && n.has("file"):
		b.errorf("two_keys", n.def, "", "%s has a secret and a file", n)
		return nil
	case !n.has("secret") && !n.has("file"):
		b.absent("missing_key", n.def, `secret = env("NAME"), or file = "PATH"`, "%s has neither a secret nor a file", n)
		return nil
	case n.has("file"):
		var err error
		if text, err = b.opts.Read(get[string](n, "file")); err != nil {
			b.errorf("unreadable", n.at("file"), "", "read the key of %s: %v", n, innermost(err))
			return nil
		}
		text = bytes.TrimRight(text, "\r\n")
	}
	if digits, isHex := strings.CutPrefix(string(text), "hex:"); isHex {
		key, err := hex.DecodeString(digits)
		if err != nil {
			b.errorf("bad_key", n.def, "", "the key of %s is not hexadecimal", n)
			return nil
		}
		text = key
	}
	if len(text) == 0 {
		b.errorf("bad_key", n.def, "", "the key of %s is empty", n)
		return nil
	}
	return vrrp.Secret(text)
}
