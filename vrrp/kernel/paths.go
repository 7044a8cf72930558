package kernel

import (
	"cmp"
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
// already, is no error. Restoring tells whether something was missing.
type pather interface {
	addRoute(vrrp.Route) error
	removeRoute(vrrp.Route) error
	addRule(vrrp.Rule) error
	removeRule(vrrp.Rule) error
	restoreRoute(vrrp.Route) (added bool, err error)
	restoreRule(vrrp.Rule) (added bool, err error)
}

// kernelPaths is the real pather.
type kernelPaths struct{}

// errForeignRoute tells that a route of the host is in the way.
var errForeignRoute = errors.New("the host has a route to the same destination with the same metric")

func (kernelPaths) addRoute(r vrrp.Route) error {
	err := sendRoute(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|routeOrders[r.Order], r)
	if errors.Is(err, unix.EEXIST) {
		err = foreign(r)
	}
	if err != nil {
		return fmt.Errorf("add route to %s: %w", r.Destination, err)
	}
	return nil
}

// foreign returns an error unless the route that is there is ours.
func foreign(r vrrp.Route) error {
	want := &netlink.Route{
		Dst: ipNet(r.Destination), Table: int(tableOf(r)), Priority: int(r.Metric), Protocol: netlink.RouteProtocol(protocolOf(r.Protocol)),
	}
	filter := netlink.RT_FILTER_TABLE | netlink.RT_FILTER_DST | netlink.RT_FILTER_PROTOCOL | netlink.RT_FILTER_PRIORITY
	have, err := netlink.RouteListFiltered(int(netlinkFamily(r.Destination.Addr().Is6())), want, filter)
	if err == nil && len(have) == 0 {
		err = errForeignRoute
	}
	return err
}

func (kernelPaths) removeRoute(r vrrp.Route) error {
	err := sendRoute(unix.RTM_DELROUTE, 0, r)
	if errors.Is(err, errNoInterface) {
		return nil // it went with its interface
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove route to %s: %w", r.Destination, err)
	}
	return nil
}

func (kernelPaths) addRule(r vrrp.Rule) error {
	if err := sendRule(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, r); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add rule with priority %d: %w", r.Priority, err)
	}
	return nil
}

func (kernelPaths) removeRule(r vrrp.Rule) error {
	if err := sendRule(unix.RTM_DELRULE, 0, r); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove rule with priority %d: %w", r.Priority, err)
	}
	return nil
}

// indexOf returns the index of an interface, 0 for no name.
func indexOf(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	ifi, err := interfaceNamed(name)
	if err != nil {
		return 0, err
	}
	return ifi.Index, nil
}

// protocolOf is who made a route or rule: this daemon, unless it is said.
func protocolOf(p uint8) uint8 { return cmp.Or(p, pathProtocol) }

func netlinkFamily(six bool) uint8 {
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
