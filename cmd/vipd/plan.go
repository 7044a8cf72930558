package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
	"github.com/vipd/vipd/internal/daemon/api"
)

// Exit codes of `vipd plan`.
const (
	exitChanges  = 3 // something changes
	exitDisrupts = 4 // a virtual address moves or connections drop
)

func planCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [FILE…]",
		Short: "Tell what a configuration would change, and what that means for service",
		Long: `Compare a configuration with the running daemon, or with the kernel when no
daemon runs, and tell object by object what would change. Nothing is changed.
Without FILE the daemon's own files are read.

Exit status: 0 nothing to do, 3 changes, 4 changes that move a virtual address
or drop connections, 1 the configuration has errors, 2 a file cannot be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := c.plan(cmd.Context(), args)
			if err != nil {
				return err
			}
			if c.json {
				if err := writeJSON(cmd.OutOrStdout(), plan); err != nil {
					return err
				}
			} else {
				renderPlan(cmd.OutOrStdout(), plan)
			}
			return planExit(plan)
		},
	}
	c.configFlags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// plan asks the daemon, or compares with the kernel when there is none.
func (c *common) plan(ctx context.Context, args []string) (conf.Plan, error) {
	cl := c.client()
	var st api.Status
	_, errDaemon := cl.ask(ctx, http.MethodGet, "/v1/status", nil, &st)
	if errDaemon != nil && !errors.Is(errDaemon, errNoDaemon) {
		return conf.Plan{}, errDaemon
	}
	files, director := c.configFiles(args), c.director
	if len(c.files)+len(args) == 0 && errDaemon == nil {
		files = st.Files
	}
	if director == "" {
		director = st.Director
	}
	want, diags := daemon.LoadConfig(files, conf.Format(c.format), director)
	diags.Write(os.Stderr)
	if want == nil {
		return conf.Plan{}, &exitError{code: diagnosticsExit(diags)}
	}
	if errDaemon != nil {
		fmt.Fprintln(os.Stderr, "no daemon runs: compared with the kernel")
		plan, err := daemon.PlanKernel(want, c.runtimeDir)
		if err != nil {
			return plan, problem(err)
		}
		return plan, nil
	}
	var plan conf.Plan
	_, err := cl.ask(ctx, http.MethodPost, "/v1/plan", want, &plan)
	return plan, err
}

func planExit(p conf.Plan) error {
	switch {
	case p.Disrupts():
		return &exitError{code: exitDisrupts}
	case len(p.Changed()) > 0:
		return &exitError{code: exitChanges}
	}
	return nil
}

// signs mark each action in the margin, as people know them from diffs.
var signs = map[conf.Action]string{
	conf.ActionAdd: "+", conf.ActionRetune: "~", conf.ActionRecreate: "!", conf.ActionRemove: "-",
}

// renderPlan prints what changes: an object a line, settings and impact below.
func renderPlan(w io.Writer, p conf.Plan) {
	changed := p.Changed()
	for _, c := range changed {
		within := ""
		if c.Within != "" {
			within = " of " + c.Within
		}
		fmt.Fprintf(w, "%s %s %s %s%s\n", signs[c.Action], c.Action, c.Object, c.Name, within)
		for _, f := range c.Fields {
			fmt.Fprintf(w, "      %s\n", f)
		}
		for _, line := range c.Impact {
			fmt.Fprintf(w, "    > %s\n", line)
		}
	}
	kept := len(p.Changes) - len(changed)
	switch {
	case len(changed) == 0:
		fmt.Fprintf(w, "nothing to do: %d objects stay as they are\n", kept)
	case p.Disrupts():
		fmt.Fprintf(w, "%d changes, %d objects stay as they are. SERVICE IS TOUCHED: see above.\n", len(changed), kept)
	default:
		fmt.Fprintf(w, "%d changes, %d objects stay as they are. No address moves, no connection drops.\n", len(changed), kept)
	}
}
