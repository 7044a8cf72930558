package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

func checkNowCommand(c *common) *cobra.Command {
	var history bool
	cmd := &cobra.Command{
		Use:   "check-now SERVICE[/REAL_SERVER]",
		Short: "Check real servers at once and show every phase",
		Long: `Check real servers of a virtual server at once and show every phase. The results
count like any other. REAL_SERVER is an address, with or without port.

Exit status: 0 all checks are content, 1 one is not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, real, _ := strings.Cut(args[0], "/")
			query := url.Values{"service": {service}, "real_server": {real}}
			var raw []byte
			status, err := c.client().ask(cmd.Context(), http.MethodPost, "/v1/check-now?"+query.Encode(), nil, &raw)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				var failed api.Failure
				if err := json.Unmarshal(raw, &failed); err != nil {
					return problem(fmt.Errorf("decode answer: %w", err))
				}
				return problem(fmt.Errorf("%s", failed.Error))
			}
			var results []api.CheckResult
			if err := json.Unmarshal(raw, &results); err != nil {
				return problem(fmt.Errorf("decode answer: %w", err))
			}
			if c.json {
				cmd.OutOrStdout().Write(raw)
			} else {
				renderChecks(cmd.OutOrStdout(), results, history)
			}
			for _, r := range results {
				if !r.Result.OK() {
					return &exitError{code: exitProblem}
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&history, "history", false, "show the earlier results that are kept, too")
	c.jsonFlag(cmd)
	return cmd
}

// renderChecks prints results as a table, oldest first within a check.
func renderChecks(w io.Writer, results []api.CheckResult, history bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "real server\tcheck\ttime\tconnect\tTLS\tfirst byte\ttotal\tclass\treason")
	for _, r := range results {
		rows := r.History
		if !history || len(rows) == 0 {
			rows = rows[max(len(rows)-1, 0):]
		}
		for _, h := range rows {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.RealServer, checkTitle(r), h.At.Format(time.TimeOnly+".000"),
				phase(h.Connect), phase(h.TLS), phase(h.First), phase(h.Duration), h.Class, h.Reason)
		}
		if r.Error != "" {
			fmt.Fprintf(t, "%s\t%s\t\t\t\t\t\t\t%s\n", r.RealServer, checkTitle(r), r.Error)
		}
		fmt.Fprintf(t, "%s\t%s\tverdict: %s\n", r.RealServer, checkTitle(r), r.Verdict)
	}
}

func checkTitle(r api.CheckResult) string {
	if r.Name == "" {
		return r.Kind
	}
	return r.Kind + " " + r.Name
}

// phase prints the length of a phase that took place.
func phase(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(10 * time.Microsecond).String()
}
