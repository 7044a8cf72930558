package kernel

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

func TestFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t, func(k *fakeKernel) { k.slow = 100 * time.Millisecond })
		k.links.Hold(hold(1, vip(100)))
		k.links.Release(release(2, vip(100)))
		if err := k.links.Flush(500 * time.Millisecond); err != nil || k.has(vip(100)) {
			t.Errorf("Flush: %v, address there: %v", err, k.has(vip(100)))
		}
		k.links.Hold(hold(3, vip(100), vip(101), vip(102), vip(103), vip(104), vip(105)))
		before := time.Now()
		if err := k.links.Flush(500 * time.Millisecond); err == nil || time.Since(before) != 500*time.Millisecond {
			t.Errorf("Flush of 600 ms of work: %v after %v, want an error after 500 ms", err, time.Since(before))
		}
	})
}

// What the kernel refuses to remove is tried again while a flush waits, and keeps
// the others from nothing.
func TestFlushTriesRefusedRemovalsAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		k.links.Hold(hold(1, vip(100), vip(101), vip(102)))
		k.did()
		k.note("", func() { k.fail["remove "+vip(100).String()] = unix.ENOBUFS })
		time.AfterFunc(450*time.Millisecond, func() { k.note("", func() { clear(k.fail) }) })
		k.links.Release(release(2, vip(100), vip(101), vip(102)))
		before := time.Now()
		if k.has(vip(101)) || k.has(vip(102)) || !k.has(vip(100)) {
			t.Errorf("on the interface: %v, want the refused one only", k.addrs)
		}
		err := k.links.Flush(time.Second)
		if took := time.Since(before); err != nil || k.has(vip(100)) || took > 600*time.Millisecond {
			t.Errorf("Flush: %v after %v, address there: %v", err, took, k.has(vip(100)))
		}
		if len(k.saved.Addresses) != 0 {
			t.Errorf("recorded: %v", k.saved.Addresses)
		}
	})
}

// The error of a flush names everything that is left, and its record stays.
func TestFlushNamesWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := world(t)
		all := []netip.Prefix{vip(100), vip(101), vip(102)}
		k.links.Hold(hold(1, all...))
		k.did()
		k.note("", func() {
			k.fail["remove "+vip(100).String()] = unix.EPERM
			k.fail["remove "+vip(102).String()] = unix.ENOBUFS
		})
		k.links.Release(release(2, all...))
		before := time.Now()
		err := k.links.Flush(2500 * time.Millisecond)
		if took := time.Since(before); err == nil || took != 2500*time.Millisecond {
			t.Fatalf("Flush: %v after %v, want an error after 2.5 s", err, took)
		}
		for _, part := range []string{"192.0.2.100/24 on eth0: operation not permitted", "192.0.2.102/24 on eth0: no buffer space"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Flush: %q, want it to say %q", err, part)
			}
		}
		if k.has(vip(101)) || len(k.saved.Addresses) != 2 {
			t.Errorf("on the interface: %v, recorded: %v, want the two that were refused", k.addrs, k.saved.Addresses)
		}
	})
}

// What a stop could not remove while the kernel's network lock was held is
// removed by whoever reads its record afterwards, as far as it is ours.
func TestSafety_2_10_WhatIsLeftIsRemovedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		all := []netip.Prefix{vip(100), vip(101), vip(102)}
		stopped := world(t)
		stopped.links.Hold(hold(1, all...))
		stopped.did()
		stopped.note("", func() { stopped.slow = 4 * time.Second })
		stopped.links.Release(release(2, all...))
		if err := stopped.links.Flush(2500 * time.Millisecond); err == nil {
			t.Fatal("a flush that the kernel kept waiting succeeded")
		}
		stopped.mu.Lock()
		left, saved := maps.Clone(stopped.addrs), stopped.saved
		stopped.mu.Unlock()
		want(t, "left and recorded", fmt.Sprint(len(left), len(saved.Addresses)), "3 3")

		later := world(t, func(k *fakeKernel) {
			k.addrs, k.saved, k.slow = left, saved, 100*time.Millisecond
			k.host(vip(1))
		})
		for _, j := range []job{{plan: map[heldAddress]site{}}, {paths: map[vrrp.RouterID]vrrp.Paths{}}, {claim: map[place]vrrp.RouterID{}}} {
			later.links.do(j)
		}
		if err := later.links.Flush(time.Second); err != nil {
			t.Error(err)
		}
		if len(later.addrs) != 1 || !later.has(vip(1)) || len(later.saved.Addresses) != 0 {
			t.Errorf("on the interface %v, recorded %v; want the host's alone", later.addrs, later.saved.Addresses)
		}
	})
}
