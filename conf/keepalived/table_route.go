package keepalived

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// routeKeywords are the words of a route.
func routeKeywords(static bool) []*keyword {
	var own []*keyword
	if static {
		own = trackGroupKeyword()
	}
	var known []*keyword
	for _, name := range []string{"<PREFIX> or default", "to", "via", "gw", "dev", "oif", "src", "table", "metric", "priority", "preference", "type",
		"mtu", "onlink", "nexthop", "hoplimit", "advmss", "rtt", "rttvar", "reordering", "window", "cwnd", "ssthresh", "rto_min", "initcwnd",
		"initrwnd", "features", "quickack", "congctl", "fastopen_no_cookie", "scope", "inet6", "append", "prepend", "pref", "protocol",
		"from", "tos", "dsfield", "realms", "expires"} {
		known = append(known, does(name, nil))
	}
	return concat(known, own, many(
		does("add", nil).note("always so: a route is never put in the place of another one"),
		does("no_track", nil).note("always so: that somebody removes a route never costs the mastership; it is put back"),
	),
		without("it is for routes over MPLS, which cannot be written", "ttl-propagate"),
		refused(notYet, "as", "encap", "vrf", "or"),
	)
}

// routeNumbers are the words of a route with a number as it is.
var routeNumbers = map[string]func(*vrrp.Route) *uint32{
	"metric":     func(r *vrrp.Route) *uint32 { return &r.Metric },
	"priority":   func(r *vrrp.Route) *uint32 { return &r.Metric },
	"preference": func(r *vrrp.Route) *uint32 { return &r.Metric },
	"mtu":        func(r *vrrp.Route) *uint32 { return &r.MTU },
	"hoplimit":   func(r *vrrp.Route) *uint32 { return &r.Tuning.HopLimit },
	"advmss":     func(r *vrrp.Route) *uint32 { return &r.Tuning.MSS },
	"reordering": func(r *vrrp.Route) *uint32 { return &r.Tuning.Reordering },
	"window":     func(r *vrrp.Route) *uint32 { return &r.Tuning.Window },
	"cwnd":       func(r *vrrp.Route) *uint32 { return &r.Tuning.CongestionWindow },
	"ssthresh":   func(r *vrrp.Route) *uint32 { return &r.Tuning.SlowStartThreshold },
	"initcwnd":   func(r *vrrp.Route) *uint32 { return &r.Tuning.InitialWindow },
	"initrwnd":   func(r *vrrp.Route) *uint32 { return &r.Tuning.InitialReceive },
}

// leastRTT is what keepalived raises a smaller rtt or rttvar to.
const leastRTT = 200 * time.Millisecond

// routeTimes are the words with a time, each with the step of a plain number
// and the least time.
var routeTimes = map[string]struct {
	to          func(*vrrp.Route) *time.Duration
	step, least time.Duration
}{
	"rtt":     {func(r *vrrp.Route) *time.Duration { return &r.Tuning.RTT }, time.Millisecond / 8, leastRTT},
	"rttvar":  {func(r *vrrp.Route) *time.Duration { return &r.Tuning.RTTVar }, time.Millisecond / 4, leastRTT},
	"rto_min": {func(r *vrrp.Route) *time.Duration { return &r.Tuning.MinRTO }, time.Millisecond, 0},
	"expires": {func(r *vrrp.Route) *time.Duration { return &r.Expires }, time.Second, 0},
}

// routeSwitches are the words that are on or off.
var routeSwitches = map[string]func(*vrrp.Route) *bool{
	"onlink":             func(r *vrrp.Route) *bool { return &r.OnLink },
	"quickack":           func(r *vrrp.Route) *bool { return &r.Tuning.QuickACK },
	"fastopen_no_cookie": func(r *vrrp.Route) *bool { return &r.Tuning.NoFastOpenCookie },
}

var routePreferences = map[string]vrrp.RoutePreference{
	"low": vrrp.PreferenceLow, "medium": vrrp.PreferenceMedium, "high": vrrp.PreferenceHigh,
}

// routes reads a list of routes.
func (r *reader) routes(s *statement, static bool) []vrrp.Route {
	var out []vrrp.Route
	// The weight of a hop is documented with nexthop.
	known := append(routeKeywords(static), does("weight", nil))
	for _, k := range s.kids {
		text := strings.Join(append(k.args(), k.name()), " ")
		one := routeReader{reader: r, k: k, six: strings.Contains(text, ":") || strings.Contains(text, "inet6")}
		if r.optional(func() { one.read(known) }) {
			out = append(out, one.out)
		}
	}
	return out
}

// routeReader reads one route.
type routeReader struct {
	*reader
	k    *statement
	six  bool
	hops bool // words belong to the last hop
	out  vrrp.Route
}

func (r *routeReader) read(known []*keyword) {
	r.out = vrrp.Route{Type: vrrp.RouteUnicast, Table: tables["main"]}
	r.options(r.k, known, r.take, r.destination)
	if len(r.out.Hops) > 0 {
		r.out.Via, r.out.Interface = netip.Addr{}, ""
	}
	if !r.out.Destination.IsValid() {
		r.errorf(r.k.where(0), "bad_network", "", "the route has no destination")
	}
	if r.out.Type == vrrp.RouteUnicast && !r.out.Via.IsValid() && r.out.Interface == "" && len(r.out.Hops) == 0 {
		r.errorf(r.k.where(0), "no_gateway", "via ADDRESS or dev INTERFACE", "the route has neither a gateway nor an interface")
	}
	for _, h := range r.out.Hops {
		if !h.Via.IsValid() && h.Interface == "" {
			r.errorf(r.k.where(0), "no_gateway", "via ADDRESS or dev INTERFACE", "a nexthop has neither a gateway nor an interface")
		}
	}
	if r.out.Type == vrrp.RouteUnicast && !r.out.Via.IsValid() && len(r.out.Hops) == 0 && r.out.Scope == nil && r.out.Destination.Addr().Is4() {
		r.out.Scope = new(uint8) // ip(8) would say link; keepalived says global
	}
	if r.out.Expires > 0 && r.out.Destination.Addr().Is4() {
		r.warnf(r.k.where(0), "no_effect", "", "only IPv6 routes expire")
		r.out.Expires = 0
	}
}

// destination takes a word that is no keyword: a type, or the destination.
func (r *routeReader) destination(i int) bool {
	word := r.k.arg(i)
	if t, is := routeTypes[word]; is {
		r.out.Type = t
		return true
	}
	_, isNetwork := parsePrefix(word)
	if r.out.Destination.IsValid() || !isNetwork && word != "default" && word != "all" && word != "any" && i > 0 {
		return false
	}
	r.out.Destination = r.network(r.k, i, r.six)
	return true
}

// take takes the value of a word.
func (r *routeReader) take(word string, i int, lock bool) {
	value := r.k.arg(i)
	if lock {
		r.out.Tuning.Locked |= lockable[word]
	}
	if number, is := routeNumbers[word]; is {
		*number(&r.out) = r.unsigned(r.k, i)
		return
	}
	if t, is := routeTimes[word]; is {
		*t.to(&r.out) = r.atLeast(i, t.least, r.routeTime(i, t.step))
		return
	}
	if on, is := routeSwitches[word]; is {
		*on(&r.out) = word == "onlink" || value != "0"
		return
	}
	if r.hop(word, i, value) {
		return
	}
	switch word {
	case "to":
		if !r.destination(i) {
			r.invalid(r.k, i, "is not a destination")
		}
	case "src":
		r.out.Source = r.gateway(r.k, i)
	case "table":
		r.out.Table = r.table(r.k, i)
	case "from":
		r.out.From = r.network(r.k, i, true)
	case "type":
		t, is := routeTypes[value]
		if !is {
			r.errorf(r.k.where(i), "not_supported", "", "routes of type %q are not supported", value)
		}
		r.out.Type = t
	default:
		r.rare(word, i, value)
	}
}

// rare takes words that hardly anybody uses.
func (r *routeReader) rare(word string, i int, value string) {
	switch word {
	case "append":
		r.out.Order = vrrp.RouteAppend
	case "prepend":
		r.out.Order = vrrp.RoutePrepend
	case "tos", "dsfield":
		r.out.TOS = r.small(r.k, i, nil, tosNames)
	case "realms":
		r.out.Realm = r.realms(r.k, i)
	case "protocol":
		r.out.Protocol = r.small(r.k, i, protocols, protocolNames)
	case "scope":
		scope := r.small(r.k, i, scopes, scopeNames)
		r.out.Scope = &scope
	case "congctl":
		r.out.Tuning.Congestion = value
	case "features":
		if r.out.Tuning.ECN = value == "ecn"; !r.out.Tuning.ECN {
			r.invalid(r.k, i, "is not a feature that routes have")
		}
	case "pref":
		p, is := routePreferences[value]
		if !is {
			r.invalid(r.k, i, "is none of low, medium, high")
		}
		r.out.Preference = p
	}
}

// hop takes words that say where packets go, of the route or of its last hop.
func (r *routeReader) hop(word string, i int, value string) bool {
	via, iface, weight := &r.out.Via, &r.out.Interface, new(int)
	if n := len(r.out.Hops); n > 0 {
		via, iface, weight = &r.out.Hops[n-1].Via, &r.out.Hops[n-1].Interface, &r.out.Hops[n-1].Weight
	}
	switch word {
	case "nexthop":
		r.out.Hops = append(r.out.Hops, vrrp.Hop{Weight: 1})
	case "via", "gw":
		*via = r.gateway(r.k, i)
	case "dev", "oif":
		*iface = value
		r.needs(value, r.k.where(i))
	case "weight":
		if n, ok := r.number(r.k, i, 1, 256); ok {
			*weight = n
		}
	default:
		return false
	}
	return true
}

// atLeast raises a time that is set to the least one.
func (r *routeReader) atLeast(i int, least, d time.Duration) time.Duration {
	if d == 0 || d >= least {
		return d
	}
	r.warnf(r.k.where(i), "bad_value", "", "%s is raised to %s, as keepalived does", r.k.arg(i), least)
	return least
}

// routeTime reads a number of steps, or a time with its unit.
func (r *routeReader) routeTime(i int, step time.Duration) time.Duration {
	text := r.k.arg(i)
	if n, err := strconv.ParseUint(text, 0, 32); err == nil {
		return time.Duration(n) * step
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.invalid(r.k, i, "is not a time")
		return 0
	}
	return d.Truncate(step)
}
