package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// ruleKeywords are the words of a rule.
func ruleKeywords(static bool) []*keyword {
	var own []*keyword
	if static {
		own = trackGroupKeyword()
	}
	var known []*keyword
	for _, name := range []string{"from", "to", "table", "lookup", "not", "preference", "order", "priority", "fwmark", "dev", "iif", "oif", "type",
		"inet", "inet6", "tos", "dsfield", "realms", "suppress_prefixlength", "sup_pl", "suppress_ifgroup", "sup_group", "tunnel-id",
		"uidrange", "l3mdev", "ip_proto", "ipproto", "sport", "dport", "goto", "nop", "protocol"} {
		known = append(known, does(name, nil))
	}
	return concat(known, own, many(
		does("no_track", nil).note("always so: that somebody removes a rule never costs the mastership; it is put back"),
	),
	)
}

// lastPreference is what keepalived gives to the first rule without a
// preference; the others get lower ones.
const lastPreference = 16384

// rules reads a list of rules.
func (r *reader) rules(s *statement, static bool) []vrrp.Rule {
	var out []vrrp.Rule
	known := ruleKeywords(static)
	for _, k := range s.kids {
		one := ruleReader{reader: r, k: k, out: vrrp.Rule{Family: vrrp.IPv4, Action: vrrp.RuleLookup}}
		good := r.optional(func() {
			r.options(k, known, one.take, one.action)
			one.done()
		})
		if good {
			one.prefer()
			out = append(out, one.out)
		}
	}
	return out
}

// ruleReader reads one rule.
type ruleReader struct {
	*reader
	k   *statement
	out vrrp.Rule
}

func (r *ruleReader) done() {
	if r.out.From.Addr().Is6() || r.out.To.Addr().Is6() {
		r.out.Family = vrrp.IPv6
	}
	if r.out.Action == vrrp.RuleLookup && r.out.Table == 0 && !r.out.L3Master {
		r.errorf(r.k.where(0), "missing_value", "table ID", "the rule has no table")
	}
}

// prefer gives a rule a preference, unless it has one.
func (r *ruleReader) prefer() {
	if r.out.Priority != 0 {
		return
	}
	r.out.Priority = uint32(lastPreference - r.autoRules)
	r.autoRules++
	r.warnf(r.k.where(0), "no_preference", "preference N", "the rule has no preference: it gets %d", r.out.Priority)
}

// action takes the type of a rule without the word type.
func (r *ruleReader) action(i int) bool {
	a, is := ruleActions[r.k.arg(i)]
	if is {
		r.out.Action = a
	}
	return is
}

// take takes the value of a word.
func (r *ruleReader) take(word string, i int, _ bool) {
	value := r.k.arg(i)
	switch word {
	case "from":
		r.out.From = r.ruleNetwork(i)
	case "to":
		r.out.To = r.ruleNetwork(i)
	case "table", "lookup":
		r.out.Table = r.table(r.k, i)
	case "not":
		r.out.NotMatch = true
	case "preference", "order", "priority":
		r.out.Priority = r.unsigned(r.k, i)
	case "fwmark":
		r.mark(i)
	case "dev", "iif":
		r.out.In = value
		r.needs(value, r.k.where(i))
	case "oif":
		r.out.Out = value
		r.needs(value, r.k.where(i))
	case "inet", "inet6":
		r.out.Family = map[string]vrrp.Family{"inet": vrrp.IPv4, "inet6": vrrp.IPv6}[word]
	case "type":
		if !r.action(i) {
			r.errorf(r.k.where(i), "not_supported", "", "rules of type %q are not supported", value)
		}
	default:
		r.rare(word, i)
	}
}

// rare takes words that hardly anybody uses.
func (r *ruleReader) rare(word string, i int) {
	switch word {
	case "tos", "dsfield":
		r.out.TOS = r.small(r.k, i, nil, tosNames)
	case "realms":
		r.out.Realm = r.realms(r.k, i)
	case "suppress_prefixlength", "sup_pl":
		r.out.MinPrefix = min(r.small(r.k, i, nil, ""), 128) + 1
	case "suppress_ifgroup", "sup_group":
		if n, is := r.named(groupNames, r.k.arg(i)); is {
			r.out.NotGroup = n
			return
		}
		r.out.NotGroup = r.unsigned(r.k, i)
	case "tunnel-id":
		r.out.TunnelID = uint64(r.unsigned(r.k, i))
	case "uidrange":
		low, high := r.bounds(i, 32)
		r.out.Users = vrrp.UserRange{Set: true, First: uint32(low), Last: uint32(high)}
	case "l3mdev":
		r.out.L3Master = true
	case "ip_proto", "ipproto":
		r.out.IPProtocol = r.small(r.k, i, transports, "")
	case "sport":
		low, high := r.bounds(i, 16)
		r.out.SourcePorts = vrrp.PortRange{First: uint16(low), Last: uint16(high)}
	case "dport":
		low, high := r.bounds(i, 16)
		r.out.DestinationPorts = vrrp.PortRange{First: uint16(low), Last: uint16(high)}
	case "goto":
		r.out.Action, r.out.Goto = vrrp.RuleGoto, r.unsigned(r.k, i)
	case "nop":
		r.out.Action = vrrp.RuleNop
	case "protocol":
		r.out.Protocol = r.small(r.k, i, protocols, protocolNames)
	}
}

// transports are the usual names of transport protocols.
var transports = map[string]uint8{"icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": 132, "udplite": 136}

// bounds reads "N" or "N-M".
func (r *ruleReader) bounds(i, bits int) (low, high uint64) {
	low, high, err := conf.ParseRange(r.k.arg(i), bits)
	if err != nil {
		r.errorf(r.k.where(i), "bad_value", "N or N-M", "%v", err)
	}
	return low, high
}

// ruleNetwork is like network; every packet is no network at all.
func (r *ruleReader) ruleNetwork(i int) netip.Prefix {
	if text := r.k.arg(i); text == "all" || text == "any" || text == "default" {
		return netip.Prefix{}
	}
	return r.network(r.k, i, false)
}

// mark reads "N" or "N/MASK".
func (r *ruleReader) mark(i int) {
	mark, mask, masked := strings.Cut(r.k.arg(i), "/")
	n, err := strconv.ParseUint(mark, 0, 32)
	m := uint64(^uint32(0))
	if masked && err == nil {
		m, err = strconv.ParseUint(mask, 0, 32)
	}
	if err != nil {
		r.errorf(r.k.where(i), "bad_value", "", "%q is not a firewall mark", r.k.arg(i))
	}
	r.out.Mark, r.out.Mask = uint32(n), uint32(m)
}
