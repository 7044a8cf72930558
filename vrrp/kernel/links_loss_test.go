package kernel

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// keepAll refreshes in the background until the test ends.
func (k *fakeKernel) keepAll(t *testing.T, epoch uint64, addrs ...netip.Prefix) {
	k.quiet = true
	k.links.Hold(hold(epoch, addrs...))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				k.links.Hold(refresh(epoch, addrs...))
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	k.did()
}

// The back-off of put-backs, exact in virtual time, up to a contest.
func TestSafety_6_2_PutBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.keepAll(t, 1, vip(100))
		for i, wait := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 5 * time.Second} {
			k.takenBy(foreignPort, 4, vip(100))
			want := []runner.AddressEventKind{runner.AddressRemoved}
			state := runner.AddressAbsent
			if i == 4 {
				want = append(want, runner.AddressDisputed)
				state = runner.AddressContested
			}
			if wait > 0 {
				time.Sleep(wait - 1)
				if k.has(vip(100)) {
					t.Fatalf("removal %d: back before %v", i+1, wait)
				}
				if got := k.state(vip(100)); got != state {
					t.Errorf("removal %d: state %s, want %s", i+1, got, state)
				}
				time.Sleep(1)
			}
			if !k.has(vip(100)) {
				t.Fatalf("removal %d: not back after %v", i+1, wait)
			}
			wantKinds(t, k, append(want, runner.AddressPutBack)...)
			if got := k.announced(); len(got) != i+1 {
				t.Errorf("removal %d: %d announcements, want %d", i+1, len(got), i+1)
			}
		}
		st := k.links.Status()[0]
		if st.State != runner.AddressContested || st.PutBacks != 5 {
			t.Errorf("status %+v, want contested with five put-backs", st)
		}
		time.Sleep(vrrp.PutBackWindow)
		want(t, "state after a minute of peace", string(k.state(vip(100))), string(runner.AddressHeld))
		if len(k.fed) != 0 {
			t.Errorf("the engine was told %v, want nothing", k.fed)
		}
	})
}

// A lease that ended is never put back, by nothing but a new mastership.
func TestSafety_1_10_LeaseLost(t *testing.T) {
	for name, notice := range map[string]func(k *fakeKernel){
		"notice says nothing was left": func(k *fakeKernel) { k.takenBy(0, 0, vip(100)) },
		"notice comes late": func(k *fakeKernel) {
			time.Sleep(5 * time.Second)
			k.takenBy(foreignPort, 3, vip(100))
		},
		"notice is missed": func(k *fakeKernel) {
			time.Sleep(6 * time.Second)
			k.note("", func() { delete(k.addrs, vip(100)) })
			k.links.lost(nil, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t)
				k.links.Hold(hold(1, vip(100), vip(101)))
				k.did()
				notice(k)
				synctest.Wait()
				want := []vrrp.Event{&vrrp.LeaseLost{ID: routerA, Address: vip(100)}}
				if diff := cmp.Diff(want, k.fed, comparing); diff != "" {
					t.Errorf("told the engine (-want +got):\n%s", diff)
				}
				wantKinds(t, k, runner.AddressLapsed)
				k.keep(3*time.Second, 1, vip(100), vip(101))
				if k.has(vip(100)) || len(k.announced()) != 0 {
					t.Error("a lost lease was brought back by a refresh")
				}
				k.links.Release(release(2, vip(100), vip(101)))
				k.links.Hold(hold(3, vip(100)))
				if !k.has(vip(100)) {
					t.Error("a new master cannot hold the address")
				}
				wantKinds(t, k)
			})
		})
	}
}

// A writer that comes late to a lease that has ended does not revive it.
func TestSafety_1_10_RefreshDoesNotReviveALease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100)))
		k.did()
		time.Sleep(5 * time.Second)
		k.links.Hold(refresh(1, vip(100)))
		want(t, "refresh", k.did(), "")
	})
}

func TestNoticesThatMeanNothing(t *testing.T) {
	tests := map[string]func(k *fakeKernel){
		"our own removal, added again since": func(k *fakeKernel) {
			k.links.lost([]loss{{"eth0", 7, vip(100), ourPort, 4}}, false)
		},
		"another interface of that name": func(k *fakeKernel) {
			k.links.lost([]loss{{"eth0", 6, vip(100), foreignPort, 4}}, false)
		},
		"an address of nobody":      func(k *fakeKernel) { k.takenBy(foreignPort, 4, vip(1)) },
		"missed notices, all there": func(k *fakeKernel) { k.links.lost(nil, true) },
		"it went with its interface": func(k *fakeKernel) {
			k.note("", func() { k.index_ = 0 })
			k.takenBy(0, 4, vip(100))
		},
		"it went with an interface that is back": func(k *fakeKernel) {
			k.note("", func() { k.index_ = 8 })
			k.takenBy(0, 4, vip(100))
		},
	}
	for name, notice := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t)
				k.links.Hold(hold(1, vip(100)))
				k.did()
				notice(k)
				time.Sleep(time.Minute)
				want(t, "changes", k.did(), "")
				wantKinds(t, k)
				if len(k.fed) != 0 {
					t.Errorf("the engine was told %v", k.fed)
				}
			})
		})
	}
}

// Taking a primary away takes secondaries with it, in our name.
func TestSideEffectOfOurOwnRemovalIsPutBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.keepAll(t, 1, vip(100))
		k.takenBy(ourPort, 4, vip(100))
		if !k.has(vip(100)) {
			t.Error("address did not come back")
		}
		wantKinds(t, k, runner.AddressRemoved, runner.AddressPutBack)
	})
}

// A loss that cannot be looked into is not forgotten: it is as soon as it can be.
func TestLossThatCannotBeLookedInto(t *testing.T) {
	for name, missed := range map[string]bool{"noticed": false, "unnoticed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := world(t)
				permanent := hold(1, vip(100))
				permanent.Lease, permanent.Deadline = 0, time.Now().Add(time.Minute)
				k.links.Hold(permanent)
				synctest.Wait()
				k.note("", func() {
					delete(k.addrs, vip(100))
					k.fail["list"] = unix.ENOBUFS
				})
				if missed {
					k.links.lost(nil, true)
				} else {
					k.links.lost([]loss{{"eth0", 7, vip(100), foreignPort, 4}}, false)
				}
				time.Sleep(3 * retryPause)
				if k.has(vip(100)) || k.links.idle() {
					t.Errorf("put back: %v, idle: %v, although nobody knows", k.has(vip(100)), k.links.idle())
				}
				k.note("", func() { delete(k.fail, "list") })
				time.Sleep(retryPause)
				if !k.has(vip(100)) {
					t.Error("it stays away")
				}
			})
		})
	}
}

// A refresh that crossed the removal has brought the address back already.
func TestRemovalThatARefreshUndid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.keepAll(t, 1, vip(100))
		k.links.lost([]loss{{"eth0", 7, vip(100), foreignPort, 4}}, false)
		wantKinds(t, k, runner.AddressRemoved, runner.AddressPutBack)
		if len(k.announced()) != 1 {
			t.Error("it was not announced")
		}
	})
}

// An address comes back only while its router confirms that it is master.
func TestSafety_6_4_PutBackWaitsForTheRouter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100)))
		time.Sleep(2 * time.Second)
		k.did()
		k.takenBy(foreignPort, 4, vip(100))
		time.Sleep(time.Minute)
		if k.has(vip(100)) {
			t.Error("put back after the Hold had ended")
		}
		k.links.Hold(refresh(1, vip(100)))
		time.Sleep(staleRecheck)
		if !k.has(vip(100)) {
			t.Error("not put back after the router confirmed")
		}
		k.links.Release(release(2, vip(100)))
		time.Sleep(time.Minute)
		if k.has(vip(100)) {
			t.Error("put back after the release")
		}
	})
}

func TestReleaseEndsAPutBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.keepAll(t, 1, vip(100))
		k.takenBy(foreignPort, 4, vip(100))
		k.did()
		k.takenBy(foreignPort, 4, vip(100)) // due in 100 ms
		k.links.Release(release(2, vip(100)))
		time.Sleep(time.Minute)
		if k.has(vip(100)) {
			t.Error("put back after the release")
		}
	})
}

// Many addresses removed at once cost one look at the kernel and each come
// back at once.
func TestFlushOfAllAddresses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		var all []netip.Prefix
		var losses []loss
		for i := range 200 {
			all = append(all, vip(i))
			losses = append(losses, loss{"eth0", 7, vip(i), foreignPort, 4})
		}
		k.keepAll(t, 1, all...)
		k.note("", func() { clear(k.addrs) })
		k.links.lost(losses, false)
		if n := strings.Count(k.did(), "add "); n != len(all) {
			t.Errorf("%d addresses came back, want %d", n, len(all))
		}
	})
}

func TestFoundAddressThatEndsIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) {
			k.ours(vip(100))
			k.saved.Promote = map[string]string{"eth0": "0"}
			k.sysctl = "1"
		})
		k.did()
		k.takenBy(0, 0, vip(100))
		want(t, "changes", k.did(), "sysctl 0, save")
		want(t, "state", fmt.Sprintf("%q", k.state(vip(100))), `""`)
		wantKinds(t, k)
	})
}
