package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
)

// A lease that nobody refreshes really ends, is reported as such and takes
// nothing else along: the host's own address was secondary to it.
func TestSafety_1_1_KernelEndsALease(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	h := open(t, t.TempDir())
	defer h.Close()
	// The lease becomes short once all the rest is in place.
	h.Links().Hold(lease(1, 600, vip(100)))
	must(t, h.Links().Flush(patience))
	a, there := onInterface(t, "eth0", vip(100))
	if !there || a.proto != AddressProtocol || a.remaining > 600 {
		t.Fatalf("address is %+v (there: %v), want ours for at most 600 s", a, there)
	}
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, "192.0.2.1/24")))
	if own, _ := onInterface(t, "eth0", vip(1)); !own.secondary {
		t.Fatal("host's address is not secondary: the test shows nothing")
	}
	held := time.Now()
	h.Links().Hold(lease(1, 2, vip(100)))
	await(t, "lease lost", func() bool { return len(h.lost()) > 0 })
	// The kernel looks 0.2 s later, on a busy machine when it comes to that.
	if took := time.Since(held); took < 1700*time.Millisecond {
		t.Errorf("lease of 2 s ended after %v", took)
	}
	if diff := cmp.Diff([]vrrp.LeaseLost{{ID: routerA, Address: vip(100)}}, h.lost(), comparing); diff != "" {
		t.Errorf("lost leases (-want +got):\n%s", diff)
	}
	if _, there := onInterface(t, "eth0", vip(100)); there {
		t.Error("address is still there, or was put back")
	}
	if own, there := onInterface(t, "eth0", vip(1)); !there || own.secondary {
		t.Errorf("host's address is %+v (there: %v), want promoted to primary", own, there)
	}
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	must(t, h.Links().Flush(patience))
	if v, err := (promoteSecondaries{}).read("eth0"); err != nil || v != "0" {
		t.Errorf("promote_secondaries after the release: %q, %v, want it restored to 0", v, err)
	}
}

func TestKernelRefreshKeepsALease(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	h := open(t, t.TempDir())
	defer h.Close()
	h.Links().Hold(lease(1, 2, vip(100)))
	for range 8 {
		time.Sleep(500 * time.Millisecond)
		again := lease(1, 2, vip(100))
		again.Refresh = true
		h.Links().Hold(again)
	}
	must(t, h.Links().Flush(patience))
	if _, there := onInterface(t, "eth0", vip(100)); !there || len(h.lost()) != 0 || len(h.events) != 0 {
		t.Errorf("address there: %v, lost: %v, events: %v", there, h.lost(), h.events)
	}
	// To a permanent one and back, as a reload may ask.
	h.Links().Hold(lease(1, 0, vip(100)))
	must(t, h.Links().Flush(patience))
	if a, _ := onInterface(t, "eth0", vip(100)); a.remaining != vrrp.LifetimeForever {
		t.Errorf("address is %+v, want permanent", a)
	}
	h.Links().Hold(lease(1, 9, vip(100)))
	must(t, h.Links().Flush(patience))
	if a, _ := onInterface(t, "eth0", vip(100)); a.remaining > 9 {
		t.Errorf("address is %+v, want a lease of 9 s", a)
	}
}

// Removed by hand again and again: put back with an announcement, contested
// after the fifth time.
func TestSafety_6_3_KernelPutsBackUntilContested(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	heard := ear(t, "peer", protocolARP)
	h := open(t, t.TempDir())
	defer h.Close()
	h.Links().Hold(lease(1, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	for i := range 5 {
		must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, "192.0.2.100/24")))
		await(t, "removal noticed", func() bool { return h.happened(runner.AddressRemoved) == i+1 })
		if i == 4 {
			break
		}
		start := time.Now()
		for h.happened(runner.AddressPutBack) <= i && time.Since(start) < 8*time.Second {
			time.Sleep(time.Millisecond)
		}
		if _, there := onInterface(t, "eth0", vip(100)); !there {
			t.Fatalf("removal %d: not back after %v", i+1, time.Since(start))
		}
	}
	if st := h.Links().Status(); len(st) != 1 || st[0].State != runner.AddressContested || st[0].PutBacks != 4 {
		t.Errorf("status %+v, want contested after four put-backs", st)
	}
	if h.happened(runner.AddressDisputed) != 1 || len(h.lost()) != 0 {
		t.Errorf("alarms: %d, lost leases: %v, want one and none", h.happened(runner.AddressDisputed), h.lost())
	}
	frame(t, heard, isARPFor(vip(100).Addr()))
}

func TestSafety_1_5_KernelHostAddressStaysTheHosts(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "192.0.2.100/24")
	before, _ := onInterface(t, "eth0", vip(100))
	h := open(t, t.TempDir())
	defer h.Close()
	for epoch := range uint64(3) {
		h.Links().Hold(lease(2*epoch+1, 1, vip(100), vip(101)))
		again := lease(2*epoch+1, 1, vip(100), vip(101))
		again.Refresh = true
		h.Links().Hold(again)
		h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100), vip(101)}, Epoch: 2*epoch + 2})
		must(t, h.Links().Flush(patience))
	}
	if after, there := onInterface(t, "eth0", vip(100)); !there || after != before {
		t.Errorf("host's address is %+v (there: %v), want %+v as before", after, there, before)
	}
	if _, there := onInterface(t, "eth0", vip(101)); there {
		t.Error("ours is still there")
	}
}

// What a killed process left is found, not touched, and then adopted,
// released or, when nobody claims it, removed.
func TestKernelFindsWhatAnEarlierLifeLeft(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	dir := t.TempDir()
	first := open(t, dir)
	first.Links().Hold(lease(1, 60, vip(100), vip(101), vip(102)))
	must(t, first.Links().Flush(patience))
	must(t, first.Close()) // as a kill: nothing is released
	h := open(t, dir)
	defer h.Close()
	for _, st := range h.Links().Status() {
		if st.State != runner.AddressFound {
			t.Errorf("status %+v, want found", st)
		}
	}
	h.Claim([]vrrp.Config{{ID: routerA, Addresses: []netip.Prefix{vip(100), vip(101)}}})
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(101)}, Epoch: 1})
	h.Links().Hold(lease(2, 600, vip(100)))
	must(t, h.Links().Flush(patience))
	for n, want := range map[int]bool{100: true, 101: false, 102: false} {
		if _, there := onInterface(t, "eth0", vip(n)); there != want {
			t.Errorf("%v there: %v, want %v", vip(n), there, want)
		}
	}
	if a, _ := onInterface(t, "eth0", vip(100)); a.remaining < 500 {
		t.Errorf("adopted address is %+v, want the new lease", a)
	}
}

// An interface that goes takes its addresses along; that is no put-back.
func TestKernelInterfaceThatGoesIsNoRemoval(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	h := open(t, t.TempDir())
	defer h.Close()
	h.Links().Hold(lease(1, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	must(t, netlink.LinkDel(device(t, "eth0")))
	cable(t, "eth0", "peer", "192.0.2.1/24")
	time.Sleep(300 * time.Millisecond) // a put-back would be at once
	if n := h.happened(runner.AddressRemoved); n != 0 || len(h.lost()) != 0 {
		t.Errorf("%d removals and %v reported, want none", n, h.lost())
	}
	if _, there := onInterface(t, "eth0", vip(100)); there {
		t.Error("address was put on the new interface")
	}
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	h.Links().Hold(lease(3, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	if _, there := onInterface(t, "eth0", vip(100)); !there {
		t.Error("a new master cannot hold the address on the new interface")
	}
}
