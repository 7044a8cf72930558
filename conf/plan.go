package conf

import (
	"fmt"
	"net/netip"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// Action says what happens to one object of the configuration.
type Action string

// Actions. Only Recreate and Remove can take something away from clients.
const (
	ActionKeep     Action = "keep"     // nothing differs
	ActionAdd      Action = "add"      // new
	ActionRetune   Action = "retune"   // settings change in place
	ActionRecreate Action = "recreate" // its identity changes: the old one goes, a new one comes
	ActionRemove   Action = "remove"   // no longer configured
)

// Field is one setting that differs.
type Field struct {
	Name string `json:"name"` // as in the configuration, nested ones with dots
	From string `json:"from"`
	To   string `json:"to"`
}

// Change is what a plan does to one object.
type Change struct {
	Action Action `json:"action"`
	// Object is the configuration's noun: vrrp_instance, virtual_server,
	// real_server, global.
	Object string `json:"object"`
	Name   string `json:"name"`
	// Within is the virtual server of a real server.
	Within string  `json:"within,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Impact tells people what it means for service, one sentence each.
	Impact []string `json:"impact,omitempty"`
	// Disrupts is set when the change moves a virtual address or drops
	// connections, or may do so for all we know.
	Disrupts bool `json:"disrupts,omitempty"`
}

// Plan is the difference between two configurations, object by object: first
// the global settings, then instances and virtual servers in the order of the
// new configuration, then what goes away.
type Plan struct {
	Changes []Change `json:"changes"`
}

// Live is what a running daemon knows beyond its configuration. The zero
// value knows nothing.
type Live struct {
	// States of the virtual routers.
	States map[vrrp.RouterID]vrrp.State
	// Connections are the established connections of each real server; a nil
	// map means that nobody counted.
	Connections map[ipvs.ServiceKey]map[netip.AddrPort]uint32
}

// ComparePlan returns what changes when want replaces have. Its cost grows
// linearly with the size of both.
func ComparePlan(have, want *Config, live Live) Plan {
	p := &planner{have: have, want: want, live: live, home: homes(want)}
	p.global()
	p.static()
	p.routers()
	p.elections()
	p.services()
	p.kernel()
	return Plan{Changes: p.changes}
}

// planner collects the changes of one comparison.
type planner struct {
	have, want *Config
	live       Live
	home       map[netip.Prefix]*vrrp.Config // who holds an address from now on
	changes    []Change
}

func (p *planner) add(c Change) { p.changes = append(p.changes, c) }

// global compares the settings of the daemon itself.
func (p *planner) global() {
	c := Change{Action: ActionKeep, Object: "global", Name: "global", Fields: diffFields(p.have.Global, p.want.Global)}
	if p.have.Director != p.want.Director {
		c.Fields = append(c.Fields, Field{Name: "director", From: p.have.Director, To: p.want.Director})
		c.Impact = append(c.Impact, "this node now is another director: every expression with director.* may change")
	}
	if len(c.Fields) > 0 {
		c.Action = ActionRetune
		c.Impact = append(c.Impact, "counts from now on; nothing starts anew")
	}
	p.add(c)
}

// static compares what is there whatever the elections decide.
func (p *planner) static() {
	have, want := p.have.Static, p.want.Static
	fields := diffFields(have, want)
	if len(fields) == 0 {
		return
	}
	c := Change{Action: ActionRetune, Object: "static", Name: "static", Fields: fields}
	if gone := missing(have.Addresses, want.Addresses); len(gone) > 0 {
		c.Disrupts = true
		c.Impact = append(c.Impact, addressesText(gone)+" is given up")
	}
	if come := missing(want.Addresses, have.Addresses); len(come) > 0 {
		c.Impact = append(c.Impact, addressesText(come)+" is added")
	}
	p.add(c)
}

// kernel compares what concerns IPVS as a whole. Blocks that neither side has
// are not listed.
func (p *planner) kernel() {
	if fields := diffFields(p.have.IPVS, p.want.IPVS); len(fields) > 0 {
		p.add(Change{Action: ActionRetune, Object: "ipvs", Name: "ipvs", Fields: fields, Impact: []string{"set in the kernel at once; connections stay"}})
	}
	c := Change{Object: "connection_sync", Name: "connection_sync"}
	switch have, want := p.have.Sync, p.want.Sync; {
	case have == nil && want == nil:
		return
	case have == nil:
		c.Action, c.Impact = ActionAdd, []string{"the kernel's sync daemons start"}
	case want == nil:
		c.Action, c.Impact = ActionRemove, []string{"the kernel's sync daemons end"}
	default:
		if c.Fields = diffFields(*have, *want); len(c.Fields) == 0 {
			return
		}
		c.Action, c.Impact = ActionRetune, []string{"the kernel's sync daemons start anew"}
	}
	p.add(c)
}

// Changed returns the changes without the objects that stay as they are.
func (p Plan) Changed() []Change {
	var out []Change
	for _, c := range p.Changes {
		if c.Action != ActionKeep {
			out = append(out, c)
		}
	}
	return out
}

// Disrupts reports whether any change moves a virtual address or drops
// connections.
func (p Plan) Disrupts() bool {
	for _, c := range p.Changes {
		if c.Disrupts {
			return true
		}
	}
	return false
}

// String is one line: `retune vrrp_instance web: priority 100 → 150; stays
// master`.
func (c Change) String() string {
	out := fmt.Sprintf("%s %s %s", c.Action, c.Object, c.Name)
	if c.Within != "" {
		out += " of " + c.Within
	}
	sep := ": "
	for _, f := range c.Fields {
		out += sep + f.String()
		sep = ", "
	}
	for i, line := range c.Impact {
		if i == 0 && len(c.Fields) == 0 {
			out += ": " + line
			continue
		}
		out += "; " + line
	}
	return out
}

// String is "priority 100 → 150".
func (f Field) String() string {
	switch {
	case f.From == "":
		return fmt.Sprintf("%s %s", f.Name, f.To)
	case f.To == "":
		return fmt.Sprintf("%s %s dropped", f.Name, f.From)
	}
	return fmt.Sprintf("%s %s → %s", f.Name, f.From, f.To)
}
