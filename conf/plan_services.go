package conf

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

const (
	nounService = "virtual_server"
	nounReal    = "real_server"
)

// services compares the virtual servers. One is the same as before when it has
// the same first service, or else the same name and one of the services.
func (p *planner) services() {
	old := make(map[ipvs.ServiceKey]*Service, len(p.have.Services))
	kept := make(map[ipvs.ServiceKey]bool, len(p.want.Services))
	for i := range p.have.Services {
		old[p.have.Services[i].Key] = &p.have.Services[i]
	}
	for i := range p.want.Services {
		kept[p.want.Services[i].Key] = true
	}
	renamed := make(map[string]*Service)
	for key, s := range old {
		if !kept[key] {
			renamed[s.Name] = s
		}
	}
	for i := range p.want.Services {
		w := &p.want.Services[i]
		r := renamed[w.Name]
		switch h := old[w.Key]; {
		case h != nil:
			p.service(h, w)
			continue
		case r != nil && len(missingKeys(r, w)) < keyCount(r):
			p.service(r, w)
		case r != nil:
			p.recreateService(r, w)
		default:
			p.add(Change{Action: ActionAdd, Object: nounService, Name: w.Name, Impact: []string{
				fmt.Sprintf("%s with %d real servers", w.Key, len(w.RealServers)),
			}})
		}
		delete(renamed, w.Name)
	}
	for i := range p.have.Services {
		if h := &p.have.Services[i]; renamed[h.Name] == h {
			p.removeService(h)
		}
	}
}

func keyCount(s *Service) int { return 1 + len(s.Also) }

// missingKeys returns the services of a that b lacks.
func missingKeys(a, b *Service) []ipvs.ServiceKey {
	has := make(map[ipvs.ServiceKey]bool, keyCount(b))
	for k := range b.Keys() {
		has[k] = true
	}
	var out []ipvs.ServiceKey
	for k := range a.Keys() {
		if !has[k] {
			out = append(out, k)
		}
	}
	return out
}

// service compares one virtual server with its former settings, then its real
// servers.
func (p *planner) service(have, want *Service) {
	c := Change{Action: ActionKeep, Object: nounService, Name: want.Name}
	if reflect.DeepEqual(have, want) { // as most are, which is to cost little
		p.add(c)
		return
	}
	c.Fields = append(diffFields(have.Config, want.Config, "RealServers"),
		diffFields(*have, *want, "Config", "Checks", "HostNames")...)
	c.Fields = append(c.Fields, renamedChecks(have, want)...)
	if len(c.Fields) > 0 {
		c.Action = ActionRetune
		c.Impact = []string{"changed in place: connections and check results stay"}
	}
	for _, k := range missingKeys(have, want) {
		c.Disrupts = true
		c.Impact = append(c.Impact, fmt.Sprintf("%s goes, with its connections", k))
	}
	p.add(c)
	old := make(map[netip.AddrPort]ipvs.RealServer, len(have.RealServers))
	for _, rs := range have.RealServers {
		old[rs.Address] = rs
	}
	for _, rs := range want.RealServers {
		h, ok := old[rs.Address]
		delete(old, rs.Address)
		if !ok {
			p.add(Change{Action: ActionAdd, Object: nounReal, Name: rs.Address.String(), Within: want.Name, Impact: []string{joins(want, rs)}})
			continue
		}
		p.realServer(have, want, h, rs)
	}
	for _, rs := range have.RealServers {
		if _, gone := old[rs.Address]; gone {
			p.removeReal(have, want, rs)
		}
	}
}

// joins tells when a new real server gets connections.
func joins(s *Service, rs ipvs.RealServer) string {
	switch {
	case rs.Weight == 0:
		return "gets no connections: its weight is 0"
	case len(s.Checks[rs.Address]) == 0:
		return "gets connections at once: nothing checks it"
	case s.Alpha:
		return "gets connections once its checks have passed"
	}
	return "gets connections at once, unless its checks fail"
}

// realServer compares one real server; unchanged ones are not listed, a
// thousand of them would hide the one that matters.
func (p *planner) realServer(have, want *Service, h, w ipvs.RealServer) {
	c := Change{Action: ActionRetune, Object: nounReal, Name: w.Address.String(), Within: want.Name, Fields: diffFields(h, w, "Address")}
	switch {
	case w.Weight == 0 && h.Weight > 0:
		c.Impact = []string{"gets no new connections; established ones stay"}
	case len(c.Fields) > 0:
		c.Impact = []string{"established connections stay"}
	}
	p.checks(&c, have.Checks[h.Address], want.Checks[w.Address])
	if len(c.Fields) > 0 {
		p.add(c)
	}
}

// checks compares what a real server is asked. Of requests it is only said that
// they differ: there are passwords in them.
func (p *planner) checks(c *Change, have, want []healthcheck.Check) {
	if reflect.DeepEqual(have, want) {
		return
	}
	timed := len(have) == len(want)
	for i := 0; timed && i < len(have); i++ {
		again := have[i]
		again.Timing, again.Name = want[i].Timing, want[i].Name
		timed = reflect.DeepEqual(again, want[i])
	}
	if !timed {
		c.Fields = append(c.Fields, Field{Name: "checks", To: "changed"})
		c.Impact = append(c.Impact, "what is asked differently starts anew; the last verdict stands until there is another")
		return
	}
	c.Impact = append(c.Impact, "the last verdicts stand")
	for i := range have {
		c.Fields = appendFields(c.Fields, "check."+string(have[i].Settings.Kind)+".", reflect.ValueOf(have[i].Timing), reflect.ValueOf(want[i].Timing), nil)
	}
}

// renamedChecks tells which checks have another name than before: once, not for
// each of their real servers.
func renamedChecks(have, want *Service) (out []Field) {
	for _, rs := range want.RealServers {
		old, now := have.Checks[rs.Address], want.Checks[rs.Address]
		for i := 0; i < len(old) && len(old) == len(now); i++ {
			f := Field{Name: "check." + string(now[i].Settings.Kind) + ".name", From: old[i].Name, To: now[i].Name}
			if f.From != f.To && reflect.DeepEqual(old[i].Settings, now[i].Settings) && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// removeReal: its connections end, unless there are none or they drain.
func (p *planner) removeReal(have, want *Service, rs ipvs.RealServer) {
	c := Change{Action: ActionRemove, Object: nounReal, Name: rs.Address.String(), Within: want.Name}
	n := p.connections(have, rs.Address)
	c.Disrupts, c.Impact = p.dropped(n)
	switch {
	case want.Drain == 0 || n == 0:
	case n < 0:
		c.Impact = []string{fmt.Sprintf("its connections drain for at most %s", want.Drain)}
	default:
		c.Impact = []string{fmt.Sprintf("%s: what is left after %s is dropped", counted(n, "connection drains", "connections drain"), want.Drain)}
	}
	p.add(c)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// removeService: all connections through it end.
func (p *planner) removeService(s *Service) {
	c := Change{Action: ActionRemove, Object: nounService, Name: s.Name}
	c.Disrupts, c.Impact = p.dropped(p.allConnections(s))
	p.add(c)
}

// recreateService: address, port or protocol changed.
func (p *planner) recreateService(have, want *Service) {
	c := Change{Action: ActionRecreate, Object: nounService, Name: want.Name}
	c.Fields = []Field{{Name: "address", From: have.Key.String(), To: want.Key.String()}}
	c.Disrupts, c.Impact = p.dropped(p.allConnections(have))
	p.add(c)
}

// dropped tells what the end of n connections means; n < 0 is unknown.
func (p *planner) dropped(n int) (disrupts bool, impact []string) {
	switch {
	case n < 0:
		return true, []string{"established connections are dropped, if there are any"}
	case n == 0:
		return false, []string{"has no established connections"}
	}
	return true, []string{counted(n, "established connection is dropped", "established connections are dropped")}
}

// connections returns the established connections of a real server, -1 when
// nobody counted.
func (p *planner) connections(s *Service, rs netip.AddrPort) int {
	if p.live.Connections == nil {
		return -1
	}
	return int(p.live.Connections[s.Key][rs])
}

func (p *planner) allConnections(s *Service) int {
	if p.live.Connections == nil {
		return -1
	}
	n := 0
	for _, count := range p.live.Connections[s.Key] {
		n += int(count)
	}
	return n
}
