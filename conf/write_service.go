package conf

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"

	"github.com/vipd/vipd/ipvs"
)

// services writes the virtual servers, and notes the named checks they use.
func (w *writer) services() []maker {
	var out []maker
	for i := range w.cfg.Services {
		out = append(out, w.service(&w.cfg.Services[i]))
	}
	return out
}

func (w *writer) service(s *Service) maker {
	m := newMaker(serverBlock, s.Name)
	w.keys(m, s)
	forward := mainForward(s)
	m.set("scheduler", s.Scheduler)
	m.set("scheduler_flags", flagWords(s))
	m.set("forward", forward.String())
	if s.Quiescent != (s.Key.Protocol != ipvs.UDP && !s.OnePacket) {
		m.force("quiescent", s.Quiescent)
	}
	m.set("one_packet", s.OnePacket)
	m.set("alpha", s.Alpha)
	m.set("omega", s.Omega)
	m.option("keep_on_stop", s.KeepOnStop)
	m.set("ha_suspend", s.HASuspend)
	m.set("slow_start", s.SlowStart)
	m.set("drain", s.Drain)
	switch {
	case s.MinUp.Count > 0:
		m.Set("min_up", s.MinUp.Count)
	case s.MinUp.Percent > 0:
		m.Set("min_up", strconv.Itoa(s.MinUp.Percent)+"%")
	}
	m.set("require", s.Require)
	w.pool(m, s)
	w.fallback(m, s, forward)
	w.realServers(m, s, forward)
	return m
}

// keys writes addresses and marks.
func (w *writer) keys(m maker, s *Service) {
	var addresses []string
	var marks []int
	protocol, family := "tcp", "ipv4"
	for k := range s.Keys() {
		if k.Mark == 0 {
			addresses, protocol = append(addresses, k.Address.String()), k.Protocol.String()
			continue
		}
		if marks = append(marks, int(k.Mark)); k.Family == ipvs.IPv6 {
			family = "ipv6"
		}
	}
	if len(addresses) > 0 {
		m.set("address", addresses[0])
		m.set("addresses", addresses[1:])
	}
	if len(marks) > 0 {
		m.set("fwmark", marks[0])
		m.set("fwmarks", marks[1:])
		m.set("family", family)
	}
	m.set("protocol", protocol)
}

// mainForward is the method of most real servers.
func mainForward(s *Service) ipvs.Forward {
	count := map[ipvs.Forward]int{}
	best := ipvs.Direct
	for _, rs := range s.RealServers {
		if count[rs.Forward]++; count[rs.Forward] > count[best] {
			best = rs.Forward
		}
	}
	return best
}

// flagWords are the words that the scheduler knows.
func flagWords(s *Service) []string {
	var out []string
	var have ipvs.SchedulerFlags
	for _, word := range ipvs.SchedulerFlagWords() {
		bit, err := ipvs.ParseSchedulerFlag(s.Scheduler, word)
		if err == nil && s.SchedulerFlags&bit != 0 && have&bit == 0 {
			out, have = append(out, word), have|bit
		}
	}
	return out
}

// pool writes persistence, quorum and alerts.
func (w *writer) pool(m maker, s *Service) {
	if s.Persistent > 0 {
		p := m.child("persistence")
		p.set("timeout", s.Persistent)
		if s.Granularity > 0 {
			p.set("netmask", "/"+strconv.Itoa(s.Granularity))
		}
		p.set("engine", s.Engine)
	}
	if s.Quorum > 0 || len(s.OnQuorumUp.Args)+len(s.OnQuorumDown.Args) > 0 {
		q := m.child("quorum")
		q.set("up", s.QuorumNeeded())
		q.set("hysteresis", s.Hysteresis)
		q.programs(hookKeys, s.OnQuorumUp, s.OnQuorumDown)
	}
	if s.Alert != nil {
		alert(m.child("alert"), s.Alert)
	}
}

// alert writes who is told about a virtual server.
func alert(k maker, a *Alert) {
	k.set("down", a.Down)
	k.set("up", a.Up)
	k.set("after", a.After)
	k.set("every", a.Every)
	k.set("per_hour", a.PerHour)
	k.set("mail", a.Mail)
	k.set("mail_states", asTexts(a.MailStates))
	k.set("mail_to", a.MailTo)
	k.set("mail_server", a.MailServer)
	k.set("mail_during", asTexts(a.MailDuring))
	k.set("mail_title", a.MailTitle)
	k.set("mail_comment", a.MailComment)
}

// asTexts are words as plain text.
func asTexts[T ~string](words []T) (out []string) {
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}

func (w *writer) fallback(m maker, s *Service, forward ipvs.Forward) {
	if s.Fallback == nil {
		return
	}
	usual := forward
	if s.Fallback.Address.Addr().IsLoopback() {
		usual = ipvs.Direct
	}
	k := m.child("fallback", serverLabel(s, *s.Fallback))
	if s.Fallback.Forward != usual {
		k.force("forward", s.Fallback.Forward.String())
	}
	k.set("weight", s.Fallback.Weight)
	k.set("inhibit", s.FallbackInhibit)
	writeTunnel(k, s.Fallback.Tunnel)
	if len(k.Attrs)+len(k.Blocks) == 0 {
		m.prune("fallback")
		m.set("fallback", k.Labels[0])
	}
}

// serverLabel is the address of a real server, or its name, with the port if
// it has one of its own.
func serverLabel(s *Service, rs ipvs.RealServer) string {
	host, port := rs.Address.Addr().String(), rs.Address.Port()
	name := s.HostNames[rs.Address]
	if port == 0 || rs.ServicePort && port == s.Key.Port() {
		if name != "" {
			return name
		}
		return host
	}
	if name != "" {
		return name + ":" + strconv.Itoa(int(port))
	}
	return netip.AddrPortFrom(rs.Address.Addr(), port).String()
}

func writeTunnel(m maker, t ipvs.TunnelSettings) {
	if t == (ipvs.TunnelSettings{}) {
		return
	}
	k := m.child("tunnel")
	k.set("type", t.Type.String())
	k.set("port", t.Port)
	k.set("checksum", t.Flags.String())
}

func (w *writer) realServers(m maker, s *Service, forward ipvs.Forward) {
	common := commonChecks(s)
	w.checksOf(m, common)
	for _, rs := range s.RealServers {
		k := m.child("real_server", serverLabel(s, rs))
		k.set("weight", rs.Weight)
		if rs.Forward != forward {
			k.force("forward", rs.Forward.String())
		}
		k.option("quiescent", rs.Quiescent)
		k.option("alpha", rs.Alpha)
		k.set("upper_threshold", rs.UpperThreshold)
		k.set("lower_threshold", rs.LowerThreshold)
		told := s.Servers[rs.Address]
		k.programs(hookKeys, told.Up, told.Down)
		k.option("mail", told.Mail)
		writeTunnel(k, rs.Tunnel)
		own, _ := ownChecks(common, s.Checks[rs.Address])
		w.checksOf(k, own)
	}
}

// commonChecks are the checks that most real servers of a service have, if the
// others can be written as exceptions; nil otherwise.
func commonChecks(s *Service) []check {
	var best []check
	most := 0
	for i, rs := range s.RealServers {
		if 2*most >= len(s.RealServers) {
			break
		}
		candidate, n := s.Checks[rs.Address], 0
		for _, other := range s.RealServers[i:] {
			if reflect.DeepEqual(candidate, s.Checks[other.Address]) {
				n++
			}
		}
		if n > most {
			best, most = candidate, n
		}
	}
	for _, rs := range s.RealServers {
		if _, ok := ownChecks(best, s.Checks[rs.Address]); !ok {
			return nil
		}
	}
	if most == 1 && len(s.RealServers) > 1 {
		return nil
	}
	return best
}

// ownChecks are the fewest checks that a real server needs of its own to have all
// of these where its service has the common ones; false when none would do.
func ownChecks(common, all []check) ([]check, bool) {
	for i := len(all); i >= 0; i-- {
		if slices.EqualFunc(replaceKinds(common, all[i:]), all, func(a, b check) bool { return reflect.DeepEqual(a, b) }) {
			return all[i:], true
		}
	}
	return nil, false
}
