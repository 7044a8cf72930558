package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
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
	sync   *syncWriter
	source *probeSource
	shared bool // its process is not its own
	// realTime is the priority in force, set by configure alone.
	realTime int

	maintenance *maintenance
	retell      atomic.Bool // the supervisor may know nothing: tell it everything
	logTroubles sync.Once   // that log files cannot be written is said once

	configuring sync.Mutex // one configuration at a time

	mu        sync.Mutex
	config    checkerConfig // the last one
	pools     pools
	instances instanceStates
	counts    connections     // for the present decision
	round     <-chan struct{} // first round of the present configuration
}

// runChecker serves the checker role until its link ends. The table is left
// as it is then: only a clean stop removes it, because a served address must
// not lose its real servers to the crash of a supervisor.
func runChecker(ctx context.Context, conn io.ReadWriteCloser, opt Options) error {
	return newCheckerRole(conn, opt).serve(ctx, func() {})
}

func newCheckerRole(conn io.ReadWriteCloser, opt Options) *checkerRole {
	c := &checkerRole{source: newProbeSource(), shared: opt.OneProcess}
	c.peer = link.New(conn, c.handle)
	c.probes = c.source.newProbes(c.observe)
	c.table = newTableWriter(opt.RuntimeDir, c)
	c.maintenance = newMaintenance(c.send, c.table.wake)
	c.sync = newSyncWriter(c.send)
	return c
}

// serve does what comes before the first message and works until the link ends.
func (c *checkerRole) serve(ctx context.Context, begin func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { c.source.serve(ctx) })
	work.Go(func() { c.probes.Run(ctx) })
	work.Go(func() { c.table.run(ctx) })
	work.Go(func() { c.maintenance.run(ctx) })
	work.Go(func() { c.remind(ctx) })
	work.Go(func() { c.sync.run(ctx) })
	begin()
	err := c.peer.Run(ctx)
	cancel()
	work.Wait()
	return err
}

func (c *checkerRole) careFor(p conf.Process) {
	if c.shared {
		return
	}
	if err := errors.Join(careFor(p), c.setRealTime(p.RealTime)); err != nil {
		c.send("warn", "role", err.Error(), nil)
	}
}

// setRealTime puts a real-time priority in force, or takes it back. The checks'
// programs give it up when they begin.
func (c *checkerRole) setRealTime(priority int) error {
	if priority == c.realTime {
		return nil
	}
	c.realTime = priority
	return setRealTime(priority)
}

// handle answers the supervisor.
func (c *checkerRole) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case callConfigure:
		return nil, handled(body, c.configure)
	case callAmend:
		return nil, answered(body, c.amend)
	case callOverrides:
		return nil, handled(body, c.setOverrides)
	case callInstances:
		return nil, handled(body, c.setInstances)
	case callVerify:
		return c.table.verify(), nil
	case callStatus:
		return c.status()
	case callServices:
		names, err := decode[[]string](body)
		return c.serviceStates(names), err
	case callYield:
		return nil, answered(body, c.yield)
	case callPing:
		return nil, nil
	case callCheckNow:
		return c.checkNow(ctx, body)
	case callStop:
		how, err := decode[checkerStop](body)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(c.table.leave(how), c.sync.leave(how.KeepTable))
	}
	return nil, fmt.Errorf("unknown call %q", method)
}

// answered decodes a message and hands it to what may fail.
func answered[T any](body json.RawMessage, take func(T) error) error {
	v, err := decode[T](body)
	if err == nil {
		err = take(v)
	}
	return err
}

// handled decodes a message and hands it to what takes it.
func handled[T any](body json.RawMessage, take func(T)) error {
	v, err := decode[T](body)
	if err == nil {
		take(v)
	}
	return err
}

// configure replaces everything; probes and pools that stay keep their state.
func (c *checkerRole) configure(cfg checkerConfig) {
	c.configuring.Lock()
	defer c.configuring.Unlock()
	c.configureWith(cfg, func() {})
}

// configureWith is configure for pools that are to remember something else. Call
// with configuring held, or before the role is served.
func (c *checkerRole) configureWith(cfg checkerConfig, remember func()) {
	c.careFor(cfg.Process)
	c.recall(cfg.Memory)
	cfg.Memory = nil // it is with the probes now
	c.source.configure(cfg.Virtual)
	c.mu.Lock()
	c.config = cfg
	// A role that was restarted has told already.
	c.pools.tellFirst = cfg.IPVS.TellFirst
	c.pools.configure(cfg.Services, cfg.Start || c.pools.byKey != nil)
	remember()
	c.pools.override(cfg.Overrides)
	masters, _ := c.elected(cfg.Instances)
	c.apply()
	c.mu.Unlock()
	c.maintenance.watch(cfg.MaintenanceDir)
	c.table.configure(cfg.IPVS, cfg.Start)
	c.sync.configure(cfg.Sync, cfg.IPVS.Namespace, masters)
}

// setOverrides replaces the operator's weights.
func (c *checkerRole) setOverrides(set overrideSet) {
	c.mu.Lock()
	c.pools.override(set)
	c.mu.Unlock()
	c.table.wake()
}

// setInstances takes news of the elections.
func (c *checkerRole) setInstances(st instanceStates) {
	c.source.moved(time.Now())
	c.mu.Lock()
	masters, rests := c.elected(st)
	if rests {
		c.apply()
	}
	c.mu.Unlock()
	c.table.wake()
	c.sync.follow(masters)
}

// elected takes the later of two messages about the elections. It returns the
// instances that are master, and whether other services rest than before. Call
// with the mutex held.
func (c *checkerRole) elected(st instanceStates) (masters []string, rests bool) {
	if st.Seq >= c.instances.Seq {
		c.instances = st
		rests = c.pools.setAway(st.Away)
	}
	return c.instances.Masters, rests
}

// apply probes what is to be probed now. Call with the mutex held.
func (c *checkerRole) apply() {
	c.probes.Apply(c.pools.probeKeys())
	c.round = c.probes.FirstRound()
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

// observe takes a change of verdict from the probes.
func (c *checkerRole) observe(u checks.Update) {
	if m, known := c.probes.Memory(u.Key); known {
		if one, err := tellable(m); err == nil {
			_ = c.peer.Notify(noticeVerdict, one)
		}
	}
	if u.Key.Timing.LogFile != "" {
		c.logResult(u)
	}
	if u.Routine {
		return
	}
	c.tell(u)
	if u.Old != u.New || u.Last.OK() {
		c.touch(u.Key)
	}
}

// tell reports a result for the log: a failure that changes nothing yet, an
// advice, or a verdict.
func (c *checkerRole) tell(u checks.Update) {
	level, news := "info", ""
	attrs := map[string]any{"target": targetText(u.Key.Target), "check": string(u.Key.Settings.Kind)}
	if u.Old != u.New || !u.Last.OK() {
		attrs["class"], attrs["reason"] = string(u.Last.Class), u.Last.Reason
	}
	switch {
	case u.Old != u.New:
		news, attrs["from"], attrs["to"] = fmt.Sprintf(": %s to %s", u.Old, u.New), u.Old.String(), u.New.String()
		if u.New == healthcheck.Down {
			level = "warn"
		}
	case !u.Last.OK():
		news = " failed: " + u.Last.Reason
	default:
		news, attrs["advice"] = ": "+weightText(u.Last.Advice), u.Last.Advice.String()
	}
	c.send(level, "check", fmt.Sprintf("%s check of %s%s", u.Key.Settings.Kind, targetText(u.Key.Target), news), attrs)
}

func targetText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// desired computes the table that the kernel should hold and passes on what
// is new about the pools.
func (c *checkerRole) desired(have ipvs.Table) ipvs.Table {
	return c.decide(have.Index(), true)
}

// touched is desired for the services that a probe has news for, or whose time
// has come.
func (c *checkerRole) touched(have ipvs.Index) ipvs.Table { return c.decide(have, false) }

func (c *checkerRole) decide(have ipvs.Index, all bool) ipvs.Table {
	counts := c.countLeaving(all)
	c.mu.Lock()
	c.counts = counts
	want, news := c.pools.decide(time.Now(), have.Find, all, c)
	c.mu.Unlock()
	for _, n := range news {
		_ = c.peer.Notify(noticeChange, n)
	}
	return want
}

// touch makes the table follow what a probe says now.
func (c *checkerRole) touch(k healthcheck.Key) {
	c.mu.Lock()
	c.pools.touch(k)
	c.mu.Unlock()
	c.table.touch()
}

// poolVerdict is what the checks say of a real server, for its pool. Call with
// the mutex held.
func (c *checkerRole) poolVerdict(s conf.Service, real netip.AddrPort) ipvs.Verdict {
	return ipvsVerdict(c.verdict(s, real))
}

// next is when time alone changes something; zero = never.
func (c *checkerRole) next() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pools.next
}

// idle reports whether there are no services.
func (c *checkerRole) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pools.services) == 0
}

// expireTemplates reports whether a service is both persistent and quiescent.
func (c *checkerRole) expireTemplates() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pools.expire
}

// verdict combines the checks of a real server. Call with the mutex held.
func (c *checkerRole) verdict(s conf.Service, real netip.AddrPort) healthcheck.Verdict {
	if c.maintenance.covers(real) {
		return healthcheck.Down
	}
	return healthcheck.Judge(s.Checks[real], s.Require, real, c.probes.Verdict)
}

func ipvsVerdict(v healthcheck.Verdict) ipvs.Verdict {
	switch v {
	case healthcheck.Up:
		return ipvs.Up
	case healthcheck.Down:
		return ipvs.Down
	}
	return ipvs.Unknown
}

func (c *checkerRole) send(level, kind, message string, attrs map[string]any) {
	_ = c.peer.Notify(noticeEvent, api.Event{At: time.Now(), Level: level, Kind: kind, Message: message, Attrs: attrs})
}
