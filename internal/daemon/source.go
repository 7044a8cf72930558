package daemon

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/probe"
	checks "github.com/vipd/vipd/healthcheck/runner"
)

// probeSource keeps probes from leaving with a virtual address. A real server
// for direct routing or tunnels has that address itself: it would answer to
// its own loopback, and vanish once the VIP is there.
type probeSource struct {
	prober    *probe.Prober
	loop      *probe.Loop // nil = every probe has a goroutine
	leaves    func(target netip.Addr) (src netip.Addr, err error)
	route     func(target netip.Addr) (src netip.Addr, link int, err error)
	addresses func(link int) ([]netip.Prefix, error)
	probes    *checks.Runner // whom the loop tells; set before serve

	mu      sync.Mutex
	virtual map[netip.Addr]bool // never changed, only replaced
	known   map[netip.Addr]sourceAnswer
	calm    time.Time // when what an election changes has settled
	changes uint64    // how often known was cleared
}

// sourceAnswer is what was found for a target.
type sourceAnswer struct {
	source netip.Addr // zero = as the kernel chooses
	until  time.Time
}

// How long an answer holds: routes and addresses change rarely, probes are
// many. Elections move virtual addresses; for a while after one, answers hold
// for a moment only.
const (
	sourceValid     = 2 * time.Minute
	sourceMoving    = 10 * time.Second
	sourceUncertain = time.Second
)

func newProbeSource() *probeSource {
	p := &probeSource{prober: probe.New(probe.Options{}), leaves: kernelSource, route: kernelRoute, addresses: linkAddresses, known: map[netip.Addr]sourceAnswer{}}
	if loop, err := p.prober.NewLoop(func() { p.probes.Wake() }, func(ends []healthcheck.End) { p.probes.Landed(ends) }); err == nil { // else it only costs more
		p.loop = loop
	}
	return p
}

// newProbes returns a runner whose probes come from here; serve must be called.
func (p *probeSource) newProbes(onUpdate func(checks.Update)) *checks.Runner {
	o := checks.Options{Probe: p.run, OnUpdate: onUpdate}
	if p.loop != nil {
		o.Begin, o.Alarm = p.begin, p.loop.Alarm
	}
	p.probes = checks.New(o)
	return p.probes
}

// serve carries out what begin starts, until ctx is done.
func (p *probeSource) serve(ctx context.Context) {
	if p.loop != nil {
		p.loop.Run(ctx)
	}
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
	p.changes++
}

// moved is told that virtual addresses come or go.
func (p *probeSource) moved(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.known)
	p.changes++
	p.calm = now.Add(sourceMoving)
}

// run probes k, from a source that is no virtual address unless its settings
// name one.
func (p *probeSource) run(ctx context.Context, k healthcheck.Key) healthcheck.Result {
	return p.prober.Run(ctx, p.sourced(k, time.Now()))
}

// begin starts the simple probes, from the same sources.
func (p *probeSource) begin(starts []healthcheck.Start) {
	now := time.Now()
	for i := range starts {
		starts[i].Key = p.sourced(starts[i].Key, now)
	}
	p.loop.Begin(starts)
}

// sourced names the source of a probe.
func (p *probeSource) sourced(k healthcheck.Key, now time.Time) healthcheck.Key {
	if n := &k.Settings.Network; !n.Source.IsValid() && n.Interface == "" && n.Mark == 0 {
		n.Source = p.source(k.Target.Addr(), now)
	}
	return k
}

// source returns the address to leave from, zero for the kernel's choice.
func (p *probeSource) source(target netip.Addr, now time.Time) netip.Addr {
	p.mu.Lock()
	virtual, asked := p.virtual, p.changes
	a, found := p.known[target]
	valid := sourceValid
	if now.Before(p.calm) {
		valid = sourceUncertain
	}
	p.mu.Unlock()
	switch {
	case len(virtual) == 0 || target.IsLoopback():
		return netip.Addr{}
	case found && now.Before(a.until):
		return a.source
	}
	// Without the mutex: other probes do not wait for what the kernel answers.
	a = sourceAnswer{source: p.choose(target, virtual), until: now.Add(valid)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == asked {
		p.known[target] = a
	}
	return a.source
}

// choose finds an address in place of a virtual one: on the link that leads
// to the target, best in its network. Where there is none the kernel's choice
// stays: a probe that may work is better than none.
func (p *probeSource) choose(target netip.Addr, virtual map[netip.Addr]bool) netip.Addr {
	if chosen, err := p.leaves(target); err == nil && !virtual[chosen] {
		return netip.Addr{} // the usual case, which costs little
	}
	chosen, link, err := p.route(target)
	if err != nil || !virtual[chosen] || chosen == target {
		return netip.Addr{}
	}
	list, err := p.addresses(link)
	if err != nil {
		return netip.Addr{}
	}
	list = slices.DeleteFunc(list, func(a netip.Prefix) bool {
		return virtual[a.Addr()] || a.Addr().Is4() != target.Is4() || a.Addr().IsLinkLocalUnicast() != target.IsLinkLocalUnicast()
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

// kernelSource asks the kernel from where it would reach a target, by a
// datagram socket that sends nothing: much cheaper than asking for the route.
func kernelSource(target netip.Addr) (netip.Addr, error) {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: 9, Addr: target.As16()})
	if target = target.Unmap(); target.Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: 9, Addr: target.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netip.Addr{}, err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, to); err != nil {
		return netip.Addr{}, err
	}
	name, err := unix.Getsockname(fd)
	switch local := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(local.Addr), err
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(local.Addr).Unmap(), err
	}
	return netip.Addr{}, err
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
