package keepalived

import (
	"net/netip"
	"strings"
)

// addressKeywords are the words that may follow a virtual address.
func addressKeywords() []*keyword {
	return concat(
		many(does("<ADDR>[/LEN]", nil), does("dev", nil).note("the instance's interface only")),
		without("the kernel's choice serves", "brd", "broadcast"),
		without("virtual addresses are never chosen as source where they must not be", "preferred_lft", "-nodad", "noprefixroute"),
		without("a label does not change where the address is", "label"),
		without("an address that somebody removes is put back or given up, always", "no_track"),
		refused(notYet, "scope", "peer", "home", "mngtmpaddr", "autojoin", "use_vmac"),
		without("it is for static addresses", "track_group"),
	)
}

// takesValue are the words that are followed by one.
var takesValue = map[string]bool{
	"dev": true, "brd": true, "broadcast": true, "scope": true, "label": true, "peer": true, "preferred_lft": true, "track_group": true,
}

// addresses reads the lines of a list of virtual addresses.
func (r *reader) addresses(s *statement) []vip {
	var out []vip
	words := addressKeywords()
	for _, k := range s.kids {
		prefix, ok := parsePrefix(k.name())
		if !ok {
			r.errorf(k.where(0), "bad_address", "for example 192.0.2.1/24", "%q is not an IP address: keepalived would skip it and nobody would hold it", k.name())
			continue
		}
		v := vip{prefix: prefix, at: k.where(0)}
		for i := 1; i < len(k.words); i++ {
			word := k.arg(i)
			known := find(words, word)
			switch {
			case known == nil && i == 1:
				r.warnf(k.where(i), "unknown_keyword", "", "unknown keyword %s in %s; it is ignored", word, s.name())
				continue
			case known == nil:
				r.warnf(k.where(i), "unknown_keyword", "", "unknown keyword %s in %s; it is ignored", word, s.name())
				continue
			case word == "dev":
				v.dev = k.arg(i + 1)
			default:
				r.addressWord(k, i, known)
			}
			if takesValue[word] {
				i++
			}
		}
		out = append(out, v)
	}
	return out
}

// addressWord reports a word that is not as in keepalived.
func (r *reader) addressWord(k *statement, i int, known *keyword) {
	switch {
	case known.name == "scope" && k.arg(i+1) == "global":
	case known.status == Rejected:
		r.errorf(k.where(i), "not_supported", "", "%s is not supported: %s", known.name, known.why)
	case known.status == Accepted:
		r.notef(k.where(i), "no_effect", "", "%s has no effect: %s", known.name, known.why)
	}
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
