package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/vipd/vipd/internal/daemon/link"
)

// configureRouter sends the router role its whole share in one message.
func (s *supervisor) configureRouter(p *link.Peer, how beginning) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	// The memories have mutexes of their own, which they hold while they write
	// to the disk: s.mu must not wait for that.
	c := s.config()
	msg := routerConfig{
		Routers: slices.Clone(c.Routers), Static: c.Static, PeerHeard: s.peers.list(),
		Groups: groupsOf(c), StandBy: s.standby.list(c), Observed: s.tracks.verdicts(),
		AwaitReady: !s.isTableReady(), Resume: how == nextLife, Inherited: how == inherited, AllowOtherDaemon: c.Global.AllowOtherDaemon,
		RealTime: c.Global.RealTimePriority, Process: c.Global.Router,
		Answers: c.Global.Answers, Notices: c.Global.Notices, Filter: c.Global.Filter,
	}
	delayAfterBoot(msg.Routers, c.Global.BootDelay-s.bootAge)
	if how == nextLife {
		defer s.keepRouters() // those of the life before stand there
	} else {
		s.keepRouters()
	}
	return callConfigured(p, callConfigure, msg)
}

// configureChecker sends the checker role what it does not have of its share, in
// one message.
func (s *supervisor) configureChecker(p *link.Peer, how beginning) error {
	s.share.mu.Lock()
	defer s.share.mu.Unlock()
	overrides := s.overrides.active(time.Now())
	s.mu.Lock()
	msg := checkerConfig{
		Services: s.cfg.Services, MaintenanceDir: s.cfg.Global.MaintenanceDir, IPVS: s.cfg.IPVS, Sync: s.cfg.Sync, Process: s.cfg.Global.Checker,
		Overrides: overrides, Instances: s.instanceStates(),
		Virtual: virtualAddresses(s.cfg), Start: how == firstLife,
	}
	s.mu.Unlock()
	if how == nextLife { // all others have it
		msg.Memory = s.checks.get()
	}
	return s.share.tell(p, msg)
}

// configureBound is generous: a role that takes longer is reported, its
// configuration goes on.
const configureBound = 10 * time.Second

func callConfigured(p *link.Peer, method string, msg any) error {
	ctx, cancel := context.WithTimeout(context.Background(), configureBound)
	defer cancel()
	return p.Call(ctx, method, msg, nil)
}
