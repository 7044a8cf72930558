package ipvs

import (
	"net/netip"
	"time"
)

// Verdict is what the checks say of a real server.
type Verdict uint8

// Verdicts. Unknown lasts until the checks have made up their mind; a real
// server without checks is Up.
const (
	Unknown Verdict = iota
	Up
	Down
)

// String returns the lower-case word.
func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// Pool is what one virtual server should look like now.
type Pool struct {
	Entry Entry
	// Real counts the configured real servers, Available those of them that
	// are given new connections.
	Real, Available int
	// FallbackActive: no real server is available and the fallback is in.
	FallbackActive bool
}

// Desired returns the entry that the kernel should hold for cfg. verdict is
// called with addresses as they stand in cfg. have is the kernel's entry of
// the service, nil when there is none. See NewPool.
func Desired(cfg Config, verdict func(netip.AddrPort) Verdict, have *Entry) Entry {
	return NewPool(cfg, verdict, have).Entry
}

// NewPool decides weights and fallback of one virtual server:
//
//   - Up: the configured weight.
//   - Down: weight 0 when quiescent, so that established connections live on;
//     otherwise not in the table.
//   - Unknown: the weight that the kernel already has, 0 included: a restart
//     neither disturbs a serving server nor wakes one that was found dead.
//     A server that the kernel does not have is assumed up, as keepalived does.
//   - A configured weight of 0 is 0 in any case.
//
// A real server with a weight above 0 is available. The fallback is in the
// entry exactly while none is. A fallback that is also a real server has one
// place in the kernel; while active, its settings as the fallback count.
func NewPool(cfg Config, verdict func(netip.AddrPort) Verdict, have *Entry) Pool {
	p := Pool{Real: len(cfg.RealServers), Entry: Entry{Service: service(cfg)}}
	for _, rs := range cfg.RealServers {
		d, in := realServer(rs, verdict(rs.Address), cfg.Quiescent, have)
		if !in {
			continue
		}
		if d.Weight > 0 {
			p.Available++
		}
		p.Entry.put(d)
	}
	if p.Available == 0 && cfg.Fallback != nil {
		p.FallbackActive = true
		p.Entry.put(fallback(*cfg.Fallback))
	}
	Table{p.Entry}.Sort()
	return p
}

// NeedTemplateExpiry reports whether a virtual server is both persistent and
// quiescent. Then persistence templates must expire when their real server
// goes to weight 0 (sysctl net.ipv4.vs.expire_quiescent_template), or known
// clients are sent to the dead server for as long as they come back.
func NeedTemplateExpiry(cfgs []Config) bool {
	for _, c := range cfgs {
		if c.Persistent > 0 && c.Quiescent {
			return true
		}
	}
	return false
}

func service(cfg Config) Service {
	return Service{
		Key:        ServiceKey{Protocol: cfg.Key.Protocol, Address: unmap(cfg.Key.Address)},
		Scheduler:  cfg.Scheduler,
		Persistent: (cfg.Persistent + time.Second - 1).Truncate(time.Second),
		OnePacket:  cfg.OnePacket,
	}
}

// realServer returns the destination of a real server and whether it belongs into
// the table.
func realServer(rs RealServer, v Verdict, quiescent bool, have *Entry) (Destination, bool) {
	d := Destination{Address: unmap(rs.Address), Weight: rs.Weight, Forward: rs.Forward}
	switch v {
	case Down:
		d.Weight = 0
		return d, quiescent
	case Unknown:
		if old, ok := have.Destination(d.Address); ok && rs.Weight > 0 {
			d.Weight = old.Weight
		}
	}
	return d, true
}

func fallback(rs RealServer) Destination {
	return Destination{Address: unmap(rs.Address), Weight: max(rs.Weight, 1), Forward: rs.Forward}
}

// put adds d, or replaces the destination with its address.
func (e *Entry) put(d Destination) {
	for i := range e.Destinations {
		if e.Destinations[i].Address == d.Address {
			e.Destinations[i] = d
			return
		}
	}
	e.Destinations = append(e.Destinations, d)
}

// unmap turns ::ffff:192.0.2.1 into 192.0.2.1: the kernel would take the
// first four bytes of the long form and serve 0.0.0.0.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
