package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// flagWords stand alone; all others are followed by a value.
var flagWords = map[string]bool{
	"onlink": true, "inet6": true, "inet": true, "add": true, "append": true, "prepend": true, "no_track": true, "not": true,
	"l3mdev": true, "nop": true, "nexthop": true,
}

// lockable may have the word lock before their value.
var lockable = map[string]uint32{
	"mtu": 1 << 2, "window": 1 << 3, "rtt": 1 << 4, "rttvar": 1 << 5, "ssthresh": 1 << 6, "cwnd": 1 << 7, "advmss": 1 << 8,
	"reordering": 1 << 9, "hoplimit": 1 << 10, "rto_min": 1 << 13, "congctl": 1 << 16,
}

// protocols are the usual names of those who make routes (rt_protos of
// iproute2).
var protocols = map[string]uint8{
	"redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12, "babel": 42,
	"dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "keepalived": 18, "openr": 99, "bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
}

// tables are the routing tables that have a name everywhere.
var tables = map[string]uint32{"default": 253, "main": 254, "local": 255}

var routeTypes = map[string]vrrp.RouteType{
	"unicast": vrrp.RouteUnicast, "blackhole": vrrp.RouteBlackhole, "unreachable": vrrp.RouteUnreachable, "prohibit": vrrp.RouteProhibit,
}

var ruleActions = map[string]vrrp.RuleAction{
	"lookup": vrrp.RuleLookup, "unicast": vrrp.RuleLookup, "blackhole": vrrp.RuleBlackhole,
	"unreachable": vrrp.RuleUnreachable, "prohibit": vrrp.RuleProhibit,
}

// options calls take for each word of a route or rule with the place of its
// value, and other for words that are not known, as long as it wants them.
func (r *reader) options(s *statement, known []*keyword, take func(word string, i int, lock bool), other func(i int) bool) {
	for i := 0; i < len(s.words); i++ {
		word := s.arg(i)
		k := find(known, word)
		switch {
		case k == nil && other(i):
			continue
		case k == nil:
			r.warnf(s.where(i), "unknown_keyword", "", "unknown keyword %s; it is ignored", word)
			continue
		case k.status == Rejected:
			r.errorf(s.where(i), "not_supported", "", "%s is not supported: %s", word, k.why)
		case k.status == Accepted:
			r.notef(s.where(i), "no_effect", "", "%s has no effect: %s", word, k.why)
		}
		at, lock := i, false
		if !flagWords[word] {
			i++
			_, may := lockable[word]
			if lock = may && s.arg(i) == "lock"; lock || s.arg(i) == "inet" || s.arg(i) == "inet6" {
				i++
			}
			at = i
		}
		if k.status == Supported {
			take(word, at, lock)
		}
	}
}

// unsigned reads a number of 32 bits.
func (r *reader) unsigned(s *statement, i int) uint32 {
	n, err := strconv.ParseUint(s.arg(i), 0, 32)
	if err != nil {
		r.errorf(s.where(i), "bad_value", "", "%q is not a number", s.arg(i))
	}
	return uint32(n)
}

func (r *reader) table(s *statement, i int) uint32 {
	if n, is := tables[s.arg(i)]; is {
		return n
	}
	if n, is := r.named(tableNames, s.arg(i)); is {
		return n
	}
	return r.unsigned(s, i)
}

// small reads a number of 8 bits, or one of the names for it: of a table, or of
// a file of iproute2 if one is given.
func (r *reader) small(s *statement, i int, names map[string]uint8, file string) uint8 {
	if n, is := names[s.arg(i)]; is {
		return n
	}
	if file != "" {
		if n, is := r.named(file, s.arg(i)); is && n <= math.MaxUint8 {
			return uint8(n)
		}
	}
	n, err := strconv.ParseUint(s.arg(i), 0, 8)
	if err != nil {
		r.errorf(s.where(i), "bad_value", "0 to 255", "%q is not understood", s.arg(i))
	}
	return uint8(n)
}

// realms reads "DESTINATION" or "SOURCE/DESTINATION".
func (r *reader) realms(s *statement, i int) uint32 {
	from, to, both := strings.Cut(s.arg(i), "/")
	if !both {
		from, to = "0", from
	}
	number := func(text string) (uint64, error) {
		if text == "cosmos" { // the only name that iproute2 comes with
			return 0, nil
		}
		if n, is := r.named(realmNames, text); is && n <= math.MaxUint16 {
			return uint64(n), nil
		}
		return strconv.ParseUint(text, 0, 16)
	}
	high, err := number(from)
	low, err2 := number(to)
	if err != nil || err2 != nil {
		r.errorf(s.where(i), "bad_value", "a number, or two with / between", "%q is not a realm", s.arg(i))
	}
	return uint32(high<<16 | low)
}

// gateway reads an address.
func (r *reader) gateway(s *statement, i int) netip.Addr {
	a, err := netip.ParseAddr(s.arg(i))
	if err != nil {
		r.errorf(s.where(i), "bad_address", "", "%q is not an IP address", s.arg(i))
	}
	return a
}

// network reads a network; an address alone is a network of one.
func (r *reader) network(s *statement, i int, six bool) netip.Prefix {
	switch text := s.arg(i); text {
	case "default", "all", "any":
		if six {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	default:
		p, ok := r.prefix(s.where(i), text)
		if !ok {
			r.errorf(s.where(i), "bad_network", "for example 198.51.100.0/24", "%q is not a network", text)
			return p
		}
		return p.Masked()
	}
}

// pathBlocks are the blocks of routes and rules of one owner.
func pathBlocks(static bool, to func(*reader) *vrrp.Paths) []*keyword {
	prefix := "virtual_"
	if static {
		prefix = "static_"
	}
	return many(
		free(prefix+"routes", func(r *reader, s *statement) { to(r).Routes = append(to(r).Routes, r.routes(s, static)...) }, routeKeywords(static)),
		free(prefix+"rules", func(r *reader, s *statement) { to(r).Rules = append(to(r).Rules, r.rules(s, static)...) }, ruleKeywords(static)),
	)
}

// trackGroupKeyword ties what is static to the instances of a track_group.
func trackGroupKeyword() []*keyword {
	return without("static addresses, routes and rules that somebody removes are put back", "track_group")
}
