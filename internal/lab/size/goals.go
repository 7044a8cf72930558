package main

import (
	"fmt"
	"strings"
	"time"
)

// goal is what a reload must not exceed.
type goal struct {
	name, measured string
	held           bool
}

const (
	// share of keepalived's processor time that a reload may take.
	share = 20
	// newest is what keepalived 2.4.3 takes for one of 1,000 services with 10
	// real servers each in this guest, which has an older one.
	newest                       = 6600 * time.Millisecond
	newestServices, newestServed = 1000, 10000
)

// judge compares what was measured with the goals.
func judge(all []step) []goal {
	var out []goal
	for _, size := range sizesOf(all) {
		find := func(place, daemon, name string) *step {
			for i, s := range all {
				if s.Services == size.Services && s.Reals == size.Reals && s.Place == place && s.Daemon == daemon && s.Name == name {
					return &all[i]
				}
			}
			return nil
		}
		add := func(s *step, name string, judged func(step) (string, bool)) {
			g := goal{name: fmt.Sprintf("%d × %d: %s", size.Services, size.Reals, name), measured: "not measured"}
			if s != nil && !s.Cut {
				g.measured, g.held = judged(*s)
			}
			out = append(out, g)
		}
		add(find(inGuest, "vipd", stopAll), "every step is made, and leaves what it should", func(step) (string, bool) {
			return whole(all, size)
		})
		for _, name := range []string{reloadSame, reloadComment, reloadWeight} {
			n := 0
			if name == reloadWeight {
				n = 1
			}
			here := find(inGuest, "vipd", name)
			add(here, fmt.Sprintf("%s: writes = %d", name, n), func(s step) (string, bool) { return count(s.Writes), s.Writes == n })
			add(here, name+": no gap over two intervals in the guest", func(s step) (string, bool) {
				return milliseconds(s.Gap), s.Gap > 0 && s.Gap <= 2*interval
			})
			add(find(onHost, "vipd", name), name+": no advert late on the machine", func(s step) (string, bool) { return count(s.Late), s.Late == 0 })
			// keepalived takes a file for a new one whatever is in it: where its time
			// was over before, the reload before counts.
			k := find(inGuest, "keepalived", name)
			if k == nil {
				k = find(inGuest, "keepalived", reloadSame)
			}
			if k != nil {
				add(here, fmt.Sprintf("%s: CPU ≤ 1/%d of keepalived's %s here", name, share, seconds(k.CPU)), func(s step) (string, bool) {
					return seconds(s.CPU), s.CPU <= k.CPU/share
				})
			}
		}
		same := find(inGuest, "vipd", reloadSame)
		if size.Services == newestServices && size.Reals == newestServed {
			add(same, fmt.Sprintf("%s: CPU ≤ 1/%d of the %s of keepalived 2.4.3", reloadSame, share, seconds(newest)), func(s step) (string, bool) {
				return seconds(s.CPU), s.CPU <= newest/share
			})
		}
	}
	return out
}

// whole reports what vipd's steps left behind that they should not.
func whole(all []step, size cell) (string, bool) {
	var bad []string
	for _, s := range all {
		if s.Daemon == "vipd" && s.Services == size.Services && s.Reals == size.Reals && s.Trouble != "" {
			bad = append(bad, s.Place+", "+s.Name+": "+s.Trouble)
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, "; "), false
	}
	return "yes", true
}
