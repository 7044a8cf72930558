// Command vipd elects the owner of virtual IPs with VRRP, checks real servers
// and programs IPVS.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
	_ "github.com/vipd/vipd/internal/hangup" // first of all
)

// version is set by the linker.
var version = "devel"

// Exit codes of all commands.
const (
	exitProblem = 1 // a problem was found
	exitUsage   = 2 // usage, or input that cannot be read
	// exitConfig is that of a daemon whose configuration can be read and not be
	// used: it stays so until somebody writes another, and a service manager need
	// not try again. It is EX_CONFIG of sysexits.h, which systemd has a name for.
	exitConfig = 78
)

// exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error // nil: everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func problem(err error) error { return &exitError{exitProblem, err} }
func usage(err error) error   { return &exitError{exitUsage, err} }

// common are the flags that several commands share.
type common struct {
	files      []string
	format     string
	director   string
	runtimeDir string
	stateDir   string
	json       bool
	rehearsal  int // form of a handover that is rehearsed, 0 for none
	// interfaces and mailHost are this machine's; nil = not judged.
	interfaces func(namespace string) []string
	mailHost   func(host string) error
}

func main() {
	code := execute(arguments(os.Args))
	if code != 0 {
		daemon.DeclineHandover(fmt.Sprintf("the new binary ended at once with exit status %d", code))
	}
	os.Exit(code)
}

// arguments returns those of a command line, with the name of keepalived or of its
// tool as the command that it is. Those take flags alone: a word is one of our own
// commands, as when the daemon starts its roles.
func arguments(line []string) []string {
	args := line[1:]
	command := len(args) > 0 && !strings.HasPrefix(args[0], "-")
	if name := filepath.Base(line[0]); !command && (name == keepalivedName || name == genhashName) {
		args = append([]string{name}, args...)
	}
	if len(args) > 1 && args[0] == keepalivedName && slices.Contains([]string{"-T", "--genhash"}, args[1]) {
		args = append([]string{genhashName}, args[2:]...)
	}
	return args
}

// execute runs one command line and returns the exit code.
func execute(args []string) int {
	return executeWith(&common{interfaces: daemon.Interfaces, mailHost: daemon.MailHost}, args)
}

func executeWith(c *common, args []string) int {
	root := rootCommand(c)
	root.SetArgs(keepalivedOptional(args))
	err := root.Execute()
	if err == nil {
		return 0
	}
	// What is not classified comes from the command line itself.
	code := exitUsage
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintln(os.Stderr, "vipd: "+msg)
	}
	return code
}

func rootCommand(c *common) *cobra.Command {
	root := &cobra.Command{
		Use:           "vipd",
		Short:         "Virtual IPs, health checks and IPVS on a Linux director",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.runtimeDir, "runtime-dir", daemon.DefaultRuntimeDir, "directory of control socket, lock and runtime records")
	flags.StringVar(&c.stateDir, "state-dir", daemon.DefaultStateDir, "directory of what outlives a boot")
	root.AddCommand(runCommand(c), keepalivedCommand(c), checkCommand(c), statusCommand(c), reloadCommand(c), planCommand(c), eventsCommand(c), checkNowCommand(c),
		drainCommand(c), undrainCommand(c), weightCommand(c), verifyCommand(c), doctorCommand(c), standbyCommand(c), activeCommand(c), explainCommand(c),
		simulateCommand(c), releaseCommand(c), guardCommand(c), upgradeCommand(c), takeOverCommand(), versionCommand(c), roleCommand(c))
	root.AddCommand(migrateCommand(c), genhashCommand())
	return root
}

// configFlags adds the flags of commands that read a configuration.
func (c *common) configFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&c.files, "file", "f", nil, "configuration file, repeatable (default "+daemon.DefaultConfig+")")
	c.formatFlag(cmd)
	cmd.Flags().StringVar(&c.director, "director", "", "name of this node's director block (default: the host name)")
}

// formatFlag adds --format.
func (c *common) formatFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.format, "format", "", "format of the files: "+strings.Join(daemon.Formats(), ", ")+" (default: by their content)")
}

// jsonFlag adds --json.
func (c *common) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON")
}

// configFiles are the files to read: flags, then arguments, then the default.
func (c *common) configFiles(args []string) []string {
	files := append(append([]string(nil), c.files...), args...)
	if len(files) == 0 {
		return []string{daemon.DefaultConfig}
	}
	return files
}

func (c *common) options() daemon.Options {
	return daemon.Options{
		Format: conf.Format(c.format), Director: c.director, RuntimeDir: c.runtimeDir, StateDir: c.stateDir, Version: version, Log: os.Stderr,
		Rehearsal: c.rehearsal,
	}
}
