package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/daemon/api"
)

// serveControl opens the control socket: HTTP/1.1 with JSON, for root only.
func (s *supervisor) serveControl() (stop func(), err error) {
	path := SocketPath(s.opt.RuntimeDir)
	// The instance lock is held: a socket that is there has no owner.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove stale control socket: %w", err)
	}
	// The file gets the mode of the socket when it is bound (unix_bind_bsd,
	// net/unix/af_unix.c): there is no moment at which anybody may connect.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(failed, err)
	}}
	ln, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	srv := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	go srv.Serve(ln)
	return func() { srv.Close() }, nil
}

func (s *supervisor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", s.serveStatus)
	mux.HandleFunc("POST /v1/reload", s.serveReload)
	mux.HandleFunc("POST /v1/reload/confirm", s.serveConfirm)
	mux.HandleFunc("POST /v1/upgrade", s.serveUpgrade)
	mux.HandleFunc("POST /v1/plan", s.servePlan)
	mux.HandleFunc("POST /v1/override", s.serveOverride)
	mux.HandleFunc("POST /v1/override/clear", s.serveOverrideClear)
	mux.HandleFunc("POST /v1/verify", s.serveVerify)
	mux.HandleFunc("POST /v1/standby", s.serveStandby(s.putOnStandby))
	mux.HandleFunc("POST /v1/active", s.serveStandby(s.takeBack))
	mux.HandleFunc("GET /v1/explain", s.serveExplain)
	mux.HandleFunc("GET /v1/events", s.serveEvents)
	mux.HandleFunc("POST /v1/check-now", s.serveCheckNow)
	mux.Handle("GET /v1/metrics", promhttp.HandlerFor(s.metricsRegistry(), promhttp.HandlerOpts{}))
	return mux
}

// largeAnswer is one that leaves megabytes of garbage behind.
const largeAnswer = 1 << 20

func (s *supervisor) serveStatus(w http.ResponseWriter, r *http.Request) {
	text, err := s.fullStatus(r.Context()).text()
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, api.Failure{Error: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // the client went away
	if len(text) > largeAnswer {
		go debug.FreeOSMemory() // else it stays: the supervisor rarely has a reason to collect it
	}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client went away
}

// serveEvents writes events as JSON lines: those after ?since=N, and with
// ?follow=1 those to come.
func (s *supervisor) serveEvents(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
	if err != nil && r.URL.Query().Get("since") != "" {
		http.Error(w, "since: not a number", http.StatusBadRequest)
		return
	}
	past, next, done := s.events.follow(since)
	defer done()
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, e := range past {
		if enc.Encode(e) != nil {
			return
		}
	}
	if r.URL.Query().Get("follow") == "" {
		return
	}
	followEvents(r.Context(), http.NewResponseController(w), enc, next)
}

func followEvents(ctx context.Context, rc *http.ResponseController, enc *json.Encoder, next <-chan api.Event) {
	for {
		if rc.Flush() != nil {
			return
		}
		select {
		case e := <-next:
			if enc.Encode(e) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
