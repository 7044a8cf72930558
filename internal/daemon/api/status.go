// Package api holds the data that the control socket speaks: JSON under
// /v1/… over HTTP on a unix socket. It is shared by the daemon and its
// command line.
package api

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/track"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// Status is the answer to GET /v1/status: everything that the daemon knows
// about itself, at one moment.
type Status struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// Goroutines of the supervisor; each role has its own.
	Goroutines int                   `json:"goroutines"`
	Started    time.Time             `json:"started"`
	Now        time.Time             `json:"now"`
	Director   string                `json:"director,omitempty"`
	Files      []string              `json:"files"`
	Reload     Reload                `json:"reload"`
	Upgrade    Upgrade               `json:"upgrade,omitzero"`
	Roles      []Role                `json:"roles"`
	Instances  []Instance            `json:"instances"`
	Services   []Service             `json:"services"`
	IPVS       IPVS                  `json:"ipvs"`
	Strays     []vrrp.InterfaceDrops `json:"stray_packets,omitempty"`
	// Tracks are the things outside of the router role that elections depend
	// on, Standby the orders in force.
	Tracks  []track.Status `json:"tracks,omitempty"`
	Standby []Standby      `json:"standby,omitempty"`
	// Problems are what an operator should look at now, most urgent first.
	Problems []string `json:"problems,omitempty"`
}

// Upgrade is the outcome of the last try to go on as another binary.
type Upgrade struct {
	At   time.Time `json:"at"`
	From string    `json:"from,omitempty"` // version before, when this binary took over
	To   string    `json:"to,omitempty"`   // binary that did not
	// Error tells why the old binary goes on; empty when the new one does.
	Error string `json:"error,omitempty"`
}

// Reload is the outcome of the last load of the configuration.
type Reload struct {
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`
	Count  uint64    `json:"count"`  // reloads tried since start
	Failed uint64    `json:"failed"` // of these
	// Pending: nobody waits for it, and it is still being applied. In an answer
	// Count is then the one that its outcome will have; in a status all else is
	// of the reload before.
	Pending bool `json:"pending,omitempty"`
	// Plan is what changed or, in a dry run, would change.
	Plan conf.Plan `json:"plan,omitzero"`
	// ConfirmBy is when an unconfirmed reload is rolled back.
	ConfirmBy   time.Time        `json:"confirm_by,omitzero"`
	Error       string           `json:"error,omitempty"`
	Diagnostics conf.Diagnostics `json:"diagnostics,omitempty"`
}

// Role is one of the daemon's processes.
type Role struct {
	Name       string    `json:"name"`
	PID        int       `json:"pid"`
	Running    bool      `json:"running"`
	Since      time.Time `json:"since"`
	Restarts   uint64    `json:"restarts"`
	Error      string    `json:"error,omitempty"`      // why it last ended
	Spare      int       `json:"spare_pid,omitempty"`  // process that waits for the end of this one
	Goroutines int       `json:"goroutines,omitempty"` // as far as it answers
}

// Instance is one virtual router with its addresses on this host.
type Instance struct {
	vrrp.RouterStatus
	Addresses []runner.AddressStatus `json:"addresses"`
}

// Service is one virtual server.
type Service struct {
	Name           string            `json:"name"`
	Protocol       string            `json:"protocol"`         // of the first service; "fwmark" for a mark
	Address        netip.AddrPort    `json:"address,omitzero"` // of the first service
	Keys           []ipvs.ServiceKey `json:"keys"`             // all services of the pool
	Scheduler      string            `json:"scheduler"`
	Persistent     time.Duration     `json:"persistent_ns,omitempty"`
	Quiescent      bool              `json:"quiescent"`
	Available      int               `json:"available"`
	Weight         int               `json:"weight"` // sum that counts for the quorum
	QuorumNeeded   int               `json:"quorum_needed"`
	Quorum         bool              `json:"quorum"`
	Suspended      bool              `json:"suspended,omitempty"` // the checks rest
	FallbackActive bool              `json:"fallback_active"`
	Error          string            `json:"error,omitempty"`
	Connections    uint64            `json:"connections"`
	BytesIn        uint64            `json:"bytes_in"`
	BytesOut       uint64            `json:"bytes_out"`
	RealServers    []RealServer      `json:"real_servers"`
}

// RealServer is one destination of a virtual server.
type RealServer struct {
	Address    netip.AddrPort      `json:"address"`
	Host       string              `json:"host,omitempty"` // the name it was looked up by
	Forward    string              `json:"forward"`
	Fallback   bool                `json:"fallback,omitempty"`
	InKernel   bool                `json:"in_kernel"`
	Weight     int                 `json:"weight"`            // as the kernel has it
	Configured int                 `json:"configured_weight"` // as the file has it
	Reason     ipvs.Reason         `json:"reason,omitempty"`  // why it has its weight
	Override   *Override           `json:"override,omitempty"`
	Verdict    healthcheck.Verdict `json:"verdict"`
	// Maintenance: a file takes it out of service, whatever its checks say.
	Maintenance bool      `json:"maintenance,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Active      uint32    `json:"active_connections"`
	Inactive    uint32    `json:"inactive_connections"`
	Total       uint64    `json:"connections"`
	Checks      []Check   `json:"checks,omitempty"`
}

// Check is one check of a real server.
type Check struct {
	Name string `json:"name,omitempty"`
	healthcheck.Status
}
