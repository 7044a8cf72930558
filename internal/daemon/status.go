package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// statusBound is how long status waits for a role before it shows the rest;
// tellBound is that for the checker role, which may have much to tell.
const (
	statusBound = time.Second
	tellBound   = 8 * time.Second
)

// fullStatus is an api.Status whose virtual servers are passed on as the
// checker role wrote them: they are megabytes, of no concern to the supervisor.
type fullStatus struct {
	api.Status
	Services json.RawMessage `json:"services,omitempty"`
}

// text is the JSON of an api.Status.
func (st fullStatus) text() (json.RawMessage, error) {
	services := st.Services
	st.Services = nil
	if len(services) == 0 {
		services = json.RawMessage("null")
	}
	return splice("services", services, st)
}

// status is fullStatus with everything read.
func (s *supervisor) status(ctx context.Context) api.Status {
	full := s.fullStatus(ctx)
	if len(full.Services) > 0 {
		if err := json.Unmarshal(full.Services, &full.Status.Services); err != nil {
			full.Problems = append(full.Problems, "read status of virtual servers: "+err.Error())
		}
	}
	return full.Status
}

// fullStatus asks both roles and puts their answers together. A role that does
// not answer becomes a problem in the answer, not a failure of it.
func (s *supervisor) fullStatus(ctx context.Context) fullStatus {
	select {
	case <-s.configured: // before, there would be nothing to show
	case <-time.After(statusBound):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, tellBound)
	defer cancel()
	s.mu.Lock()
	st := api.Status{
		Version: s.opt.Version, PID: os.Getpid(), Goroutines: runtime.NumGoroutine(), Started: s.started, Now: time.Now(),
		Director: s.cfg.Director, Files: s.cfg.Files, Reload: s.reload, Upgrade: s.lastUpgrade,
	}
	s.mu.Unlock()
	st.Roles = []api.Role{s.router.status(), s.checker.status()}
	var checker checkerStatus
	asked := make(chan error, 1)
	go func() { asked <- s.checker.call(ctx, callStatus, nil, &checker) }()
	router, err := s.routerStatus(ctx)
	if err != nil {
		st.Problems = append(st.Problems, err.Error())
	}
	if err := <-asked; err != nil {
		st.Problems = append(st.Problems, err.Error())
	}
	st.Roles[0].Goroutines, st.Roles[1].Goroutines = router.Goroutines, checker.Goroutines
	st.Instances = instances(router)
	st.Tracks, st.Standby = s.tracks.manager.Status(), s.standby.all()
	st.Strays = router.Interfaces
	st.IPVS = checker.IPVS
	st.Problems = append(st.Problems, problems(st, checker)...)
	for _, o := range s.overrides.strays(s.config(), st.Now) {
		st.Problems = append(st.Problems, fmt.Sprintf("override of %s, which is not configured: `vipd undrain %s` takes it back", targetOf(o), targetOf(o)))
	}
	return fullStatus{st, checker.Services}
}

// routerStatus asks the router role; what it knows costs it little.
func (s *supervisor) routerStatus(ctx context.Context) (st routerStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusBound)
	defer cancel()
	err = s.router.call(ctx, callStatus, nil, &st)
	return st, err
}

// instances joins routers and their addresses on this host.
func instances(r routerStatus) []api.Instance {
	var out []api.Instance
	here := make(map[netip.Prefix][]runner.AddressStatus, len(r.Addresses))
	for _, a := range r.Addresses {
		here[a.Address] = append(here[a.Address], a)
	}
	for _, rt := range r.Routers {
		in := api.Instance{RouterStatus: rt}
		for _, p := range rt.Addresses {
			for _, a := range here[p] {
				if p.Addr().Is4() || a.Interface == rt.Carrier {
					in.Addresses = append(in.Addresses, a)
				}
			}
		}
		out = append(out, in)
	}
	return out
}

// problems lists what an operator should look at.
func problems(st api.Status, checker checkerStatus) []string {
	var out []string
	for _, in := range st.Instances {
		out = append(out, instanceProblems(in)...)
	}
	if checker.Error != "" {
		out = append(out, "IPVS: "+checker.Error)
	}
	if checker.IPVS.SyncError != "" {
		out = append(out, checker.IPVS.SyncError)
	}
	out = append(out, checker.Problems...)
	if !st.Reload.OK {
		out = append(out, "last reload: "+st.Reload.Error)
	}
	return out
}

// serviceProblems are those of a virtual server, of whose real servers so many
// are held.
func serviceProblems(svc api.Service, held int) []string {
	var out []string
	switch {
	case svc.Available == 0 && !svc.Quorum:
		out = append(out, fmt.Sprintf("virtual server %s: no real server is available", svc.Name))
	case !svc.Quorum:
		out = append(out, fmt.Sprintf("virtual server %s: weight %d is less than its quorum of %d", svc.Name, svc.Weight, svc.QuorumNeeded))
	}
	if held > 0 {
		out = append(out, fmt.Sprintf("virtual server %s: min_up holds %d real servers that its checks call dead", svc.Name, held))
	}
	return out
}

func instanceProblems(in api.Instance) []string {
	var out []string
	if in.State == vrrp.StateFault {
		out = append(out, fmt.Sprintf("instance %s: fault (%s) %s", in.Name, in.LastReason, in.LastDetail))
	}
	if n := in.Counters.Dropped[vrrp.DropVRIDClash]; n > 0 {
		out = append(out, fmt.Sprintf("instance %s: %d adverts of another cluster use VRID %d on %s", in.Name, n, in.VRID, in.Interface))
	}
	for _, a := range in.Addresses {
		if a.State == runner.AddressContested || a.Error != "" {
			out = append(out, fmt.Sprintf("address %s on %s: %s %s", a.Address, a.Interface, a.State, a.Error))
		}
	}
	return out
}
