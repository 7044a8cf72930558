package conf

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// planBase is a configuration with two instances and a virtual server, in
// which tests replace text.
const planBase = `
director "lb1" { priority = 150 }
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  priority        = 150
  virtual_address = ["192.0.2.100/24", "192.0.2.101/24"]
}
vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 7
  virtual_address = ["10.0.0.1/24"]
}
virtual_server "web" {
  address = "192.0.2.100:80"
  forward = "masquerade"
  check "tcp" {}
  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}
`

// planLive: master of web, backup of inside, three connections to one server.
func planLive() Live {
	web := ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.100:80")}
	return Live{
		States: map[vrrp.RouterID]vrrp.State{
			{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}: vrrp.StateMaster,
			{Interface: "eth1", Family: vrrp.IPv4, VRID: 7}:  vrrp.StateBackup,
		},
		Connections: map[ipvs.ServiceKey]map[netip.AddrPort]uint32{web: {netip.MustParseAddrPort("192.0.2.12:80"): 3}},
	}
}

var planCases = []struct {
	name     string
	edit     []string // pairs of text to replace
	want     []string
	disrupts bool
}{
	{name: "nothing"},
	{
		name: "harmless settings", edit: []string{"vrid            = 51", "vrid = 51\n garp {\n repeat = 3\n }"},
		want: []string{"retune vrrp_instance web: garp.repeat 5 → 3; stays master"},
	},
	{
		name: "lower priority of a master", edit: []string{"priority        = 150", "priority = 90"},
		want:     []string{"retune vrrp_instance web: priority 150 → 90; stays master; a peer with a priority between 91 and 150 takes over"},
		disrupts: true,
	},
	{
		name: "an address more", edit: []string{`"192.0.2.101/24"]`, `"192.0.2.101/24", "192.0.2.102/24"]`},
		want: []string{"retune vrrp_instance web: virtual_address 192.0.2.100/24 192.0.2.101/24 → 192.0.2.100/24 192.0.2.101/24 192.0.2.102/24; stays master; " +
			"192.0.2.102/24 is added and announced while master; keepalived peers reject an address list that differs from theirs: reload them soon"},
	},
	{
		name: "disjoint addresses", edit: []string{`["10.0.0.1/24"]`, `["10.0.0.2/24"]`},
		want: []string{"retune vrrp_instance inside: virtual_address 10.0.0.1/24 → 10.0.0.2/24; stays backup; 10.0.0.1/24 is not held here; " +
			"10.0.0.2/24 is added and announced while master; VIP lists of the peers become disjoint: clash until they reload, with two masters"},
		disrupts: true,
	},
	{
		name: "another vrid", edit: []string{"vrid            = 51", "vrid = 52"},
		want:     []string{"recreate vrrp_instance web: vrid 51 → 52; vrid changed: leaves master for about 3.4 s, with priority 0 and a start as backup"},
		disrupts: true,
	},
	{
		name: "a rename", edit: []string{`vrrp_instance "web"`, `vrrp_instance "front"`},
		want: []string{"retune vrrp_instance front: name web → front; stays master"},
	},
	{
		name: "version 3", edit: []string{"vrid            = 7", "vrid = 7\n version = 3"},
		want:     []string{"retune vrrp_instance inside: version 2 → 3; stays backup; peers reject the other version until they are reloaded: two masters until then"},
		disrupts: true,
	},
	{
		name: "weight of a real server", edit: []string{`real_server "192.0.2.11:80" {}`, "real_server \"192.0.2.11:80\" {\n weight = 3\n }"},
		want: []string{"retune real_server 192.0.2.11:80 of web: weight 1 → 3; established connections stay"},
	},
	{
		name: "weight 0", edit: []string{`real_server "192.0.2.11:80" {}`, "real_server \"192.0.2.11:80\" {\n weight = 0\n }"},
		want: []string{"retune real_server 192.0.2.11:80 of web: weight 1 → 0; gets no new connections; established ones stay"},
	},
	{
		name: "real servers more",
		edit: []string{`real_server "192.0.2.11:80" {}`, "real_server \"192.0.2.11:80\" {}\n real_server \"192.0.2.13:80\" {}\n real_server \"192.0.2.14:80\" {\n weight = 0\n }"},
		want: []string{
			"add real_server 192.0.2.13:80 of web: gets connections at once, unless its checks fail", "add real_server 192.0.2.14:80 of web: gets no connections: its weight is 0",
		},
	},
	{
		name: "an idle real server less", edit: []string{`real_server "192.0.2.11:80" {}`, ""},
		want: []string{"remove real_server 192.0.2.11:80 of web: has no established connections"},
	},
	{
		name: "a busy real server less", edit: []string{`real_server "192.0.2.12:80" {}`, ""},
		want:     []string{"remove real_server 192.0.2.12:80 of web: 3 established connections are dropped"},
		disrupts: true,
	},
	{
		name: "another port", edit: []string{`"192.0.2.100:80"`, `"192.0.2.100:8080"`},
		want:     []string{"recreate virtual_server web: address tcp 192.0.2.100:80 → tcp 192.0.2.100:8080; 3 established connections are dropped"},
		disrupts: true,
	},
	{
		name: "another vrid of a backup", edit: []string{"vrid            = 7", "vrid = 8"},
		want: []string{"recreate vrrp_instance inside: vrid 7 → 8; vrid changed: starts anew as backup; is backup now, nothing is held here"},
	},
	{
		name: "an interface of its own", edit: []string{"vrid            = 51", "vrid = 51\n vmac {}"},
		want: []string{"recreate vrrp_instance web: carrier eth0 → vrrp.51, vmac.name vrrp.51; " +
			"carrier changed: leaves master for about 3.4 s, with priority 0 and a start as backup"},
		disrupts: true,
	},
	{
		name: "an address moves to another instance",
		edit: []string{`, "192.0.2.101/24"]`, "]", `["10.0.0.1/24"]`, `["10.0.0.1/24", "192.0.2.101/24"]`},
		want: []string{
			"retune vrrp_instance web: virtual_address 192.0.2.100/24 192.0.2.101/24 → 192.0.2.100/24; stays master; " +
				"192.0.2.101/24 moves to instance inside, with whoever is master of that; keepalived peers reject an address list that differs from theirs: reload them soon",
			"retune vrrp_instance inside: virtual_address 10.0.0.1/24 → 10.0.0.1/24 192.0.2.101/24; stays backup; " +
				"192.0.2.101/24 is added and announced while master; keepalived peers reject an address list that differs from theirs: reload them soon",
		},
		disrupts: true,
	},
	{
		name: "static address", edit: []string{`virtual_server "web"`, "static {\n address \"192.0.2.7/24\" { interface = \"eth0\" }\n}\nvirtual_server \"web\""},
		want: []string{"retune static static: virtual_address 192.0.2.7/24, options 192.0.2.7/24 (interface eth0); 192.0.2.7/24 is added"},
	},
	{
		name: "a busy real server less drains", edit: []string{`real_server "192.0.2.12:80" {}`, `drain = "30s"`},
		want: []string{
			"retune virtual_server web: drain 0s → 30s; changed in place: connections and check results stay",
			"remove real_server 192.0.2.12:80 of web: 3 connections drain: what is left after 30s is dropped",
		},
		disrupts: true,
	},
	{
		name: "the interval of a check", edit: []string{`check "tcp" {}`, `check "tcp" { interval = "9s" }`},
		want: []string{
			"retune real_server 192.0.2.11:80 of web: check.tcp.interval 5s → 9s; the last verdicts stand",
			"retune real_server 192.0.2.12:80 of web: check.tcp.interval 5s → 9s; the last verdicts stand",
		},
	},
	{
		name: "the name of a check", edit: []string{"virtual_server \"web\" {", "check \"tcp\" \"port\" {}\nvirtual_server \"web\" {\n checks = [\"port\"]", `check "tcp" {}` + "\n  real", "real"},
		want: []string{"retune virtual_server web: check.tcp.name port; changed in place: connections and check results stay"},
	},
	{
		name: "another check", edit: []string{`check "tcp" {}`, `check "http" {}`},
		want: []string{
			"retune real_server 192.0.2.11:80 of web: checks changed; what is asked differently starts anew; the last verdict stands until there is another",
			"retune real_server 192.0.2.12:80 of web: checks changed; what is asked differently starts anew; the last verdict stands until there is another",
		},
	},
	{
		name: "an address more for a service", edit: []string{`address = "192.0.2.100:80"`, `addresses = ["192.0.2.101:80", "192.0.2.100:80"]`},
		want: []string{"retune virtual_server web: key tcp 192.0.2.100:80 → tcp 192.0.2.101:80, also tcp 192.0.2.100:80; " +
			"changed in place: connections and check results stay"},
	},
	{
		name: "global", edit: []string{`director "lb1" { priority = 150 }`, "director \"lb1\" {\n priority = 150\n }\nglobal {\n log {\n level = \"debug\"\n }\n}"},
		want: []string{"retune global global: log.level info → debug; counts from now on; nothing starts anew"},
	},
}

// What the plan is known for, word by word.
func TestPlanSpeaksPlainly(t *testing.T) {
	live := planLive()
	for services := range live.Connections {
		live.Connections[services] = map[netip.AddrPort]uint32{netip.MustParseAddrPort("192.0.2.12:80"): 2}
	}
	live.States[vrrp.RouterID{Interface: "eth1", Family: vrrp.IPv4, VRID: 7}] = vrrp.StateMaster
	for _, c := range []struct {
		edit []string
		says string
	}{
		{[]string{"priority        = 150", "priority = 160"}, "stays master"},
		{[]string{`real_server "192.0.2.12:80" {}`, `drain = "30s"`}, "2 connections drain"},
		{[]string{"vrid            = 7", "vrid = 8\n priority = 100"}, "vrid changed: leaves master for about 3.6 s"},
		{[]string{`["10.0.0.1/24"]`, `["10.0.0.2/24"]`}, "VIP lists of the peers become disjoint: clash until they reload"},
	} {
		p := ComparePlan(planConfig(t, planBase), planConfig(t, strings.NewReplacer(c.edit...).Replace(planBase)), live)
		if all := fmt.Sprint(p.Changed()); !strings.Contains(all, c.says) {
			t.Errorf("it does not say %q: %s", c.says, all)
		}
	}
}

func TestComparePlan(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			edited := strings.NewReplacer(c.edit...).Replace(planBase)
			p := ComparePlan(planConfig(t, planBase), planConfig(t, edited), planLive())
			var got []string
			for _, ch := range p.Changed() {
				got = append(got, ch.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if p.Disrupts() != c.disrupts {
				t.Errorf("disrupts %v, want %v", p.Disrupts(), c.disrupts)
			}
		})
	}
}

func planConfig(t *testing.T, text string) *Config {
	t.Helper()
	c, diags := Load([]string{"plan.hcl"}, Options{
		Director: "lb1", Read: func(string) ([]byte, error) { return []byte("version = 1\n" + text), nil },
	})
	if c == nil {
		t.Fatalf("configuration: %v", diags)
	}
	return c
}

func TestPlanWithoutLiveKnowledgeExpectsTheWorst(t *testing.T) {
	edited := strings.Replace(planBase, `real_server "192.0.2.11:80" {}`, "", 1)
	p := ComparePlan(planConfig(t, planBase), planConfig(t, edited), Live{})
	if !p.Disrupts() {
		t.Error("the removal of a real server with unknown connections counts as harmless")
	}
}

func TestPlanAddsAndRemovesInstances(t *testing.T) {
	one := planConfig(t, planBase)
	two := planConfig(t, strings.Replace(strings.Replace(planBase, `"inside"`, `"lan"`, 1), "vrid            = 7", "vrid = 8", 1))
	var got []string
	for _, c := range ComparePlan(one, two, planLive()).Changed() {
		got = append(got, fmt.Sprint(c.Action, " ", c.Name, " ", c.Disrupts))
	}
	// inside is backup: nobody notices that it goes.
	if diff := cmp.Diff([]string{"add lan false", "remove inside false"}, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// The command line sends a configuration to the daemon as JSON: nothing may
// be lost on the way.
func TestConfigSurvivesJSON(t *testing.T) {
	want := planConfig(t, planBase)
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if p := ComparePlan(want, &got, Live{}); len(p.Changed()) != 0 {
		t.Errorf("JSON changes the configuration: %v", p.Changed())
	}
}

func BenchmarkComparePlan(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		c := &Config{Services: make([]Service, n)}
		for i := range c.Services {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
			s := ipvs.Config{Name: fmt.Sprint(i), Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: addr}}
			for j := range 10 {
				s.RealServers = append(s.RealServers, ipvs.RealServer{Address: netip.AddrPortFrom(addr.Addr(), uint16(j+1)), Weight: 1})
			}
			c.Services[i] = Service{Config: s}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				ComparePlan(c, c, Live{})
			}
		})
	}
}
