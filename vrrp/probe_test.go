package vrrp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func probing(c *vrrp.Config) { c.ProbeDuplicates = true }

// starting returns an engine that is told of its first routers, with an empty
// network, and the actions of that.
func starting(t *testing.T, all ...vrrp.Config) *rig {
	t.Helper()
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	g.step(configure(all...))
	return g
}

func answered(mac string) *vrrp.Answered {
	c := settings()
	return &vrrp.Answered{ID: c.ID, Answer: vrrp.Answer{Address: c.Addresses[0].Addr(), MAC: mac}}
}

const reportInUse = "report address_in_use peer 192.0.2.100 (used by the host with hardware address m1)"

// The look for duplicates begins with the first wait and costs it nothing; who
// has an address is told with the claim, which goes ahead.
func TestProbe(t *testing.T) {
	g := starting(t, settings(probing))
	g.seen("initialize → backup startup", "probe 192.0.2.100/24 on eth0")
	for _, a := range g.out.Actions {
		if p, is := a.(*vrrp.Probe); is && p.Until.Sub(epoch) != 3*time.Second {
			t.Errorf("it ends after %v", p.Until.Sub(epoch))
		}
	}
	g.timer(fullDown)
	g.sleep(time.Second)
	g.step(answered("m1"))
	g.step(answered("m1")) // the second question's
	g.seen()
	g.timer(fullDown - time.Second)
	g.tick()
	g.seen("advert v3 priority 100 from 192.0.2.2", "hold 192.0.2.100/24 6s", "announce 192.0.2.100/24 x5",
		"backup → master master_down", reportInUse)
	g.step(answered("m1"))
	g.seen()
	g.step(answered("m2")) // late
	if g.log = nil; g.status().Counters.AddressesInUse != 2 {
		t.Errorf("counted %d", g.status().Counters.AddressesInUse)
	}
	g.advert(lower, 50)
	g.log = nil
	g.step(answered("m3")) // the other router's, perhaps
	g.seen()
}

// The master that is heard has the addresses rightly, before and after its
// first advert.
func TestProbeAnsweredByTheMaster(t *testing.T) {
	g := starting(t, settings(probing))
	g.step(answered("m1"))
	g.advert(higher, 200)
	g.step(answered("m1"))
	g.wait(10 * time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	if n := g.status().Counters.AddressesInUse; n != 0 {
		t.Errorf("counted %d", n)
	}
}

func TestProbeOnlyWhereAskedFor(t *testing.T) {
	for name, all := range map[string][]vrrp.Config{
		"off":   {settings()},
		"owner": {settings(probing, priority(255))},
	} {
		t.Run(name, func(t *testing.T) {
			g := starting(t, all...)
			g.step(answered("m1"))
			g.wait(5 * time.Second)
			g.inState(vrrp.StateMaster, g.status().LastReason)
			for _, line := range g.log {
				if line == reportInUse || line == "probe 192.0.2.100/24 on eth0" {
					t.Error(line)
				}
			}
		})
	}
}

// Addresses of other hosts are nobody's business, and one host that answers
// with ever new hardware addresses fills no memory.
func TestProbeForeignAnswers(t *testing.T) {
	g := starting(t, settings(probing))
	foreign := answered("m1")
	foreign.Address = higher
	g.step(foreign)
	g.step(&vrrp.Answered{ID: vrrp.RouterID{Interface: "eth1"}, Answer: vrrp.Answer{Address: higher}})
	for i := range 100 {
		g.step(answered(string(rune('a' + i))))
	}
	g.tick()
	if n := g.status().Counters.AddressesInUse; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// After a fault the network may be another one. Addresses are asked for where
// they are to be, but never from the virtual MAC address.
func TestProbeAfterFault(t *testing.T) {
	vmac := settings(probing, addresses("192.0.2.100/24", "192.0.2.101/24", "198.51.100.1/24"), func(c *vrrp.Config) {
		c.VMAC.Name = "vrrp.51"
		c.Options = map[netip.Prefix]vrrp.AddressOptions{c.Addresses[2]: {Interface: "eth1"}}
	})
	g := starting(t, vmac)
	g.step(linkUp("vrrp.51"))
	g.log = nil
	g.step(&vrrp.Link{Interface: "vrrp.51"})
	g.step(linkUp("vrrp.51"))
	g.seen("backup → fault interface_absent", "fault → backup interface_up",
		"probe 192.0.2.100/24,192.0.2.101/24 on eth0", "probe 198.51.100.1/24 on eth1")
}

// What was found goes over to another process.
func TestProbeInImage(t *testing.T) {
	g := starting(t, settings(probing))
	g.step(answered("m1"))
	g.inherit()
	g.log = nil
	g.tick()
	if n := len(g.log); n != 5 || g.log[n-1] != reportInUse {
		t.Errorf("%q", g.log)
	}
}
