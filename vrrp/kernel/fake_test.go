package kernel

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// fakeKernel is one interface, eth0, with addresses. It logs every change
// with the time since its start and tells Links what went, as the watch does.
type fakeKernel struct {
	mu     sync.Mutex
	start  time.Time
	index_ int // 0: the interface is missing
	addrs  map[netip.Prefix]address
	sysctl string
	log    []string
	quiet  bool // log no refreshes
	slow   time.Duration
	fail   map[string]error // by operation, or by operation and address
	saved  stored

	links  *Links
	events []runner.AddressEvent
	fed    []vrrp.Event
	arps   []string
}

const (
	ourPort     = 4711
	foreignPort = 815
)

func vip(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 24)
}

// world starts Links over a fake kernel in the calling bubble.
func world(t *testing.T, prepare ...func(*fakeKernel)) *fakeKernel {
	k := &fakeKernel{
		start: time.Now(), index_: 7, addrs: make(map[netip.Prefix]address), sysctl: "0",
		fail: make(map[string]error),
	}
	for _, p := range prepare {
		p(k)
	}
	k.links = newLinks(linksOptions{
		kernel: k, sysctl: fakeSysctl{k}, now: time.Now, port: ourPort, keepsProto: true, who: func(port uint32) string { return fmt.Sprint("port ", port) },
		handOn: func(string, []netip.Prefix) {},
		save: func(s stored) error {
			k.note("save", nil)
			k.saved = s
			return nil
		},
		feed:    func(ev vrrp.Event) { k.note("", func() { k.fed = append(k.fed, ev) }) },
		observe: func(ev runner.AddressEvent) { k.note("", func() { k.events = append(k.events, ev) }) },
		announce: func(_ string, g *vrrp.Gratuitous) {
			k.note("", func() { k.arps = append(k.arps, fmt.Sprint(g.Addresses, " × ", g.Repeat)) })
		},
	})
	have, _ := k.list()
	k.links.adopt(k.saved, have, map[int]string{7: "eth0"})
	go k.links.run()
	t.Cleanup(k.links.close)
	return k
}

func (k *fakeKernel) note(what string, f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if what != "" {
		k.log = append(k.log, what)
	}
	if f != nil {
		f()
	}
}

func (k *fakeKernel) index(name string) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if name != "eth0" || k.index_ == 0 {
		return 0, errNoInterface
	}
	return k.index_, nil
}

func (k *fakeKernel) list() (all []address, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.addrs {
		all = append(all, a)
	}
	return all, k.fail["list"]
}

// change is what all operations have in common.
func (k *fakeKernel) change(op string, p netip.Prefix, f func() error) error {
	time.Sleep(k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	if op != "refresh" || !k.quiet {
		k.log = append(k.log, op+" "+p.String())
	}
	if err := cmp.Or(k.fail[op], k.fail[op+" "+p.String()]); err != nil {
		return err
	}
	return f()
}

func (k *fakeKernel) add(index int, p netip.Prefix, how manner) error {
	return k.change("add", p, func() error {
		if _, there := k.addrs[p]; there {
			return unix.EEXIST
		}
		k.addrs[p] = address{index: index, prefix: p, proto: AddressProtocol, remaining: int64(how.lease / time.Second)}
		return nil
	})
}

func (k *fakeKernel) refresh(index int, p netip.Prefix, how manner) error {
	return k.change("refresh", p, func() error {
		k.addrs[p] = address{index: index, prefix: p, proto: AddressProtocol, remaining: int64(how.lease / time.Second)}
		return nil
	})
}

func (k *fakeKernel) remove(_ int, p netip.Prefix) error {
	return k.change("remove", p, func() error {
		if _, there := k.addrs[p]; there {
			delete(k.addrs, p)
			k.links.lost([]loss{{"eth0", 7, p, ourPort, 1}}, false)
		}
		return nil
	})
}

// takenBy removes an address behind our back and gives notice.
func (k *fakeKernel) takenBy(port uint32, remaining int64, p netip.Prefix) {
	k.note("", func() { delete(k.addrs, p) })
	k.links.lost([]loss{{"eth0", 7, p, port, remaining}}, false)
}

// host adds an address that is not ours.
func (k *fakeKernel) host(p netip.Prefix) {
	k.addrs[p] = address{index: 7, prefix: p, remaining: vrrp.LifetimeForever}
}

// ours adds an address of an earlier life.
func (k *fakeKernel) ours(p netip.Prefix) {
	k.addrs[p] = address{index: 7, prefix: p, proto: AddressProtocol, remaining: 5}
}

// did waits until all is quiet and returns and empties the log.
func (k *fakeKernel) did() string {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	log := strings.Join(k.log, ", ")
	k.log = nil
	return log
}

// kinds returns and forgets the kinds of the events so far.
func (k *fakeKernel) kinds() (kinds []runner.AddressEventKind) {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ev := range k.events {
		kinds = append(kinds, ev.Kind)
	}
	k.events = nil
	return kinds
}

// announced returns the announcements so far.
func (k *fakeKernel) announced() []string {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.arps)
}

func (k *fakeKernel) has(p netip.Prefix) bool {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there := k.addrs[p]
	return there
}

// state returns the state of an address in status, empty if it has none.
func (k *fakeKernel) state(p netip.Prefix) runner.AddressState {
	synctest.Wait()
	all := k.links.Status()
	i := slices.IndexFunc(all, func(s runner.AddressStatus) bool { return s.Address == p })
	if i < 0 {
		return ""
	}
	return all[i].State
}

type fakeSysctl struct{ *fakeKernel }

func (s fakeSysctl) read(string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sysctl, s.fail["sysctl"]
}

func (s fakeSysctl) write(_, value string) error {
	s.note("sysctl "+value, func() { s.sysctl = value })
	return nil
}

var routerA = vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 1}

// hold is a Hold of routerA with a lease of 5 s that is true for one second.
func hold(epoch uint64, addrs ...netip.Prefix) *vrrp.Hold {
	return &vrrp.Hold{
		ID: routerA, Addresses: addrs, Epoch: epoch, Lease: 5 * time.Second,
		Deadline: time.Now().Add(time.Second),
	}
}

func refresh(epoch uint64, addrs ...netip.Prefix) *vrrp.Hold {
	h := hold(epoch, addrs...)
	h.Refresh = true
	return h
}

func release(epoch uint64, addrs ...netip.Prefix) *vrrp.Release {
	return &vrrp.Release{ID: routerA, Addresses: addrs, Epoch: epoch}
}

// keep refreshes every second for d, as an engine does.
func (k *fakeKernel) keep(d time.Duration, epoch uint64, addrs ...netip.Prefix) {
	for range d / time.Second {
		k.links.Hold(refresh(epoch, addrs...))
		time.Sleep(time.Second)
	}
}
