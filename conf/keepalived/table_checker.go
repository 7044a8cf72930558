package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/ipvs"
)

func ofService[T any](f func(*service) **T) field[T] {
	return func(r *reader) **T { return f(r.svc) }
}

func ofServer[T any](f func(*server) **T) field[T] {
	return func(r *reader) **T { return f(r.rs) }
}

func serviceBlock() *keyword {
	return block("virtual_server", openService, nil,
		serviceKernel(), servicePool(),
		serviceTiming(), connectTimeout(func(r *reader) *timing { return &r.svc.timing }),
		hostKeyword(func(r *reader) *timing { return &r.svc.timing }),
		serviceSorry(),
		many(serverBlock()),
		dropped("the mask of NAT is the kernel's business; keepalived has dropped it", "nat_mask"),
		without(noSNMP, "snmp_name"),
		without("it has no effect in the kernel", "hashed"),
		without(obsolete, "real_group"),
	)
}

// openService reads "ADDR [PORT]", "fwmark N" or "group NAME".
func openService(r *reader, s *statement) {
	v := &service{at: s.where(0), title: strings.Join(s.args(), "_")}
	r.svc = v
	kind, ok := r.value(s, 1)
	if ok && r.optional(func() { r.serviceFor(s, kind, v) }) {
		r.services = append(r.services, v)
	}
}

// serviceFor reads what a virtual_server is for.
func (r *reader) serviceFor(s *statement, kind string, v *service) {
	switch kind {
	case "fwmark":
		n, err := strconv.ParseUint(s.arg(2), 0, 32)
		if v.mark = uint32(n); err != nil || n == 0 {
			r.errorf(s.where(2), "bad_address", "fwmark N", "virtual_server has no firewall mark")
		}
	case "group":
		v.group, _ = r.value(s, 2)
	default:
		v.addr, _ = r.endpoint(s, 1, "virtual_server")
	}
}

// endpoint reads "ADDR [PORT]".
func (r *reader) endpoint(s *statement, i int, what string) (netip.AddrPort, bool) {
	text, ok := r.value(s, i)
	if !ok {
		return netip.AddrPort{}, false
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		r.errorf(s.where(i), "bad_address", "for example 192.0.2.1 80", "%s %q is not an IP address", what, text)
		return netip.AddrPort{}, false
	}
	port := 0
	if len(s.words) > i+1 {
		if port, ok = r.port(s, i+1, what); !ok {
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port)), true
}

func (r *reader) port(s *statement, i int, what string) (int, bool) {
	n, err := strconv.ParseUint(s.arg(i), 10, 16)
	if err != nil {
		r.errorf(s.where(i), "bad_port", "0 to 65535", "%s has the port %q, which is none", what, s.arg(i))
	}
	return int(n), err == nil
}

func serviceKernel() []*keyword {
	scheduler := text(ofService(func(v *service) **string { return &v.scheduler }))
	forward := forwardTo(ofService(func(v *service) **forwarding { return &v.forward }))
	out := many(
		does("ip_family", func(r *reader, s *statement) {
			six := s.arg(1) == "inet6"
			switch {
			case !six && s.arg(1) != "inet":
				r.invalid(s, 1, "is neither inet nor inet6")
			case r.svc.addr.IsValid() && six != r.svc.addr.Addr().Is6():
				r.invalid(s, 1, "is not the family of "+r.svc.addr.Addr().String())
			default:
				r.svc.six = &six
			}
		}),
		does("protocol", text(ofService(func(v *service) **string { return &v.protocol }))),
		does("lb_algo", scheduler), does("lvs_sched", scheduler),
		does("lb_kind", forward), does("lvs_method", forward),
		does("ops", toggle(ofService(func(v *service) **bool { return &v.onePacket }))),
		does("persistence_timeout", readPersistence),
		does("persistence_granularity", readGranularity),
		does("persistence_engine", text(ofService(func(v *service) **string { return &v.engine }))),
	)
	for _, name := range ipvs.SchedulerFlagWords() {
		out = append(out, does(name, func(r *reader, s *statement) {
			r.svc.flags = append(r.svc.flags, s.words[0])
			r.svc.flagsAt = append(r.svc.flagsAt, s.where(0))
		}))
	}
	return out
}

// defaultPersistence is what keepalived uses for persistence_timeout without a
// value.
const defaultPersistence = 360 * time.Second

func readPersistence(r *reader, s *statement) {
	d := defaultPersistence
	if len(s.words) > 1 {
		n, ok := r.number(s, 1, 1, 31*24*3600)
		if !ok {
			return
		}
		d = time.Duration(n) * time.Second
	}
	r.svc.persistent = &d
}

// readGranularity reads a prefix length or, for IPv4, a netmask.
func readGranularity(r *reader, s *statement) {
	text, ok := r.value(s, 1)
	if !ok {
		return
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		n := 0
		b := a.As4()
		mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		for ; mask&(1<<31) != 0; mask <<= 1 {
			n++
		}
		if mask != 0 || n == 0 {
			r.notef(s.where(1), "bad_value", "", "%s %q is not a netmask; it is ignored", s.name(), text)
			return
		}
		r.svc.mask = &n
		return
	}
	integer(1, 128, ofService(func(v *service) **int { return &v.mask }))(r, s)
}

var forwards = map[string]ipvs.Forward{"NAT": ipvs.Masquerade, "DR": ipvs.Direct, "TUN": ipvs.Tunnel}

// forwardTo reads "NAT", "DR" or "TUN [type ipip|gue port N|gre [nocsum|csum|
// remcsum]]".
func forwardTo(to field[forwarding]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		word, ok := r.value(s, 1)
		if !ok {
			return
		}
		f := &forwarding{}
		if f.method, ok = forwards[word]; !ok {
			r.invalid(s, 1, "is none of NAT, DR, TUN")
			return
		}
		for i := 2; i < len(s.words); i++ {
			switch s.arg(i) {
			case "type", "ipip":
			case "gue":
				f.tunnel.Type = ipvs.GUE
			case "gre":
				f.tunnel.Type = ipvs.GRE
			case "port":
				i++
				if n, ok := r.number(s, i, 1, 65535); ok {
					f.tunnel.Port = uint16(n)
				}
			case "nocsum":
				f.tunnel.Flags = ipvs.NoChecksum
			case "csum":
				f.tunnel.Flags = ipvs.Checksum
			case "remcsum":
				f.tunnel.Flags = ipvs.RemoteChecksum
			default:
				r.invalid(s, i, "is not understood")
			}
		}
		*to(r) = f
	}
}

func servicePool() []*keyword {
	return many(
		does("weight", integer(1, 65535, ofService(func(v *service) **int { return &v.weight }))),
		does("inhibit_on_failure", on(ofService(func(v *service) **bool { return &v.quiescent }))),
		does("quorum", integer(1, 1<<31-1, ofService(func(v *service) **int { return &v.quorum }))),
		does("hysteresis", integer(0, 1<<31-1, ofService(func(v *service) **int { return &v.hysteresis }))),
		does("quorum_up", command(ofService(func(v *service) **program { return &v.up }))),
		does("quorum_down", command(ofService(func(v *service) **program { return &v.down }))),
		does("omega", on(ofService(func(v *service) **bool { return &v.omega }))),
		does("ha_suspend", on(ofService(func(v *service) **bool { return &v.haSuspend }))),
		does("smtp_alert", toggle(ofService(func(v *service) **bool { return &v.smtpAlert }))),
	)
}

// timingKeywords may stand in a virtual server, a real server and a check, which
// alone may do without any retry.
func timingKeywords(leastRetry int, of func(*reader) *timing) []*keyword {
	d := func(pick func(*timing) **time.Duration) func(*reader, *statement) {
		return seconds(func(r *reader) **time.Duration { return pick(of(r)) })
	}
	return many(
		does("delay_loop", between(time.Microsecond, longest, func(r *reader) **time.Duration { return &of(r).interval })),
		does("retry", integer(leastRetry, 1_000_000, func(r *reader) **int { return &of(r).retry })),
		does("delay_before_retry", d(func(t *timing) **time.Duration { return &t.pause })),
		does("warmup", d(func(t *timing) **time.Duration { return &t.warmup })),
		does("alpha", toggle(func(r *reader) **bool { return &of(r).alpha })),
	)
}

// longestTimer is what keepalived's 32 bits for microseconds hold.
const longestTimer = math.MaxUint32 * time.Microsecond

// serviceTiming are those of a virtual server, where alpha takes no value.
func serviceTiming() []*keyword {
	out := timingKeywords(1, func(r *reader) *timing { return &r.svc.timing })
	find(out, "alpha").apply = on(func(r *reader) **bool { return &r.svc.alpha })
	return out
}

// connectTimeout is how long a connection may take to be made.
func connectTimeout(of func(*reader) *timing) []*keyword {
	return many(does("connect_timeout", between(time.Microsecond, longestTimer, func(r *reader) **time.Duration { return &of(r).timeout })))
}

// hostKeyword is a virtual host that checks over HTTP ask for.
func hostKeyword(of func(*reader) *timing) []*keyword {
	return many(does("virtualhost", text(func(r *reader) **string { return &of(r).host })))
}

func serviceSorry() []*keyword {
	return many(
		does("sorry_server", func(r *reader, s *statement) {
			sorry := &server{at: s.where(1)}
			if r.optional(func() { sorry.addr, _ = r.endpoint(s, 1, "sorry_server") }) {
				r.svc.sorry = sorry
			}
		}),
		does("sorry_server_inhibit", toggle(ofService(func(v *service) **bool { return &v.sorryInhibit }))),
		does("sorry_server_lvs_method", forwardTo(ofService(func(v *service) **forwarding { return &v.sorryForward }))),
	)
}

func serverBlock() *keyword {
	return block("real_server", func(r *reader, s *statement) {
		r.rs = &server{at: s.where(1)}
		if _, ok := r.value(s, 1); ok && r.optional(func() { r.rs.addr, _ = r.endpoint(s, 1, "real_server") }) {
			r.svc.servers = append(r.svc.servers, r.rs)
		}
	}, nil,
		many(
			does("weight", readWeight),
			does("lvs_method", forwardTo(ofServer(func(v *server) **forwarding { return &v.forward }))),
			does("uthreshold", integer(0, 1<<31-1, ofServer(func(v *server) **int { return &v.upper }))),
			does("lthreshold", integer(0, 1<<31-1, ofServer(func(v *server) **int { return &v.lower }))),
			does("inhibit_on_failure", toggle(ofServer(func(v *server) **bool { return &v.quiescent }))),
		),
		timingKeywords(1, func(r *reader) *timing { return &r.rs.timing }), connectTimeout(func(r *reader) *timing { return &r.rs.timing }),
		hostKeyword(func(r *reader) *timing { return &r.rs.timing }),
		many(
			does("notify_up", command(ofServer(func(v *server) **program { return &v.up }))),
			does("notify_down", command(ofServer(func(v *server) **program { return &v.down }))),
			does("smtp_alert", toggle(ofServer(func(v *server) **bool { return &v.smtpAlert }))),
		),
		without(noSNMP, "snmp_name"),
		without(obsolete, "CI-LINUX"),
		checkBlocks(),
	)
}

// mostWeight is the heaviest that a real server may be.
const mostWeight = 65535

// readWeight reads the weight of a real server. keepalived lets one pass that is
// too large.
func readWeight(r *reader, s *statement) {
	if _, ok := r.value(s, 1); !ok {
		return
	}
	n, ok := r.number(s, 1, 0, math.MaxInt32)
	if !ok {
		return
	}
	if n > mostWeight {
		r.notef(s.where(1), "bad_value", "", "weight %d is too large: it is %d", n, mostWeight)
		n = mostWeight
	}
	r.rs.weight = &n
}

func serverGroupBlock() *keyword {
	return free("virtual_server_group", func(r *reader, s *statement) {
		name, _ := r.value(s, 1)
		g := &serverGroup{name: name, at: s.where(0)}
		for _, k := range s.kids {
			var m groupMember
			ok := false
			if r.optional(func() { m, ok = r.groupMember(k) }) && ok {
				g.members = append(g.members, m)
			}
		}
		r.vgroups = append(r.vgroups, g)
	}, many(does("<ADDR> [PORT]", nil), does("<ADDR-RANGE> [PORT]", nil), does("fwmark N", nil)))
}

// maxRange bounds the addresses of one line of a group.
const maxRange = 65536

// groupMember reads "ADDR [PORT]", "A.B.C.D-E [PORT]", "ADDR-ADDR [PORT]",
// "PREFIX [PORT]" or "fwmark N [inet|inet6]".
func (r *reader) groupMember(s *statement) (groupMember, bool) {
	m := groupMember{at: s.where(0)}
	if s.name() == "fwmark" {
		n, ok := r.number(s, 1, 1, 1<<32-1)
		m.family = map[string]ipvs.Family{"inet": ipvs.IPv4, "inet6": ipvs.IPv6}[s.arg(2)]
		m.mark = uint32(n)
		return m, ok
	}
	if len(s.words) > 1 {
		n, ok := r.number(s, 1, 0, 65535)
		if !ok {
			return m, false
		}
		m.port = uint16(n)
	}
	low, high, ok := addressRange(s.name())
	for a := low; ok; a = a.Next() {
		m.addrs = append(m.addrs, a)
		if a == high {
			return m, true
		}
		ok = len(m.addrs) < maxRange
	}
	r.errorf(s.where(0), "bad_address", "an address, a range such as 192.0.2.1-20, or a network; at most "+strconv.Itoa(maxRange)+" addresses",
		"%q is not understood", s.name())
	return m, false
}

// addressRange returns the bounds of a range, a network or one address.
func addressRange(text string) (low, high netip.Addr, ok bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		low, high = p.Masked().Addr(), p.Masked().Addr()
		for n := 0; n < maxRange && p.Contains(high.Next()); n++ {
			high = high.Next()
		}
		return low, high, true
	}
	from, to, ranged := strings.Cut(text, "-")
	low, err := netip.ParseAddr(from)
	if err != nil || low.Zone() != "" {
		return low, high, false
	}
	if !ranged {
		return low, low, true
	}
	if high, err = netip.ParseAddr(to); err != nil {
		base := 10
		cut := strings.LastIndexByte(from, '.')
		if low.Is6() {
			base, cut = 16, strings.LastIndexByte(from, ':')
		}
		if _, err := strconv.ParseUint(to, base, 16); err != nil {
			return low, high, false
		}
		if high, err = netip.ParseAddr(from[:cut+1] + to); err != nil {
			return low, high, false
		}
	}
	return low, high, low.BitLen() == high.BitLen() && !high.Less(low)
}
