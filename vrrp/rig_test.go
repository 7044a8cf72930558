package vrrp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

// epoch is where the virtual time of every test begins.
var epoch = time.Unix(1_000_000, 0).UTC()

var (
	ours   = netip.MustParseAddr("192.0.2.2")
	lower  = netip.MustParseAddr("192.0.2.1") // loses a tie
	higher = netip.MustParseAddr("192.0.2.3") // wins a tie
	group  = netip.MustParseAddr("224.0.0.18")

	ours6   = netip.MustParseAddr("fe80::2")
	lower6  = netip.MustParseAddr("fe80::1")
	higher6 = netip.MustParseAddr("fe80::3")
)

// prefixes parses virtual addresses.
func prefixes(words ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, w := range words {
		all = append(all, netip.MustParsePrefix(w))
	}
	return all
}

// settings is the router most tests use: version 3, priority 100, 1 s.
func settings(edit ...func(*vrrp.Config)) vrrp.Config {
	c := vrrp.Config{
		Name:           "web",
		ID:             vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
		Version:        3,
		Priority:       100,
		AdvertInterval: time.Second,
		Addresses:      prefixes("192.0.2.100/24"),
		Preempt:        true,
		Lease:          vrrp.LeaseHeal,
		Announce:       vrrp.Announce{Repeat: 5, Delay: 5 * time.Second},
	}
	for _, e := range edit {
		e(&c)
	}
	return c
}

func version2(c *vrrp.Config)  { c.Version = 2 }
func noPreempt(c *vrrp.Config) { c.Preempt = false }

func priority(p uint8) func(*vrrp.Config) { return func(c *vrrp.Config) { c.Priority = p } }
func interval(d time.Duration) func(*vrrp.Config) {
	return func(c *vrrp.Config) { c.AdvertInterval = d }
}
func lease(m vrrp.LeaseMode) func(*vrrp.Config) { return func(c *vrrp.Config) { c.Lease = m } }
func addresses(words ...string) func(*vrrp.Config) {
	return func(c *vrrp.Config) { c.Addresses = prefixes(words...) }
}
func ipv6(c *vrrp.Config) {
	c.ID.Family, c.Addresses = vrrp.IPv6, prefixes("fe80::100/64", "2001:db8::100/64")
}
func vrid(id uint8) func(*vrrp.Config) { return func(c *vrrp.Config) { c.ID.VRID = id } }
func linkUp(name string) *vrrp.Link {
	return &vrrp.Link{Interface: name, Exists: true, Up: true, Primary: ours, LinkLocal: ours6, MTU: 1500}
}
func configure(all ...vrrp.Config) *vrrp.Configure { return &vrrp.Configure{Routers: all} }

// rig drives an engine in virtual time.
type rig struct {
	t   *testing.T
	e   *vrrp.Engine
	now time.Duration // since epoch
	out vrrp.Output
	// log holds every action since the last call of seen, without the parts
	// that are the same in all tests.
	log []string
}

// newRig starts an engine with the routers on a usable eth0. The log is empty.
func newRig(t *testing.T, all ...vrrp.Config) *rig {
	t.Helper()
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	g.step(configure(all...))
	g.log = nil
	return g
}

// newMaster starts an engine whose routers became masters, at the moment when
// the first master-down interval ended, with the preemption gate open.
func newMaster(t *testing.T, all ...vrrp.Config) *rig {
	t.Helper()
	g := newRig(t, all...)
	for g.status().State != vrrp.StateMaster {
		g.tick()
	}
	g.log = nil
	return g
}

// newBackup starts an engine that obeys the router higher of priority 200.
// Preemption is open and the last advert was heard just now.
func newBackup(t *testing.T, all ...vrrp.Config) *rig {
	t.Helper()
	g := newRig(t, all...)
	master := higher
	if all[0].ID.Family == vrrp.IPv6 {
		master = higher6
	}
	for i := 0; i < 5; i++ {
		g.advert(master, 200)
		g.wait(all[0].AdvertInterval)
	}
	g.advert(master, 200)
	g.log = nil
	return g
}

// step feeds one event at the present time and logs the actions.
func (g *rig) step(ev vrrp.Event) {
	g.t.Helper()
	g.out = g.e.Step(epoch.Add(g.now), ev)
	for _, a := range g.out.Actions {
		g.log = append(g.log, strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(a), "eth0/ipv4/51 ", ""), "eth0/ipv6/51 ", ""))
	}
}

// inherit lets another process go on with the image of the engine.
func (g *rig) inherit() {
	g.t.Helper()
	image, err := g.e.Image()
	if err != nil {
		g.t.Fatal(err)
	}
	if g.e, err = vrrp.Restore(image); err != nil {
		g.t.Fatal(err)
	}
	g.step(&vrrp.Resumed{})
}

// tick moves to the next deadline and handles it.
func (g *rig) tick() {
	g.t.Helper()
	if g.out.Next.IsZero() {
		g.t.Fatal("no deadline is pending")
	}
	g.now = max(g.now, g.out.Next.Sub(epoch))
	g.step(&vrrp.Tick{})
}

// until handles every deadline up to and including the instant d.
func (g *rig) until(d time.Duration) {
	g.t.Helper()
	for !g.out.Next.IsZero() && g.out.Next.Sub(epoch) <= d {
		g.tick()
	}
	g.now = d
}

// wait is until, counted from now.
func (g *rig) wait(d time.Duration) { g.t.Helper(); g.until(g.now + d) }

// sleep lets time pass without anything being handled.
func (g *rig) sleep(d time.Duration) { g.now += d }

// advert feeds a good advert that matches the first router, after edits.
func (g *rig) advert(src netip.Addr, priority uint8, edit ...func(*vrrp.Advert)) {
	g.t.Helper()
	s := g.status()
	a := vrrp.Advert{
		Version: s.Version, VRID: s.VRID, Priority: priority, Interval: s.AdvertInterval,
		List: vrrp.AppendList(nil, s.Addresses),
	}
	for _, e := range edit {
		e(&a)
	}
	g.packet(src, func(p *vrrp.Received) {
		p.Payload = vrrp.Encode(nil, &a, vrrp.Path{Family: p.Family, Src: p.Src, Dst: p.Dst}, vrrp.ChecksumPseudo)
	})
}

// packet feeds a packet from src that edit completes.
func (g *rig) packet(src netip.Addr, edit func(*vrrp.Received)) {
	g.t.Helper()
	p := vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: src, Dst: group, TTL: 255}
	if src.Is6() {
		p.Family, p.Dst = vrrp.IPv6, vrrp.GroupIPv6
	}
	edit(&p)
	g.step(&p)
}

// status returns the first router's snapshot.
func (g *rig) status() vrrp.RouterStatus { return g.e.Status()[0] }

// deadline returns how far the first router's own timer is away.
func (g *rig) deadline() time.Duration { return g.status().Deadline.Sub(epoch) - g.now }

// seen compares the log with want and empties it.
func (g *rig) seen(want ...string) {
	g.t.Helper()
	if diff := cmp.Diff(want, g.log); diff != "" {
		g.t.Errorf("actions at %v (-want +got):\n%s", g.now, diff)
	}
	g.log = nil
}

// inState fails unless the first router is in the state for the reason.
func (g *rig) inState(want vrrp.State, why vrrp.Reason) {
	g.t.Helper()
	if s := g.status(); s.State != want || s.LastReason != why {
		g.t.Errorf("at %v: %v because of %q, want %v because of %q", g.now, s.State, s.LastReason, want, why)
	}
}

// timer fails unless the first router's own timer ends in d.
func (g *rig) timer(want time.Duration) {
	g.t.Helper()
	if got := g.deadline(); got != want {
		g.t.Errorf("timer runs out in %v, want %v", got, want)
	}
}

// fullDown is the master-down interval of settings.
const fullDown = 3609375 * time.Microsecond
