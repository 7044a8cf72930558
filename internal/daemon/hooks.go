package daemon

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

// hookBound ends a command that hangs.
const hookBound = 10 * time.Second

// hooks run the commands of virtual servers: about one thing never two at a
// time, in the order of the news, and of news that wait only the last.
type hooks struct {
	warn func(kind, message string, attrs map[string]any)

	mu      sync.Mutex
	waiting map[string]*hookCall // by key; the next one while another runs
	running map[string]bool
	quorum  map[string]bool // last state told
	work    sync.WaitGroup
}

// hookCall is one command to run.
type hookCall struct {
	key            string // what it is about
	service, state string
	command        []string
	env            []string // VIPD_SERVICE and VIPD_STATE aside
}

func newHooks(warn func(kind, message string, attrs map[string]any)) *hooks {
	return &hooks{warn: warn, waiting: map[string]*hookCall{}, running: map[string]bool{}, quorum: map[string]bool{}}
}

// changed runs the hook that a change has in the configuration.
func (h *hooks) changed(cfg *conf.Config, c poolChange) {
	if c.Kind != ipvs.QuorumGained && c.Kind != ipvs.QuorumLost {
		return
	}
	up := c.Kind == ipvs.QuorumGained
	h.mu.Lock()
	h.quorum[c.Service] = up
	h.mu.Unlock()
	for _, s := range cfg.Services {
		if s.Name == c.Service {
			h.start(hookFor(s, up, c.Weight))
		}
	}
}

func hookFor(s conf.Service, up bool, weight int) *hookCall {
	call := &hookCall{
		key: "quorum " + s.Name, service: s.Name, state: "down", command: s.OnQuorumDown,
		env: []string{fmt.Sprintf("VIPD_WEIGHT=%d", weight)},
	}
	if up {
		call.state, call.command = "up", s.OnQuorumUp
	}
	return call
}

// start runs a command, after the one that runs for the same service.
func (h *hooks) start(call *hookCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(call.command) == 0 {
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
	for {
		h.mu.Lock()
		call := h.waiting[key]
		delete(h.waiting, key)
		if call == nil {
			delete(h.running, key)
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		if err := call.run(); err != nil {
			h.warn("hook", fmt.Sprintf("run hook of %s: %v", call.service, err), map[string]any{"service": call.service, "state": call.state})
		}
	}
}

// run runs the command; its output belongs to the error.
func (c *hookCall) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), hookBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Env = append(append(os.Environ(), "VIPD_SERVICE="+c.service, "VIPD_STATE="+c.state), c.env...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w %s", c.command[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// leave tells the services with omega that their quorum ends, and waits for
// all commands.
func (h *hooks) leave(cfg *conf.Config) {
	for _, s := range cfg.Services {
		h.mu.Lock()
		up := h.quorum[s.Name]
		h.mu.Unlock()
		if s.Omega && up {
			h.start(hookFor(s, false, 0))
		}
	}
	h.work.Wait()
}
