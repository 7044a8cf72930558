package api

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/ipvs"
)

// Reason says why a real server has its weight.
type Reason = ipvs.Reason

// Reasons that clients show.
const (
	ReasonHeld      = ipvs.ReasonHeld
	ReasonSlowStart = ipvs.ReasonSlowStart
	ReasonNoQuorum  = ipvs.ReasonNoQuorum
	ReasonUnproven  = ipvs.ReasonUnproven
	ReasonLeaving   = ipvs.ReasonLeaving
)

// IPVS is the kernel's table as a whole.
type IPVS struct {
	Services     int `json:"services"`     // ours
	Destinations int `json:"destinations"` // of these
	// Foreign are services of others, which vipd leaves alone.
	Foreign  []ipvs.ServiceKey `json:"foreign,omitempty"`
	Verified time.Time         `json:"verified,omitzero"` // when the table was last read and compared
	// Drift counts changes that others made to our services; LastDrift lists
	// those that were found last.
	Drift       uint64    `json:"drift"`
	LastDrift   []string  `json:"last_drift,omitempty"`
	LastDriftAt time.Time `json:"last_drift_at,omitzero"`
	// Sync lists the connection sync daemons that run.
	Sync      []string `json:"sync,omitempty"`
	SyncError string   `json:"sync_error,omitempty"`
}

// Verify is the answer to POST /v1/verify.
type Verify struct {
	Drift    []string          `json:"drift"`    // what others did to our services
	Repaired []string          `json:"repaired"` // what was done about it
	Foreign  []ipvs.ServiceKey `json:"foreign"`
	Error    string            `json:"error,omitempty"`
}

// Override is an operator's weight for a real server. It stands outside of
// the configuration, outlives reloads and restarts, and may end by itself.
type Override struct {
	Service string         `json:"service"`
	Server  netip.AddrPort `json:"server,omitzero"` // zero = every one of the service
	Weight  int            `json:"weight"`          // 0 = drained
	Since   time.Time      `json:"since"`
	Until   time.Time      `json:"until,omitzero"` // zero = until it is taken back
}

// OverrideRequest is the body of POST /v1/override and, without the weight,
// of POST /v1/override/clear.
type OverrideRequest struct {
	Target string        `json:"target"` // "service" or "service/real server"
	Weight int           `json:"weight"`
	For    time.Duration `json:"for_ns,omitempty"` // 0 = until it is taken back
}

// OverrideAnswer lists the overrides that are in force.
type OverrideAnswer struct {
	Overrides []Override `json:"overrides"`
	Error     string     `json:"error,omitempty"`
}
