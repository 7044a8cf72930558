package keepalived

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// loadText reads a configuration of one file.
func loadText(t *testing.T, text string) (*conf.Config, conf.Diagnostics) {
	t.Helper()
	return loadOn(text, outside())
}

// loadOn is loadText on another machine.
func loadOn(text string, o conf.Options) (*conf.Config, conf.Diagnostics) {
	o.Read = func(string) ([]byte, error) { return []byte(text), nil }
	return Load([]string{"test.conf"}, o)
}

// usable is loadText for a configuration without mistakes.
func usable(t *testing.T, text string) *conf.Config {
	t.Helper()
	c, diags := loadText(t, text)
	if c == nil {
		t.Fatalf("%s\n%s", text, remarks(t, diags))
	}
	return c
}

var comparable = []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

// TestRouteWords: what the words of a route mean.
func TestRouteWords(t *testing.T) {
	dst, via, site := netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.1"), uint8(200)
	base := vrrp.Route{Type: vrrp.RouteUnicast, Table: 254, Destination: dst, Via: via}
	with := func(change func(*vrrp.Route)) vrrp.Route {
		r := base
		change(&r)
		return r
	}
	tuned := func(tune vrrp.RouteTuning) vrrp.Route { return with(func(r *vrrp.Route) { r.Tuning = tune }) }
	const plain = "198.51.100.0/24 via 192.0.2.1 "
	for text, want := range map[string]vrrp.Route{
		plain:                                 base,
		"to 198.51.100.0/24 gw 192.0.2.1":     base,
		"via 192.0.2.1 198.51.100.0/24":       base,
		"append 198.51.100.0/24 gw 192.0.2.1": with(func(r *vrrp.Route) { r.Order = vrrp.RouteAppend }),
		plain + "prepend":                     with(func(r *vrrp.Route) { r.Order = vrrp.RoutePrepend }),
		plain + "add no_track":                base,
		plain + "tos 0x10":                    with(func(r *vrrp.Route) { r.TOS = 16 }),
		plain + "dsfield 8":                   with(func(r *vrrp.Route) { r.TOS = 8 }),
		plain + "realms 3/4":                  with(func(r *vrrp.Route) { r.Realm = 3<<16 | 4 }),
		plain + "realms 4":                    with(func(r *vrrp.Route) { r.Realm = 4 }),
		plain + "protocol bird":               with(func(r *vrrp.Route) { r.Protocol = 12 }),
		plain + "protocol 200":                with(func(r *vrrp.Route) { r.Protocol = 200 }),
		plain + "scope site":                  with(func(r *vrrp.Route) { r.Scope = &site }),
		plain + "mtu lock 1400 metric 5":      with(func(r *vrrp.Route) { r.MTU, r.Metric, r.Tuning.Locked = 1400, 5, 1<<2 }),
		plain + "hoplimit 7 advmss 1300":      tuned(vrrp.RouteTuning{HopLimit: 7, MSS: 1300}),
		plain + "rtt 1700 rttvar 300ms":       tuned(vrrp.RouteTuning{RTT: 212500 * time.Microsecond, RTTVar: 300 * time.Millisecond}),
		plain + "rtt 1000 rttvar 40ms":        tuned(vrrp.RouteTuning{RTT: 200 * time.Millisecond, RTTVar: 200 * time.Millisecond}),
		plain + "rto_min lock 50":             tuned(vrrp.RouteTuning{MinRTO: 50 * time.Millisecond, Locked: 1 << 13}),
		plain + "reordering 4 window 9000":    tuned(vrrp.RouteTuning{Reordering: 4, Window: 9000}),
		plain + "cwnd 20 ssthresh 30":         tuned(vrrp.RouteTuning{CongestionWindow: 20, SlowStartThreshold: 30}),
		plain + "initcwnd 11 initrwnd 12":     tuned(vrrp.RouteTuning{InitialWindow: 11, InitialReceive: 12}),
		plain + "features ecn quickack 1":     tuned(vrrp.RouteTuning{ECN: true, QuickACK: true}),
		plain + "quickack 0":                  base,
		plain + "congctl bbr":                 tuned(vrrp.RouteTuning{Congestion: "bbr"}),
		plain + "fastopen_no_cookie 1":        tuned(vrrp.RouteTuning{NoFastOpenCookie: true}),
		"198.51.100.0/24 via inet6 fe80::1":   with(func(r *vrrp.Route) { r.Via = netip.MustParseAddr("fe80::1") }),
		"198.51.100.0/24 dev eth0": with(func(r *vrrp.Route) {
			r.Via, r.Interface, r.Scope = netip.Addr{}, "eth0", new(uint8) // ip(8) would say link
		}),
		"198.51.100.0/24 dev eth0 scope site": with(func(r *vrrp.Route) { r.Via, r.Interface, r.Scope = netip.Addr{}, "eth0", &site }),
		"blackhole 198.51.100.0/24":           with(func(r *vrrp.Route) { r.Type, r.Via = vrrp.RouteBlackhole, netip.Addr{} }),
		"2001:db8::/32 dev eth0 from 2001:db8:1::/48 pref high expires 60": {
			Type: vrrp.RouteUnicast, Table: 254, Destination: netip.MustParsePrefix("2001:db8::/32"), Interface: "eth0",
			From: netip.MustParsePrefix("2001:db8:1::/48"), Preference: vrrp.PreferenceHigh, Expires: time.Minute,
		},
		"default inet6 dev eth0": {Type: vrrp.RouteUnicast, Table: 254, Destination: netip.MustParsePrefix("::/0"), Interface: "eth0"},
		plain + "nexthop via 192.0.2.7 weight 3": with(func(r *vrrp.Route) {
			r.Via, r.Hops = netip.Addr{}, []vrrp.Hop{{Via: netip.MustParseAddr("192.0.2.7"), Weight: 3}}
		}),
	} {
		c := usable(t, "static_routes {\n"+text+"\n}\n")
		if diff := cmp.Diff([]vrrp.Route{want}, c.Static.Paths.Routes, comparable...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestRuleWords: what the words of a rule mean.
func TestRuleWords(t *testing.T) {
	for text, want := range map[string]vrrp.Rule{
		"table 5 preference 9 tos 16":                     {Table: 5, Priority: 9, TOS: 16},
		"table 5 preference 9 realms 7":                   {Table: 5, Priority: 9, Realm: 7},
		"table 5 preference 9 sup_pl 0":                   {Table: 5, Priority: 9, MinPrefix: 1},
		"table 5 preference 9 suppress_ifgroup 3":         {Table: 5, Priority: 9, NotGroup: 3},
		"table 5 preference 9 tunnel-id 8 uidrange 0-999": {Table: 5, Priority: 9, TunnelID: 8, Users: vrrp.UserRange{Set: true, Last: 999}},
		"l3mdev preference 9":                             {L3Master: true, Priority: 9},
		"table 5 preference 9 ipproto tcp sport 5-9 dport 80": {
			Table: 5, Priority: 9, IPProtocol: 6, SourcePorts: vrrp.PortRange{First: 5, Last: 9}, DestinationPorts: vrrp.PortRange{First: 80, Last: 80},
		},
		"preference 9 goto 20":             {Action: vrrp.RuleGoto, Priority: 9, Goto: 20},
		"preference 9 nop":                 {Action: vrrp.RuleNop, Priority: 9},
		"prohibit preference 9":            {Action: vrrp.RuleProhibit, Priority: 9},
		"table 5 protocol static no_track": {Table: 5, Priority: 16384, Protocol: 4},
	} {
		want.Family = vrrp.IPv4
		if want.Action == 0 {
			want.Action = vrrp.RuleLookup
		}
		c := usable(t, "static_rules {\n"+text+"\n}\n")
		if diff := cmp.Diff([]vrrp.Rule{want}, c.Static.Paths.Rules, comparable...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestKeepalived_RulePreferences: rules without a preference count down.
func TestKeepalived_RulePreferences(t *testing.T) {
	c := usable(t, "static_rules {\nfrom 192.0.2.0/24 table 5\nto 192.0.2.0/24 table 5\n}\n")
	if a, b := c.Static.Paths.Rules[0].Priority, c.Static.Paths.Rules[1].Priority; a != 16384 || b != 16383 {
		t.Errorf("%d, %d", a, b)
	}
}

// TestAddressWords: what the words of an address mean.
func TestAddressWords(t *testing.T) {
	for text, want := range map[string]vrrp.AddressOptions{
		"192.0.2.9/24 dev eth0 preferred_lft 0":         {Interface: "eth0", Source: vrrp.SourceNever},
		"2001:db8::9/64 dev eth0 preferred_lft forever": {Interface: "eth0", Source: vrrp.SourceAlways},
		"2001:db8::9/64 dev eth0 -nodad":                {Interface: "eth0", DetectDuplicates: true},
		"192.0.2.9/24 dev eth0 noprefixroute":           {Interface: "eth0", Flags: 0x200},
		"2001:db8::9/64 dev eth0 home mngtmpaddr":       {Interface: "eth0", Flags: 0x110},
		"192.0.2.9/24 dev eth0 autojoin":                {Interface: "eth0", Flags: 0x400},
	} {
		c := usable(t, "static_ipaddress {\n"+text+"\n}\n")
		if diff := cmp.Diff(want, c.Static.Options[c.Static.Addresses[0]], comparable...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// The interface of an address counts unless no_track says otherwise; the
// instance's own always does, and no election depends on a static address.
func TestInterfaceOfAnAddressIsTracked(t *testing.T) {
	c := usable(t, `
static_ipaddress {
    192.0.2.5/24 dev eth1 no_track
}
vrrp_instance web {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/24 dev eth1
        192.0.2.11/24 no_track dev eth1
        192.0.2.12/24 dev eth0 no_track
        192.0.2.13/24 no_track
    }
}
`)
	at := func(a string) netip.Prefix { return netip.MustParsePrefix(a + "/24") }
	want := map[netip.Prefix]vrrp.AddressOptions{at("192.0.2.10"): {Interface: "eth1"}, at("192.0.2.11"): {Interface: "eth1", Untracked: true}}
	if diff := cmp.Diff(want, c.Routers[0].Options, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if o := c.Static.Options[at("192.0.2.5")]; o != (vrrp.AddressOptions{Interface: "eth1"}) {
		t.Errorf("static: %+v", o)
	}
}
