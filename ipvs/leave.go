package ipvs

import (
	"iter"
	"net/netip"
	"time"
)

// leaver is a destination that the configuration no longer names.
type leaver struct {
	service ServiceKey
	address netip.AddrPort
}

// period is when a leaver drains.
type period struct{ from, to time.Time }

// drainLooks is how often a drain looks whether connections are left, and
// drainPause the least time between two looks: each reads the kernel's table.
const (
	drainLooks = 20
	drainPause = time.Second
)

// drain lets destinations that the configuration no longer names leave slowly:
// they stay with weight 0 until they have no connections, for at most Drain.
// It needs no memory of the configuration before: what stands in a service of
// ours and is not wanted there was wanted once.
func (p *Pool) drain(d *Decision, in Inputs) {
	before := p.leaving
	p.leaving = nil
	if p.cfg.Drain <= 0 || in.Have == nil {
		return
	}
	p.leaving = make(map[leaver]period)
	for i := range d.Entries {
		e := &d.Entries[i]
		have := in.Have(e.Service.Key)
		if have == nil {
			continue
		}
		named := p.named(e.Service.Key)
		for _, old := range have.Destinations {
			if !named[old.Address] && p.stays(leaver{e.Service.Key, old.Address}, before, in, d) {
				e.Destinations = append(e.Destinations, old.withWeight(0))
				d.Leaving = append(d.Leaving, ServerDecision{Address: old.Address, Present: true, Reason: ReasonLeaving})
			}
		}
		Table{*e}.Sort()
	}
}

// named returns where the configured real servers and the fallback stand
// behind a service of the kernel.
func (p *Pool) named(k ServiceKey) map[netip.AddrPort]bool {
	out := make(map[netip.AddrPort]bool, len(p.cfg.RealServers)+1)
	for _, rs := range p.cfg.RealServers {
		out[rs.KernelAddress(k)] = true
	}
	if p.cfg.Fallback != nil {
		out[p.cfg.Fallback.KernelAddress(k)] = true
	}
	return out
}

// stays decides about one leaver. A first look takes its weight away, so that
// a later one can tell that its last connection has ended.
func (p *Pool) stays(l leaver, before map[leaver]period, in Inputs, d *Decision) bool {
	its, known := before[l]
	if !known {
		its = period{in.Now, in.Now.Add(p.cfg.Drain)}
	}
	p.leaving[l] = its
	if !in.Now.Before(its.to) || in.Now.After(its.from) && in.Idle != nil && in.Idle(l.service, l.address) {
		return false
	}
	look := its.to
	if in.Idle != nil {
		look = earlier(its.to, in.Now.Add(max(p.cfg.Drain/drainLooks, drainPause)))
	}
	d.Next = earlier(d.Next, look)
	return true
}

// Leaving yields the services that had destinations that drain at the last
// decision: Idle is asked about no others in the next one.
func (p *Pool) Leaving() iter.Seq[ServiceKey] {
	return func(yield func(ServiceKey) bool) {
		told := make(map[ServiceKey]bool)
		for l := range p.leaving {
			if !told[l.service] && !yield(l.service) {
				return
			}
			told[l.service] = true
		}
	}
}
