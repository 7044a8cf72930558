package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/program"
	"github.com/vipd/vipd/ipvs"
)

// maxHooks bounds how many commands run at the same time, whatever dies.
const maxHooks = 16

// hooks run the commands of virtual servers: about one thing never two at a
// time, in the order of the news, and of news that wait only the last.
type hooks struct {
	warn func(kind, message string, attrs map[string]any)

	mu      sync.Mutex
	scripts conf.Scripts
	waiting map[string]*hookCall // by key; the next one while another runs
	running map[string]bool
	quorum  map[string]bool // last state told
	servers map[string]bool // of real servers whether they are up, by key
	slots   chan struct{}   // one for each command that runs
	ended   bool            // nothing is started any more
	work    sync.WaitGroup
}

// hookCall is one command to run.
type hookCall struct {
	key            string // what it is about
	service, state string
	program        conf.Program
	env            []string // VIPD_SERVICE and VIPD_STATE aside
}

func newHooks(warn func(kind, message string, attrs map[string]any)) *hooks {
	return &hooks{warn: warn, waiting: map[string]*hookCall{}, running: map[string]bool{}, quorum: map[string]bool{}, servers: map[string]bool{}, slots: make(chan struct{}, maxHooks)}
}

// configure says how commands are run: as all programs of the configuration.
func (h *hooks) configure(s conf.Scripts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scripts = s
}

// changed runs the hook that a change has at its virtual server, which is nil if
// the configuration has it no more.
func (h *hooks) changed(s *conf.Service, c poolChange) {
	up := c.Kind == ipvs.QuorumGained
	if up || c.Kind == ipvs.QuorumLost {
		h.mu.Lock()
		h.quorum[c.Service] = up
		h.mu.Unlock()
	}
	if s == nil {
		return
	}
	switch c.Kind {
	case ipvs.QuorumGained, ipvs.QuorumLost:
		h.start(hookFor(s, up, c.Weight))
	case ipvs.ServerUp, ipvs.ServerDown:
		h.serverChanged(s, c)
	}
}

// serverChanged runs what one real server has for its change.
func (h *hooks) serverChanged(s *conf.Service, c poolChange) {
	if _, has := s.Servers[c.Server]; !has {
		return
	}
	up := c.Kind == ipvs.ServerUp
	call := serverCall(s, c.Server, up, c.Reason)
	h.mu.Lock()
	h.servers[call.key] = up
	h.mu.Unlock()
	h.start(call)
}

// serverCall is the command of a real server that is up or down.
func serverCall(s *conf.Service, server netip.AddrPort, up bool, reason string) *hookCall {
	told := s.Servers[server]
	call := &hookCall{
		key: "real server " + s.Name + " " + server.String(), service: s.Name, state: "down", program: told.Down,
		env: []string{"VIPD_REAL_SERVER=" + server.String(), "VIPD_REASON=" + reason},
	}
	if up {
		call.state, call.program = "up", told.Up
	}
	return call
}

func hookFor(s *conf.Service, up bool, weight int) *hookCall {
	call := &hookCall{
		key: "quorum " + s.Name, service: s.Name, state: "down", program: s.OnQuorumDown,
		env: []string{fmt.Sprintf("VIPD_WEIGHT=%d", weight)},
	}
	if up {
		call.state, call.program = "up", s.OnQuorumUp
	}
	return call
}

// start runs a command, after the one that runs for the same service.
func (h *hooks) start(call *hookCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return
	}
	if len(call.program.Args) == 0 {
		delete(h.waiting, call.key) // what waits is no longer so
		return
	}
	h.waiting[call.key] = call
	if h.running[call.key] {
		return
	}
	h.running[call.key] = true
	h.work.Go(func() { h.drain(call.key) })
}

// drain runs what waits under a key until nothing does.
func (h *hooks) drain(key string) {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	for {
		h.mu.Lock()
		call, scripts := h.waiting[key], h.scripts
		delete(h.waiting, key)
		if call == nil {
			delete(h.running, key)
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		if err := call.run(scripts); err != nil {
			h.warn("hook", fmt.Sprintf("run hook of %s: %v", call.service, err), map[string]any{"service": call.service, "state": call.state})
		}
	}
}

// run runs the command; its output belongs to the error.
func (c *hookCall) run(s conf.Scripts) error {
	r := program.Run(context.Background(), c.programFor(s))
	if r.Err != nil {
		return fmt.Errorf("%s: %w %s", c.program.Args[0], r.Err, strings.TrimSpace(r.Output))
	}
	return nil
}

// programFor is what is run.
func (c *hookCall) programFor(s conf.Scripts) program.Command {
	return program.Command{
		Args: c.program.Args, Timeout: s.Timeout, User: cmp.Or(c.program.User, s.User),
		Env: append([]string{"VIPD_SERVICE=" + c.service, "VIPD_STATE=" + c.state}, c.env...),
	}
}

// leave tells the services with omega, and their real servers, that they end,
// and waits for all commands.
func (h *hooks) leave(cfg *conf.Config) {
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Omega {
			h.end(s)
		}
	}
	h.mu.Lock()
	h.ended = true // a WaitGroup must not grow from nothing while it is waited for
	h.mu.Unlock()
	h.work.Wait()
}

// end tells a service that its quorum ends, and its real servers that they do.
// Those that nothing was heard of are up, but for alpha.
func (h *hooks) end(s *conf.Service) {
	for _, rs := range s.RealServers {
		if _, has := s.Servers[rs.Address]; !has {
			continue
		}
		call := serverCall(s, rs.Address, false, "stopping")
		h.mu.Lock()
		up, known := h.servers[call.key]
		h.mu.Unlock()
		if up || !known && !s.AlphaServer(rs) {
			h.start(call)
		}
	}
	h.mu.Lock()
	up := h.quorum[s.Name]
	h.mu.Unlock()
	if up {
		h.start(hookFor(s, false, 0))
	}
}
