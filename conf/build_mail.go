package conf

import (
	"maps"
	"net"
	"net/mail"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// mail builds the mail block, nil when there is none.
func (b *builder) mail(nodes []*node) *Mail {
	if len(nodes) == 0 {
		return nil
	}
	n := nodes[0]
	m := &Mail{
		From: get[string](n, "from"), Server: get[string](n, "server"), Security: get[string](n, "security"),
		Username: get[string](n, "username"), PasswordFile: get[string](n, "password_file"),
		Hello: get[string](n, "hello"), Timeout: get[time.Duration](n, "timeout"), Name: get[string](n, "name"), Style: get[string](n, "style"),
		NoFaults: !get[bool](n, "faults"),
	}
	m.To = b.recipients(n, "to")
	if _, err := mail.ParseAddress(m.From); err != nil && n.has("from") {
		b.errorf("bad_mail", n.at("from"), `for example "vipd@example.com"`, "%q is not a mail address", m.From)
	}
	b.mailServer(n, "server")
	if (m.Username == "") != (m.PasswordFile == "") && !n.bad("username", "password_file") {
		b.errorf("bad_mail", n.def, "", "username and password_file need each other")
	}
	if m.Username != "" && m.Security == "none" {
		b.errorf("bad_mail", n.at("username"), `security = "starttls"`, "a password is not sent without encryption")
	}
	return m
}

// recipients reads mail addresses.
func (b *builder) recipients(n *node, key string) (out []string) {
	for _, to := range get[[]located[string]](n, key) {
		if _, err := mail.ParseAddress(to.v); err != nil {
			b.errorf("bad_mail", to.rng, `for example "ops@example.com"`, "%q is not a mail address", to.v)
		}
		out = append(out, to.v)
	}
	return out
}

// mailServer checks that a mail server has a host and a port.
func (b *builder) mailServer(n *node, key string) {
	if !n.has(key) {
		return
	}
	server := get[string](n, key)
	if _, port, err := net.SplitHostPort(server); err != nil || port == "" {
		b.errorf("bad_mail", n.at(key), `for example "mail.example.com:587"`, "%q is not a host and port", server)
	}
}

// mailable reports a block whose mails, but for recipients of its own, have
// nobody to go to.
func (b *builder) mailable(n *node, own []string) {
	switch m := b.cfg.Global.Mail; {
	case m == nil:
		b.errorf("no_mail", n.at("mail"), `global { mail { … } }`, "mail needs a mail block in global")
	case len(m.To)+len(own) == 0:
		b.errorf("no_recipients", n.at("mail"), `to = ["ops@example.com"]`, "mail needs recipients: the mail block in global has none")
	}
}

// pipes builds the pipes of the global block.
func (b *builder) pipes(n *node) []Pipe {
	var all []Pipe
	if path := get[string](n, "notify_fifo"); path != "" {
		all = append(all, Pipe{Path: path})
	}
	for _, k := range n.all("pipe") {
		p := Pipe{Path: k.labels[0], Only: PipeKind(get[string](k, "only")), User: get[string](k, "user"), OnReload: get[bool](k, "on_reload")}
		p.Reader = b.command(k, "reader")
		if !filepath.IsAbs(p.Path) {
			b.errorf("relative_path", k.rngs[0], "write its whole path", "pipe %q is not absolute", p.Path)
		}
		all = append(all, p)
	}
	return all
}

// hook builds a program of the daemon's own life.
func (b *builder) hook(n *node, name string) Hook {
	for _, k := range n.all(name) {
		return Hook{Command: b.command(k, "command"), User: get[string](k, "user"), Timeout: get[time.Duration](k, "timeout")}
	}
	return Hook{}
}

// dump builds keepalived_dump, nil when there is none.
func (b *builder) dump(n *node) *Dump {
	for _, k := range n.all("keepalived_dump") {
		d := &Dump{Version: int(get[int64](k, "json_version"))}
		for name, to := range map[string]*string{"data": &d.Data, "check_data": &d.Checkers, "parent_data": &d.Parent, "stats": &d.Stats, "json": &d.JSON} {
			if *to = get[string](k, name); !filepath.IsAbs(*to) {
				b.errorf("relative_path", k.at(name), "write its whole path", "%s %q is not absolute", name, *to)
			}
		}
		return d
	}
	return nil
}

// processes builds how the processes run.
func (b *builder) processes(n *node) {
	g := &b.cfg.Global
	all := map[string]*Process{"supervisor": &g.Supervisor, "router": &g.Router, "checker": &g.Checker}
	for _, k := range n.all("process") {
		p := all[k.labels[0]]
		if p == nil {
			b.errorf("unknown_process", k.rngs[0], didYouMean(k.labels[0], slices.Sorted(maps.Keys(all))), "there is no process %q", k.labels[0])
			continue
		}
		*p = Process{Name: get[string](k, "name"), Nice: int(get[int64](k, "nice")), NoSwap: get[bool](k, "no_swap")}
		p.RealTime, p.RunLimit = int(get[int64](k, "realtime_priority")), get[time.Duration](k, "run_limit")
		if p.RealTime > 0 && k.labels[0] != "checker" {
			b.errorf("not_checker", k.at("realtime_priority"), "global.realtime_priority is the router's", "process %q cannot have a realtime_priority here", k.labels[0])
		}
		for _, cpu := range get[[]located[int64]](k, "cpus") {
			p.CPUs = append(p.CPUs, int(cpu.v))
		}
	}
}

// buffers sets the sizes of the kernel's sockets.
func (b *builder) buffers(n *node) {
	all := map[string]*Buffer{"answers": &b.cfg.Global.Answers, "notices": &b.cfg.Global.Notices, "processes": &b.cfg.Global.Processes}
	for _, k := range n.all("buffer") {
		to := all[k.labels[0]]
		if to == nil {
			b.errorf("unknown_buffer", k.rngs[0], didYouMean(k.labels[0], slices.Sorted(maps.Keys(all))), "there is no buffer %q", k.labels[0])
			continue
		}
		*to = Buffer{Size: int(get[int64](k, "size")), Force: get[bool](k, "force")}
	}
}

// umask reads an octal number.
func (b *builder) umask(n *node) *uint32 {
	text := get[string](n, "umask")
	if text == "" {
		return nil
	}
	bits, err := strconv.ParseUint(text, 8, 9)
	if err != nil {
		b.errorf("bad_umask", n.at("umask"), `three octal digits, for example "022"`, "umask %q is not a set of permissions", text)
		return nil
	}
	mask := uint32(bits)
	return &mask
}

// maxCPU is the highest number of a processor that the kernel's sets have.
const maxCPU = 1023
