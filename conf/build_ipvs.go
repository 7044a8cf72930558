package conf

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/ipvs"
)

var forwards = map[string]ipvs.Forward{
	"direct": ipvs.Direct, "masquerade": ipvs.Masquerade, "tunnel": ipvs.Tunnel,
}

// place of a service key, to name it when it comes again.
type keyPlace struct {
	server *node
	rng    hcl.Range
}

// services builds the virtual servers.
func (b *builder) services(nodes []*node, checks *checkSet) {
	names := b.names()
	taken := map[ipvs.ServiceKey]keyPlace{}
	b.reuse.topChecks(checks.named)
	for _, n := range nodes {
		names.add(n)
		keys := b.keys(n)
		for _, k := range keys {
			if prev, again := taken[k.v]; again && !n.bad("protocol") {
				b.errorf("duplicate_service", k.rng, "one of them needs another address, port or mark; or put the real servers of both into one", "%s is already the service of %s at %s", k.v, prev.server, where(prev.rng))
				continue
			}
			taken[k.v] = keyPlace{n, k.rng}
		}
		b.cfg.Services = append(b.cfg.Services, b.knownOr(n, keys, checks))
	}
	checks.reportUnused()
	slices.Sort(b.cfg.HostNames)
	b.cfg.HostNames = slices.Compact(b.cfg.HostNames)
}

// knownOr builds a virtual server unless it is known, and remembers one of
// which nothing was to be said.
func (b *builder) knownOr(n *node, keys []located[ipvs.ServiceKey], checks *checkSet) Service {
	if n.known == nil {
		before, others := b.noise(), checks.used
		checks.used = map[string]bool{}
		n.known = &knownServer{service: b.service(n, keys, checks), checks: slices.Collect(maps.Keys(checks.used))}
		checks.used = others
		if b.noise() != before {
			n.text = ""
		}
	}
	for _, name := range n.known.checks {
		checks.used[name] = true
	}
	if n.text != "" {
		b.reuse.next.servers[n.text] = n.known
	}
	return n.known.service
}

func (b *builder) service(n *node, keys []located[ipvs.ServiceKey], checks *checkSet) Service {
	s := Service{
		Config: ipvs.Config{
			Name:      n.labels[0],
			Scheduler: get[string](n, "scheduler"),
			OnePacket: get[bool](n, "one_packet"),
			Quiescent: get[bool](n, "quiescent"),
			Alpha:     get[bool](n, "alpha"),
			SlowStart: get[time.Duration](n, "slow_start"),
			Drain:     get[time.Duration](n, "drain"),
			MinUp:     get[ipvs.Share](n, "min_up"),
		},
		HASuspend: get[bool](n, "ha_suspend"),
		Omega:     get[bool](n, "omega"),
	}
	for i, k := range keys {
		if i == 0 {
			s.Key = k.v
		} else {
			s.Also = append(s.Also, k.v)
		}
	}
	if n.has("keep_on_stop") {
		keep := get[bool](n, "keep_on_stop")
		s.KeepOnStop = &keep
	}
	udp := get[string](n, "protocol") == "udp"
	if !n.has("quiescent") {
		s.Quiescent = !udp && !s.OnePacket
	}
	if s.OnePacket && !udp && s.Key.Mark == 0 && !n.bad("protocol") {
		b.errorf("one_packet_tcp", n.at("one_packet"), `protocol = "udp"`, "one_packet is for UDP services only")
	}
	b.schedulerFlags(n, &s)
	b.persistence(n, &s, udp)
	b.quorum(n, &s)
	s.Alert = b.alert(n)
	b.servers(n, &s, checks)
	return s
}

// schedulerFlags adds up the bits of the flags.
func (b *builder) schedulerFlags(n *node, s *Service) {
	for _, word := range get[[]located[string]](n, "scheduler_flags") {
		bit, err := ipvs.ParseSchedulerFlag(s.Scheduler, word.v)
		if err != nil && !n.bad("scheduler") {
			hint := "leave it out, or choose that scheduler"
			if known := ipvs.SchedulerFlagWords(); !slices.Contains(known, word.v) {
				hint = didYouMean(word.v, known)
			}
			b.errorf("bad_flag", word.rng, hint, "scheduler_flags: %v", err)
		}
		s.SchedulerFlags |= bit
	}
}

// persistence reads how clients are remembered.
func (b *builder) persistence(n *node, s *Service, udp bool) {
	blocks := n.all("persistence")
	if len(blocks) == 0 {
		return
	}
	p := blocks[0]
	s.Persistent = b.wholeSeconds(p, "timeout")
	s.Engine = get[string](p, "engine")
	if s.Engine != "" && !udp && s.Key.Mark == 0 && !n.bad("protocol") {
		b.errorf("engine_tcp", p.at("engine"), `protocol = "udp"`, "persistence engine %q works with UDP only", s.Engine)
	}
	if p.has("netmask") && s.Key.IsValid() {
		s.Granularity = b.netmask(p, s)
	}
}

// wholeSeconds returns a duration that the kernel counts in seconds.
func (b *builder) wholeSeconds(n *node, name string) time.Duration {
	d := get[time.Duration](n, name)
	if d%time.Second != 0 {
		b.errorf("bad_interval", n.at(name), "", "%s %s: the kernel knows whole seconds only", name, d)
	}
	return d
}

// netmask returns the prefix length of a persistence mask, 0 for all bits.
func (b *builder) netmask(p *node, s *Service) int {
	text, at := get[string](p, "netmask"), p.at("netmask")
	bits, ipv6 := 32, false
	for k := range s.Keys() {
		if ipv6 = ipv6 || k.IPv6(); ipv6 {
			bits = 128
		}
	}
	if a := parsed(text); a.IsValid() {
		n, ok := maskBits(a)
		switch {
		case ipv6 || a.Is6():
			b.errorf("netmask_family", at, `write a prefix length, for example "/64"`, "netmask %q is not one of IPv6", text)
			return 0
		case !ok:
			b.errorf("bad_netmask", at, `for example "255.255.255.0"`, "netmask %q has a gap, or no bit at all", text)
		}
		return n % bits
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "/"), 10, 8)
	if err != nil || n < 1 || n > uint64(bits) {
		b.errorf("bad_netmask", at, `for example "255.255.255.0" or "/24"`, "netmask %q is neither a mask nor a prefix length from 1 to %d", text, bits)
		return 0
	}
	return int(n) % bits
}

// maskBits returns the prefix length of an IPv4 mask.
func maskBits(a netip.Addr) (int, bool) {
	if !a.Is4() {
		return 0, false
	}
	v, n := a.As4(), 0
	for i := range 32 {
		if v[i/8]&(0x80>>(i%8)) == 0 {
			break
		}
		n++
	}
	p, err := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(n)
	return n, err == nil && n > 0 && p.Addr() == a
}

func (b *builder) quorum(n *node, s *Service) {
	q := n.one("quorum")
	if len(n.all("quorum")) == 0 {
		return
	}
	s.Quorum, s.Hysteresis = int(get[int64](q, "up")), int(get[int64](q, "hysteresis"))
	b.programs(q, hookKeys, &s.OnQuorumUp, &s.OnQuorumDown)
	if s.Hysteresis >= s.Quorum && s.Hysteresis > 0 && !q.bad("up", "hysteresis") {
		b.warnf("hysteresis_too_large", q.at("hysteresis"), "", "hysteresis %d is not below up = %d: the quorum is lost only when nothing is left", s.Hysteresis, s.Quorum)
	}
	if s.Quorum == 1 {
		s.Quorum = 0 // the default
	}
}

// connectionSync builds the settings of the sync daemons.
func (b *builder) connectionSync(nodes []*node) {
	if len(nodes) == 0 {
		return
	}
	n := nodes[0]
	c := &ipvs.SyncConfig{
		Follow: get[string](n, "follow"), Both: get[bool](n, "both"),
		SyncSettings: ipvs.SyncSettings{
			Interface: get[string](n, "interface"), ID: uint8(get[int64](n, "id")), Group: get[netip.Addr](n, "group"),
			Port: uint16(get[int64](n, "port")), TTL: uint8(get[int64](n, "ttl")), MaxLen: uint16(get[int64](n, "max_length")),
		},
	}
	var known []string
	for _, r := range b.cfg.Routers {
		known = append(known, r.Name)
	}
	if c.Follow != "" && !slices.Contains(known, c.Follow) {
		b.absent("unknown_instance", n.at("follow"), didYouMean(c.Follow, known), "there is no vrrp_instance called %q", c.Follow)
	}
	b.cfg.Sync = c
	for _, s := range b.cfg.Services {
		if server, mixed := mixedFamilies(s); mixed {
			b.errorf("sync_mixed_families", n.def, "give the virtual_server real servers of its own family, or leave connection_sync out", "virtual_server %q has real server %s of the other address family: the kernel cannot synchronise connections then", s.Name, server)
		}
	}
}

// mixedFamilies finds a real server of another family than its service.
func mixedFamilies(s Service) (netip.Addr, bool) {
	for k := range s.Keys() {
		for _, rs := range s.RealServers {
			if k.IsValid() && rs.Address.Addr().Is6() != k.IPv6() {
				return rs.Address.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// ipvs builds the settings of the kernel's IPVS as a whole.
func (b *builder) ipvs(n *node) {
	optional := func(name string) *bool {
		if !n.has(name) {
			return nil
		}
		v := get[bool](n, name)
		return &v
	}
	b.cfg.IPVS = IPVS{
		VerifyInterval: get[time.Duration](n, "verify_interval"), ResolveInterval: get[time.Duration](n, "resolve_interval"),
		Timeouts: ipvs.Timeouts{
			TCP: b.wholeSeconds(n, "tcp_timeout"), TCPFin: b.wholeSeconds(n, "tcp_fin_timeout"), UDP: b.wholeSeconds(n, "udp_timeout"),
		},
		Namespace: get[string](n, "network_namespace"), TellFirst: get[bool](n, "tell_first"),
		FlushOnStart: get[bool](n, "flush_on_start"), FlushOnStop: get[bool](n, "flush_on_stop"),
		IPForward: optional("ip_forward"), SendRedirects: optional("send_redirects"), Conntrack: optional("conntrack"),
		ExpireNoDest: optional("expire_nodest_conn"), ExpireTemplates: optional("expire_quiescent_template"),
	}
}
