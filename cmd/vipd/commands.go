package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

func statusCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show instances, addresses, virtual servers and real servers",
		Long: `Show instances, addresses, virtual servers and real servers of the running daemon.

Exit status: 0 all well, 1 the daemon does not run or reports a problem.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var raw []byte
			if _, err := c.client().ask(cmd.Context(), http.MethodGet, "/v1/status", nil, &raw); err != nil {
				return err
			}
			var st api.Status
			if err := json.Unmarshal(raw, &st); err != nil {
				return problem(fmt.Errorf("decode status: %w", err))
			}
			if c.json {
				var out bytes.Buffer
				if err := json.Indent(&out, raw, "", "  "); err != nil {
					return problem(fmt.Errorf("print status: %w", err))
				}
				_, _ = out.WriteTo(cmd.OutOrStdout())
			} else {
				renderStatus(cmd.OutOrStdout(), st)
			}
			if len(st.Problems) > 0 {
				return &exitError{code: exitProblem}
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func eventsCommand(c *common) *cobra.Command {
	var follow bool
	var since uint64
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print recent events, or follow them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := fmt.Sprintf("/v1/events?since=%d", since)
			if follow {
				path += "&follow=1"
			}
			resp, err := c.client().do(cmd.Context(), http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return c.printEvents(cmd.OutOrStdout(), resp.Body)
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with the events to come")
	cmd.Flags().Uint64Var(&since, "since", 0, "only events after this sequence number")
	c.jsonFlag(cmd)
	return cmd
}

// printEvents copies JSON lines or renders them, one event a line.
func (c *common) printEvents(w io.Writer, r io.Reader) error {
	if c.json {
		_, err := io.Copy(w, r)
		return err
	}
	dec := json.NewDecoder(r)
	for {
		var e api.Event
		if err := dec.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return problem(fmt.Errorf("read events: %w", err))
		}
		fmt.Fprintf(w, "%6d  %s  %-5s  %-10s  %s\n", e.Seq, e.At.Format(time.DateTime+".000"), e.Level, e.Kind, e.Message)
	}
}

func versionCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"version": version})
			}
			fmt.Fprintln(cmd.OutOrStdout(), "vipd "+version)
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
