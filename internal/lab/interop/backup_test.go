package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// keepalived has the higher priority: vipd stays backup, takes over at its
// priority 0, and yields when it returns.
func TestKeepalived_MasterOfOurs(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startKeepalived(150, "")
		d.ownedBy(d.theirs, settle)
		d.startVipd(100, "")
		d.steady(d.theirs, d.ours)
		if n := len(d.wire.Adverts(d.ours, time.Time{})); n > 0 {
			t.Errorf("vipd sent %d adverts beside a better master", n)
		}
		d.state(vrrp.StateBackup, vrrp.ReasonStartup)

		stopped := d.stopKeepalived()
		d.ownedBy(d.ours, d.skew(100)+slack)
		if d.zeros(d.theirs, stopped) == 0 {
			t.Error("keepalived sent no advert with priority 0")
		}
		spans := d.owners.Spans(d.ours)
		t.Logf("version %d: vipd took over %v after keepalived's SIGTERM", d.version, spans[0].Start.Sub(stopped))
		d.state(vrrp.StateMaster, vrrp.ReasonMasterLeft)

		d.startKeepalived(150, "")
		d.ownedBy(d.theirs, d.masterDown(150)+slack)
		d.state(vrrp.StateBackup, vrrp.ReasonHigherPriority)
		d.steady(d.theirs, d.ours)
		d.adverts(100)
		d.nothingRejected()
		if over := d.owners.Overlap(); over > slack {
			t.Errorf("both had the VIP for %v", over)
		}
	})
}

// Every process of keepalived dies at once: vipd takes over after its
// master-down interval and not before. The dead keepalived's kernel keeps the
// VIP for ever, that is keepalived's way.
func TestKeepalived_DeadMaster(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startKeepalived(150, "")
		d.ownedBy(d.theirs, settle)
		d.startVipd(100, "")
		d.steady(d.theirs, d.ours)

		killed := time.Now()
		d.keepalived.Kill()
		lab.WaitFor(t, "vipd has the VIP", d.masterDown(100)+slack, func() error {
			if slices.Contains(d.owners.Owners(), "vipd") {
				return nil
			}
			return fmt.Errorf("it is on %v", d.owners.Owners())
		})
		took := d.owners.Spans(d.ours)[0].Start.Sub(killed)
		// The last advert left at most one interval before the kill.
		if earliest := d.masterDown(100) - d.interval; took < earliest-20*time.Millisecond {
			t.Errorf("vipd took over after %v, before %v", took, earliest)
		}
		d.state(vrrp.StateMaster, vrrp.ReasonMasterDown)
		t.Logf("version %d: vipd took over %v after the kill", d.version, took)
	})
}

// preempt = false: the better vipd lets the lower master live.
func TestKeepalived_NotPreempted(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.startKeepalived(100, "")
		d.ownedBy(d.theirs, settle)
		d.startVipd(150, "preempt = false")
		d.state(vrrp.StateBackup, vrrp.ReasonStartup)
		lab.Steady(t, "keepalived keeps the VIP", d.masterDown(150)+slack, func() error { return d.owners.Only(d.theirs) })

		d.stopKeepalived()
		d.ownedBy(d.ours, d.skew(150)+slack)
		d.startKeepalived(200, "state BACKUP\n  nopreempt")
		d.keepalived.WaitLog("Entering BACKUP STATE", settle)
		d.steady(d.ours, d.theirs)
	})
}

// Equal priorities: when a partition of two masters heals, the higher address,
// keepalived's, wins (RFC 9568 §6.4.3).
func TestKeepalived_TieBreak(t *testing.T) {
	inBothVersions(t, func(t *testing.T, d *duel) {
		d.net.Partition(d.ours, d.theirs)
		d.startVipd(100, "")
		d.startKeepalived(100, "")
		lab.WaitFor(t, "both are master", settle, func() error {
			if owners := d.owners.Owners(); len(owners) != 2 {
				return fmt.Errorf("only %v", owners)
			}
			return nil
		})
		d.net.Heal(d.ours, d.theirs)
		d.ownedBy(d.theirs, d.masterDown(100)+slack)
		d.state(vrrp.StateBackup, vrrp.ReasonTieBreak)
		d.steady(d.theirs, d.ours)
	})
}
