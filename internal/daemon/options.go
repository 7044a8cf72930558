package daemon

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// Default places of a running daemon.
const (
	DefaultConfig     = "/etc/vipd/vipd.hcl"
	DefaultRuntimeDir = "/run/vipd"
	DefaultStateDir   = "/var/lib/vipd"
	socketName        = "vipd.sock"
)

// Options say how to run the daemon.
type Options struct {
	Files      []string    // configuration files
	Format     conf.Format // of the files; empty = by what they contain
	Director   string      // this node's director block; empty = by host name
	RuntimeDir string      // control socket, lock and runtime records; gone after a boot
	StateDir   string      // what must outlive a boot
	OneProcess bool        // roles as goroutines, for tests and debugging
	Version    string
	Log        io.Writer
	// Keepalived: it was started by keepalived's command line.
	Keepalived bool
	// AllFiles makes every included file of a keepalived.conf one that must be
	// there.
	AllFiles bool
	// PIDFiles, if there are any, take the place of those of the configuration.
	PIDFiles PIDFiles
	// KeepAddresses leaves the addresses in place at a stop, without a hand-over.
	KeepAddresses bool
	// NoRespawn stops the daemon when a role dies.
	NoRespawn bool
	// LogConfig writes the configuration to the log, in the form of keepalived's
	// dumps.
	LogConfig bool
	// WatchAddresses logs every address that comes or goes, whoever changes it.
	WatchAddresses bool
	// Rehearsal is the form of a handover, 0 for none: Run tells only whether it
	// could take over.
	Rehearsal int
	// Program tells why a program will not or must not be run; nil = conf.CheckProgram.
	Program func(path string) error
	// Account tells whether there is a user, nil = conf.HasAccount; Interfaces and
	// MailHost are as in conf.Options.
	Account    func(name string) bool
	Interfaces func(namespace string) []string
	MailHost   func(host string) error
	// ProgramUmask is that of programs where the configuration has no umask; nil =
	// that of the daemon.
	ProgramUmask *uint32
	// Adjust changes every configuration that was loaded; nil does not.
	Adjust func(*conf.Config)

	// unprotected is why the kernel does not protect the process of the router role.
	unprotected error
}

// SocketPath returns the control socket below a runtime directory.
func SocketPath(runtimeDir string) string { return filepath.Join(runtimeDir, socketName) }

// LoadConfig reads the configuration exactly as the running daemon does. An
// empty format is told by what the first file contains. The returned
// configuration is nil when the diagnostics hold an error.
func LoadConfig(files []string, format conf.Format, director string) (*conf.Config, conf.Diagnostics) {
	return Options{Files: files, Format: format, Director: director}.Load()
}

// Load is LoadConfig with everything else that the options say of it.
func (o Options) Load() (*conf.Config, conf.Diagnostics) {
	return loadConfig(o, newRecording(), newResolver())
}

// loadConfig reads through a recording, and looks names up with a resolver.
func loadConfig(opt Options, from *recording, names *resolver) (*conf.Config, conf.Diagnostics) {
	cfg, diags := load(opt.Files, opt.Format, conf.Options{
		Director: opt.Director,
		Hostname: from.host,
		Env:      os.LookupEnv,
		Read:     from.read,
		Glob:     from.glob,
		Resolve:  names.lookUp,
		AllFiles: opt.AllFiles,
		Known:    from.known,
		Program:  opt.Program,
		Account:  opt.Account,

		Interfaces: opt.Interfaces,
		MailHost:   opt.MailHost,
	})
	if cfg != nil && opt.Adjust != nil {
		opt.Adjust(cfg)
	}
	if cfg != nil && opt.KeepAddresses {
		for i := range cfg.Routers {
			cfg.Routers[i].Lease = vrrp.LeaseOff // what is left must not end by itself
		}
	}
	return cfg, diags
}

// ConfigError reports a configuration that cannot be used. Diagnostics tell
// why; the text form is for logs that cannot show them.
type ConfigError struct {
	Diagnostics conf.Diagnostics
}

// Error counts the problems and names the first.
func (e *ConfigError) Error() string {
	n, first := 0, ""
	for _, d := range e.Diagnostics {
		if d.Severity != conf.Error {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("%s:%d: %s", d.File, d.Line, d.Summary)
		}
	}
	if n == 1 {
		return "configuration: " + first
	}
	return fmt.Sprintf("configuration: %d errors, first %s", n, first)
}

// prepareDirs makes the directories of a daemon that is about to run. It can do
// without the one for what must outlive a boot: nothing is remembered then.
func (o Options) prepareDirs() (stateErr, err error) {
	if err := os.MkdirAll(o.RuntimeDir, 0o755); err != nil {
		return nil, fmt.Errorf("make runtime directory (choose another with --runtime-dir): %w", err)
	}
	if err := os.MkdirAll(o.StateDir, 0o755); err != nil {
		return fmt.Errorf("make state directory (nothing will outlive a restart): %w", err), nil
	}
	return nil, nil
}

// Back-off of restarted roles: a single crash costs nothing, a crash loop
// does not burn the machine.
var restartDelays = []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second}

// stableAfter is how long a role must have run for its next death to count as
// a single crash again.
const stableAfter = time.Minute

// restartDelay returns the pause before restart number n (from 0) in a row.
func restartDelay(n int) time.Duration {
	return restartDelays[min(n, len(restartDelays)-1)]
}
