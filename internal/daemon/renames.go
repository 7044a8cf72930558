package daemon

import (
	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// renames are the new names, by the old ones, of what a reload gives another
// name and nothing else.
type renames struct {
	instances, services map[string]string
}

func findRenames(have, want *conf.Config) renames {
	r := renames{instances: make(map[string]string), services: make(map[string]string)}
	routers := make(map[vrrp.RouterID]string, len(have.Routers))
	for i := range have.Routers {
		routers[have.Routers[i].ID] = have.Routers[i].Name
	}
	for i := range want.Routers {
		note(r.instances, routers[want.Routers[i].ID], want.Routers[i].Name)
	}
	services := make(map[ipvs.ServiceKey]string, len(have.Services))
	for i := range have.Services {
		services[have.Services[i].Key] = have.Services[i].Name
	}
	for i := range want.Services {
		note(r.services, services[want.Services[i].Key], want.Services[i].Name)
	}
	return r
}

func note(names map[string]string, old, now string) {
	if old != "" && old != now {
		names[old] = now
	}
}

// carryOver lets what operators have ordered follow the objects that get
// another name.
func (s *supervisor) carryOver(r renames) {
	if len(r.services) > 0 {
		s.tracks.manager.Rename(r.services)
		if err := s.overrides.rename(r.services); err != nil {
			s.warn("override", err.Error(), nil)
		}
	}
	if len(r.instances) == 0 || len(s.standby.all()) == 0 {
		return
	}
	err := s.standby.change(func(orders []api.Standby) []api.Standby {
		for i := range orders {
			if now, renamed := r.instances[orders[i].Instance]; renamed {
				orders[i].Instance = now
			}
		}
		return orders
	})
	if err != nil {
		s.warn("standby", err.Error(), nil)
	}
}
