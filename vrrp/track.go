package vrrp

import (
	"fmt"
	"time"
)

// TrackKind is a kind of thing that an election may depend on.
type TrackKind string

// Kinds of tracked things. Interfaces are watched by the router role itself;
// about all others it is told.
const (
	TrackInterface TrackKind = "interface"
	TrackScript    TrackKind = "script"
	TrackProcess   TrackKind = "process"
	TrackFile      TrackKind = "file"
	TrackPing      TrackKind = "ping"
	TrackService   TrackKind = "virtual_server"
)

// TrackID names one tracked thing.
type TrackID struct {
	Kind TrackKind `json:"kind"`
	Name string    `json:"name"`
}

// String returns the form of logs and status, for example "script chk_web".
func (id TrackID) String() string { return string(id.Kind) + " " + id.Name }

// Limits of a weight: the priority of a router that is not the owner is
// between 1 and 254.
const (
	MinWeight = -253
	MaxWeight = 253
)

// Track ties a router or group to one tracked thing.
type Track struct {
	ID TrackID
	// Weight is added to the priority: a positive one while the thing is up, a
	// negative one while it is down. 0 puts the router into fault while the
	// thing is down. A file's number is multiplied by it instead; with 0, any
	// number but 0 is a fault.
	Weight int
	// Reverse exchanges up and down.
	Reverse bool
	// Debounce is how long an interface must stay in a state for the state to
	// count. The longest one of all who track it is used.
	Debounce time.Duration
}

// same reports whether two tracks have the same effect.
func (t *Track) same(o Track) bool {
	return o.ID == t.ID && o.Weight == t.Weight && o.Reverse == t.Reverse
}

// TrackState is what is known of a tracked thing.
type TrackState uint8

// States of a tracked thing.
const (
	TrackUnknown TrackState = iota // not observed yet: no effect, but no preemption either
	TrackUp
	TrackDown
)

// String returns the word of logs and status.
func (s TrackState) String() string {
	switch s {
	case TrackUp:
		return "up"
	case TrackDown:
		return "down"
	}
	return "unknown"
}

// MarshalText makes states readable in JSON.
func (s TrackState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *TrackState) UnmarshalText(b []byte) error {
	for c := TrackUnknown; c <= TrackDown; c++ {
		if c.String() == string(b) {
			*s = c
			return nil
		}
	}
	return fmt.Errorf("unknown track state %q", b)
}

// Observed tells the state of a tracked thing. It holds until the next one
// about the same thing, however long that takes: the last verdict stands when
// the observer dies.
type Observed struct {
	ID    TrackID
	State TrackState
	// Value is the number in a tracked file.
	Value  int
	Detail string
}

func (*Observed) event() {}

// Contribution is the part of one tracked thing in a router's priority.
type Contribution struct {
	Track   TrackID    `json:"track"`
	State   TrackState `json:"state"`
	Weight  int        `json:"weight"`
	Reverse bool       `json:"reverse,omitempty"`
	Value   int        `json:"value,omitempty"` // of a file
	// Delta is what it adds to the priority now.
	Delta int `json:"delta"`
	// Best is what it would add if the thing were well.
	Best int `json:"best"`
	// Fault is set while it keeps the router from running.
	Fault  bool   `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// lowestValue is the product of a file's number and its weight from which on
// it is a fault: no priority could absorb it.
const lowestValue = -254

// Contribute returns what the track adds while the thing is as observed.
func (t *Track) Contribute(o *Observed) Contribution {
	c := Contribution{Track: t.ID, State: o.State, Weight: t.Weight, Reverse: t.Reverse, Detail: o.Detail}
	if t.ID.Kind == TrackFile {
		t.contributeValue(&c, o)
		return c
	}
	down := o.State == TrackDown
	if t.Reverse {
		down = o.State == TrackUp
	}
	switch {
	case t.Weight == 0:
		c.Fault = down
	case t.Weight > 0:
		c.Best = t.Weight
		if o.State != TrackUnknown && !down {
			c.Delta = t.Weight
		}
	case down:
		c.Delta = t.Weight
	}
	return c
}

// contributeValue is Contribute for files, whose number counts.
func (t *Track) contributeValue(c *Contribution, o *Observed) {
	switch {
	case o.State == TrackUnknown:
		return
	case o.State == TrackDown:
		c.Fault = t.Weight == 0
		return
	}
	c.Value = o.Value
	weight := t.Weight
	if t.Reverse {
		weight = -weight
	}
	if weight == 0 {
		c.Fault = (o.Value != 0) != t.Reverse
		return
	}
	// The number is bounded first: its product could overflow.
	c.Delta = max(-1000, min(1000, o.Value)) * weight
	c.Fault = c.Delta <= lowestValue
	c.Delta = max(MinWeight, min(MaxWeight, c.Delta))
	c.Best = max(0, c.Delta)
}

// EffectivePriority returns the priority that a router of the given base
// priority adverts with this sum of contributions: 1 to 254, but an owner's is
// always 255.
func EffectivePriority(base uint8, delta int) uint8 {
	if base == PriorityOwner {
		return base
	}
	return uint8(max(1, min(PriorityOwner-1, int(base)+delta)))
}
