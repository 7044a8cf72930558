package conf

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/vipd/vipd/vrrp"
)

const nounInstance = "vrrp_instance"

// routers compares the virtual routers. One that is gone under its identity
// but not under its name was given another identity.
func (p *planner) routers() {
	old := make(map[vrrp.RouterID]*vrrp.Config, len(p.have.Routers))
	for i := range p.have.Routers {
		old[p.have.Routers[i].ID] = &p.have.Routers[i]
	}
	renamed := p.vanished(old)
	for i := range p.want.Routers {
		w := &p.want.Routers[i]
		switch h := old[w.ID]; {
		case h != nil && h.Carrier() != w.Carrier():
			p.recreateRouter(h, w)
		case h != nil:
			p.router(h, w)
		case renamed[routerLabel(w)] != nil:
			p.recreateRouter(renamed[routerLabel(w)], w)
			delete(renamed, routerLabel(w))
		default:
			p.add(Change{Action: ActionAdd, Object: nounInstance, Name: w.Name, Impact: []string{
				fmt.Sprintf("starts as backup; takes %s over if nobody better holds it for %s", addressesText(w.Addresses), about(w.MasterDown())),
			}})
		}
	}
	for i := range p.have.Routers {
		if h := &p.have.Routers[i]; renamed[routerLabel(h)] == h {
			p.removeRouter(h)
		}
	}
}

// planLabel is what stays when a router is given another identity.
type planLabel struct {
	name   string
	family vrrp.Family
}

func routerLabel(c *vrrp.Config) planLabel { return planLabel{c.Name, c.ID.Family} }

// vanished returns the old routers whose identity is no longer configured.
func (p *planner) vanished(old map[vrrp.RouterID]*vrrp.Config) map[planLabel]*vrrp.Config {
	kept := make(map[vrrp.RouterID]bool, len(p.want.Routers))
	for i := range p.want.Routers {
		kept[p.want.Routers[i].ID] = true
	}
	out := make(map[planLabel]*vrrp.Config)
	for id, c := range old {
		if !kept[id] {
			out[routerLabel(c)] = c
		}
	}
	return out
}

// router compares one virtual router with its former settings.
func (p *planner) router(have, want *vrrp.Config) {
	c := Change{Action: ActionKeep, Object: nounInstance, Name: want.Name, Fields: diffFields(*have, *want, "ID")}
	if len(c.Fields) > 0 {
		c.Action = ActionRetune
		p.routerImpact(&c, have, want)
	}
	p.add(c)
}

// routerImpact tells what changed settings mean for this director and for its
// peers, which may not have been reloaded yet.
func (p *planner) routerImpact(c *Change, have, want *vrrp.Config) {
	say := func(format string, args ...any) { c.Impact = append(c.Impact, fmt.Sprintf(format, args...)) }
	if state, known := p.live.States[want.ID]; known {
		say("stays %s", state)
	}
	gone, come := missing(have.Held(), want.Held()), missing(want.Held(), have.Held())
	if state, known := p.live.States[want.ID]; known && state != vrrp.StateMaster && len(gone) > 0 {
		say("%s is not held here", addressesText(gone))
	} else {
		p.tellGone(c, gone)
	}
	if len(come) > 0 {
		say("%s is added and announced while master", addressesText(come))
	}
	if unlisted := missing(have.Addresses, want.Addresses); len(unlisted) == len(have.Addresses) && len(unlisted) > 0 {
		c.Disrupts = true
		say("VIP lists of the peers become disjoint: clash until they reload, with two masters")
	} else if len(unlisted)+len(missing(want.Addresses, have.Addresses)) > 0 {
		say("keepalived peers reject an address list that differs from theirs: reload them soon")
	}
	if !reflect.DeepEqual(have.Tracks, want.Tracks) {
		say("its priority follows what is tracked now, from the first verdict on")
	}
	if have.Version != want.Version {
		c.Disrupts = true
		say("peers reject the other version until they are reloaded: two masters until then")
	}
	if have.Version == want.Version && want.Version == 2 && have.AdvertInterval != want.AdvertInterval {
		c.Disrupts = true
		say("version 2 peers reject another advert interval until they are reloaded: two masters until then")
	}
	if want.Priority < have.Priority && p.live.States[want.ID] == vrrp.StateMaster {
		c.Disrupts = true
		say("a peer with a priority between %d and %d takes over", want.Priority+1, have.Priority)
	}
	if want.Priority > have.Priority && want.Preempt && p.live.States[want.ID] == vrrp.StateBackup {
		c.Disrupts = true
		say("preempts a master with a priority below %d after about %s", want.Priority, about(want.MasterDown()))
	}
}

// recreateRouter: the old virtual router leaves and a new one starts.
func (p *planner) recreateRouter(have, want *vrrp.Config) {
	c := Change{Action: ActionRecreate, Object: nounInstance, Name: want.Name}
	c.Fields = diffFields(have.ID, want.ID)
	if len(c.Fields) == 0 { // the interface that carries it is part of its identity
		c.Fields = []Field{{Name: "carrier", From: have.Carrier(), To: want.Carrier()}}
	}
	why := c.Fields[0].Name
	c.Fields = append(c.Fields, diffFields(*have, *want, "ID")...)
	if state, known := p.live.States[have.ID]; known && state != vrrp.StateMaster {
		c.Impact = []string{fmt.Sprintf("%s changed: starts anew as backup; is %s now, nothing is held here", why, state)}
	} else {
		c.Disrupts = true
		c.Impact = []string{fmt.Sprintf("%s changed: leaves master for about %s, with priority 0 and a start as backup", why, about(want.MasterDown()))}
	}
	p.add(c)
}

// removeRouter: its addresses go.
func (p *planner) removeRouter(have *vrrp.Config) {
	c := Change{Action: ActionRemove, Object: nounInstance, Name: have.Name}
	state, known := p.live.States[have.ID]
	if known && state != vrrp.StateMaster {
		c.Impact = []string{fmt.Sprintf("is %s: nothing is held here", state)}
	} else {
		c.Disrupts = true
		c.Impact = []string{"leaves with priority 0"}
		p.tellGone(&c, have.Held())
	}
	p.add(c)
}

// homes tells for every virtual address which router holds it.
func homes(c *Config) map[netip.Prefix]*vrrp.Config {
	out := make(map[netip.Prefix]*vrrp.Config)
	for i := range c.Routers {
		for _, a := range c.Routers[i].Held() {
			out[a] = &c.Routers[i]
		}
	}
	return out
}

// tellGone tells what becomes of addresses that a router gives up: another one
// may take them.
func (p *planner) tellGone(c *Change, gone []netip.Prefix) {
	if len(gone) == 0 {
		return
	}
	c.Disrupts = true
	var lost []netip.Prefix
	moved := make(map[string][]netip.Prefix)
	var names []string
	for _, a := range gone {
		h := p.home[a]
		if h == nil {
			lost = append(lost, a)
			continue
		}
		if moved[h.Name] == nil {
			names = append(names, h.Name)
		}
		moved[h.Name] = append(moved[h.Name], a)
	}
	if len(lost) > 0 {
		c.Impact = append(c.Impact, addressesText(lost)+" is given up")
	}
	for _, name := range names {
		c.Impact = append(c.Impact, fmt.Sprintf("%s moves to instance %s, with whoever is master of that", addressesText(moved[name]), name))
	}
}

// missing returns the prefixes of a that b lacks.
func missing(a, b []netip.Prefix) []netip.Prefix {
	has := make(map[netip.Prefix]bool, len(b))
	for _, x := range b {
		has[x] = true
	}
	var out []netip.Prefix
	for _, x := range a {
		if !has[x] {
			out = append(out, x)
		}
	}
	return out
}

// addressesText names up to three addresses.
func addressesText(list []netip.Prefix) string {
	const most = 3
	out := ""
	for i, a := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", out, len(list)-most)
		}
		if i > 0 {
			out += ", "
		}
		out += a.String()
	}
	return out
}

// about rounds a duration for reading.
func about(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(10*time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
