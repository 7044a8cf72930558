package api

import "time"

// Event is one line of GET /v1/events and one line of the log.
type Event struct {
	Seq     uint64         `json:"seq"`
	At      time.Time      `json:"at"`
	Level   string         `json:"level"`
	Kind    string         `json:"kind"` // "transition", "check", "ipvs", …
	Message string         `json:"message"`
	Attrs   map[string]any `json:"attrs,omitempty"`
}
