package kernel

import (
	"flag"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inside is set, to the test's name, in the process that runs a test in a
// network namespace of its own.
const inside = "VIPD_TEST_NAMESPACE"

// TestMain lets more tests run at once than there are processors: those in
// namespaces wait for the kernel's clock most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("16"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// namespaced runs a test in a process with a new network namespace, which
// ends with it. It reports true in that process, where the test goes on.
func namespaced(t *testing.T) bool {
	if os.Getenv(inside) == t.Name() {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatalf("set up loopback: %v", err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("lab: needs root")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=90s")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a namespace of its own: %v\n%s", err, out)
	}
	return false
}

// cable makes a pair of connected interfaces, both up, the first with the
// given addresses.
func cable(t *testing.T, a, b string, addrs ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = a
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: b}))
	for _, name := range []string{a, b} {
		must(t, netlink.LinkSetUp(device(t, name)))
	}
	for _, s := range addrs {
		must(t, netlink.AddrAdd(device(t, a), parseAddr(t, s)))
	}
	await(t, "carrier", func() bool {
		return device(t, a).Attrs().RawFlags&unix.IFF_RUNNING != 0 && device(t, b).Attrs().RawFlags&unix.IFF_RUNNING != 0
	})
}

func device(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func parseAddr(t *testing.T, s string) *netlink.Addr {
	t.Helper()
	a, err := netlink.ParseAddr(s)
	must(t, err)
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience bounds the wait for anything that takes no time of its own: the
// kernel does one thing after the other for all namespaces of a busy machine.
const patience = 30 * time.Second

// await polls until something is true.
func await(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !isTrue(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}

// ear listens to all frames that arrive at an interface.
func ear(t *testing.T, name string, protocol int) *packet.Conn {
	t.Helper()
	ifi, err := net.InterfaceByName(name)
	must(t, err)
	c, err := packet.Listen(ifi, packet.Raw, protocol, nil)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// frame returns the next frame for which accept is true.
func frame(t *testing.T, c *packet.Conn, accept func([]byte) bool) []byte {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(patience)))
	for b := make([]byte, 2048); ; {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatalf("wait for a frame: %v", err)
		}
		if accept(b[:n]) {
			return slices.Clone(b[:n])
		}
	}
}

// host is a Kernel and what it told.
type host struct {
	*Kernel
	mu     sync.Mutex
	fed    []vrrp.Event
	events []runner.AddressEvent
}

func open(t *testing.T, dir string) *host {
	t.Helper()
	h := &host{}
	var err error
	h.Kernel, err = Open(Options{
		RuntimeDir: dir,
		Feed: func(ev vrrp.Event) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.fed = append(h.fed, ev)
		},
		Observe: func(ev runner.AddressEvent) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.events = append(h.events, ev)
		},
	})
	must(t, err)
	return h
}

// lost returns the lost leases that were fed.
func (h *host) lost() (all []vrrp.LeaseLost) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.fed {
		if ev, ok := ev.(*vrrp.LeaseLost); ok {
			all = append(all, *ev)
		}
	}
	return all
}

// told returns the states of interfaces that were fed, and forgets them.
func (h *host) told() (all []vrrp.Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.fed {
		if ev, ok := ev.(*vrrp.Link); ok {
			all = append(all, *ev)
		}
	}
	h.fed = nil
	return all
}

// happened counts the address events of a kind.
func (h *host) happened(kind runner.AddressEventKind) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.events {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// onInterface returns what the kernel says about an address.
func onInterface(t *testing.T, iface string, p netip.Prefix) (address, bool) {
	t.Helper()
	a, err := openAddresses()
	must(t, err)
	defer a.close()
	all, err := a.list()
	must(t, err)
	index := device(t, iface).Attrs().Index
	for _, addr := range all {
		if addr.index == index && addr.prefix == p {
			return addr, true
		}
	}
	return address{}, false
}

// lease is a Hold of routerA on eth0 for whole seconds, true for a minute.
func lease(epoch uint64, seconds int, addrs ...netip.Prefix) *vrrp.Hold {
	return &vrrp.Hold{
		ID: routerA, Addresses: addrs, Epoch: epoch, Lease: time.Duration(seconds) * time.Second,
		Deadline: Now().Add(time.Minute),
	}
}
