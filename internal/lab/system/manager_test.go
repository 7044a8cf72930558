//go:build !race

package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// calm is an interval at which even a slow guest has its address back before the
// second advert is due.
const calm = "3s"

// manager is another program that takes a director's interfaces for its own.
type manager struct {
	name  string // of the process
	units []string
	files map[string]string // of the machine
	// deeds are commands after which it may have removed what it did not make.
	deeds [][]string
	// purge is the one that removes it for sure.
	purge []string
}

// managed is a director under systemd beside a manager.
type managed struct {
	*unit
	manager
	before api.Instance
}

func newManaged(t *testing.T, m manager) *managed {
	hcl := strings.Replace(config(belongings...), interval.String(), calm, 1)
	m.files["/etc/systemd/system/vipd.service.d/lab.conf"] = strings.Replace(unitOverride, "WatchdogSec=2s", "WatchdogSec=0", 1)
	g := &managed{unit: newUnit(t, hcl, m.files, m.units...), manager: m}
	g.whole()
	g.before = g.own()
	return g
}

// own is what the unit says of its instance.
func (g *managed) own() (in api.Instance) {
	g.t.Helper()
	lab.WaitFor(g.t, "the unit tells its status", patience, func() error {
		var st api.Status
		out, _ := g.sd.Run("vipd", "status", "--json") // exit status 1 when there is a problem
		if err := json.Unmarshal([]byte(out), &st); err != nil || len(st.Instances) != 1 {
			return fmt.Errorf("%v: %s", err, out)
		}
		in = st.Instances[0]
		return nil
	})
	return in
}

func (g *managed) whole() {
	g.t.Helper()
	lab.WaitFor(g.t, "lb1 has the VIP, the route and the rule", patience, func() error { return lacking(g.lb1) })
}

var toldWho = regexp.MustCompile(`detail="removed by ([^"]*)".* kind=(address|path)_removed `)

// removed counts what was told to be removed, by what and who.
func (g *managed) removed() map[string]int {
	all := make(map[string]int)
	for _, found := range toldWho.FindAllStringSubmatch(g.run("cat", "/run/vipd.log"), -1) {
		who, _, _ := strings.Cut(found[1], " (pid")
		all[found[2]+" by "+who]++
	}
	return all
}

// testManaged lets a manager do its deeds. Whatever it removes comes back at once
// and is told with the manager's name; the election never notices.
func (g *managed) test() {
	g.t.Helper()
	for _, deed := range g.deeds {
		g.run(deed...)
		time.Sleep(time.Second) // it may remove something after its answer
		g.whole()
	}
	removed := g.removed()
	g.t.Logf("%s removed: %v", g.name, removed)
	if removed["address by "+g.name] == 0 {
		g.t.Errorf("%s removed no address: %v", g.name, removed)
	}
	for what, n := range removed {
		if _, who, _ := strings.Cut(what, " by "); who != g.name {
			g.t.Errorf("%d times %s, want %s", n, what, g.name)
		}
	}
	if in := g.own(); in.State != vrrp.StateMaster || !in.Since.Equal(g.before.Since) {
		g.t.Errorf("it is %v since %v because of %v, was master since %v", in.State, in.Since, in.LastReason, g.before.Since)
	}

	// Again and again: contested, which names the manager, and then it is there.
	lab.WaitFor(g.t, "the VIP is contested", patience, func() error {
		g.run(g.purge...)
		if !strings.Contains(g.run("cat", "/run/vipd.log"), "kind=address_contested") {
			return errors.New("it is not")
		}
		return nil
	})
	if log := g.run("cat", "/run/vipd.log"); !regexp.MustCompile(`now by ` + g.name + `.* kind=address_contested `).MatchString(log) {
		g.t.Errorf("the alarm does not name %s", g.name)
	}
	g.whole()
	if in := g.own(); in.State != vrrp.StateMaster || !in.Since.Equal(g.before.Since) {
		g.t.Errorf("after the contest it is %v since %v because of %v", in.State, in.Since, in.LastReason)
	}
}

// systemd-networkd removes what it did not configure whenever it (re)configures
// an interface.
func testNetworkd(t *testing.T) {
	newManaged(t, manager{
		name:  "systemd-networkd",
		units: []string{"dbus", "systemd-networkd"},
		files: map[string]string{"/etc/systemd/network/eth0.network": `[Match]
Name=eth0
[Network]
Address=192.0.2.1/24
LinkLocalAddressing=no
IPv6AcceptRA=no
`},
		deeds: [][]string{
			{"networkctl", "reconfigure", "eth0"},
			{"sh", "-c", "echo DHCP=no >>/etc/systemd/network/eth0.network; networkctl reload"},
			{"systemctl", "restart", "systemd-networkd"},
		},
		purge: []string{"networkctl", "reconfigure", "eth0"},
	}).test()
}

// An interface with an instance that becomes part of a bond is told to be; the
// instance moves to the bond by a reload, and is back once the interface is.
func testInterfaceMovesIntoABond(t *testing.T) {
	d := newDrift(t, interval)
	hcl := strings.Replace(config(belongings...), `"eth0"`, `"bond0"`, 1)
	// Down before: a bond takes no interface that is up.
	d.ip("link add bond0 type bond mode active-backup miimon 100", "link set eth0 down", "link set eth0 master bond0")
	if in := d.fault(vrrp.ReasonEnslaved); in.LastDetail != "bond bond0" {
		t.Errorf("the fault names %q", in.LastDetail)
	}
	d.ip("address flush dev eth0", "address add 192.0.2.1/24 dev bond0", "link set bond0 up")
	d.reload(d.v, hcl, true)
	d.whole(settle)
	d.reload(d.v, config(belongings...), true)
	d.fault(vrrp.ReasonEnslaved)
	d.ip("link set eth0 nomaster", "link del bond0", "link set eth0 up", "address add 192.0.2.1/24 dev eth0")
	d.whole(settle)
	if !d.v.Running() {
		t.Error(fmt.Sprint("vipd has ended: ", d.v.Log()))
	}
}
