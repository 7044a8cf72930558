package conf

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TrackScript is a program whose exit status is tracked: 0 is up.
type TrackScript struct {
	Name     string
	Command  []string // program and arguments, no shell
	Interval time.Duration
	Timeout  time.Duration
	Rise     int // successes in a row until up
	Fall     int // failures in a row until down
	User     string
}

// TrackPing is a set of addresses that are tracked by ICMP echo.
type TrackPing struct {
	Name     string
	Targets  []netip.Addr
	Require  int // answering targets that are needed to be up
	Interval time.Duration
	Timeout  time.Duration
	Rise     int
	Fall     int
	Hold     time.Duration // how long a change must last before it counts
}

// TrackFile is a file whose number is tracked.
type TrackFile struct {
	Name string
	Path string
}

// TrackProcess is a program of which enough processes must run.
type TrackProcess struct {
	Name    string
	Program string   // file name of the executable, or its path
	Args    []string // leading arguments that must be the same
	Quorum  int
	Delay   time.Duration // how long a loss must last before it counts
}

// Tracking is everything outside of the router role that elections depend on.
type Tracking struct {
	Scripts   []TrackScript
	Pings     []TrackPing
	Files     []TrackFile
	Processes []TrackProcess
	// Services names the virtual servers whose state is tracked.
	Services []string
}

// SyncGroup is a set of instances that are master together or not at all.
type SyncGroup struct {
	vrrp.Group
	Notify Notify
}

// Notify says who is told about changes of state.
type Notify struct {
	Master, Backup, Fault, Stop, Deleted []string
	// Any runs on every change, with further arguments that tell which.
	Any  []string
	Mail bool
}

// Scripts says how programs of the configuration are run.
type Scripts struct {
	User    string        // "" = the daemon's own
	Timeout time.Duration // of notifications
}

// Mail says how reports are sent.
type Mail struct {
	To           []string
	From         string
	Server       string // host:port
	Security     string // starttls, tls, none
	Username     string
	PasswordFile string
}
