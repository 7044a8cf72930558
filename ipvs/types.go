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
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

var protocolNames = map[Protocol]string{TCP: "tcp", UDP: "udp", SCTP: "sctp"}

// String returns "tcp", "udp" or "sctp".
func (p Protocol) String() string {
	if name, ok := protocolNames[p]; ok {
		return name
	}
	return fmt.Sprintf("protocol(%d)", uint8(p))
}

// ParseProtocol is the inverse of String.
func ParseProtocol(name string) (Protocol, bool) {
	for p, n := range protocolNames {
		if n == name {
			return p, true
		}
	}
	return 0, false
}

// Forward is the packet forwarding method (IP_VS_CONN_F_FWD_MASK).
type Forward uint8

// Forwarding methods, numbered as in linux/ip_vs.h.
const (
	Masquerade Forward = 0
	Tunnel     Forward = 2
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

// Service is a virtual service as the kernel holds it. Key is its identity,
// everything else can be edited in place.
type Service struct {
	Key            ServiceKey
	Scheduler      string
	Persistent     time.Duration // whole seconds; 0 = not persistent
	OnePacket      bool          // UDP only: schedule each datagram by itself
	SchedulerFlags SchedulerFlags
	// Granularity is the prefix length of the clients that share one
	// persistence template. 0 = every client its own, -1 = a mask without
	// a prefix length, or /0 (seen in the kernel, never wanted).
	Granularity int
	// Engine is the persistence engine, "sip" or none: it tells clients apart
	// by what it finds in their packets instead of by their address.
	Engine string
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

// TunnelSettings are the encapsulation of a Tunnel destination. The zero value
// is plain IPIP.
type TunnelSettings struct {
	Type  TunnelType
	Port  uint16 // UDP port of GUE
	Flags TunnelFlags
}

// TunnelType is the encapsulation (IP_VS_CONN_F_TUNNEL_TYPE_*).
type TunnelType uint8

// Encapsulations.
const (
	IPIP TunnelType = 0
	GUE  TunnelType = 1
	GRE  TunnelType = 2
)

// String returns the configuration word.
func (t TunnelType) String() string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return fmt.Sprintf("tunnel(%d)", uint8(t))
}

// TunnelFlags are checksums of the encapsulation
// (IP_VS_TUNNEL_ENCAP_FLAG_*). IPIP has none, GRE has Checksum only.
type TunnelFlags uint16

// Checksums.
const (
	NoChecksum     TunnelFlags = 0
	Checksum       TunnelFlags = 1
	RemoteChecksum TunnelFlags = 2
)

// String returns the configuration word.
func (f TunnelFlags) String() string {
	switch f {
	case NoChecksum:
		return "none"
	case Checksum:
		return "full"
	case RemoteChecksum:
		return "remote"
	}
	return fmt.Sprintf("%#x", uint16(f))
}

// Entry is one service with its destinations.
type Entry struct {
	Service      Service
	Destinations []Destination
}

// Table is an IPVS table, sorted by Table.Sort.
type Table []Entry
