package daemon

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/vipd/vipd/conf"
)

// serveReload is POST /v1/reload?dry_run=1&confirm=60s&wait=0: 422 when the
// configuration was rejected or applied in part, 202 when it was accepted and
// nobody waits for the outcome.
func (s *supervisor) serveReload(w http.ResponseWriter, r *http.Request) {
	req := reloadRequest{dryRun: r.URL.Query().Get("dry_run") != "", goOn: r.URL.Query().Get("wait") == "0"}
	if text := r.URL.Query().Get("confirm"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			http.Error(w, "confirm: not a duration above zero", http.StatusBadRequest)
			return
		}
		req.confirm = d
	}
	res := s.reloadConfig(r.Context(), req)
	code := http.StatusOK
	switch {
	case !res.OK:
		code = http.StatusUnprocessableEntity
	case res.Pending:
		code = http.StatusAccepted
	}
	writeJSON(w, code, res)
}

// serveConfirm is POST /v1/reload/confirm: 409 when nothing waits for it.
func (s *supervisor) serveConfirm(w http.ResponseWriter, r *http.Request) {
	if !s.confirm() {
		http.Error(w, "no reload waits for a confirmation", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// servePlan is POST /v1/plan with a configuration in the body; it answers with
// the plan that would lead to it.
func (s *supervisor) servePlan(w http.ResponseWriter, r *http.Request) {
	var want conf.Config
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		http.Error(w, "decode configuration: "+err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, s.plan(r.Context(), &want))
}
