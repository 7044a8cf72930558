package daemon

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
)

// reloadConfig loads the files again and applies them in one step per role.
// A configuration with an error changes nothing. One reload runs at a time.
func (s *supervisor) reloadConfig() api.Reload {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	notifyReloading()
	defer notifySystemd(daemon.SdNotifyReady)

	cfg, diags := LoadConfig(s.opt.Files, s.opt.Director)
	if cfg == nil {
		err := &ConfigError{Diagnostics: diags}
		s.events.add(api.Event{Level: "error", Kind: "reload", Message: "reload rejected, the running configuration stays: " + err.Error()})
		s.logDiagnostics(diags)
		return s.reloaded(api.Reload{Error: err.Error(), Diagnostics: diags})
	}
	changes := describeChanges(s.config(), cfg)
	s.mu.Lock()
	s.cfg = cfg
	s.mu.Unlock()
	s.events.setLogger(newLogger(s.opt.Log, cfg.Global.LogLevel, cfg.Global.LogFormat))
	s.logDiagnostics(diags)
	r := api.Reload{OK: true, Changes: changes, Diagnostics: diags}
	if err := s.applyConfig(); err != nil {
		r.OK, r.Error = false, err.Error()
		s.warn("reload", "reload applied in part: "+err.Error(), nil)
	} else {
		s.info("reload", fmt.Sprintf("reload applied, %d changes", len(changes)), map[string]any{"changes": changes})
	}
	return s.reloaded(r)
}

// applyConfig gives both roles their share; a role that is being restarted
// gets it with its start.
func (s *supervisor) applyConfig() error {
	apply := func(c *child, configure func(*link.Peer, bool) error) error {
		c.mu.Lock()
		peer := c.peer
		c.mu.Unlock()
		if peer == nil {
			return nil
		}
		return configure(peer, false)
	}
	return errors.Join(apply(s.checker, s.configureChecker), apply(s.router, s.configureRouter))
}

// reloaded records the outcome for status.
func (s *supervisor) reloaded(r api.Reload) api.Reload {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.At = time.Now()
	r.Count, r.Failed = s.reload.Count+1, s.reload.Failed
	if !r.OK {
		r.Failed++
	}
	s.reload = r
	return r
}

func (s *supervisor) logDiagnostics(diags conf.Diagnostics) {
	for _, d := range diags {
		level := map[conf.Severity]string{conf.Error: "error", conf.Warning: "warn"}[d.Severity]
		if level == "" {
			level = "info"
		}
		s.events.add(api.Event{Level: level, Kind: "config", Message: d.Summary, Attrs: map[string]any{
			"file": d.File, "line": d.Line, "col": d.Col, "hint": d.Hint,
		}})
	}
}

// describeChanges lists what differs between two configurations, one line per
// object, for the log and for status.
func describeChanges(have, want *conf.Config) []string {
	var out []string
	out = append(out, changed("vrrp_instance", have.Routers, want.Routers, routerKey, routerName)...)
	out = append(out, changed("virtual_server", have.Services, want.Services, serviceKey, serviceName)...)
	if !reflect.DeepEqual(have.Global, want.Global) {
		out = append(out, "change global")
	}
	return out
}

// changed compares two lists of objects by key.
func changed[T any, K comparable](noun string, have, want []T, key func(T) K, name func(T) string) []string {
	old := make(map[K]T, len(have))
	for _, x := range have {
		old[key(x)] = x
	}
	var out []string
	for _, x := range want {
		before, ok := old[key(x)]
		delete(old, key(x))
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("add %s %q", noun, name(x)))
		case !reflect.DeepEqual(before, x):
			out = append(out, fmt.Sprintf("change %s %q", noun, name(x)))
		}
	}
	for _, x := range have {
		if _, gone := old[key(x)]; gone {
			out = append(out, fmt.Sprintf("remove %s %q", noun, name(x)))
		}
	}
	return out
}
