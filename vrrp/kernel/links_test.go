package kernel

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// bubble runs a test in virtual time with addresses that cmp can compare.
func bubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }

var comparing = cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func wantKinds(t *testing.T, k *fakeKernel, want ...runner.AddressEventKind) {
	t.Helper()
	if diff := cmp.Diff(want, k.kinds()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// The record and the setting that protects the host come before the address.
func TestSafety_1_6_LifeOfALease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.did()
		k.links.Hold(hold(1, vip(100), vip(101)))
		want(t, "hold", k.did(), "save, sysctl 1, add 192.0.2.100/24, add 192.0.2.101/24")
		stands := stored{
			Addresses: []storedAddress{{"eth0", vip(100)}, {"eth0", vip(101)}},
			Promote:   map[string]string{"eth0": "0"},
		}
		if diff := cmp.Diff(stands, k.saved, comparing); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		k.links.Hold(refresh(1, vip(100), vip(101)))
		want(t, "refresh", k.did(), "refresh 192.0.2.100/24, refresh 192.0.2.101/24")
		k.links.Release(release(2, vip(100)))
		want(t, "first release", k.did(), "remove 192.0.2.100/24, save")
		k.links.Release(release(2, vip(101)))
		want(t, "last release", k.did(), "remove 192.0.2.101/24, sysctl 0, save")
		if len(k.saved.Addresses) != 0 || len(k.saved.Promote) != 0 {
			t.Errorf("record after the last release: %+v, want empty", k.saved)
		}
		if st := k.links.Status(); len(st) != 0 {
			t.Errorf("status after the last release: %+v, want nothing", st)
		}
		wantKinds(t, k)
	})
}

func TestStatusOfAHeldAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100)))
		synctest.Wait()
		want := []runner.AddressStatus{{
			Interface: "eth0", Address: vip(100), State: runner.AddressHeld,
			Lease: 5 * time.Second, Refreshed: time.Now(),
		}}
		if diff := cmp.Diff(want, k.links.Status(), comparing); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	})
}

func TestPermanentAddressesAreNotRefreshedAndNeedNoSetting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.did()
		h := hold(1, vip(100))
		h.Lease = 0
		k.links.Hold(h)
		want(t, "hold", k.did(), "save, add 192.0.2.100/24")
		h.Refresh = true
		k.links.Hold(h)
		want(t, "refresh", k.did(), "")
		// The lease mode changes on reload: the address becomes a lease.
		k.links.Hold(hold(1, vip(100)))
		want(t, "lease", k.did(), "save, sysctl 1, refresh 192.0.2.100/24")
	})
}

// The setting goes with the last lease: what stays for ever does not need it.
func TestSafety_1_6_SettingGoesWithTheLastLease(t *testing.T) {
	permanent := func(refresh bool, addrs ...netip.Prefix) *vrrp.Hold {
		h := hold(1, addrs...)
		h.Lease, h.Refresh = 0, refresh
		return h
	}
	for name, refresh := range map[string]bool{"held anew": false, "refreshed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t)
				k.links.Hold(hold(1, vip(100), vip(101)))
				k.did()
				k.links.Hold(permanent(refresh, vip(100)))
				want(t, "one becomes permanent", k.did(), "refresh 192.0.2.100/24")
				k.links.Hold(permanent(refresh, vip(101)))
				want(t, "the other, too", k.did(), "refresh 192.0.2.101/24, sysctl 0, save")
			})
		})
	}
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100)))
		k.links.Hold(permanent(false, vip(101)))
		k.did()
		k.links.Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 1})
		want(t, "release of the lease", k.did(), "remove 192.0.2.100/24, sysctl 0, save")
	})
}

func TestSafety_1_9_StaleHoldsAreDropped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(5, vip(100)))
		k.did()
		k.links.Hold(refresh(4, vip(100)))
		want(t, "older epoch", k.did(), "")
		late := refresh(5, vip(100))
		late.Deadline = time.Now().Add(-1)
		k.links.Hold(late)
		want(t, "past its deadline", k.did(), "")
		k.links.Hold(hold(4, vip(101)))
		want(t, "older epoch, not a refresh", k.did(), "")
		if k.has(vip(101)) {
			t.Error("a void Hold added an address")
		}
	})
}

// A Release that comes while a long Hold is carried out ends it.
func TestReleaseCutsHoldShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.slow = 10 * time.Millisecond })
		var all []netip.Prefix
		for i := range 20 {
			all = append(all, vip(100+i))
		}
		k.links.Hold(hold(1, all...))
		time.Sleep(35 * time.Millisecond) // three are there
		k.links.Release(release(2, all...))
		time.Sleep(time.Minute)
		log := k.did()
		if n := strings.Count(log, "add "); n != 4 {
			t.Errorf("%d addresses were added, want 4: %s", n, log)
		}
		if len(k.addrs) != 0 || len(k.saved.Addresses) != 0 {
			t.Errorf("left on the interface: %v, in the record: %v", k.addrs, k.saved.Addresses)
		}
	})
}

// Releases and Holds overtake refreshes that wait, and a Release takes its
// router's refreshes out of the queue.
func TestSafety_1_9_UrgentWorkOvertakesRefreshes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		var all []netip.Prefix
		for i := range 200 {
			all = append(all, vip(i))
		}
		other := hold(1, netip.MustParsePrefix("198.51.100.1/24"))
		other.ID.VRID = 2
		k.links.Hold(hold(1, all...))
		k.did()
		k.links.Hold(refresh(1, all...))
		if n := strings.Count(k.did(), "refresh"); n != burst {
			t.Errorf("first burst has %d refreshes, want %d", n, burst)
		}
		k.links.Hold(other)
		want(t, "hold between bursts", k.did(), "save, add 198.51.100.1/24"+refreshes(64, 127))
		k.links.Release(release(2, all...))
		log := k.did()
		if strings.Contains(log, "refresh") || strings.Count(log, "remove") != len(all) {
			t.Errorf("release between bursts: %s", log)
		}
	})
}

func refreshes(from, to int) (s string) {
	for i := from; i <= to; i++ {
		s += ", refresh " + vip(i).String()
	}
	return s
}

// A refresh period shorter than all bursts together starves no address.
func TestRefreshGoesOnWhereItWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		var all []netip.Prefix
		for i := range 200 {
			all = append(all, vip(i))
		}
		k.links.Hold(hold(1, all...))
		k.did()
		for range 8 { // 8 bursts of 64 reach 200 addresses two and a half times
			k.links.Hold(refresh(1, all...))
			time.Sleep(burstPause)
		}
		log := k.did()
		for _, p := range all {
			if n := strings.Count(log, "refresh "+p.String()); n < 2 {
				t.Errorf("%s was refreshed %d times, want at least twice", p, n)
			}
		}
	})
}

func TestSafety_1_8_BurstsArePaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		var all []netip.Prefix
		for i := range 250 {
			all = append(all, vip(i))
		}
		k.links.Hold(hold(1, all...))
		k.did()
		k.links.Hold(refresh(1, all...))
		var sizes []int
		for range 5 {
			sizes = append(sizes, strings.Count(k.did(), "refresh"))
			time.Sleep(burstPause)
		}
		if diff := cmp.Diff([]int{64, 64, 64, 58, 0}, sizes); diff != "" {
			t.Errorf("refreshes per burst (-want +got):\n%s", diff)
		}
	})
}

func TestSafety_1_5_HostAddressIsNeverTouched(t *testing.T) {
	for name, own := range map[string]netip.Prefix{
		"same prefix": vip(100), "other prefix length": netip.MustParsePrefix("192.0.2.100/32"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t, func(k *fakeKernel) { k.host(own) })
				k.did()
				k.links.Hold(hold(1, vip(100)))
				k.keep(3*time.Second, 1, vip(100))
				want(t, "state", string(k.state(vip(100))), string(runner.AddressHost))
				k.takenBy(foreignPort, vrrp.LifetimeForever, own)
				k.keep(3*time.Second, 1, vip(100))
				k.links.Release(release(2, vip(100)))
				for _, op := range []string{"add", "refresh", "remove"} {
					if log := k.did(); strings.Contains(log, op) {
						t.Errorf("host's address was touched: %s", log)
					}
				}
				wantKinds(t, k, runner.AddressIsHosts)
				if len(k.saved.Addresses) != 0 {
					t.Errorf("host's address stands in our record: %v", k.saved.Addresses)
				}
			})
		})
	}
}

// Somebody adds the address between our look and our add.
func TestCollisionWithTheHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.slow = time.Millisecond })
		k.links.Hold(hold(1, vip(99), vip(100)))
		synctest.Wait() // asleep in the first add
		k.note("", func() { k.host(vip(100)) })
		time.Sleep(time.Second)
		want(t, "state", string(k.state(vip(100))), string(runner.AddressHost))
		want(t, "state of the other", string(k.state(vip(99))), string(runner.AddressHeld))
		k.links.Release(release(2, vip(99), vip(100)))
		time.Sleep(time.Second)
		if !k.has(vip(100)) || k.has(vip(99)) {
			t.Error("release took the host's address or left ours")
		}
	})
}

func TestPrefixLengthOfOursMayChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		host32 := netip.PrefixFrom(vip(100).Addr(), 32)
		k.links.Hold(hold(1, host32))
		k.did()
		k.links.Release(release(2, host32))
		k.links.Hold(hold(3, vip(100)))
		synctest.Wait()
		if k.has(host32) || !k.has(vip(100)) {
			t.Errorf("on the interface: %v, want only %v", k.addrs, vip(100))
		}
		wantKinds(t, k)
	})
}

// Reality refuses: reported once, tried again, also without refreshes.
func TestRefusedAddIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.fail["add"] = unix.ENOBUFS })
		h := hold(1, vip(100))
		h.Lease, h.Deadline = 0, time.Now().Add(24*time.Hour)
		k.links.Hold(h)
		time.Sleep(3*time.Second + 500*time.Millisecond)
		want(t, "state", string(k.state(vip(100))), string(runner.AddressAbsent))
		want(t, "error", k.links.Status()[0].Error, unix.ENOBUFS.Error())
		wantKinds(t, k, runner.AddressFailed)
		k.note("", func() { delete(k.fail, "add") })
		time.Sleep(time.Second)
		want(t, "state", string(k.state(vip(100))), string(runner.AddressHeld))
		want(t, "error", k.links.Status()[0].Error, "")
	})
}

func TestRefusedRemovalIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100)))
		k.did()
		k.note("", func() { k.fail["remove"] = unix.ENOBUFS })
		k.links.Release(release(2, vip(100)))
		time.Sleep(2500 * time.Millisecond)
		if len(k.saved.Addresses) != 1 {
			t.Error("an address that is still there left the record")
		}
		k.note("", func() { delete(k.fail, "remove") })
		time.Sleep(time.Second)
		if k.has(vip(100)) || len(k.saved.Addresses) != 0 {
			t.Error("address is still there or in the record")
		}
	})
}

// A lease on an interface that could lose the host's address with it is not
// added.
func TestSafety_1_6_NoLeaseWithoutPromotion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.fail["sysctl"] = unix.EACCES })
		k.links.Hold(hold(1, vip(100)))
		if k.has(vip(100)) {
			t.Error("lease was added")
		}
		wantKinds(t, k, runner.AddressFailed)
	})
}

func TestSettingThatIsThereAlreadyIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.sysctl = "1" })
		k.links.Hold(hold(1, vip(100)))
		k.links.Release(release(2, vip(100)))
		if log := k.did(); strings.Contains(log, "sysctl") {
			t.Errorf("setting was written: %s", log)
		}
	})
}

func TestMissingInterface(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.index_ = 0 })
		k.links.Hold(hold(1, vip(100)))
		k.links.Release(release(2, vip(100)))
		synctest.Wait()
		k.links.Hold(hold(3, vip(100)))
		wantKinds(t, k, runner.AddressFailed)
		k.note("", func() { k.index_ = 9 })
		k.links.Hold(refresh(3, vip(100)))
		want(t, "state", string(k.state(vip(100))), string(runner.AddressHeld))
	})
}

func TestSafety_4_2_FoundAddressesWait(t *testing.T) {
	prepare := func(k *fakeKernel) {
		for i := 100; i < 104; i++ {
			k.ours(vip(i))
			if i < 103 {
				k.saved.Addresses = append(k.saved.Addresses, storedAddress{"eth0", vip(i)})
			}
		}
		k.host(vip(50))
		k.saved.Addresses = append(k.saved.Addresses, storedAddress{"eth0", vip(50)}) // taken over by the host
		k.saved.Promote = map[string]string{"eth0": "0"}
		k.sysctl = "1"
	}
	bubble(t, func(t *testing.T) {
		k := world(t, prepare)
		k.did()
		time.Sleep(10 * time.Second)
		want(t, "before anything is decided", k.did(), "")
		want(t, "state", string(k.state(vip(100))), string(runner.AddressFound))
		k.links.do(job{claim: map[place]vrrp.RouterID{{"eth0", vip(100)}: routerA, {"eth0", vip(101)}: routerA}})
		want(t, "unclaimed", k.did(), "remove 192.0.2.102/24, save")
		k.links.Hold(hold(1, vip(100)))
		want(t, "adopted by a master", k.did(), "refresh 192.0.2.100/24")
		k.links.Release(release(2, vip(101)))
		want(t, "released by a backup", k.did(), "remove 192.0.2.101/24, save")
		if !k.has(vip(103)) || !k.has(vip(50)) {
			t.Error("an address that another vipd or the host owns was removed")
		}
		k.links.Release(release(3, vip(100)))
		want(t, "last release", k.did(), "remove 192.0.2.100/24, sysctl 0, save")
	})
}

func TestOldKernelGoesByTheRecord(t *testing.T) {
	tests := []struct {
		proto           uint8
		recorded, keeps bool
		want            bool
	}{
		{AddressProtocol, false, true, true},
		{AddressProtocol, true, false, true},
		{0, true, true, false}, // the host's by now
		{0, true, false, true},
		{0, false, false, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			if got := isOurs(address{proto: tt.proto}, tt.recorded, tt.keeps); got != tt.want {
				t.Errorf("isOurs = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAnnouncementsFollowTheirHold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.slow = 10 * time.Millisecond; k.host(vip(1)) })
		k.links.Hold(hold(1, vip(100), vip(1)))
		k.links.announce(&vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(100), vip(1), vip(7)}, Repeat: 5, Epoch: 1})
		if got := k.announced(); len(got) != 0 {
			t.Errorf("announced before the address was there: %v", got)
		}
		time.Sleep(10 * time.Millisecond)
		// Not the one that is not here.
		if diff := cmp.Diff([]string{"[192.0.2.100/24 192.0.2.1/24] × 5"}, k.announced()); diff != "" {
			t.Errorf("announced (-want +got):\n%s", diff)
		}
		k.links.Hold(hold(2, vip(101)))
		k.links.announce(&vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Repeat: 5, Epoch: 2})
		k.links.cancel(routerA)
		time.Sleep(time.Second)
		if got := k.announced(); len(got) != 1 {
			t.Errorf("cancelled announcement was sent: %v", got)
		}
	})
}

// The engine learns what refreshing costs when that changes the period, and
// not at every burst.
func TestSafety_1_8_RefreshCostIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.quiet = true })
		var many []netip.Prefix
		for i := range 200 {
			many = append(many, vip(i))
		}
		costs := func() (all []time.Duration) {
			for _, ev := range k.fed {
				if c, ok := ev.(*vrrp.RefreshCost); ok {
					all = append(all, c.Cost)
				}
			}
			return all
		}
		round := func() {
			h := lease(1, 30, many...)
			h.Refresh = true
			k.links.Hold(h)
			time.Sleep(10 * time.Second)
			synctest.Wait()
		}
		k.links.Hold(lease(1, 30, many...))
		time.Sleep(time.Second)
		for range 3 {
			round()
		}
		if got := costs(); got != nil {
			t.Errorf("cheap refreshes were told: %v", got)
		}
		k.slow = time.Millisecond
		for range 20 {
			round()
		}
		got := costs()
		if n := len(got); n == 0 || n > 12 || got[n-1] < 180*time.Millisecond || got[n-1] > 200*time.Millisecond {
			t.Errorf("200 refreshes of 1 ms each: told %v", got)
		}
		k.slow = 0
		for range 20 {
			round()
		}
		if got := costs(); got[len(got)-1] > 20*time.Millisecond {
			t.Errorf("cheap again: told %v", got)
		}
	})
}

// A reload that makes addresses permanent overtakes refreshes, which must not
// give them an end again.
func TestRefreshDoesNotUndoANewerHold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		var all []netip.Prefix
		for i := range 200 {
			all = append(all, vip(i))
		}
		k.links.Hold(hold(1, all...))
		k.did()
		k.links.Hold(refresh(1, all...))
		k.did() // a first burst
		forever := hold(1, all...)
		forever.Lease, forever.Deadline = 0, time.Time{}
		k.links.Hold(forever)
		time.Sleep(time.Second)
		for _, a := range k.addrs {
			if a.remaining != 0 { // of a lease
				t.Fatalf("%s has %d s left, want no end", a.prefix, a.remaining)
			}
		}
	})
}

// An address that two routers hold stays until the second one leaves, whichever
// came first.
func TestAddressOfTwoRouters(t *testing.T) {
	other := vrrp.RouterID{Interface: routerA.Interface, VRID: routerA.VRID + 1, Family: routerA.Family}
	for name, first := range map[string]bool{"the first leaves": true, "the second leaves": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t)
				k.links.Hold(hold(1, vip(100)))
				second := hold(1, vip(100))
				second.ID = other
				k.links.Hold(second)
				k.did()
				leave, last := release(2, vip(100)), release(2, vip(100))
				if last.ID = other; !first {
					leave, last = last, leave
				}
				k.links.Release(leave)
				want(t, "one leaves", k.did(), "")
				again := refresh(1, vip(100))
				again.ID = last.ID
				k.links.Hold(again)
				want(t, "the other one goes on", k.did(), "refresh 192.0.2.100/24")
				k.links.Release(last)
				want(t, "the other one leaves", k.did(), "remove 192.0.2.100/24, sysctl 0, save")
				wantKinds(t, k)
			})
		})
	}
}
