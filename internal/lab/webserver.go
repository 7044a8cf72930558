package lab

import (
	"io"
	"log"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// WebServer is an HTTP server on a host: a real server. It names itself in the
// Server header, whatever the status.
type WebServer struct {
	host    *Host
	address string
	body    atomic.Pointer[string]
	status  atomic.Int64
	delay   atomic.Int64 // nanoseconds
	hits    atomic.Int64

	mu  sync.Mutex
	srv *http.Server
}

// WebServer starts an HTTP server at a numeric address ("192.0.2.11:80", or
// ":80" for all addresses of the host) that answers every path with the body.
func (h *Host) WebServer(address, body string) *WebServer {
	h.lab.tb.Helper()
	s := &WebServer{host: h, address: address}
	s.SetBody(body)
	s.SetStatus(http.StatusOK)
	h.lab.onClose(s.Stop)
	s.Start()
	return s
}

// SetStatus makes the server answer with this status from now on.
func (s *WebServer) SetStatus(status int) { s.status.Store(int64(status)) }

// SetBody makes the server answer with this body from now on.
func (s *WebServer) SetBody(body string) { s.body.Store(&body) }

// SetDelay makes the server think for so long before each answer from now on.
func (s *WebServer) SetDelay(d time.Duration) { s.delay.Store(int64(d)) }

// Hits is the number of requests served, those of health checks included.
func (s *WebServer) Hits() int64 { return s.hits.Load() }

// Start starts a stopped server again.
func (s *WebServer) Start() {
	s.host.lab.tb.Helper()
	ln, err := s.host.Listen(s.address)
	if err != nil {
		s.host.lab.tb.Fatalf("start web server on %s: %v", s.host.Name, err)
	}
	srv := &http.Server{
		Handler:  http.HandlerFunc(s.serve),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.mu.Lock()
	s.srv = srv
	s.mu.Unlock()
	go srv.Serve(ln) // ends in Stop
}

// Stop ends the server as a crash of its process would: the port refuses
// connections and established ones are cut.
func (s *WebServer) Stop() {
	s.mu.Lock()
	srv := s.srv
	s.srv = nil
	s.mu.Unlock()
	if srv != nil {
		srv.Close()
	}
}

func (s *WebServer) serve(w http.ResponseWriter, r *http.Request) {
	s.hits.Add(1)
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Server", s.host.Name)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(int(s.status.Load()))
	io.WriteString(w, *s.body.Load())
}
