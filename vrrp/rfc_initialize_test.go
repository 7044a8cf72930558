package vrrp_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestRFC9568_6_4_1_Startup: all but the owner begin as backup.
func TestRFC9568_6_4_1_Startup(t *testing.T) {
	t.Parallel()
	for _, c := range []vrrp.Config{settings(), settings(version2), settings(priority(254)), settings(priority(1))} {
		g := newRig(t, c)
		g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
		g.timer(c.MasterDown())
	}
}

// TestRFC9568_6_4_1_Owner: the address owner begins as master, in the order of
// effects that every master keeps.
func TestRFC9568_6_4_1_Owner(t *testing.T) {
	t.Parallel()
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(configure(settings(priority(255))))
	g.seen()
	g.step(linkUp("eth0"))
	g.seen(
		"advert v3 priority 255 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"initialize → master address_owner",
	)
	g.timer(time.Second)
}

// TestRFC9568_6_4_1_WaitsForInterface: nothing happens before the first word
// about the interface, whichever of the two comes first.
func TestRFC9568_6_4_1_WaitsForInterface(t *testing.T) {
	t.Parallel()
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(configure(settings()))
	if !g.out.Next.IsZero() || g.status().State != vrrp.StateInitialize {
		t.Errorf("%v, next deadline %v", g.status().State, g.out.Next)
	}
	g.sleep(time.Hour)
	g.step(linkUp("eth0"))
	g.seen("initialize → backup startup")
	g.timer(3609375 * time.Microsecond)
}

func TestFaultReasons(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*vrrp.Link)
		want string
	}{
		{"absent", func(l *vrrp.Link) { *l = vrrp.Link{Interface: "eth0"} }, "interface_absent"},
		{"down", func(l *vrrp.Link) { l.Up = false }, "interface_down"},
		{"no address", func(l *vrrp.Link) { l.Primary = netip.Addr{} }, "no_address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := linkUp("eth0")
			tt.edit(bad)

			g := &rig{t: t, e: vrrp.NewEngine()}
			g.step(configure(settings()))
			g.step(bad)
			g.seen("initialize → fault " + tt.want)

			g = newMaster(t, settings())
			g.step(bad)
			if tt.want == "no_address" { // that counts at the second advert
				g.seen()
				g.wait(1999 * time.Millisecond)
				g.seen("announce 192.0.2.100/24 x1", "refresh 192.0.2.100/24 6s", "announce 192.0.2.100/24 x1")
				g.wait(time.Millisecond)
			}
			g.seen("release 192.0.2.100/24", "master → fault "+tt.want)
			if !g.out.Next.IsZero() {
				t.Error("a deadline is pending in fault")
			}
			g.step(linkUp("eth0"))
			g.seen("fault → backup interface_up")

			g = newBackup(t, settings())
			g.step(bad)
			g.seen("backup → fault " + tt.want)
		})
	}
}

func withoutAddress() *vrrp.Link {
	l := linkUp("eth0")
	l.Primary = netip.Addr{}
	return l
}

// Programs that configure networks take an interface's address away for a moment:
// a master that has nothing to say meanwhile stays one, its group with it. Who
// speaks to it, or its own next advert, finds it mute.
func TestAddressThatBlinks(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.wait(10 * time.Second)
	g.seen(g.log...)
	g.step(withoutAddress())
	g.wait(1999 * time.Millisecond)
	g.seen("refresh 192.0.2.100/24 6s")
	moved := linkUp("eth0")
	moved.Primary = netip.MustParseAddr("192.0.2.7")
	g.step(moved)
	g.wait(time.Millisecond)
	g.seen("advert v3 priority 100 from 192.0.2.7", "refresh 192.0.2.100/24 6s")

	for name, priority := range map[string]uint8{"a better": 200, "a worse": 50, "an equal": 100, "a leaving": 0} {
		g := newMaster(t, settings())
		g.step(withoutAddress())
		g.advert(higher, priority)
		if s := g.status(); s.State != vrrp.StateFault || s.LastReason != vrrp.ReasonNoAddress {
			t.Errorf("%s master is heard: %v because of %v", name, s.State, s.LastReason)
		}
	}
}

// Nothing is said from no address: not what is told out of turn, nor what ends a
// hand-over that nobody followed.
func TestAddressThatIsMissed(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(tracks(vrrp.Track{ID: chkWeb, Weight: -60})))
	g.step(observed(chkWeb, vrrp.TrackUp))
	g.step(withoutAddress())
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.seen("report priority (100 → 40 (100 -60 script chk_web))")

	g = newMaster(t, settings(graceful))
	g.step(standBy(false))
	g.step(withoutAddress())
	g.log = nil
	for g.status().HandingOver {
		g.tick()
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	for _, line := range g.log {
		if strings.HasPrefix(line, "advert") {
			t.Errorf("said: %s", line)
		}
	}
}

// Peers that are configured alike still hear one advert before their timer runs
// out; those left out before an upgrade count after it.
func TestAddressThatStaysAway(t *testing.T) {
	t.Parallel()
	for down, adverts := range map[uint8]time.Duration{1: 1, 2: 1, 0: 2, 3: 2, 5: 4} {
		for _, upgraded := range []bool{false, true} {
			g := newMaster(t, settings(func(c *vrrp.Config) { c.DownAdverts = down }))
			lost := g.now
			g.step(withoutAddress())
			for g.status().State == vrrp.StateMaster {
				if upgraded {
					g.inherit()
				}
				g.step(withoutAddress()) // what is told again changes nothing
				g.tick()
			}
			g.inState(vrrp.StateFault, vrrp.ReasonNoAddress)
			if got := g.now - lost; got != adverts*time.Second {
				t.Errorf("master down after %d adverts, upgraded %v: fault after %v, want %v", down, upgraded, got, adverts*time.Second)
			}
		}
	}
}

// The advert that was left out is said once the address is back, so that the next
// blink, when the one after that is due, is another one.
func TestAddressThatBlinksAgain(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(func(c *vrrp.Config) { c.Lease = vrrp.LeaseOff }))
	g.wait(10 * time.Second)
	g.seen(g.log...)
	for range 3 {
		g.step(withoutAddress())
		g.wait(1500 * time.Millisecond)
		g.seen()
		g.step(linkUp("eth0"))
		g.wait(time.Millisecond)
		g.seen("advert v3 priority 100 from 192.0.2.2")
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// A port of a bond or bridge hears nothing. It can still say that it leaves,
// once, and does not wait for a successor that it would not hear.
func TestEnslavedInterfaceIsAFault(t *testing.T) {
	t.Parallel()
	graceful := settings(func(c *vrrp.Config) { c.HandOver, c.LinkDown = vrrp.HandOverGraceful, time.Minute })
	port := linkUp("eth0")
	port.Master = "bridge br0"
	g := newMaster(t, graceful)
	g.step(port)
	g.seen("advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2",
		"release 192.0.2.100/24", "master → fault interface_enslaved (bridge br0)")
	if !g.out.Next.IsZero() {
		t.Error("a deadline is pending in fault")
	}
	down := *port
	down.Up, down.Master = false, "bond bond0"
	g.step(&down)
	g.inState(vrrp.StateFault, vrrp.ReasonEnslaved)
	if got := g.status().LastDetail; got != "bond bond0" {
		t.Errorf("in fault because of %q", got)
	}
	g.step(linkUp("eth0"))
	g.seen("fault → backup interface_up")

	// What an earlier life left on the interface is nobody's to hold.
	g = &rig{t: t, e: vrrp.NewEngine()}
	g.step(configure(graceful))
	g.step(port)
	g.seen("release 192.0.2.100/24", "initialize → fault interface_enslaved (bridge br0)")
}

// Those who track the interface of a bond want to know about its carrier.
func TestEnslavedInterfaceIsTracked(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(func(c *vrrp.Config) {
		c.Tracks = []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth1"}}}
	}))
	port := linkUp("eth1")
	port.Master = "bond bond0"
	g.step(port)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	port.Up = false
	g.step(port)
	g.inState(vrrp.StateFault, vrrp.ReasonTracked)
}

// TestFaultChangesReason: a second obstacle is shown without a transition.
func TestFaultChangesReason(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.step(&vrrp.Link{Interface: "eth0", Exists: true, Primary: ours})
	g.step(&vrrp.Link{Interface: "eth0"})
	g.seen("backup → fault interface_down")
	g.inState(vrrp.StateFault, vrrp.ReasonNoInterface)
}

// TestOwnerReturnsFromFault at once, as from start.
func TestOwnerReturnsFromFault(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(priority(255)))
	g.step(&vrrp.Link{Interface: "eth0", Exists: true, Primary: ours})
	g.step(linkUp("eth0"))
	g.inState(vrrp.StateMaster, vrrp.ReasonOwner)
}

// TestLinkChangesSource: the next advert carries the new source address.
func TestLinkChangesSource(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	l := linkUp("eth0")
	l.Primary = netip.MustParseAddr("192.0.2.9")
	g.step(l)
	g.seen()
	g.wait(time.Second)
	g.seen("announce 192.0.2.100/24 x1", "advert v3 priority 100 from 192.0.2.9",
		"refresh 192.0.2.100/24 6s", "announce 192.0.2.100/24 x1")
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// TestLinkMTULimitsList: an advert is never larger than the interface allows.
func TestLinkMTULimitsList(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(addresses("192.0.2.100/24", "192.0.2.101/24", "192.0.2.102/24")))
	l := linkUp("eth0")
	l.MTU = 20 + 16 + 8
	g.step(l)
	g.seen("report addresses_cut (not all addresses fit into an advert)")
	g.wait(250 * time.Millisecond)
	g.log = nil
	g.tick()
	if a := decodeSent(t, g); a.Count(vrrp.IPv4) != 2 {
		t.Errorf("%d addresses in an advert", a.Count(vrrp.IPv4))
	}
}
