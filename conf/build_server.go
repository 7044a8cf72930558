package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// servers builds the real servers and the fallback of a service.
func (b *builder) servers(n *node, s *Service, checks *checkSet) {
	b.inherit(n)
	own := checks.of(n)
	taken := map[netip.AddrPort]hcl.Range{}
	s.Checks = Checks{}
	shared := boundTo(s, own)
	s.Require = int(get[int64](n, "require"))
	for _, rs := range n.all("real_server") {
		mine := shared
		if special := checks.of(rs); len(special) > 0 {
			mine = boundTo(s, replaceKinds(own, special))
		}
		server, host, ok := b.realServer(n, rs, s, "real server", rs.labels[0], rs.rngs[0])
		if !ok {
			continue
		}
		if prev, again := taken[server.Address]; again {
			b.duplicateServer(rs.rngs[0], host, fmt.Sprintf("real server %s appears twice in %s, first at %s", server.Address, n, where(prev)))
			continue
		}
		taken[server.Address] = rs.rngs[0]
		s.RealServers = append(s.RealServers, server)
		b.serverNotify(rs, s, server.Address)
		if host != "" {
			if s.HostNames == nil {
				s.HostNames = map[netip.AddrPort]string{}
			}
			s.HostNames[server.Address] = host
		}
		b.checkTargets(rs, server, mine)
		if len(mine) > 0 {
			s.Checks[server.Address] = mine
		}
	}
	b.fallback(n, s, taken)
	b.lintService(n, s)
}

// serverNotify sets who is told about one real server.
func (b *builder) serverNotify(n *node, s *Service, a netip.AddrPort) {
	var out ServerNotify
	b.programs(n, hookKeys, &out.Up, &out.Down)
	if n.has("mail") {
		mail := get[bool](n, "mail")
		out.Mail = &mail
	}
	if len(out.Up.Args)+len(out.Down.Args) == 0 && out.Mail == nil {
		return
	}
	if s.Servers == nil {
		s.Servers = map[netip.AddrPort]ServerNotify{}
	}
	s.Servers[a] = out
}

// duplicateServer reports a real server that is there already. Two names may
// come to have one address while the daemon runs: that is no error.
func (b *builder) duplicateServer(at hcl.Range, host, message string) {
	if host != "" {
		b.warnf("duplicate_server", at, "", "%s; it is left out", message)
		return
	}
	b.errorf("duplicate_server", at, "", "%s", message)
}

// checkTargets reports checks without a port to go to, and those that cannot
// come from where they should.
func (b *builder) checkTargets(n *node, rs ipvs.RealServer, checks []healthcheck.Check) {
	for _, c := range checks {
		target, source := healthcheck.KeyFor(c, rs.Address).Target, c.Settings.Network.Source
		if target.Port() == 0 && c.Settings.Kind != healthcheck.KindPing && !c.Settings.Kind.Local() {
			b.errorf("check_without_port", n.rngs[0], "give the check a port, or the real server",
				"real server %s has no port that its %s check could use", rs.Address.Addr(), c.Settings.Kind)
		}
		if source.IsValid() && source.Is4() != target.Addr().Is4() {
			b.errorf("mixed_families", n.rngs[0], "give the real server a check of its own, with a source of its family",
				"the %s check cannot reach %s from its source %s", c.Settings.Kind, target.Addr(), source)
		}
	}
}

// lintService finds services that work but hardly as they are meant to.
func (b *builder) lintService(n *node, s *Service) {
	if b.partial || b.errors > 0 {
		return
	}
	if len(s.RealServers) == 0 {
		b.warnf("no_real_servers", n.def, "", "%s has no real server", n)
		return
	}
	if len(s.Checks) == 0 {
		b.warnf("no_checks", n.def, `add a check, for example check "tcp" {}`, "the real servers of %s are not checked: a dead one keeps getting connections", n)
	}
	sum, most := 0, 0
	for _, rs := range s.RealServers {
		sum, most = sum+rs.Weight, max(most, rs.Weight)
	}
	if sum < s.Quorum+s.Hysteresis && sum > 0 {
		b.warnf("quorum_unreachable", n.one("quorum").at("up"), "", "the weights of all real servers add up to %d: the quorum of %d is never gained", sum, s.Quorum+s.Hysteresis)
	}
	if s.SlowStart > 0 && most == 1 {
		b.warnf("slow_start_weight", n.at("slow_start"), "give all real servers a larger weight, for example 100", "slow_start has nothing to grow: no real server of %s has a weight above 1", n)
	}
	if s.MinUp.Of(len(s.RealServers)) > 0 && s.Fallback != nil {
		b.warnf("fallback_never", n.at("min_up"), "", "with min_up the checks never empty the pool of %s: the fallback serves only when an operator drains it", n)
	}
}

// realServer builds a real server or a fallback from a block. text is its
// address, at where that stands. It returns the host name that the address
// was looked up by, if any.
func (b *builder) realServer(service, n *node, s *Service, what, text string, at hcl.Range) (ipvs.RealServer, string, bool) {
	host, ok := b.lookUp(at, what, &text, s)
	if !ok {
		return ipvs.RealServer{}, "", false
	}
	addr, own, ok := b.serverAddress(at, what, text, s.Key)
	if !ok {
		return ipvs.RealServer{}, "", false
	}
	rs := ipvs.RealServer{
		Address: addr, Weight: int(get[int64](n, "weight")), Forward: forwards[get[string](service, "forward")],
		UpperThreshold: uint32(get[int64](n, "upper_threshold")), LowerThreshold: uint32(get[int64](n, "lower_threshold")),
	}
	switch {
	case n.has("forward"):
		rs.Forward = forwards[get[string](n, "forward")]
	case what == "fallback" && addr.Addr().IsLoopback():
		rs.Forward = ipvs.Direct
	}
	if n.has("alpha") {
		a := get[bool](n, "alpha")
		rs.Alpha = &a
	}
	if n.has("quiescent") {
		q := get[bool](n, "quiescent")
		rs.Quiescent = &q
	}
	known := !service.bad("forward") && (service.has("forward") || n.has("forward")) && !n.bad("forward")
	b.thresholds(n, rs)
	if known {
		rs.Tunnel = b.tunnel(service, n, rs)
	}
	rs.ServicePort = s.TakesServicePort(addr.Port(), own, rs.Forward)
	for k := range s.Keys() {
		if known && k.IsValid() {
			b.checkForward(what, rs, k, at)
		}
	}
	return rs, host, true
}

// serverAddress reads the address of a real server; own tells whether a
// port is written.
func (b *builder) serverAddress(at hcl.Range, what, text string, key ipvs.ServiceKey) (addr netip.AddrPort, own, ok bool) {
	port := key.Port()
	if !key.IsValid() {
		port = 1 // the service's address was reported; take any
	}
	if b.isURL(at, what, text) {
		return addr, false, false
	}
	if _, portText := splitEndpoint(text); portText != "" {
		addr, ok = b.endpoint(at, what, text, 0)
		return addr, true, ok
	}
	host, _ := splitEndpoint(text)
	a, ok := b.address(at, what, host)
	return netip.AddrPortFrom(a, port), false, ok
}

// lookUp replaces the host name in an endpoint by an address of the family of
// the service. It returns the name. A name that has no address now leaves the
// real server out: a director must start without DNS.
func (b *builder) lookUp(at hcl.Range, what string, text *string, s *Service) (string, bool) {
	host, port := splitEndpoint(*text)
	if b.opts.Resolve == nil || !looksLikeName(host) || strings.Contains(*text, "://") {
		return "", true
	}
	b.cfg.HostNames = append(b.cfg.HostNames, host)
	addrs, err := b.opts.Resolve(host)
	if err != nil {
		b.warnf("unresolved", at, "", "%s %q is left out until it has an address: %v", what, host, err)
		return host, false
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		if a = a.Unmap(); !s.Key.IsValid() || a.Is6() == s.Key.IPv6() {
			*text = netip.AddrPortFrom(a, 0).String()
			*text = strings.TrimSuffix(*text, ":0") + port
			return host, true
		}
	}
	b.warnf("unresolved", at, "", "%s %q is left out: it has no address of the service's family", what, host)
	return host, false
}

// looksLikeName reports whether a text can only be a host name.
func looksLikeName(s string) bool {
	if parsed(s).IsValid() || strings.ContainsAny(s, "/: ") {
		return false
	}
	return strings.ContainsFunc(s, func(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' })
}

func (b *builder) thresholds(n *node, rs ipvs.RealServer) {
	switch {
	case rs.LowerThreshold > 0 && rs.UpperThreshold == 0:
		b.errorf("bad_threshold", n.at("lower_threshold"), "set upper_threshold too", "lower_threshold has no effect without upper_threshold")
	case rs.LowerThreshold > rs.UpperThreshold:
		b.errorf("bad_threshold", n.at("lower_threshold"), "", "lower_threshold %d is above upper_threshold %d", rs.LowerThreshold, rs.UpperThreshold)
	}
}

// tunnel returns the encapsulation: the real server's, else the service's.
func (b *builder) tunnel(service, n *node, rs ipvs.RealServer) ipvs.TunnelSettings {
	own := n.all("tunnel")
	if rs.Forward != ipvs.Tunnel {
		if len(own) > 0 {
			b.errorf("tunnel_unused", own[0].def, `forward = "tunnel"`, "tunnel is for real servers with forward = \"tunnel\"")
		}
		return ipvs.TunnelSettings{}
	}
	if len(own) == 0 {
		own = service.all("tunnel")
	}
	if len(own) == 0 {
		return ipvs.TunnelSettings{}
	}
	return b.tunnelSettings(own[0])
}

func (b *builder) tunnelSettings(t *node) ipvs.TunnelSettings {
	out := ipvs.TunnelSettings{
		Type:  map[string]ipvs.TunnelType{"gue": ipvs.GUE, "gre": ipvs.GRE}[get[string](t, "type")],
		Port:  uint16(get[int64](t, "port")),
		Flags: map[string]ipvs.TunnelFlags{"full": ipvs.Checksum, "remote": ipvs.RemoteChecksum}[get[string](t, "checksum")],
	}
	switch {
	case t.bad("type", "port", "checksum"):
	case out.Type == ipvs.GUE && out.Port == 0:
		b.errorf("tunnel_port", t.def, "for example port = 6080", "a gue tunnel needs a port")
	case out.Type != ipvs.GUE && out.Port != 0:
		b.errorf("tunnel_port", t.at("port"), "", "a tunnel of type %s has no port", out.Type)
	case out.Flags != 0 && out.Type == ipvs.IPIP, out.Flags == ipvs.RemoteChecksum && out.Type != ipvs.GUE:
		b.errorf("tunnel_checksum", t.at("checksum"), "", "a tunnel of type %s has no checksum %q", out.Type, out.Flags)
	}
	return out
}

// checkForward finds combinations that the kernel refuses, or takes and does
// not do.
func (b *builder) checkForward(what string, rs ipvs.RealServer, key ipvs.ServiceKey, at hcl.Range) {
	switch {
	case rs.Address.Addr().IsLoopback() && rs.Forward == ipvs.Masquerade:
		// ip_vs_nat_xmit in the kernel: "stopping DNAT to loopback address".
		b.errorf("masquerade_to_loopback", at, `forward = "direct" delivers to this director itself`,
			"%s %s: the kernel drops packets that are masqueraded to a loopback address", what, rs.Address)
	case rs.Address.Addr().Is6() != key.IPv6() && rs.Forward != ipvs.Tunnel:
		b.errorf("family_mismatch", at, `forward = "tunnel" can do that`,
			"%s %s is of another address family than %s", what, rs.Address.Addr(), key)
	case rs.Forward != ipvs.Masquerade && !rs.ServicePort && rs.Address.Port() != key.Port():
		b.errorf("port_ignored", at, "use the service's port, or forward = \"masquerade\"",
			"%s %s: with forward %q the port of the service, %d, is used", what, rs.Address, rs.Forward, key.Port())
	case rs.Address == key.Address && rs.Forward != ipvs.Direct:
		b.warnf("server_is_service", at, "", "%s %s is the service itself", what, rs.Address)
	}
}

// fallback builds the server of last resort, from the attribute or the block.
func (b *builder) fallback(n *node, s *Service, taken map[netip.AddrPort]hcl.Range) {
	blocks := n.all("fallback")
	var rs ipvs.RealServer
	var at hcl.Range
	var ok bool
	switch {
	case len(blocks) > 0 && n.has("fallback"):
		b.errorf("duplicate_block", blocks[0].def, "", "%s has the fallback as a key too, at %s", n, where(n.at("fallback")))
		return
	case len(blocks) > 0:
		at = blocks[0].rngs[0]
		rs, _, ok = b.realServer(n, blocks[0], s, "fallback", blocks[0].labels[0], at)
		s.FallbackInhibit = get[bool](blocks[0], "inhibit")
	case n.has("fallback"):
		at = n.at("fallback")
		rs, _, ok = b.realServer(n, &node{spec: fallbackBlock}, s, "fallback", get[string](n, "fallback"), at)
	}
	if !ok {
		return
	}
	if prev, again := taken[rs.Address]; again {
		b.errorf("duplicate_server", at, "", "fallback %s is a real server too, at %s", rs.Address, where(prev))
	}
	s.Fallback = &rs
}
