package daemon

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
)

// override is an operator's weight, see api.Override.
type override = api.Override

// overrideIndex finds the override of a real server: its own goes before the
// one of its whole service.
type overrideIndex map[overrideKey]override

type overrideKey struct {
	service string
	server  netip.AddrPort
}

func indexOverrides(list []override) overrideIndex {
	x := make(overrideIndex, len(list))
	for _, o := range list {
		x[overrideKey{o.Service, o.Server}] = o
	}
	return x
}

func (x overrideIndex) find(service string, server netip.AddrPort) (override, bool) {
	if o, ok := x[overrideKey{service, server}]; ok {
		return o, true
	}
	o, ok := x[overrideKey{service: service}]
	return o, ok
}

func (x overrideIndex) weight(service string, server netip.AddrPort) (int, bool) {
	o, ok := x.find(service, server)
	return o.Weight, ok
}

// overrideStore keeps the overrides in the state directory: they outlive
// reloads, restarts and boots.
type overrideStore struct {
	path string

	mu   sync.Mutex
	list []override
	seq  uint64 // of the last change
}

// overrideSet is the overrides in force. The checker role gets it alone and
// with its configuration; the one with the higher number is the later one,
// whichever arrives last.
type overrideSet struct {
	Seq  uint64
	List []override
}

// openOverrides reads the overrides. It returns a store also with an error: one
// without overrides, as what the file said is lost.
func openOverrides(stateDir string) (*overrideStore, error) {
	s := &overrideStore{path: filepath.Join(stateDir, "overrides.json")}
	if err := readState(s.path, &s.list); err != nil {
		s.list = nil
		return s, fmt.Errorf("operators' weights are forgotten, drained real servers get connections again: %w", err)
	}
	return s, nil
}

// active returns the overrides in force.
func (s *overrideStore) active(now time.Time) overrideSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := overrideSet{Seq: s.seq}
	for _, o := range s.list {
		if !expired(o, now) {
			out.List = append(out.List, o)
		}
	}
	return out
}

func expired(o override, now time.Time) bool { return !o.Until.IsZero() && !now.Before(o.Until) }

// expire forgets those that have ended and returns them, and when the next
// one ends; zero = none does.
func (s *overrideStore) expire(now time.Time) (ended []override, next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.list[:0:0]
	for _, o := range s.list {
		switch {
		case expired(o, now):
			ended = append(ended, o)
			continue
		case !o.Until.IsZero() && (next.IsZero() || o.Until.Before(next)):
			next = o.Until
		}
		kept = append(kept, o)
	}
	if len(ended) > 0 {
		err = s.save(kept)
	}
	return ended, next, err
}

// set adds an override in place of those with the same target; for a whole
// service in place of those of its real servers too.
func (s *overrideStore) set(o override) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.save(append(without(s.list, o.Service, o.Server), o))
}

// clear removes the override of a target and returns whether there was one.
func (s *overrideStore) clear(service string, server netip.AddrPort) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := without(s.list, service, server)
	if len(kept) == len(s.list) {
		return false, nil
	}
	return true, s.save(kept)
}

// strayTarget finds what a target means among the overrides of what is no
// longer in the configuration.
func (s *overrideStore) strayTarget(target string) (service string, server netip.AddrPort, found bool) {
	name, text, one := strings.Cut(target, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.list {
		if o.Service == name && one == o.Server.IsValid() && (!one || text == o.Server.String() || text == o.Server.Addr().String()) {
			return o.Service, o.Server, true
		}
	}
	return "", server, false
}

// strays returns the overrides that mean nothing in a configuration.
func (s *overrideStore) strays(cfg *conf.Config, now time.Time) []override {
	return slices.DeleteFunc(s.active(now).List, func(o override) bool {
		_, _, err := overrideTarget(cfg, targetOf(o))
		return err == nil
	})
}

// rename gives overrides the new names of their services. Those of others stay
// as they are.
func (s *overrideStore) rename(names map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, changed := slices.Clone(s.list), false
	for i := range list {
		if now, renamed := names[list[i].Service]; renamed {
			list[i].Service, changed = now, true
		}
	}
	if !changed {
		return nil
	}
	return s.save(list)
}

func without(list []override, service string, server netip.AddrPort) []override {
	return slices.DeleteFunc(slices.Clone(list), func(o override) bool {
		return o.Service == service && (!server.IsValid() || o.Server == server)
	})
}

// save makes list the overrides; when it cannot be written they stay as they
// were.
func (s *overrideStore) save(list []override) error {
	if err := writeState(s.path, list, 0o644); err != nil {
		return fmt.Errorf("write overrides: %w", err)
	}
	s.list = list
	s.seq++
	return nil
}

// overrideTarget finds what an operator means by "service" or
// "service/real server" in the configuration.
func overrideTarget(cfg *conf.Config, target string) (service string, server netip.AddrPort, err error) {
	name, text, one := strings.Cut(target, "/")
	i := slices.IndexFunc(cfg.Services, func(s conf.Service) bool { return s.Name == name })
	if i < 0 {
		return "", server, fmt.Errorf("there is no virtual server called %q", name)
	}
	if !one {
		return name, server, nil
	}
	var found []netip.AddrPort
	for _, rs := range cfg.Services[i].RealServers {
		a := rs.Address
		if text != "" && slices.Contains([]string{a.String(), a.Addr().String(), cfg.Services[i].HostNames[a]}, text) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return "", server, fmt.Errorf("virtual server %q has no real server %q", name, text)
	case 1:
		return name, found[0], nil
	}
	return "", server, fmt.Errorf("virtual server %q has %d real servers %q: name the port", name, len(found), text)
}
