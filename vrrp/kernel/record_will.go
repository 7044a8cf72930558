package kernel

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Orphans returns those of the routers that were master under the last
// supervisor, whose peers still wait for their next advert, and whose addresses
// are on the interface: the ones that may say good-bye. A router that can be
// back within restartIn, before a backup's master-down, is none; nor is one
// that no other router could replace (see replaceable).
func (r *Record) Orphans(routers []vrrp.Config, heard map[vrrp.RouterID]bool, now time.Time, restartIn time.Duration) []vrrp.Config {
	here, err := addressesHere()
	if err != nil {
		return nil
	}
	var all []vrrp.Config
	for _, c := range routers {
		if replaceable(c, heard) && r.fresh(c, now) && !r.fresh(c, now.Add(restartIn)) && here(c) {
			all = append(all, c)
		}
	}
	return all
}

// replaceable reports whether somebody could take over: IPVS and NAT go on
// forwarding without a daemon, so an address that nobody would serve stays.
func replaceable(c vrrp.Config, heard map[vrrp.RouterID]bool) bool {
	return c.Peers || heard[c.ID]
}
