package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
)

// checkResult is the JSON form of `vipd check`.
type checkResult struct {
	OK          bool             `json:"ok"`
	Director    string           `json:"director,omitempty"`
	Diagnostics conf.Diagnostics `json:"diagnostics"`
}

func checkCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [FILE…] | NAME=FILE NAME=FILE…",
		Short: "Check a configuration exactly as run would read it",
		Long: `Check a configuration exactly as run would read it, and print every problem.

With NAME=FILE arguments the files of several nodes are checked, each by itself
and all together: what would keep them from being one cluster.

Exit status: 0 usable, 1 errors were found, 2 a file cannot be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if nodes, several := daemon.ParseNodeFiles(args); several {
				return c.checkNodes(cmd, nodes)
			}
			cfg, diags := daemon.LoadConfig(c.configFiles(args), conf.Format(c.format), c.director)
			if cfg != nil {
				diags = slices.Concat(diags, cfg.OffSubnet(localSubnets()), cfg.Notes())
			}
			out := cmd.OutOrStdout()
			if c.json {
				if err := writeCheckJSON(out, cfg, diags); err != nil {
					return err
				}
			} else {
				diags.Write(os.Stderr)
				writeCheckSummary(out, cfg)
			}
			if code := diagnosticsExit(diags); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
	c.configFlags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// checkNodes checks the files of several nodes.
func (c *common) checkNodes(cmd *cobra.Command, nodes []daemon.NodeFile) error {
	diags := daemon.CheckNodes(nodes, conf.Format(c.format), localSubnets())
	code := diagnosticsExit(diags)
	switch {
	case c.json:
		if diags == nil {
			diags = conf.Diagnostics{}
		}
		if err := writeJSON(cmd.OutOrStdout(), checkResult{OK: code == 0, Diagnostics: diags}); err != nil {
			return err
		}
	default:
		diags.Write(os.Stderr)
		if code == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "the configurations of %d nodes are usable together\n", len(nodes))
		}
	}
	if code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// localSubnets are the prefixes of this machine's interfaces, of those that
// have any.
func localSubnets() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // not judged
	}
	for _, ifi := range interfaces {
		addrs, _ := ifi.Addrs() // an interface that went meanwhile is not judged
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.IsSingleIP() {
				out[ifi.Name] = append(out[ifi.Name], p.Masked())
			}
		}
	}
	return out
}

func writeCheckJSON(w io.Writer, cfg *conf.Config, diags conf.Diagnostics) error {
	res := checkResult{OK: cfg != nil, Diagnostics: diags}
	if diags == nil {
		res.Diagnostics = conf.Diagnostics{}
	}
	if cfg != nil {
		res.Director = cfg.Director
	}
	return writeJSON(w, res)
}

func writeCheckSummary(w io.Writer, cfg *conf.Config) {
	if cfg == nil {
		return
	}
	who := ""
	if cfg.Director != "" {
		who = " for director " + cfg.Director
	}
	fmt.Fprintf(w, "configuration is usable%s: %d vrrp instances, %d virtual servers\n", who, len(cfg.Routers), len(cfg.Services))
}

// diagnosticsExit is 0 without errors, 2 when a file could not be read, else 1.
func diagnosticsExit(diags conf.Diagnostics) int {
	code := 0
	for _, d := range diags {
		if d.Severity != conf.Error {
			continue
		}
		if d.Code == conf.CodeUnreadable {
			return exitUsage
		}
		code = exitProblem
	}
	return code
}
