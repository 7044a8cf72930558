//go:build !race

package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// While managers are tried a master says something every calm only, and its peers
// are patient: even a slow guest has its address back before as many adverts are
// due as it may leave out.
const (
	calm    = "2s"
	patient = "down_adverts = 10"
)

// manager is another program that takes a director's interfaces for its own.
type manager struct {
	name  string // of the process
	units []string
	needs lab.Requirement
	files map[string]string // of the machine
	// deeds are commands after which it may have removed what it did not make.
	deeds [][]string
	// purge is the one that removes it for sure.
	purge []string
}

// managers are tried one after the other on the same machine.
var managers = []manager{{
	// It removes what it did not configure whenever it (re)configures an interface.
	name:  "systemd-networkd",
	units: []string{"systemd-networkd.socket", "systemd-networkd"},
	needs: lab.Tool("networkctl"),
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
}, {
	// It clears an interface before it activates a connection on it.
	name:  "NetworkManager",
	units: []string{"NetworkManager"},
	needs: lab.NetworkManager,
	files: map[string]string{
		"/etc/NetworkManager/NetworkManager.conf": `[main]
plugins=keyfile
auth-polkit=false
dns=none
no-auto-default=*
`,
		"/etc/NetworkManager/system-connections/lan.nmconnection": `[connection]
id=lan
uuid=6b6c1f1e-8b1e-4a51-9d0c-0b6c3d3f7c01
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1=192.0.2.1/24
[ipv6]
method=disabled
`,
		// It reads no connection that others may read, and a chroot has no journal.
		"/etc/systemd/system/NetworkManager.service.d/manager.conf": `[Service]
ExecStartPre=/bin/chmod 600 /etc/NetworkManager/system-connections/lan.nmconnection
ExecStart=
ExecStart=/usr/sbin/NetworkManager --debug
StandardOutput=append:/run/manager.log
StandardError=append:/run/manager.log
`,
	},
	deeds: [][]string{
		{"nmcli", "connection", "up", "lan"},
		{"sh", "-ec", "nmcli connection modify lan +ipv4.addresses 192.0.2.201/24; nmcli device reapply eth0"},
		{"systemctl", "restart", "NetworkManager"},
	},
	purge: []string{"nmcli", "connection", "up", "lan"},
}}

// managed is a director under systemd beside a manager.
type managed struct {
	*unit
	manager
	before api.Instance
	from   int // where its part of the log begins
}

// Managers of networks remove what they did not make: it comes back at once and
// is told with their name, and again and again it is contested, which names them.
func testManagers(t *testing.T) {
	files := map[string]string{
		"/etc/systemd/system/vipd.service.d/lab.conf": strings.Replace(unitOverride, "WatchdogSec=4s", "WatchdogSec=0", 1),
	}
	for _, m := range managers {
		maps.Copy(files, m.files)
	}
	u := newUnit(t, config(append(belongings, patient)...), files, "dbus")
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := u.sd.Run("cat", "/run/manager.log")
			t.Log(log)
		}
	})
	pace := func(every string) {
		u.run("sed", "-i", `s/advert_interval = .*/advert_interval = "`+every+`"/`, "/etc/vipd/vipd.hcl")
	}
	for i, m := range managers {
		if m.needs() != "" {
			t.Run(m.name, func(t *testing.T) { lab.Need(t, m.needs) })
			continue
		}
		u.run(append([]string{"systemctl", "start"}, m.units...)...)
		if i > 0 { // the contest before is forgotten
			pace(interval.String())
			u.run("systemctl", "restart", "vipd")
		}
		u.ownedBy(u.lb1, patience)
		pace(calm)
		u.run("vipd", "reload")
		g := &managed{unit: u, manager: m, from: len(u.run("cat", "/run/vipd.log"))}
		g.whole()
		g.before = g.own()
		g.test()
		u.run(append([]string{"systemctl", "stop"}, m.units...)...)
	}
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

// log is what the unit said since this manager is tried.
func (g *managed) log() string {
	g.t.Helper()
	return g.run("cat", "/run/vipd.log")[g.from:]
}

// removed counts what was told to be removed, by what and who.
func (g *managed) removed() map[string]int {
	all := make(map[string]int)
	for _, found := range toldWho.FindAllStringSubmatch(g.log(), -1) {
		who, _, _ := strings.Cut(found[1], " (pid")
		all[found[2]+" by "+who]++
	}
	return all
}

// test lets the manager do its deeds. Whatever it removes comes back at once and
// is told with the manager's name; the election never notices.
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
		if !strings.Contains(g.log(), "kind=address_contested") {
			return errors.New("it is not")
		}
		return nil
	})
	if !regexp.MustCompile(`now by ` + g.name + `.* kind=address_contested `).MatchString(g.log()) {
		g.t.Errorf("the alarm does not name %s", g.name)
	}
	g.whole()
	if in := g.own(); in.State != vrrp.StateMaster || !in.Since.Equal(g.before.Since) {
		g.t.Errorf("after the contest it is %v since %v because of %v", in.State, in.Since, in.LastReason)
	}
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
