package daemon

import (
	"cmp"
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// roster knows of the real servers that people are told about what brought
// them, and whether they are up. Its zero value is that of a daemon that starts.
type roster struct {
	began   bool
	servers map[healthcheck.AlertID]*entrant
	last    map[string]conf.Phase // of the last news, by virtual server
}

// entrant is one real server.
type entrant struct {
	came      conf.Phase // Starting or Reloading
	phase     conf.Phase // of the last news
	known, up bool
}

// configure takes the virtual servers and returns which real servers are gone
// from those that stay.
func (r *roster) configure(services map[string]conf.Service) []healthcheck.AlertID {
	came := conf.Starting
	if r.began {
		came = conf.Reloading
	}
	before := r.servers
	r.servers = map[healthcheck.AlertID]*entrant{}
	last := map[string]conf.Phase{}
	for name, s := range services {
		last[name] = cmp.Or(r.last[name], came)
		for _, rs := range s.RealServers {
			id := healthcheck.AlertID{Service: name, Server: rs.Address}
			r.servers[id] = before[id]
			if before[id] == nil {
				r.servers[id] = &entrant{came: came, phase: came}
			}
		}
	}
	r.began, r.last = true, last
	var gone []healthcheck.AlertID
	for id := range before {
		if _, stays := services[id.Service]; stays && r.servers[id] == nil {
			gone = append(gone, id)
		}
	}
	return inOrder(gone)
}

// judged takes what checks say of a real server; it reports whether that is up
// and was never heard of before.
func (r *roster) judged(id healthcheck.AlertID, up bool) (newcomer bool) {
	e := r.servers[id]
	if e == nil {
		return false
	}
	newcomer = up && !e.known
	if e.phase = conf.Running; !e.known {
		e.phase = e.came
	}
	e.known, e.up, r.last[id.Service] = true, up, e.phase
	return newcomer
}

// phase is when the last news about a real or virtual server came.
func (r *roster) phase(id healthcheck.AlertID) conf.Phase {
	if e := r.servers[id]; e != nil {
		return e.phase
	}
	return r.last[id.Service]
}

// present are the real servers that the kernel has: those that are up, and
// quiescent ones that are not.
func (r *roster) present(services map[string]conf.Service) []healthcheck.AlertID {
	var out []healthcheck.AlertID
	for name, s := range services {
		for _, rs := range s.RealServers {
			id := healthcheck.AlertID{Service: name, Server: rs.Address}
			if e := r.servers[id]; e.up || e.known && s.QuiescentServer(rs) {
				out = append(out, id)
			}
		}
	}
	return inOrder(out)
}

// inOrder sorts by virtual server and address.
func inOrder(ids []healthcheck.AlertID) []healthcheck.AlertID {
	slices.SortFunc(ids, func(a, b healthcheck.AlertID) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Server.Compare(b.Server))
	})
	return ids
}
