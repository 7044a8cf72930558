package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

func explainCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain INSTANCE",
		Short: "Tell why an instance is (not) master, and what would change it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var raw []byte
			if _, err := c.client().ask(cmd.Context(), http.MethodGet, "/v1/explain?instance="+url.QueryEscape(args[0]), nil, &raw); err != nil {
				return err
			}
			var x api.Explain
			if err := json.Unmarshal(raw, &x); err != nil {
				return problem(fmt.Errorf("decode explanation: %w", err))
			}
			if c.json {
				if _, err := cmd.OutOrStdout().Write(raw); err != nil {
					return problem(err)
				}
			} else {
				renderExplain(cmd.OutOrStdout(), x)
			}
			if x.Error != "" {
				return problem(errors.New(x.Error))
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// renderExplain prints an explanation: the answer first, then what it rests on.
func renderExplain(w io.Writer, x api.Explain) {
	for i := range x.Routers {
		renderExplained(w, x.Now, &x.Routers[i])
	}
	if x.Standby != nil {
		fmt.Fprintln(w, "order:    "+standbyText(*x.Standby))
	}
	for _, t := range x.Tracks {
		fmt.Fprintf(w, "tracked:  %s is %s", t.ID, t.State)
		if !t.At.IsZero() {
			fmt.Fprintf(w, ", looked at %s ago, %d of %d looks failed", age(x.Now, t.At), t.Failures, t.Runs)
		}
		if t.Detail != "" {
			fmt.Fprintf(w, ": %s", t.Detail)
		}
		fmt.Fprintln(w)
		for _, line := range strings.Split(t.Output, "\n") {
			if line != "" {
				fmt.Fprintln(w, "            | "+line)
			}
		}
	}
}

func renderExplained(w io.Writer, now time.Time, r *api.ExplainedRouter) {
	s := &r.Status
	fmt.Fprintf(w, "%s  %s %s VRID %d: %s\n", s.Name, s.Interface, s.Family, s.VRID, r.Why)
	fmt.Fprintf(w, "priority: %s\n", r.Priority)
	if r.Next != "" {
		fmt.Fprintf(w, "next:     %s\n", r.Next)
	}
	for _, line := range r.WhatIf {
		fmt.Fprintf(w, "what if:  %s\n", line)
	}
	for _, p := range s.Peers {
		fmt.Fprintf(w, "heard:    %s priority %d, %s ago, every %s\n", p.Address, p.Priority, age(now, p.Heard), p.Interval)
	}
	for reason, n := range s.Counters.Dropped {
		fmt.Fprintf(w, "dropped:  %d packets (%s)\n", n, reason)
	}
	for _, p := range s.Past {
		fmt.Fprintf(w, "past:     %s  %s → %s (%s)", p.At.Format(time.DateTime+".000"), p.From, p.To, p.Reason)
		if p.Peer.IsValid() {
			fmt.Fprintf(w, " peer %s priority %d", p.Peer, p.PeerPriority)
		}
		if p.Detail != "" {
			fmt.Fprintf(w, " %s", p.Detail)
		}
		fmt.Fprintln(w)
	}
}

// renderElection prints what an election depends on beyond the configuration.
func renderElection(w io.Writer, in api.Instance) {
	if in.Standby != nil {
		fmt.Fprintf(w, "  ON STANDBY %s\n", in.Standby.Reason)
	}
	if in.Group != "" {
		fmt.Fprintf(w, "  in sync group %s", in.Group)
		if in.AwaitsGroup {
			fmt.Fprint(w, ", waits for its other members")
		}
		fmt.Fprintln(w)
	}
	for _, c := range in.Tracks {
		fmt.Fprintf(w, "  tracks %s: %s", c.Track, c.State)
		switch {
		case c.Fault:
			fmt.Fprint(w, ", FAULT")
		case c.Weight != 0:
			fmt.Fprintf(w, ", adds %d", c.Delta)
		}
		fmt.Fprintln(w)
	}
}

// renderOrders prints the standby orders.
func renderOrders(w io.Writer, st api.Status) {
	for _, o := range st.Standby {
		fmt.Fprintln(w, "\n"+standbyText(o))
	}
}
