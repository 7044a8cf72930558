package daemon

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/ipvs"
)

// checkerAmendment is a configuration told by what differs from the one that the
// checker role has: thousands of virtual servers are megabytes, and a reload is
// mostly about one of them. What it leads to is what the whole would lead to.
type checkerAmendment struct {
	Base     uint64        // the number of the configuration that the role must have
	Config   checkerConfig // without virtual servers
	Services []serviceRun  // that they consist of
}

// serviceRun is a part of a list of virtual servers: those that stood from From
// to To, exclusively, in the list before, then new or changed ones.
type serviceRun struct {
	From, To int            `json:",omitzero"`
	New      []conf.Service `json:",omitempty"`
}

// serviceRuns returns what makes now out of before.
func serviceRuns(before, now []conf.Service) []serviceRun {
	places := make(map[ipvs.ServiceKey]int, len(before))
	for i := range before {
		places[before[i].Key] = i
	}
	runs := []serviceRun{{}}
	for i := range now {
		last := &runs[len(runs)-1]
		at, was := places[now[i].Key]
		switch {
		case !was || !reflect.DeepEqual(&before[at], &now[i]):
			last.New = append(last.New, now[i])
		case len(last.New) == 0 && last.To == at:
			last.To++
		default:
			runs = append(runs, serviceRun{From: at, To: at + 1})
		}
	}
	return runs
}

// joinRuns returns the list that runs make out of before, and the places of
// those that did not stand there before; false if there is no such list.
func joinRuns(before []conf.Service, runs []serviceRun) (now []conf.Service, changed []int, ok bool) {
	for _, r := range runs {
		if r.From < 0 || r.To < r.From || r.To > len(before) {
			return nil, nil, false
		}
		for i := r.From; i < r.To; i++ {
			if i != len(now) {
				changed = append(changed, len(now))
			}
			now = append(now, before[i])
		}
		for _, s := range r.New {
			changed = append(changed, len(now))
			now = append(now, s)
		}
	}
	return now, changed, true
}

// keepsAll reports whether runs make a list of n out of itself.
func keepsAll(runs []serviceRun, n int) bool {
	return len(runs) == 1 && runs[0].From == 0 && runs[0].To == n && len(runs[0].New) == 0
}

// besideServices is what a configuration says beside its virtual servers and
// how it comes to be told.
func (c checkerConfig) besideServices() checkerConfig {
	c.Services, c.Memory, c.Number, c.Start = nil, nil, 0, false
	return c
}

// checkerShare is what the checker role has of the configuration.
type checkerShare struct {
	mu     sync.Mutex // held while it is told
	number uint64     // of the last configuration
	peer   *link.Peer // the life of the role that has config; nil = none has it for certain
	config checkerConfig
}

// tell gives a life of the role a configuration: nothing when it has that, what
// differs when it has another one, everything when that is not certain. Call with
// the mutex held.
func (t *checkerShare) tell(p *link.Peer, now checkerConfig) error {
	has := t.peer == p
	t.peer = nil
	t.number++
	now.Number = t.number
	if has {
		runs := serviceRuns(t.config.Services, now.Services)
		if keepsAll(runs, len(t.config.Services)) && reflect.DeepEqual(t.config.besideServices(), now.besideServices()) {
			t.peer = p
			return nil
		}
		a := checkerAmendment{Base: t.config.Number, Config: now, Services: runs}
		a.Config.Services = nil
		switch err := callConfigured(p, callAmend, a); {
		case err == nil:
			t.peer, t.config = p, now
			return nil
		case errors.Is(err, link.ErrClosed), errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
	err := callConfigured(p, callConfigure, now)
	if err == nil {
		now.Memory = nil
		t.peer, t.config = p, now
	}
	return err
}

// errOtherBase is the answer to an amendment of a configuration that the role
// does not have.
var errOtherBase = errors.New("another configuration is in force")

// amend is configure for what is told by its difference.
func (c *checkerRole) amend(a checkerAmendment) error {
	c.configuring.Lock()
	defer c.configuring.Unlock()
	c.mu.Lock()
	before := c.config
	c.mu.Unlock()
	services, changed, ok := joinRuns(before.Services, a.Services)
	if !ok || before.Number != a.Base {
		return errOtherBase
	}
	now := a.Config
	now.Services = services
	if !c.retune(before, now, changed) {
		c.configureWith(now, func() {})
	}
	return nil
}

// retune takes a configuration that differs in the settings of some pools alone,
// without asking all others what they want. It returns false, having done
// nothing, when more is different.
func (c *checkerRole) retune(before, now checkerConfig, changed []int) bool {
	c.mu.Lock()
	before.Overrides, before.Instances = c.pools.last, c.instances // told alone since
	ok := reflect.DeepEqual(before.besideServices(), now.besideServices()) && c.pools.retune(now.Services, changed)
	if ok {
		c.config = now
	}
	c.mu.Unlock()
	if ok {
		c.table.touch()
	}
	return ok
}
