package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestKeepalived_Q4_GrowingListKeepsOneMaster: an operator adds an address to
// the master first. keepalived's backup drops its adverts then and becomes a
// second master; ours goes on obeying.
func TestKeepalived_Q4_GrowingListKeepsOneMaster(t *testing.T) {
	t.Parallel()
	for _, c := range []vrrp.Config{settings(version2), settings()} {
		g := newBackup(t, c)
		for range 10 {
			g.wait(time.Second)
			g.advert(higher, 200, func(a *vrrp.Advert) {
				a.List = vrrp.AppendList(nil, prefixes("192.0.2.100/24", "192.0.2.101/24"))
			})
		}
		g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
		g.seen("report address_list peer 192.0.2.3 (virtual addresses differ from ours)")
	}
}

// TestKeepalived_Q6_IntervalZeroIsNotLearned: keepalived and FRR learn the
// interval 0 and take over at once.
func TestKeepalived_Q6_IntervalZeroIsNotLearned(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 0 })
	g.seen("drop interval_zero from 192.0.2.3")
	g.timer(fullDown)
}

// TestUcarp_NeverTakenForVRRP: its packets carry a valid version 2 checksum
// and priority 0 where VRRP has it; only the length gives them away.
func TestUcarp_NeverTakenForVRRP(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range readVectors(t, "captured.jsonl") {
		if v.Reject != string(vrrp.DropLength) {
			continue
		}
		seen++
		g := newBackup(t, settings(version2))
		g.packet(higher, func(p *vrrp.Received) { p.Payload = v.payload(t) })
		g.packet(higher, func(p *vrrp.Received) {
			p.Payload = append(v.payload(t)[:1:1], append([]byte{51}, v.payload(t)[2:]...)...)
		})
		g.timer(fullDown)
		if n := g.status().Counters.Dropped[vrrp.DropLength]; n == 0 {
			t.Errorf("%s: %v", v.Name, g.log)
		}
	}
	if seen == 0 {
		t.Error("no packet of ucarp was captured")
	}
}
