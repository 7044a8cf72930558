package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
	"github.com/vipd/vipd/internal/doctor"
)

func doctorCommand(c *common) *cobra.Command {
	var vip, method string
	cmd := &cobra.Command{
		Use:   "doctor [FILE...]",
		Short: "Look for what keeps this director, or a real server, from working",
		Long: `Look at this machine for what keeps a director from working although its
configuration is right: modules, forwarding, prefix lengths, routes to real
servers, firewalls, bridges, other daemons. With --real-server, look at it as a
real server instead. Nothing is changed.

Exit status: 0 no problem, 1 a problem was found.`,
		Example: "  vipd doctor\n  vipd doctor --real-server 192.168.0.200 --forward direct",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := c.examine(args, vip, method)
			if err != nil {
				return err
			}
			if c.json {
				if err := writeJSON(cmd.OutOrStdout(), found); err != nil {
					return err
				}
			} else {
				renderFindings(cmd.OutOrStdout(), found)
			}
			for _, f := range found {
				if f.Level == doctor.Problem {
					return &exitError{code: exitProblem}
				}
			}
			return nil
		},
	}
	c.configFlags(cmd)
	cmd.Flags().StringVar(&vip, "real-server", "", "examine this machine as a real server for this virtual address")
	cmd.Flags().StringVar(&method, "forward", "direct", "how the real server is reached: direct, tunnel or masquerade")
	c.jsonFlag(cmd)
	return cmd
}

// examine looks at this machine in one of its two roles.
func (c *common) examine(args []string, vip, method string) ([]doctor.Finding, error) {
	if vip != "" {
		a, err := netip.ParseAddr(vip)
		if err != nil {
			return nil, fmt.Errorf("--real-server: %w", err)
		}
		return daemon.ExamineRealServer(a, method)
	}
	cfg, diags := daemon.LoadConfig(c.configFiles(args), conf.Format(c.format), c.director)
	if cfg == nil {
		diags.Write(os.Stderr)
		return nil, &exitError{code: exitProblem}
	}
	return daemon.ExamineDirector(cfg), nil
}

func renderFindings(w io.Writer, found []doctor.Finding) {
	for _, f := range found {
		fmt.Fprintf(w, "%-8s %s: %s\n", f.Level, f.Subject, f.Summary)
		if f.Remedy != "" && f.Level != doctor.OK {
			fmt.Fprintf(w, "         remedy: %s\n", f.Remedy)
		}
	}
}
