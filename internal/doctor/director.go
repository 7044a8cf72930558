package doctor

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

// modules: ip_vs and the schedulers that the configuration names.
func (x *examination) modules(cfg *conf.Config) {
	if len(cfg.Services) == 0 {
		return
	}
	needed := []string{"ip_vs"}
	for _, s := range cfg.Services {
		needed = append(needed, "ip_vs_"+s.Scheduler)
		if s.Engine != "" {
			needed = append(needed, "ip_vs_pe_"+s.Engine)
		}
	}
	slices.Sort(needed)
	for _, m := range slices.Compact(needed) {
		if x.exists("sys/module/"+m) || m == "ip_vs" && x.exists("proc/net/ip_vs") || x.Run("modprobe", "-q", "-n", m) == nil {
			x.add(OK, m, "", "module %s is there", m)
			continue
		}
		x.add(Problem, m, "modprobe "+m+", or a kernel that has it", "module %s cannot be found", m)
	}
}

// forwarding: masquerading needs it, one network card should not tell of
// shorter ways.
func (x *examination) forwarding(cfg *conf.Config) {
	families := map[bool]bool{}
	for _, s := range cfg.Services {
		for _, rs := range s.RealServers {
			if rs.Forward == ipvs.Masquerade {
				families[rs.Address.Addr().Is6()] = true
			}
		}
	}
	for _, family := range []struct {
		ipv6 bool
		path string
	}{{false, "net/ipv4/ip_forward"}, {true, "net/ipv6/conf/all/forwarding"}} {
		switch value := x.sysctl(family.path); {
		case !families[family.ipv6]:
		case value == "1" || cfg.IPVS.IPForward != nil && *cfg.IPVS.IPForward:
			x.add(OK, family.path, "", "packets are forwarded")
		default:
			x.add(Problem, family.path, "ipvs { ip_forward = true }", "masquerading needs forwarding, and %s is %s", family.path, value)
		}
	}
	managed := cfg.IPVS.SendRedirects != nil && !*cfg.IPVS.SendRedirects
	if families[false] && !managed && x.sysctl("net/ipv4/conf/all/send_redirects") == "1" {
		x.add(Warning, "net/ipv4/conf/all/send_redirects", "ipvs { send_redirects = false }",
			"if real servers and clients share a network, clients are redirected past the director")
	}
}

// instances: interfaces, prefixes, bridges below them, other daemons on them.
func (x *examination) instances(cfg *conf.Config) {
	for _, r := range cfg.Routers {
		have, err := x.Addresses(r.ID.Interface)
		if err != nil {
			x.add(Problem, r.Name, "", "interface %s: %v", r.ID.Interface, err)
			continue
		}
		for _, vip := range r.Held() {
			x.prefix(r.Name, r.ID.Interface, vip, have)
		}
		if other := x.OtherDaemon(r.ID); other != "" {
			x.add(Problem, r.Name, "stop and disable it", "another VRRP daemon of this host runs virtual router %d on %s: %s", r.ID.VRID, r.ID.Interface, other)
		}
	}
	for _, iface := range interfaces(cfg) {
		x.bridge(iface)
	}
}

// prefix compares the prefix length of a virtual address with its network's.
func (x *examination) prefix(name, iface string, vip netip.Prefix, have []netip.Prefix) {
	for _, p := range have {
		if p.Addr() == vip.Addr() || !p.Contains(vip.Addr()) || p.Bits() == p.Addr().BitLen() {
			continue
		}
		if p.Bits() != vip.Bits() && vip.Bits() != vip.Addr().BitLen() {
			x.add(Problem, name, fmt.Sprintf("write %s/%d or /%d", vip.Addr(), p.Bits(), vip.Addr().BitLen()),
				"%s has another prefix length than %s of %s: the host gets a wrong route while it is master", vip, p, iface)
			return
		}
		x.add(OK, name, "", "%s fits %s of %s", vip, p, iface)
		return
	}
	x.add(Warning, name, "", "%s is in no network of %s: neighbours must have a route to it", vip, iface)
}

// bridge: adverts are multicast, and a port that was down forwards late.
func (x *examination) bridge(iface string) {
	br := iface
	if !x.exists("sys/class/net/" + br + "/bridge") {
		br = x.masterOf(iface)
	}
	dir := "sys/class/net/" + br + "/bridge/"
	if br == "" || !x.exists(dir) {
		return
	}
	if x.read(dir+"multicast_snooping") == "1" && x.read(dir+"multicast_querier") != "1" {
		x.add(Warning, br, "echo 1 >/sys/class/net/"+br+"/bridge/multicast_querier, unless a router of the network is one",
			"bridge %s snoops IGMP without being a querier: without any querier it stops passing adverts after some minutes, and two masters appear", br)
	}
	if x.read(dir+"stp_state") != "0" && x.read(dir+"stp_state") != "" && x.read(dir+"forward_delay") != "0" {
		x.add(Warning, br, "set a preempt delay longer than that, or turn STP off",
			"bridge %s passes nothing for twice its forward delay (%s/100 s) after a port comes up: a director that starts hears no master and becomes one", br, x.read(dir+"forward_delay"))
	}
}

// masterOf returns the bridge that an interface is a port of, or "".
func (x *examination) masterOf(iface string) string {
	link, err := filepath.EvalSymlinks(filepath.Join(x.Root, "sys/class/net", iface, "master"))
	if err != nil {
		return ""
	}
	return filepath.Base(link)
}

// realServers: a way to every one, and the right one for its method.
func (x *examination) realServers(cfg *conf.Config) {
	virtual := map[netip.Addr]bool{}
	for _, s := range cfg.Services {
		for k := range s.Keys() {
			virtual[k.Address.Addr()] = true
		}
	}
	seen := map[netip.Addr]bool{}
	for _, s := range cfg.Services {
		for _, rs := range s.RealServers {
			a := rs.Address.Addr()
			if seen[a] || a.IsLoopback() {
				continue
			}
			seen[a] = true
			r, err := x.Route(a)
			switch {
			case err != nil:
				x.add(Problem, a.String(), "", "real server %s of %s cannot be reached: %v", a, s.Name, err)
			case rs.Forward == ipvs.Direct && r.Gateway.IsValid():
				x.add(Problem, a.String(), `forward = "tunnel"`, "real server %s of %s is behind gateway %s: direct routing needs it in the same network", a, s.Name, r.Gateway)
			case rs.Forward == ipvs.Tunnel && virtual[r.Source]:
				// ip_vs_xmit.c takes the route's source for the outer header.
				x.add(Problem, a.String(), "let a vrrp_instance hold "+r.Source.String()+", or give it preferred_lft 0",
					"tunnels to real server %s of %s would leave from virtual address %s: the real server has that address too and drops what seems to come from itself", a, s.Name, r.Source)
			case virtual[r.Source]:
				x.add(OK, a.String(), "", "real server %s is reached over %s; packets would leave from virtual address %s, checks take another one", a, r.Interface, r.Source)
			default:
				x.add(OK, a.String(), "", "real server %s is reached over %s", a, r.Interface)
			}
		}
	}
}

// firewall looks for input rules that drop by default and do not mention what
// directors say to each other. It cannot judge them, only point.
func (x *examination) firewall(cfg *conf.Config) {
	rules := x.Output("nft", "list", "ruleset")
	if rules == "" {
		rules = x.Output("iptables-save")
	}
	drops := strings.Contains(rules, "hook input") && strings.Contains(rules, "policy drop") || strings.Contains(rules, ":INPUT DROP")
	mentions := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(rules, w) })
	}
	if len(cfg.Routers) > 0 && drops && !mentions("vrrp", "protocol 112", "-p 112", "l4proto 112") {
		x.add(Problem, "firewall", "allow IP protocol 112 from the other directors", "input is dropped by default and no rule mentions protocol 112: directors do not hear each other, and both become master")
	}
	if cfg.Sync != nil && drops && !mentions("8848", fmt.Sprint(cfg.Sync.Port)+" ") {
		x.add(Warning, "firewall", "allow UDP to the group of connection_sync", "input is dropped by default and no rule mentions the port of connection_sync")
	}
}

// others are daemons that want the same addresses, tables and sockets.
var others = []string{"keepalived", "ldirectord", "heartbeat", "pacemaker", "corosync", "ucarp", "vrrpd", "ipvsadm"}

// otherDaemons: what starts at boot beside vipd.
func (x *examination) otherDaemons() {
	for _, name := range others {
		wants, err := filepath.Glob(filepath.Join(x.Root, "etc/systemd/system/*.wants", name+".service"))
		if err == nil && len(wants) > 0 {
			x.add(Warning, name, "systemctl disable "+name, "%s starts at boot too: it may take the same addresses or empty the table", name)
			continue
		}
		links, err := filepath.Glob(filepath.Join(x.Root, "etc/rc[2-5].d/S??"+name))
		if err == nil && len(links) > 0 && !x.exists("lib/systemd/system/"+name+".service") {
			x.add(Warning, name, "update-rc.d "+name+" disable", "%s starts at boot too, from /etc/init.d", name)
		}
	}
}
