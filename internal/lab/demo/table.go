package main

import (
	"strings"

	"github.com/vipd/vipd/internal/lab"
)

// operations counts the IPVS operations that a daemon's log tells of.
func operations(log string) int {
	n := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, " event=ipvs op=") {
			n++
		}
	}
	return n
}

// differences counts the services and real servers that two tables of the
// same kernel do not have in common, connections aside.
func differences(a, b []lab.VirtualServer) int {
	in := func(table []lab.VirtualServer) map[string]int {
		out := map[string]int{}
		for _, v := range table {
			service := v.Protocol + " " + v.Address.String()
			out[service+" "+v.Scheduler] = 1
			for _, r := range v.Reals {
				out[service+" "+r.Address.String()+" "+r.Forward] = r.Weight
			}
		}
		return out
	}
	left, right := in(a), in(b)
	n := 0
	for k, v := range left {
		if w, ok := right[k]; !ok || w != v {
			n++
		}
	}
	for k := range right {
		if _, ok := left[k]; !ok {
			n++
		}
	}
	return n
}
