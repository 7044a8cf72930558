package daemon

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// serveExplain answers why an instance is (not) master.
func (s *supervisor) serveExplain(w http.ResponseWriter, r *http.Request) {
	answer, code := s.explain(r.Context(), r.URL.Query().Get("instance"))
	writeJSON(w, code, answer)
}

// explain asks the router role and adds what the supervisor knows.
func (s *supervisor) explain(ctx context.Context, name string) (api.Explain, int) {
	ctx, cancel := context.WithTimeout(ctx, statusBound)
	defer cancel()
	var st routerStatus
	if err := s.router.call(ctx, callStatus, nil, &st); err != nil {
		return api.Explain{Error: err.Error()}, http.StatusServiceUnavailable
	}
	x := api.Explain{Now: time.Now()}
	var known []string
	for i := range st.Routers {
		rt := &st.Routers[i]
		known = append(known, rt.Name)
		if rt.Name == name {
			x.Routers = append(x.Routers, api.ExplainedRouter{Explanation: vrrp.Explain(rt, x.Now), Status: *rt})
		}
	}
	if len(x.Routers) == 0 {
		x.Error = fmt.Sprintf("there is no instance %q; the instances are %s", name, strings.Join(slices.Compact(known), ", "))
		return x, http.StatusNotFound
	}
	s.explainOutside(&x, name)
	return x, http.StatusOK
}

// explainOutside adds what is tracked and what was ordered.
func (s *supervisor) explainOutside(x *api.Explain, name string) {
	for _, t := range s.tracks.manager.Status() {
		if slices.ContainsFunc(x.Routers[0].Status.Tracks, func(c vrrp.Contribution) bool { return c.Track == t.ID }) {
			x.Tracks = append(x.Tracks, t)
		}
	}
	names := groupNames(s.config(), name)
	for _, o := range s.standby.all() {
		if slices.Contains(names, o.Instance) {
			x.Standby = &o
		}
	}
}
