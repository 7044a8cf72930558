package simulate

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Hold is a time during which the same directors held an address.
type Hold struct {
	From  time.Duration `json:"from_ns"`
	To    time.Duration `json:"to_ns"`
	Nodes []string      `json:"directors"` // none: a gap
}

// Address is the history of one virtual address.
type Address struct {
	Interface string        `json:"interface"`
	Address   netip.Prefix  `json:"address"`
	Holds     []Hold        `json:"holds"`
	Longest   time.Duration `json:"longest_gap_ns"` // after it was held for the first time
	Double    time.Duration `json:"double_ns"`      // on two directors at once, in sum
}

// Report is what a simulation showed.
type Report struct {
	Trace     []string      `json:"trace,omitempty"`
	End       time.Duration `json:"end_ns"`
	Addresses []*Address    `json:"addresses"`
	// Broken are expectations and invariants that did not hold.
	Broken []string `json:"broken,omitempty"`
	Digest string   `json:"digest"`
}

// record notes that an address came to a director or went.
func (r *Report) record(at time.Duration, node, iface string, p netip.Prefix, held bool) {
	i := slices.IndexFunc(r.Addresses, func(a *Address) bool { return a.Interface == iface && a.Address == p })
	if i < 0 {
		i = len(r.Addresses)
		r.Addresses = append(r.Addresses, &Address{Interface: iface, Address: p, Holds: []Hold{{}}})
	}
	r.Addresses[i].change(at, node, held)
}

// change ends the last hold and begins another.
func (a *Address) change(at time.Duration, node string, held bool) {
	last := &a.Holds[len(a.Holds)-1]
	nodes := slices.DeleteFunc(slices.Clone(last.Nodes), func(n string) bool { return n == node })
	if held {
		nodes = append(nodes, node)
	}
	last.To = at
	if last.From == at && len(a.Holds) > 1 {
		last.Nodes = nodes
		return
	}
	a.Holds = append(a.Holds, Hold{From: at, Nodes: nodes})
}

// finish computes the sums.
func (r *Report) finish(end time.Duration) {
	r.End = end
	for _, a := range r.Addresses {
		a.Holds[len(a.Holds)-1].To = end
		for i, h := range a.Holds {
			switch {
			case len(h.Nodes) == 0 && i > 0:
				a.Longest = max(a.Longest, h.To-h.From)
			case len(h.Nodes) > 1:
				a.Double += h.To - h.From
			}
		}
	}
}

// findShared adds to what is broken the addresses that two directors have had
// for so long at the end that it will stay like that: their instances do not
// know of each other.
func (r *Report) findShared(settled time.Duration) {
	for _, a := range r.Addresses {
		if last := a.Holds[len(a.Holds)-1]; len(last.Nodes) > 1 && last.To-last.From > settled {
			r.Broken = append(r.Broken, fmt.Sprintf("%s is on %s at once and stays there", a.Address, holders(last)))
		}
	}
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	for _, line := range r.Trace {
		fmt.Fprintln(w, line)
	}
	for _, a := range r.Addresses {
		fmt.Fprintf(w, "\n%s on %s\n", a.Address, a.Interface)
		for _, h := range a.Holds {
			if h.To > h.From {
				fmt.Fprintf(w, "  %10.3f - %10.3f  %s\n", h.From.Seconds(), h.To.Seconds(), holders(h))
			}
		}
		fmt.Fprintf(w, "  longest gap %s, on two directors at once for %s\n", milliseconds(a.Longest), milliseconds(a.Double))
	}
	fmt.Fprintln(w)
	for _, b := range r.Broken {
		fmt.Fprintln(w, "BROKEN: "+b)
	}
	if len(r.Broken) == 0 {
		fmt.Fprintln(w, "verdict: all invariants hold")
	} else {
		fmt.Fprintf(w, "verdict: %d invariants or expectations broken\n", len(r.Broken))
	}
	fmt.Fprintln(w, "digest "+r.Digest)
}

func holders(h Hold) string {
	if len(h.Nodes) == 0 {
		return "nobody"
	}
	return strings.Join(h.Nodes, " and ")
}

func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }
