package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/vrrp"
)

// A last will is for routers that were master until a moment ago, with addresses
// that are there and ours, and that somebody else could have.
func TestSafety_5_3_Orphans(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	dir := t.TempDir()
	h := open(t, dir)
	record := openRecord(t, dir)
	record.Begin()
	h.Links().Hold(lease(1, 60, vip(100), vip(101)))
	must(t, h.Links().Flush(patience))
	must(t, h.Close())
	now := Now()
	record.Sent(routerA, now)
	theirs := vip(101)
	must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, theirs.String())))
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, theirs.String())))

	router := func(addresses ...netip.Prefix) vrrp.Config {
		return vrrp.Config{ID: routerA, AdvertInterval: time.Second, Addresses: addresses, Peers: true}
	}
	lonely, elsewhere := router(vip(100)), router(vip(100))
	lonely.Peers = false
	elsewhere.ID.VRID = 99
	for _, tt := range []struct {
		name    string
		c       vrrp.Config
		age     time.Duration
		restart time.Duration
		want    bool
	}{
		{"master until now", router(vip(100)), 0, time.Hour, true},
		{"just before a backup may take over", router(vip(100)), 3*time.Second - 1, time.Hour, true},
		{"when a backup may take over", router(vip(100)), 3 * time.Second, time.Hour, false},
		{"back in time", router(vip(100)), time.Second, 2*time.Second - 1, false},
		{"not back in time", router(vip(100)), time.Second, 2 * time.Second, true},
		{"never master", elsewhere, 0, time.Hour, false},
		{"nobody could take over", lonely, 0, time.Hour, false},
		{"an address that is gone", router(vip(100), vip(102)), 0, time.Hour, false},
		{"an address that somebody else has put there", router(vip(100), theirs), 0, time.Hour, false},
		{"an address of the host", router(vip(1)), 0, time.Hour, false},
	} {
		if got := len(openRecord(t, dir).Orphans([]vrrp.Config{tt.c}, nil, now.Add(tt.age), tt.restart)) == 1; got != tt.want {
			t.Errorf("%s: orphan %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := openRecord(t, dir).Orphans([]vrrp.Config{lonely}, map[vrrp.RouterID]bool{routerA: true}, now, time.Hour); len(got) != 1 {
		t.Error("a peer that was heard once does not count")
	}
	openRecord(t, dir).Begin()
	if got := openRecord(t, dir).Orphans([]vrrp.Config{router(vip(100))}, nil, now, time.Hour); len(got) != 0 {
		t.Error("an advert under an earlier supervisor counts")
	}
}

// The numbers of adverts outlive processes and supervisors.
func TestSafety_5_6_RecordCounts(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	r.Sent(routerA, Now())
	if n := len(r.Sequences()); n != 0 {
		t.Errorf("%d numbers out of nowhere", n)
	}
	const last = 1<<63 + 5
	r.Counted(routerA, last-1)
	r.Counted(routerA, last)
	r.Left(routerA)
	next := openRecord(t, dir)
	next.Begin()
	if got := next.Sequences()[routerA]; got != last {
		t.Errorf("last number %d, want %d", got, uint64(last))
	}
}
