package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/probe"
	checks "github.com/vipd/vipd/healthcheck/runner"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/ipvs"
)

// checkerRole is the process that probes real servers and programs IPVS.
type checkerRole struct {
	peer   *link.Peer
	probes *checks.Runner
	table  *tableWriter

	maintenance *maintenance

	mu       sync.Mutex
	services []conf.Service
	round    <-chan struct{} // first round of the present configuration
}

// runChecker serves the checker role until its link ends. The table is left
// as it is then: only a clean stop removes it, because a served address must
// not lose its real servers to the crash of a supervisor.
func runChecker(ctx context.Context, conn io.ReadWriteCloser, opt Options) error {
	c := &checkerRole{}
	c.peer = link.New(conn, c.handle)
	c.probes = checks.New(checks.Options{Probe: probe.Run, OnUpdate: c.observe})
	c.table = newTableWriter(opt.RuntimeDir, c)
	c.maintenance = newMaintenance(c.send, c.table.wake)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { c.probes.Run(ctx) })
	work.Go(func() { c.table.run(ctx) })
	work.Go(func() { c.maintenance.run(ctx) })
	err := c.peer.Run(ctx)
	cancel()
	work.Wait()
	return err
}

// handle answers the supervisor.
func (c *checkerRole) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case callConfigure:
		cfg, err := decode[checkerConfig](body)
		if err != nil {
			return nil, err
		}
		c.maintenance.watch(cfg.MaintenanceDir)
		c.configure(cfg.Services)
		return nil, nil
	case callStatus:
		return c.status(), nil
	case callPing:
		return nil, nil
	case callCheckNow:
		return c.checkNow(ctx, body)
	case callStop:
		how, err := decode[checkerStop](body)
		if err != nil {
			return nil, err
		}
		return nil, c.table.leave(how.KeepTable)
	}
	return nil, fmt.Errorf("unknown call %q", method)
}

// configure replaces the services; probes that stay keep their state.
func (c *checkerRole) configure(services []conf.Service) {
	c.probes.Apply(probeKeys(services))
	c.mu.Lock()
	c.services = services
	c.round = c.probes.FirstRound()
	c.mu.Unlock()
	c.table.wake()
	go c.awaitRound(c.round)
}

// awaitRound reports readiness when every probe has had its first result.
func (c *checkerRole) awaitRound(round <-chan struct{}) {
	select {
	case <-round:
		c.table.wake()
	case <-c.peer.Done():
	}
}

// programmed is called after each successful programming of the table.
func (c *checkerRole) programmed() {
	c.mu.Lock()
	round := c.round
	c.mu.Unlock()
	select {
	case <-round:
		_ = c.peer.Notify(noticeReady, nil)
	default:
	}
}

// probeKeys lists all probes that the services need. Equal keys are one probe.
func probeKeys(services []conf.Service) []healthcheck.Key {
	var keys []healthcheck.Key
	for _, s := range services {
		for _, rs := range s.RealServers {
			keys = append(keys, healthcheck.Keys(s.Checks[rs.Address], rs.Address)...)
		}
	}
	return keys
}

// observe takes a change of verdict from the probes.
func (c *checkerRole) observe(u checks.Update) {
	if u.Old == u.New {
		c.send("info", "check", fmt.Sprintf("%s check of %s: %s", u.Key.Settings.Kind, targetText(u.Key.Target), weightText(u.Last.Advice)), map[string]any{
			"target": targetText(u.Key.Target), "check": string(u.Key.Settings.Kind), "advice": u.Last.Advice.String(),
		})
		c.table.wake()
		return
	}
	level := "info"
	if u.New == healthcheck.Down {
		level = "warn"
	}
	c.send(level, "check", fmt.Sprintf("%s check of %s: %s to %s", u.Key.Settings.Kind, targetText(u.Key.Target), u.Old, u.New), map[string]any{
		"target": targetText(u.Key.Target), "check": string(u.Key.Settings.Kind), "from": u.Old.String(), "to": u.New.String(),
		"class": string(u.Last.Class), "reason": u.Last.Reason,
	})
	c.table.wake()
}

func targetText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// desired computes the table that the kernel should hold.
func (c *checkerRole) desired(have ipvs.Table) ipvs.Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	var want ipvs.Table
	for _, s := range c.services {
		want = append(want, c.pool(s, have).Entry)
	}
	want.Sort()
	return want
}

// expireTemplates reports whether a service is both persistent and quiescent.
func (c *checkerRole) expireTemplates() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []ipvs.Config
	for _, s := range c.services {
		all = append(all, s.Config)
	}
	return ipvs.NeedTemplateExpiry(all)
}

// pool applies the verdicts to one service. Call with the mutex held.
func (c *checkerRole) pool(s conf.Service, have ipvs.Table) ipvs.Pool {
	verdict := func(a netip.AddrPort) ipvs.Verdict { return ipvsVerdict(c.verdict(s, a)) }
	return ipvs.NewPool(c.advised(s), verdict, have.Find(s.Key))
}

// verdict combines the checks of a real server. Call with the mutex held.
func (c *checkerRole) verdict(s conf.Service, real netip.AddrPort) healthcheck.Verdict {
	if c.maintenance.covers(real) {
		return healthcheck.Down
	}
	return healthcheck.Judge(s.Checks[real], s.Require, real, c.probes.Verdict)
}

func ipvsVerdict(v healthcheck.Verdict) ipvs.Verdict {
	return map[healthcheck.Verdict]ipvs.Verdict{healthcheck.Up: ipvs.Up, healthcheck.Down: ipvs.Down}[v]
}

func (c *checkerRole) send(level, kind, message string, attrs map[string]any) {
	_ = c.peer.Notify(noticeEvent, api.Event{At: time.Now(), Level: level, Kind: kind, Message: message, Attrs: attrs})
}
