package vrrp

import (
	"net/netip"
	"time"
)

// RouterStatus is a snapshot of one virtual router, plain data for status,
// metrics and explain.
type RouterStatus struct {
	Name           string         `json:"name"`
	Interface      string         `json:"interface"`
	Family         string         `json:"family"`
	VRID           uint8          `json:"vrid"`
	Version        uint8          `json:"version"`
	State          State          `json:"state"`
	Since          time.Time      `json:"since"`
	Priority       uint8          `json:"priority"`      // effective: what is adverted
	BasePriority   uint8          `json:"base_priority"` // as configured
	Tracks         []Contribution `json:"tracks,omitempty"`
	Group          string         `json:"group,omitempty"` // sync group
	Standby        *StandbyStatus `json:"standby,omitempty"`
	Preempt        bool           `json:"preempt"`
	Peers          []PeerHeard    `json:"peers,omitempty"`        // last heard first
	Past           []Past         `json:"transitions,omitempty"`  // oldest first
	AwaitsGroup    bool           `json:"awaits_group,omitempty"` // wants to be master, the group does not yet
	AdvertInterval time.Duration  `json:"advert_interval_ns"`
	Addresses      []netip.Prefix `json:"virtual_addresses"`
	// Carrier is the interface that carries the router: Interface or its VMAC.
	Carrier   string        `json:"carrier"`
	Lease     string        `json:"lease"` // mode in force
	LeaseTime time.Duration `json:"lease_ns"`
	// Last transition.
	LastFrom   State  `json:"last_from"`
	LastReason Reason `json:"last_reason"`
	LastDetail string `json:"last_detail,omitempty"`
	// Master as last heard, zero when it is us or nobody.
	Master         netip.Addr    `json:"master,omitzero"`
	MasterPriority uint8         `json:"master_priority,omitempty"`
	MasterHeard    time.Time     `json:"master_heard,omitzero"`
	MasterInterval time.Duration `json:"master_interval_ns,omitempty"` // learned, v3
	Deadline       time.Time     `json:"deadline,omitzero"`            // master-down or next advert
	HandingOver    bool          `json:"handing_over,omitempty"`       // master that has said that it leaves
	PreemptHeld    bool          `json:"preempt_held,omitempty"`
	Counters       Counters      `json:"counters"`
}

// StandbyStatus is an operator's order in force.
type StandbyStatus struct {
	Reason string `json:"reason,omitempty"`
	Force  bool   `json:"force,omitempty"`
}

// Counters of one virtual router since it was configured.
type Counters struct {
	BecameMaster    uint64                `json:"became_master"`
	AdvertsSent     uint64                `json:"adverts_sent"`
	AdvertsReceived uint64                `json:"adverts_received"`
	ZeroSent        uint64                `json:"priority_zero_sent"`
	ZeroReceived    uint64                `json:"priority_zero_received"`
	ChecksumPseudo  uint64                `json:"checksum_pseudo_received"`
	ChecksumPlain   uint64                `json:"checksum_plain_received"`
	SendErrors      uint64                `json:"send_errors"`
	AddressesInUse  uint64                `json:"addresses_in_use"` // found with another host when claimed
	AdvertsLate     uint64                `json:"adverts_late"`     // more than 10 % of the interval
	LatenessSum     time.Duration         `json:"lateness_sum_ns"`  // over all adverts sent
	LatenessMax     time.Duration         `json:"lateness_max_ns"`
	TransitionsTo   map[string]uint64     `json:"transitions_to"`
	Dropped         map[DropReason]uint64 `json:"dropped"`
}

// InterfaceDrops counts packets that belong to no router of ours.
type InterfaceDrops struct {
	Interface string                `json:"interface"`
	Dropped   map[DropReason]uint64 `json:"dropped"`
}
