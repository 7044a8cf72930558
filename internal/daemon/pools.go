package daemon

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

// setInstance takes the router role's word on one virtual router and asks for
// what follows for the checker role to be passed on.
func (s *supervisor) setInstance(st instanceState) {
	s.mu.Lock()
	before := s.masters[st.ID]
	s.masters[st.ID] = st.Master
	s.electionSeq++
	s.mu.Unlock()
	if before == st.Master {
		return
	}
	select {
	case s.changedMasters <- struct{}{}:
	default: // it is about to be told
	}
}

// keepMasters tells the checker role of elections until ctx ends: once of those
// that come together. setInstance does not: the roles' next notices wait for it,
// and a role that waits for an answer must not be what the answer waits for.
func (s *supervisor) keepMasters(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changedMasters:
		}
		s.mu.Lock()
		msg := s.instanceStates()
		s.mu.Unlock()
		s.tellChecker(callInstances, msg)
	}
}

// instanceStates says what the checker role must know of the elections. An
// address that no instance names is always here. Call with the mutex held.
func (s *supervisor) instanceStates() instanceStates {
	out := instanceStates{Seq: s.electionSeq}
	held, named := make(map[netip.Addr]bool), make(map[string]bool)
	for _, r := range s.cfg.Routers {
		if !s.masters[r.ID] {
			continue
		}
		for _, a := range r.Held() {
			held[a.Addr()] = true
		}
		if !named[r.Name] {
			out.Masters = append(out.Masters, r.Name)
		}
		named[r.Name] = true
	}
	for _, r := range s.cfg.Routers {
		for _, a := range r.Held() {
			if !s.masters[r.ID] && !held[a.Addr()] {
				out.Away = append(out.Away, a.Addr())
			}
		}
	}
	return out
}

// tellChecker sends a message that a checker between two lives gets with its
// configuration.
func (s *supervisor) tellChecker(method string, msg any) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.checker.call(ctx, method, msg, nil); err != nil && !errors.Is(err, errNotRunning) {
		s.warn("role", err.Error(), nil)
	}
}

// poolChanged logs news about a pool and runs its hook.
func (s *supervisor) poolChanged(c poolChange) {
	level := "info"
	if c.Kind == ipvs.QuorumLost || c.Kind == ipvs.ServerDown {
		level = "warn"
	}
	attrs := map[string]any{"service": c.Service, "change": string(c.Kind), "weight": c.Weight}
	if c.Server.IsValid() {
		attrs["server"] = c.Server.String()
	}
	s.add(level, "pool", c.describe(), attrs)
	svc := s.service(c.Service)
	s.hooks.changed(svc, c)
	s.alerts.changed(c)
	if svc != nil {
		s.notify.notifier.Line(pipeLine(svc.Key, c))
	}
}

// serviceIndex finds the virtual servers of a configuration by name: ten thousand
// may have news at once.
type serviceIndex struct {
	of       *conf.Config
	services map[string]*conf.Service
}

// service returns the virtual server of a name, or nil.
func (s *supervisor) service(name string) *conf.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName.of != s.cfg {
		s.byName = serviceIndex{s.cfg, make(map[string]*conf.Service, len(s.cfg.Services))}
		for i := range s.cfg.Services {
			s.byName.services[s.cfg.Services[i].Name] = &s.cfg.Services[i]
		}
	}
	return s.byName.services[name]
}

// removalPatience is how long a machine that is busy otherwise may let the
// removal wait: a table that is left behind stays for ever.
const removalPatience = 2 * time.Second

// removalBound is how long the removal of all services may take: half a
// millisecond for each where system calls are slowest.
func (s *supervisor) removalBound() time.Duration {
	services := 0
	cfg := s.config()
	for i := range cfg.Services {
		services += 1 + len(cfg.Services[i].Also)
	}
	return removalPatience + time.Duration(services)*2*time.Millisecond + s.patience()
}

// virtualAddresses are all addresses that may be on a real server too: those
// of the instances and of the virtual servers.
func virtualAddresses(cfg *conf.Config) []netip.Addr {
	var out []netip.Addr
	for _, r := range cfg.Routers {
		for _, a := range r.Held() {
			out = append(out, a.Addr())
		}
	}
	for _, s := range cfg.Services {
		for k := range s.Keys() {
			if k.Mark == 0 {
				out = append(out, k.Address.Addr())
			}
		}
	}
	return out
}
