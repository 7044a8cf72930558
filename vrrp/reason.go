package vrrp

// Reason says why a transition happened. The string is what logs, metrics,
// events and status print.
type Reason string

// Reasons of transitions.
const (
	ReasonStartup        Reason = "startup"            // initialize → backup
	ReasonOwner          Reason = "address_owner"      // priority 255 at start
	ReasonResumed        Reason = "resumed"            // role restarted under a living supervisor
	ReasonMasterDown     Reason = "master_down"        // no advert for a master-down interval
	ReasonMasterLeft     Reason = "master_left"        // skew ran out after priority 0
	ReasonNoSuccessor    Reason = "no_successor"       // nobody took over from it when it went on standby
	ReasonPreempt        Reason = "preempt"            // took over from a living lower-priority master
	ReasonHigherPriority Reason = "higher_priority"    // heard a better master
	ReasonTieBreak       Reason = "tie_break"          // equal priority, higher address
	ReasonSlept          Reason = "slept"              // this process did not run for a master-down
	ReasonLeaseLost      Reason = "lease_lost"         // kernel lifetime of an address ended
	ReasonInterfaceDown  Reason = "interface_down"     // no carrier or administratively down
	ReasonNoInterface    Reason = "interface_absent"   // it does not exist
	ReasonNoAddress      Reason = "no_address"         // interface without a source address
	ReasonEnslaved       Reason = "interface_enslaved" // a bond, team or bridge has taken it in
	ReasonNoPeers        Reason = "no_peers"           // adverts would have no destination
	ReasonInterfaceUp    Reason = "interface_up"
	ReasonOtherDaemon    Reason = "other_daemon" // another VRRP daemon of this host runs it
	ReasonTracked        Reason = "tracked"      // something that is tracked with weight 0 is down
	ReasonStandby        Reason = "standby"      // an operator's order
	ReasonSyncGroup      Reason = "sync_group"   // another member of the group made it so
	ReasonStop           Reason = "stop"
	ReasonRemoved        Reason = "removed" // no longer in the configuration
)

// DropReason says why a packet was rejected, in RFC order.
type DropReason string

// Reasons for rejecting a packet (RFC 9568 §7.1, RFC 3768 §7.1). The order
// here is the order of the checks.
const (
	DropTTL          DropReason = "ttl"             // IP TTL is not 255
	DropVersion      DropReason = "version"         // not the configured version
	DropType         DropReason = "type"            // not an advertisement
	DropLength       DropReason = "length"          // message shorter than it says
	DropChecksum     DropReason = "checksum"        // neither accepted form matches
	DropUnknownVRID  DropReason = "unknown_vrid"    // no such router on this interface
	DropOwnSource    DropReason = "own_source"      // from one of our own addresses
	DropDestination  DropReason = "destination"     // to a group instead of us, or the reverse
	DropUnknownPeer  DropReason = "unknown_peer"    // unicast from an address that is no peer's
	DropAuthType     DropReason = "auth_type"       // unknown or not the configured type
	DropAuthMissing  DropReason = "auth_missing"    // no HMAC trailer where one is demanded
	DropAuthStale    DropReason = "auth_stale"      // signed too long ago, or in the future
	DropAuthFailed   DropReason = "auth_failed"     // wrong password or signature
	DropReplay       DropReason = "auth_replay"     // sequence number not above the last
	DropCount        DropReason = "address_count"   // v3 without an address
	DropIntervalZero DropReason = "interval_zero"   // v3 interval 0
	DropInterval     DropReason = "interval"        // v2 interval differs from ours
	DropVRIDClash    DropReason = "vrid_clash"      // disjoint address list: another cluster
	DropNotMaster    DropReason = "zero_not_master" // priority 0 from somebody who is not master
	DropInactive     DropReason = "inactive"        // router is in initialize or fault
)

// DropReasons lists all reasons in the order of the checks.
var DropReasons = []DropReason{
	DropTTL, DropVersion, DropType, DropLength, DropChecksum, DropUnknownVRID, DropOwnSource, DropDestination, DropUnknownPeer,
	DropAuthType, DropAuthMissing, DropAuthStale, DropAuthFailed, DropReplay, DropCount, DropIntervalZero, DropInterval, DropVRIDClash, DropNotMaster, DropInactive,
}

// ReportKind names a noteworthy fact.
type ReportKind string

// Kinds of reports.
const (
	ReportPeerHeard      ReportKind = "peer_heard"      // first advert ever from another router
	ReportAddressList    ReportKind = "address_list"    // overlapping but different list, accepted
	ReportIntervalDiffer ReportKind = "interval_differ" // v3 interval differs from ours, learned
	ReportLate           ReportKind = "advert_late"     // an advert left more than an interval late
	ReportSendFailed     ReportKind = "send_failed"
	ReportDuplicateOwner ReportKind = "duplicate_owner" // another router claims priority 255
	ReportSamePriority   ReportKind = "same_priority"   // another master with our priority
	ReportLeaseMode      ReportKind = "lease_mode"      // lease mode in force changed
	ReportLowerPriority  ReportKind = "lower_priority"  // a master heard an advert that loses against its own
	ReportPriority       ReportKind = "priority"        // the effective priority changed
	ReportNoSuccessor    ReportKind = "no_successor"    // a hand-over ended without one, mastership was taken back
	ReportListCut        ReportKind = "addresses_cut"   // more addresses than an advert can carry
	// ReportNoLinkLocal: an IPv6 list does not begin with a link-local address.
	ReportNoLinkLocal ReportKind = "link_local_not_first"
	// ReportDuplicateAddress: somebody else sends from our own address.
	ReportDuplicateAddress ReportKind = "duplicate_address"
	// ReportAddressInUse: a virtual address that is claimed answers elsewhere,
	// from a host that is no router of ours.
	ReportAddressInUse ReportKind = "address_in_use"
)
