package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

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
		Use:   "check [FILE…]",
		Short: "Check a configuration exactly as run would read it",
		Long: `Check a configuration exactly as run would read it, and print every problem.

Exit status: 0 usable, 1 errors were found, 2 a file cannot be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, diags := daemon.LoadConfig(c.configFiles(args), conf.Format(c.format), c.director)
			out := cmd.OutOrStdout()
			if c.json {
				if err := writeCheckJSON(out, cfg, diags); err != nil {
					return problem(err)
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

func writeCheckJSON(w io.Writer, cfg *conf.Config, diags conf.Diagnostics) error {
	res := checkResult{OK: cfg != nil, Diagnostics: diags}
	if diags == nil {
		res.Diagnostics = conf.Diagnostics{}
	}
	if cfg != nil {
		res.Director = cfg.Director
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(res)
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
