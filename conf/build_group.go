package conf

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/vrrp"
)

// groups builds the sync groups. instances are the blocks of the routers, in
// the same order.
func (b *builder) groups(nodes, instances []*node, tracks *trackSet) {
	names := b.names()
	taken := map[string]hcl.Range{}
	for _, n := range nodes {
		names.add(n)
		g := SyncGroup{Group: vrrp.Group{Name: n.labels[0], Tracks: tracks.tracks(n)}, Notify: b.notify(n)}
		members := get[[]located[string]](n, "members")
		for _, m := range members {
			if prev, again := taken[m.v]; again {
				b.errorf("duplicate_member", m.rng, "", "%q is already in a group, at %s", m.v, where(prev))
				continue
			}
			taken[m.v] = m.rng
			g.Members = append(g.Members, b.member(m, instances)...)
		}
		if n.has("members") && len(members) < 2 {
			b.warnf("small_group", n.at("members"), "", "%s has %d members: it ties nothing together", n, len(members))
		}
		b.compareMembers(n, g)
		b.cfg.Groups = append(b.cfg.Groups, g)
	}
	b.pairFamilies(taken)
}

// pairFamilies ties the two virtual routers of an instance with addresses of
// both families together, unless a group does so already.
func (b *builder) pairFamilies(taken map[string]hcl.Range) {
	ids := map[string][]vrrp.RouterID{}
	for _, r := range b.cfg.Routers {
		ids[r.Name] = append(ids[r.Name], r.ID)
		if _, grouped := taken[r.Name]; !grouped && len(ids[r.Name]) == 2 {
			b.cfg.Groups = append(b.cfg.Groups, SyncGroup{Group: vrrp.Group{Name: r.Name, Members: ids[r.Name]}})
		}
	}
}

// member finds the routers of an instance.
func (b *builder) member(m located[string], instances []*node) []vrrp.RouterID {
	var known []string
	var ids []vrrp.RouterID
	for _, n := range instances {
		known = append(known, n.labels[0])
	}
	for _, r := range b.cfg.Routers {
		if r.Name == m.v {
			ids = append(ids, r.ID)
		}
	}
	if !slices.Contains(known, m.v) {
		b.absent("unknown_instance", m.rng, didYouMean(m.v, known), "there is no vrrp_instance called %q", m.v)
	}
	return ids
}

// compareMembers warns of members that cannot agree.
func (b *builder) compareMembers(n *node, g SyncGroup) {
	var first *vrrp.Config
	for i := range b.cfg.Routers {
		r := &b.cfg.Routers[i]
		if !slices.Contains(g.Members, r.ID) {
			continue
		}
		if first == nil {
			first = r
			continue
		}
		if differ := memberDiffers(first, r); differ != "" {
			b.warnf("group_differs", n.def, "a group moves as one", "members %s and %s of %s differ in %s", first.Name, r.Name, n, differ)
			return
		}
	}
}

func memberDiffers(a, b *vrrp.Config) string {
	switch {
	case a.Priority != b.Priority:
		return fmt.Sprintf("priority: %d and %d", a.Priority, b.Priority)
	case a.Preempt != b.Preempt:
		return "preempt"
	}
	return ""
}

// notifyInstance notes who is told about an instance.
func (b *builder) notifyInstance(n *node) {
	if len(n.all("notify")) == 0 {
		return
	}
	if b.cfg.Notify == nil {
		b.cfg.Notify = map[string]Notify{}
	}
	b.cfg.Notify[n.labels[0]] = b.notify(n)
}

// notify builds the notify block of an instance or group.
func (b *builder) notify(n *node) Notify {
	k := n.one("notify")
	out := Notify{Mail: get[bool](k, "mail"), PriorityChanges: get[bool](k, "priority_changes")}
	b.programs(k, notifyKeys, &out.Master, &out.Backup, &out.Fault, &out.Stop, &out.Deleted, &out.Any, &out.LowerPriority)
	if out.Mail {
		b.mailable(k, nil)
	}
	return out
}
