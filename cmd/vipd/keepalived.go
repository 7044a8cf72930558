package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/internal/daemon"
)

// keepalivedName is the command, and the name of the binary that stands for it.
const keepalivedName = "keepalived"

// Exit codes of keepalived -t, as version 2.2 has them.
const (
	testFatal    = 2
	testRemarks  = 5
	testInsecure = 6
)

// usualUmask is that of keepalived's programs where none is written.
const usualUmask = 0o177

// keepalivedSignals are the signals by the names of --signum. Real-time signals
// are counted from those that the C library leaves to programs.
var keepalivedSignals = map[string]int{
	"STOP": int(syscall.SIGTERM), "RELOAD": int(syscall.SIGHUP), "DATA": int(syscall.SIGUSR1), "STATS": int(syscall.SIGUSR2),
	"STATS_CLEAR": 63, "JSON": 36,
}

// keepalivedFlags is keepalived's command line.
type keepalivedFlags struct {
	file, id, test, signal          string
	namespace, umask                string
	pids                            daemon.PIDFiles
	foreground, keepVIPs, keepTable bool
	routerOnly, checkerOnly         bool
	version, allFiles, addresses    bool
	mortal, dump                    bool
	log                             keepalivedLog
	cores                           bool
	corePattern                     string
}

func keepalivedCommand(c *common) *cobra.Command {
	var k keepalivedFlags
	cmd := &cobra.Command{
		Use:   keepalivedName,
		Short: "Stand in for keepalived: its flags, files and signals",
		Long: `Stand in for keepalived: its flags, default paths, pid files and signals, with
its configuration file as it is. A link to vipd by the name keepalived is the
same as this command.

Exit status of --config-test: 0 nothing to remark, 2 not usable, 5 usable with
remarks, 6 script security is not enabled.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.keepalived(cmd, &k) },
	}
	f := cmd.Flags()
	f.StringVarP(&k.file, "use-file", "f", "/etc/keepalived/keepalived.conf", "configuration file")
	f.StringVarP(&k.id, "config-id", "i", "", "what @ID lines are compared with (default: the host name)")
	f.StringVarP(&k.test, "config-test", "t", "", "check the configuration, write the remarks to a file")
	f.Lookup("config-test").NoOptDefVal = "-"
	f.StringVar(&k.signal, "signum", "", "print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON")
	f.StringVarP(&k.namespace, "namespace", "s", "", "work in this network namespace, whatever the configuration says")
	f.BoolVarP(&k.allFiles, "all-config", "e", false, "every file that the configuration includes must be there and readable")
	f.StringVarP(&k.umask, "umask", "u", "", "permissions that files do not get, a number")
	f.BoolVarP(&k.foreground, "dont-fork", "n", false, "stay in the foreground")
	f.BoolVarP(&k.keepTable, "dont-release-ipvs", "I", false, "leave the IPVS table at a stop")
	f.BoolVarP(&k.keepVIPs, "dont-release-vrrp", "V", false, "leave the virtual addresses at a stop, for ever")
	f.BoolVarP(&k.routerOnly, "vrrp", "P", false, "only virtual routers")
	f.BoolVarP(&k.checkerOnly, "check", "C", false, "only virtual servers")
	f.BoolVarP(&k.addresses, "address-monitoring", "a", false, "log every address that comes or goes")
	f.BoolVarP(&k.cores, "core-dump", "m", false, "dump core when the daemon crashes")
	f.StringVarP(&k.corePattern, "core-dump-pattern", "M", "", "the same, with this kernel.core_pattern while the daemon runs")
	f.Lookup("core-dump-pattern").NoOptDefVal = "core"
	f.BoolVarP(&k.mortal, "dont-respawn", "R", false, "stop when a role dies, instead of starting it again")
	f.BoolVarP(&k.dump, "dump-conf", "d", false, "write the configuration to the log")
	f.BoolVarP(&k.version, "version", "v", false, "print the version")
	f.BoolP("genhash", "T", false, "print the digest of a page; must come first and has flags of its own")
	k.pidFlags(cmd)
	k.log.flags(cmd)
	keepalivedIgnored(cmd)
	return cmd
}

// pidFlags adds where process ids are written.
func (k *keepalivedFlags) pidFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&k.pids.Supervisor, "pid", "p", "", "pid file of the supervisor (default "+defaultPIDFiles.Supervisor+")")
	f.StringVarP(&k.pids.Router, "vrrp_pid", "r", "", "pid file of the router role (default "+defaultPIDFiles.Router+")")
	f.StringVarP(&k.pids.Checker, "checkers_pid", "c", "", "pid file of the checker role (default "+defaultPIDFiles.Checker+")")
}

// defaultPIDFiles are those of keepalived 2.2.
var defaultPIDFiles = daemon.PIDFiles{Supervisor: "/run/keepalived.pid", Router: "/run/vrrp.pid", Checker: "/run/checkers.pid"}

// keepalivedIgnored adds the flags that need no effect.
func keepalivedIgnored(cmd *cobra.Command) {
	f := cmd.Flags()
	for name, short := range map[string]string{
		"log-detail": "D", "no_bfd": "B", "release-vips": "X", "snmp": "x", "all": "", "no-mem-check": "",
	} {
		f.BoolP(name, short, false, "accepted, without effect")
	}
	for name, short := range map[string]string{"bfd_pid": "b", "snmp-agent-socket": "A"} {
		f.StringP(name, short, "", "accepted, without effect")
	}
}

func (c *common) keepalived(cmd *cobra.Command, k *keepalivedFlags) error {
	switch {
	case k.version:
		fmt.Fprintln(cmd.OutOrStdout(), "vipd "+version+" as keepalived")
		return nil
	case k.signal != "":
		return printSignals(cmd.OutOrStdout(), k.signal)
	}
	if _, err := keepalived.ParseUmask(k.umask); k.umask != "" && err != nil {
		return usage(fmt.Errorf("--umask: %w", err))
	}
	opt := c.options()
	opt.Files, opt.Format, opt.Director = []string{k.file}, conf.FormatKeepalived, k.id
	opt.Keepalived, opt.Adjust, opt.AllFiles, opt.KeepAddresses = true, k.adjust, k.allFiles, k.keepVIPs
	opt.WatchAddresses, opt.NoRespawn, opt.LogConfig = k.addresses, k.mortal, k.dump
	umask := uint32(usualUmask)
	opt.ProgramUmask = &umask
	onlyTest := cmd.Flags().Changed("config-test")
	if opt.Interfaces = k.interfaces(c); onlyTest { // a daemon is not to wait for DNS
		opt.MailHost = c.mailHost
	}
	cfg, diags := opt.Load()
	switch {
	case onlyTest:
		return k.report(diags)
	case cfg == nil:
		return unusable(diags)
	}
	opt.PIDFiles = k.pidFiles(cfg.Global)
	name := alongside(cfg.Global)
	separate(cmd, &opt, name)
	switch pid := opt.PIDFiles.Supervisor; {
	case opt.Rehearsal > 0:
		return explainRun(daemon.Run(cmd.Context(), opt))
	case runs(pid):
		return problem(fmt.Errorf("daemon is already running, by %s", pid))
	case !k.foreground:
		return detach(pid)
	}
	return k.run(cmd, opt, name)
}

// interfaces tells what interfaces there are where the daemon works.
func (k *keepalivedFlags) interfaces(c *common) func(namespace string) []string {
	if c.interfaces == nil {
		return nil
	}
	return func(namespace string) []string { return c.interfaces(cmp.Or(k.namespace, namespace)) }
}

// alongside names a daemon that others may run beside, by its network namespace
// and instance; "" for the only one.
func alongside(g conf.Global) string {
	var names []string
	for _, name := range []string{g.Namespace, g.Instance} {
		if name != "" {
			names = append(names, filepath.Base(name))
		}
	}
	return strings.Join(names, "_")
}

// pidFiles are where process ids are written: what the command line says, then
// the configuration, then as usual. A part that is not asked for has none.
func (k *keepalivedFlags) pidFiles(g conf.Global) daemon.PIDFiles {
	p := k.pids.Or(daemon.PIDFilesOf(g)).Or(defaultPIDFiles)
	switch {
	case k.routerOnly && !k.checkerOnly:
		p.Checker = ""
	case k.checkerOnly && !k.routerOnly:
		p.Router = ""
	}
	return p
}

// separate gives a daemon with a name directories of its own, unless the command
// line names others.
func separate(cmd *cobra.Command, opt *daemon.Options, name string) {
	for flag, dir := range map[string]*string{"runtime-dir": &opt.RuntimeDir, "state-dir": &opt.StateDir} {
		if name != "" && !cmd.Flags().Changed(flag) {
			*dir += "-" + name
		}
	}
}

// adjust applies what the command line says about a configuration.
func (k *keepalivedFlags) adjust(cfg *conf.Config) {
	g := &cfg.Global
	g.KeepTable = g.KeepTable || k.keepTable
	if k.namespace != "" {
		g.Namespace, g.PIDDir = k.namespace, keepalived.PIDDir(k.namespace)
	}
	if mask, err := keepalived.ParseUmask(k.umask); err == nil {
		g.Umask = &mask
	}
	if k.routerOnly && !k.checkerOnly {
		cfg.Services, cfg.Sync = nil, nil
	}
	if k.checkerOnly && !k.routerOnly {
		cfg.Routers, cfg.Groups, cfg.Static.Addresses = nil, nil, nil
		cfg.Static.Paths.Routes, cfg.Static.Paths.Rules = nil, nil
	}
}

// printSignals prints the numbers of signals, in one line.
func printSignals(w io.Writer, names string) error {
	var out []string
	for name := range strings.SplitSeq(names, ",") {
		n, ok := keepalivedSignals[name]
		if !ok {
			return problem(fmt.Errorf("unknown signal name %s", name))
		}
		out = append(out, fmt.Sprint(n))
	}
	fmt.Fprintln(w, strings.Join(out, " "))
	return nil
}

// report writes what --config-test finds and returns its exit code.
func (k *keepalivedFlags) report(diags conf.Diagnostics) error {
	out := os.Stderr
	if k.test != "-" {
		f, err := os.Create(k.test)
		if err != nil {
			return usage(fmt.Errorf("write remarks: %w", err))
		}
		defer f.Close()
		out = f
	}
	if err := diags.Write(out); err != nil {
		return problem(err)
	}
	if code := testCode(diags); code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// testCode is keepalived's exit code for remarks.
func testCode(diags conf.Diagnostics) int {
	has := func(f func(conf.Diagnostic) bool) bool { return slices.ContainsFunc(diags, f) }
	switch {
	case diags.HasErrors():
		return testFatal
	case has(func(d conf.Diagnostic) bool { return d.Severity == conf.Warning }):
		return testRemarks
	case has(func(d conf.Diagnostic) bool { return d.Code == keepalived.CodeInsecure }):
		return testInsecure
	}
	return 0
}

// keepalivedArgs are the arguments without the command's name.
func keepalivedArgs(args []string) []string {
	if i := slices.Index(args[1:], keepalivedName); i >= 0 {
		return slices.Concat(args[1:1+i], args[2+i:])
	}
	return args[1:]
}

// keepalivedOptional rewrites "-gFILE", "-tFILE" and "-MPATTERN", values that may be left
// out, in the one form that our parser knows.
func keepalivedOptional(args []string) []string {
	if len(args) == 0 || args[0] != keepalivedName {
		return args
	}
	out := slices.Clone(args)
	for i, a := range out {
		for short, long := range map[string]string{"-g": "--log-file=", "-t": "--config-test=", "-M": "--core-dump-pattern="} {
			if value, is := strings.CutPrefix(a, short); is && (strings.HasPrefix(value, "/") || value != "" && short == "-M") {
				out[i] = long + value
			}
		}
	}
	return out
}
