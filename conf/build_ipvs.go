package conf

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

var forwards = map[string]ipvs.Forward{
	"direct": ipvs.Direct, "masquerade": ipvs.Masquerade, "tunnel": ipvs.Tunnel,
}

// services builds the virtual servers.
func (b *builder) services(nodes []*node, checks *checkSet) {
	names := b.names()
	keys := map[ipvs.ServiceKey]*node{}
	for _, n := range nodes {
		names.add(n)
		s := b.service(n, checks)
		if prev := keys[s.Key]; prev != nil && s.Key.Address.IsValid() && !n.bad("protocol") {
			b.errorf("duplicate_service", n.at("address"), "", "%s is already the service of %s at %s", s.Key, prev, where(prev.at("address")))
		} else {
			keys[s.Key] = n
		}
		b.cfg.Services = append(b.cfg.Services, s)
	}
	checks.reportUnused()
}

func (b *builder) service(n *node, checks *checkSet) Service {
	s := Service{Config: ipvs.Config{
		Name:      n.labels[0],
		Key:       ipvs.ServiceKey{Protocol: ipvs.TCP},
		Scheduler: get[string](n, "scheduler"),
		OnePacket: get[bool](n, "one_packet"),
		Quiescent: get[bool](n, "quiescent"),
	}}
	if get[string](n, "protocol") == "udp" {
		s.Key.Protocol = ipvs.UDP
	}
	if !n.has("quiescent") {
		s.Quiescent = s.Key.Protocol == ipvs.TCP && !s.OnePacket
	}
	if n.has("address") {
		s.Key.Address, _ = b.endpoint(n.at("address"), "address", get[string](n, "address"), 0)
	}
	if s.OnePacket && s.Key.Protocol != ipvs.UDP && !n.bad("protocol") {
		b.errorf("one_packet_tcp", n.at("one_packet"), `protocol = "udp"`, "one_packet is for UDP services only")
	}
	s.Persistent = b.persistence(n)
	b.servers(n, &s, checks)
	return s
}

// persistence returns the timeout, 0 when the service is not persistent.
func (b *builder) persistence(n *node) time.Duration {
	p := n.all("persistence")
	if len(p) == 0 {
		return 0
	}
	timeout := get[time.Duration](p[0], "timeout")
	if timeout%time.Second != 0 {
		b.errorf("bad_interval", p[0].at("timeout"), "", "timeout %s: the kernel knows whole seconds only", timeout)
	}
	return timeout
}

// servers builds the real servers and the fallback of a service.
func (b *builder) servers(n *node, s *Service, checks *checkSet) {
	own := checks.of(n)
	taken := map[netip.AddrPort]hcl.Range{}
	s.Checks = map[netip.AddrPort][]healthcheck.Check{}
	s.Require = int(get[int64](n, "require"))
	for _, rs := range n.all("real_server") {
		mine := replaceKinds(own, checks.of(rs))
		server, ok := b.realServer(n, rs, s.Key, "real server", rs.labels[0], rs.rngs[0])
		if !ok {
			continue
		}
		if prev, again := taken[server.Address]; again {
			b.errorf("duplicate_server", rs.rngs[0], "", "real server %s appears twice in %s, first at %s", server.Address, n, where(prev))
			continue
		}
		taken[server.Address] = rs.rngs[0]
		s.RealServers = append(s.RealServers, server)
		if len(mine) > 0 {
			s.Checks[server.Address] = boundTo(s, mine)
		}
	}
	s.Fallback = b.fallback(n, s.Key, taken)
	b.lintService(n, s)
}

// lintService finds services that work but hardly as they are meant to.
func (b *builder) lintService(n *node, s *Service) {
	switch {
	case b.partial || b.errors > 0:
	case len(s.RealServers) == 0:
		b.warnf("no_real_servers", n.def, "", "%s has no real server", n)
	case len(s.Checks) == 0:
		b.warnf("no_checks", n.def, `add a check, for example check "tcp" {}`, "the real servers of %s are not checked: a dead one keeps getting connections", n)
	}
}

// realServer builds a real server or a fallback from a block. text is its
// address, at where that stands.
func (b *builder) realServer(service, n *node, key ipvs.ServiceKey, what, text string, at hcl.Range) (ipvs.RealServer, bool) {
	port := key.Address.Port()
	if port == 0 {
		port = 1 // the service's address was reported; take any
	}
	addr, ok := b.endpoint(at, what, text, port)
	if !ok {
		return ipvs.RealServer{}, false
	}
	rs := ipvs.RealServer{Address: addr, Weight: int(get[int64](n, "weight")), Forward: forwards[get[string](service, "forward")]}
	switch {
	case n.has("forward"):
		rs.Forward = forwards[get[string](n, "forward")]
	case what == "fallback" && addr.Addr().IsLoopback():
		rs.Forward = ipvs.Direct
	}
	if key.Address.IsValid() && !service.bad("forward") && (service.has("forward") || n.has("forward")) && !n.bad("forward") {
		b.checkForward(what, rs, key, at)
	}
	return rs, true
}

// checkForward finds combinations that the kernel takes and does not do.
func (b *builder) checkForward(what string, rs ipvs.RealServer, key ipvs.ServiceKey, at hcl.Range) {
	local := rs.Address.Addr().IsLoopback()
	switch {
	case local && rs.Forward == ipvs.Masquerade:
		// ip_vs_nat_xmit in the kernel: "stopping DNAT to loopback address".
		b.errorf("masquerade_to_loopback", at, `forward = "direct" delivers to this director itself`,
			"%s %s: the kernel drops packets that are masqueraded to a loopback address", what, rs.Address)
	case rs.Forward != ipvs.Masquerade && rs.Address.Port() != key.Address.Port():
		b.errorf("port_ignored", at, "use the service's port, or forward = \"masquerade\"",
			"%s %s: with forward %q the port of the service, %d, is used", what, rs.Address, rs.Forward, key.Address.Port())
	case rs.Address == key.Address && rs.Forward != ipvs.Direct:
		b.errorf("server_is_service", at, "", "%s %s is the service itself", what, rs.Address)
	}
}

// fallback builds the server of last resort, from the attribute or the block.
func (b *builder) fallback(n *node, key ipvs.ServiceKey, taken map[netip.AddrPort]hcl.Range) *ipvs.RealServer {
	blocks := n.all("fallback")
	var rs ipvs.RealServer
	var at hcl.Range
	var ok bool
	switch {
	case len(blocks) > 0 && n.has("fallback"):
		b.errorf("duplicate_block", blocks[0].def, "", "%s has the fallback as a key too, at %s", n, where(n.at("fallback")))
		return nil
	case len(blocks) > 0:
		at = blocks[0].rngs[0]
		rs, ok = b.realServer(n, blocks[0], key, "fallback", blocks[0].labels[0], at)
	case n.has("fallback"):
		at = n.at("fallback")
		rs, ok = b.realServer(n, &node{spec: fallbackBlock}, key, "fallback", get[string](n, "fallback"), at)
	}
	if !ok {
		return nil
	}
	if prev, again := taken[rs.Address]; again {
		b.errorf("duplicate_server", at, "", "fallback %s is a real server too, at %s", rs.Address, where(prev))
	}
	return &rs
}
