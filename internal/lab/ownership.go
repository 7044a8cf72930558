package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ownership watches, through the kernel's own notifications, which hosts have
// an address on an interface and since when.
type Ownership struct {
	addr  netip.Addr
	hosts []*Host

	mu    sync.Mutex
	spans []Span
	err   error
}

// Span is a time during which a host had the address.
type Span struct {
	Host  *Host
	Start time.Time
	End   time.Time // zero while it has it
}

// Ownership starts to watch an address on the given hosts.
func (l *Lab) Ownership(addr string, hosts ...*Host) *Ownership {
	l.tb.Helper()
	o := &Ownership{addr: netip.MustParseAddr(addr), hosts: hosts}
	for _, h := range hosts {
		conn, err := h.Watch(unix.RTMGRP_IPV4_IFADDR)
		if err != nil {
			l.tb.Fatalf("watch addresses of %s: %v", h.Name, err)
		}
		if h.Holds(o.addr) {
			o.change(h, true)
		}
		l.onClose(func() { conn.Close() })
		go o.watch(h, conn)
	}
	return o
}

// Watch subscribes to groups of the host's routing messages (RTMGRP_* of
// linux/rtnetlink.h). The caller closes the connection.
func (h *Host) Watch(groups uint32) (*netlink.Conn, error) {
	return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: int(h.ns.fd), Groups: groups})
}

// watch follows one host until its connection is closed.
func (o *Ownership) watch(h *Host, conn *netlink.Conn) {
	for {
		msgs, err := conn.Receive()
		if err != nil {
			o.mu.Lock()
			o.err = fmt.Errorf("watch addresses of %s: %w", h.Name, err)
			o.mu.Unlock()
			return
		}
		for _, m := range msgs {
			if addr, err := messageAddr(m); err == nil && addr == o.addr {
				o.change(h, m.Header.Type == unix.RTM_NEWADDR)
			}
		}
	}
}

// messageAddr is the local address of an RTM_NEWADDR or RTM_DELADDR.
func messageAddr(m netlink.Message) (netip.Addr, error) {
	if len(m.Data) < unix.SizeofIfAddrmsg {
		return netip.Addr{}, fmt.Errorf("address message of %d bytes", len(m.Data))
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return netip.Addr{}, err
	}
	var addr netip.Addr
	for ad.Next() {
		if ad.Type() == unix.IFA_LOCAL {
			addr, _ = netip.AddrFromSlice(ad.Bytes())
		}
	}
	return addr, ad.Err()
}

// change notes an event; the refresh of a lease changes nothing.
func (o *Ownership) change(h *Host, has bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	held := o.current(h)
	switch {
	case has && held == nil:
		o.spans = append(o.spans, Span{Host: h, Start: time.Now()})
	case !has && held != nil:
		held.End = time.Now()
	}
}

// current is the open span of h, nil when it does not have the address.
func (o *Ownership) current(h *Host) *Span {
	for i := range o.spans {
		if o.spans[i].Host == h && o.spans[i].End.IsZero() {
			return &o.spans[i]
		}
	}
	return nil
}

// Owners are the names of the hosts that have the address now.
func (o *Ownership) Owners() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, h := range o.hosts {
		if o.current(h) != nil {
			out = append(out, h.Name)
		}
	}
	return out
}

// Only returns nil when exactly this host has the address.
func (o *Ownership) Only(h *Host) error {
	if owners := o.Owners(); len(owners) != 1 || owners[0] != h.Name {
		return fmt.Errorf("%v is on %v, not on %s alone", o.addr, owners, h.Name)
	}
	return o.failure()
}

// None returns nil when no host has the address.
func (o *Ownership) None() error {
	if owners := o.Owners(); len(owners) > 0 {
		return fmt.Errorf("%v is on %v", o.addr, owners)
	}
	return o.failure()
}

func (o *Ownership) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Spans are the times during which h had the address, in order.
func (o *Ownership) Spans(h *Host) []Span {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []Span
	for _, s := range o.spans {
		if s.Host == h {
			out = append(out, s)
		}
	}
	return out
}

// Tenure is a time during which the same hosts had the address, or none.
type Tenure struct {
	Hosts      []string
	Start, End time.Time
}

// Story tells tenures that follow each other: "lb1, nobody from 0.35 s, lb2 from
// 0.41 s".
func Story(all []Tenure) string {
	var parts []string
	for i, t := range all {
		part := cmp.Or(strings.Join(t.Hosts, "+"), "nobody")
		if i > 0 {
			part = fmt.Sprintf("%s from %.2f s", part, t.Start.Sub(all[0].Start).Seconds())
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// Tenures tells who had the address between two times, in order.
func (o *Ownership) Tenures(from, to time.Time) []Tenure {
	o.mu.Lock()
	defer o.mu.Unlock()
	return tenures(o.hosts, o.spans, from, to)
}

func tenures(hosts []*Host, spans []Span, from, to time.Time) (all []Tenure) {
	times := []time.Time{from, to}
	for _, s := range spans {
		times = append(times, s.Start, s.End)
	}
	times = slices.DeleteFunc(times, func(at time.Time) bool { return at.Before(from) || at.After(to) })
	slices.SortFunc(times, time.Time.Compare)
	for i, at := range times[:len(times)-1] {
		next := times[i+1]
		if !next.After(at) {
			continue
		}
		var who []string
		for _, h := range hosts {
			has := func(s Span) bool {
				return s.Host == h && !s.Start.After(at) && (s.End.IsZero() || s.End.After(at))
			}
			if slices.ContainsFunc(spans, has) {
				who = append(who, h.Name)
			}
		}
		if n := len(all); n > 0 && slices.Equal(all[n-1].Hosts, who) {
			all[n-1].End = next
		} else {
			all = append(all, Tenure{who, at, next})
		}
	}
	return all
}

// Overlap is the longest time during which two hosts had the address at once.
func (o *Ownership) Overlap() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return overlap(o.spans, time.Now())
}

// overlap is the longest intersection of two spans of different hosts; open
// spans end now.
func overlap(spans []Span, now time.Time) time.Duration {
	var longest time.Duration
	for i, a := range spans {
		for _, b := range spans[:i] {
			if a.Host == b.Host {
				continue
			}
			start, end := a.Start, a.End
			if end.IsZero() {
				end = now
			}
			if b.Start.After(start) {
				start = b.Start
			}
			if !b.End.IsZero() && b.End.Before(end) {
				end = b.End
			}
			longest = max(longest, end.Sub(start))
		}
	}
	return longest
}
