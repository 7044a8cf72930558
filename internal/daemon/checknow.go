package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
)

// callCheckNow asks the checker role to probe real servers at once.
const callCheckNow = "check_now"

// checkNow probes the real servers that q names and returns when all results
// are in, or ctx ends.
func (c *checkerRole) checkNow(ctx context.Context, body json.RawMessage) (any, error) {
	q, err := decode[api.CheckQuery](body)
	if err != nil {
		return nil, err
	}
	found := c.checksOf(q)
	if len(found) == 0 {
		return nil, fmt.Errorf("no check of virtual server %q %s: see `vipd status`", q.Service, q.RealServer)
	}
	var work sync.WaitGroup
	for i := range found {
		f := &found[i]
		work.Go(func() {
			result, err := c.probes.ProbeNow(ctx, f.key)
			if err != nil {
				f.result.Error = err.Error()
			}
			f.result.Result = result
			f.result.Verdict = c.probes.Verdict(f.key)
			f.result.History = c.probes.History(f.key)
		})
	}
	work.Wait()
	out := make([]api.CheckResult, 0, len(found))
	for _, f := range found {
		out = append(out, f.result)
	}
	return out, nil
}

// foundCheck is a check that a query asks for.
type foundCheck struct {
	key    healthcheck.Key
	result api.CheckResult
}

// checksOf lists the checks of a service's real servers, or of one of them.
func (c *checkerRole) checksOf(q api.CheckQuery) []foundCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []foundCheck
	for _, s := range c.pools.services {
		if s.Name != q.Service {
			continue
		}
		for _, rs := range s.RealServers {
			if namesServer(q.RealServer, rs.Address) {
				all = append(all, serverChecks(s, rs.Address)...)
			}
		}
	}
	return all
}

func serverChecks(s conf.Service, real netip.AddrPort) []foundCheck {
	var all []foundCheck
	for _, ck := range s.Checks[real] {
		key := healthcheck.KeyFor(ck, real)
		all = append(all, foundCheck{key: key, result: api.CheckResult{
			Service: s.Name, RealServer: real, Name: ck.Name, Kind: string(key.Settings.Kind), Target: targetText(key.Target),
		}})
	}
	return all
}

// namesServer reports whether a text names a real server: by address, by
// address and port, or by nothing, which means every one.
func namesServer(text string, real netip.AddrPort) bool {
	return text == "" || text == real.String() || text == real.Addr().String()
}

// checkNowBound is longer than any sensible timeout of a check: a client that
// gives up earlier ends the wait as well.
const checkNowBound = 5 * time.Minute

// serveCheckNow is POST /v1/check-now?service=NAME&real_server=ADDRESS.
func (s *supervisor) serveCheckNow(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkNowBound)
	defer cancel()
	q := api.CheckQuery{Service: r.URL.Query().Get("service"), RealServer: r.URL.Query().Get("real_server")}
	var results []api.CheckResult
	if err := s.checker.call(ctx, callCheckNow, q, &results); err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, api.Failure{Error: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, results)
}
