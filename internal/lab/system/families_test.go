package system

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// An instance with addresses of both families is master with both of its
// virtual routers or with none.
func TestInstanceOfBothFamilies(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root)
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	h := l.Host("vipd", "lan", "192.0.2.1/24")
	v := h.Vipd(`version = 1
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  advert_interval = "100ms"
  virtual_address = ["192.0.2.100/24", "fe80::100/64", "2001:db8::100/64"]
}
`)
	states := func(want ...vrrp.State) {
		t.Helper()
		lab.WaitFor(t, fmt.Sprintf("the two are %v", want), settle, func() error {
			var st api.Status
			if err := v.Status(&st); err != nil {
				return err
			}
			if len(st.Instances) != 2 || st.Instances[0].State != want[0] || st.Instances[1].State != want[1] {
				return fmt.Errorf("they are %+v", st.Instances)
			}
			return nil
		})
	}
	states(vrrp.StateMaster, vrrp.StateMaster)

	var own *netlink.Addr
	err := h.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_V6)
		for i, a := range addrs {
			if a.IP.IsLinkLocalUnicast() && a.IP.String() != "fe80::100" {
				own = &addrs[i]
			}
		}
		if err != nil || own == nil {
			return fmt.Errorf("no link-local address among %v: %w", addrs, err)
		}
		return netlink.AddrDel(link, own)
	})
	if err != nil {
		t.Fatal(err)
	}
	// IPv6 has no source address any more; IPv4 must not stay master alone.
	states(vrrp.StateFault, vrrp.StateFault)
	h.AddAddress("eth0", own.IPNet.String())
	states(vrrp.StateMaster, vrrp.StateMaster)
}
