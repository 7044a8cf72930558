package worlds

import (
	"fmt"
	"net/netip"
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
		addresses(&b, "virtual_ipaddress", r, r.Addresses)
		addresses(&b, "virtual_ipaddress_excluded", r, r.Excluded)
		fmt.Fprintln(&b, "}")
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

// addresses writes a list of addresses, none if it is empty.
func addresses(b *strings.Builder, keyword string, r *vrrp.Config, list []netip.Prefix) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "  %s {\n", keyword)
	for _, p := range list {
		fmt.Fprint(b, "    ", p, " dev ", r.CarrierOf(p))
		if r.Options[p].Untracked {
			fmt.Fprint(b, " no_track")
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b, "  }")
}
