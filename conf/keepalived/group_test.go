package keepalived

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vipd/vipd/ipvs"
)

// groupConf is a group of addresses and marks, behind which a real server
// stands whose port one of them has, and a script checks it.
func groupConf(members, more, server string) string {
	return fmt.Sprintf(`virtual_server_group all {
%s
}
virtual_server group all {
  lvs_sched rr
  lvs_method DR
  protocol TCP
  %s
  real_server %s {
    MISC_CHECK {
      misc_path "/bin/true"
    }
  }
}
`, members, more, server)
}

// TestGroups: what the members of a group become, where real servers stand
// behind them, and that all of it can be written.
func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		keys       []string
		at         []string // of the real server, by key
	}{
		{
			"two ports, of which one is written", groupConf("192.0.2.1 80\n192.0.2.2 79", "", "10.0.0.1 80"),
			[]string{"tcp 192.0.2.1:80", "tcp 192.0.2.2:79"}, []string{"10.0.0.1:80", "10.0.0.1:79"},
		},
		{
			"a port that no member has", groupConf("192.0.2.1 80\n192.0.2.2 80", "", "10.0.0.1 8080"),
			[]string{"tcp 192.0.2.1:80", "tcp 192.0.2.2:80"}, []string{"10.0.0.1:80", "10.0.0.1:80"},
		},
		{
			"a mark among IPv6 addresses", groupConf("2001:db8::1 80\nfwmark 37", "", "2001:db8::11"),
			[]string{"tcp [2001:db8::1]:80", "fwmark6 37"}, []string{"[2001:db8::11]:80", "[2001:db8::11]:0"},
		},
		{
			"marks alone", groupConf("fwmark 40\nfwmark 42", "", "10.0.0.1"),
			[]string{"fwmark 40", "fwmark 42"}, []string{"10.0.0.1:0", "10.0.0.1:0"},
		},
		{
			"marks of IPv6 real servers", groupConf("fwmark 40", "", "2001:db8::11 80"),
			[]string{"fwmark6 40"}, []string{"[2001:db8::11]:0"},
		},
		{
			"a family by word", groupConf("fwmark 40 inet6", "lvs_method TUN", "10.0.0.1"),
			[]string{"fwmark6 40"}, []string{"10.0.0.1:0"},
		},
		{
			"members that another virtual server has already",
			groupConf("192.0.2.1 80\nfwmark 37", "", "10.0.0.1") + "virtual_server group all {\n  lvs_method DR\n  protocol UDP\n  real_server 10.0.0.1 80 {\n  }\n}\n",
			[]string{"tcp 192.0.2.1:80", "fwmark 37"}, []string{"10.0.0.1:80", "10.0.0.1:0"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := usable(t, tt.text)
			s := &cfg.Services[0]
			var keys, at []string
			for k := range s.Keys() {
				keys, at = append(keys, k.String()), append(at, s.RealServers[0].KernelAddress(k).String())
			}
			if !slices.Equal(keys, tt.keys) || !slices.Equal(at, tt.at) {
				t.Errorf("services %q with the real server at %q, want %q at %q", keys, at, tt.keys, tt.at)
			}
			writtenAndRead(t, tt.name, cfg)
		})
	}
}

// TestGroupInPart: of a member that is taken, nothing is left in the second
// virtual server, its real servers neither.
func TestGroupInPart(t *testing.T) {
	cfg := usable(t, groupConf("192.0.2.1 80\nfwmark 37", "", "10.0.0.1")+
		"virtual_server group all {\n  lvs_method DR\n  protocol UDP\n  real_server 10.0.0.1 {\n  }\n}\n")
	s := cfg.Services[1]
	if want := (ipvs.RealServer{Address: s.RealServers[0].Address, Weight: 1, Forward: ipvs.Direct}); len(s.Also) != 0 || s.RealServers[0] != want {
		t.Errorf("%v with %+v, want %+v", s.Key, s.RealServers[0], want)
	}
}
