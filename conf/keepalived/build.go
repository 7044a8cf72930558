package keepalived

import (
	"slices"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

const (
	// UsualScriptUser runs programs where no script_user is written and the machine
	// knows that user.
	UsualScriptUser = "keepalived_script"
	// notifyTimeout bounds a program that is told about a change.
	notifyTimeout = 60 * time.Second
	// verifyInterval is how often the kernel's table is compared.
	verifyInterval = 30 * time.Second
	// resolveInterval is for host names, of which keepalived has none.
	resolveInterval = 5 * time.Minute
	// defaultMailTimeout is keepalived's smtp_connect_timeout.
	defaultMailTimeout = 30 * time.Second
)

// build puts the model together. Settings that are not written get keepalived's
// defaults.
func (r *reader) build() *conf.Config {
	if usual := UsualScriptUser; r.global.scriptUser == nil && r.opts.Account(usual) {
		r.global.scriptUser = &usual
	}
	cfg := &conf.Config{
		Global: conf.Global{LogLevel: "info", LogFormat: "text", Filter: r.filter(), BootDelay: or(r.global.bootDelay, 0), RealTimePriority: or(r.global.realTime, conf.DefaultRealTimePriority)},
		IPVS: conf.IPVS{
			VerifyInterval: verifyInterval, ResolveInterval: resolveInterval, FlushOnStart: or(r.global.flush, false), FlushOnStop: or(r.global.flushOnStop, false),
			Namespace: or(r.global.tableNamespace, ""), TellFirst: or(r.global.tellFirst, false),
			Timeouts: ipvs.Timeouts{TCP: r.global.timeouts.tcp, TCPFin: r.global.timeouts.tcpFin, UDP: r.global.timeouts.udp},
		},
		Notify: map[string]conf.Notify{},
	}
	r.buildGlobal(&cfg.Global)
	cfg.Global.Processes = r.global.processBuffer.build()
	r.buildTracking(cfg)
	r.buildInstances(cfg)
	r.buildGroups(cfg)
	r.buildStatic(cfg)
	r.buildServices(cfg)
	r.buildSync(cfg)
	r.missingLinks()
	if r.runs && !or(r.global.scriptSecurity, false) {
		r.notef(place{file: r.firstFile()}, CodeInsecure, "enable_script_security in global_defs",
			"programs are run but script security is not enabled; vipd runs only what nobody else can change, always")
	}
	return cfg
}

// CodeInsecure is the code of a note that keepalived makes an exit status of
// its own of.
const CodeInsecure = "script_security"

func (r *reader) firstFile() string {
	if len(r.report.files) == 0 {
		return ""
	}
	return r.report.files[0]
}

func (r *reader) buildGlobal(g *conf.Global) {
	g.Scripts = conf.Scripts{User: or(r.global.scriptUser, ""), Timeout: notifyTimeout}
	g.Supervisor, g.Router, g.Checker = r.global.process("keepalived", 0), r.global.process("keepalived_vrrp", 1), r.global.process("keepalived_ipvs", 2)
	g.Answers, g.Notices = r.global.answers.build(), r.global.notices.build()
	g.Checker.RealTime = or(r.global.processes[2].realTime, 0)
	g.Umask, g.StopTimeout = r.global.umask, or(r.global.childWait, 0)
	for _, p := range r.global.pipes {
		if reader := r.global.pipeReaders[p.Only]; reader != nil {
			p.Reader, p.User = r.found(reader, "the reader of a pipe"), reader.user
		}
		p.OnReload = or(r.global.statesOnReload, false) && p.Only != conf.PipeServices
		g.Pipes = append(g.Pipes, p)
	}
	if len(r.global.mailTo) > 0 && r.global.mailServer != nil {
		g.Mail = &conf.Mail{
			To: r.global.mailTo, From: or(r.global.mailFrom, "keepalived@localhost"), Server: *r.global.mailServer, Security: "none",
			Hello: or(r.global.mailHelo, ""), Timeout: or(r.global.mailTimeout, defaultMailTimeout), Name: or(r.global.routerID, ""), Style: conf.MailKeepalived,
			NoFaults: or(r.global.noMailFaults, false),
		}
	}
	r.buildPlace(g)
	suffix := r.global.dumpSuffix()
	data := dumpFile(r.global.dataFile, "keepalived"+suffix+".data")
	g.Dump = &conf.Dump{
		Data: data, Checkers: dumpOf(data, "check", suffix), Parent: dumpOf(data, "parent", suffix),
		Stats: dumpFile(r.global.statsFile, "keepalived.stats"), JSON: dumpFile(r.global.jsonFile, "keepalived.json"), Version: or(r.global.jsonVersion, 1),
	}
	g.Startup = r.hook(r.global.startup, r.global.startupTimeout, "startup_script")
	g.Shutdown = r.hook(r.global.shutdown, r.global.shutdownTimeout, "shutdown_script")
}

// process is how one of the processes runs: the supervisor, the router, the
// checker. Their names are the usual ones unless they are written.
func (g *globals) process(usual string, i int) conf.Process {
	set := g.processes[i]
	p := conf.Process{RunLimit: or(set.limit, 0), Nice: or(set.nice, 0), CPUs: set.cpus, NoSwap: or(set.noSwap, false), Name: or(set.name, "")}
	if p.Name == "" && or(g.processNames, false) {
		p.Name = usual
	}
	return p
}

// hookTimeout bounds startup_script and shutdown_script; maxHookTimeout is the
// largest bound that may be written.
const (
	hookTimeout    = 10 * time.Second
	maxHookTimeout = 1000 * time.Second
)

func (r *reader) hook(p *program, timeout *time.Duration, what string) conf.Hook {
	if p == nil {
		return conf.Hook{}
	}
	run := r.run(p, what)
	return conf.Hook{Command: run.Args, User: run.User, Timeout: or(timeout, hookTimeout)}
}

// buildSync builds the connection synchronisation: the global setting, or the
// old one of an instance.
func (r *reader) buildSync(cfg *conf.Config) {
	d := r.global.sync
	for _, i := range r.instances {
		if i.syncInterface == nil {
			continue
		}
		r.warnf(i.at, "old_form", "lvs_sync_daemon "+*i.syncInterface+" "+i.name+" in global_defs", "lvs_sync_daemon_interface in a vrrp_instance is deprecated")
		if d == nil {
			d = &syncDaemon{iface: *i.syncInterface, instance: i.name, at: i.at}
		}
	}
	if d == nil {
		return
	}
	cfg.Sync = &ipvs.SyncConfig{Follow: d.instance, Both: d.instance == "", SyncSettings: ipvs.SyncSettings{
		Interface: d.iface, ID: uint8(d.id), MaxLen: uint16(d.maxLen), Port: uint16(d.port), TTL: uint8(d.ttl), Group: d.group,
	}}
	followed := slices.IndexFunc(r.instances, func(i *instance) bool { return i.name == d.instance })
	switch {
	case d.instance != "" && followed < 0:
		r.notef(d.at, "unknown_instance", "", "there is no vrrp_instance %s that lvs_sync_daemon could follow; it is ignored", d.instance)
		cfg.Sync = nil
	case d.id == 0 && followed >= 0:
		cfg.Sync.ID = uint8(or(r.instances[followed].vrid, 0))
	}
}
