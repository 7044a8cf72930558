package kernel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vipd/vipd/vrrp"
	"pgregory.net/rapid"
)

// What sites knows by place, interface and router agrees with a look at all
// addresses, whatever is used and given up in which order.
func TestSitesCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSites()
		iface := rapid.SampledFrom([]string{"eth0", "eth1", "vrrp.1"})
		number := rapid.IntRange(1, 3)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			id := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: uint8(number.Draw(t, "vrid"))}
			key := heldAddress{id, vip(number.Draw(t, "address"))}
			if rapid.Bool().Draw(t, "use") {
				s.use(key, site{iface: iface.Draw(t, "interface")})
			} else {
				s.unuse(key)
			}
		}
		for _, name := range []string{"eth0", "eth1", "vrrp.1"} {
			for n := 1; n <= 3; n++ {
				p, id := place{name, vip(n)}, vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: uint8(n)}
				var at []vrrp.RouterID
				onInterface, ofRouter := 0, 0
				for key, where := range s.used {
					if where.iface == name {
						onInterface++
						if key.prefix == p.prefix {
							at = append(at, key.id)
						}
					}
					if key.id == id {
						ofRouter++
					}
				}
				holder, found := s.holder(p)
				if found != (len(at) > 0) || found && !slices.Contains(at, holder) {
					t.Errorf("holder of %v is %v, %v, want one of %v", p, holder, found, at)
				}
				if s.holds(name) != (onInterface > 0) || s.none(id) != (ofRouter == 0) {
					t.Errorf("%s has %d, %v has %d, but holds = %v, none = %v", name, onInterface, id, ofRouter, s.holds(name), s.none(id))
				}
			}
		}
		if got, want := fmt.Sprint(len(s.holders) == 0, len(s.byInterface) == 0, len(s.byRouter) == 0), fmt.Sprint(len(s.used) == 0, len(s.used) == 0, len(s.used) == 0); got != want {
			t.Errorf("%d used, but empty: %s", len(s.used), got)
		}
	})
}
