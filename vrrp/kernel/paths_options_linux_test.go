package kernel

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
)

// shown is what iproute2 tells, a line each, without repeated blanks.
func shown(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
	var lines []string
	for l := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	slices.Sort(lines)
	return lines
}

// Every option of a route reaches the kernel, and the route goes again.
func TestRouteOptions(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	host := uint8(254)
	routes := []vrrp.Route{
		{Destination: network("198.51.100.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.2"), Table: 100, TOS: 0x10, Realm: 3<<16 | 4, MTU: 1400, Tuning: vrrp.RouteTuning{
			Locked: 1 << 2, HopLimit: 7, MSS: 1200, Window: 9000, RTT: 300 * time.Millisecond, RTTVar: 40 * time.Millisecond, MinRTO: 50 * time.Millisecond,
			Reordering: 5, CongestionWindow: 20, SlowStartThreshold: 30, InitialWindow: 11, InitialReceive: 12, ECN: true, QuickACK: true, NoFastOpenCookie: true, Congestion: "reno",
		}},
		{Destination: network("198.51.101.0/24"), Type: vrrp.RouteUnicast, Interface: "eth0", Table: 100, Scope: &host, Protocol: 18},
		{Destination: network("198.51.102.0/24"), Type: vrrp.RouteUnicast, Via: ip("2001:db8::2"), Table: 100},
		{Destination: network("198.51.102.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.3"), Table: 100, Order: vrrp.RouteAppend},
		{Destination: network("2001:db8:1::/48"), Type: vrrp.RouteUnicast, Via: ip("2001:db8::2"), Table: 100, From: network("2001:db8:2::/48"), Preference: vrrp.PreferenceHigh},
		{Destination: network("2001:db8:3::/48"), Type: vrrp.RouteUnicast, Via: ip("2001:db8::2"), Table: 100, Expires: time.Hour},
	}
	var paths kernelPaths
	for _, r := range routes {
		must(t, paths.addRoute(r))
	}
	want := []string{
		"198.51.100.0/24 tos 0x10 via 192.0.2.2 dev eth0 proto 112 realms 3/4 mtu lock 1400 window 9000 rtt 300ms rttvar 40ms ssthresh 30 cwnd 20 advmss 1200 " +
			"reordering 5 hoplimit 7 initcwnd 11 features ecn rto_min 50ms initrwnd 12 quickack 1 congctl reno fastopen_no_cookie 1",
		"198.51.101.0/24 dev eth0 proto keepalived scope host",
		"198.51.102.0/24 via 192.0.2.3 dev eth0 proto 112",
		"198.51.102.0/24 via inet6 2001:db8::2 dev eth0 proto 112",
	}
	if diff := cmp.Diff(want, shown(t, "-4", "route", "show", "table", "100")); diff != "" {
		t.Errorf("IPv4 (-want +got):\n%s", diff)
	}
	six := strings.Join(shown(t, "-6", "route", "show", "table", "100"), "\n")
	for _, want := range []string{"2001:db8:1::/48 from 2001:db8:2::/48 via 2001:db8::2 dev eth0 proto 112 metric 1024 pref high", "2001:db8:3::/48 via 2001:db8::2 dev eth0 proto 112 metric 1024 expires 3"} {
		if !strings.Contains(six, want) {
			t.Errorf("no %q in\n%s", want, six)
		}
	}
	for _, r := range routes {
		must(t, paths.removeRoute(r))
	}
	for _, family := range []string{"-4", "-6"} {
		// A table without routes may be none at all.
		out, _ := exec.Command("ip", family, "route", "show", "table", "100").Output()
		if len(out) > 0 {
			t.Errorf("left behind: %s", out)
		}
	}
}

// Every option of a rule reaches the kernel, and the rule goes again.
func TestRuleOptions(t *testing.T) {
	if !namespaced(t) {
		return
	}
	before := shown(t, "rule", "show")
	rules := []vrrp.Rule{
		{Family: vrrp.IPv4, Priority: 100, Action: vrrp.RuleLookup, Table: 100, TOS: 0x10, TunnelID: 7, Realm: 3<<16 | 4, Protocol: 18},
		{Family: vrrp.IPv4, Priority: 101, Action: vrrp.RuleLookup, Table: 5000, IPProtocol: 6, SourcePorts: vrrp.PortRange{First: 1, Last: 1023}, DestinationPorts: vrrp.PortRange{First: 80, Last: 80}},
		{Family: vrrp.IPv4, Priority: 102, Action: vrrp.RuleLookup, Table: 254, MinPrefix: 1, NotGroup: 4, Users: vrrp.UserRange{Set: true, Last: 99}},
		{Family: vrrp.IPv4, Priority: 103, Action: vrrp.RuleGoto, Goto: 200},
		{Family: vrrp.IPv4, Priority: 104, Action: vrrp.RuleNop},
		{Family: vrrp.IPv4, Priority: 105, Action: vrrp.RuleLookup, L3Master: true},
	}
	want := []string{
		"100: from all tos 0x10 tun_id 7 lookup 100 realms 3/4 proto keepalived",
		"101: from all ipproto tcp sport 1-1023 dport 80 lookup 5000 proto 112",
		"102: from all uidrange 0-99 lookup main suppress_prefixlength 0 suppress_ifgroup 4 proto 112",
		"103: from all goto 200 [unresolved] proto 112",
		"104: from all nop proto 112",
		"105: from all lookup [l3mdev-table] proto 112",
	}
	var paths kernelPaths
	for _, r := range rules {
		must(t, paths.addRule(r))
	}
	got := slices.DeleteFunc(shown(t, "rule", "show"), func(l string) bool { return slices.Contains(before, l) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	for _, r := range rules {
		must(t, paths.removeRule(r))
	}
	if diff := cmp.Diff(before, shown(t, "rule", "show")); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}
