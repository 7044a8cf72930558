package conf

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// builder turns nodes into the model and checks what takes more than one
// attribute to judge.
type builder struct {
	*decoder
	opts Options
	cfg  *Config

	director        Director // of this machine, zero when there is none
	partialDirector bool     // there are directors but none could be chosen
	startDelay      time.Duration
}

// root builds everything but the directors.
func (b *builder) root(root *node) {
	b.global(root.one("global"))
	b.static(root.one("static"))
	tracks := b.tracking(root)
	instances := root.all("vrrp_instance")
	b.instances(instances, tracks)
	b.groups(root.all("vrrp_sync_group"), instances, tracks)
	tracks.reportUnused()
	b.services(root.all("virtual_server"), b.namedChecks(root.all("check")))
	b.connectionSync(root.all("connection_sync"))
	b.ipvs(root.one("ipvs"))
}

func (b *builder) global(n *node) {
	log := n.one("log")
	b.startDelay = get[time.Duration](n, "startup_delay")
	b.cfg.Global = Global{
		LogLevel:         get[string](log, "level"),
		LogFormat:        get[string](log, "format"),
		AutoReload:       get[bool](n, "autoreload"),
		KeepTable:        get[bool](n, "keep_table_on_stop"),
		KeepAll:          get[bool](n, "keep_on_stop"),
		AllowOtherDaemon: get[string](n, "other_vrrp_daemon") == "allow",
		RealTimePriority: int(get[int64](n, "realtime_priority")),
		Umask:            b.umask(n),
		StopTimeout:      get[time.Duration](n, "stop_timeout"),
		Namespace:        get[string](n, "network_namespace"),
		PIDDir:           get[string](n, "pid_dir"),
		Instance:         get[string](n, "instance"),
		ReloadFile:       get[string](n, "reload_file"),
		Schedule:         b.schedule(n),
		Filter:           b.filter(n),
		BootDelay:        get[time.Duration](n, "boot_delay"),
		MaintenanceDir:   get[string](n, "maintenance_dir"),
		Pipes:            b.pipes(n),
		Dump:             b.dump(n),
		Startup:          b.hook(n, "startup"),
		Shutdown:         b.hook(n, "shutdown"),
		FilesChanged:     b.hook(n, "files_changed"),
		Mail:             b.mail(n.all("mail")),
	}
	for name, path := range map[string]string{"maintenance_dir": b.cfg.Global.MaintenanceDir, "pid_dir": b.cfg.Global.PIDDir, "reload_file": b.cfg.Global.ReloadFile} {
		b.absolute(n, name, path)
	}
	b.processes(n)
	b.buffers(n)
	scripts := n.one("scripts")
	b.cfg.Global.Scripts = Scripts{User: get[string](scripts, "user"), Timeout: get[time.Duration](scripts, "timeout")}
}

// absolute demands that a path, if there is one, does not depend on where the
// daemon was started.
func (b *builder) absolute(n *node, name, path string) {
	if path != "" && !strings.HasPrefix(path, "/") {
		b.errorf("bad_path", n.at(name), "write the full path", "%s %q is not an absolute path", name, path)
	}
}

// filter builds where packets are dropped.
func (b *builder) filter(n *node) *Filter {
	for _, k := range n.all("filter") {
		return &Filter{Table: get[string](k, "table"), Priority: int(get[int64](k, "priority"))}
	}
	return nil
}

// schedule builds when to reload.
func (b *builder) schedule(n *node) Schedule {
	for _, k := range n.all("reload_at") {
		s := Schedule{File: get[string](k, "file"), Repeat: get[bool](k, "repeat")}
		b.absolute(k, "file", s.File)
		return s
	}
	return Schedule{}
}

// names finds blocks of one kind that have the same name.
type names struct {
	*report
	first map[string]hcl.Range
}

func (b *builder) names() *names { return &names{b.report, map[string]hcl.Range{}} }

// add reports a name that is taken or not fit for use; it returns false for
// them. The name is the last label.
func (s *names) add(n *node) bool {
	i := len(n.labels) - 1
	name, at := n.labels[i], n.rngs[i]
	if !ValidName(name) {
		s.errorf("bad_name", at, "at most 128 characters, without blanks, and no dash at the beginning", "%q cannot be the name of a %s", name, n.spec.name)
		return false
	}
	if prev, again := s.first[name]; again {
		s.errorf("duplicate_name", at, "", "%s is defined twice, first at %s", blockTitle(n.spec.name, n.labels[i:]), where(prev))
		return false
	}
	s.first[name] = at
	return true
}

// maxName is the longest name of anything, in octets.
const maxName = 128

// ValidName reports whether a name is one word in lines and no flag in commands.
func ValidName(s string) bool {
	bad := func(r rune) bool { return r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) }
	return s != "" && len(s) <= maxName && s[0] != '-' && !strings.ContainsFunc(s, bad)
}

// inOrder returns attributes as they are written.
func inOrder(attrs hcl.Attributes) []*hcl.Attribute {
	out := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(x, y *hcl.Attribute) int {
		return cmp.Compare(x.NameRange.Start.Byte, y.NameRange.Start.Byte)
	})
	return out
}
