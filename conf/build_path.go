package conf

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/vrrp"
)

var routeTypes = map[string]vrrp.RouteType{
	"unicast": vrrp.RouteUnicast, "blackhole": vrrp.RouteBlackhole,
	"unreachable": vrrp.RouteUnreachable, "prohibit": vrrp.RouteProhibit,
}

var ruleActions = map[string]vrrp.RuleAction{
	"lookup": vrrp.RuleLookup, "goto": vrrp.RuleGoto, "nop": vrrp.RuleNop, "blackhole": vrrp.RuleBlackhole,
	"unreachable": vrrp.RuleUnreachable, "prohibit": vrrp.RuleProhibit,
}

// static builds what does not depend on any election.
func (b *builder) static(n *node) {
	c := &b.cfg.Static
	for _, k := range n.all("address") {
		p, err := netip.ParsePrefix(k.labels[0])
		switch {
		case err != nil:
			b.errorf("bad_address", k.rngs[0], `for example "192.0.2.5/24"`, "%q is not an address with its prefix length", k.labels[0])
			continue
		case slices.Contains(c.Addresses, p):
			b.errorf("duplicate_address", k.rngs[0], "", "static address %s appears twice", p)
			continue
		case !k.has("interface") && !k.bad("interface"):
			b.errorf("missing_key", k.def, "", "%s needs an interface", k)
		}
		if c.Options == nil {
			c.Options = make(map[netip.Prefix]vrrp.AddressOptions)
		}
		c.Addresses = append(c.Addresses, p)
		c.Options[p] = b.addressOption(k, p)
	}
	c.Paths = b.paths(n)
}

// paths builds the routes and rules of a block.
func (b *builder) paths(n *node) (p vrrp.Paths) {
	for _, k := range n.all("route") {
		p.Routes = append(p.Routes, b.route(k))
	}
	for _, k := range n.all("rule") {
		p.Rules = append(p.Rules, b.rule(k))
	}
	return p
}

func (b *builder) route(k *node) vrrp.Route {
	r := vrrp.Route{
		Destination: b.pathNetwork(k.rngs[0], "destination", k.labels[0]), Type: routeTypes[get[string](k, "type")],
		Via: get[netip.Addr](k, "via"), Interface: get[string](k, "interface"), OnLink: get[bool](k, "on_link"),
		Table: uint32(get[int64](k, "table")), Metric: uint32(get[int64](k, "metric")),
		Source: get[netip.Addr](k, "source"), MTU: uint32(get[int64](k, "mtu")),
		TOS: uint8(get[int64](k, "tos")), Realm: uint32(get[int64](k, "realm")), Protocol: uint8(get[int64](k, "protocol")),
		Order: routeOrders[get[string](k, "order")], Preference: routePreferences[get[string](k, "preference")],
		Expires: get[time.Duration](k, "expires").Truncate(time.Second),
	}
	if k.has("from") {
		r.From = b.pathNetwork(k.at("from"), "from", get[string](k, "from"))
	}
	if k.has("scope") {
		scope := scopes[get[string](k, "scope")]
		r.Scope = &scope
	}
	for _, t := range k.all("tuning") {
		r.Tuning = b.tuning(t)
	}
	b.onlyIPv6(k, r.Destination, "from", "preference", "expires")
	for _, h := range k.all("hop") {
		hop := vrrp.Hop{Via: get[netip.Addr](h, "via"), Interface: get[string](h, "interface"), Weight: int(get[int64](h, "weight"))}
		if !h.has("via") && !h.has("interface") && !h.bad("via", "interface") {
			b.errorf("no_gateway", h.def, "", "%s needs a gateway (via) or an interface", h)
		}
		r.Hops = append(r.Hops, hop)
	}
	gateway := k.has("via") || k.has("interface")
	switch {
	case k.bad("via", "interface", "type"):
	case r.Type != vrrp.RouteUnicast && (gateway || len(r.Hops) > 0):
		b.errorf("no_effect", k.def, "", "%s drops its packets: it has no gateway and no interface", k)
	case r.Type == vrrp.RouteUnicast && gateway == (len(r.Hops) > 0):
		b.errorf("no_gateway", k.def, "", "%s needs either a gateway (via) or an interface, or hop blocks", k)
	}
	for _, name := range []string{"via", "source"} {
		if a := get[netip.Addr](k, name); a.IsValid() && r.Destination.IsValid() && a.Is4() != r.Destination.Addr().Is4() && (name != "via" || a.Is4()) {
			b.errorf("mixed_families", k.at(name), "", "%s %s is of another family than %s", name, a, r.Destination)
		}
	}
	return r
}

func (b *builder) rule(k *node) vrrp.Rule {
	r := vrrp.Rule{
		Family: vrrp.IPv4, Priority: uint32(get[int64](k, "priority")), In: get[string](k, "in"), Out: get[string](k, "out"),
		Mark: uint32(get[int64](k, "mark")), Mask: uint32(get[int64](k, "mask")), Action: ruleActions[get[string](k, "action")],
		Table: uint32(get[int64](k, "table")), NotMatch: get[bool](k, "not"),
	}
	if k.has("mark") && r.Mask == 0 {
		r.Mask = ^uint32(0)
	}
	b.matches(k, &r)
	for name, to := range map[string]*netip.Prefix{"from": &r.From, "to": &r.To} {
		if k.has(name) {
			*to = b.pathNetwork(k.at(name), name, get[string](k, name))
		}
	}
	if get[string](k, "family") == "ipv6" || r.From.Addr().Is6() || r.To.Addr().Is6() {
		r.Family = vrrp.IPv6
	}
	for _, p := range []netip.Prefix{r.From, r.To} {
		if p.IsValid() && p.Addr().Is6() != (r.Family == vrrp.IPv6) {
			b.errorf("mixed_families", k.def, "", "%s mixes IPv4 and IPv6", k)
		}
	}
	if r.Action == vrrp.RuleLookup && !r.L3Master && !k.has("table") && !k.bad("table", "action") {
		b.errorf("missing_key", k.def, "", "%s needs a table", k)
	}
	return r
}

// pathNetwork reads a network; an address alone is a network of one.
func (b *builder) pathNetwork(rng hcl.Range, what, s string) netip.Prefix {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		b.errorf("bad_network", rng, `for example "198.51.100.0/24"`, "%s %q is not a network", what, s)
	case p != p.Masked():
		b.errorf("bad_network", rng, "write \""+p.Masked().String()+"\"", "%s %s has bits set beyond its prefix length", what, p)
	}
	return p
}
