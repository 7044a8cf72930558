package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// tcpTuning is what the words of a route that tune TCP have in common.
const tcpTuning = "it tunes TCP over the route and does not decide where packets go; vipd does not set it"

// routeKeywords are the words of a route.
func routeKeywords() []*keyword {
	var known []*keyword
	for _, name := range []string{"<PREFIX> or default", "to", "via", "gw", "dev", "oif", "src", "table", "metric", "priority", "preference", "type", "mtu", "onlink", "nexthop"} {
		known = append(known, does(name, nil))
	}
	return concat(known,
		without(tcpTuning, "hoplimit", "advmss", "rtt", "rttvar", "reordering", "window", "cwnd", "ssthresh", "rto_min", "initcwnd",
			"initrwnd", "features", "quickack", "congctl", "fastopen_no_cookie"),
		without("the kernel's choice serves", "scope", "inet6", "add", "append", "prepend", "pref", "ttl-propagate"),
		without("vipd marks its routes as its own", "protocol"),
		without("a route that somebody removes is put back, always", "no_track"),
		without("it is for static routes, which are there always", "track_group"),
		refused(notYet, "from", "tos", "dsfield", "realms", "as", "encap", "expires", "vrf", "or"),
	)
}

// ruleKeywords are the words of a rule.
func ruleKeywords() []*keyword {
	var known []*keyword
	for _, name := range []string{"from", "to", "table", "lookup", "not", "preference", "order", "priority", "fwmark", "dev", "iif", "oif", "type", "inet", "inet6"} {
		known = append(known, does(name, nil))
	}
	return concat(known,
		without("vipd marks its rules as its own", "protocol"),
		without("a rule that somebody removes is put back, always", "no_track"),
		without("it is for static rules, which are there always", "track_group"),
		refused(notYet, "tos", "dsfield", "realms", "suppress_prefixlength", "sup_pl", "suppress_ifgroup", "sup_group", "tunnel-id",
			"uidrange", "l3mdev", "ip_proto", "ipproto", "sport", "dport", "goto", "nop"),
	)
}

// flagWords stand alone; all others are followed by a value.
var flagWords = map[string]bool{
	"onlink": true, "inet6": true, "inet": true, "add": true, "append": true, "prepend": true, "no_track": true, "not": true,
	"l3mdev": true, "nop": true, "nexthop": true,
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

// options calls take for each word of a route or rule and its value.
func (r *reader) options(s *statement, from int, known []*keyword, take func(i int, word, value string)) {
	for i := from; i < len(s.words); i++ {
		word := s.arg(i)
		k := find(known, word)
		switch {
		case k == nil:
			r.warnf(s.where(i), "unknown_keyword", "", "unknown keyword %s; it is ignored", word)
			continue
		case k.status == Rejected:
			r.errorf(s.where(i), "not_supported", "", "%s is not supported: %s", word, k.why)
		case k.status == Accepted:
			r.notef(s.where(i), "no_effect", "", "%s has no effect: %s", word, k.why)
		default:
			take(i, word, s.arg(i+1))
		}
		if !flagWords[word] {
			i++
			if s.arg(i) == "lock" || s.arg(i) == "inet" || s.arg(i) == "inet6" {
				i++
			}
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
	return r.unsigned(s, i)
}

// gateway reads an address, perhaps after the word for its family.
func (r *reader) gateway(s *statement, i int) netip.Addr {
	if s.arg(i) == "inet" || s.arg(i) == "inet6" {
		i++
	}
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
		p, ok := parsePrefix(text)
		if !ok {
			r.errorf(s.where(i), "bad_network", "for example 198.51.100.0/24", "%q is not a network", text)
			return p
		}
		return p.Masked()
	}
}

// routes reads a list of routes.
func (r *reader) routes(s *statement) []vrrp.Route {
	var out []vrrp.Route
	// The weight of a hop is documented with nexthop.
	known := append(routeKeywords(), does("weight", nil))
	for _, k := range s.kids {
		out = append(out, r.route(k, known))
	}
	return out
}

func (r *reader) route(k *statement, known []*keyword) vrrp.Route {
	out := vrrp.Route{Type: vrrp.RouteUnicast, Table: tables["main"]}
	start := 0
	if t, is := routeTypes[k.name()]; is {
		out.Type, start = t, 1
	}
	six := strings.Contains(strings.Join(k.args(), " "), ":")
	if at := k.arg(start); at != "to" && find(known, at) == nil {
		out.Destination = r.network(k, start, six)
		start++
	}
	hops := false
	r.options(k, start, known, func(i int, word, value string) {
		hop := vrrp.Hop{Weight: 1}
		if hops && len(out.Hops) > 0 {
			hop = out.Hops[len(out.Hops)-1]
		}
		switch word {
		case "to":
			if t, is := routeTypes[value]; is {
				out.Type = t
			} else {
				out.Destination = r.network(k, i+1, six)
			}
		case "via", "gw":
			out.Via, hop.Via = r.gateway(k, i+1), r.gateway(k, i+1)
		case "dev", "oif":
			out.Interface, hop.Interface = value, value
		case "nexthop":
			hops = true
			out.Hops = append(out.Hops, vrrp.Hop{Weight: 1})
			return
		case "weight":
			if n, ok := r.number(k, i+1, 1, 256); ok {
				hop.Weight = n
			}
		case "src":
			out.Source = r.gateway(k, i+1)
		case "table":
			out.Table = r.table(k, i+1)
		case "metric", "priority", "preference":
			out.Metric = r.unsigned(k, i+1)
		case "mtu":
			if value == "lock" {
				i++
			}
			out.MTU = r.unsigned(k, i+1)
		case "onlink":
			out.OnLink = true
		case "type":
			t, is := routeTypes[value]
			if !is {
				r.errorf(k.where(i+1), "not_supported", "", "routes of type %q are not supported", value)
			}
			out.Type = t
		}
		if hops {
			out.Hops[len(out.Hops)-1] = hop
		}
	})
	if hops {
		out.Via, out.Interface = netip.Addr{}, ""
	}
	if !out.Destination.IsValid() {
		r.errorf(k.where(0), "bad_network", "", "the route has no destination")
	}
	if out.Type == vrrp.RouteUnicast && !out.Via.IsValid() && out.Interface == "" && !hops {
		r.errorf(k.where(0), "no_gateway", "via ADDRESS or dev INTERFACE", "the route has neither a gateway nor an interface")
	}
	return out
}

// rules reads a list of rules.
func (r *reader) rules(s *statement) []vrrp.Rule {
	var out []vrrp.Rule
	known := ruleKeywords()
	for _, k := range s.kids {
		out = append(out, r.rule(k, known))
	}
	return out
}

func (r *reader) rule(k *statement, known []*keyword) vrrp.Rule {
	out := vrrp.Rule{Family: vrrp.IPv4, Action: vrrp.RuleLookup}
	r.options(k, 0, known, func(i int, word, value string) {
		switch word {
		case "from":
			out.From = r.ruleNetwork(k, i+1)
		case "to":
			out.To = r.ruleNetwork(k, i+1)
		case "table", "lookup":
			out.Table = r.table(k, i+1)
		case "not":
			out.NotMatch = true
		case "preference", "order", "priority":
			out.Priority = r.unsigned(k, i+1)
		case "fwmark":
			r.mark(k, i+1, &out)
		case "dev", "iif":
			out.In = value
		case "oif":
			out.Out = value
		case "inet6":
			out.Family = vrrp.IPv6
		case "type":
			a, is := ruleActions[value]
			if !is {
				r.errorf(k.where(i+1), "not_supported", "", "rules of type %q are not supported", value)
			}
			out.Action = a
		}
	})
	if out.From.Addr().Is6() || out.To.Addr().Is6() {
		out.Family = vrrp.IPv6
	}
	if out.Priority == 0 {
		r.warnf(k.where(0), "no_preference", "preference N", "the rule has no preference: the kernel chooses one, and it is not the same on all directors")
	}
	if out.Action == vrrp.RuleLookup && out.Table == 0 {
		r.errorf(k.where(0), "missing_value", "table ID", "the rule has no table")
	}
	return out
}

// ruleNetwork is like network; every packet is no network at all.
func (r *reader) ruleNetwork(k *statement, i int) netip.Prefix {
	if text := k.arg(i); text == "all" || text == "any" || text == "default" {
		return netip.Prefix{}
	}
	return r.network(k, i, false)
}

// mark reads "N" or "N/MASK".
func (r *reader) mark(k *statement, i int, out *vrrp.Rule) {
	mark, mask, masked := strings.Cut(k.arg(i), "/")
	n, err := strconv.ParseUint(mark, 0, 32)
	m := uint64(^uint32(0))
	if masked && err == nil {
		m, err = strconv.ParseUint(mask, 0, 32)
	}
	if err != nil {
		r.errorf(k.where(i), "bad_value", "", "%q is not a firewall mark", k.arg(i))
	}
	out.Mark, out.Mask = uint32(n), uint32(m)
}

// pathBlocks are the blocks of routes and rules of one owner.
func pathBlocks(routes, rules string, to func(*reader) *vrrp.Paths) []*keyword {
	return many(
		free(routes, func(r *reader, s *statement) { to(r).Routes = append(to(r).Routes, r.routes(s)...) }, routeKeywords()),
		free(rules, func(r *reader, s *statement) { to(r).Rules = append(to(r).Rules, r.rules(s)...) }, ruleKeywords()),
	)
}
