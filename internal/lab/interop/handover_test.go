package interop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// allHandOvers are the ways in which vipd, stopped, hands over to a successor.
func allHandOvers() (all []cell) {
	for _, peer := range []string{peerKeepalived, peerFRR, peerVipd} {
		for _, transport := range []string{"multicast", vmac} {
			for _, vips := range []int{1, 200} {
				c := pairing(peer, 3, 4, transport, "none")
				c.vips = vips
				all = append(all, c)
			}
		}
		c := pairing(peer, 3, 4, "multicast", "none")
		c.vips, c.third = 1, true
		all = append(all, c)
		if peer != peerFRR { // which has no such groups
			c.third, c.group = false, true
			all = append(all, c)
		}
	}
	c := pairing(peerKeepalived, 3, 4, "multicast", "none")
	c.vips, c.busy = 200, true
	return append(all, c)
}

// endlessLoops make a machine busy.
const endlessLoops = 12

// Whoever the successor is, a client that pings every 5 ms loses nothing when
// vipd is stopped, and no client that looked for the address meanwhile goes on
// believing that it is at vipd.
func TestSafety_2_1_HandOverToPeers(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"), lab.FRRVrrpd())
	all := allHandOvers()
	handOvers(t, slices.DeleteFunc(all, func(c cell) bool {
		return c.busy || c.vips > 1 && c.peer != peerKeepalived || c.virtual() || c.third || c.peer == peerVipd || c.peer == peerKeepalived && c.vips == 1 && !c.group
	}))
}

// handOvers plays them, those of a busy machine after the others. Two hundred
// addresses make it busy by themselves and are played alone.
func handOvers(t *testing.T, all []cell) []*match {
	var mu sync.Mutex
	var done []*match
	for _, busy := range []bool{false, true} {
		t.Run("hand-overs", func(t *testing.T) {
			for _, c := range all {
				if c.busy != busy {
					continue
				}
				t.Run(strings.ReplaceAll(c.situation(), " ", "_"), func(t *testing.T) {
					if c.vips == 1 {
						t.Parallel()
					}
					m := newMatch(t, c)
					m.playHandOver()
					mu.Lock()
					done = append(done, m)
					mu.Unlock()
				})
			}
		})
	}
	return done
}

func (c cell) situation() string {
	text := fmt.Sprintf("%s %s %d", c.peer, c.transport, c.vips)
	if c.third {
		text += " third"
	}
	if c.group {
		text += " group"
	}
	if c.busy {
		text += " busy"
	}
	return text
}

// playHandOver lets vipd, the best router, hand over, three times at most: a
// busy machine can be late by itself, but need not be.
func (m *match) playHandOver() {
	m.startPeer()
	m.speaks(theirPriority, settle)
	if m.third != nil {
		m.third.Keepalived(m.cell.keepalived(worse))
	}
	virtual, _, _ := m.addresses()
	last := netip.MustParsePrefix(virtual[len(virtual)-1]).Addr()
	crowd := m.net.Host("crowd", "lan", "192.0.2.8/24")
	if m.busy {
		lab.Burn(m.t, endlessLoops)
	}
	for range 1 + lateMachine {
		m.startVipd(better)
		m.speaks(better, 2*m.masterDown(better)+settle)
		lab.WaitFor(m.t, m.situation()+": the peer has given the address up", settle, func() error {
			// FRR keeps it all the time, on an interface that is down.
			if m.peer != peerFRR && m.theirs.Holds(last) {
				return fmt.Errorf("it has it")
			}
			return nil
		})
		// A peer that was busy has announced itself after vipd did.
		lab.WaitFor(m.t, m.situation()+": the client finds vipd", settle, func() error {
			pings := m.client.Ping(last.String(), 5*time.Millisecond)
			time.Sleep(slack / 20)
			if sent, lost := pings.Stop(); len(lost) > 0 {
				return fmt.Errorf("%d of %d pings were lost", len(lost), sent)
			}
			return nil
		})
		clients := freshClients(m.t, crowd, last)
		m.handOver()
		clients.halt()
		// The second burst of keepalived's comes after 5 s.
		m.healed = lab.WaitFor(m.t, fmt.Sprintf("%s: no client believes in vipd", m.situation()), settle, func() error {
			if n := clients.misled(m.ours.HardwareAddr("eth0")); n > 0 {
				return fmt.Errorf("%d of %d believe in vipd", n, clients.size())
			}
			return nil
		})
		if m.lost-m.own <= tolerable {
			return
		}
	}
	m.t.Errorf("%s: pings: %s", m.situation(), m.losses())
}

// handOverReport is the part of the page about them.
func handOverReport(all []*match) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
## Hand-over

vipd, the best router, is stopped (version 3, IPv4, 100 ms). A client pings the last address every 5 ms; others, one every %v, look for it by ARP for the first
time. Lost are the pings without an answer; the last column is how long after the hand-over the last of the others believed in vipd.

| successor | way | addresses | besides | successor speaks after | pings | nobody asks vipd |
|---|---|---|---|---|---|---|
`, askEvery)
	for _, c := range allHandOvers() {
		besides := "–"
		switch {
		case c.third:
			besides = "a third router"
		case c.group:
			besides = "a second virtual router in a sync group"
		case c.busy:
			besides = fmt.Sprintf("%d endless loops on the processors", endlessLoops)
		}
		result := "**failed** | | |"
		for _, m := range all {
			if m.cell == c && !m.t.Failed() {
				result = fmt.Sprintf("%v | %s | %v |", m.took["stop"].Round(time.Millisecond), m.losses(), m.healed.Round(time.Millisecond))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s\n", c.peer, c.transport, c.vips, besides, result)
	}
	b.WriteString("\nWith a virtual MAC address the switch follows the first advert of the successor, which answers once it has put its addresses up: what " +
		"that takes a busy one is lost, and nobody else is reached meanwhile: that is what a successor lost, from its first advert to its announcement of the address. FRR has no sync groups. Nobody left: the addresses go at the end of the bound, as `TestSafety_2_6_StopEndsWithoutSuccessor` shows.\n")
	return b.String()
}
