package conf

import (
	"fmt"

	"github.com/vipd/vipd/vrrp"
)

func writePaths(m maker, p vrrp.Paths) {
	for _, r := range p.Routes {
		k := m.child("route", r.Destination.String())
		k.set("type", word(routeTypes, r.Type))
		k.set("via", r.Via)
		k.set("interface", r.Interface)
		k.set("on_link", r.OnLink)
		k.set("table", r.Table)
		k.set("metric", r.Metric)
		k.set("source", r.Source)
		k.set("mtu", r.MTU)
		k.set("from", r.From)
		if r.Scope != nil {
			k.force("scope", word(scopes, *r.Scope))
		}
		k.set("tos", r.TOS)
		k.set("realm", r.Realm)
		k.set("protocol", r.Protocol)
		k.set("order", word(routeOrders, r.Order))
		k.set("preference", word(routePreferences, r.Preference))
		k.set("expires", r.Expires)
		writeTuning(k, r.Tuning)
		for _, h := range r.Hops {
			hop := k.child("hop")
			hop.set("via", h.Via)
			hop.set("interface", h.Interface)
			hop.set("weight", h.Weight)
		}
	}
	for _, r := range p.Rules {
		writeRule(m.child("rule"), r)
	}
}

func writeRule(k maker, r vrrp.Rule) {
	k.set("priority", r.Priority)
	k.set("action", word(ruleActions, r.Action))
	k.set("table", r.Table)
	k.set("from", r.From)
	k.set("to", r.To)
	k.set("in", r.In)
	k.set("out", r.Out)
	k.set("mark", r.Mark)
	if r.Mark == 0 || r.Mask != ^uint32(0) {
		k.set("mask", r.Mask)
	}
	k.set("not", r.NotMatch)
	k.set("goto", r.Goto)
	k.set("tos", r.TOS)
	k.set("tunnel_id", r.TunnelID)
	k.set("realm", r.Realm)
	k.set("protocol", r.Protocol)
	k.set("ip_protocol", r.IPProtocol)
	k.set("source_ports", portsText(r.SourcePorts))
	k.set("destination_ports", portsText(r.DestinationPorts))
	if r.Users.Set {
		k.force("users", fmt.Sprintf("%d-%d", r.Users.First, r.Users.Last))
	}
	k.set("l3_master", r.L3Master)
	k.set("min_prefix", r.MinPrefix)
	k.set("not_group", r.NotGroup)
	if r.Family == vrrp.IPv6 && !r.From.IsValid() && !r.To.IsValid() {
		k.set("family", "ipv6")
	}
}

func writeTuning(k maker, t vrrp.RouteTuning) {
	m := k.child("tuning")
	m.set("lock", wordsOf(lockBits, t.Locked))
	m.set("hop_limit", t.HopLimit)
	m.set("mss", t.MSS)
	m.set("window", t.Window)
	m.set("rtt", t.RTT)
	m.set("rtt_variance", t.RTTVar)
	m.set("min_rto", t.MinRTO)
	m.set("reordering", t.Reordering)
	m.set("congestion_window", t.CongestionWindow)
	m.set("slow_start_threshold", t.SlowStartThreshold)
	m.set("initial_window", t.InitialWindow)
	m.set("initial_receive", t.InitialReceive)
	m.set("ecn", t.ECN)
	m.set("quick_ack", t.QuickACK)
	m.set("fast_open_without_cookie", t.NoFastOpenCookie)
	m.set("congestion", t.Congestion)
	k.prune("tuning")
}

// portsText is a range of ports as it is written, "" for any.
func portsText(p vrrp.PortRange) string {
	switch {
	case p == (vrrp.PortRange{}):
		return ""
	case p.First == p.Last:
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}
