package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

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

// keepalivedSignals are the signals by the names of --signum. Real-time signals
// are counted from those that the C library leaves to programs.
var keepalivedSignals = map[string]int{
	"STOP": int(syscall.SIGTERM), "RELOAD": int(syscall.SIGHUP), "DATA": int(syscall.SIGUSR1), "STATS": int(syscall.SIGUSR2),
	"STATS_CLEAR": 63, "JSON": 36,
}

// keepalivedFlags is keepalived's command line.
type keepalivedFlags struct {
	file, id, test, signal, logFile  string
	pid, routerPID, checkerPID       string
	foreground, keepVIPs, keepTable  bool
	routerOnly, checkerOnly, version bool
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
	f.StringVarP(&k.logFile, "log-file", "g", "", "log to this file")
	f.Lookup("log-file").NoOptDefVal = "/tmp/keepalived.log"
	f.StringVarP(&k.pid, "pid", "p", "/run/keepalived.pid", "pid file of the supervisor")
	f.StringVarP(&k.routerPID, "vrrp_pid", "r", "/run/keepalived_vrrp.pid", "pid file of the router role")
	f.StringVarP(&k.checkerPID, "checkers_pid", "c", "/run/keepalived_checkers.pid", "pid file of the checker role")
	f.BoolVarP(&k.foreground, "dont-fork", "n", false, "stay in the foreground")
	f.BoolVarP(&k.keepTable, "dont-release-ipvs", "I", false, "leave the IPVS table at a stop")
	f.BoolVarP(&k.keepVIPs, "dont-release-vrrp", "V", false, "not supported: addresses without a daemon would be in two places")
	f.BoolVarP(&k.routerOnly, "vrrp", "P", false, "only virtual routers")
	f.BoolVarP(&k.checkerOnly, "check", "C", false, "only virtual servers")
	f.BoolVarP(&k.version, "version", "v", false, "print the version")
	keepalivedIgnored(cmd)
	return cmd
}

// keepalivedIgnored adds the flags that need no effect.
func keepalivedIgnored(cmd *cobra.Command) {
	f := cmd.Flags()
	for name, short := range map[string]string{
		"log-console": "l", "log-detail": "D", "dump-conf": "d", "dont-respawn": "R", "no_bfd": "B", "release-vips": "X",
		"snmp": "x", "core-dump": "m", "flush-log-file": "", "no-syslog": "G", "all": "", "only-process": "",
	} {
		f.BoolP(name, short, false, "accepted, without effect")
	}
	for name, short := range map[string]string{"log-facility": "S", "bfd_pid": "b", "snmp-agent-socket": "A", "umask": "u"} {
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
	case k.keepVIPs:
		return usage(errors.New("--dont-release-vrrp is not supported: nobody would remove the addresses"))
	}
	opt := c.options()
	opt.Files, opt.Format, opt.Director = []string{k.file}, conf.FormatKeepalived, k.id
	opt.Adjust = k.adjust
	cfg, diags := daemon.LoadConfig(opt.Files, opt.Format, opt.Director)
	switch {
	case cmd.Flags().Changed("config-test"):
		return k.report(diags)
	case cfg == nil:
		diags.Write(os.Stderr)
		return &exitError{code: testFatal}
	case opt.Rehearsal > 0:
		return explainRun(daemon.Run(cmd.Context(), opt))
	case runs(k.pid):
		return problem(fmt.Errorf("daemon is already running, by %s", k.pid))
	case !k.foreground:
		return k.detach()
	}
	return k.run(cmd, opt)
}

// adjust applies what the command line says about a configuration.
func (k *keepalivedFlags) adjust(cfg *conf.Config) {
	cfg.Global.KeepTable = cfg.Global.KeepTable || k.keepTable
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

// run runs the daemon in the foreground, with keepalived's pid files.
func (k *keepalivedFlags) run(cmd *cobra.Command, opt daemon.Options) error {
	if k.logFile != "" {
		f, err := os.OpenFile(k.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return usage(fmt.Errorf("open log: %w", err))
		}
		defer f.Close()
		opt.Log = f
	}
	files := []string{k.checkerPID, k.routerPID}
	opt.PIDFiles = map[string]string{}
	for i, role := range daemon.Roles {
		opt.PIDFiles[role] = files[i]
	}
	if err := os.WriteFile(k.pid, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
		return problem(fmt.Errorf("write pid file: %w", err))
	}
	defer func() {
		for _, name := range append(files, k.pid) {
			os.Remove(name)
		}
	}()
	return explainRun(daemon.Run(cmd.Context(), opt))
}

// runs reports whether the process in a pid file is another keepalived or vipd.
// A number that another program got meanwhile does not count, nor does that of
// this process, which was another binary when it wrote the file.
func runs(pidFile string) bool {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return false
	}
	pid := strings.TrimSpace(string(text))
	if pid == strconv.Itoa(os.Getpid()) {
		return false
	}
	name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	return err == nil && (strings.HasPrefix(string(name), keepalivedName) || strings.HasPrefix(string(name), "vipd"))
}

// startBound is how long a daemon in the background may take to write its pid.
const startBound = 10 * time.Second

// detach starts the same command in the background and waits for its pid file.
func (k *keepalivedFlags) detach() error {
	os.Remove(k.pid)
	child := exec.Command("/proc/self/exe", append([]string{keepalivedName, "--dont-fork"}, keepalivedArgs(os.Args)...)...)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return problem(fmt.Errorf("start in the background: %w", err))
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for deadline := time.Now().Add(startBound); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			return problem(fmt.Errorf("the daemon ended at once: %w", err))
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := os.Stat(k.pid); err == nil {
			return nil
		}
	}
	return problem(errors.New("the daemon does not start in time"))
}

// keepalivedArgs are the arguments without the command's name.
func keepalivedArgs(args []string) []string {
	if i := slices.Index(args[1:], keepalivedName); i >= 0 {
		return slices.Concat(args[1:1+i], args[2+i:])
	}
	return args[1:]
}

// keepalivedOptional rewrites "-gFILE" and "-tFILE", values that may be left
// out, in the one form that our parser knows.
func keepalivedOptional(args []string) []string {
	if len(args) == 0 || args[0] != keepalivedName {
		return args
	}
	out := slices.Clone(args)
	for i, a := range out {
		for short, long := range map[string]string{"-g": "--log-file=", "-t": "--config-test="} {
			if value, is := strings.CutPrefix(a, short); is && strings.HasPrefix(value, "/") {
				out[i] = long + value
			}
		}
	}
	return out
}
