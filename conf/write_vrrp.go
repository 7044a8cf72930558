package conf

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vipd/vipd/vrrp"
)

// writer turns one node's configuration into blocks.
type writer struct {
	cfg      *Config
	priority uint8            // of instances that have none of their own
	named    []maker          // top-level checks
	checks   map[string]check // that are written, by name
}

// vrrpDefault is the priority that instances of a director have by default.
func vrrpDefault(directors []Director, name string) uint8 {
	for _, d := range directors {
		if d.Name == name && d.Priority > 0 {
			return d.Priority
		}
	}
	return vrrp.DefaultPriority
}

// blocks writes everything but the directors.
func (w *writer) blocks() []*Block {
	var out []*Block
	add := func(list ...maker) {
		for _, m := range list {
			out = append(out, m.Block)
		}
	}
	if g := w.global(); len(g.Attrs)+len(g.Blocks) > 0 {
		add(g)
	}
	services := w.services()
	add(w.instances()...)
	add(w.groups()...)
	add(w.tracking()...)
	if s := w.static(); len(s.Blocks) > 0 {
		add(s)
	}
	add(w.named...)
	add(services...)
	add(w.kernel()...)
	return out
}

// instances writes virtual routers; two of one name are one instance with
// addresses of both families.
func (w *writer) instances() []maker {
	var out []maker
	for i := 0; i < len(w.cfg.Routers); {
		end := i + 1
		for end < len(w.cfg.Routers) && w.cfg.Routers[end].Name == w.cfg.Routers[i].Name {
			end++
		}
		out = append(out, w.instance(w.cfg.Routers[i:end]))
		i = end
	}
	return out
}

func (w *writer) instance(routers []vrrp.Config) maker {
	c := routers[0]
	m := newMaker(instanceBlock, c.Name)
	var addresses, excluded []netip.Prefix
	for _, r := range routers {
		addresses, excluded = append(addresses, r.Addresses...), append(excluded, r.Excluded...)
	}
	version := uint8(2)
	if slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		version = 3
	}
	m.set("interface", c.ID.Interface)
	m.set("vrid", c.ID.VRID)
	if c.Version != version {
		m.set("version", c.Version)
	}
	if c.Priority != w.priority {
		m.set("priority", c.Priority)
	}
	m.set("advert_interval", c.AdvertInterval)
	m.set("virtual_address", addresses)
	if len(addresses) == 0 { // it has to be said
		m.Set("virtual_address", Expr("[]"))
	}
	m.set("excluded_address", excluded)
	m.set("preempt", c.Preempt)
	m.set("preempt_delay", c.PreemptDelay)
	m.set("link_down_delay", c.LinkDown)
	m.set("link_up_delay", c.LinkUp)
	m.set("lease", c.Lease.String())
	m.set("hand_over", map[bool]string{true: "graceful", false: "immediate"}[c.HandOver == vrrp.HandOverGraceful])
	m.set("checksum", map[bool]string{true: "plain", false: "pseudo"}[c.Checksum == vrrp.ChecksumPlain])
	if c.DownAdverts != 0 {
		m.set("down_adverts", c.DownAdverts)
	}
	m.set("probe_duplicates", c.ProbeDuplicates)
	m.set("ignore_carrier", c.IgnoreCarrier)
	m.set("accept", !c.NoAccept)
	m.set("deviations", deviationWords(c.Deviations))
	w.delivery(m, routers)
	w.auth(m, c)
	w.vmac(m, routers)
	w.garp(m, c)
	writeOptions(m, (&vrrp.Config{Addresses: addresses, Excluded: excluded}).Held(), c.Options)
	writePaths(m, c.Paths)
	writeTracks(m, c.Tracks)
	writeNotify(m, w.cfg.Notify[c.Name])
	return m
}

// delivery writes how adverts travel. A source or group is that of the first
// family that has one.
func (w *writer) delivery(m maker, routers []vrrp.Config) {
	var peers []netip.Addr
	var minTTL uint8
	unicast := routers[0].Delivery
	m.set("receive_buffer", unicast.Buffer.Octets)
	m.set("receive_buffer_packets", unicast.Buffer.MTUs)
	for _, r := range routers {
		m.setFirst("source", r.Delivery.Source)
		m.setFirst("group", r.Delivery.Group)
		for _, p := range r.Delivery.Peers {
			peers, minTTL = append(peers, p.Address), p.MinTTL
		}
	}
	if len(peers) == 0 && !unicast.NeedPeers {
		return
	}
	u := m.child("unicast")
	u.set("peers", peers)
	if len(peers) == 0 { // it has to be said
		u.Set("peers", Expr("[]"))
	}
	u.set("need_peers", unicast.NeedPeers)
	u.set("check_source", unicast.CheckSource)
	if unicast.TTL != 0 {
		u.set("ttl", unicast.TTL)
	}
	u.set("min_ttl", minTTL)
}

// setFirst sets an address unless there is one already.
func (m maker) setFirst(name string, a netip.Addr) {
	if a.IsValid() && !slices.ContainsFunc(m.Attrs, func(x Attr) bool { return x.Name == name }) {
		m.set(name, a)
	}
}

func (w *writer) auth(m maker, c vrrp.Config) {
	if h := c.Auth.HMAC; h != nil {
		a := m.child("auth", "hmac")
		if len(h.Keys) != 1 || h.Keys[0].ID != h.Active {
			a.set("active_key", h.Active)
		}
		a.set("mode", word(hmacModes, h.Mode))
		a.set("anti_replay", map[bool]string{true: "monotonic", false: "time"}[h.Monotonic])
		if h.Window != vrrp.DefaultHMACWindow(c.AdvertInterval) {
			a.set("time_window", h.Window)
		}
		for _, k := range h.Keys {
			a.child("key", strconv.Itoa(int(k.ID))).force("secret", secretText(k.Key))
		}
		return
	}
	if c.Auth.Type != vrrp.AuthNone {
		m.child("auth", word(authTypes, c.Auth.Type)).force("secret", secretText(c.Auth.Key))
	}
}

// secretText writes a key as text if it is one.
func secretText(key vrrp.Secret) string {
	text := string(key)
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, bad) && !strings.HasPrefix(text, "hex:") {
		return text
	}
	return "hex:" + hex.EncodeToString([]byte(text))
}

func (w *writer) vmac(m maker, routers []vrrp.Config) {
	c := routers[0]
	if c.VMAC.Name == "" {
		return
	}
	v := m.child("vmac")
	usual := fmt.Sprintf("vrrp.%d", c.ID.VRID)
	if c.ID.Family == vrrp.IPv6 {
		usual = fmt.Sprintf("vrrp6.%d", c.ID.VRID)
	}
	if c.VMAC.Name != usual {
		v.set("name", c.VMAC.Name)
	}
	v.set("transmit", map[bool]string{true: "base", false: "vmac"}[c.VMAC.FromBase])
}

func (w *writer) garp(m maker, c vrrp.Config) {
	g := m.child("garp")
	g.set("repeat", c.Announce.Repeat)
	g.set("delay", c.Announce.Delay)
	g.set("refresh", c.Announce.Refresh)
	if c.Announce.Refresh > 0 {
		g.set("refresh_repeat", c.Announce.RefreshRepeat)
	}
	g.set("lower_repeat", c.Announce.LowerRepeat)
	g.set("lower_delay", c.Announce.LowerDelay)
	g.set("interval", c.Announce.Interval)
	g.set("pace", c.Announce.Pace)
	g.set("interfaces", c.Announce.Interfaces)
	g.set("extra", c.Announce.Extra)
	g.set("extra_all", c.Announce.ExtraAll)
	m.prune("garp")
}

// writeOptions writes how addresses are put on the host, in their order.
func writeOptions(m maker, addresses []netip.Prefix, options map[netip.Prefix]vrrp.AddressOptions) {
	for _, p := range addresses {
		o, ok := options[p]
		if !ok {
			continue
		}
		a := m.child("address", p.String())
		a.set("interface", o.Interface)
		if o.Untracked {
			a.set("track", false)
		}
		a.set("label", o.Label)
		a.set("scope", word(scopes, o.Scope))
		a.set("broadcast", o.Broadcast)
		a.set("peer", o.Peer)
		if o.Source != vrrp.SourceDefault {
			a.force("as_source", o.Source == vrrp.SourceAlways)
		}
		a.set("detect_duplicates", o.DetectDuplicates)
		a.set("flags", wordsOf(vrrp.AddressFlags, o.Flags))
	}
}

// groups writes the sync groups, without those that an instance of both
// families has by itself.
func (w *writer) groups() []maker {
	names := map[vrrp.RouterID]string{}
	for _, r := range w.cfg.Routers {
		names[r.ID] = r.Name
	}
	var out []maker
	for _, g := range w.cfg.Groups {
		var members []string
		for _, id := range g.Members {
			if !slices.Contains(members, names[id]) {
				members = append(members, names[id])
			}
		}
		if len(members) == 1 && members[0] == g.Name {
			continue
		}
		m := newMaker(syncGroupBlock, g.Name)
		m.set("members", members)
		writeTracks(m, g.Tracks)
		writeNotify(m, g.Notify)
		out = append(out, m)
	}
	return out
}

func writeTracks(m maker, tracks []vrrp.Track) {
	for _, t := range tracks {
		k := m.child("track", string(t.ID.Kind), t.ID.Name)
		k.set("weight", t.Weight)
		k.set("reverse", t.Reverse)
		if t.ID.Kind == vrrp.TrackInterface {
			k.set("debounce", t.Debounce)
		}
	}
}

func writeNotify(m maker, n Notify) {
	k := m.child("notify")
	k.set("priority_changes", n.PriorityChanges)
	k.set("mail", n.Mail)
	k.programs(notifyKeys, n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.Any, n.LowerPriority)
	m.prune("notify")
}

// static writes what does not depend on any election.
func (w *writer) static() maker {
	m := newMaker(staticBlock)
	writeOptions(m, w.cfg.Static.Addresses, w.cfg.Static.Options)
	writePaths(m, w.cfg.Static.Paths)
	return m
}
