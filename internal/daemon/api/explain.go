package api

import (
	"time"

	"github.com/vipd/vipd/internal/track"
	"github.com/vipd/vipd/vrrp"
)

// Explain is the answer to GET /v1/explain?instance=NAME.
type Explain struct {
	Now     time.Time         `json:"now"`
	Routers []ExplainedRouter `json:"routers"` // two when the instance has both families
	// Tracks are the things that the instance depends on.
	Tracks []track.Status `json:"tracks,omitempty"`
	// Standby is the order in force, nil for none.
	Standby *Standby `json:"standby,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// ExplainedRouter is one virtual router with the reasons of its state.
type ExplainedRouter struct {
	vrrp.Explanation
	Status vrrp.RouterStatus `json:"status"`
}
