package daemon

import (
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp/runner"
)

func readRoleUp(st api.Status, e emit) {
	for _, r := range st.Roles {
		e(number(r.Running), r.Name)
	}
}

func readRoleRestarts(st api.Status, e emit) {
	for _, r := range st.Roles {
		e(float64(r.Restarts), r.Name)
	}
}

func readAddresses(st api.Status, e emit) {
	for _, in := range st.Instances {
		for _, a := range in.Addresses {
			e(number(a.State == runner.AddressHeld), in.Name, in.Family, a.Address.String())
		}
	}
}

func readPutBacks(st api.Status, e emit) {
	for _, in := range st.Instances {
		for _, a := range in.Addresses {
			e(float64(a.PutBacks), in.Name, in.Family, a.Address.String())
		}
	}
}

// perService reads one value of every service.
func perService(f func(api.Service) float64) func(api.Status, emit) {
	return func(st api.Status, e emit) {
		for _, s := range st.Services {
			e(f(s), s.Name)
		}
	}
}

// eachReal visits the real servers; the fallback, which has no checks, is
// left out unless asked for.
func eachReal(st api.Status, fallback bool, visit func(api.Service, api.RealServer)) {
	for _, s := range st.Services {
		for _, rs := range s.RealServers {
			if fallback || !rs.Fallback {
				visit(s, rs)
			}
		}
	}
}

func readWeights(st api.Status, e emit) {
	seen := make(map[[2]string]bool) // a fallback may also be a real server
	eachReal(st, true, func(s api.Service, rs api.RealServer) {
		key := [2]string{s.Name, rs.Address.String()}
		if rs.InKernel && !seen[key] {
			seen[key] = true
			e(float64(rs.Weight), key[0], key[1])
		}
	})
}

func readVerdicts(st api.Status, e emit) {
	eachReal(st, false, func(s api.Service, rs api.RealServer) {
		e(number(rs.Verdict == healthcheck.Up), s.Name, rs.Address.String())
	})
}

// readCheckResults adds up the checks of one kind: a real server may have
// several.
func readCheckResults(st api.Status, e emit) {
	eachReal(st, false, func(s api.Service, rs api.RealServer) {
		good, bad := make(map[healthcheck.Kind]uint64), make(map[healthcheck.Kind]uint64)
		for _, ck := range rs.Checks {
			good[ck.Key.Settings.Kind] += ck.Successes
			bad[ck.Key.Settings.Kind] += ck.Failures
		}
		for kind := range good {
			e(float64(good[kind]), s.Name, rs.Address.String(), string(kind), "success")
			e(float64(bad[kind]), s.Name, rs.Address.String(), string(kind), "failure")
		}
	})
}

// readCheckDurations shows the slowest check of each kind.
func readCheckDurations(st api.Status, e emit) {
	eachReal(st, false, func(s api.Service, rs api.RealServer) {
		slowest := make(map[healthcheck.Kind]float64)
		for _, ck := range rs.Checks {
			kind := ck.Key.Settings.Kind
			slowest[kind] = max(slowest[kind], ck.Last.Duration.Seconds())
		}
		for kind, d := range slowest {
			e(d, s.Name, rs.Address.String(), string(kind))
		}
	})
}

func overridden(s api.Service) (n float64) {
	for _, rs := range s.RealServers {
		n += number(rs.Override != nil)
	}
	return n
}
