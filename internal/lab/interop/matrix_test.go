package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// pageEnv names the file that the whole matrix is written to. Without it a
// selection runs: one cell for every way through the code.
const pageEnv = "VIPD_INTEROP_PAGE"

var selection = []cell{
	pairing(peerKeepalived, 2, 4, "multicast", "PASS"),
	pairing(peerKeepalived, 2, 4, "unicast", "AH"),
	pairing(peerKeepalived, 3, 4, "unicast", "none"),
	pairing(peerKeepalived, 3, 6, "multicast", "none"),
	pairing(peerKeepalived, 3, 6, "unicast", "none"),
	pairing(peerKeepalived, 3, 4, vmac, "none"),
	pairing(peerKeepalived, 3, 4, "unicast "+vmac, "none"),
	pairing(peerKeepalived, 3, 6, "unicast "+vmac, "none"),
	pairing(peerFRR, 3, 4, "multicast", "none"),
}

// TestKeepalived_FRR_Matrix lets vipd and a peer play all parts in every cell.
func TestKeepalived_FRR_Matrix(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"), lab.FRRVrrpd())
	page := os.Getenv(pageEnv)
	run := selection
	if page != "" {
		run = nil
		for _, c := range cells() {
			if c.why() == "" {
				run = append(run, c)
			}
		}
	}
	var mu sync.Mutex
	results := make(map[cell]*match)
	t.Run("cells", func(t *testing.T) {
		for _, c := range run {
			t.Run(strings.ReplaceAll(c.String(), " ", "_"), func(t *testing.T) {
				t.Parallel()
				m := newMatch(t, c)
				mu.Lock()
				results[c] = m
				mu.Unlock()
				m.play()
			})
		}
	})
	if page != "" {
		if err := os.WriteFile(page, []byte(report(results)+handOverReport(handOvers(t, allHandOvers()))), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// match is one cell at play.
type match struct {
	cell
	protocol
	t            *testing.T
	net          *lab.Lab
	ours, theirs *lab.Host
	third        *lab.Host // nil without one
	tap          *tap
	vipd         *lab.Vipd
	keepalived   *lab.Proc
	frr          *lab.FRR
	took         map[string]time.Duration // by event
	client       *lab.Host
	sent, lost   int // pings while vipd stopped
	own          int // of the lost ones, what the successor lost before it had its address
	// healed is how long after that all clients knew the successor.
	healed time.Duration
}

func newMatch(t *testing.T, c cell) *match {
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	m := &match{cell: c, protocol: c.protocol(), t: t, net: l, took: make(map[string]time.Duration)}
	m.ours, m.theirs, m.client = l.Host("vipd", "lan", "192.0.2.1/24"), l.Host("peer", "lan", "192.0.2.2/24"), l.Host("client", "lan", "192.0.2.9/24")
	if c.family == 6 {
		m.client.AddAddress("eth0", "2001:db8::9/64")
		m.ours.AddAddress("eth0", "2001:db8::1/64")
		m.theirs.AddAddress("eth0", "2001:db8::2/64")
	}
	if c.peer == peerFRR {
		virtual, _, _ := c.addresses()
		m.theirs.FRRMacvlan(c.family, vrid, virtual...)
	}
	if c.third {
		m.third = l.Host("third", "lan", "192.0.2.3/24")
	}
	m.tap = m.listen()
	return m
}

// listen taps our interface.
func (m *match) listen(filter ...bpf.Instruction) *tap {
	m.t.Helper()
	tap, stop, err := listen(m.ours, filter...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(stop)
	return tap
}

// Priorities of the peer, and of vipd as the better and the worse one.
const theirPriority, better, worse = 100, 150, 50

// play goes through the events of the matrix.
func (m *match) play() {
	m.startPeer()
	m.speaks(theirPriority, settle)

	m.startVipd(better)
	m.took["preempt"] = m.speaks(better, 2*m.masterDown(better)+settle)
	m.steady(better)
	m.instance(vrrp.StateMaster)
	m.took["master"] = 3 * m.interval

	m.handOver()
	for again := 0; m.lost-m.own > m.tolerable() && again < lateMachine; again++ {
		m.startVipd(better)
		m.speaks(better, 2*m.masterDown(better)+settle)
		m.handOver()
	}
	if m.lost-m.own > m.tolerable() {
		m.t.Errorf("%v: %d of %d pings were lost at a hand-over, %d by the successor", m.cell, m.lost, m.sent, m.own)
	}

	own := m.listen(ownVirtual...)
	m.startVipd(worse)
	m.instance(vrrp.StateBackup)
	m.steady(theirPriority)
	m.took["backup"] = 3 * m.interval
	if said := own.all(); len(said) > 0 {
		// A switch would take it for news about the master's port.
		m.t.Errorf("%v: a backup sent %d frames with the virtual MAC address, first %x", m.cell, len(said), said[0])
	}

	began := time.Now()
	m.killPeer()
	m.speaks(worse, m.masterDown(worse)+settle)
	m.took["kill"] = m.first(worse, began)
	m.startPeer()
	m.speaks(theirPriority, settle)
	for reason, n := range m.instance(vrrp.StateBackup).Counters.Dropped {
		// A peer that died does not know the highest number of before, and one that
		// speaks already is heard before the interface of a virtual MAC address is up.
		known := m.auth == "AH" && reason == vrrp.DropReplay || m.virtual() && reason == vrrp.DropInactive
		if n > 0 && !known {
			m.t.Errorf("vipd rejected %d packets: %s", n, reason)
		}
	}

	m.startVipd(better)
	m.speaks(better, 2*m.masterDown(better)+settle)
	began = time.Now()
	m.vipd.Kill()
	m.speaks(theirPriority, settle)
	m.took["die"] = m.first(theirPriority, began)
}

// lateMachine is how often a hand-over is tried again that lost pings: a busy
// machine can be late by itself, one that is not shows what the daemons do.
const lateMachine = 2

// pingEvery is how often a client asks for the virtual address.
const pingEvery = 5 * time.Millisecond

// handOver stops vipd under a client that pings the virtual address every 5 ms.
func (m *match) handOver() {
	virtual, _, _ := m.addresses()
	target, _, _ := strings.Cut(virtual[len(virtual)-1], "/")
	wire := m.client.Capture("eth0")
	pings := m.client.Ping(target, pingEvery)
	time.Sleep(slack / 4)
	began := time.Now()
	m.vipd.Signal(syscall.SIGTERM)
	m.speaks(theirPriority, settle)
	m.took["stop"] = m.first(theirPriority, began)
	if _, err := m.vipd.Wait(settle); err != nil {
		m.t.Error(err)
	}
	time.Sleep(slack / 4)
	sent, lost := pings.Stop()
	m.sent, m.lost, m.own = sent, len(lost), 0
	if m.virtual() && m.peer == peerKeepalived {
		m.own = unserved(lost, began.Add(m.took["stop"]), wire.Frames(began), target)
	}
	if m.lost > 0 {
		m.t.Logf("%v: %d of %d pings were lost, from %v to %v after the stop", m.cell, m.lost, sent, lost[0].Sub(began), lost[m.lost-1].Sub(began))
	}
}

// losses is what a page says of the pings.
func (m *match) losses() string {
	text := fmt.Sprintf("%d of %d lost", m.lost, m.sent)
	if m.own > 0 {
		text += fmt.Sprintf(", %d of them by the successor", m.own)
	}
	return text
}

// unserved counts the lost pings for which keepalived had the MAC address, by
// its first advert, but not yet the address, which it announces when it is up.
func unserved(lost []time.Time, turned time.Time, frames []lab.Frame, target string) (n int) {
	up := slices.IndexFunc(frames, func(f lab.Frame) bool {
		return f.At.After(turned) && f.ARP != nil && f.ARP.Gratuitous() && f.ARP.Sender.String() == target
	})
	for _, at := range lost {
		if at.After(turned.Add(-pingEvery)) && (up < 0 || at.Before(frames[up].At)) {
			n++
		}
	}
	return n
}

func (m *match) startVipd(priority int) {
	if m.vipd != nil && m.vipd.Running() {
		m.vipd.Signal(syscall.SIGTERM)
		if _, err := m.vipd.Wait(settle); err != nil {
			m.t.Error(err)
		}
	}
	m.vipd = m.ours.Vipd(m.cell.vipd(priority))
}

func (m *match) startPeer() {
	switch m.peer {
	case peerFRR:
		m.frr = m.theirs.FRR(m.cell.frr(theirPriority))
	case peerKeepalived:
		// Without a line for each announcement: it writes them before the next one.
		m.keepalived = m.theirs.KeepalivedWith(m.cell.keepalived(theirPriority))
	case peerVipd:
		m.theirs.Vipd(m.cell.vipd(theirPriority))
	}
}

func (m *match) killPeer() {
	if m.peer == peerFRR {
		m.frr.Kill()
		return
	}
	m.keepalived.Kill()
}

// speaks waits until only adverts of this priority are on the wire, and
// returns how long that took.
func (m *match) speaks(priority uint8, within time.Duration) time.Duration {
	m.t.Helper()
	return lab.WaitFor(m.t, fmt.Sprintf("%v: only priority %d is on the wire", m.cell, priority), within, func() error {
		return m.only(priority, time.Now().Add(-2*m.interval))
	})
}

// only returns nil when adverts of this priority, and no others, were heard.
func (m *match) only(priority uint8, since time.Time) error {
	heard := m.tap.since(since)
	if len(heard) == 0 {
		return fmt.Errorf("silence")
	}
	for _, s := range heard {
		if s.priority != priority {
			return fmt.Errorf("%v says %d", s.src, s.priority)
		}
	}
	return nil
}

// steady watches that one side goes on alone.
func (m *match) steady(priority uint8) {
	m.t.Helper()
	time.Sleep(5 * m.interval)
	if err := m.only(priority, time.Now().Add(-3*m.interval)); err != nil {
		m.t.Errorf("%v: not only priority %d is on the wire: %v", m.cell, priority, err)
	}
}

// first returns how long after a time the first advert of a priority came.
func (m *match) first(priority uint8, since time.Time) time.Duration {
	for _, s := range m.tap.since(since) {
		if s.priority == priority {
			return s.at.Sub(since)
		}
	}
	return 0
}

// instance waits for vipd to be in a state and returns what it says.
func (m *match) instance(want vrrp.State) (in api.Instance) {
	m.t.Helper()
	lab.WaitFor(m.t, fmt.Sprintf("%v: vipd is %v", m.cell, want), settle, func() error {
		var st api.Status
		if err := m.vipd.Status(&st); err != nil {
			return err
		}
		if len(st.Instances) != 1 || st.Instances[0].State != want {
			return fmt.Errorf("it is %+v", st.Instances)
		}
		in = st.Instances[0]
		return nil
	})
	return in
}

// events are the columns of the page.
var events = []struct{ name, title string }{
	{"master", "vipd is master"}, {"backup", "vipd is backup"}, {"preempt", "vipd preempts"},
	{"stop", "vipd stops"}, {"die", "vipd is killed"}, {"kill", "peer is killed"},
}

// report writes the page.
func report(results map[cell]*match) string {
	var b strings.Builder
	b.WriteString("# Interoperation\n\nMade by `make interop` at commit " + os.Getenv("VIPD_INTEROP_COMMIT") + ": vipd beside a real peer in two network namespaces, once through all events in each cell.\n" +
		"The interval is 1 s in version 2 and 100 ms in version 3; vipd has priority 150 or 50, the peer 100. " +
		"Times run from the event to the first advert of the new master; `held` is three intervals and more without an advert of the other side. " +
		"The stop is a hand-over: behind its time, how many of the pings to the virtual address, one every 5 ms, were lost. " +
		"FRR adverts over IPv6 some 80 ms before it answers; where we have the same MAC address the switch has moved to it by then.\n\n")
	b.WriteString("| peer | version | family | way | authentication |")
	for _, e := range events {
		fmt.Fprintf(&b, " %s |", e.title)
	}
	b.WriteString("\n|---|---|---|---|---|" + strings.Repeat("---|", len(events)) + "\n")
	for _, c := range cells() {
		fmt.Fprintf(&b, "| %s | %d | IPv%d | %s | %s |", c.peer, c.version, c.family, c.transport, c.auth)
		if why := c.why(); why != "" {
			fmt.Fprintf(&b, " – (%s)%s\n", why, strings.Repeat(" |", len(events)))
			continue
		}
		for _, e := range events {
			fmt.Fprintf(&b, " %s |", results[c].outcome(e.name))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (m *match) outcome(event string) string {
	if m == nil {
		return "**not run**"
	}
	took, happened := m.took[event]
	switch {
	case !happened || m.t.Failed():
		return "**failed**"
	case event == "master" || event == "backup":
		return "held"
	}
	text := took.Round(time.Millisecond).String()
	if event == "stop" {
		text += ", " + m.losses()
	}
	return text
}
