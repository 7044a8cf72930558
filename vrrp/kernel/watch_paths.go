package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// pathWatch follows routes and rules, on a socket of its own: a routing daemon
// may change thousands at once, which must not hide what happens to addresses.
// It begins when there is a route or rule to look after.
type pathWatch struct {
	links *Links
	begin sync.Once

	mu     sync.Mutex
	closed bool
	sock   *nl.NetlinkSocket
	done   chan struct{}
	ended  sync.WaitGroup
}

func newPathWatch(links *Links) *pathWatch {
	return &pathWatch{links: links, done: make(chan struct{})}
}

// need begins to watch if any of the routers has routes or rules.
func (w *pathWatch) need(paths map[vrrp.RouterID]vrrp.Paths) {
	for _, p := range paths {
		if len(p.Routes)+len(p.Rules) > 0 {
			w.begin.Do(func() {
				if err := w.subscribe(); err != nil {
					w.links.opt.observe(failure("", err))
				}
				w.ended.Go(w.follow)
			})
		}
	}
}

func (w *pathWatch) subscribe() error {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return fmt.Errorf("subscribe to routes and rules: %w", err)
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
	w.sock = sock
	return nil
}

// follow reads notices until closed. After an error, an overrun above all,
// everything is looked at.
func (w *pathWatch) follow() {
	for {
		err := errClosed
		if w.sock != nil {
			err = w.read()
		}
		for err != nil {
			select {
			case <-w.done:
				return
			case <-time.After(rewatchPause):
			}
			if err = w.subscribe(); err == nil {
				w.links.lostPaths(nil, true)
			}
		}
	}
}

// read takes one batch of notices.
func (w *pathWatch) read() error {
	msgs, from, err := w.sock.Receive()
	if err != nil || from.Pid != nl.PidKernel {
		return err
	}
	var losses []pathLoss
	for _, m := range msgs {
		if k, ok := decodePathLoss(m); ok {
			losses = append(losses, pathLoss{k, m.Header.Pid})
		}
	}
	if len(losses) > 0 {
		w.links.lostPaths(losses, false)
	}
	return nil
}

func (w *pathWatch) close() {
	close(w.done)
	w.mu.Lock()
	w.closed = true
	if w.sock != nil {
		w.sock.Close()
	}
	w.mu.Unlock()
	w.ended.Wait()
}

// decodePathLoss reads which route or rule went; ok is false for any other
// notice. The two messages have the same header.
func decodePathLoss(m syscall.NetlinkMessage) (k pathKey, ok bool) {
	rule := m.Header.Type == unix.RTM_DELRULE
	if !rule && m.Header.Type != unix.RTM_DELROUTE || len(m.Data) < unix.SizeofRtMsg {
		return k, false
	}
	msg := nl.DeserializeRtMsg(m.Data)
	attrs, err := nl.ParseRouteAttr(m.Data[unix.SizeofRtMsg:])
	if err != nil {
		return k, false
	}
	k = pathKey{rule: rule, family: msg.Family, table: uint32(msg.Table)}
	to := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		to = netip.IPv6Unspecified()
	}
	for _, a := range attrs {
		switch int(a.Attr.Type) {
		case unix.RTA_DST: // FRA_DST
			to, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_TABLE: // FRA_TABLE
			k.table = number(a.Value)
		case unix.RTA_PRIORITY: // FRA_PRIORITY
			k.number = number(a.Value)
		}
	}
	if !rule {
		k.destination, k.protocol = netip.PrefixFrom(to, int(msg.Dst_len)), msg.Protocol
	}
	return k, true
}

func number(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
