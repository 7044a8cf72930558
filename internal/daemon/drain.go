package daemon

import (
	"net/netip"

	"github.com/vipd/vipd/ipvs"
)

// connections counts the connections of services for as long as one pass
// lasts: destinations that drain ask for their own, one service at a time.
type connections struct {
	read    func(ipvs.ServiceKey) (map[netip.AddrPort]uint32, error)
	counted map[ipvs.ServiceKey]map[netip.AddrPort]uint32
}

// idle reports whether a destination has none. One that could not be counted
// has some, for all we know.
func (c *connections) idle(k ipvs.ServiceKey, a netip.AddrPort) bool {
	all, known := c.counted[k]
	if !known {
		all, _ = c.read(k) // without an answer it stays until its time is up
		if c.counted == nil {
			c.counted = make(map[ipvs.ServiceKey]map[netip.AddrPort]uint32)
		}
		c.counted[k] = all
	}
	n, found := all[a]
	return found && n == 0
}

// poolIdle answers for the pools, which are asked in the course of a pass.
func (c *checkerRole) poolIdle(k ipvs.ServiceKey, a netip.AddrPort) bool {
	return c.table.counts.idle(k, a)
}
