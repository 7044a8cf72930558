package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// observer turns what the router role sees into events for the supervisor.
// It runs on the advert path: it formats, queues and never waits.
type observer struct {
	peer  *link.Peer
	drops dropLog
}

func newObserver(p *link.Peer) *observer {
	return &observer{peer: p, drops: newDropLog()}
}

func (o *observer) send(level, kind, message string, attrs map[string]any) {
	// A full queue means that the supervisor hangs; the link counts the loss.
	_ = o.peer.Notify(noticeEvent, api.Event{At: time.Now(), Level: level, Kind: kind, Message: message, Attrs: attrs})
}

// Transition reports a change of state.
func (o *observer) Transition(t vrrp.Transition) {
	_ = o.peer.Notify(noticeTransition, stateChange{
		ID: t.ID, Name: t.Name, From: t.From, To: t.To, Reason: t.Reason, Priority: t.Priority, At: time.Now(),
	})
	attrs := map[string]any{
		"instance": t.Name, "router": t.ID.String(), "from": t.From.String(), "to": t.To.String(), "reason": string(t.Reason),
	}
	if t.Peer.IsValid() {
		attrs["peer"], attrs["peer_priority"] = t.Peer.String(), t.PeerPriority
	}
	if t.Detail != "" {
		attrs["detail"] = t.Detail
	}
	level := "info"
	if t.To == vrrp.StateFault {
		level = "warn"
	}
	_ = o.peer.Notify(noticeState, instanceState{ID: t.ID, Master: t.To == vrrp.StateMaster})
	o.send(level, "transition", fmt.Sprintf("%s: %s to %s (%s)", t.Name, t.From, t.To, t.Reason), attrs)
}

// Drop reports a rejected packet, rate-limited per sender and cause.
func (o *observer) Drop(d vrrp.Drop) {
	suppressed, write := o.drops.take(&d, time.Now())
	if !write {
		return
	}
	level := "info"
	if d.Alarm {
		level = "error"
	}
	o.send(level, "drop", fmt.Sprintf("rejected an advert for VRID %d on %s from %s: %s", d.VRID, d.Interface, d.Src, d.Reason), map[string]any{
		"interface": d.Interface, "vrid": d.VRID, "source": d.Src.String(), "reason": string(d.Reason),
		"alarm": d.Alarm, "suppressed": suppressed,
	})
}

// Report passes on a noteworthy fact; a first peer is remembered.
func (o *observer) Report(r vrrp.Report) {
	attrs := map[string]any{"instance": r.Name, "router": r.ID.String(), "kind": string(r.Kind)}
	if r.Peer.IsValid() {
		attrs["peer"] = r.Peer.String()
	}
	if r.Detail != "" {
		attrs["detail"] = r.Detail
	}
	level := "info"
	switch r.Kind {
	case vrrp.ReportDuplicateOwner, vrrp.ReportDuplicateAddress, vrrp.ReportSendFailed, vrrp.ReportLate, vrrp.ReportAddressList:
		level = "warn"
	case vrrp.ReportAddressInUse:
		level = "error"
	case vrrp.ReportPriority, vrrp.ReportLowerPriority:
		_ = o.peer.Notify(noticeTransition, stateChange{
			ID: r.ID, Name: r.Name, From: r.State, To: r.State, Priority: r.Priority, Lower: r.Kind == vrrp.ReportLowerPriority, At: time.Now(),
		})
	case vrrp.ReportPeerHeard:
		_ = o.peer.Notify(noticePeerHeard, r.ID)
	}
	o.send(level, "report", fmt.Sprintf("%s: %s", r.Name, r.Kind), attrs)
}

// addressLevels says how loud each address event is.
var addressLevels = map[runner.AddressEventKind]string{
	runner.AddressRemoved: "warn", runner.AddressPutBack: "info", runner.AddressDisputed: "error",
	runner.PathRemoved: "warn", runner.PathPutBack: "info", runner.PathDisputed: "error",
	runner.AddressIsHosts: "warn", runner.AddressLapsed: "error", runner.AddressFailed: "error",
}

// Address reports what happened to a virtual address outside elections.
func (o *observer) Address(e runner.AddressEvent) {
	what := cmp.Or(e.Path, addressText(e.Address)+" on "+e.Interface)
	o.send(addressLevels[e.Kind], "address", fmt.Sprintf("%s: %s", what, e.Kind), map[string]any{
		"router": e.ID.String(), "interface": e.Interface, "address": addressText(e.Address), "path": e.Path,
		"kind": string(e.Kind), "detail": e.Detail,
	})
}

func addressText(p netip.Prefix) string {
	if !p.IsValid() {
		return "address"
	}
	return p.String()
}
