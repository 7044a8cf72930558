package doctor

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// machine is a host of files and answers.
func machine(t *testing.T, files map[string]string) *Host {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Host{
		Root: root, Run: func(string, ...string) error { return errors.New("no") },
		Output: func(string, ...string) string { return "" },
		Route:  func(netip.Addr) (Route, error) { return Route{Interface: "eth0"}, nil },
		Addresses: func(string) ([]netip.Prefix, error) {
			return []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, nil
		},
		OtherDaemon: func(vrrp.RouterID) string { return "" },
	}
}

// site is a director with one of everything.
func site() *conf.Config {
	return &conf.Config{
		Routers: []vrrp.Config{{Name: "web", ID: vrrp.RouterID{Interface: "eth0", VRID: 51}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")}}},
		Services: []conf.Service{{Config: ipvs.Config{
			Name: "web", Scheduler: "wlc", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.100:80")},
			RealServers: []ipvs.RealServer{{Address: netip.MustParseAddrPort("192.0.2.11:80"), Forward: ipvs.Direct}},
		}}},
	}
}

var healthy = map[string]string{"sys/module/ip_vs/x": "", "sys/module/ip_vs_wlc/x": ""}

func with(more map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range healthy {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// realTime asks for a real-time priority.
func realTime(_ *Host, c *conf.Config) { c.Global.RealTimePriority = 1 }

func TestDirector(t *testing.T) {
	for name, tt := range map[string]struct {
		files  map[string]string
		change func(*Host, *conf.Config)
		want   string // in a finding that is not OK; empty = all is well
	}{
		"healthy":       {files: healthy},
		"no scheduler":  {files: map[string]string{"sys/module/ip_vs/x": ""}, want: "module ip_vs_wlc cannot be found"},
		"loadable":      {change: func(h *Host, _ *conf.Config) { h.Run = func(string, ...string) error { return nil } }},
		"wrong prefix":  {files: healthy, change: func(_ *Host, c *conf.Config) { c.Routers[0].Addresses[0] = netip.MustParsePrefix("192.0.2.100/16") }, want: "another prefix length"},
		"address alone": {files: healthy, change: func(_ *Host, c *conf.Config) { c.Routers[0].Addresses[0] = netip.MustParsePrefix("192.0.2.100/32") }},
		"elsewhere":     {files: healthy, change: func(_ *Host, c *conf.Config) { c.Routers[0].Addresses[0] = netip.MustParsePrefix("203.0.113.1/24") }, want: "in no network of eth0"},
		"no interface": {files: healthy, change: func(h *Host, _ *conf.Config) {
			h.Addresses = func(string) ([]netip.Prefix, error) { return nil, errors.New("gone") }
		}, want: "interface eth0: gone"},
		"second daemon":         {files: healthy, change: func(h *Host, _ *conf.Config) { h.OtherDaemon = func(vrrp.RouterID) string { return "keepalived (12)" } }, want: "another VRRP daemon of this host runs virtual router 51 on eth0: keepalived (12)"},
		"starts at boot":        {files: with(map[string]string{"etc/systemd/system/multi-user.target.wants/ldirectord.service": ""}), want: "ldirectord starts at boot too"},
		"starts from rc":        {files: with(map[string]string{"etc/rc3.d/S20heartbeat": ""}), want: "heartbeat starts at boot too, from /etc/init.d"},
		"snooping":              {files: with(map[string]string{"sys/class/net/eth0/bridge/multicast_snooping": "1", "sys/class/net/eth0/bridge/multicast_querier": "0", "sys/class/net/eth0/bridge/stp_state": "0"}), want: "snoops IGMP"},
		"snooping, querier":     {files: with(map[string]string{"sys/class/net/eth0/bridge/multicast_snooping": "1", "sys/class/net/eth0/bridge/multicast_querier": "1", "sys/class/net/eth0/bridge/stp_state": "0"})},
		"spanning tree":         {files: with(map[string]string{"sys/class/net/eth0/bridge/stp_state": "1", "sys/class/net/eth0/bridge/forward_delay": "1500"}), want: "forward delay (1500/100 s)"},
		"no right to real time": {files: with(map[string]string{"proc/self/status": "CapEff:\t0000000000000000"}), change: realTime, want: "takes the capability CAP_SYS_NICE"},
		"real time forbidden":   {files: with(map[string]string{"proc/self/status": "CapEff:\t0000000000800000", "proc/sys/kernel/sched_rt_runtime_us": "0"}), change: realTime, want: "refuses real-time"},
		"real time unbounded":   {files: with(map[string]string{"proc/self/status": "CapEff:\t000001ffffffffff", "proc/sys/kernel/sched_rt_runtime_us": "-1"}), change: realTime, want: "nothing keeps a real-time thread"},
		"real time":             {files: with(map[string]string{"proc/self/status": "Name:\tvipd\nCapEff:\t000001ffffffffff", "proc/sys/kernel/sched_rt_runtime_us": "950000"}), change: realTime},
		"unreachable": {files: healthy, change: func(h *Host, _ *conf.Config) {
			h.Route = func(netip.Addr) (Route, error) { return Route{}, errors.New("no route") }
		}, want: "cannot be reached: no route"},
		"direct behind a gateway": {files: healthy, change: func(h *Host, _ *conf.Config) {
			h.Route = func(netip.Addr) (Route, error) { return Route{Gateway: netip.MustParseAddr("192.0.2.254")}, nil }
		}, want: "behind gateway 192.0.2.254"},
		"tunnel from the virtual address": {files: healthy, change: func(h *Host, c *conf.Config) {
			c.Services[0].RealServers[0].Forward = ipvs.Tunnel
			h.Route = func(netip.Addr) (Route, error) { return Route{Source: netip.MustParseAddr("192.0.2.100")}, nil }
		}, want: "would leave from virtual address 192.0.2.100"},
		"tunnel": {files: healthy, change: func(h *Host, c *conf.Config) {
			c.Services[0].RealServers[0].Forward = ipvs.Tunnel
			h.Route = func(netip.Addr) (Route, error) { return Route{Source: netip.MustParseAddr("192.0.2.1")}, nil }
		}},
		"masquerading without forwarding": {files: with(map[string]string{"proc/sys/net/ipv4/ip_forward": "0"}),
			change: func(_ *Host, c *conf.Config) { c.Services[0].RealServers[0].Forward = ipvs.Masquerade }, want: "masquerading needs forwarding"},
		"masquerading, managed": {files: with(map[string]string{"proc/sys/net/ipv4/ip_forward": "0"}),
			change: func(_ *Host, c *conf.Config) {
				yes := true
				c.Services[0].RealServers[0].Forward, c.IPVS.IPForward = ipvs.Masquerade, &yes
			}},
		"redirects": {files: with(map[string]string{"proc/sys/net/ipv4/ip_forward": "1", "proc/sys/net/ipv4/conf/all/send_redirects": "1"}),
			change: func(_ *Host, c *conf.Config) { c.Services[0].RealServers[0].Forward = ipvs.Masquerade }, want: "redirected past the director"},
		"firewall": {files: healthy, change: func(h *Host, _ *conf.Config) {
			h.Output = func(string, ...string) string { return "type filter hook input priority 0; policy drop;" }
		}, want: "no rule mentions protocol 112"},
		"firewall, allowed": {files: healthy, change: func(h *Host, _ *conf.Config) {
			h.Output = func(string, ...string) string { return "hook input; policy drop; ip protocol vrrp accept" }
		}},
		"firewall, sync": {files: healthy, change: func(h *Host, c *conf.Config) {
			c.Sync = &ipvs.SyncConfig{SyncSettings: ipvs.SyncSettings{Interface: "eth0"}}
			h.Output = func(string, ...string) string { return ":INPUT DROP [0:0]\n-A INPUT -p 112 -j ACCEPT\n" }
		}, want: "port of connection_sync"},
	} {
		h, cfg := machine(t, tt.files), site()
		if tt.change != nil {
			tt.change(h, cfg)
		}
		expect(t, name, Director(h, cfg), tt.want)
	}
}

func TestRealServer(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.100")
	quiet := map[string]string{
		"proc/sys/net/ipv4/conf/all/arp_ignore": "1", "proc/sys/net/ipv4/conf/all/arp_announce": "2",
		"sys/class/net/tunl0/operstate": "unknown", "proc/sys/net/ipv4/conf/all/rp_filter": "0",
	}
	gre := map[string]string{
		"proc/sys/net/ipv4/conf/all/arp_ignore": "1", "proc/sys/net/ipv4/conf/all/arp_announce": "2", "sys/class/net/gre0/operstate": "unknown",
	}
	loud := map[string]string{"proc/sys/net/ipv4/conf/all/arp_ignore": "0", "proc/sys/net/ipv4/conf/all/arp_announce": "2"}
	strict := map[string]string{"proc/sys/net/ipv4/conf/tunl0/rp_filter": "1"}
	for k, v := range quiet {
		if _, set := strict[k]; !set {
			strict[k] = v
		}
	}
	for name, tt := range map[string]struct {
		files  map[string]string
		has    string
		method ipvs.Forward
		want   string
	}{
		"direct":              {quiet, "192.0.2.100/32", ipvs.Direct, ""},
		"without the address": {quiet, "192.0.2.11/32", ipvs.Direct, "is not on lo"},
		"whole network on lo": {quiet, "192.0.2.100/24", ipvs.Direct, "makes the whole network"},
		"answers ARP":         {loud, "192.0.2.100/32", ipvs.Direct, "answers ARP"},
		"tunnel":              {quiet, "192.0.2.100/32", ipvs.Tunnel, ""},
		"no tunnel device":    {loud, "192.0.2.100/32", ipvs.Tunnel, "there is no tunl0"},
		"strict filter":       {strict, "192.0.2.100/32", ipvs.Tunnel, "rp_filter is 1"},
		"masquerade":          {nil, "192.0.2.11/24", ipvs.Masquerade, ""},
		"GRE":                 {gre, "192.0.2.100/32", ipvs.Tunnel, ""},
	} {
		h := machine(t, tt.files)
		h.Addresses = func(iface string) ([]netip.Prefix, error) {
			if iface != "lo" {
				return nil, errors.New("no such interface")
			}
			return []netip.Prefix{netip.MustParsePrefix(tt.has)}, nil
		}
		expect(t, name, RealServer(h, vip, tt.method), tt.want)
	}
}

// Answers must find their way: through a director that masquerades.
func TestRealServerWayBack(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.100")
	gateway := netip.MustParseAddr("192.0.2.1")
	for name, tt := range map[string]struct {
		route  Route
		err    error
		method ipvs.Forward
		level  Level
		want   string
	}{
		"masquerade":           {Route{Interface: "eth0", Gateway: gateway}, nil, ipvs.Masquerade, OK, "over eth0 through 192.0.2.1: that must be the director"},
		"masquerade, no route": {Route{}, errors.New("no route"), ipvs.Masquerade, Problem, "do not go back through the director"},
		"direct":               {Route{Interface: "eth0", Gateway: gateway}, nil, ipvs.Direct, OK, "past the director"},
		"direct, no route":     {Route{}, errors.New("no route"), ipvs.Direct, Warning, "no default route"},
		"direct, all is local": {Route{Interface: "lo"}, nil, ipvs.Direct, Warning, "no default route"},
		"tunnel, on the link":  {Route{Interface: "eth0"}, nil, ipvs.Tunnel, OK, "answers leave over eth0, past"},
	} {
		h := machine(t, nil)
		h.Route = func(netip.Addr) (Route, error) { return tt.route, tt.err }
		f := RealServer(h, vip, tt.method)[0]
		if f.Subject != "route" || f.Level != tt.level || !strings.Contains(f.Summary, tt.want) {
			t.Errorf("%s: found %+v, want %s with %q", name, f, tt.level, tt.want)
		}
	}
}

// expect looks for a finding that is not OK.
func expect(t *testing.T, name string, found []Finding, want string) {
	t.Helper()
	var bad []string
	for _, f := range found {
		if f.Level != OK {
			bad = append(bad, f.Summary)
		}
	}
	all := strings.Join(bad, "\n")
	if want == "" && all != "" || want != "" && !strings.Contains(all, want) {
		t.Errorf("%s: found %q, want %q", name, all, want)
	}
	if len(found) == 0 {
		t.Errorf("%s: nothing was examined", name)
	}
}
