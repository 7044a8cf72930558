package dump

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// Checkers returns what keepalived writes to keepalived_check.data on SIGUSR1:
// global settings, virtual and real servers, checks.
func Checkers(s State) []byte {
	p := &page{}
	s.globals(p)
	p.section("LVS Topology")
	pools := s.pools()
	for _, one := range pools {
		one.topology(p)
	}
	p.section("Health checkers")
	for _, one := range pools {
		one.checkers(p)
	}
	return []byte(p.String())
}

// pool joins what is configured of a virtual server and what is so.
type pool struct {
	*conf.Service
	now api.Service
}

// pools lists the virtual servers in the order of the configuration.
func (s State) pools() []pool {
	var out []pool
	for i := range s.Config.Services {
		c := &s.Config.Services[i]
		if n := slices.IndexFunc(s.Status.Services, func(now api.Service) bool { return now.Name == c.Name }); n >= 0 {
			out = append(out, pool{c, s.Status.Services[n]})
		}
	}
	return out
}

// forwards are keepalived's names of ipvs.Forward.
var forwards = map[ipvs.Forward]string{ipvs.Masquerade: "NAT", ipvs.Direct: "DR", ipvs.Tunnel: "TUN"}

// topology writes a virtual server with its real servers.
func (v *pool) topology(p *page) {
	p.line(" ------< Virtual server >------")
	if mark := v.Key.Mark; mark != 0 {
		p.line(" VS FWMARK = %d", mark)
	} else {
		p.line(" VS VIP = %s, VPORT = %d", v.Key.Address.Addr(), v.Key.Port())
	}
	p.line("   Address family = %s", map[bool]string{true: "inet6", false: "inet"}[v.Key.IPv6()])
	p.line("   lvs_sched = %s", v.Scheduler)
	p.line("   One packet scheduling = %s", onOff(v.OnePacket))
	if v.Persistent > 0 {
		p.line("   persistence timeout = %d", seconds(v.Persistent))
	}
	p.line("   protocol = %s", strings.ToUpper(v.Key.Protocol.String()))
	p.line("   alpha is %s", switchWord(v.Alpha))
	p.line("   omega is %s", switchWord(v.Omega))
	p.line("   Inhibit on failure is %s", switchWord(v.Quiescent))
	p.line("   quorum = %d, hysteresis = %d", max(v.Quorum, 1), v.Hysteresis)
	p.script("   Quorum up notify script", v.OnQuorumUp.Args)
	p.script("   Quorum down notify script", v.OnQuorumDown.Args)
	p.line("   Using smtp notification = %s", yesNo(v.Service.Alert != nil && v.Service.Alert.Mail))
	if f := v.Fallback; f != nil {
		p.line("   sorry server = %s", v.endpoint(f.Address))
	}
	p.line("   alive = %d", bit(v.now.Available > 0))
	p.line("   quorum_state_up = %d", bit(v.now.Quorum))
	for _, rs := range v.RealServers {
		v.server(p, rs)
	}
}

// server writes a real server.
func (v *pool) server(p *page, rs ipvs.RealServer) {
	now := v.real(rs.Address)
	failed := 0
	for _, c := range now.Checks {
		failed += bit(c.Verdict == healthcheck.Down)
	}
	p.line("   ------< Real server >------")
	p.line("   RIP = %s, RPORT = %d, WEIGHT = %d EFF WEIGHT = %d", rs.Address.Addr(), rs.Address.Port(), rs.Weight, now.Weight)
	p.line("   forwarding method = %s", forwards[rs.Forward])
	p.line("   Alpha is %s", switchWord(v.AlphaServer(rs)))
	p.line("   connection limit range = %d -> %d", rs.LowerThreshold, rs.UpperThreshold)
	p.line("   Inhibit on failure is %s", switchWord(rs.Quiescent != nil && *rs.Quiescent || rs.Quiescent == nil && v.Quiescent))
	told := v.Servers[rs.Address]
	p.script("     RS up notify script", told.Up.Args)
	p.script("     RS down notify script", told.Down.Args)
	p.line("   Using smtp notification = %s", yesNo(told.Mail != nil && *told.Mail || told.Mail == nil && v.Service.Alert != nil && v.Service.Alert.Mail))
	p.line("   initial weight = %d", rs.Weight)
	p.line("   effective weight = %d", now.Weight)
	p.line("   alive = %d", bit(failed == 0))
	p.line("   num failed checkers = %d", failed)
	p.line("   RS set = %d", bit(now.InKernel))
}

// checkMethods are keepalived's names of kinds of checks; others have their own.
var checkMethods = map[healthcheck.Kind]string{
	healthcheck.KindTCP: "TCP_CHECK", healthcheck.KindHTTP: "HTTP_GET", healthcheck.KindHTTPS: "SSL_GET", healthcheck.KindSMTP: "SMTP_CHECK",
	healthcheck.KindDNS: "DNS_CHECK", healthcheck.KindScript: "MISC_CHECK", healthcheck.KindPing: "PING_CHECK", healthcheck.KindUDP: "UDP_CHECK",
	healthcheck.KindFile: "FILE_CHECK",
}

// checkers writes the checks of all real servers.
func (v *pool) checkers(p *page) {
	for _, rs := range v.RealServers {
		for _, c := range v.real(rs.Address).Checks {
			t := c.Key.Timing
			p.line(" %s -> %s", v.title(), v.endpoint(rs.Address))
			p.line("   Enabled = %s", yesNo(!v.now.Suspended))
			p.line("   Up = %s", yesNo(c.Verdict != healthcheck.Down))
			p.line("   Has run = %s", yesNo(c.Successes+c.Failures > 0))
			p.line("   Alpha = %s", yesNo(v.AlphaServer(rs)))
			p.line("   Delay loop = %d us", t.Interval/time.Microsecond)
			p.line("   Warmup = %d us", t.Warmup/time.Microsecond)
			p.line("   Retries = %d", max(t.Fall-1, 0))
			p.line("   Log all failures = %s", yesNo(t.LogFailures))
			method := checkMethods[c.Key.Settings.Kind]
			if method == "" {
				method = string(c.Key.Settings.Kind)
			}
			p.line("   Keepalive method = %s", method)
			if script, is := c.Key.Settings.Params.(healthcheck.Script); is {
				p.script("   script", script.Command.All())
				p.line("   timeout = %d", seconds(c.Key.Settings.Timeout))
				p.line("   dynamic = %s", strings.ToUpper(yesNo(script.Codes == healthcheck.ExitWeight)))
			}
		}
	}
}

// real is what is so of a real server.
func (v *pool) real(a netip.AddrPort) api.RealServer {
	i := slices.IndexFunc(v.now.RealServers, func(rs api.RealServer) bool { return rs.Address == a })
	if i < 0 {
		return api.RealServer{}
	}
	return v.now.RealServers[i]
}

// title is the virtual server as keepalived's check names it.
func (v *pool) title() string {
	if v.Key.Mark != 0 {
		return fmt.Sprintf("FWM %d", v.Key.Mark)
	}
	return v.endpoint(v.Key.Address)
}

func (v *pool) endpoint(a netip.AddrPort) string {
	return fmt.Sprintf("[%s]:%s:%d", a.Addr(), v.Key.Protocol, a.Port())
}

// script writes a program, if there is one.
func (p *page) script(name string, command []string) {
	if len(command) > 0 {
		p.line("%s = '%s'", name, strings.Join(command, "' '"))
	}
}

func switchWord(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func bit(one bool) int {
	if one {
		return 1
	}
	return 0
}
