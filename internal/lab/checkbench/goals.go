package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// goal is what checks must not cost.
type goal struct {
	name, measured string
	held           bool
}

const (
	// frugal is what all processes may take together with manyServers, KiB.
	frugal      = 100 << 10
	manyServers = 10_000
	// A machine that is no busier than this, in percent, keeps up with every
	// check: none is later than by one interval.
	busiest = 75
	// unchanged is how much later adverts may be on the average: a hundredth of
	// their interval.
	unchanged = time.Millisecond
)

// judge compares what was measured with the goals.
func judge(rows []row) (out []goal) {
	idle := find(rows, func(r row) bool { return r.load.kind == noChecks })
	for _, r := range rows {
		if r.daemon != "vipd" || r.load.kind == noChecks {
			continue
		}
		add := func(name string, measured string, held bool) {
			if r.err != nil {
				measured, held = "not measured", false
			}
			out = append(out, goal{fmt.Sprintf("%s, %d real servers, %s: %s", r.load.kind, r.load.servers, r.load.interval, name), measured, held})
		}
		if k := find(rows, func(k row) bool { return k.load == r.load && k.daemon == "keepalived" }); k != nil && k.err == nil {
			add("less processor time per check than keepalived's "+perCheck(k.CPU, k.Checks), perCheck(r.CPU, r.Checks), each(r.CPU, r.Checks) < each(k.CPU, k.Checks))
		}
		if r.load.servers >= manyServers {
			add("all processes in less than 100 MB", fmt.Sprintf("%.1f MB", float64(r.All)/1024), r.All < frugal)
		}
		if busy := r.busy(); busy <= busiest {
			add("no check more than one interval late", fmt.Sprintf("%s at %.0f %% of the machine", short(r.Pause), busy), r.Pause <= 2*r.load.interval)
		}
		if idle != nil {
			add("adverts as punctual as without checks", fmt.Sprintf("%.2f ms, %.2f ms without", milliseconds(r.Late), milliseconds(idle.Late)), r.Late >= 0 && r.Late <= idle.Late+unchanged)
		}
	}
	return out
}

// missed is the goals that are not held, as an error.
func missed(goals []goal) (failed error) {
	for _, g := range goals {
		if !g.held {
			failed = errors.Join(failed, fmt.Errorf("goal missed: %s: %s", g.name, g.measured))
		}
	}
	return failed
}

func find(rows []row, wanted func(row) bool) *row {
	if i := slices.IndexFunc(rows, wanted); i >= 0 {
		return &rows[i]
	}
	return nil
}

// busy is how busy the guest was, in percent of its machine.
func (r row) busy() float64 { return 100 * r.Host.Seconds() / r.load.window().Seconds() }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
