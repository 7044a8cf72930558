package daemon

import (
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/vrrp"
)

// stateChange is a transition as the router role reports it.
type stateChange struct {
	ID       vrrp.RouterID
	Name     string
	From, To vrrp.State
	Reason   vrrp.Reason
	Priority uint8
	// Lower is set, with From and To the same, when a master heard an advert
	// that lost against its own; else only the priority changed.
	Lower bool
	At    time.Time
}

// notifications turns transitions of virtual routers into changes of instances
// and groups, and has them delivered.
type notifications struct {
	notifier *notify.Notifier

	mu     sync.Mutex
	cfg    *conf.Config
	states map[vrrp.RouterID]notify.State
	// priorities are those of the last change.
	priorities map[vrrp.RouterID]uint8
	told       map[string]notify.State // by kind and name
}

// closeSlack is how long a stop waits beyond the longest program.
const closeSlack = 3 * time.Second

func newNotifications(s *supervisor) *notifications {
	n := &notifications{cfg: &conf.Config{}, states: make(map[vrrp.RouterID]notify.State), priorities: make(map[vrrp.RouterID]uint8), told: make(map[string]notify.State)}
	n.notifier = notify.New(func(problem string) { s.warn("notify", problem, nil) })
	return n
}

// apply puts settings in force before the roles get theirs: an instance that a
// reload removes is announced with the settings it had.
func (n *notifications) apply(c *conf.Config) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c = keepRemoved(n.cfg, c)
	n.cfg = c
	host, err := os.Hostname()
	if c.Director != "" || err != nil {
		host = c.Director
	}
	n.notifier.Apply(notify.Settings{Scripts: c.Global.Scripts, Pipes: c.Global.Pipes, Mail: c.Global.Mail, Host: host})
}

// keepRemoved returns the new configuration with who is told about instances
// that are no longer in it, and about groups that went with all of theirs.
func keepRemoved(old, now *conf.Config) *conf.Config {
	kept := *now
	kept.Notify = make(map[string]conf.Notify)
	for _, r := range old.Routers {
		kept.Notify[r.Name] = old.Notify[r.Name]
	}
	for _, r := range now.Routers {
		kept.Notify[r.Name] = now.Notify[r.Name]
	}
	kept.Groups = slices.Clone(now.Groups)
	for _, g := range old.Groups {
		if hasMember(old, g) && !hasMember(now, g) {
			kept.Groups = append(kept.Groups, g)
		}
	}
	return &kept
}

// hasMember reports whether a configuration has any member of the group.
func hasMember(c *conf.Config, g conf.SyncGroup) bool {
	return slices.ContainsFunc(c.Routers, func(r vrrp.Config) bool { return slices.Contains(g.Members, r.ID) })
}

// change takes one transition.
func (n *notifications) change(c stateChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := notifyState(c)
	if c.From == c.To {
		n.sameState(c, state)
		return
	}
	n.states[c.ID] = state
	n.priorities[c.ID] = c.Priority
	n.tell(notify.Change{
		Kind: notify.Instance, Name: c.Name, State: state, Priority: c.Priority, Reason: string(c.Reason), At: c.At,
	}, n.cfg.Notify[c.Name])
	for _, g := range n.cfg.Groups {
		if !slices.Contains(g.Members, c.ID) {
			continue
		}
		if state, all := n.common(g); all {
			n.tell(notify.Change{Kind: notify.Group, Name: g.Name, State: state, Reason: string(c.Reason), At: c.At}, g.Notify)
		}
	}
}

// sameState takes news about a router that stays in its state: another
// priority, or an advert that lost against its own.
func (n *notifications) sameState(c stateChange, state notify.State) {
	to := n.cfg.Notify[c.Name]
	change := notify.Change{Kind: notify.Instance, Name: c.Name, State: state, Priority: c.Priority, Reason: string(c.Reason), At: c.At}
	switch {
	case c.Lower && len(to.LowerPriority.Args) > 0:
		change.State = notify.Lower
	case !c.Lower && to.PriorityChanges:
		change.PriorityOnly = true
	default:
		return
	}
	n.notifier.Tell(change, to)
}

// again writes the present states to the pipes that want them after a reload.
func (n *notifications) again() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []notify.Change
	for _, r := range n.cfg.Routers {
		if state, known := n.states[r.ID]; known {
			all = append(all, notify.Change{Kind: notify.Instance, Name: r.Name, State: state, Priority: n.priorities[r.ID]})
		}
	}
	for _, g := range n.cfg.Groups {
		if state, same := n.common(g); same && state != "" && hasMember(n.cfg, g) {
			all = append(all, notify.Change{Kind: notify.Group, Name: g.Name, State: state})
		}
	}
	n.notifier.Again(all)
}

// tell has a change delivered unless it was: both virtual routers of an
// instance with two families make one change.
func (n *notifications) tell(c notify.Change, to conf.Notify) {
	key := c.Kind + " " + c.Name
	if n.told[key] == c.State {
		return
	}
	n.told[key] = c.State
	n.notifier.Tell(c, to)
}

// common returns the state that all members of a group are in.
func (n *notifications) common(g conf.SyncGroup) (notify.State, bool) {
	first := n.states[g.Members[0]]
	for _, id := range g.Members {
		if n.states[id] != first {
			return "", false
		}
	}
	return first, true
}

// notifyState is keepalived's word for where a transition leads.
func notifyState(c stateChange) notify.State {
	switch {
	case c.To == vrrp.StateMaster:
		return notify.Master
	case c.To == vrrp.StateBackup:
		return notify.Backup
	case c.To == vrrp.StateFault:
		return notify.Fault
	case c.Reason == vrrp.ReasonRemoved:
		return notify.Deleted
	}
	return notify.Stop
}

// close waits until the last change is delivered.
func (n *notifications) close() {
	n.mu.Lock()
	bound := n.cfg.Global.Scripts.Timeout + closeSlack
	n.mu.Unlock()
	n.notifier.Close(bound)
}
