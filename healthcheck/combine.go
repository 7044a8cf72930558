package healthcheck

import (
	"iter"
	"net/netip"
)

// Combine returns what the verdicts of several checks mean together when at
// least require of them must be up; 0 = all. Unknown ones leave it open as
// long as they could turn it.
func Combine(require int, verdicts []Verdict) Verdict {
	if require <= 0 || require > len(verdicts) {
		require = len(verdicts)
	}
	var up, unknown int
	for _, v := range verdicts {
		switch v {
		case Up:
			up++
		case Unknown:
			unknown++
		}
	}
	switch {
	case up >= require:
		return Up
	case up+unknown < require:
		return Down
	}
	return Unknown
}

// Judge returns the verdict on a real server that has checks, of which require
// must be up; 0 = all. verdict tells what the probes say. A check whose
// dependency is down says nothing: its real server may be as well as before,
// only we cannot see it.
func Judge(checks []Check, require int, real netip.AddrPort, verdict func(Key) Verdict) Verdict {
	verdicts := make([]Verdict, 0, len(checks))
	for _, c := range checks {
		v := verdict(KeyFor(c, real))
		for d := c.DependsOn; d != nil; d = d.DependsOn {
			if verdict(KeyFor(*d, real)) == Down {
				v = Unknown
			}
		}
		verdicts = append(verdicts, v)
	}
	return Combine(require, verdicts)
}

// Keys returns the probes that checks of a real server need, dependencies
// included.
func Keys(checks []Check, real netip.AddrPort) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for i := range checks {
			for c := &checks[i]; c != nil; c = c.DependsOn {
				if !yield(KeyFor(*c, real)) {
					return
				}
			}
		}
	}
}
