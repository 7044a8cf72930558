package interop

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

const (
	vip  = "192.0.2.20"
	vrid = 51
	// slack is what a busy machine may add to a time of the protocol.
	slack = 2 * time.Second
	// settle bounds waits that are not claims.
	settle = 20 * time.Second
	// tolerable is how many pings, one every 5 ms, a hand-over may lose on a
	// busy machine. keepalived itself loses 122 in version 2.
	tolerable = 4
)

// protocol is a version with an interval that keeps the tests short.
type protocol struct {
	version  uint8
	interval time.Duration
}

var (
	version2 = protocol{2, time.Second}
	version3 = protocol{3, 100 * time.Millisecond}
)

// skew is the skew time of a priority (RFC 3768 §6.1 in seconds, RFC 9568 §6.1
// in intervals; the same for an interval of one second).
func (p protocol) skew(priority uint8) time.Duration {
	return time.Duration(256-int(priority)) * p.interval / 256
}

// masterDown is the master-down interval of a priority.
func (p protocol) masterDown(priority uint8) time.Duration { return 3*p.interval + p.skew(priority) }

// duel is one vipd and one keepalived on a segment, and a witness.
type duel struct {
	protocol
	t          *testing.T
	net        *lab.Lab
	ours       *lab.Host // runs vipd, at .1
	theirs     *lab.Host // runs keepalived, at .2
	wire       *lab.Capture
	owners     *lab.Ownership
	vipd       *lab.Vipd
	keepalived *lab.Proc
}

// inBothVersions runs a test in versions 2 and 3, in parallel.
func inBothVersions(t *testing.T, test func(t *testing.T, d *duel)) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	for _, p := range []protocol{version2, version3} {
		t.Run(fmt.Sprintf("version %d", p.version), func(t *testing.T) {
			t.Parallel()
			test(t, newDuel(t, p))
		})
	}
}

func newDuel(t *testing.T, p protocol) *duel {
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	d := &duel{protocol: p, t: t, net: l, ours: l.Host("vipd", "lan", "192.0.2.1/24"), theirs: l.Host("keepalived", "lan", "192.0.2.2/24")}
	d.wire = l.Host("witness", "lan", "192.0.2.3/24").Capture("eth0")
	d.owners = l.Ownership(vip, d.ours, d.theirs)
	return d
}

// startVipd starts vipd; extra goes into its vrrp_instance block.
func (d *duel) startVipd(priority uint8, extra string) {
	d.vipd = d.ours.Vipd(fmt.Sprintf(`version = 1
director "vipd" { address = "192.0.2.1" }
director "keepalived" { address = "192.0.2.2" }
vrrp_instance "duel" {
  interface       = "eth0"
  vrid            = %d
  version         = %d
  priority        = %d
  advert_interval = "%s"
  virtual_address = ["%s/24"]
  %s
}
`, vrid, d.version, priority, d.interval, vip, extra))
}

// startKeepalived starts keepalived; extra goes into its vrrp_instance block.
func (d *duel) startKeepalived(priority uint8, extra string) {
	d.keepalived = d.theirs.Keepalived(fmt.Sprintf(`global_defs {
  vrrp_version %d
}
vrrp_instance duel {
  interface eth0
  virtual_router_id %d
  priority %d
  advert_int %g
  virtual_ipaddress {
    %s/24
  }
  %s
}
`, d.version, vrid, priority, d.interval.Seconds(), vip, extra))
}

// stopKeepalived ends keepalived in its orderly way, with priority 0 when it is
// master, and returns when that began.
func (d *duel) stopKeepalived() time.Time {
	d.t.Helper()
	since := time.Now()
	d.keepalived.Signal(syscall.SIGTERM)
	if _, err := d.keepalived.Wait(settle); err != nil {
		d.t.Fatal(err)
	}
	return since
}

// preemption is the longest time from the start of a better router until it is
// master: it waits for one master-down before it may preempt at all
// (a start must not steal the VIP before the node is ready), then lets the
// master-down interval run out.
func (d *duel) preemption(priority uint8) time.Duration { return 2*d.masterDown(priority) + slack }

// ownedBy waits until the host alone has the VIP.
func (d *duel) ownedBy(h *lab.Host, within time.Duration) time.Duration {
	d.t.Helper()
	return lab.WaitFor(d.t, h.Name+" alone has the VIP", within, func() error { return d.owners.Only(h) })
}

// steady checks for a while that the host alone has the VIP and that the other
// sends no adverts.
func (d *duel) steady(h, other *lab.Host) {
	d.t.Helper()
	d.uncrossed(h, other)
	since := time.Now()
	lab.Steady(d.t, h.Name+" alone has the VIP", 3*d.interval+slack/4, func() error { return d.owners.Only(h) })
	if n := len(d.wire.Adverts(other, since)); n > 0 {
		d.t.Errorf("%s sent %d adverts while %s was master", other.Name, n, h.Name)
	}
	if n := len(d.wire.Adverts(h, since)); n < 2 {
		d.t.Errorf("%s, master, sent %d adverts in %v", h.Name, n, time.Since(since))
	}
}

// uncrossed waits until the host has the last word. Two timers may run out
// within one flight of an advert: then both are master until the worse one has
// heard the better one, which was sent at once (RFC 9568 §6.4.2, §6.4.3). It may
// have said one advert by then, and no second one.
func (d *duel) uncrossed(h, other *lab.Host) {
	d.t.Helper()
	began := time.Now()
	lab.WaitFor(d.t, h.Name+" alone is heard and has the VIP", 2*d.interval+slack, func() error {
		var last time.Time
		if all := d.wire.Adverts(other, time.Time{}); len(all) > 0 {
			last = all[len(all)-1].At
		}
		if len(d.wire.Adverts(h, last)) == 0 {
			return fmt.Errorf("%s spoke last", other.Name)
		}
		return d.owners.Only(h)
	})
	if n := len(d.wire.Adverts(other, began)); n > 1 {
		d.t.Errorf("%s sent %d adverts beside a better master, want one at most", other.Name, n)
	}
}

// instance is what vipd says of its instance, as soon as it answers.
func (d *duel) instance() (in api.Instance) {
	d.t.Helper()
	lab.WaitFor(d.t, "vipd tells its status", settle, func() error {
		var st api.Status
		if err := d.vipd.Status(&st); err != nil {
			return err
		}
		if len(st.Instances) != 1 {
			return fmt.Errorf("%d instances", len(st.Instances))
		}
		in = st.Instances[0]
		return nil
	})
	return in
}

// state checks what vipd says that it is, and why.
func (d *duel) state(want vrrp.State, why vrrp.Reason) {
	d.t.Helper()
	lab.WaitFor(d.t, fmt.Sprintf("vipd is %v (%v)", want, why), settle, func() error {
		if in := d.instance(); in.State != want || in.LastReason != why {
			return fmt.Errorf("it is %v (%v)", in.State, in.LastReason)
		}
		return nil
	})
}

// nothingRejected checks that vipd rejected no packet of the peer.
func (d *duel) nothingRejected() {
	d.t.Helper()
	for reason, n := range d.instance().Counters.Dropped {
		if n > 0 {
			d.t.Errorf("vipd rejected %d packets: %s", n, reason)
		}
	}
}

// adverts checks every advert of vipd on the wire, field by field.
func (d *duel) adverts(priority uint8) {
	d.t.Helper()
	for _, got := range d.wire.Adverts(d.ours, time.Time{}) {
		want := lab.Advert{
			At: got.At, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("224.0.0.18"), TTL: 255, TOS: 0xc0,
			Version: d.version, Type: 1, VRID: vrid, Priority: priority, Interval: d.interval,
			Addresses: []netip.Addr{netip.MustParseAddr(vip)},
		}
		if got.Priority == 0 {
			want.Priority = 0
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			d.t.Fatalf("advert of vipd (-want +got):\n%s", diff)
		}
	}
}

// zeros counts the adverts with priority 0 that a host sent.
func (d *duel) zeros(h *lab.Host, since time.Time) int {
	n := 0
	for _, a := range d.wire.Adverts(h, since) {
		if a.Priority == 0 {
			n++
		}
	}
	return n
}
