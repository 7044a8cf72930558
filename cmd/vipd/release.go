package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon"
)

func releaseCommand(c *common) *cobra.Command {
	var restartIn, leftByStop time.Duration
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Hand over for a daemon that was killed",
		Long: `Hand over for a daemon that was killed: send priority 0 for the virtual routers that
were master until a moment ago and remove their addresses once a successor is
heard. The systemd unit runs it as ExecStopPost.

It waits for a router role that outlived its supervisor. It does nothing while
the daemon runs, after a clean stop (also when systemd says so in
SERVICE_RESULT), and for routers whose backups have taken over already. It works in
the network namespace of the daemon. What a stop has left on the host, for the kernel
did not let it go in time, is removed. Without --runtime-dir it does so for daemons
with an instance name or a network namespace of their own, too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			switch {
			case leftByStop > 0:
				err = daemon.Finish(cmd.Context(), c.options(), leftByStop)
			case restartIn > 0:
				err = daemon.Bequeath(cmd.Context(), c.options(), restartIn)
			case os.Getenv("SERVICE_RESULT") == "success":
			case cmd.Flags().Changed("runtime-dir"):
				err = daemon.Release(cmd.Context(), c.options())
			default:
				err = errors.Join(daemon.ReleaseOthers(cmd.Context(), c.options()), daemon.Release(cmd.Context(), c.options()))
			}
			if err != nil {
				return problem(fmt.Errorf("release: %w", err))
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&restartIn, "restart-in", 0, "for the supervisor of a router role that died: when it will be back")
	cmd.Flags().MarkHidden("restart-in")
	cmd.Flags().DurationVar(&leftByStop, "left-by-stop", 0, "for the supervisor of a router role that left something: how long to try")
	cmd.Flags().MarkHidden("left-by-stop")
	return cmd
}

// guardCommand is how the supervisor starts its guard; people have no use for it.
func guardCommand(c *common) *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:    "guard PID",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := strconv.Atoi(args[0])
			if err != nil {
				return usage(fmt.Errorf("process id %q: %w", args[0], err))
			}
			if detach {
				err = daemon.DetachGuard(c.options(), pid)
			} else {
				err = daemon.Guard(cmd.Context(), c.options(), pid)
			}
			if err != nil {
				return problem(fmt.Errorf("guard: %w", err))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&detach, "detach", false, "start the guard as an orphan")
	return cmd
}
