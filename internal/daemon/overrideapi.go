package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
)

// keepOverrides ends overrides when their time has come.
func (s *supervisor) keepOverrides(ctx context.Context) {
	for {
		ended, next, err := s.overrides.expire(time.Now())
		if err != nil {
			s.warn("override", err.Error(), nil)
		}
		for _, o := range ended {
			s.info("override", "override of "+targetOf(o)+" has ended", map[string]any{"service": o.Service})
		}
		if len(ended) > 0 {
			s.tellChecker(callOverrides, s.overrides.active(time.Now()))
		}
		pause := time.Hour
		if !next.IsZero() {
			pause = min(pause, max(time.Until(next), time.Second/10))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.recheck:
		case <-time.After(pause):
		}
	}
}

func targetOf(o override) string {
	if !o.Server.IsValid() {
		return o.Service
	}
	return o.Service + "/" + o.Server.String()
}

// serveOverride sets an operator's weight.
func (s *supervisor) serveOverride(w http.ResponseWriter, r *http.Request) {
	s.override(w, r, s.overrideTarget, func(req api.OverrideRequest, o override) error {
		if req.Weight < 0 || req.Weight > math.MaxUint16 || req.For < 0 {
			return fmt.Errorf("weight %d for %s is out of range", req.Weight, req.For)
		}
		if req.Weight > 0 && !o.Server.IsValid() {
			return errors.New("a weight is for one real server: service/real server")
		}
		o.Weight, o.Since = req.Weight, time.Now()
		if req.For > 0 {
			o.Until = o.Since.Add(req.For)
		}
		err := s.overrides.set(o)
		if err == nil {
			s.info("override", fmt.Sprintf("%s has weight %d by an operator", targetOf(o), o.Weight), map[string]any{
				"service": o.Service, "weight": o.Weight, "for": req.For.String(),
			})
		}
		return err
	})
}

// serveOverrideClear takes an operator's weight back.
func (s *supervisor) serveOverrideClear(w http.ResponseWriter, r *http.Request) {
	s.override(w, r, s.overrideOrStray, func(req api.OverrideRequest, o override) error {
		found, err := s.overrides.clear(o.Service, o.Server)
		if err == nil && !found {
			return fmt.Errorf("%s has no override", req.Target)
		}
		if err == nil {
			s.info("override", "override of "+targetOf(o)+" was taken back", map[string]any{"service": o.Service})
		}
		return err
	})
}

func (s *supervisor) overrideTarget(target string) (string, netip.AddrPort, error) {
	return overrideTarget(s.config(), target)
}

// overrideOrStray finds a target also among what is no longer configured: an
// order about it must not lie in wait for the day when it comes back.
func (s *supervisor) overrideOrStray(target string) (string, netip.AddrPort, error) {
	service, server, err := s.overrideTarget(target)
	if err == nil {
		return service, server, nil
	}
	if service, server, found := s.overrides.strayTarget(target); found {
		return service, server, nil
	}
	return "", server, err
}

// override finds the target of a request, changes the overrides and tells the
// checker role.
func (s *supervisor) override(w http.ResponseWriter, r *http.Request,
	find func(string) (string, netip.AddrPort, error), change func(api.OverrideRequest, override) error,
) {
	var req api.OverrideRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&req)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, api.OverrideAnswer{Error: err.Error()})
		return
	}
	var o override
	o.Service, o.Server, err = find(req.Target)
	if err == nil {
		err = change(req, o)
	}
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, api.OverrideAnswer{Error: err.Error()})
		return
	}
	set := s.overrides.active(time.Now())
	s.tellChecker(callOverrides, set)
	select {
	case s.recheck <- struct{}{}:
	default:
	}
	writeJSON(w, http.StatusOK, api.OverrideAnswer{Overrides: set.List})
}

// verifyBound is how long a table of any size may take to be compared.
const verifyBound = 30 * time.Second

// serveVerify reads and compares the IPVS table at once.
func (s *supervisor) serveVerify(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), verifyBound)
	defer cancel()
	var out api.Verify
	if err := s.checker.call(ctx, callVerify, nil, &out); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, api.Verify{Error: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, out)
}
