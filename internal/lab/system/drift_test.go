package system

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// What a master in these tests has besides the VIP.
const (
	ownRoute = "203.0.113.0/24"
	ownRule  = 1000
)

// belongings go into an instance.
var belongings = []string{
	fmt.Sprintf("route %q { via = \"192.0.2.9\" }", ownRoute),
	fmt.Sprintf("rule {\n priority = %d\n table = 100\n from = \"%s/32\"\n }", ownRule, vip),
}

// drift is a director whose network somebody else changes.
type drift struct {
	*pair
	v *lab.Vipd
}

func newDrift(t *testing.T, every time.Duration, blocks ...string) *drift {
	d := &drift{pair: newPair(t)}
	d.v = d.lb1.Vipd(strings.Replace(config(belongings...), interval.String(), every.String(), 1) + strings.Join(blocks, "\n"))
	d.whole(settle)
	return d
}

// ip runs ip(8) as an administrator of the director would.
func (d *drift) ip(commands ...string) {
	d.t.Helper()
	for _, c := range commands {
		if out, err := d.lb1.Run("ip", strings.Fields(c)...); err != nil {
			d.t.Fatalf("ip %s: %v\n%s", c, err, out)
		}
	}
}

// whole waits until the director has all that a master has.
func (d *drift) whole(within time.Duration) {
	d.t.Helper()
	lab.WaitFor(d.t, "lb1 has the VIP, the route and the rule", within, func() error { return lacking(d.lb1) })
}

// lacking tells which of a master's belongings a host lacks.
func lacking(h *lab.Host) error {
	var errs []error
	if !h.Holds(addr(vip)) {
		errs = append(errs, errors.New("no VIP"))
	}
	err := h.Do(func() error {
		_, to, _ := net.ParseCIDR(ownRoute)
		routes, errRoutes := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: to}, netlink.RT_FILTER_DST)
		if len(routes) == 0 {
			errs = append(errs, errors.New("no route"))
		}
		rules, errRules := netlink.RuleListFiltered(netlink.FAMILY_V4, &netlink.Rule{Priority: ownRule}, netlink.RT_FILTER_PRIORITY)
		if len(rules) == 0 {
			errs = append(errs, errors.New("no rule"))
		}
		return errors.Join(errRoutes, errRules)
	})
	return errors.Join(append(errs, err)...)
}

// fault waits until the instance is in fault for a reason, and the director has
// nothing of what a master has.
func (d *drift) fault(want vrrp.Reason) (in api.Instance) {
	d.t.Helper()
	lab.WaitFor(d.t, fmt.Sprintf("fault because of %v, without the VIP", want), settle, func() error {
		if in = d.instance(d.v); in.State != vrrp.StateFault || in.LastReason != want {
			return fmt.Errorf("%v because of %v", in.State, in.LastReason)
		}
		if has := fmt.Sprint(lacking(d.lb1)); has != "no VIP\nno route\nno rule" {
			return fmt.Errorf("it lacks %q alone", has)
		}
		return nil
	})
	return in
}

func TestInterfaceDownAndUp(t *testing.T) {
	d := newDrift(t, interval)
	d.ip("link set eth0 down")
	d.fault(vrrp.ReasonInterfaceDown)
	d.ip("link set eth0 up")
	d.whole(settle)
}

// Renamed away, the instance has no interface, and what it had on it is gone.
func TestInterfaceIsRenamed(t *testing.T) {
	d := newDrift(t, interval)
	d.ip("link set eth0 down", "link set eth0 name wan0", "link set wan0 up")
	d.fault(vrrp.ReasonNoInterface)
	d.ip("link set wan0 down", "link set wan0 name eth0", "link set eth0 up")
	d.whole(settle)
}

func TestInterfaceIsMadeAnew(t *testing.T) {
	d := newDrift(t, interval)
	d.ip("link del eth0")
	d.fault(vrrp.ReasonNoInterface)
	d.lb1.Attach("lan", "192.0.2.22/24")
	d.ip("link set eth1 down", "link set eth1 name eth0", "link set eth0 up")
	d.whole(settle)
	d.advertsFrom("192.0.2.22")
}

// advertsFrom waits until adverts come from an address.
func (d *drift) advertsFrom(source string) {
	d.t.Helper()
	since := time.Now()
	lab.WaitFor(d.t, "adverts come from "+source, settle, func() error {
		for _, a := range d.wire.Adverts(d.lb1, since) {
			if a.Src == addr(source) {
				return nil
			}
		}
		return errors.New("none does")
	})
}

func TestInterfaceMovesIntoABridge(t *testing.T) {
	d := newDrift(t, interval)
	d.ip("link add br0 type bridge forward_delay 0", "link set br0 up", "link set eth0 master br0")
	if in := d.fault(vrrp.ReasonEnslaved); in.LastDetail != "bridge br0" {
		t.Errorf("the fault names %q", in.LastDetail)
	}
	d.ip("link set eth0 nomaster")
	d.whole(settle)
}

func TestHostAddressChanges(t *testing.T) {
	d := newDrift(t, interval)
	d.ip("address del 192.0.2.1/24 dev eth0")
	d.fault(vrrp.ReasonNoAddress)
	d.ip("address add 192.0.2.21/24 dev eth0")
	d.whole(settle)
	d.advertsFrom("192.0.2.21")
}

// belonging is a thing that a master has.
type belonging struct {
	name, remove string                     // remove is a command of ip(8)
	kinds        [3]runner.AddressEventKind // removed, put back, contested
}

var allBelongings = []belonging{
	{"VIP", "address del " + vip + "/24 dev eth0", [...]runner.AddressEventKind{runner.AddressRemoved, runner.AddressPutBack, runner.AddressDisputed}},
	{"route", "route del " + ownRoute, [...]runner.AddressEventKind{runner.PathRemoved, runner.PathPutBack, runner.PathDisputed}},
	{"rule", fmt.Sprintf("rule del priority %d", ownRule), [...]runner.AddressEventKind{runner.PathRemoved, runner.PathPutBack, runner.PathDisputed}},
}

// Somebody removes the address, the route or the rule whenever it is there: it
// comes back after 0, 0.1, 1 and 5 s, from the fifth time on with an alarm, and not
// a moment sooner, refreshes or not. Mastership stays where it is.
func TestSafety_6_3_RemovedAgainAndAgain(t *testing.T) {
	for _, b := range allBelongings {
		t.Run(b.name, func(t *testing.T) {
			d := newDrift(t, time.Second)
			before := d.instance(d.v)
			for _, wait := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 5 * time.Second} {
				began := time.Now()
				d.ip(b.remove)
				if wait >= time.Second {
					lab.Steady(t, "it stays away", time.Until(began.Add(wait*9/10)), func() error {
						if lacks := fmt.Sprint(lacking(d.lb1)); lacks != "no "+b.name {
							return fmt.Errorf("lb1 lacks %q", lacks)
						}
						return nil
					})
				}
				d.whole(wait + slack)
			}
			d.unmoved(d.v, before)
			for i, want := range []int{5, 5, 1} {
				if told := strings.Count(d.v.Log(), "kind="+string(b.kinds[i])); told != want {
					t.Errorf("%s is told %d times, want %d", b.kinds[i], told, want)
				}
			}
			if problems := strings.Join(d.status(d.v).Problems, "\n"); b.name == "VIP" && !strings.Contains(problems, vip+"/24 on eth0: contested") {
				t.Errorf("problems: %s", problems)
			}
		})
	}
}

// More happens on the host than the kernel keeps for a router role that does not
// get to read it: what was removed meanwhile is noticed all the same.
func TestOverrunOfNotices(t *testing.T) {
	d := newDrift(t, time.Second, `global {
		buffer "notices" { size = 65536 }
	}`)
	before := d.instance(d.v)
	var flood strings.Builder
	for i := range 3000 { // far more than the buffer holds, of addresses and of routes
		fmt.Fprintf(&flood, "link set lo mtu %d\nroute add 10.%d.%d.0/24 via 192.0.2.7\n", 60000+i%2, i/250, i%250)
	}
	for _, b := range allBelongings {
		flood.WriteString(b.remove + "\n")
	}
	role := d.role(d.v, "router")
	commands := d.lb1.WriteFile("flood", flood.String())
	if err := syscall.Kill(role, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.ip("-batch " + commands)
	frozen, lost := time.Since(began), overruns(t, d.lb1)
	if err := syscall.Kill(role, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.whole(settle)
	if lost == 0 {
		t.Error("the kernel had room for every notice: that is no overrun")
	}
	if frozen < 2500*time.Millisecond { // less than its own master-down
		d.unmoved(d.v, before)
	}
}

// overruns counts the notices that the kernel could not give to those who subscribed: the
// column Drops of /proc/net/netlink.
func overruns(t *testing.T, h *lab.Host) (n int) {
	t.Helper()
	out, err := h.Run("cat", "/proc/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != "0" || f[3] == "00000000" { // NETLINK_ROUTE, subscribed
			continue
		}
		drops, err := strconv.Atoi(f[8])
		if err != nil {
			t.Fatal(err)
		}
		n += drops
	}
	return n
}
