package conf

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
)

// global writes the settings of the daemon itself.
func (w *writer) global() maker {
	g := w.cfg.Global
	m := newMaker(globalBlock)
	m.set("autoreload", g.AutoReload)
	if len(w.cfg.Routers) > 0 {
		m.set("startup_delay", w.cfg.Routers[0].StartDelay)
	}
	m.set("boot_delay", g.BootDelay)
	m.set("keep_table_on_stop", g.KeepTable)
	m.set("keep_on_stop", g.KeepAll)
	m.set("other_vrrp_daemon", map[bool]string{true: "allow", false: "refuse"}[g.AllowOtherDaemon])
	m.set("realtime_priority", g.RealTimePriority)
	if g.Umask != nil {
		m.set("umask", fmt.Sprintf("%04o", *g.Umask))
	}
	m.set("stop_timeout", g.StopTimeout)
	m.set("network_namespace", g.Namespace)
	m.set("pid_dir", g.PIDDir)
	m.set("instance", g.Instance)
	m.set("reload_file", g.ReloadFile)
	m.set("maintenance_dir", g.MaintenanceDir)
	if g.Filter != nil {
		k := m.child("filter")
		k.set("table", g.Filter.Table)
		k.set("priority", g.Filter.Priority)
	}
	if g.Schedule != (Schedule{}) {
		k := m.child("reload_at")
		k.set("file", g.Schedule.File)
		k.set("repeat", g.Schedule.Repeat)
	}
	w.pipes(m)
	w.processes(m)
	if d := g.Dump; d != nil {
		k := m.child("keepalived_dump")
		k.set("data", d.Data)
		k.set("check_data", d.Checkers)
		k.set("parent_data", d.Parent)
		k.set("stats", d.Stats)
		k.set("json", d.JSON)
		k.set("json_version", d.Version)
	}
	w.hooks(m)
	log := m.child("log")
	log.set("level", g.LogLevel)
	log.set("format", g.LogFormat)
	scripts := m.child("scripts")
	scripts.set("user", g.Scripts.User)
	scripts.set("timeout", g.Scripts.Timeout)
	m.prune("log", "scripts")
	w.mail(m)
	return m
}

// processes writes what the daemon's processes are given, and their sockets.
func (w *writer) processes(m maker) {
	g := w.cfg.Global
	for _, p := range []struct {
		name string
		Process
	}{{"supervisor", g.Supervisor}, {"router", g.Router}, {"checker", g.Checker}} {
		if !reflect.DeepEqual(p.Process, Process{}) {
			k := m.child("process", p.name)
			k.set("name", p.Name)
			k.set("nice", p.Nice)
			k.set("cpus", p.CPUs)
			k.set("no_swap", p.NoSwap)
			k.set("realtime_priority", p.RealTime)
			k.set("run_limit", p.RunLimit)
		}
	}
	for _, p := range []struct {
		name string
		Buffer
	}{{"answers", g.Answers}, {"notices", g.Notices}, {"processes", g.Processes}} {
		if p.Buffer != (Buffer{}) {
			k := m.child("buffer", p.name)
			k.set("size", p.Size)
			k.set("force", p.Force)
		}
	}
}

// hooks writes the programs of the daemon's own life.
func (w *writer) hooks(m maker) {
	g := w.cfg.Global
	for _, h := range []struct {
		name string
		Hook
	}{{"startup", g.Startup}, {"shutdown", g.Shutdown}, {"files_changed", g.FilesChanged}} {
		if len(h.Command) > 0 {
			k := m.child(h.name)
			k.set("command", h.Command)
			k.set("user", h.User)
			k.set("timeout", h.Timeout)
		}
	}
}

func (w *writer) mail(m maker) {
	g := w.cfg.Global
	if g.Mail == nil {
		return
	}
	mail := m.child("mail")
	mail.set("to", g.Mail.To)
	mail.set("from", g.Mail.From)
	mail.set("server", g.Mail.Server)
	mail.set("security", g.Mail.Security)
	mail.set("hello", g.Mail.Hello)
	mail.set("timeout", g.Mail.Timeout)
	mail.set("name", g.Mail.Name)
	mail.set("faults", !g.Mail.NoFaults)
	mail.set("style", g.Mail.Style)
	mail.set("username", g.Mail.Username)
	mail.set("password_file", g.Mail.PasswordFile)
}

// pipes writes pipes: one of all changes without a reader is an attribute.
func (w *writer) pipes(m maker) {
	for i, p := range w.cfg.Global.Pipes {
		if i == 0 && p.Only == PipeAll && len(p.Reader) == 0 && !p.OnReload {
			m.set("notify_fifo", p.Path)
			continue
		}
		k := m.child("pipe", p.Path)
		k.set("only", string(p.Only))
		k.set("reader", p.Reader)
		k.set("user", p.User)
		k.set("on_reload", p.OnReload)
	}
}

// tracking writes what elections depend on.
func (w *writer) tracking() []maker {
	var out []maker
	add := func(spec *block, name string) maker {
		m := newMaker(spec, name)
		out = append(out, m)
		return m
	}
	for _, t := range w.cfg.Tracking.Scripts {
		m := add(trackScriptBlock, t.Name)
		m.set("command", t.Command)
		m.set("interval", t.Interval)
		if t.Timeout != t.Interval {
			m.set("timeout", t.Timeout)
		}
		m.set("rise", t.Rise)
		m.set("fall", t.Fall)
		if t.User != w.cfg.Global.Scripts.User {
			m.set("user", t.User)
		}
		m.set("init_fail", t.InitFail)
	}
	for _, t := range w.cfg.Tracking.Pings {
		m := add(trackPingBlock, t.Name)
		m.set("targets", t.Targets)
		switch t.Require {
		case 1:
		case len(t.Targets):
			m.set("require", "all")
		default:
			m.set("require", strconv.Itoa(t.Require))
		}
		m.set("interval", t.Interval)
		m.set("timeout", t.Timeout)
		m.set("rise", t.Rise)
		m.set("fall", t.Fall)
		m.set("hold", t.Hold)
	}
	for _, t := range w.cfg.Tracking.Files {
		m := add(trackFileBlock, t.Name)
		m.set("path", t.Path)
		if t.Init != nil {
			m.force("init", *t.Init)
		}
		m.set("overwrite", t.Overwrite)
	}
	for _, t := range w.cfg.Tracking.Processes {
		m := add(trackProcessBlock, t.Name)
		m.set("program", t.Program)
		m.set("arguments", t.Args)
		m.set("match", cmp.Or(string(t.Match), "begin"))
		m.set("full_command", t.Full)
		m.set("quorum", t.Quorum)
		m.set("quorum_max", t.Most)
		m.set("delay", t.Delay)
		m.set("up_delay", t.UpDelay)
	}
	return out
}

// kernel writes connection synchronisation and the kernel's IPVS as a whole.
func (w *writer) kernel() []maker {
	var out []maker
	if c := w.cfg.Sync; c != nil {
		m := newMaker(syncBlock)
		m.set("interface", c.Interface)
		m.set("follow", c.Follow)
		m.set("both", c.Both)
		m.set("id", c.ID)
		m.set("group", c.Group)
		m.set("port", c.Port)
		m.set("ttl", c.TTL)
		m.set("max_length", c.MaxLen)
		out = append(out, m)
	}
	k := w.cfg.IPVS
	m := newMaker(ipvsBlock)
	m.set("verify_interval", k.VerifyInterval)
	m.set("resolve_interval", k.ResolveInterval)
	m.set("tcp_timeout", k.Timeouts.TCP)
	m.set("tcp_fin_timeout", k.Timeouts.TCPFin)
	m.set("udp_timeout", k.Timeouts.UDP)
	m.set("network_namespace", k.Namespace)
	m.set("tell_first", k.TellFirst)
	m.set("flush_on_start", k.FlushOnStart)
	m.set("flush_on_stop", k.FlushOnStop)
	m.option("ip_forward", k.IPForward)
	m.option("send_redirects", k.SendRedirects)
	m.option("conntrack", k.Conntrack)
	m.option("expire_nodest_conn", k.ExpireNoDest)
	m.option("expire_quiescent_template", k.ExpireTemplates)
	if len(m.Attrs) > 0 {
		out = append(out, m)
	}
	return out
}
