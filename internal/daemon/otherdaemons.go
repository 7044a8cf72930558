package daemon

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
)

// otherDaemons answers which virtual routers other VRRP daemons of this host
// run. It looks once; make a new one for every occasion.
type otherDaemons struct {
	listeners func(iface string) []kernel.Listener
	proc      string // /proc
	hostname  string

	seen map[string][]kernel.Listener // by interface
	runs map[int]foreignRouters       // by process
}

func newOtherDaemons() *otherDaemons {
	host, _ := os.Hostname() // without one, lines for hosts do not count
	return &otherDaemons{
		listeners: func(iface string) []kernel.Listener { return kernel.OtherListeners(iface) },
		proc:      "/proc", hostname: host,
		seen: map[string][]kernel.Listener{}, runs: map[int]foreignRouters{},
	}
}

// foreignRouters are the virtual routers of another daemon.
type foreignRouters struct {
	known bool // otherwise it may run any
	ids   []vrrp.RouterID
}

// running describes the other daemon that runs a virtual router, or is at work
// on its interface and cannot be asked what it runs there; otherwise "".
func (o *otherDaemons) running(id vrrp.RouterID) string {
	all, asked := o.seen[id.Interface]
	if !asked {
		all = o.listeners(id.Interface)
		o.seen[id.Interface] = all
	}
	for _, l := range all {
		has, read := o.runs[l.PID]
		if !read {
			has = o.routersOf(l)
			o.runs[l.PID] = has
		}
		if !has.known || slices.Contains(has.ids, id) {
			return l.String()
		}
	}
	return ""
}

// routersOf reads the configuration of a keepalived. Files that have changed
// since it started tell nothing about what it runs.
func (o *otherDaemons) routersOf(l kernel.Listener) foreignRouters {
	dir := filepath.Join(o.proc, strconv.Itoa(l.PID))
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	started, ok := o.started(dir)
	if err != nil || !ok {
		return foreignRouters{}
	}
	words := strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")
	if filepath.Base(words[0]) != "keepalived" {
		return foreignRouters{}
	}
	file := flagValue(words[1:], "f", "use-file", "/etc/keepalived/keepalived.conf")
	if !filepath.IsAbs(file) {
		cwd, err := os.Readlink(filepath.Join(dir, "cwd"))
		if err != nil {
			return foreignRouters{}
		}
		file = filepath.Join(cwd, file)
	}
	cfg, _ := keepalived.Load([]string{file}, conf.Options{
		Director: flagValue(words[1:], "i", "config-id", ""), Hostname: o.hostname, Program: func(string) error { return nil },
	})
	if cfg == nil || slices.ContainsFunc(cfg.Files, func(name string) bool { return changedSince(name, started) }) {
		return foreignRouters{}
	}
	out := foreignRouters{known: true}
	for _, r := range cfg.Routers {
		out.ids = append(out.ids, r.ID)
	}
	return out
}

// inexact is by how much the start of a process and the time of a file may
// seem to be apart.
const inexact = time.Second

// changedSince reports whether a file is not what it was.
func changedSince(name string, t time.Time) bool {
	info, err := os.Stat(name)
	return err != nil || info.ModTime().After(t.Add(inexact))
}

// flagValue finds a flag with a value as getopt_long takes it: "-f FILE",
// "-fFILE", "--use-file FILE", "--use-file=FILE".
func flagValue(args []string, short, long, fallback string) string {
	for i, arg := range args {
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		value, isLong := strings.CutPrefix(arg, "--"+long+"=")
		switch {
		case isLong:
			return value
		case arg == "-"+short, arg == "--"+long:
			return next
		case strings.HasPrefix(arg, "-"+short):
			return arg[2:]
		}
	}
	return fallback
}

// ticks is how many clock ticks the kernel tells for a second: USER_HZ, the
// same on all machines that Go runs on.
const ticks = 100

// started is when a process began, by its directory in /proc (proc(5): field 22
// of stat, in ticks since boot).
func (o *otherDaemons) started(dir string) (time.Time, bool) {
	const afterName = 19 // of the fields behind the name, which may hold blanks
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return time.Time{}, false
	}
	uptime, err := os.ReadFile(filepath.Join(o.proc, "uptime"))
	if err != nil {
		return time.Time{}, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var up, start float64
	if len(fields) <= afterName {
		return time.Time{}, false
	}
	if _, err := fmt.Sscan(fields[afterName]+" "+string(uptime), &start, &up); err != nil {
		return time.Time{}, false
	}
	age := time.Duration((up - start/ticks) * float64(time.Second))
	return time.Now().Add(-age), true
}
