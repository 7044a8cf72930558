package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
)

func runCommand(c *common) *cobra.Command {
	var oneProcess bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: `Run the daemon in the foreground: a supervisor and its router and checker roles.

Signals: HUP reloads the configuration, TERM and INT stop (priority 0, virtual
addresses and IPVS table removed), USR2 goes on as the installed binary (see
vipd upgrade), USR1 writes the state to state.json in the runtime directory.

Exit status: 0 stopped, 1 a problem, 2 usage, or a file cannot be read, 78 the
configuration has errors: starting again is of no use before it is changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := c.options()
			opt.Files, opt.OneProcess = c.configFiles(nil), oneProcess
			return explainRun(daemon.Run(cmd.Context(), opt))
		},
	}
	c.configFlags(cmd)
	cmd.Flags().BoolVar(&oneProcess, "one-process", false, "run the roles inside one process (tests, debugging)")
	return cmd
}

// explainRun prints why a configuration cannot be used and sets the exit code.
func explainRun(err error) error {
	var bad *daemon.ConfigError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad):
		return unusable(bad.Diagnostics)
	}
	return problem(err)
}

// unusable prints why the daemon cannot start with a configuration. A file that
// cannot be read now may be there soon; errors in what is written stay.
func unusable(diags conf.Diagnostics) error {
	diags.Write(os.Stderr)
	if code := diagnosticsExit(diags); code == exitUsage {
		return &exitError{code: code}
	}
	return &exitError{code: exitConfig}
}

// roleCommand is how the supervisor starts its roles; people have no use for it.
func roleCommand(c *common) *cobra.Command {
	var start daemon.RoleStart
	cmd := &cobra.Command{
		Use:    "role NAME",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := daemon.RunRole(cmd.Context(), args[0], start, c.options()); err != nil {
				return problem(err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&start.Successor, "successor", false, "go on where another process stands")
	cmd.Flags().IntVar(&start.RealTime, "realtime", 0, "real-time priority to begin with")
	cmd.Flags().IntVar(&start.ProgramUmask, "program-umask", -1, "umask of programs")
	return cmd
}
