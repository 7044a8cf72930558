package daemon

import (
	"context"
	"errors"
	"net/http"

	"github.com/vipd/vipd/internal/daemon/api"
)

// serveUpgrade is POST /v1/upgrade?binary=PATH: 409 when the binary cannot take
// over. Otherwise the process goes on as that binary, which ends the connection.
func (s *supervisor) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	// What has begun is not given up with the client's connection.
	err := s.upgrade(context.WithoutCancel(r.Context()), r.URL.Query().Get("binary"))
	s.warn("upgrade", err.Error(), nil)
	code := http.StatusInternalServerError
	if errors.Is(err, errUpgrade) {
		code = http.StatusConflict
	}
	writeJSON(w, code, api.Failure{Error: err.Error()})
}

// upgradeOnSignal is SIGUSR2: the binary that stands in our place by now, once
// the daemon has started.
func (s *supervisor) upgradeOnSignal() {
	select {
	case <-s.configured:
	case <-s.stopAsked:
		return
	}
	if err := s.upgrade(context.Background(), ""); err != nil {
		s.warn("upgrade", err.Error(), nil)
	}
}
