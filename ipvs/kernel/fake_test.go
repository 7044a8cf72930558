package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	lib "github.com/cloudflare/ipvs"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// conn is a scripted connection. Its methods note what they were called for;
// those that it does not have panic on the nil interface.
type conn struct {
	lib.Client
	services     []lib.ServiceExtended
	destinations []lib.DestinationExtended
	fail         map[string]error // by noted call
	hang         map[string]bool  // by noted call, until Close
	closed       chan struct{}

	mu    sync.Mutex
	calls []string
}

func newConn() *conn {
	return &conn{fail: map[string]error{}, hang: map[string]bool{}, closed: make(chan struct{})}
}

// errno wraps an error number as the netlink library does.
func errno(n unix.Errno) error {
	return &netlink.OpError{Op: "receive", Err: os.NewSyscallError("recvmsg", n)}
}

func (c *conn) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	c.mu.Lock()
	c.calls = append(c.calls, call)
	c.mu.Unlock()
	if c.hang[call] {
		<-c.closed
		return errors.New("use of closed file")
	}
	return c.fail[call]
}

func (c *conn) Close() error { close(c.closed); return nil }

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *conn) Services() ([]lib.ServiceExtended, error) { return c.services, c.note("services") }
func (c *conn) Destinations(lib.Service) ([]lib.DestinationExtended, error) {
	return c.destinations, c.note("destinations")
}
func (c *conn) CreateService(s lib.Service) error { return c.note("create %s", s.Scheduler) }
func (c *conn) UpdateService(s lib.Service) error { return c.note("update %s", s.Scheduler) }
func (c *conn) RemoveService(s lib.Service) error { return c.note("remove %s", s.Scheduler) }
func (c *conn) CreateDestination(_ lib.Service, d lib.Destination) error {
	return c.note("create %s", d.Address)
}
func (c *conn) UpdateDestination(_ lib.Service, d lib.Destination) error {
	return c.note("update %s", d.Address)
}
func (c *conn) RemoveDestination(_ lib.Service, d lib.Destination) error {
	return c.note("remove %s", d.Address)
}

// dialer hands out the connections in turn.
func dialer(conns ...*conn) func() (lib.Client, error) {
	return func() (lib.Client, error) {
		if len(conns) == 0 {
			return nil, errno(unix.ENOENT)
		}
		c := conns[0]
		conns = conns[1:]
		return c, nil
	}
}

// expireTemplates is the sysctl that these tests set.
const expireTemplates = "expire_quiescent_template"

// fakeProc makes what the package reads of procfs.
func fakeProc(t *testing.T, boot, ns, expire string) string {
	t.Helper()
	proc := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("sys/kernel/random/boot_id", boot+"\n")
	write("sys/net/ipv4/vs/"+expireTemplates, expire+"\n")
	if err := os.MkdirAll(filepath.Join(proc, "thread-self/ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(ns, filepath.Join(proc, "thread-self/ns/net")); err != nil {
		t.Fatal(err)
	}
	return proc
}

var (
	vip = netip.MustParseAddrPort("192.0.2.9:80")
	one = netip.MustParseAddrPort("192.0.2.1:80")
)
