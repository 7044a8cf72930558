package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// errClosed tells that the kernel interfaces were closed.
var errClosed = errors.New("closed")

// Options say what a Kernel works with. All fields are required.
type Options struct {
	// RuntimeDir holds the record of what is ours; it is created if missing.
	RuntimeDir string
	// Feed takes events for the engine. It must not block.
	Feed func(vrrp.Event)
	// Observe takes what happens to addresses outside elections. It must not
	// block.
	Observe func(runner.AddressEvent)
}

// Kernel is everything the router role needs of Linux.
type Kernel struct {
	wire      *Wire
	addresses *addresses
	links     *Links
	announcer *announcer
	overhears *overhearer
	watch     *watch
	pathWatch *pathWatch
	vmacs     *vmacKeeper
	store     *store
	observe   func(runner.AddressEvent)

	static      atomic.Pointer[vrrp.Config]
	staticEpoch atomic.Uint64
	staticFlush time.Duration
}

// Open takes stock of interfaces, addresses and the record of an earlier
// life, and starts to watch. It sends nothing and changes no address. Events
// are fed only for interfaces given to Watch.
func Open(o Options) (*Kernel, error) {
	k, err := prepare(o, newWire())
	if err != nil {
		return nil, err
	}
	if err := k.start(nil); err != nil {
		k.abandon()
		return nil, err
	}
	return k, nil
}

// Succeed returns the kernel interfaces of a process that goes on with the
// sockets of another one. It reads and changes nothing until Start.
func Succeed(o Options, ports []Port, fds []int) (*Kernel, error) {
	wire, err := passedWire(ports, fds)
	if err != nil {
		return nil, err
	}
	k, err := prepare(o, wire)
	if err != nil {
		wire.close()
	}
	return k, err
}

// Start is what remains of Open, once the other process has stopped, followed
// by what Static and Claim of the present configuration do.
func (k *Kernel) Start(routers []vrrp.Config, static vrrp.Config) error {
	static.ID = staticID
	k.staticEpoch.Add(1)
	k.static.Store(&static)
	if err := k.start(routers); err != nil {
		return err
	}
	k.holdStatic()
	return nil
}

// Receive lets the wire of passed sockets signal what arrives.
func (k *Kernel) Receive() { k.wire.listen() }

// Abandon gives up what was prepared and never started.
func (k *Kernel) Abandon() {
	k.wire.close()
	k.abandon()
}

// abandon closes what prepare opened.
func (k *Kernel) abandon() {
	k.announcer.close()
	k.addresses.close()
}

// prepare makes the parts.
func prepare(o Options, wire *Wire) (*Kernel, error) {
	store, err := openStore(o.RuntimeDir)
	if err != nil {
		return nil, err
	}
	addrs, err := openAddresses()
	if err != nil {
		return nil, err
	}
	k := &Kernel{
		wire: wire, addresses: addrs, announcer: newAnnouncer(), overhears: newOverhearer(o.Feed),
		store: store, observe: o.Observe, staticFlush: staticFlush,
	}
	k.links = newLinks(linksOptions{
		kernel: addrs, paths: kernelPaths{}, gates: kernelGates{}, sysctl: promoteSecondaries{}, save: store.save, now: Now,
		feed: o.Feed, observe: o.Observe, announce: k.announcer.announce, handOn: k.overhears.heirs.handOn,
		who: who, port: addrs.port, keepsProto: keepsProto(),
	})
	k.vmacs = newVMACKeeper(o.RuntimeDir, store.boot, o.Observe)
	k.pathWatch = newPathWatch(k.links)
	k.watch = newWatch(o.Feed, k.links, func() {
		k.vmacs.look()
		k.links.lostPaths(nil, true) // what led by an interface that went is gone without a notice
	})
	return k, nil
}

// start reads the present state and starts the goroutines. What is claimed
// already is so before anything that waits is carried out.
func (k *Kernel) start(routers []vrrp.Config) error {
	content, err := k.store.load()
	if err != nil {
		// The marks on the addresses are left to go by.
		k.observe(failure("", err))
	}
	have, err := k.addresses.list()
	if err != nil {
		return err
	}
	names, err := k.addresses.names()
	if err != nil {
		return err
	}
	k.links.adopt(content, have, names)
	k.links.save()
	if err := k.watch.start(); err != nil {
		return err
	}
	if routers != nil {
		for _, j := range k.claims(routers) {
			k.links.carryOut([]job{j})
		}
	}
	go k.links.run()
	go k.vmacs.run()
	return nil
}

// Wire returns the sockets. It belongs to the runner's goroutine.
func (k *Kernel) Wire() runner.Wire { return k.wire }

// Links returns the keeper of the virtual addresses.
func (k *Kernel) Links() runner.Links { return k.links }

// Announcer returns the sender of gratuitous ARPs.
func (k *Kernel) Announcer() runner.Announcer { return orderedAnnouncer{k.links, k.announcer} }

// Watch makes the set of interfaces whose state is fed to the engine, and
// feeds the present state of each.
func (k *Kernel) Watch(interfaces []string) { k.watch.set(interfaces) }

// Claim tells the routers of the configuration. Recorded addresses found at
// start that belong to none of them are removed.
func (k *Kernel) Claim(routers []vrrp.Config) {
	for _, j := range k.claims(routers) {
		k.links.do(j)
	}
	k.holdStatic()
}

// claims tells where the addresses of the routers belong and whose they are.
// An address of a router that moves goes with the next Hold.
func (k *Kernel) claims(routers []vrrp.Config) []job {
	if c := k.static.Load(); c != nil {
		routers = append(slices.Clip(routers), *c)
	}
	owners := make(map[place]vrrp.RouterID)
	paths := make(map[vrrp.RouterID]vrrp.Paths, len(routers))
	for _, c := range routers {
		for _, a := range c.Held() {
			owners[place{c.CarrierOf(a), a}] = c.ID
		}
		paths[c.ID] = c.Paths
	}
	k.watch.rest(vmacsOf(routers))
	k.vmacs.set(vmacsOf(routers))
	k.pathWatch.need(paths)
	return []job{{plan: planOf(routers, k.watch.hasNetwork)}, {paths: paths}, {claim: owners}}
}

// Idle tells whether everything that was asked for about addresses and
// announcements is done.
func (k *Kernel) Idle() bool { return k.links.idle() && k.announcer.idle() }

// Overhear feeds the announcements of other hosts that a hand-over waits for.
func (k *Kernel) Overhear(h *vrrp.HandingOver) {
	k.overhears.overhear(h.ID.Interface, h.ID.Family, h.Addresses, h.Until)
}

// Close stops everything. It has to come after the runner has returned.
// Addresses stay as they are.
func (k *Kernel) Close() error {
	err := k.releaseStatic()
	k.Halt()
	return errors.Join(err, kernelGates{}.plan(nil, nil), k.vmacs.clear())
}

// Halt stops everything and leaves the host as it is, for another process.
func (k *Kernel) Halt() {
	k.overhears.close()
	k.watch.close()
	k.pathWatch.close()
	k.links.close()
	k.announcer.close()
	k.wire.close()
	k.addresses.close()
	k.vmacs.halt()
}

// keepsProto tells whether the kernel keeps AddressProtocol (Linux 5.18).
func keepsProto() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 18
}
