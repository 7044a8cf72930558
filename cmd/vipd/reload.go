package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

// reloadFlags are how people want their reload.
type reloadFlags struct {
	dryRun, confirmed, wait bool
	confirm                 time.Duration
}

func reloadCommand(c *common) *cobra.Command {
	var f reloadFlags
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Load the configuration again, tell what changes and how it went",
		Long: `Load the configuration again, wait for the result and tell what changed. A
configuration with an error changes nothing and is printed with all its problems.

With --wait=false the answer comes once the plan is accepted, before anything has
changed; "vipd status" tells how it went. With --confirm the old configuration comes back by itself unless
"vipd reload --confirmed" is run in time.

Exit status: 0 applied or, with --wait=false, accepted, 1 rejected or applied in
part.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.confirmed {
				return confirmReload(cmd.Context(), c.client())
			}
			var res api.Reload
			if _, err := c.client().ask(cmd.Context(), http.MethodPost, "/v1/reload?"+f.query(), nil, &res); err != nil {
				return err
			}
			return c.showReload(cmd.OutOrStdout(), f, res)
		},
	}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only tell what would change")
	cmd.Flags().DurationVar(&f.confirm, "confirm", 0, "roll back unless confirmed within this time")
	cmd.Flags().BoolVar(&f.confirmed, "confirmed", false, "confirm the last reload")
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait for the result; otherwise vipd status has it")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "confirm", "confirmed")
	c.jsonFlag(cmd)
	return cmd
}

func (f reloadFlags) query() string {
	q := make(url.Values)
	if f.dryRun {
		q.Set("dry_run", "1")
	}
	if f.confirm != 0 {
		q.Set("confirm", f.confirm.String())
	}
	if !f.wait {
		q.Set("wait", "0")
	}
	return q.Encode()
}

func confirmReload(ctx context.Context, cl *client) error {
	resp, err := cl.do(ctx, http.MethodPost, "/v1/reload/confirm", nil)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return problem(errors.New("no reload waits for a confirmation; it may have been rolled back: see vipd status"))
	}
	return nil
}

func (c *common) showReload(w io.Writer, f reloadFlags, res api.Reload) error {
	if c.json {
		if err := writeJSON(w, res); err != nil {
			return err
		}
	} else {
		renderReload(w, f, res)
	}
	if !res.OK {
		return &exitError{code: exitProblem}
	}
	return nil
}

func renderReload(w io.Writer, f reloadFlags, res api.Reload) {
	res.Diagnostics.Write(os.Stderr)
	if !res.OK {
		fmt.Fprintln(w, "reload failed: "+res.Error)
		return
	}
	renderPlan(w, res.Plan)
	switch {
	case f.dryRun:
		fmt.Fprintln(w, "dry run: nothing was changed")
	case res.Pending:
		fmt.Fprintf(w, "reload accepted as number %d; `vipd status` tells how it went\n", res.Count)
	case !res.ConfirmBy.IsZero():
		fmt.Fprintf(w, "reload applied; run `vipd reload --confirmed` before %s or it is rolled back\n", res.ConfirmBy.Format(time.TimeOnly))
	default:
		fmt.Fprintln(w, "reload applied")
	}
}
