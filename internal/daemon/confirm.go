package daemon

import (
	"fmt"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
)

// pendingReload is a reload that is rolled back unless somebody confirms it:
// whoever lost the connection to the director by it cannot.
type pendingReload struct {
	before *conf.Config // what to return to
	by     time.Time    // when that happens
	timer  *time.Timer
}

// acceptance is what a confirmation means to the reload that is being applied.
type acceptance uint8

const (
	unconcerned acceptance = iota // it does not ask for one, or there is none
	asking
	confirmed // before it was applied
)

// expectConfirmation is told, before a reload is applied, whether it asks for a
// confirmation: who does not wait for the end of the reload may confirm before.
func (s *supervisor) expectConfirmation(within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting = unconcerned
	if within > 0 {
		s.accepting = asking
	}
}

// awaitConfirmation starts the clock for a reload that asked for one and did not
// get it yet. A later reload while the clock runs, or has run down and waits for
// that reload to end, keeps the configuration to return to; one that needs no
// confirmation ends the wait.
func (s *supervisor) awaitConfirmation(before *conf.Config, within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepting == confirmed {
		within = 0
	}
	s.accepting = unconcerned
	if p := s.pending; p != nil {
		p.timer.Stop() // one that has rung finds that it is not pending
		before = p.before
	}
	s.pending = nil
	if within <= 0 {
		return
	}
	p := &pendingReload{before: before, by: time.Now().Add(within)}
	p.timer = time.AfterFunc(within, func() { s.rollBack(p) })
	s.pending = p
}

// confirm ends the wait, also that of a reload which is yet being applied; it
// reports whether there was one.
func (s *supervisor) confirm() bool {
	s.mu.Lock()
	p, early := s.pending, s.accepting == asking
	s.pending = nil
	s.reload.ConfirmBy = time.Time{}
	if early {
		s.accepting = confirmed
	}
	s.mu.Unlock()
	if p == nil && !early {
		return false
	}
	if p != nil {
		p.timer.Stop() // one that has rung finds that it is not pending
	}
	s.info("reload", "reload confirmed", nil)
	return true
}

// rollBack returns to the configuration before the unconfirmed reload. The
// file is left as it is: the next reload would load it again.
func (s *supervisor) rollBack(p *pendingReload) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.mu.Lock()
	current := s.pending == p
	if current {
		s.pending = nil
	}
	s.mu.Unlock()
	if !current || s.isLeaving() {
		return
	}
	s.warn("reload", "reload was not confirmed in time: going back to the configuration before it", nil)
	r := s.applyPlan(p.before, api.Reload{At: time.Now(), Plan: conf.ComparePlan(s.config(), p.before, conf.Live{})})
	r.OK = false
	r.Error = fmt.Sprintf("rolled back, nobody confirmed; the files still hold the other configuration%s", suffix(r.Error))
	s.reloaded(r)
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
