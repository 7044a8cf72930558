package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// linkInfo is one interface as the kernel reports it.
type linkInfo struct {
	index int
	name  string
	up    bool // administratively up and running
	mtu   int
	// parent is the interface that a macvlan or VLAN rests on, else 0.
	parent int
	// master is the interface that this one is a port of, else 0, and kind what
	// that one is, in the kernel's word.
	master int
	kind   string
}

// takesAll are the kinds of masters that get what arrives at their ports: they
// register a receive handler that consumes it (net_device, rx_handler). A VRF
// does not, nor does batman-adv, which has a protocol of its own.
var takesAll = map[string]bool{"bond": true, "team": true, "bridge": true, "openvswitch": true}

// decodeLink reads the body of an RTM_NEWLINK or RTM_DELLINK message. Running
// (IFF_RUNNING) is carrier and, where a driver knows one, operational state.
func decodeLink(b []byte) (linkInfo, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return linkInfo{}, errors.New("link message too short")
	}
	msg := nl.DeserializeIfInfomsg(b)
	attrs, err := nl.ParseRouteAttr(b[msg.Len():])
	if err != nil {
		return linkInfo{}, fmt.Errorf("parse link attributes: %w", err)
	}
	const running = unix.IFF_UP | unix.IFF_RUNNING
	info := linkInfo{index: int(msg.Index), up: msg.Flags&running == running}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			info.name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_LINK:
			if len(a.Value) == 4 {
				info.parent = int(nl.NativeEndian().Uint32(a.Value))
			}
		case unix.IFLA_MTU:
			if len(a.Value) == 4 {
				info.mtu = int(nl.NativeEndian().Uint32(a.Value))
			}
		case unix.IFLA_MASTER:
			if len(a.Value) == 4 {
				info.master = int(nl.NativeEndian().Uint32(a.Value))
			}
		case unix.IFLA_LINKINFO:
			if info.kind, err = portKind(a.Value); err != nil {
				return linkInfo{}, err
			}
		}
	}
	return info, nil
}

// portKind reads out of link information what the interface's master is.
func portKind(b []byte) (string, error) {
	attrs, err := nl.ParseRouteAttr(b)
	if err != nil {
		return "", fmt.Errorf("parse link information: %w", err)
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_INFO_SLAVE_KIND {
			return unix.ByteSliceToString(a.Value), nil
		}
	}
	return "", nil
}

// links returns all interfaces of the namespace.
func (a *addresses) links() ([]linkInfo, error) {
	msgs, err := a.dump(unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_UNSPEC), unix.RTM_NEWLINK)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []linkInfo
	for _, m := range msgs {
		info, err := decodeLink(m)
		if err != nil {
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
		all = append(all, info)
	}
	return all, nil
}

// names returns the interface names by index.
func (a *addresses) names() (map[int]string, error) {
	all, err := a.links()
	names := make(map[int]string, len(all))
	for _, info := range all {
		names[info.index] = info.name
	}
	return names, err
}

// view is what the namespace's interfaces and addresses look like, kept up to
// date by notices.
type view struct {
	links map[int]linkInfo
	named map[string]int        // their indices; every notice asks for interfaces by name
	addrs map[int][]seenAddress // by interface, in the kernel's order
}

func newView() view {
	return view{links: make(map[int]linkInfo), named: make(map[string]int), addrs: make(map[int][]seenAddress)}
}

type seenAddress struct {
	address
	ours bool
}

// putLink adds an interface or replaces what is known about it. It may have a new
// name, and its old one may belong to another by now.
func (v *view) putLink(info linkInfo) {
	if old := v.links[info.index].name; old != info.name && v.named[old] == info.index {
		delete(v.named, old)
	}
	v.links[info.index], v.named[info.name] = info, info.index
}

func (v *view) removeLink(index int) {
	if name := v.links[index].name; v.named[name] == index {
		delete(v.named, name)
	}
	delete(v.links, index)
	delete(v.addrs, index)
}

// put adds an address or replaces what is known about it, and reports whether
// anything but its lifetime is new.
func (v *view) put(a seenAddress) (changed bool) {
	list := v.addrs[a.index]
	for i := range list {
		if list[i].prefix == a.prefix {
			last := list[i]
			list[i] = a
			last.remaining = a.remaining
			return last != a
		}
	}
	v.addrs[a.index] = append(list, a)
	return true
}

func (v *view) remove(a address) {
	list := v.addrs[a.index]
	for i := range list {
		if list[i].prefix == a.prefix {
			v.addrs[a.index] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

// link returns the state of an interface for the engine, and its index.
func (v *view) link(name string) (vrrp.Link, int) {
	index, exists := v.named[name]
	if !exists {
		return vrrp.Link{Interface: name}, 0
	}
	info := v.links[index]
	return vrrp.Link{
		Interface: name, Exists: true, Up: info.up, MTU: info.mtu,
		Primary: v.primary(index), LinkLocal: v.linkLocal(index), Master: v.master(info),
	}, index
}

// master tells kind and name of the interface that gets what arrives at this
// one, "" if none does.
func (v *view) master(port linkInfo) string {
	if port.master == 0 || !takesAll[port.kind] {
		return ""
	}
	return port.kind + " " + cmp.Or(v.links[port.master].name, fmt.Sprintf("with index %d", port.master))
}

// primary returns the interface's primary IPv4 address: the first that is not
// secondary and not a virtual address of ours, which would come and go with
// mastership.
func (v *view) primary(index int) netip.Addr {
	for _, a := range v.addrs[index] {
		if a.prefix.Addr().Is4() && !a.secondary && !a.ours {
			return a.prefix.Addr()
		}
	}
	return netip.Addr{}
}

// linkLocal returns the interface's first IPv6 link-local address that is in
// use and not a virtual address of ours.
func (v *view) linkLocal(index int) netip.Addr {
	for _, a := range v.addrs[index] {
		if ip := a.prefix.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() && !a.unusable && !a.ours {
			return ip
		}
	}
	return netip.Addr{}
}
