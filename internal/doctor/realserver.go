package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vipd/vipd/ipvs"
)

// RealServer examines the machine as a real server for a virtual address that
// is reached with a forwarding method.
func RealServer(h *Host, vip netip.Addr, method ipvs.Forward) []Finding {
	x := &examination{Host: h}
	x.wayBack(vip, method)
	if method == ipvs.Masquerade {
		return x.found
	}
	x.holdsVIP(vip)
	if vip.Is4() {
		x.arp(vip)
	}
	if method == ipvs.Tunnel {
		x.tunnelDevice(vip)
	}
	return x.found
}

// Addresses that belong to nobody (RFC 5737, RFC 3849): the way there is the
// way to clients.
var (
	somewhere4 = netip.MustParseAddr("203.0.113.1")
	somewhere6 = netip.MustParseAddr("2001:db8:ffff::1")
)

// wayBack: answers go through the director that masquerades, and past any other.
func (x *examination) wayBack(vip netip.Addr, method ipvs.Forward) {
	somewhere := somewhere4
	if vip.Is6() {
		somewhere = somewhere6
	}
	r, err := x.Route(somewhere)
	if err != nil || r.Interface == "lo" {
		level, remedy, why := Warning, "", "only clients in its own networks get answers"
		if method == ipvs.Masquerade {
			level, remedy, why = Problem, "ip route add default via the director's inside address", "answers do not go back through the director"
		}
		x.add(level, "route", remedy, "this server has no default route: %s", why)
		return
	}
	way := "over " + r.Interface
	if r.Gateway.IsValid() {
		way += " through " + r.Gateway.String()
	}
	if method == ipvs.Masquerade {
		x.add(OK, "route", "", "answers leave %s: that must be the director's inside address", way)
		return
	}
	x.add(OK, "route", "", "answers leave %s, past the director", way)
}

// holdsVIP: the address must be on a device that tells nobody.
func (x *examination) holdsVIP(vip netip.Addr) {
	remedy := fmt.Sprintf("ip address add %s/%d dev lo", vip, vip.BitLen())
	for _, iface := range []string{"lo", "dummy0", "tunl0", "ip6tnl0", "gre0", "ip6gre0"} {
		list, err := x.Addresses(iface)
		if err != nil {
			continue
		}
		i := slices.IndexFunc(list, func(p netip.Prefix) bool { return p.Addr() == vip })
		switch {
		case i < 0:
			continue
		case iface == "lo" && list[i].Bits() != vip.BitLen():
			x.add(Problem, iface, remedy, "%s on lo makes the whole network %s local: use a prefix length of %d", list[i], list[i].Masked(), vip.BitLen())
		default:
			x.add(OK, iface, "", "%s is on %s", vip, iface)
		}
		return
	}
	x.add(Problem, "lo", remedy, "%s is not on lo: packets that are sent here for it are dropped", vip)
}

// arp: the address must neither be answered for nor announced. The larger of
// a device's setting and that of all devices counts.
func (x *examination) arp(vip netip.Addr) {
	r, err := x.Route(vip.Next())
	iface := "eth0"
	if err == nil && r.Interface != "" && r.Interface != "lo" {
		iface = r.Interface
	}
	for _, s := range []struct{ name, least, why string }{
		{"arp_ignore", "1", "this server answers ARP for the virtual address and takes it from the director"},
		{"arp_announce", "2", "this server announces the virtual address with its own ARP requests"},
	} {
		have := max(x.sysctl("net/ipv4/conf/all/"+s.name), x.sysctl("net/ipv4/conf/"+iface+"/"+s.name))
		if have >= s.least {
			x.add(OK, s.name, "", "%s is %s", s.name, have)
			continue
		}
		x.add(Problem, s.name, fmt.Sprintf("sysctl -w net.ipv4.conf.all.%s=%s", s.name, s.least), "%s is %q: %s", s.name, have, s.why)
	}
}

// tunnelDevice: packets are unwrapped, and not dropped for their source.
func (x *examination) tunnelDevice(vip netip.Addr) {
	device, other := "tunl0", "gre0"
	if vip.Is6() {
		device, other = "ip6tnl0", "ip6gre0"
	}
	if !x.exists("sys/class/net/"+device) && x.exists("sys/class/net/"+other) {
		device = other
	}
	if !x.exists("sys/class/net/" + device) {
		x.add(Problem, device, "modprobe ipip, ip link set "+device+" up", "there is no %s: packets in tunnels are not unwrapped", device)
		return
	}
	if state := x.read("sys/class/net/" + device + "/operstate"); state == "down" {
		x.add(Problem, device, "ip link set "+device+" up", "%s is down", device)
	} else {
		x.add(OK, device, "", "%s is there", device)
	}
	if vip.Is6() {
		return
	}
	if have := max(x.sysctl("net/ipv4/conf/all/rp_filter"), x.sysctl("net/ipv4/conf/"+device+"/rp_filter")); have == "1" {
		x.add(Problem, "rp_filter", "sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf."+device+".rp_filter=0",
			"rp_filter is 1: packets out of the tunnel are dropped, as their clients are not behind it")
	}
}
