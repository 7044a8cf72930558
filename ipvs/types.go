// Package ipvs decides what the kernel's IPVS table should look like and how
// to get there. It is pure: package kernel talks to the kernel.
package ipvs

import (
	"fmt"
	"net/netip"
	"time"
)

// Protocol of a virtual service.
type Protocol uint8

// Protocols, with their IP protocol numbers.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// String returns "tcp" or "udp".
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return fmt.Sprintf("protocol(%d)", uint8(p))
}

// Forward is the packet forwarding method (IP_VS_CONN_F_FWD_MASK).
type Forward uint8

// Forwarding methods, numbered as in linux/ip_vs.h.
const (
	Masquerade Forward = 0
	Tunnel     Forward = 2 // IPIP
	Direct     Forward = 3 // direct routing, "gate"
)

// String returns the configuration word.
func (f Forward) String() string {
	switch f {
	case Masquerade:
		return "masquerade"
	case Tunnel:
		return "tunnel"
	case Direct:
		return "direct"
	}
	return fmt.Sprintf("forward(%d)", uint8(f))
}

// Schedulers lists every scheduler of the kernel by its name.
var Schedulers = []string{
	"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos",
}

// ServiceKey identifies a virtual service in the kernel. It is comparable.
type ServiceKey struct {
	Protocol Protocol
	Address  netip.AddrPort
}

// String returns "tcp 192.0.2.1:80".
func (k ServiceKey) String() string { return k.Protocol.String() + " " + k.Address.String() }

// MarshalText makes keys usable in JSON.
func (k ServiceKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *ServiceKey) UnmarshalText(b []byte) error {
	var proto, addr string
	if _, err := fmt.Sscanf(string(b), "%s %s", &proto, &addr); err != nil {
		return fmt.Errorf("service key %q: %w", b, err)
	}
	switch proto {
	case "tcp":
		k.Protocol = TCP
	case "udp":
		k.Protocol = UDP
	default:
		return fmt.Errorf("service key %q: unknown protocol", b)
	}
	var err error
	k.Address, err = netip.ParseAddrPort(addr)
	return err
}

// Service is a virtual service as the kernel holds it. Key is its identity,
// everything else can be edited in place.
type Service struct {
	Key            ServiceKey
	Scheduler      string
	Persistent     time.Duration // whole seconds; 0 = not persistent
	OnePacket      bool          // UDP only: schedule each datagram by itself
	SchedulerFlags uint32        // IP_VS_SVC_F_SCHED1..3 (0x8, 0x10, 0x20); their meaning is the scheduler's
	// Granularity is the prefix length of the clients that share one
	// persistence template. 0 = every client its own, -1 = a mask without
	// a prefix length, or /0 (seen in the kernel, never wanted).
	Granularity int
}

// Destination is a real server as the kernel holds it. Address is its
// identity within a service, everything else can be edited in place.
type Destination struct {
	Address netip.AddrPort
	Weight  int // 0..65535
	Forward Forward
	// UpperThreshold and LowerThreshold are connection counts at which the
	// kernel stops and resumes using the server; 0 = none.
	UpperThreshold, LowerThreshold uint32
	Tunnel                         TunnelSettings
}

// TunnelSettings are the encapsulation of a Tunnel destination
// (IP_VS_CONN_F_TUNNEL_TYPE_*). The zero value is plain IPIP.
type TunnelSettings struct {
	Type  uint8  // 0 IPIP, 1 GUE, 2 GRE
	Port  uint16 // UDP port of GUE
	Flags uint16 // IP_VS_TUNNEL_ENCAP_FLAG_*
}

// Entry is one service with its destinations.
type Entry struct {
	Service      Service
	Destinations []Destination
}

// Table is an IPVS table, sorted by Table.Sort.
type Table []Entry

// RealServer is a configured real server.
type RealServer struct {
	Address netip.AddrPort
	Weight  int // 0..65535
	Forward Forward
}

// Config describes one virtual server.
type Config struct {
	Name        string
	Key         ServiceKey
	Scheduler   string
	Persistent  time.Duration
	OnePacket   bool
	Quiescent   bool // failed: weight 0 instead of removal
	RealServers []RealServer
	Fallback    *RealServer // used while no real server is available
}
