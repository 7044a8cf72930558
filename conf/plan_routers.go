package conf

import (
	"fmt"
	"net/netip"
	"slices"
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
	gone, come := missing(have.Addresses, want.Addresses), missing(want.Addresses, have.Addresses)
	if len(gone) > 0 {
		c.Disrupts = true
		say("%s is given up", addressesText(gone))
	}
	if len(come) > 0 {
		say("%s is added and announced while master", addressesText(come))
	}
	if len(gone) == len(have.Addresses) && len(gone) > 0 {
		say("the address lists of the peers become disjoint: clash until they are reloaded, two masters until then")
	} else if len(gone)+len(come) > 0 {
		say("keepalived peers reject an address list that differs from theirs: reload them soon")
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
	c := Change{Action: ActionRecreate, Object: nounInstance, Name: want.Name, Disrupts: true}
	c.Fields = append(diffFields(have.ID, want.ID), diffFields(*have, *want, "ID")...)
	c.Impact = []string{fmt.Sprintf("leaves with priority 0 and starts as backup: not master for about %s", about(want.MasterDown()))}
	p.add(c)
}

// removeRouter: its addresses go.
func (p *planner) removeRouter(have *vrrp.Config) {
	c := Change{Action: ActionRemove, Object: nounInstance, Name: have.Name, Disrupts: true}
	state, known := p.live.States[have.ID]
	switch {
	case known && state != vrrp.StateMaster:
		c.Disrupts = false
		c.Impact = []string{fmt.Sprintf("is %s: nothing is held here", state)}
	default:
		c.Impact = []string{fmt.Sprintf("leaves with priority 0, %s is given up", addressesText(have.Addresses))}
	}
	if to := p.newHome(have); to != "" {
		c.Impact = append(c.Impact, "an address of it moves to instance "+to)
	}
	p.add(c)
}

// newHome names the instance that takes an address of a removed one.
func (p *planner) newHome(have *vrrp.Config) string {
	for i := range p.want.Routers {
		if len(missing(have.Addresses, p.want.Routers[i].Addresses)) < len(have.Addresses) {
			return p.want.Routers[i].Name
		}
	}
	return ""
}

// missing returns the prefixes of a that b lacks.
func missing(a, b []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range a {
		if !slices.Contains(b, x) {
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
func about(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
