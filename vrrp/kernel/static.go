package kernel

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// staticID stands for what does not depend on any election. No virtual router
// has VRID 0.
var staticID = vrrp.RouterID{Family: vrrp.IPv4}

// staticFlush bounds the wait for the removal of static addresses, besides
// runner.RemovalBound for each.
const staticFlush = 500 * time.Millisecond

// Static makes the addresses, routes and rules of c those that are there
// whatever the elections decide, until Close. Every address needs an interface
// in its options. It counts with the next Claim.
func (k *Kernel) Static(c vrrp.Config) {
	c.ID = staticID
	k.staticEpoch.Add(1)
	if old := k.static.Load(); old != nil {
		gone := slices.DeleteFunc(old.Held(), func(p netip.Prefix) bool { return slices.Contains(c.Held(), p) })
		if len(gone) > 0 {
			k.links.Release(&vrrp.Release{ID: staticID, Addresses: gone, Epoch: k.staticEpoch.Load()})
		}
	}
	k.static.Store(&c)
}

// holdStatic puts static addresses up, after it is known where they belong.
func (k *Kernel) holdStatic() {
	if c := k.static.Load(); c != nil {
		k.links.Hold(&vrrp.Hold{ID: staticID, Addresses: c.Held(), Epoch: k.staticEpoch.Load()})
	}
}

// releaseStatic removes what Static added.
func (k *Kernel) releaseStatic() error {
	c := k.static.Load()
	if c == nil {
		return nil
	}
	k.links.Release(&vrrp.Release{ID: staticID, Addresses: c.Held(), Epoch: k.staticEpoch.Add(1)})
	return k.links.Flush(k.staticFlush + time.Duration(len(c.Held()))*runner.RemovalBound)
}
