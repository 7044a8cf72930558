package keepalived

import (
	"path/filepath"
	"strings"

	"github.com/vipd/vipd/conf"
)

const (
	// runDir is where keepalived has its process ids when several may run.
	runDir = "/run/keepalived"
	// firstNamespace is that of the machine's first process.
	firstNamespace = "/proc/1/ns/net"
)

// placeKeywords say in which namespaces the daemon works and what its files are
// called.
func placeKeywords() []*keyword {
	return many(
		does("net_namespace", text(global(func(g *globals) **string { return &g.namespace }))),
		does("net_namespace_ipvs", func(r *reader, s *statement) {
			name := firstNamespace
			if len(s.words) > 1 {
				name = s.arg(1)
			}
			r.global.tableNamespace = &name
		}),
		does("instance", text(global(func(g *globals) **string { return &g.instance }))),
		does("use_pid_dir", on(global(func(g *globals) **bool { return &g.pidDir }))),
	)
}

// buildPlace sets them. A daemon with a name or a namespace of its own has its
// process ids in the directory, whether that is asked for or not.
func (r *reader) buildPlace(g *conf.Global) {
	g.Namespace, g.Instance = or(r.global.namespace, ""), or(r.global.instance, "")
	if or(r.global.pidDir, false) || g.Instance != "" || g.Namespace != "" {
		g.PIDDir = PIDDir(g.Namespace)
	}
	if path := r.global.reloadFile; path != nil {
		g.ReloadFile = *path
		if g.ReloadFile == "" {
			dir := "/run"
			if g.PIDDir != "" {
				dir = runDir
			}
			g.ReloadFile = filepath.Join(dir, "keepalived.reload")
		}
	}
	g.Schedule = conf.Schedule{File: or(r.global.reloadTime, ""), Repeat: or(r.global.reloadTime, "") != "" && or(r.global.reloadRepeat, false)}
}

// PIDDir is keepalived's directory for process ids when it works in a network
// namespace, or by a name of its own ("").
func PIDDir(namespace string) string { return filepath.Join(runDir, filepath.Base("/"+namespace)) }

// readFilter reads the name of a table, by default keepalived's.
func readFilter(r *reader, s *statement) {
	name := "keepalived"
	if len(s.words) > 1 {
		name = s.arg(1)
	}
	r.global.filterTable = &name
}

// filter is where packets are dropped.
func (r *reader) filter() *conf.Filter {
	if r.global.filterTable == nil && r.global.filterPriority == nil {
		return nil
	}
	return &conf.Filter{Table: or(r.global.filterTable, conf.DefaultFilter.Table), Priority: or(r.global.filterPriority, conf.DefaultFilter.Priority)}
}

// reloadKeywords say when to reload, and how others learn that it is under way.
func reloadKeywords() []*keyword {
	absolute := func(of func(*globals) **string, needed bool) func(*reader, *statement) {
		return func(r *reader, s *statement) {
			path := s.arg(1)
			switch {
			case path == "" && !needed, strings.HasPrefix(path, "/"):
				*of(&r.global) = &path
			default:
				r.notef(s.where(1), "bad_value", "", "%s %q is not an absolute path; it is ignored", s.name(), s.arg(1))
			}
		}
	}
	return many(
		does("reload_file", absolute(func(g *globals) **string { return &g.reloadFile }, false)),
		does("reload_time_file", absolute(func(g *globals) **string { return &g.reloadTime }, true)),
		does("reload_repeat", on(global(func(g *globals) **bool { return &g.reloadRepeat }))),
	)
}
