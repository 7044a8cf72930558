package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Times of a look for duplicates. It fits into the time that a router listens
// before it claims anything where that is long enough.
const (
	shortestProbe = time.Second
	longestProbe  = 3 * time.Second
)

// Probe asks whether other hosts use addresses (RFC 5227 §2.1.1, RFC 4862
// §5.4): each is asked for several times until the given time, and whoever has
// one is told as Answered. It must delay nothing.
type Probe struct {
	ID        RouterID
	Interface string
	Addresses []netip.Prefix
	Until     time.Time
}

// Answer is a host that was found to use one of the addresses.
type Answer struct {
	Address netip.Addr
	MAC     string // of the host, in the usual form
}

// Answered tells that another host uses an address that a Probe asked for.
type Answered struct {
	ID RouterID
	Answer
}

func (*Answered) event() {}
func (*Probe) action()   {}

// String describes the look for duplicates in one line.
func (a *Probe) String() string {
	return a.ID.String() + " probe " + join(a.Addresses) + " on " + a.Interface
}

// probing is a router's look for duplicates. It is open from when the router
// begins to listen until it hears another router, who may well have the
// addresses.
type probing struct {
	open    bool
	answers []Answer
}

// probe begins to look for duplicates, on every interface that is to carry
// addresses. A virtual MAC interface is not used: what leaves by it would
// teach switches that this host is master.
func (r *router) probe(now time.Time) {
	r.probing = probing{open: r.cfg.ProbeDuplicates}
	if !r.probing.open {
		return
	}
	until := now.Add(min(max(r.deadline.Sub(now), shortestProbe), longestProbe))
	places := make(map[string][]netip.Prefix)
	var names []string
	for _, a := range r.held {
		name := r.cfg.ID.Interface
		if o := r.cfg.Options[a]; o.Interface != "" {
			name = o.Interface
		}
		if places[name] == nil {
			names = append(names, name)
		}
		places[name] = append(places[name], a)
	}
	for _, name := range names {
		r.engine.out.add(&Probe{ID: r.cfg.ID, Interface: name, Addresses: places[name], Until: until})
	}
}

// answered notes who uses one of the addresses. Nobody is accused before the
// claim: the answer may be that of a master whose advert is still to come.
func (r *router) answered(ev *Answered) {
	a := ev.Answer
	if !r.probing.open || slices.Contains(r.probing.answers, a) || len(r.probing.answers) > len(r.held) ||
		!slices.ContainsFunc(r.held, func(p netip.Prefix) bool { return p.Addr() == a.Address }) {
		return
	}
	r.probing.answers = append(r.probing.answers, a)
	if r.state == StateMaster {
		r.reportInUse(a)
	}
}

// reportDuplicates tells who used the addresses that are claimed now.
func (r *router) reportDuplicates() {
	for _, a := range r.probing.answers {
		r.reportInUse(a)
	}
}

func (r *router) reportInUse(a Answer) {
	r.counters.AddressesInUse++
	r.report(ReportAddressInUse, a.Address, "used by the host with hardware address "+a.MAC)
}
