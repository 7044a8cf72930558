package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/vishvananda/netlink"
)

// KeepEnv names the environment variable that, when set, makes labs keep their
// directories (configurations and logs) and say where they are.
const KeepEnv = "VIPD_LAB_KEEP"

// Lab is one network with its hosts. Its methods end the test on errors.
type Lab struct {
	tb  TB
	dir string
	// fabric is the namespace of the bridges: the machine's own is untouched.
	fabric *namespace

	mu      sync.Mutex
	bridges map[string]*bridge
	hosts   []*Host
	procs   []*Proc
	closers []func()
}

type bridge struct {
	link   *netlink.Bridge
	prefix netip.Prefix
	number int
	ports  int
}

// New makes an empty lab that is removed by tb's clean-up.
func New(tb TB) *Lab {
	tb.Helper()
	Need(tb, Root)
	sweepOnce.Do(sweep)
	dir, err := makeDir(os.TempDir(), dirPrefix)
	if err != nil {
		tb.Fatalf("make lab: %v", err)
	}
	l := &Lab{tb: tb, dir: dir, bridges: map[string]*bridge{}}
	tb.Cleanup(l.close)
	if l.fabric, err = newNamespace(); err != nil {
		tb.Fatalf("make lab: %v", err)
	}
	return l
}

// Dir is the directory of the lab, removed with it.
func (l *Lab) Dir() string { return l.dir }

// Bridge makes a segment that carries the given prefix.
func (l *Lab) Bridge(name, prefix string) {
	l.tb.Helper()
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		l.tb.Fatalf("make bridge %s: %v", name, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br-" + name
	snooping := false // every port hears every multicast, as on a plain switch
	b := &bridge{link: &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}, prefix: p}
	if err := l.fabric.links.LinkAdd(b.link); err != nil {
		l.tb.Fatalf("make bridge %s: %v", name, err)
	}
	if err := l.fabric.links.LinkSetUp(b.link); err != nil {
		l.tb.Fatalf("set bridge %s up: %v", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b.number = len(l.bridges) + 1
	l.bridges[name] = b
}

// Host makes a host with one interface, eth0, on the bridge.
func (l *Lab) Host(name, bridge, address string) *Host {
	l.tb.Helper()
	ns, err := newNamespace()
	if err != nil {
		l.tb.Fatalf("make host %s: %v", name, err)
	}
	h := &Host{Name: name, lab: l, ns: ns, dir: filepath.Join(l.dir, name)}
	l.mu.Lock()
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		l.tb.Fatalf("make host %s: %v", name, err)
	}
	h.defaults()
	h.Attach(bridge, address)
	return h
}

// port adds a bridge port whose other end is iface in the host's namespace,
// and returns the port's name.
func (l *Lab) port(b *bridge, h *Host, iface string) (string, error) {
	l.mu.Lock()
	b.ports++
	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("p%d-%d", b.number, b.ports)
	attrs.MasterIndex = b.link.Index
	veth := &netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         iface,
		PeerHardwareAddr: net.HardwareAddr{2, 0, 0, 0, byte(b.number), byte(b.ports)},
		PeerNamespace:    netlink.NsFd(h.ns.fd),
	}
	l.mu.Unlock()
	if err := l.fabric.links.LinkAdd(veth); err != nil {
		return "", fmt.Errorf("add veth: %w", err)
	}
	if err := l.fabric.links.LinkSetUp(veth); err != nil {
		return "", fmt.Errorf("set bridge port up: %w", err)
	}
	return attrs.Name, nil
}

// Partition cuts the hosts off from each other, with the carrier left on, as a
// fault between two switches would. All other hosts reach both sides.
func (l *Lab) Partition(hosts ...*Host) {
	l.tb.Helper()
	l.isolate(true, hosts)
}

// Heal ends the partition of the hosts.
func (l *Lab) Heal(hosts ...*Host) {
	l.tb.Helper()
	l.isolate(false, hosts)
}

// isolate sets the ports' "isolated" flag (linux/if_link.h,
// IFLA_BRPORT_ISOLATED): isolated ports exchange no frames with each other.
func (l *Lab) isolate(on bool, hosts []*Host) {
	l.tb.Helper()
	for _, h := range hosts {
		for _, port := range h.ports {
			link, err := l.fabric.links.LinkByName(port)
			if err == nil {
				err = l.fabric.links.LinkSetIsolated(link, on)
			}
			if err != nil {
				l.tb.Fatalf("isolate %s (%t): %v", h.Name, on, err)
			}
		}
	}
}

// Move plugs the host's interface into another bridge; its carrier stays.
func (l *Lab) Move(h *Host, iface, bridge string) {
	l.tb.Helper()
	var number int
	_, err := fmt.Sscanf(iface, "eth%d", &number)
	if err == nil && number >= len(h.ports) {
		err = fmt.Errorf("%s has %d interfaces", h.Name, len(h.ports))
	}
	if err != nil {
		l.tb.Fatalf("move %s of %s: %v", iface, h.Name, err)
	}
	l.mu.Lock()
	b := l.bridges[bridge]
	l.mu.Unlock()
	port, err := l.fabric.links.LinkByName(h.ports[number])
	if err == nil {
		err = l.fabric.links.LinkSetMaster(port, b.link)
	}
	if err != nil {
		l.tb.Fatalf("move %s of %s to %s: %v", iface, h.Name, bridge, err)
	}
}

// onClose runs fn when the lab closes, last registered first.
func (l *Lab) onClose(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, fn)
}

// close removes everything: processes first, then sockets, namespaces, files.
func (l *Lab) close() {
	l.mu.Lock()
	procs, closers, hosts := l.procs, l.closers, l.hosts
	l.mu.Unlock()
	for _, p := range procs {
		p.Kill()
	}
	if l.tb.Failed() {
		for _, p := range procs {
			l.tb.Logf("%s of %s said:\n%s", p.Name, p.Host.Name, tail(p.Log(), 60))
		}
	}
	for i := len(closers) - 1; i >= 0; i-- {
		closers[i]()
	}
	for _, h := range hosts {
		h.ns.close()
	}
	if l.fabric != nil {
		l.fabric.close()
	}
	if os.Getenv(KeepEnv) != "" {
		l.tb.Logf("lab kept in %s", l.dir)
		return
	}
	if err := os.RemoveAll(l.dir); err != nil {
		l.tb.Errorf("remove lab: %v", err)
	}
}
