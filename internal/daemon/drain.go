package daemon

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/ipvs"
)

// connections are those of the services with destinations that drain, as of the
// beginning of a decision.
type connections map[ipvs.ServiceKey]map[netip.AddrPort]uint32

// idle reports whether a destination has none. One that could not be counted
// has some, for all we know: it stays until its time is up.
func (c connections) idle(k ipvs.ServiceKey, a netip.AddrPort) bool {
	n, found := c[k][a]
	return found && n == 0
}

// countLeaving counts the connections that the next decision may ask for. The
// kernel is asked without the role's mutex: probes do not wait for it.
func (c *checkerRole) countLeaving(all bool) connections {
	c.mu.Lock()
	keys := c.pools.leaving(time.Now(), all)
	c.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	counts := make(connections, len(keys))
	for _, k := range keys {
		counts[k], _ = c.table.countConnections(k)
	}
	return counts
}

// poolIdle answers for the pools. Call with the mutex held.
func (c *checkerRole) poolIdle(k ipvs.ServiceKey, a netip.AddrPort) bool { return c.counts.idle(k, a) }
