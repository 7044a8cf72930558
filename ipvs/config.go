package ipvs

import (
	"iter"
	"net/netip"
	"slices"
	"time"
)

// RealServer is a configured real server.
type RealServer struct {
	// Address is where checks find it and what names it. With ServicePort its
	// port in the kernel is that of the service, whichever of a group's that
	// is: clients reach the port that they asked for.
	Address     netip.AddrPort
	ServicePort bool
	Weight      int // 0..65535
	Forward     Forward
	Tunnel      TunnelSettings
	// UpperThreshold and LowerThreshold are as in Destination.
	UpperThreshold, LowerThreshold uint32
	// Quiescent and Alpha override the service's.
	Quiescent, Alpha *bool
}

// Config describes one virtual server: a pool of real servers behind one or
// several services of the kernel.
type Config struct {
	Name string
	Key  ServiceKey
	// Also are the further services of a group: the same real servers with
	// the same weights stand behind each.
	Also           []ServiceKey
	Scheduler      string
	SchedulerFlags SchedulerFlags
	Persistent     time.Duration
	Granularity    int    // as in Service
	Engine         string // as in Service
	OnePacket      bool
	Quiescent      bool // failed: weight 0 instead of removal
	RealServers    []RealServer

	// Fallback is used while the pool has no quorum.
	Fallback *RealServer
	// FallbackInhibit keeps an unused fallback in the table, with weight 0, so
	// that its connections live on.
	FallbackInhibit bool

	// Quorum is the sum of weights that a pool needs, Hysteresis how far above
	// and below it the sum must go for a change. 0 = 1.
	Quorum, Hysteresis int
	// Alpha: a real server that the kernel does not have stays out until its
	// checks say that it is up.
	Alpha bool
	// SlowStart is how long the weight of a recovered real server takes to
	// grow to its full size.
	SlowStart time.Duration
	// Drain is how long a real server that is no longer configured stays with
	// weight 0 for the sake of its connections.
	Drain time.Duration
	// MinUp is the share of the pool that checks cannot take out.
	MinUp Share
}

// Share is a number of real servers, or a percentage of them.
type Share struct {
	Count   int
	Percent int // rounded up; used when Count is 0
}

// Of returns the number of real servers that the share means among n.
func (s Share) Of(n int) int {
	if s.Count > 0 {
		return min(s.Count, n)
	}
	return (s.Percent*n + 99) / 100
}

// Keys yields all services of the pool.
func (c *Config) Keys() iter.Seq[ServiceKey] {
	return func(yield func(ServiceKey) bool) {
		if !yield(c.Key) {
			return
		}
		for _, k := range c.Also {
			if !yield(k) {
				return
			}
		}
	}
}

// HasPort reports whether one of the services is for a port, or for all.
func (c *Config) HasPort(port uint16) bool {
	for k := range c.Keys() {
		if k.Port() == port || k.Port() == 0 {
			return true
		}
	}
	return false
}

// TakesServicePort reports whether a real server's port in the kernel is that
// of the service it stands behind: where none is written, and where one of the
// services has the written one or none at all but the kernel changes no port;
// the written one is for checks then.
func (c *Config) TakesServicePort(port uint16, written bool, f Forward) bool {
	differs := false
	for k := range c.Keys() {
		differs = differs || k.Port() != port
	}
	return differs && (!written || f != Masquerade && c.HasPort(port))
}

// QuiescentServer reports whether a real server stays with weight 0 when it
// has failed.
func (c *Config) QuiescentServer(rs RealServer) bool {
	if rs.Quiescent != nil {
		return *rs.Quiescent
	}
	return c.Quiescent
}

// AlphaServer reports whether a real server stays out until its checks say that
// it is up.
func (c *Config) AlphaServer(rs RealServer) bool {
	if rs.Alpha != nil {
		return *rs.Alpha
	}
	return c.Alpha
}

// anyAlpha reports whether there is a real server that does.
func (c *Config) anyAlpha() bool { return slices.ContainsFunc(c.RealServers, c.AlphaServer) }

// ServesUnproven reports whether the fallback serves until real servers are
// proven.
func (c *Config) ServesUnproven() bool { return c.Fallback != nil && c.anyAlpha() }

// QuorumNeeded is the quorum with its default.
func (c *Config) QuorumNeeded() int { return max(c.Quorum, 1) }

// NeedTemplateExpiry reports whether a virtual server is persistent and has a
// quiescent real server. Then persistence templates must expire when their
// real server goes to weight 0 (sysctl net.ipv4.vs.expire_quiescent_template),
// or known clients are sent to the dead server for as long as they come back.
func NeedTemplateExpiry(cfgs []Config) bool {
	return slices.ContainsFunc(cfgs, func(c Config) bool {
		return c.Persistent > 0 && (c.Quiescent || slices.ContainsFunc(c.RealServers, c.QuiescentServer))
	})
}

// service returns the kernel's form of one of the pool's services.
func (c *Config) service(k ServiceKey) Service {
	if k.Mark == 0 {
		k.Address = unmap(k.Address)
	}
	return Service{
		Key:            k,
		Scheduler:      c.Scheduler,
		SchedulerFlags: c.SchedulerFlags,
		Persistent:     (c.Persistent + time.Second - 1).Truncate(time.Second),
		Granularity:    c.Granularity,
		Engine:         c.Engine,
		OnePacket:      c.OnePacket,
	}
}

// KernelAddress is where the real server stands behind a service of the
// kernel.
func (rs RealServer) KernelAddress(k ServiceKey) netip.AddrPort {
	if rs.ServicePort {
		return netip.AddrPortFrom(rs.Address.Addr().Unmap(), k.Port())
	}
	return unmap(rs.Address)
}

// destination returns the kernel's form of a real server behind a service.
func (rs RealServer) destination(k ServiceKey, weight int) Destination {
	return Destination{
		Address: rs.KernelAddress(k), Weight: weight, Forward: rs.Forward, Tunnel: rs.Tunnel,
		UpperThreshold: rs.UpperThreshold, LowerThreshold: rs.LowerThreshold,
	}
}

// unmap turns ::ffff:192.0.2.1 into 192.0.2.1: the kernel would take the
// first four bytes of the long form and serve 0.0.0.0.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
