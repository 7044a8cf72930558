package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// addressKeywords are the words that may follow an address, a virtual one or a
// static one.
func addressKeywords(static bool) []*keyword {
	own := refused(notYet, "use_vmac")
	if static {
		own = trackGroupKeyword()
	}
	return concat(own,
		many(does("<ADDR>[/LEN]", nil), does("dev", nil), does("label", nil), does("scope", nil).note("global, site, link, host or a number"),
			does("brd", nil), does("broadcast", nil), does("peer", nil)),
		many(does("preferred_lft", nil).note("0 keeps the address from being chosen as source, forever allows it; a time counts as forever"),
			does("-nodad", nil), does("noprefixroute", nil).note("IPv6 addresses never make a route here"),
			does("home", nil), does("mngtmpaddr", nil), does("autojoin", nil),
			does("no_track", nil).note("always so: that somebody removes an address does not cost the mastership; it is put back. The interface after `dev` does not count then")),
	)
}

// takesValue are the words that are followed by one.
var takesValue = map[string]bool{
	"dev": true, "brd": true, "broadcast": true, "scope": true, "label": true, "peer": true, "preferred_lft": true, "track_group": true,
}

// addresses reads the lines of a list of virtual addresses.
func (r *reader) addresses(s *statement, static bool) []vip {
	var out []vip
	words := addressKeywords(static)
	for _, k := range s.kids {
		prefix, ok := r.prefix(k.where(0), k.name())
		if !ok {
			r.errorf(k.where(0), "bad_address", "for example 192.0.2.1/24", "%q is not an IP address: keepalived would skip it and nobody would hold it", k.name())
			continue
		}
		v := vip{prefix: prefix, at: k.where(0)}
		for i := 1; i < len(k.words); i++ {
			known := find(words, k.arg(i))
			if known == nil {
				r.warnf(k.where(i), "unknown_keyword", "", "unknown keyword %s in %s; it is ignored", k.arg(i), s.name())
				continue
			}
			r.addressWord(k, i, known, &v)
			if takesValue[known.name] {
				i++
			}
		}
		out = append(out, v)
	}
	return out
}

// maxLabel is the longest label of an address (IFNAMSIZ of linux/if.h).
const maxLabel = 15

// scopes are the words for route scopes (linux/rtnetlink.h).
var scopes = map[string]uint8{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// addressWord takes one option of an address.
func (r *reader) addressWord(k *statement, i int, known *keyword, v *vip) {
	switch known.status {
	case Rejected:
		r.errorf(k.where(i), "not_supported", "", "%s is not supported: %s", known.name, known.why)
		return
	case Accepted:
		r.notef(k.where(i), "no_effect", "", "%s has no effect: %s", known.name, known.why)
		return
	}
	value := k.arg(i + 1)
	if bit, is := vrrp.AddressFlags[known.name]; is {
		v.options.Flags |= bit
		return
	}
	switch known.name {
	case "no_track":
		v.options.Untracked = true
	case "-nodad":
		v.options.DetectDuplicates = v.prefix.Addr().Is6()
	case "preferred_lft":
		r.preferred(k, i+1, v)
	case "dev":
		if v.options.Interface = value; value == "" {
			r.warnf(k.where(i), "missing_value", "dev INTERFACE", "dev needs the name of an interface; it is ignored")
		}
		r.needs(value, k.where(i+1))
	case "label":
		if v.options.Label = value; len(value) > maxLabel {
			r.warnf(k.where(i+1), "long_label", "", "label %s has more than %d characters; the address goes without it", value, maxLabel)
			v.options.Label = ""
		}
	case "scope":
		n, err := strconv.ParseUint(value, 0, 8)
		if scope, is := scopes[value]; is {
			n, err = uint64(scope), nil
		}
		if err != nil {
			r.invalid(k, i+1, "is not a scope")
		}
		v.options.Scope = uint8(n)
	case "peer":
		a, err := netip.ParseAddr(strings.Split(value, "/")[0])
		if err != nil {
			r.invalid(k, i+1, "is not an address")
		}
		v.options.Peer = a
	default:
		v.options.Broadcast = r.broadcast(k, i+1, v.prefix)
	}
}

// preferred reads a time, or "forever".
func (r *reader) preferred(k *statement, i int, v *vip) {
	v.options.Source = vrrp.SourceAlways
	if text := k.arg(i); text != "forever" {
		n, ok := r.number(k, i, 0, 1<<31-1)
		switch {
		case !ok:
			v.options.Source = vrrp.SourceDefault
		case n == 0:
			v.options.Source = vrrp.SourceNever
		default:
			r.notef(k.where(i), "no_effect", "0 or forever", "preferred_lft %d counts as forever: the address is renewed all the time", n)
		}
	}
}

// broadcast reads an address, "+" for the host bits set or "-" for clear.
func (r *reader) broadcast(k *statement, i int, p netip.Prefix) netip.Addr {
	text := k.arg(i)
	a, err := netip.ParseAddr(text)
	switch {
	case err == nil && a.Is4() && p.Addr().Is4():
		return a
	case text == "+" && p.Addr().Is4() && p.Bits() < 31:
		b := p.Addr().As4()
		host := ^uint32(0) >> p.Bits()
		for n := range b {
			b[n] |= byte(host >> (24 - 8*n))
		}
		return netip.AddrFrom4(b)
	case text == "-" && p.Addr().Is4():
		return p.Masked().Addr()
	}
	r.invalid(k, i, "is not a broadcast address of "+p.String())
	return netip.Addr{}
}

// prefix is parsePrefix, but a prefix length that is none counts as that of a
// single address, as in keepalived.
func (r *reader) prefix(at place, text string) (netip.Prefix, bool) {
	if p, ok := parsePrefix(text); ok {
		return p, true
	}
	address, length, _ := strings.Cut(text, "/")
	p, ok := parsePrefix(address)
	if ok {
		r.warnf(at, "bad_prefix", "for example "+address+"/24", "%q is no prefix length: %s is taken, as keepalived does", length, p)
	}
	return p, ok
}

// parsePrefix reads an address with a prefix length or without.
func parsePrefix(text string) (netip.Prefix, bool) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil
}
