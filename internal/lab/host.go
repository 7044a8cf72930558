package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// Host is one machine of the lab: a network namespace with interfaces eth0,
// eth1, … in the order of attachment. Its methods end the test on errors.
type Host struct {
	Name string

	lab   *Lab
	ns    *namespace
	dir   string
	ports []string // of the bridges, in the order of the interfaces
}

// Do runs fn on an OS thread inside the host's network namespace: sockets that
// fn opens belong to the host and work from anywhere afterwards. fn must not
// end the test; it returns its error. Goroutines that fn starts are outside.
func (h *Host) Do(fn func() error) error { return h.ns.do(fn) }

// Dir is the host's own directory, removed with the lab.
func (h *Host) Dir() string { return h.dir }

// defaults makes the host behave alike on every kernel, whatever the machine's
// own namespace hands down.
func (h *Host) defaults() {
	for key, value := range map[string]string{
		"net.ipv4.conf.all.rp_filter":          "0",
		"net.ipv4.conf.default.rp_filter":      "0",
		"net.ipv4.conf.all.send_redirects":     "0",
		"net.ipv4.conf.default.send_redirects": "0",
		"net.ipv6.conf.all.accept_dad":         "0",
		"net.ipv6.conf.default.accept_dad":     "0",
	} {
		h.Sysctl(key, value)
	}
}

// Attach gives the host one more interface on the bridge and returns its name.
func (h *Host) Attach(bridge, address string) string {
	h.lab.tb.Helper()
	h.lab.mu.Lock()
	b := h.lab.bridges[bridge]
	iface := fmt.Sprintf("eth%d", len(h.ports))
	h.lab.mu.Unlock()
	if b == nil {
		h.lab.tb.Fatalf("attach %s: no bridge %q", h.Name, bridge)
	}
	p, err := netip.ParsePrefix(address)
	if err != nil || !b.prefix.Contains(p.Addr()) {
		h.lab.tb.Fatalf("attach %s: address %q is not a prefix within %v of bridge %s", h.Name, address, b.prefix, bridge)
	}
	port, err := h.lab.port(b, h, iface)
	if err != nil {
		h.lab.tb.Fatalf("attach %s to %s: %v", h.Name, bridge, err)
	}
	h.ports = append(h.ports, port)
	h.AddAddress(iface, address)
	h.LinkUp(iface)
	WaitFor(h.lab.tb, fmt.Sprintf("%s of %s and its bridge port are up", iface, h.Name), 5*time.Second, func() error {
		return errors.Join(operational(h.ns, iface), operational(h.lab.fabric, port))
	})
	return iface
}

// operational returns nil when the link carries frames. The kernel sets that,
// and makes a bridge port forward, some time after both ends are up.
func operational(ns *namespace, name string) error {
	link, err := ns.links.LinkByName(name)
	if err != nil {
		return err
	}
	if state := link.Attrs().OperState; state != netlink.OperUp {
		return fmt.Errorf("%s is %v", name, state)
	}
	return nil
}

// Link returns the interface.
func (h *Host) Link(iface string) netlink.Link {
	h.lab.tb.Helper()
	link, err := h.ns.links.LinkByName(iface)
	if err != nil {
		h.lab.tb.Fatalf("find %s on %s: %v", iface, h.Name, err)
	}
	return link
}

// LinkUp sets the interface up.
func (h *Host) LinkUp(iface string) {
	h.lab.tb.Helper()
	if err := h.ns.links.LinkSetUp(h.Link(iface)); err != nil {
		h.lab.tb.Fatalf("set %s of %s up: %v", iface, h.Name, err)
	}
}

// LinkDown sets the interface down: the host is cut off, its peer end loses
// the carrier.
func (h *Host) LinkDown(iface string) {
	h.lab.tb.Helper()
	if err := h.ns.links.LinkSetDown(h.Link(iface)); err != nil {
		h.lab.tb.Fatalf("set %s of %s down: %v", iface, h.Name, err)
	}
}

// AddAddress adds an address for ever, as an administrator would.
func (h *Host) AddAddress(iface, address string) {
	h.lab.tb.Helper()
	a, err := netlink.ParseAddr(address)
	if err == nil {
		err = h.ns.links.AddrAdd(h.Link(iface), a)
	}
	if err != nil {
		h.lab.tb.Fatalf("add %s to %s of %s: %v", address, iface, h.Name, err)
	}
}

// AddVirtual adds an address as a director holds it: never the source of what
// the host sends by itself. Of an IPv6 address that is a matter of its
// lifetime. The newest one would else be the source of a director's tunnels,
// and real servers, which have it too, drop what seems to come from themselves.
func (h *Host) AddVirtual(iface, address string) {
	h.lab.tb.Helper()
	a, err := netlink.ParseAddr(address)
	if err == nil && a.IP.To4() == nil {
		a.PreferedLft, a.ValidLft = 0, int(^uint32(0)>>1)
	}
	if err == nil {
		err = h.ns.links.AddrAdd(h.Link(iface), a)
	}
	if err != nil {
		h.lab.tb.Fatalf("add %s to %s of %s: %v", address, iface, h.Name, err)
	}
}

// DeleteAddress removes an address, as an administrator would.
func (h *Host) DeleteAddress(iface, address string) {
	h.lab.tb.Helper()
	a, err := netlink.ParseAddr(address)
	if err == nil {
		err = h.ns.links.AddrDel(h.Link(iface), a)
	}
	if err != nil {
		h.lab.tb.Fatalf("delete %s from %s of %s: %v", address, iface, h.Name, err)
	}
}

// Addresses returns the IPv4 addresses of all interfaces but loopback.
func (h *Host) Addresses() []netip.Prefix {
	h.lab.tb.Helper()
	return h.addresses(netlink.FAMILY_V4)
}

func (h *Host) addresses(family int) []netip.Prefix {
	h.lab.tb.Helper()
	list, err := h.ns.links.AddrList(nil, family)
	for errors.Is(err, netlink.ErrDumpInterrupted) {
		list, err = h.ns.links.AddrList(nil, family)
	}
	if err != nil {
		h.lab.tb.Fatalf("list addresses of %s: %v", h.Name, err)
	}
	var out []netip.Prefix
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if ones, _ := a.Mask.Size(); ok && !ip.Unmap().IsLoopback() {
			out = append(out, netip.PrefixFrom(ip.Unmap(), ones))
		}
	}
	return out
}

// Holds reports whether an interface of the host has the address.
func (h *Host) Holds(addr netip.Addr) bool {
	h.lab.tb.Helper()
	family := netlink.FAMILY_V4
	if addr.Is6() {
		family = netlink.FAMILY_V6
	}
	return slices.ContainsFunc(h.addresses(family), func(p netip.Prefix) bool { return p.Addr() == addr })
}

// HardwareAddr returns the MAC address of an interface.
func (h *Host) HardwareAddr(iface string) string {
	h.lab.tb.Helper()
	return h.Link(iface).Attrs().HardwareAddr.String()
}

// Sysctl sets a net.* variable of the host, given with dots.
func (h *Host) Sysctl(key, value string) {
	h.lab.tb.Helper()
	if err := h.Do(func() error { return os.WriteFile(sysctlPath(key), []byte(value), 0) }); err != nil {
		h.lab.tb.Fatalf("set %s on %s: %v", key, h.Name, err)
	}
}

// ReadSysctl returns a net.* variable of the host without its line end.
func (h *Host) ReadSysctl(key string) string {
	h.lab.tb.Helper()
	var b []byte
	err := h.Do(func() (err error) {
		b, err = os.ReadFile(sysctlPath(key))
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("read %s on %s: %v", key, h.Name, err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// sysctlPath is where a variable of the calling thread's namespace lives.
func sysctlPath(key string) string {
	return "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
}

// Dial connects from the host to a numeric address.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.Do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen opens a TCP listener on the host, for IPv6 when the address is written
// in brackets.
func (h *Host) Listen(address string) (ln net.Listener, err error) {
	network := "tcp4"
	if strings.HasPrefix(address, "[") {
		network = "tcp6"
	}
	err = h.Do(func() error {
		ln, err = net.Listen(network, address)
		return err
	})
	return ln, err
}

// WriteFile writes a file below the host's directory and returns its path.
func (h *Host) WriteFile(name, content string) string {
	h.lab.tb.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.lab.tb.Fatalf("write %s of %s: %v", name, h.Name, err)
	}
	return path
}

// ServeDirect makes the host a real server for direct routing: it accepts
// packets for the virtual address without ever answering ARP for it. For IPv6
// an address on lo is never announced.
func (h *Host) ServeDirect(vip string) {
	h.lab.tb.Helper()
	if netip.MustParseAddr(vip).Is6() {
		h.AddAddress("lo", vip+"/128")
		return
	}
	h.Sysctl("net.ipv4.conf.all.arp_ignore", "1")
	h.Sysctl("net.ipv4.conf.all.arp_announce", "2")
	h.AddAddress("lo", vip+"/32")
}

// ServeTunnel makes the host a real server behind a tunnel: it unwraps packets
// for the virtual address and answers by itself.
func (h *Host) ServeTunnel(vip string) {
	h.lab.tb.Helper()
	h.ServeDirect(vip)
	device := "tunl0"
	if netip.MustParseAddr(vip).Is6() {
		device = "ip6tnl0"
	}
	h.LinkUp(device)
}

// DefaultRoute sends everything without another route to a gateway.
func (h *Host) DefaultRoute(gateway string) {
	h.lab.tb.Helper()
	if err := h.ns.links.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)}); err != nil {
		h.lab.tb.Fatalf("add default route of %s: %v", h.Name, err)
	}
}
