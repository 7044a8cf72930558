package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

func drainCommand(c *common) *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "drain SERVICE[/REAL-SERVER]",
		Short: "Give a real server, or all of a virtual server, no new connections",
		Long: `Give a real server, or all of a virtual server, no new connections; those that
are established live on. This stands outside of the configuration: it outlives
reloads, restarts and boots until it is taken back with undrain or has ended.`,
		Example: "  vipd drain web/192.168.0.110:80 --for 15m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.override(cmd, "/v1/override", api.OverrideRequest{Target: args[0], For: d})
		},
	}
	cmd.Flags().DurationVar(&d, "for", 0, "how long (default: until undrain)")
	c.jsonFlag(cmd)
	return cmd
}

func undrainCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "undrain SERVICE[/REAL-SERVER]",
		Short: "Take drain and weight of an operator back",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.override(cmd, "/v1/override/clear", api.OverrideRequest{Target: args[0]})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func weightCommand(c *common) *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "weight SERVICE/REAL-SERVER WEIGHT",
		Short: "Give a real server another weight than the configuration does",
		Long: `Give a real server another weight than the configuration and its checks do. One
that its checks call dead gets no connections all the same. undrain takes it
back.`,
		Example: "  vipd weight web/192.168.0.110:80 5 --for 1h",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := strconv.Atoi(args[1])
			if err != nil {
				return fmt.Errorf("weight %q is not a number", args[1])
			}
			return c.override(cmd, "/v1/override", api.OverrideRequest{Target: args[0], Weight: w, For: d})
		},
	}
	cmd.Flags().DurationVar(&d, "for", 0, "how long (default: until undrain)")
	c.jsonFlag(cmd)
	return cmd
}

// override sends a request and prints what is in force then.
func (c *common) override(cmd *cobra.Command, path string, req api.OverrideRequest) error {
	var out api.OverrideAnswer
	if _, err := c.client().ask(cmd.Context(), http.MethodPost, path, req, &out); err != nil {
		return err
	}
	if out.Error != "" {
		return problem(errors.New(out.Error))
	}
	if c.json {
		return writeJSON(cmd.OutOrStdout(), out)
	}
	for _, o := range out.Overrides {
		fmt.Fprintln(cmd.OutOrStdout(), overrideLine(o))
	}
	return nil
}

func overrideLine(o api.Override) string {
	target := o.Service
	if o.Server.IsValid() {
		target += "/" + o.Server.String()
	}
	return target + " " + overrideText(o)
}

// overrideText words an override without its target.
func overrideText(o api.Override) string {
	text := "drained"
	if o.Weight > 0 {
		text = fmt.Sprintf("weight %d", o.Weight)
	}
	if o.Until.IsZero() {
		return text
	}
	return text + " until " + o.Until.Local().Format(time.DateTime)
}

func verifyCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the kernel's IPVS table with what it should be, and repair it",
		Long: `Read the kernel's IPVS table at once and compare it with what it should be. What
others did to services of vipd is shown and undone; services of others are
shown and left alone. The daemon does the same on its verify_interval.

Exit status: 0 nothing was changed, 1 something was.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var out api.Verify
			if _, err := c.client().ask(cmd.Context(), http.MethodPost, "/v1/verify", nil, &out); err != nil {
				return err
			}
			if c.json {
				if err := writeJSON(cmd.OutOrStdout(), out); err != nil {
					return err
				}
			} else {
				renderVerify(cmd.OutOrStdout(), out)
			}
			if out.Error != "" {
				return problem(errors.New(out.Error))
			}
			if len(out.Drift) > 0 {
				return &exitError{code: exitProblem}
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func renderVerify(w io.Writer, v api.Verify) {
	for _, d := range v.Drift {
		fmt.Fprintln(w, "changed by somebody else: "+d)
	}
	for _, r := range v.Repaired {
		fmt.Fprintln(w, "repaired: "+r)
	}
	for _, k := range v.Foreign {
		fmt.Fprintf(w, "not ours, left alone: %s\n", k)
	}
	if len(v.Drift) == 0 && v.Error == "" {
		fmt.Fprintln(w, "the table is as it should be")
	}
}
