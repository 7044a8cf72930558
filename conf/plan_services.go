package conf

import (
	"fmt"
	"net/netip"
	"reflect"

	"github.com/vipd/vipd/ipvs"
)

const (
	nounService = "virtual_server"
	nounReal    = "real_server"
)

// services compares the virtual servers.
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
		switch h := old[w.Key]; {
		case h != nil:
			p.service(h, w)
		case renamed[w.Name] != nil:
			p.recreateService(renamed[w.Name], w)
			delete(renamed, w.Name)
		default:
			p.add(Change{Action: ActionAdd, Object: nounService, Name: w.Name, Impact: []string{
				fmt.Sprintf("%s with %d real servers", w.Key, len(w.RealServers)),
			}})
		}
	}
	for i := range p.have.Services {
		if h := &p.have.Services[i]; renamed[h.Name] == h {
			p.removeService(h)
		}
	}
}

// service compares one virtual server with its former settings, then its real
// servers.
func (p *planner) service(have, want *Service) {
	c := Change{Action: ActionKeep, Object: nounService, Name: want.Name}
	c.Fields = append(diffFields(have.Config, want.Config, "Key", "RealServers"),
		diffFields(*have, *want, "Config", "Checks", "HostNames")...)
	if len(c.Fields) > 0 {
		c.Action = ActionRetune
		c.Impact = []string{"changed in place: connections and check results stay"}
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
			p.add(Change{Action: ActionAdd, Object: nounReal, Name: rs.Address.String(), Within: want.Name})
			continue
		}
		p.realServer(have, want, h, rs)
	}
	for _, rs := range have.RealServers {
		if _, gone := old[rs.Address]; gone {
			p.removeReal(have, rs)
		}
	}
}

// realServer compares one real server; unchanged ones are not listed, a
// thousand of them would hide the one that matters.
func (p *planner) realServer(have, want *Service, h, w ipvs.RealServer) {
	c := Change{Action: ActionRetune, Object: nounReal, Name: w.Address.String(), Within: want.Name, Fields: diffFields(h, w, "Address")}
	if !reflect.DeepEqual(have.Checks[h.Address], want.Checks[w.Address]) {
		c.Fields = append(c.Fields, Field{Name: "checks", To: "changed"})
		c.Impact = append(c.Impact, "checks with another target or request start anew, its weight stays until they have a verdict")
	}
	if len(c.Fields) > 0 {
		p.add(c)
	}
}

// removeReal: its connections end, unless there are none.
func (p *planner) removeReal(s *Service, rs ipvs.RealServer) {
	c := Change{Action: ActionRemove, Object: nounReal, Name: rs.Address.String(), Within: s.Name}
	c.Disrupts, c.Impact = p.dropped(p.connections(s, rs.Address))
	p.add(c)
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
	return true, []string{fmt.Sprintf("%d established connections are dropped", n)}
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
