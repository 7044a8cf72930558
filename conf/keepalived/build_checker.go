package keepalived

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// buildServices builds the virtual servers.
func (r *reader) buildServices(cfg *conf.Config) {
	keys, names := map[ipvs.ServiceKey]place{}, map[string]int{}
	for _, v := range r.services {
		s, ok := r.service(v, keys)
		if !ok {
			continue
		}
		if names[s.Name]++; names[s.Name] > 1 {
			s.Name += suffix(s.Key)
		}
		r.byName[s.Name] = v
		cfg.Services = append(cfg.Services, s)
	}
}

// untaken leaves out what is a virtual server already, as the kernel does for
// keepalived, and reports whether anything is left.
func (r *reader) untaken(v *service, s *conf.Service, keys map[ipvs.ServiceKey]place) bool {
	var left []ipvs.ServiceKey
	for k := range s.Keys() {
		if prev, again := keys[k]; again {
			r.warnf(v.at, "duplicate_service", "", "%s is already a virtual server, at %s; that one counts", k, prev)
			continue
		}
		keys[k] = v.at
		left = append(left, k)
	}
	if len(left) == 0 {
		return false
	}
	s.Key, s.Also = left[0], left[1:]
	return true
}

// suffix tells virtual servers apart that have one address or mark.
func suffix(k ipvs.ServiceKey) string {
	switch {
	case k.Mark == 0:
		return "_" + k.Protocol.String()
	case k.IPv6():
		return "_ipv6"
	}
	return "_ipv4"
}

// service builds one virtual server, of what is not among the keys yet.
func (r *reader) service(v *service, taken map[ipvs.ServiceKey]place) (conf.Service, bool) {
	s := conf.Service{
		Config: ipvs.Config{
			Name: serviceName(v.title), Scheduler: or(v.scheduler, defaultScheduler), Persistent: or(v.persistent, 0),
			Engine: or(v.engine, ""), OnePacket: or(v.onePacket, false), Quiescent: or(v.quiescent, false),
			Quorum: or(v.quorum, 1), Hysteresis: or(v.hysteresis, 0), Alpha: or(v.alpha, false),
		},
		HASuspend: or(v.haSuspend, false), Omega: or(v.omega, false),
	}
	if !r.serviceKeys(v, &s) || !r.untaken(v, &s, taken) {
		return s, false
	}
	r.serviceKernel(v, &s)
	s.OnQuorumUp, s.OnQuorumDown = r.run(v.up, "quorum_up"), r.run(v.down, "quorum_down")
	r.servers(v, &s)
	r.alert(v, &s)
	r.quorum(v, &s)
	if s.Hysteresis >= s.Quorum && s.Hysteresis > 0 {
		r.warnf(v.at, "bad_value", "", "hysteresis %d is not below the quorum %d; %d is used", s.Hysteresis, s.Quorum, s.Quorum-1)
		s.Hysteresis = s.Quorum - 1
	}
	if s.Quorum == 1 {
		s.Quorum = 0 // the default
	}
	if len(s.RealServers) == 0 {
		r.warnf(v.at, "no_real_servers", "", "virtual_server %s has no real server", v.title)
	}
	return s, true
}

// quorum lowers a quorum that all real servers together cannot reach.
func (r *reader) quorum(v *service, s *conf.Service) {
	most := 0
	for _, rs := range s.RealServers {
		most += rs.Weight
	}
	if most > 0 && s.Quorum > most {
		r.warnf(v.at, "bad_value", "", "quorum %d is more than all real servers of %s weigh: it is %d, as in keepalived", s.Quorum, v.title, most)
		s.Quorum = most
	}
}

// alert says who gets mail about the service and its real servers.
func (r *reader) alert(v *service, s *conf.Service) {
	if len(r.global.mailTo) == 0 || r.global.mailServer == nil {
		return
	}
	all := first(r.global.smtpAlertChecker, r.global.smtpAlert)
	mail, any := or(first(v.smtpAlert, all), false), false
	for _, rs := range v.servers {
		own := or(first(rs.smtpAlert, all), false)
		any = any || own
		i := slices.IndexFunc(s.RealServers, func(x ipvs.RealServer) bool {
			return x.Address.Addr() == rs.addr.Addr() && (rs.addr.Port() == 0 || x.Address.Port() == rs.addr.Port())
		})
		if own == mail || i < 0 {
			continue
		}
		if s.Servers == nil {
			s.Servers = map[netip.AddrPort]conf.ServerNotify{}
		}
		told := s.Servers[s.RealServers[i].Address]
		told.Mail = &own
		s.Servers[s.RealServers[i].Address] = told
	}
	if mail || any {
		s.Alert = &conf.Alert{Mail: mail}
	}
}

// alpha tells whether a real server starts as down: any of its checks does, for
// each of which what is written nearest to it counts.
func alpha(v *service, rs *server) bool {
	return slices.ContainsFunc(rs.checks, func(c *check) bool { return or(first(c.alpha, rs.alpha, v.alpha), false) })
}

// serviceKeys sets what packets the service is for.
func (r *reader) serviceKeys(v *service, s *conf.Service) bool {
	if v.protocol == nil && v.mark == 0 {
		r.warnf(v.at, "no_protocol", "protocol TCP", "virtual_server %s has no protocol; as in keepalived, it is UDP", v.title)
	}
	protocol, ok := ipvs.ParseProtocol(strings.ToLower(or(v.protocol, "UDP")))
	if !ok {
		r.warnf(v.at, "bad_value", "TCP, UDP or SCTP", "protocol %q of virtual_server %s is unknown; as in keepalived, it is UDP", *v.protocol, v.title)
		protocol = ipvs.UDP
	}
	keys, ok := r.keysOf(v, protocol)
	if !ok || len(keys) == 0 {
		return false
	}
	s.Key, s.Also = keys[0], keys[1:]
	return true
}

// keysOf returns the services of the kernel behind a virtual server.
func (r *reader) keysOf(v *service, protocol ipvs.Protocol) ([]ipvs.ServiceKey, bool) {
	switch {
	case v.mark != 0:
		return []ipvs.ServiceKey{ipvs.MarkKey(v.mark, v.markFamily(nil))}, true
	case v.group == "":
		return []ipvs.ServiceKey{{Protocol: protocol, Address: v.addr}}, true
	}
	i := slices.IndexFunc(r.vgroups, func(g *serverGroup) bool { return g.name == v.group })
	if i < 0 {
		r.notef(v.at, "unknown_group", "", "there is no virtual_server_group %s: the virtual_server is left out", v.group)
		return nil, false
	}
	var keys []ipvs.ServiceKey
	for _, m := range r.vgroups[i].members {
		if m.mark != 0 {
			keys = append(keys, ipvs.MarkKey(m.mark, cmp.Or(m.family, v.markFamily(r.vgroups[i]))))
		}
		for _, a := range m.addrs {
			keys = append(keys, ipvs.ServiceKey{Protocol: protocol, Address: netip.AddrPortFrom(a, m.port)})
		}
	}
	if len(keys) == 0 {
		r.warnf(r.vgroups[i].at, "empty_group", "", "virtual_server_group %s has no address: its virtual_server is left out, as keepalived does", v.group)
	}
	return keys, true
}

// markFamily is the family of marks that have none written: that of the group's
// addresses, else of the real servers.
func (v *service) markFamily(g *serverGroup) ipvs.Family {
	six := len(v.servers) > 0 && v.servers[0].addr.Addr().Is6()
	if g != nil {
		if i := slices.IndexFunc(g.members, func(m groupMember) bool { return len(m.addrs) > 0 }); i >= 0 {
			six = g.members[i].addrs[0].Is6()
		}
	}
	if or(v.six, six) {
		return ipvs.IPv6
	}
	return ipvs.IPv4
}

// defaultScheduler is that of keepalived.
const defaultScheduler = "wlc"

// serviceKernel checks and sets what only the kernel cares about.
func (r *reader) serviceKernel(v *service, s *conf.Service) {
	if !slices.Contains(ipvs.Schedulers, s.Scheduler) {
		hint := ""
		if n := conf.Nearest(s.Scheduler, ipvs.Schedulers); n != "" {
			hint = "did you mean " + n + "?"
		}
		r.warnf(v.at, "bad_value", hint, "there is no lb_algo %q; as in keepalived, it is %s", s.Scheduler, defaultScheduler)
		s.Scheduler = defaultScheduler
	}
	for i, f := range v.flags {
		bit, err := ipvs.ParseSchedulerFlag(s.Scheduler, f.text)
		if err != nil {
			r.warnf(v.flagsAt[i], "bad_value", "", "%v; it is ignored", err)
		}
		s.SchedulerFlags |= bit
	}
	if s.Persistent > 0 && s.Key.Port() == 0 && s.Key.Mark == 0 && s.Persistent < time.Second {
		s.Persistent = time.Second
	}
	if s.Key.Port() == 0 && s.Key.Mark == 0 && s.Persistent == 0 {
		s.Persistent = defaultPersistence
		r.warnf(v.at, "not_persistent", "persistence_timeout 360", "virtual_server %s is for every port: the kernel demands persistence for that; as in keepalived, it is %s",
			v.title, defaultPersistence)
	}
	if s.OnePacket && s.Key.Protocol != ipvs.UDP && s.Key.Mark == 0 {
		r.warnf(v.at, "no_effect", "", "ops is for UDP services only")
		s.OnePacket = false
	}
	if s.Granularity = or(v.mask, 0); s.Granularity > 0 && v.persistent == nil {
		s.Persistent = defaultPersistence
	}
	if s.Persistent == 0 { // nothing else is grouped by it
		s.Granularity = 0
	}
	if s.Granularity > 32 && !s.Key.IPv6() {
		r.warnf(v.at, "bad_value", "", "persistence_granularity %d is not for IPv4", s.Granularity)
		s.Granularity = 0
	}
}

// servers builds the real servers and the fallback.
func (r *reader) servers(v *service, s *conf.Service) {
	s.Checks = map[netip.AddrPort][]healthcheck.Check{}
	taken := map[netip.AddrPort]bool{}
	for _, rs := range v.servers {
		server, ok := r.server(v, rs, s, first(rs.forward, v.forward))
		if !ok {
			continue
		}
		server.Weight = or(first(rs.weight, v.weight), 1)
		server.UpperThreshold, server.LowerThreshold = r.thresholds(rs)
		server.Quiescent = rs.quiescent
		if own := alpha(v, rs); own != s.Alpha && len(rs.checks) > 0 {
			server.Alpha = &own
		}
		if taken[server.Address] {
			r.warnf(rs.at, "duplicate_server", "", "real_server %s appears twice in %s; the first counts", server.Address, v.title)
			continue
		}
		taken[server.Address] = true
		s.RealServers = append(s.RealServers, server)
		told := conf.ServerNotify{Up: r.run(rs.up, "notify_up"), Down: r.run(rs.down, "notify_down")}
		if len(told.Up.Args)+len(told.Down.Args) > 0 {
			if s.Servers == nil {
				s.Servers = map[netip.AddrPort]conf.ServerNotify{}
			}
			s.Servers[server.Address] = told
		}
		if checks := r.checks(v, rs, server.Address); len(checks) > 0 {
			s.Checks[server.Address] = checks
		}
	}
	allQuiescent(s)
	r.sorry(v, s, taken)
}

// allQuiescent says of the virtual server what all of its real servers say.
func allQuiescent(s *conf.Service) {
	if len(s.RealServers) == 0 || slices.ContainsFunc(s.RealServers, func(rs ipvs.RealServer) bool { return rs.Quiescent == nil || !*rs.Quiescent }) {
		return
	}
	s.Quiescent = true
	for i := range s.RealServers {
		s.RealServers[i].Quiescent = nil
	}
}

// sorry builds the fallback.
func (r *reader) sorry(v *service, s *conf.Service, taken map[netip.AddrPort]bool) {
	if v.sorry == nil {
		if or(v.sorryInhibit, false) {
			r.notef(v.at, "no_effect", "", "sorry_server_inhibit has no effect in %s: there is no sorry_server", v.title)
		}
		return
	}
	sorry, ok := r.server(v, v.sorry, s, first(v.sorryForward, v.forward))
	if !ok {
		return
	}
	sorry.Weight = 1
	if taken[sorry.Address] {
		r.notef(v.sorry.at, "duplicate_server", "", "sorry_server %s is a real server, too: there is no sorry_server", sorry.Address)
		return
	}
	s.Fallback, s.FallbackInhibit = &sorry, or(v.sorryInhibit, false)
}

// thresholds are those of the connections of a real server.
func (r *reader) thresholds(rs *server) (upper, lower uint32) {
	upper, lower = uint32(or(rs.upper, 0)), uint32(or(rs.lower, 0))
	if lower > upper {
		r.notef(rs.at, "bad_threshold", "an lthreshold of at most uthreshold", "lthreshold %d is above uthreshold %d, which the kernel refuses; it is ignored", lower, upper)
		lower = 0
	}
	return upper, lower
}

// server builds what real servers and fallbacks have in common.
func (r *reader) server(v *service, rs *server, s *conf.Service, f *forwarding) (ipvs.RealServer, bool) {
	key, how := s.Key, or(f, forwarding{})
	out := ipvs.RealServer{Address: rs.addr, Forward: how.method, Tunnel: how.tunnel}
	switch {
	case rs.addr.Port() == 0:
		out.Address = netip.AddrPortFrom(rs.addr.Addr(), key.Port())
	case how.method != ipvs.Masquerade && !s.HasPort(rs.addr.Port()):
		r.warnf(rs.at, "port_ignored", "", "%s: the port of the virtual server, %d, is used with this way of forwarding", rs.addr, key.Port())
		out.Address = netip.AddrPortFrom(rs.addr.Addr(), key.Port())
	}
	out.ServicePort = s.TakesServicePort(out.Address.Port(), rs.addr.Port() != 0, how.method)
	if key.IPv6() != rs.addr.Addr().Is6() && how.method != ipvs.Tunnel {
		r.warnf(rs.at, "mixed_families", "lvs_method TUN", "%s is of another family than virtual_server %s; it is ignored, as keepalived does", rs.addr.Addr(), v.title)
		return out, false
	}
	return out, true
}

// merged returns the settings that count for a check.
func merged(v *service, rs *server, c *check) timing {
	return timing{
		interval: first(c.interval, rs.interval, v.interval), timeout: first(c.timeout, rs.timeout, v.timeout),
		pause: first(c.pause, rs.pause, v.pause), warmup: first(c.warmup, rs.warmup, v.warmup),
		retry: first(c.retry, rs.retry, v.retry), host: first(c.host, rs.host, v.host),
	}
}

// Defaults of checks.
const (
	defaultDelayLoop = 60 * time.Second
	defaultTimeout   = 5 * time.Second
	defaultRetry     = 1
	dnsRetry         = 3
	httpPause        = 3 * time.Second
	otherPause       = time.Second
)

// timingOf builds when a check runs and how often it must fail.
func timingOf(m timing, kind healthcheck.Kind) healthcheck.Timing {
	interval := max(or(m.interval, defaultDelayLoop), healthcheck.MinInterval)
	retry, pause := defaultRetry, otherPause
	switch kind {
	case healthcheck.KindDNS:
		retry, pause = dnsRetry, interval
	case healthcheck.KindScript, healthcheck.KindFile:
		retry = 0
	case healthcheck.KindHTTP, healthcheck.KindHTTPS:
		pause = httpPause
	}
	return healthcheck.Timing{
		Interval: interval, Rise: 1, Fall: cmp.Or(or(m.retry, retry), 0) + 1,
		Retry: max(or(m.pause, pause), healthcheck.MinInterval), Warmup: or(m.warmup, interval),
	}
}
