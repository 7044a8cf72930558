package interop

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// vipd has the higher priority: it is elected, announces itself, hands over to
// keepalived with priority 0, and takes the VIP back.
func TestKeepalived_BackupOfOurs(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startKeepalived(100, "")
		d.startVipd(150, "")
		d.ownedBy(d.ours, settle)
		d.steady(d.ours, d.theirs)
		if n := len(d.wire.Announced(d.ours, vip, time.Time{})); n < vrrp.DefaultGARPRepeat {
			t.Errorf("vipd announced the VIP %d times, want at least %d", n, vrrp.DefaultGARPRepeat)
		}
		d.adverts(150)
		d.nothingRejected()

		client := d.net.Host("client", "lan", "192.0.2.9/24").Ping(vip, 5*time.Millisecond)
		time.Sleep(slack / 4)
		stopped := time.Now()
		d.vipd.Signal(syscall.SIGTERM)
		if status, err := d.vipd.Wait(vrrp.HandOverBound(d.version, d.interval) + slack); status != 0 || err != nil {
			t.Errorf("after SIGTERM: exit status %d, %v", status, err)
		}
		d.ownedBy(d.theirs, slack)
		took := d.owners.Spans(d.theirs)[0].Start.Sub(stopped)
		if sent, lost := client.Stop(); len(lost) > tolerable {
			t.Errorf("%d of %d pings were lost", len(lost), sent)
		} else {
			t.Logf("%d of %d pings lost, both had the VIP for %v", len(lost), sent, d.owners.Overlap())
		}
		if d.zeros(d.ours, stopped) == 0 {
			t.Error("vipd sent no advert with priority 0")
		}
		t.Logf("version %d: keepalived took over %v after priority 0", d.version, took)

		d.startVipd(150, "")
		took = d.ownedBy(d.ours, d.preemption(150))
		t.Logf("version %d: vipd preempted after %v", d.version, took)
		d.state(vrrp.StateMaster, vrrp.ReasonPreempt)
		d.steady(d.ours, d.theirs)
		if over := d.owners.Overlap(); over > slack {
			t.Errorf("both had the VIP for %v", over)
		}
	})
}

// Every process of vipd dies at once: keepalived takes over, and the kernel
// takes the VIP from the dead.
func TestKeepalived_TakesOverFromOurDead(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startVipd(150, "")
		d.ownedBy(d.ours, settle)
		d.startKeepalived(100, "")
		d.steady(d.ours, d.theirs)
		d.state(vrrp.StateMaster, vrrp.ReasonMasterDown)
		lease := d.instance().LeaseTime
		if lease < d.masterDown(1) {
			t.Errorf("lease %v ends before the slowest backup takes over (%v)", lease, d.masterDown(1))
		}

		killed := time.Now()
		d.vipd.Kill()
		lab.WaitFor(t, "keepalived has the VIP", d.masterDown(100)+slack, func() error {
			if len(d.owners.Spans(d.theirs)) > 0 {
				return nil
			}
			return d.owners.Only(d.theirs)
		})
		d.ownedBy(d.theirs, lease+slack)
		if n := d.zeros(d.ours, killed); n > 0 {
			t.Errorf("a killed vipd sent %d adverts with priority 0", n)
		}
		gone := d.owners.Spans(d.ours)[0].End.Sub(killed)
		t.Logf("version %d: VIP vanished %v after the kill, lease %v, both had it for %v", d.version, gone, lease, d.owners.Overlap())
	})
}

// Our link is cut: vipd is in fault without the VIP, and comes back with it.
func TestKeepalived_TakesOverFromOurFault(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startVipd(150, "")
		d.ownedBy(d.ours, settle)
		d.startKeepalived(100, "")
		d.steady(d.ours, d.theirs)

		d.ours.LinkDown("eth0")
		d.ownedBy(d.theirs, d.masterDown(100)+slack)
		d.state(vrrp.StateFault, vrrp.ReasonInterfaceDown)

		d.ours.LinkUp("eth0")
		d.ownedBy(d.ours, d.preemption(150))
		d.steady(d.ours, d.theirs)
	})
}

// The network between the two is cut, so both become master; vipd, the better
// one, keeps the VIP when it heals, and tells the network whose it is.
func TestKeepalived_PartitionHeals(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startVipd(150, "")
		d.ownedBy(d.ours, settle)
		d.startKeepalived(100, "")
		d.steady(d.ours, d.theirs)

		d.net.Partition(d.ours, d.theirs)
		lab.WaitFor(t, "both are master", settle, func() error {
			if owners := d.owners.Owners(); len(owners) != 2 {
				return fmt.Errorf("only %v", owners)
			}
			return nil
		})
		d.net.Heal(d.ours, d.theirs)
		d.ownedBy(d.ours, d.masterDown(100)+slack)
		d.steady(d.ours, d.theirs)
		d.state(vrrp.StateMaster, vrrp.ReasonMasterDown) // without an interruption
	})
}
