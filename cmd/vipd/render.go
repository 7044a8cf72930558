package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
)

// writeJSON prints JSON that people can read, too.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return problem(fmt.Errorf("print JSON: %w", err))
	}
	return nil
}

// renderStatus prints a status for people: problems first, then what is
// served, then who serves it.
func renderStatus(w io.Writer, st api.Status) {
	fmt.Fprintf(w, "vipd %s, pid %d, up %s", st.Version, st.PID, age(st.Now, st.Started))
	if st.Director != "" {
		fmt.Fprintf(w, ", director %s", st.Director)
	}
	fmt.Fprintln(w)
	for _, p := range st.Problems {
		fmt.Fprintln(w, "PROBLEM: "+p)
	}
	for _, in := range st.Instances {
		renderInstance(w, st.Now, in)
	}
	renderOrders(w, st)
	for _, s := range st.Services {
		renderService(w, st.Now, s)
	}
	renderDaemon(w, st)
}

func renderInstance(w io.Writer, now time.Time, in api.Instance) {
	fmt.Fprintf(w, "\nvrrp_instance %s  %s VRID %d v%d\n", in.Name, in.Interface, in.VRID, in.Version)
	fmt.Fprintf(w, "  %s for %s (%s from %s), priority %d, advert interval %s, lease %s\n",
		strings.ToUpper(in.State.String()), age(now, in.Since), in.LastReason, in.LastFrom, in.Priority, in.AdvertInterval, lease(in))
	if in.LastDetail != "" {
		fmt.Fprintf(w, "  %s\n", in.LastDetail)
	}
	if in.Master.IsValid() {
		fmt.Fprintf(w, "  master is %s, priority %d, heard %s ago\n", in.Master, in.MasterPriority, age(now, in.MasterHeard))
	}
	if in.PreemptHeld {
		fmt.Fprintln(w, "  preemption waits until the carrier is stable and the table is programmed")
	}
	renderElection(w, in)
	for _, a := range in.Addresses {
		fmt.Fprintf(w, "  %-20s %s", a.Address, a.State)
		if a.PutBacks > 0 {
			fmt.Fprintf(w, ", put back %d times", a.PutBacks)
		}
		if a.Error != "" {
			fmt.Fprintf(w, ", %s", a.Error)
		}
		fmt.Fprintln(w)
	}
}

func lease(in api.Instance) string {
	if in.LeaseTime == 0 {
		return in.Lease
	}
	return fmt.Sprintf("%s %s", in.Lease, in.LeaseTime)
}

func renderService(w io.Writer, now time.Time, s api.Service) {
	fmt.Fprintf(w, "\nvirtual_server %s  %s %s", s.Name, keysText(s), s.Scheduler)
	if s.Persistent > 0 {
		fmt.Fprintf(w, " persistent %s", s.Persistent)
	}
	if s.QuorumNeeded > 1 {
		fmt.Fprintf(w, ", weight %d, quorum %d", s.Weight, s.QuorumNeeded)
	}
	if s.Suspended {
		fmt.Fprint(w, ", checks suspended")
	}
	if !s.Quorum && s.QuorumNeeded > 1 {
		fmt.Fprint(w, "  NO QUORUM")
	}
	if s.FallbackActive {
		fmt.Fprint(w, "  FALLBACK ACTIVE")
	}
	if s.Error != "" {
		fmt.Fprintf(w, "  ERROR: %s", s.Error)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  real server\tmethod\tweight\tstate\tactive\tinactive\tlast result")
	for _, rs := range s.RealServers {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			serverText(rs), rs.Forward, weight(rs), verdict(now, rs), rs.Active, rs.Inactive, lastResult(rs))
	}
	t.Flush()
}

// mostKeys is how many services of a group are shown.
const mostKeys = 4

func keysText(s api.Service) string {
	var words []string
	for i, k := range s.Keys {
		if i == mostKeys {
			words = append(words, fmt.Sprintf("and %d more", len(s.Keys)-i))
			break
		}
		words = append(words, k.String())
	}
	if len(words) == 0 {
		return s.Protocol + " " + s.Address.String()
	}
	return strings.Join(words, ", ")
}

func serverText(rs api.RealServer) string {
	if rs.Host != "" {
		return fmt.Sprintf("%s (%s)", rs.Address, rs.Host)
	}
	return rs.Address.String()
}

func weight(rs api.RealServer) string {
	switch {
	case !rs.InKernel:
		return "-"
	case rs.Weight != rs.Configured && !rs.Fallback:
		return fmt.Sprintf("%d of %d", rs.Weight, rs.Configured)
	}
	return fmt.Sprint(rs.Weight)
}

func verdict(now time.Time, rs api.RealServer) string {
	switch {
	case rs.Fallback:
		return "fallback"
	case rs.Maintenance:
		return "down, maintenance"
	case rs.Override != nil:
		return fmt.Sprintf("%s, %s", rs.Verdict, overrideText(*rs.Override))
	case special[rs.Reason]:
		return fmt.Sprintf("%s, %s", rs.Verdict, rs.Reason)
	case len(rs.Checks) == 0:
		return "not checked"
	case rs.Since.IsZero():
		return rs.Verdict.String()
	}
	return fmt.Sprintf("%s %s", rs.Verdict, age(now, rs.Since))
}

// special are reasons that the verdict does not tell.
var special = map[api.Reason]bool{api.ReasonHeld: true, api.ReasonSlowStart: true, api.ReasonNoQuorum: true, api.ReasonUnproven: true, api.ReasonLeaving: true}

// lastResult shows the failing check when one fails, else the first.
func lastResult(rs api.RealServer) string {
	out := ""
	for _, ck := range rs.Checks {
		if ck.Last.At.IsZero() {
			continue
		}
		text := fmt.Sprintf("%s: %s (%s)", ck.Key.Settings.Kind, ck.Last.Reason, ck.Last.Duration.Round(100*time.Microsecond))
		if !ck.Last.OK() {
			return text
		}
		if out == "" {
			out = text
		}
	}
	return out
}

func renderDaemon(w io.Writer, st api.Status) {
	fmt.Fprintln(w)
	for _, r := range st.Roles {
		state := "running"
		if !r.Running {
			state = "NOT RUNNING"
		}
		fmt.Fprintf(w, "role %-8s %s, pid %d, up %s, %d restarts", r.Name, state, r.PID, age(st.Now, r.Since), r.Restarts)
		if r.Spare != 0 {
			fmt.Fprintf(w, ", process %d is ready to replace it", r.Spare)
		}
		fmt.Fprintln(w)
	}
	renderIPVS(w, st)
	outcome := "applied"
	if !st.Reload.OK {
		outcome = "REJECTED"
	}
	if st.Reload.Pending {
		outcome += "; another reload is being applied"
	}
	fmt.Fprintf(w, "configuration %s, loaded %s ago: %s\n", strings.Join(st.Files, ", "), age(st.Now, st.Reload.At), outcome)
}

// age is a duration rounded for reading.
func age(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case then.IsZero():
		return "-"
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// renderIPVS tells what is worth knowing of the kernel's table as a whole.
func renderIPVS(w io.Writer, st api.Status) {
	if st.IPVS.Services > 0 {
		fmt.Fprintf(w, "IPVS table: %d services, %d real servers\n", st.IPVS.Services, st.IPVS.Destinations)
	}
	if len(st.IPVS.Foreign) > 0 {
		fmt.Fprintf(w, "IPVS services of others, left alone: %d\n", len(st.IPVS.Foreign))
	}
	if st.IPVS.Drift > 0 {
		fmt.Fprintf(w, "IPVS table changed by others %d times, last %s ago: %s\n",
			st.IPVS.Drift, age(st.Now, st.IPVS.LastDriftAt), strings.Join(st.IPVS.LastDrift, "; "))
	}
	for _, d := range st.IPVS.Sync {
		fmt.Fprintln(w, "connection sync: "+d)
	}
}
