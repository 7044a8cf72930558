package worlds

import (
	"fmt"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// keepalived writes a director's part in elections as a configuration of
// keepalived.
func keepalived(c *conf.Config) string {
	var b strings.Builder
	fmt.Fprintln(&b, "global_defs {\n}")
	names := make(map[vrrp.RouterID]string)
	for i := range c.Routers {
		r := &c.Routers[i]
		names[r.ID] = r.Name
		fmt.Fprintf(&b, "vrrp_instance %s {\n  state BACKUP\n  interface %s\n  virtual_router_id %d\n  version %d\n  priority %d\n  advert_int %g\n",
			r.Name, r.ID.Interface, r.ID.VRID, r.Version, r.Priority, r.AdvertInterval.Seconds())
		if !r.Preempt {
			fmt.Fprintln(&b, "  nopreempt")
		}
		if r.Unicast() {
			fmt.Fprintln(&b, "  unicast_peer {")
			for _, p := range r.Delivery.Peers {
				fmt.Fprintln(&b, "   ", p.Address)
			}
			fmt.Fprintln(&b, "  }")
		}
		fmt.Fprintln(&b, "  virtual_ipaddress {")
		for _, p := range r.Addresses {
			fmt.Fprintln(&b, "   ", p)
		}
		fmt.Fprintln(&b, "  }\n}")
	}
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "vrrp_sync_group %s {\n  group {\n", g.Name)
		for _, id := range g.Members {
			fmt.Fprintln(&b, "   ", names[id])
		}
		fmt.Fprintln(&b, "  }\n}")
	}
	return b.String()
}
