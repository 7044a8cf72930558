package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// member is a virtual router of one node.
type member struct {
	node   string
	cfg    *Config
	router *vrrp.Config
}

// at is where a key of the instance stands, or the instance where it has none.
func (m member) at(key string) Origin {
	for _, p := range []Place{{m.router.Name, key}, {m.router.Name, ""}} {
		if at, known := m.cfg.Origins[p]; known {
			return at
		}
	}
	return Origin{File: first(m.cfg.Files)}
}

func (m member) String() string {
	return fmt.Sprintf("%s of %s", m.router.Name, m.node)
}

// Together tells what is wrong with configurations that are each well by
// themselves: nodes that are meant to be one cluster and would not be.
func Together(nodes []Node) Diagnostics {
	t := &together{}
	t.collect(nodes)
	for i := range t.routers {
		t.router(i)
	}
	return t.diags
}

type together struct {
	routers [][]member // that are one on the wire
	diags   Diagnostics
}

func (t *together) tell(severity Severity, code string, at Origin, hint, format string, args ...any) {
	t.diags = append(t.diags, Diagnostic{Severity: severity, Code: code, File: at.File, Line: at.Line, Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// collect finds what is one virtual router on the wire: a family and a VRID on
// an interface. Nodes may call the same segment by different names, hence those
// that share an address belong together, too.
func (t *together) collect(nodes []Node) {
	for _, n := range nodes {
		for i := range n.Config.Routers {
			m := member{n.Name, n.Config, &n.Config.Routers[i]}
			at := slices.IndexFunc(t.routers, func(have []member) bool { return slices.ContainsFunc(have, m.meets) })
			if at < 0 {
				t.routers = append(t.routers, []member{m})
				continue
			}
			t.routers[at] = append(t.routers[at], m)
		}
	}
}

func first(files []string) string {
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// meets reports whether two routers of different nodes hear each other, or are
// meant to.
func (m member) meets(o member) bool {
	a, b := m.router.ID, o.router.ID
	return m.node != o.node && a.Family == b.Family && a.VRID == b.VRID && (a.Interface == b.Interface || shares(m.router, o.router))
}

// shares reports whether two routers have a virtual address in common.
func shares(a, b *vrrp.Config) bool {
	return slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool {
		return slices.ContainsFunc(b.Addresses, func(q netip.Prefix) bool { return p.Addr() == q.Addr() })
	})
}

// router compares the members of one virtual router, each with the first.
func (t *together) router(i int) {
	all := t.routers[i]
	if len(all) == 1 {
		t.alone(i, all[0])
		return
	}
	one := all[:1:1]
	for _, m := range all[1:] {
		if len(m.router.Addresses) > 0 && len(all[0].router.Addresses) > 0 && !shares(all[0].router, m.router) {
			t.tell(Error, "vrid_clash", m.at("vrid"), "give one of them another VRID", "%s and %s have VRID %d on %s and no address in common: they are two services",
				m, all[0], m.router.ID.VRID, m.router.ID.Interface)
			continue
		}
		t.pair(all[0], m)
		one = append(one, m)
	}
	if len(one) > 1 {
		t.priorities(one)
		t.peers(one)
		t.weights(one)
	}
}

// alone is about a virtual router that only one node has.
func (t *together) alone(i int, m member) {
	switch o, found := t.otherVRID(i, m); {
	case found:
		t.tell(Error, "other_vrid", m.at("vrid"), "", "%s and %s have the same address and VRIDs %d and %d: neither hears the other, both become master",
			m, o, m.router.ID.VRID, o.router.ID.VRID)
	case m.router.Unicast():
		t.tell(Warning, "alone", m.at("unicast"), "", "%s has peers, but no other file has VRID %d with one of its addresses", m, m.router.ID.VRID)
	case t.clustered(m) && len(m.router.Held()) > 0:
		t.tell(Warning, "alone", m.at("vrid"), "", "no other file has VRID %d on %s: nobody takes over the addresses of %s", m.router.ID.VRID, m.router.ID.Interface, m)
	}
}

// otherVRID finds a virtual router of another node, before router i, that has an
// address of a member, but not its VRID.
func (t *together) otherVRID(i int, m member) (member, bool) {
	for _, all := range t.routers[:i] {
		for _, o := range all {
			if o.node != m.node && o.router.ID.VRID != m.router.ID.VRID && shares(o.router, m.router) {
				return o, true
			}
		}
	}
	return member{}, false
}

// clustered reports whether the node of a member shares another virtual router of
// the same interface with another node: then this one is probably meant to be
// shared as well.
func (t *together) clustered(m member) bool {
	return slices.ContainsFunc(t.routers, func(all []member) bool {
		return len(all) > 1 && slices.ContainsFunc(all, func(o member) bool {
			return o.node == m.node && o.router.ID.Interface == m.router.ID.Interface
		})
	})
}

// pair compares two members that are meant to be one virtual router.
func (t *together) pair(a, b member) {
	if x, y := a.router.Version, b.router.Version; x != y {
		t.tell(Error, "other_version", b.at("version"), "", "%s speaks version %d, %s version %d: neither hears the other, both become master", b, y, a, x)
		return
	}
	if x, y := a.router.AdvertInterval, b.router.AdvertInterval; x != y {
		severity, then := Warning, "a backup takes over the master's"
		if a.router.Version == 2 {
			severity, then = Error, "version 2 discards other intervals, both become master"
		}
		t.tell(severity, "other_interval", b.at("advert_interval"), "", "%s adverts every %v, %s every %v: %s", b, y, a, x, then)
	}
	if !reflect.DeepEqual(a.router.Auth, b.router.Auth) {
		t.tell(Error, "other_auth", b.at("auth"), "", "%s and %s authenticate in different ways: both become master", b, a)
	}
	if !slices.Equal(sortedAddresses(a.router), sortedAddresses(b.router)) {
		t.tell(Warning, "other_addresses", b.at("virtual_address"), "", "%s has %s, %s has %s: what only one has is lost when the other is master",
			b, listOf(b.router), a, listOf(a.router))
	}
	if a.router.Preempt != b.router.Preempt {
		t.tell(Warning, "other_preempt", b.at("preempt"), "", "preempt is %t in %s and %t in %s: who is master depends on who came last", b.router.Preempt, b, a.router.Preempt, a)
	}
}

func sortedAddresses(c *vrrp.Config) []netip.Prefix {
	return slices.SortedFunc(slices.Values(c.Addresses), func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
}

func listOf(c *vrrp.Config) string {
	var out []string
	for _, p := range sortedAddresses(c) {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// priorities finds ties.
func (t *together) priorities(all []member) {
	seen := map[uint8]member{}
	for _, m := range all {
		if prev, tie := seen[m.router.Priority]; tie {
			t.tell(Warning, "same_priority", m.at("priority"), "give each director its own; with equal ones the higher address wins",
				"%s has priority %d like %s", m, m.router.Priority, prev)
		}
		seen[m.router.Priority] = m
	}
}

// peers compares who sends to whom with who is there.
func (t *together) peers(all []member) {
	for _, m := range all {
		t.strangers(m, all)
		for _, o := range all {
			if m.node == o.node {
				continue
			}
			switch source := o.router.Delivery.Source; {
			case m.router.Unicast() != o.router.Unicast():
				if m.router.Unicast() {
					t.tell(Error, "unreachable_peer", m.at("unicast"), "", "%s sends to peers, %s to the group: they do not hear each other", m, o)
				}
			case m.router.Unicast() && source.IsValid() && !slices.ContainsFunc(m.router.Delivery.Peers, func(p vrrp.Peer) bool { return p.Address == source }):
				t.tell(Error, "unreachable_peer", m.at("unicast"), "add "+source.String(), "%s does not send to %s, the address of %s", m, source, o)
			}
		}
	}
}

// strangers finds peers that are none of the nodes, where all of them say who
// they are.
func (t *together) strangers(m member, all []member) {
	known := map[netip.Addr]bool{}
	for _, o := range all {
		if !o.router.Delivery.Source.IsValid() && o.node != m.node {
			return
		}
		known[o.router.Delivery.Source] = true
	}
	for _, p := range m.router.Delivery.Peers {
		if !known[p.Address] {
			t.tell(Warning, "unknown_peer", m.at("unicast"), "", "%s sends to %s, which is none of the nodes", m, p.Address)
		}
	}
}

// weights finds tracked things whose failure changes nothing: the best member
// stays the best.
func (t *together) weights(all []member) {
	byPriority := slices.SortedStableFunc(slices.Values(all), func(a, b member) int {
		return cmp.Compare(healthy(b.router), healthy(a.router))
	})
	best, next := byPriority[0], byPriority[1]
	if best.router.Priority == vrrp.PriorityOwner {
		return
	}
	for _, tr := range best.router.Tracks {
		if tr.Weight == 0 || tr.ID.Kind == vrrp.TrackFile {
			continue
		}
		if failed := healthy(best.router) - abs(tr.Weight); failed > healthy(next.router) {
			t.tell(Warning, "weak_weight", best.at("track"), fmt.Sprintf("a weight beyond %d", healthy(best.router)-healthy(next.router)),
				"%s of %s never fails over: without it the priority is %d, still above %d of %s", tr.ID, best, failed, healthy(next.router), next)
		}
	}
}

// healthy is the priority while everything that is tracked is well.
func healthy(c *vrrp.Config) int {
	p := int(c.Priority)
	for _, tr := range c.Tracks {
		if tr.Weight > 0 && tr.ID.Kind != vrrp.TrackFile {
			p += tr.Weight
		}
	}
	return min(p, vrrp.PriorityOwner-1)
}

func abs(n int) int { return max(n, -n) }

// OffSubnet tells which virtual addresses would be in no subnet of their
// interface: nobody on the segment asks for them there. subnets are the
// prefixes that a machine's interfaces have; an interface that is not among
// them is not judged.
func (c *Config) OffSubnet(subnets map[string][]netip.Prefix) Diagnostics {
	var out Diagnostics
	for _, r := range c.Routers {
		for _, p := range r.Held() {
			iface := cmp.Or(r.Options[p].Interface, r.ID.Interface)
			have, known := subnets[iface]
			own := func(s netip.Prefix) bool { return s.Contains(p.Addr()) }
			if !known || !p.IsSingleIP() || p.Addr().IsLinkLocalUnicast() || slices.ContainsFunc(have, own) {
				continue
			}
			at := member{cfg: c, router: &r}.at("virtual_address")
			out = append(out, Diagnostic{
				Severity: Warning, Code: "off_subnet", File: at.File, Line: at.Line, Hint: "write its length, or check the interface",
				Summary: fmt.Sprintf("%s of vrrp_instance %q is in no subnet that %s has on this machine: it is reached through a route only", p, r.Name, iface),
			})
		}
	}
	return out
}
