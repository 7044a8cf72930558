package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// pathProtocol marks our routes and rules, as AddressProtocol does addresses.
const pathProtocol = AddressProtocol

// pather adds and removes routes and rules. What is there already, or gone
// already, is no error.
type pather interface {
	addRoute(vrrp.Route) error
	removeRoute(vrrp.Route) error
	addRule(vrrp.Rule) error
	removeRule(vrrp.Rule) error
}

// kernelPaths is the real pather.
type kernelPaths struct{}

// errForeignRoute tells that a route of the host is in the way.
var errForeignRoute = errors.New("the host has a route to the same destination with the same metric")

func (kernelPaths) addRoute(r vrrp.Route) error {
	route, err := netlinkRoute(r)
	if err == nil {
		err = netlink.RouteAdd(route)
	}
	if errors.Is(err, unix.EEXIST) {
		err = foreign(route)
	}
	if err != nil {
		return fmt.Errorf("add route to %s: %w", r.Destination, err)
	}
	return nil
}

// foreign returns an error unless the route that is there is ours.
func foreign(r *netlink.Route) error {
	want := *r
	filter := netlink.RT_FILTER_TABLE | netlink.RT_FILTER_DST | netlink.RT_FILTER_PROTOCOL | netlink.RT_FILTER_PRIORITY
	have, err := netlink.RouteListFiltered(r.Family, &want, filter)
	if err == nil && len(have) == 0 {
		err = errForeignRoute
	}
	return err
}

func (kernelPaths) removeRoute(r vrrp.Route) error {
	route, err := netlinkRoute(r)
	if errors.Is(err, errNoInterface) {
		return nil // it went with its interface
	}
	if err == nil {
		err = netlink.RouteDel(route)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove route to %s: %w", r.Destination, err)
	}
	return nil
}

func (kernelPaths) addRule(r vrrp.Rule) error {
	if err := netlink.RuleAdd(netlinkRule(r)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add rule with priority %d: %w", r.Priority, err)
	}
	return nil
}

func (kernelPaths) removeRule(r vrrp.Rule) error {
	if err := netlink.RuleDel(netlinkRule(r)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove rule with priority %d: %w", r.Priority, err)
	}
	return nil
}

func netlinkRoute(r vrrp.Route) (*netlink.Route, error) {
	out := &netlink.Route{
		Family: netlinkFamily(r.Destination.Addr().Is6()), Dst: ipNet(r.Destination), Type: int(r.Type),
		Gw: ipOf(r.Via), Src: ipOf(r.Source), Table: int(r.Table), Priority: int(r.Metric), MTU: int(r.MTU),
		Protocol: pathProtocol,
	}
	if out.Table == 0 {
		out.Table = unix.RT_TABLE_MAIN
	}
	if r.OnLink {
		out.Flags = int(netlink.FLAG_ONLINK)
	}
	if r.Type == vrrp.RouteUnicast && !r.Via.IsValid() && len(r.Hops) == 0 {
		out.Scope = netlink.SCOPE_LINK
	}
	var err error
	if out.LinkIndex, err = indexOf(r.Interface); err != nil {
		return nil, err
	}
	for _, h := range r.Hops {
		hop := &netlink.NexthopInfo{Gw: ipOf(h.Via), Hops: max(0, h.Weight-1)}
		if hop.LinkIndex, err = indexOf(h.Interface); err != nil {
			return nil, err
		}
		out.MultiPath = append(out.MultiPath, hop)
	}
	return out, nil
}

// indexOf returns the index of an interface, 0 for no name.
func indexOf(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, errNoInterface)
	}
	return ifi.Index, nil
}

func netlinkRule(r vrrp.Rule) *netlink.Rule {
	out := netlink.NewRule()
	out.Family, out.Protocol = netlinkFamily(r.Family == vrrp.IPv6), pathProtocol
	out.IifName, out.OifName, out.Invert = r.In, r.Out, r.NotMatch
	if r.Action != vrrp.RuleLookup {
		out.Type = uint8(r.Action)
	} else {
		out.Table = int(r.Table)
	}
	if r.Priority > 0 {
		out.Priority = int(r.Priority)
	}
	if r.From.IsValid() {
		out.Src = ipNet(r.From)
	}
	if r.To.IsValid() {
		out.Dst = ipNet(r.To)
	}
	if r.Mask > 0 {
		mask := r.Mask
		out.Mark, out.Mask = r.Mark, &mask
	}
	return out
}

func netlinkFamily(six bool) int {
	if six {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}

func ipOf(a netip.Addr) net.IP { return a.AsSlice() }

func ipNet(p netip.Prefix) *net.IPNet {
	p = p.Masked()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
