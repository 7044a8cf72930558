package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

func standbyCommand(c *common) *cobra.Command {
	var req api.StandbyRequest
	cmd := &cobra.Command{
		Use:   "standby INSTANCE | --all",
		Short: "Hand an instance over and stay backup",
		Long: `Hand an instance over to another director and stay backup until "vipd active",
also across reloads and restarts. A sync group moves as one.

Without a successor the instance stays master, unless --force is given. On
standby it serves only when no other director is heard; with --force not even then.

Exit status: 0 the order is in force, 1 it is not.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.order(cmd, "/v1/standby", &req, args) },
	}
	cmd.Flags().BoolVar(&req.All, "all", false, "all instances")
	cmd.Flags().DurationVar(&req.For, "for", 0, "end the standby by itself after this time")
	cmd.Flags().StringVar(&req.Reason, "reason", "", "text for status and explain")
	cmd.Flags().BoolVar(&req.Force, "force", false, "leave even if nobody takes over")
	c.jsonFlag(cmd)
	return cmd
}

func activeCommand(c *common) *cobra.Command {
	var req api.StandbyRequest
	cmd := &cobra.Command{
		Use:   "active INSTANCE | --all",
		Short: "End the standby of an instance",
		Long: `End the standby of an instance. It takes over again from a director with a lower
priority, also if it does not preempt otherwise.

Exit status: 0 no standby is in force any more, 1 it still is.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.order(cmd, "/v1/active", &req, args) },
	}
	cmd.Flags().BoolVar(&req.All, "all", false, "all instances")
	c.jsonFlag(cmd)
	return cmd
}

// order sends a standby order and shows those in force.
func (c *common) order(cmd *cobra.Command, path string, req *api.StandbyRequest, args []string) error {
	if req.All == (len(args) == 1) {
		return usage(errors.New("name an instance, or --all"))
	}
	if req.For < 0 {
		return usage(errors.New("--for wants a time that is not negative"))
	}
	if len(args) == 1 {
		req.Instance = args[0]
	}
	var answer api.StandbyAnswer
	if _, err := c.client().ask(cmd.Context(), http.MethodPost, path, req, &answer); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case c.json:
		if err := writeJSON(out, answer); err != nil {
			return err
		}
	case len(answer.Orders) == 0 && answer.OK:
		fmt.Fprintln(out, "no instance is on standby")
	default:
		for _, o := range answer.Orders {
			fmt.Fprintln(out, standbyText(o))
		}
	}
	if !answer.OK {
		return problem(errors.New(answer.Error))
	}
	return nil
}

// standbyText is one order in a line.
func standbyText(o api.Standby) string {
	text := o.Instance + " is on standby since " + o.Since.Format(time.DateTime)
	if o.Force {
		text += ", forced"
	}
	if !o.Until.IsZero() {
		text += ", until " + o.Until.Format(time.DateTime)
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}
