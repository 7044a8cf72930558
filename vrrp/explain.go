package vrrp

import (
	"fmt"
	"strings"
	"time"
)

// Explanation tells people why a router is in its state.
type Explanation struct {
	// Why is the cause of the present state, one sentence.
	Why string `json:"why"`
	// Priority is the sum that makes the priority: "150 -60 script chk = 90".
	Priority string `json:"priority"`
	// Next is what happens next if nothing changes.
	Next string `json:"next,omitempty"`
	// WhatIf is what would change it.
	WhatIf []string `json:"what_if,omitempty"`
}

// Explain explains a snapshot that was taken at the time now.
func Explain(s *RouterStatus, now time.Time) Explanation {
	x := Explanation{Why: why(s), Priority: arithmetic(s), Next: next(s, now)}
	switch s.State {
	case StateBackup:
		x.WhatIf = whatIfBackup(s)
	case StateFault:
		x.WhatIf = whatIfFault(s)
	case StateMaster:
		x.WhatIf = whatIfMaster(s)
	}
	return x
}

// arithmetic writes the sum of the priority.
func arithmetic(s *RouterStatus) string {
	sum := sumText(s.BasePriority, s.Tracks)
	switch {
	case s.Standby != nil && !s.Standby.Force:
		return fmt.Sprintf("%d on standby, instead of %s", s.Priority, sum)
	case s.BasePriority == PriorityOwner:
		return "255, the owner of the addresses"
	}
	return fmt.Sprintf("%s = %d", sum, s.Priority)
}

// reasonTexts say for the reasons of transitions what happened.
var reasonTexts = map[Reason]string{
	ReasonStartup: "it has just started", ReasonOwner: "it owns the addresses", ReasonResumed: "it was master before its process restarted",
	ReasonMasterDown: "no advert was heard for a master-down interval", ReasonMasterLeft: "the former master left with priority 0",
	ReasonNoSuccessor: "nobody took over when it went on standby",
	ReasonPreempt:     "it has the higher priority", ReasonHigherPriority: "a router with a higher priority is master",
	ReasonTieBreak: "a router with the same priority and a higher address is master", ReasonSlept: "this process did not run for a master-down interval",
	ReasonLeaseLost: "the kernel removed an address whose lease had ended", ReasonInterfaceDown: "its interface is down",
	ReasonNoInterface: "its interface does not exist", ReasonNoAddress: "its interface has no source address",
	ReasonNoPeers:     "there is no peer to send adverts to",
	ReasonEnslaved:    "its interface is a port of another, which gets all that arrives",
	ReasonInterfaceUp: "what kept it in fault is over", ReasonOtherDaemon: "another VRRP daemon of this host runs it",
	ReasonTracked: "something it depends on is down", ReasonSyncGroup: "another member of its group made it so",
	ReasonStandby: "an operator put it on standby", ReasonStop: "the daemon stops", ReasonRemoved: "it is no longer configured",
}

// why tells the cause of the present state. A backup is one because of what
// is so now, not because of what once made it one.
func why(s *RouterStatus) string {
	if s.State != StateBackup {
		text := reasonTexts[s.LastReason]
		if text == "" {
			text = string(s.LastReason)
		}
		if s.LastDetail != "" {
			text += " (" + s.LastDetail + ")"
		}
		return fmt.Sprintf("%s because %s", s.State, text)
	}
	return "backup because " + whyBackup(s)
}

func whyBackup(s *RouterStatus) string {
	switch {
	case s.Standby != nil:
		return withReason("an operator put it on standby", s.Standby.Reason)
	case s.AwaitsGroup:
		return fmt.Sprintf("the other members of group %s cannot be master yet", s.Group)
	case !s.Master.IsValid():
		return "no master was heard yet and the master-down interval is not over"
	case s.MasterPriority == 0:
		return fmt.Sprintf("%s has just left and the skew is not over", s.Master)
	case s.MasterPriority > s.Priority:
		return fmt.Sprintf("%s is master with priority %d > %d", s.Master, s.MasterPriority, s.Priority)
	case s.MasterPriority == s.Priority:
		return fmt.Sprintf("%s is master with the same priority %d, which does not preempt", s.Master, s.Priority)
	case !s.Preempt:
		return fmt.Sprintf("%s is master and preemption is off, although %d < %d", s.Master, s.MasterPriority, s.Priority)
	case s.PreemptHeld:
		return fmt.Sprintf("it waits with preempting %s (%d < %d) until the carrier is stable, everything tracked is known and the IPVS table is ready",
			s.Master, s.MasterPriority, s.Priority)
	}
	return fmt.Sprintf("it takes over from %s (%d < %d) only after a master-down interval", s.Master, s.MasterPriority, s.Priority)
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + " (" + reason + ")"
}

// next tells the next deadline.
func next(s *RouterStatus, now time.Time) string {
	in := s.Deadline.Sub(now).Round(time.Millisecond)
	switch {
	case s.HandingOver:
		return "gives its addresses up when a successor is heard"
	case s.Deadline.IsZero():
		return ""
	case s.State == StateMaster:
		return fmt.Sprintf("the next advert is due in %s", in)
	case s.State == StateBackup:
		return fmt.Sprintf("becomes master in %s unless an advert is heard that it obeys", in)
	}
	return ""
}

// whatIfBackup tells which recoveries would let a backup take over.
func whatIfBackup(s *RouterStatus) []string {
	if s.Standby != nil {
		return []string{"vipd active " + s.Name + " ends the standby", "it takes over at once when no master is heard any more"}
	}
	if !s.Master.IsValid() || s.MasterPriority < s.Priority {
		return nil
	}
	if !s.Preempt {
		return []string{"it takes over only when no master is heard any more: preemption is off"}
	}
	return recoveries(s)
}

// recoveries tells which tracked things would make the priority win, alone or
// together.
func recoveries(s *RouterStatus) []string {
	var out, names []string
	// The sums before they are cut to what can be adverted.
	sum, all := int(s.BasePriority), int(s.BasePriority)
	for i := range s.Tracks {
		sum += s.Tracks[i].Delta
		all += s.Tracks[i].Best
	}
	for i := range s.Tracks {
		c := &s.Tracks[i]
		if c.Best <= c.Delta {
			continue
		}
		names = append(names, c.Track.String())
		if p := min(sum-c.Delta+c.Best, PriorityOwner-1); p > int(s.MasterPriority) {
			out = append(out, fmt.Sprintf("would take over if %s recovered (%d > %d)", c.Track, p, s.MasterPriority))
		}
	}
	all = min(all, PriorityOwner-1)
	switch {
	case len(out) > 0:
	case len(names) > 1 && all > int(s.MasterPriority):
		out = append(out, fmt.Sprintf("would take over if %s recovered (%d > %d)", strings.Join(names, " and "), all, s.MasterPriority))
	default:
		out = append(out, fmt.Sprintf("takes over when %s is silent, leaves, or adverts less than %d", s.Master, s.Priority))
	}
	return out
}

// whatIfFault tells what would end a fault.
func whatIfFault(s *RouterStatus) []string {
	var out []string
	for i := range s.Tracks {
		if s.Tracks[i].Fault {
			out = append(out, fmt.Sprintf("would take part again if %s recovered", s.Tracks[i].Track))
		}
	}
	if s.LastReason == ReasonStandby {
		out = append(out, "vipd active "+s.Name+" ends the forced standby")
	}
	return out
}

// whatIfMaster tells who could take over.
func whatIfMaster(s *RouterStatus) []string {
	if s.BasePriority == PriorityOwner && s.Standby == nil {
		return nil
	}
	out := []string{fmt.Sprintf("a router with a priority above %d that preempts would take over", s.Priority)}
	for _, p := range s.Peers {
		if p.Priority > s.Priority {
			out = append(out, fmt.Sprintf("%s last adverted %d", p.Address, p.Priority))
		}
	}
	return out
}
