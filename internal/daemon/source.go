package daemon

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/probe"
)

// probeSource keeps probes from leaving with a virtual address. A real server
// for direct routing or tunnels has that address itself: it would answer to
// its own loopback, and vanish once the VIP is there.
type probeSource struct {
	route     func(target netip.Addr) (src netip.Addr, link int, err error)
	addresses func(link int) ([]netip.Prefix, error)

	mu      sync.Mutex
	virtual map[netip.Addr]bool
	known   map[netip.Addr]sourceAnswer
}

// sourceAnswer is what was found for a target.
type sourceAnswer struct {
	source netip.Addr // zero = as the kernel chooses
	until  time.Time
}

// sourceValid is how long an answer holds: routes and addresses change rarely,
// probes are many.
const sourceValid = 10 * time.Second

func newProbeSource() *probeSource {
	return &probeSource{route: kernelRoute, addresses: linkAddresses, known: map[netip.Addr]sourceAnswer{}}
}

// configure names the virtual addresses.
func (p *probeSource) configure(virtual []netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.virtual = make(map[netip.Addr]bool, len(virtual))
	for _, a := range virtual {
		p.virtual[a] = true
	}
	clear(p.known)
}

// run probes k, from a source that is no virtual address unless its settings
// name one.
func (p *probeSource) run(ctx context.Context, k healthcheck.Key) healthcheck.Result {
	if n := &k.Settings.Network; !n.Source.IsValid() && n.Interface == "" && n.Mark == 0 {
		n.Source = p.source(k.Target.Addr(), time.Now())
	}
	return probe.Run(ctx, k)
}

// source returns the address to leave from, zero for the kernel's choice.
func (p *probeSource) source(target netip.Addr, now time.Time) netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.virtual) == 0 || target.IsLoopback() {
		return netip.Addr{}
	}
	if a, ok := p.known[target]; ok && now.Before(a.until) {
		return a.source
	}
	a := sourceAnswer{source: p.choose(target), until: now.Add(sourceValid)}
	p.known[target] = a
	return a.source
}

// choose finds an address in place of a virtual one: on the link that leads
// to the target, best in its network. Where there is none the kernel's choice
// stays: a probe that may work is better than none.
func (p *probeSource) choose(target netip.Addr) netip.Addr {
	chosen, link, err := p.route(target)
	if err != nil || !p.virtual[chosen] || chosen == target {
		return netip.Addr{}
	}
	list, err := p.addresses(link)
	if err != nil {
		return netip.Addr{}
	}
	list = slices.DeleteFunc(list, func(a netip.Prefix) bool {
		return p.virtual[a.Addr()] || a.Addr().Is4() != target.Is4() || a.Addr().IsLinkLocalUnicast() != target.IsLinkLocalUnicast()
	})
	for _, a := range list {
		if a.Contains(target) {
			return a.Addr()
		}
	}
	if len(list) > 0 {
		return list[0].Addr()
	}
	return netip.Addr{}
}

func kernelRoute(target netip.Addr) (netip.Addr, int, error) {
	routes, err := netlink.RouteGet(target.AsSlice())
	if err != nil || len(routes) == 0 {
		return netip.Addr{}, 0, err
	}
	src, _ := netip.AddrFromSlice(routes[0].Src)
	return src.Unmap(), routes[0].LinkIndex, nil
}

func linkAddresses(link int) ([]netip.Prefix, error) {
	l, err := netlink.LinkByIndex(link)
	if err != nil {
		return nil, err
	}
	list, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		if ok {
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out, nil
}
