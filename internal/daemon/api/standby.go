package api

import "time"

// Standby is an operator's order that an instance leave mastership. It
// outlives reloads and restarts, and may end by itself.
type Standby struct {
	Instance string    `json:"instance"`
	Reason   string    `json:"reason,omitempty"`
	Force    bool      `json:"force,omitempty"` // also if nobody takes over
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until,omitzero"` // zero = until it is taken back
}

// StandbyRequest is the body of POST /v1/standby and POST /v1/active.
type StandbyRequest struct {
	Instance string        `json:"instance,omitempty"`
	All      bool          `json:"all,omitempty"`
	For      time.Duration `json:"for_ns,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Force    bool          `json:"force,omitempty"`
}

// StandbyAnswer tells what came of it.
type StandbyAnswer struct {
	OK     bool      `json:"ok"`
	Error  string    `json:"error,omitempty"`
	Orders []Standby `json:"orders"` // all in force now
}
