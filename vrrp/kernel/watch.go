package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// watchBuffer holds some thousand notices; a subscription that overruns
	// has to be read anew as a whole.
	watchBuffer = 1 << 20
	// rewatchPause keeps a broken subscription from becoming a busy loop.
	rewatchPause = 100 * time.Millisecond
)

// watch follows interfaces and addresses by rtnetlink. It feeds the engine
// the state of the interfaces in use, and tells the keeper of the addresses
// what went.
type watch struct {
	feed  func(vrrp.Event)
	links *Links
	// linked is told that an interface came, went or changed.
	linked func()

	mu     sync.Mutex
	closed bool
	sock   *nl.NetlinkSocket
	view   view
	used   map[string]told // what was fed last, by interface
	bases  map[string]string
	buffer Buffer
	done   chan struct{}
	ended  chan struct{}
}

// told is what the engine was last told about an interface.
type told struct {
	link  vrrp.Link
	index int
}

func newWatch(feed func(vrrp.Event), links *Links, linked func()) *watch {
	return &watch{
		feed: feed, links: links, linked: linked, used: make(map[string]told),
		done: make(chan struct{}), ended: make(chan struct{}),
	}
}

// start subscribes, reads the present state and follows the changes.
func (w *watch) start() error {
	if err := w.subscribe(); err != nil {
		return err
	}
	go w.follow()
	return nil
}

// set changes which interfaces are in use and feeds the state of each.
func (w *watch) set(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.used, func(name string, _ told) bool { return !slices.Contains(names, name) })
	for _, name := range names {
		link, index := w.link(name)
		w.tell(link, index)
	}
}

func (w *watch) close() {
	close(w.done)
	w.mu.Lock()
	w.closed = true
	w.sock.Close()
	w.mu.Unlock()
	<-w.ended
}

// subscribe opens a subscription and then reads everything, in this order, so
// that no change falls between the two.
func (w *watch) subscribe() error {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("subscribe to rtnetlink: %w", err)
	}
	w.mu.Lock()
	size := w.buffer
	w.mu.Unlock()
	if err := size.set(sock); err != nil {
		sock.Close()
		return err
	}
	view, err := w.read()
	if err != nil {
		sock.Close()
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		sock.Close()
		return errClosed
	}
	if w.sock != nil {
		w.sock.Close()
	}
	w.sock, w.view = sock, view
	w.tellChanged()
	return nil
}

// read lists all interfaces and addresses over a socket of its own.
func (w *watch) read() (view, error) {
	a, err := openAddresses()
	if err != nil {
		return view{}, err
	}
	defer a.close()
	links, linkErr := a.links()
	addrs, addrErr := a.list()
	if err := errors.Join(linkErr, addrErr); err != nil {
		return view{}, err
	}
	v := newView()
	for _, info := range links {
		v.putLink(info)
	}
	for _, addr := range addrs {
		v.put(seenAddress{addr, w.ours(v.links[addr.index].name, addr)})
	}
	return v, nil
}

func (w *watch) ours(iface string, a address) bool {
	return a.proto == AddressProtocol || w.links.table.owns(place{iface, a.prefix})
}

// follow reads notices until closed. Any error, an overrun above all, ends
// the subscription: a new one is made and everything is read again.
func (w *watch) follow() {
	defer close(w.ended)
	for {
		msgs, from, err := w.sock.Receive()
		if err == nil && from.Pid == nl.PidKernel {
			w.take(msgs)
		}
		for err != nil {
			select {
			case <-w.done:
				return
			case <-time.After(rewatchPause):
			}
			if err = w.subscribe(); err == nil {
				w.links.lost(nil, true)
				w.linked() // an interface may have gone without a notice
			}
		}
	}
}

// take applies a batch of notices.
func (w *watch) take(msgs []syscall.NetlinkMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var losses []loss
	for _, m := range msgs {
		changed := true
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			w.takeLink(m)
			w.linked()
		case unix.RTM_NEWADDR:
			changed = w.takeAddress(m)
		case unix.RTM_DELADDR:
			losses = w.takeLoss(m, losses)
		}
		if changed {
			w.tellChanged()
		}
	}
	if len(losses) > 0 {
		w.links.lost(losses, false)
	}
}

// takeLink notes a link. A bridge's port leaving it also is an RTM_DELLINK,
// of another family, and does not mean that the interface is gone.
func (w *watch) takeLink(m syscall.NetlinkMessage) {
	info, err := decodeLink(m.Data)
	if err != nil || nl.DeserializeIfInfomsg(m.Data).Family != unix.AF_UNSPEC {
		return
	}
	if m.Header.Type == unix.RTM_NEWLINK {
		w.view.putLink(info)
	} else {
		w.view.removeLink(info.index)
	}
}

// takeAddress notes an address and reports whether anything about it is new,
// which it is not when a lease was refreshed.
func (w *watch) takeAddress(m syscall.NetlinkMessage) (changed bool) {
	a, ok, err := decodeAddress(m.Data)
	return err == nil && ok && w.view.put(seenAddress{a, w.ours(w.view.links[a.index].name, a)})
}

// takeLoss notes that an address went.
func (w *watch) takeLoss(m syscall.NetlinkMessage, losses []loss) []loss {
	a, ok, err := decodeAddress(m.Data)
	if err != nil || !ok {
		return losses
	}
	w.view.remove(a)
	return append(losses, loss{
		iface: w.view.links[a.index].name, index: a.index, prefix: a.prefix,
		port: m.Header.Pid, remaining: a.remaining,
	})
}

// tellChanged feeds the interfaces in use whose state is another than what
// was fed last.
func (w *watch) tellChanged() {
	for _, name := range slices.Sorted(maps.Keys(w.used)) {
		link, index := w.link(name)
		if last := w.used[name]; last.link != link || last.index != index {
			w.tell(link, index)
		}
	}
}

// tell feeds the state of one interface. One that was replaced by another of
// the same name is told to have gone in between: its addresses and
// memberships went with it.
func (w *watch) tell(link vrrp.Link, index int) {
	name := link.Interface
	if last, known := w.used[name]; known && last.link.Exists && link.Exists && last.index != index {
		w.feed(&vrrp.Link{Interface: name})
	}
	w.used[name] = told{link, index}
	w.feed(&link)
}

// hasNetwork tells whether an interface has an address of the host in a
// network, and so its route.
func (w *watch) hasNetwork(iface string, p netip.Prefix) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	index, exists := w.view.named[iface]
	return exists && slices.ContainsFunc(w.view.addrs[index], func(a seenAddress) bool {
		return !a.ours && a.prefix.Masked() == p.Masked()
	})
}

// rest tells which interfaces rest on which others.
func (w *watch) rest(vmacs []vmac) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bases = make(map[string]string, len(vmacs))
	for _, v := range vmacs {
		w.bases[v.name] = v.base
	}
}

// link returns the state of an interface for the engine, and its index. One
// that rests on another has the source addresses of that one.
func (w *watch) link(name string) (vrrp.Link, int) {
	link, index := w.view.link(name)
	if baseName, rests := w.bases[name]; rests {
		base, baseIndex := w.view.link(baseName)
		link.Exists = link.Exists && w.view.links[index].parent == baseIndex
		link.Up = link.Up && base.Up && link.Exists
		link.Primary, link.LinkLocal = base.Primary, base.LinkLocal
		link.Master = cmp.Or(link.Master, base.Master)
	}
	return link, index
}
