package kernel

import (
	"fmt"
	"net/netip"

	lib "github.com/cloudflare/ipvs"

	"github.com/vipd/vipd/ipvs"
)

// Connections counts the connections of each destination of one service,
// established or not. It reads that service alone.
func (c *Client) Connections(k ipvs.ServiceKey) (map[netip.AddrPort]uint32, error) {
	svc, err := toKey(k)
	if err != nil {
		return nil, fmt.Errorf("count connections of %s: %w", k, err)
	}
	all, err := many(request(c, func(conn lib.Client) ([]lib.DestinationExtended, error) { return conn.Destinations(svc) }))
	if err != nil {
		return nil, fmt.Errorf("count connections of %s: %w", k, explain(err))
	}
	out := make(map[netip.AddrPort]uint32, len(all))
	for _, d := range all {
		out[fromDestination(d.Destination).Address] = d.ActiveConnections + d.InactiveConnections
	}
	return out, nil
}
