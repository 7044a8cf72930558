package daemon

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/vipd/vipd/internal/daemon/api"
)

// maxStandbyBody bounds a request, in bytes.
const maxStandbyBody = 64 << 10

// serveStandby makes a handler of a command about standby orders.
func (s *supervisor) serveStandby(do func(context.Context, api.StandbyRequest) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req api.StandbyRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxStandbyBody)).Decode(&req); err != nil {
			writeJSON(w, http.StatusBadRequest, api.StandbyAnswer{Error: "read request: " + err.Error()})
			return
		}
		answer, code := api.StandbyAnswer{OK: true}, http.StatusOK
		if err := do(r.Context(), req); err != nil {
			answer.OK, answer.Error, code = false, err.Error(), http.StatusUnprocessableEntity
		}
		answer.Orders = s.standby.all()
		writeJSON(w, code, answer)
	}
}
