// Package conf holds vipd's typed configuration model and its readers.
package conf

import (
	"net/netip"

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
	Services  []Service
	// Files are all files that were read, in reading order.
	Files []string
}

// Director is one machine that this file configures.
type Director struct {
	Name     string
	Address  netip.Addr // may be the zero value
	Priority uint8      // 0 = not given
}

// Global holds settings of the daemon itself.
type Global struct {
	LogLevel  string // debug, info, warn, error
	LogFormat string // text, json
	// AutoReload reloads by itself when a file changed and settled.
	AutoReload bool
	// KeepTable leaves the IPVS table in place on a clean stop.
	KeepTable bool
	// AllowOtherDaemon starts instances even though another VRRP daemon of
	// this host holds a VRRP socket on the same interface.
	AllowOtherDaemon bool
	// MaintenanceDir holds a file for each real server that is taken out of
	// service; empty = none.
	MaintenanceDir string
}

// Service is a virtual server with the checks of its real servers.
type Service struct {
	ipvs.Config
	// Checks maps a real server's address to its checks.
	Checks map[netip.AddrPort][]healthcheck.Check
	// Require is how many of them must be up; 0 = all.
	Require int
}
