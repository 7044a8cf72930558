// Package conf holds vipd's typed configuration model and its readers.
package conf

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// Config is what every reader produces and what the daemon runs: this
// director's share of the file, complete with defaults.
type Config struct {
	// Director is the name chosen among the director blocks, empty when the
	// file has none.
	Director  string
	Directors []Director
	Global    Global
	Routers   []vrrp.Config
	// Static are addresses, routes and rules that are there whatever the
	// elections decide. Only Addresses, Options and Paths are used.
	Static   vrrp.Config
	Services []Service
	// Sync is nil when connections are not synchronised.
	Sync *ipvs.SyncConfig
	IPVS IPVS
	// HostNames are all names of real servers, sorted: their addresses are
	// looked up when the configuration is read.
	HostNames []string
	Groups    []SyncGroup
	Tracking  Tracking
	// Notify says who is told of changes, by instance.
	Notify map[string]Notify
	// Files are all files that were read, in reading order.
	Files []string
	// Origins are where instances stand, for what is told about them.
	Origins map[Place]Origin `json:"-"`
}

// Place is a key of an instance, by its name in vipd's own language whatever
// the file's is; the instance itself where Key is empty.
type Place struct{ Instance, Key string }

// Director is one machine that this file configures.
type Director struct {
	Name     string
	Address  netip.Addr // may be the zero value
	Priority uint8      // 0 = not given
}

// DefaultRealTimePriority is the lowest there is: ahead of everything that is
// not real-time, behind everything else that is.
const DefaultRealTimePriority = 1

// Global holds settings of the daemon itself.
type Global struct {
	LogLevel  string // debug, info, warn, error
	LogFormat string // text, json
	// AutoReload reloads by itself when a file changed and settled.
	AutoReload bool
	// KeepTable leaves the IPVS table in place on a clean stop.
	KeepTable bool
	// KeepAll leaves addresses, their interfaces and the IPVS table in place
	// on a clean stop, without a hand-over.
	KeepAll bool
	// AllowOtherDaemon starts instances even though another VRRP daemon of
	// this host holds a VRRP socket on the same interface.
	AllowOtherDaemon bool
	// RealTimePriority is the real-time priority of the router role, 1..99;
	// 0 leaves it to the ordinary scheduling.
	RealTimePriority int
	// MaintenanceDir holds a file for each real server that is taken out of
	// service; empty = none.
	MaintenanceDir string
	Pipes          []Pipe
	// Supervisor, Router and Checker say how the processes run.
	Supervisor, Router, Checker Process
	Dump                        *Dump // keepalived's dumps; nil = none
	Scripts                     Scripts
	// Answers and Notices are the buffers of the router role for what the kernel
	// answers and for what it tells by itself.
	Answers, Notices Buffer
	// Processes is that of the supervisor for what the kernel tells of processes.
	Processes Buffer
	// Namespace is the network namespace that the daemon works in: its name in
	// /run/netns, or a path; empty = the one it is started in. A reload does not
	// change it.
	Namespace string
	// PIDDir gets files with the process ids of the supervisor, the router and
	// the checker, under keepalived's names, and with Instance in them; empty =
	// none. A reload changes neither.
	PIDDir, Instance string
	// Filter is where packets are dropped that Accept = false refuses; nil = in
	// DefaultFilter.
	Filter *Filter
	// BootDelay is how long after the boot of the machine nothing is taken over.
	BootDelay time.Duration
	// ReloadFile is there while a reload reads the files, for programs that
	// write them; empty = none.
	ReloadFile string
	// Schedule says when to reload; its zero value: never by itself.
	Schedule Schedule
	// Umask of the files that the daemon and its programs make; nil = as it is.
	Umask *uint32
	// StopTimeout is how long a role may take to leave before it is ended,
	// beyond its hand-over; 0 = as long as usual.
	StopTimeout time.Duration
	// Startup and Shutdown run before anything else, and after everything.
	Startup, Shutdown Hook
	// FilesChanged runs when one of the files changed and settled.
	FilesChanged Hook
	Mail         *Mail // nil = none
}

// Filter is a table of nftables and the priority of the chain in it (nft(8)).
type Filter struct {
	Table    string
	Priority int
}

// DefaultFilter stands behind the hooks of IPVS (98 and 99, NF_IP_PRI_NAT_SRC-2
// and -1 in linux/netfilter_ipv4.h), which take the packets of virtual servers
// out of the way.
var DefaultFilter = Filter{Table: "vipd", Priority: 110}

// Schedule is a reload at a time that a file names, so that directors change at
// once. The file is removed then, unless Repeat reloads at that time every day.
type Schedule struct {
	File   string // empty = no schedule
	Repeat bool
}

// Process says how one of the daemon's processes runs. The zero value leaves
// everything as it is.
type Process struct {
	Name   string // as process lists show it; at most 15 characters count
	Nice   int    // -20..19, negative is before others
	CPUs   []int  // that it may run on; none = all
	NoSwap bool   // keep its memory out of the swap; the router's always is
	// RealTime is a real-time priority, 1..99, and RunLimit how long a thread
	// that has one may run without waiting for anything before the kernel ends
	// the process; 0 = none. The router's priority is Global.RealTimePriority.
	RealTime int
	RunLimit time.Duration
}

// Buffer is the size of the receive buffer of a socket to the kernel, in octets;
// 0 is as usual. Force exceeds what the system allows (net.core.rmem_max).
type Buffer struct {
	Size  int
	Force bool
}

// Service is a virtual server with the checks of its real servers.
type Service struct {
	ipvs.Config
	// Checks maps a real server's address to its checks.
	Checks Checks
	// Require is how many of them must be up; 0 = all.
	Require int
	// HostNames maps the address of a real server to the name it was looked
	// up by, for those that were.
	HostNames map[netip.AddrPort]string
	// HASuspend rests the checks while the service's address is not ours.
	HASuspend bool
	// Omega runs OnQuorumDown at a stop.
	Omega bool
	// KeepOnStop says whether the service stays in the table at a stop; nil = as
	// Global.KeepTable.
	KeepOnStop *bool
	// OnQuorumUp and OnQuorumDown run when the quorum is gained and lost.
	OnQuorumUp, OnQuorumDown Program
	// Alert tells people; nil = nobody.
	Alert *Alert
	// Servers say who is told about single real servers, by address.
	Servers map[netip.AddrPort]ServerNotify
}

// Checks are the checks of real servers, by address. Thousands of real servers
// with the same ones share one list, which is never changed.
type Checks map[netip.AddrPort][]healthcheck.Check

// UnmarshalJSON reads what encoding/json wrote, each different list once.
func (c *Checks) UnmarshalJSON(text []byte) error {
	var lists map[netip.AddrPort]json.RawMessage
	if err := json.Unmarshal(text, &lists); err != nil {
		return fmt.Errorf("decode checks: %w", err)
	}
	*c = make(Checks, len(lists))
	read := map[string][]healthcheck.Check{}
	for address, list := range lists {
		checks, known := read[string(list)]
		if !known {
			if err := json.Unmarshal(list, &checks); err != nil {
				return fmt.Errorf("decode checks of %s: %w", address, err)
			}
			read[string(list)] = checks
		}
		(*c)[address] = checks
	}
	return nil
}

// ServerNotify says who is told when a real server comes up or goes down.
type ServerNotify struct {
	Up, Down Program // at once
	Mail     *bool   // instead of the alert's; nil = as it
}

// IPVS holds what concerns the kernel's IPVS as a whole. Pointers are nil
// where the kernel's setting stays as it is.
type IPVS struct {
	VerifyInterval  time.Duration // 0 = never by itself
	ResolveInterval time.Duration // 0 = at load only
	Timeouts        ipvs.Timeouts

	// Namespace is the network namespace of the table, as Global.Namespace:
	// real servers are checked from there, their clients come here. Empty = the
	// daemon's.
	Namespace string
	// TellFirst reports real servers that a start takes for alive as having come
	// up.
	TellFirst bool
	// FlushOnStart and FlushOnStop remove the services of others, too.
	FlushOnStart, FlushOnStop bool

	IPForward, SendRedirects, Conntrack, ExpireNoDest, ExpireTemplates *bool
}
