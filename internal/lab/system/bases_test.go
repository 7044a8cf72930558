//go:build !race

package system

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// bases are instances on interfaces that rest on others. %d is the number of
// the director.
var bases = []struct {
	name, iface string
	make        string // commands of ip(8)
	extra       string // of the instance
	address     string
}{
	{"vlan", "eth0.10", "link add link eth0 name eth0.10 type vlan id 10\naddress add 10.10.0.%d/24 dev eth0.10\nlink set eth0.10 up", "", "10.10.0.100/24"},
	{"vlan-vmac", "eth0.10", "", "vmac {}", "10.10.0.101/24"},
	{"vlan-six", "eth0.10", "", "", "fe80::64/64"},
	{"bond", "bond0", "link set eth1 down\nlink add bond0 type bond mode active-backup miimon 100\nlink set eth1 master bond0\n" +
		"address add 10.20.0.%d/24 dev bond0\nlink set bond0 up", "", "10.20.0.100/24"},
	{"bond-vmac", "bond0", "", "vmac {}", "10.20.0.101/24"},
	{"bridge", "br0", "link add br0 type bridge forward_delay 0\nlink set eth2 master br0\naddress add 10.30.0.%d/24 dev br0\nlink set br0 up", "", "10.30.0.100/24"},
	{"vrf", "eth3", "link add vrf0 type vrf table 10\nlink set vrf0 up\nlink set eth3 master vrf0\naddress add 10.40.0.%d/24 dev eth3", "", "10.40.0.100/24"},
}

// Instances elect on VLANs, bonds, bridges and members of VRFs as they do on
// plain interfaces, with a virtual MAC address too.
func testBases(t *testing.T) {
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	var hosts []*lab.Host
	for n := 1; n <= 2; n++ {
		h := l.Host(fmt.Sprintf("lb%d", n), "lan", fmt.Sprintf("192.0.2.%d/24", n))
		for i := 1; i <= 3; i++ {
			name := fmt.Sprintf("wire%d", i)
			if n == 1 {
				l.Bridge(name, "172.16.0.0/12")
			}
			h.Attach(name, fmt.Sprintf("172.16.%d.%d/24", i, n))
		}
		for _, base := range bases {
			for command := range strings.Lines(base.make) {
				command = strings.TrimSpace(strings.ReplaceAll(command, "%d", fmt.Sprint(n)))
				if out, err := h.Run("ip", strings.Fields(command)...); err != nil {
					t.Fatalf("ip %s: %v\n%s", command, err, out)
				}
			}
		}
		hosts = append(hosts, h)
	}
	hcl := directors
	for i, base := range bases {
		hcl += fmt.Sprintf(`vrrp_instance "%s" {
  interface       = "%s"
  vrid            = %d
  version         = 3
  priority        = director.priority
  advert_interval = "250ms"
  virtual_address = ["%s"]
  %s
}
`, base.name, base.iface, 10+i, base.address, base.extra)
	}
	v1, v2 := hosts[0].Vipd(hcl), hosts[1].Vipd(hcl)
	all := func(v *lab.Vipd, want vrrp.State) func() error {
		return func() error {
			var st api.Status
			if err := v.Status(&st); err != nil {
				return err
			}
			if len(st.Instances) != len(bases) {
				return fmt.Errorf("%d instances", len(st.Instances))
			}
			for _, in := range st.Instances {
				if in.State != want {
					return fmt.Errorf("%s of %s is %v (%v %s)", in.Name, v.Host.Name, in.State, in.LastReason, in.LastDetail)
				}
			}
			return nil
		}
	}
	lab.WaitFor(t, "lb1 is master of all", settle, all(v1, vrrp.StateMaster))
	lab.WaitFor(t, "lb2 is backup of all", settle, all(v2, vrrp.StateBackup))
	lab.Steady(t, "lb2 hears lb1 everywhere", 1500*time.Millisecond, all(v2, vrrp.StateBackup))
	for _, base := range bases {
		address, _, _ := strings.Cut(base.address, "/")
		if out, err := hosts[0].Run("ip", "-o", "address", "show"); err != nil || !strings.Contains(out, address+"/") {
			t.Errorf("lb1 lacks %s: %v\n%s", address, err, out)
		}
	}
	v1.Kill()
	lab.WaitFor(t, "lb2 has taken all over", settle, all(v2, vrrp.StateMaster))
	testEnslavedBase(t, hosts[1], v2)
}

// An interface with an instance that becomes part of a bond is told to be, and
// taken out of it the instance is there again; its neighbours do not notice.
func testEnslavedBase(t *testing.T, h *lab.Host, v *lab.Vipd) {
	run := func(commands ...string) {
		t.Helper()
		for _, c := range commands {
			if out, err := h.Run("ip", strings.Fields(c)...); err != nil {
				t.Fatalf("ip %s: %v\n%s", c, err, out)
			}
		}
	}
	is := func(want vrrp.State, reason vrrp.Reason, detail string) func() error {
		return func() error {
			var st api.Status
			if err := v.Status(&st); err != nil {
				return err
			}
			for _, in := range st.Instances {
				switch {
				case in.Name != "vrf" && in.State != vrrp.StateMaster:
					return fmt.Errorf("%s is %v", in.Name, in.State)
				case in.Name == "vrf" && (in.State != want || reason != "" && (in.LastReason != reason || in.LastDetail != detail)):
					return fmt.Errorf("%v because of %v (%s)", in.State, in.LastReason, in.LastDetail)
				}
			}
			return nil
		}
	}
	// Down before: a bond takes no interface that is up.
	run("link set eth3 nomaster", "link set eth3 down", "link set eth3 master bond0")
	lab.WaitFor(t, "fault because of the bond", settle, is(vrrp.StateFault, vrrp.ReasonEnslaved, "bond bond0"))
	run("link set eth3 nomaster", "link set eth3 master vrf0", "link set eth3 up", "address replace 10.40.0.2/24 dev eth3")
	lab.WaitFor(t, "master again, in the VRF", settle, is(vrrp.StateMaster, "", ""))
}
