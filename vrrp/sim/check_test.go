package sim

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// settled returns a world of two directors that has long settled.
func settled(t *testing.T) *World {
	t.Helper()
	w := New(Options{Delay: time.Millisecond})
	for i, name := range []string{"lb1", "lb2"} {
		w.Add(name, []vrrp.Config{{
			Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
			Version: 3, Priority: uint8(150 - 50*i), AdvertInterval: time.Second, Preempt: true, Peers: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")},
			Announce:  vrrp.Announce{Repeat: 5},
		}})
		w.Start(name, Start{})
	}
	w.Run(time.Minute)
	if w.Violations() != nil {
		t.Fatal(w.Violations())
	}
	return w
}

// TestCheckerSees breaks each invariant behind the world's back.
func TestCheckerSees(t *testing.T) {
	t.Parallel()
	id := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}
	tests := []struct {
		kind  string
		spoil func(*World)
	}{
		{"held", func(w *World) { w.byName["lb1"].kernel = nil }},
		{"held", func(w *World) { w.byName["lb2"].kernel = append(kernel{}, w.byName["lb1"].kernel...) }},
		{"held", func(w *World) {
			w.byName["lb2"].kernel = kernel{{id: id, prefix: netip.MustParsePrefix("192.0.2.7/24")}}
		}},
		{"gap", func(w *World) { w.byName["lb1"].states[id] = vrrp.StateBackup }},
		{"masters", func(w *World) { w.byName["lb2"].states[id] = vrrp.StateMaster }},
		{"best", func(w *World) {
			w.byName["lb1"].states[id], w.byName["lb2"].states[id] = vrrp.StateBackup, vrrp.StateMaster
		}},
		{"holders", func(w *World) {
			w.byName["lb2"].kernel = kernel{{id: id, prefix: netip.MustParsePrefix("192.0.2.100/24"), expires: time.Hour, found: true}}
		}},
		{"late", func(w *World) { w.stall("lb1", 2*time.Second) }},
		{"explain", func(w *World) { w.lie("lb2", func(s *vrrp.RouterStatus) { s.MasterPriority++ }) }},
		{"explain", func(w *World) { w.lie("lb2", func(s *vrrp.RouterStatus) { s.State = vrrp.StateFault }) }},
		{"explain", func(w *World) { w.lie("lb2", func(s *vrrp.RouterStatus) { s.Master = s.Master.Next() }) }},
		{"explain", func(w *World) { w.lie("lb1", func(s *vrrp.RouterStatus) { s.LastReason = vrrp.ReasonPreempt }) }},
		{"explain", func(w *World) { w.lie("lb1", func(s *vrrp.RouterStatus) { s.LastReason = vrrp.ReasonMasterLeft }) }},
		{"explain", func(w *World) {
			for _, name := range w.Nodes() {
				w.SetLink(name, "eth0", false)
			}
			w.Run(w.now + time.Minute)
			w.lie("lb2", func(s *vrrp.RouterStatus) { s.LastReason = vrrp.ReasonTracked })
		}},
		{"explain", func(w *World) { // the order was obeyed and is over, and it preempted
			w.StandBy("lb1", "web", false)
			w.Run(w.now + time.Minute)
			w.Active("lb1", "web")
			w.Run(w.now + time.Minute)
			w.lie("lb1", func(s *vrrp.RouterStatus) { s.LastReason = vrrp.ReasonNoSuccessor })
		}},
		{"explain", func(w *World) { // it was told of a master until the pause and after it
			w.Pause("lb2")
			w.Run(w.now + 2*time.Second)
			w.Resume("lb2")
			w.Kill("lb1")
			w.Run(w.now + time.Minute)
			w.lie("lb2", func(s *vrrp.RouterStatus) { s.LastReason = vrrp.ReasonPreempt })
		}},
		{"priority", func(w *World) {
			w.byName["lb2"].orders = []vrrp.Standby{{ID: id}}
			clear(w.checker.groups[0].explained)
		}},
		{"cadence", func(w *World) { w.byName["lb1"].lastAdvert[id] -= time.Second; w.checker.disturbed = 0 }},
	}
	for _, tt := range tests {
		w := settled(t)
		tt.spoil(w)
		w.Run(w.now + 10*time.Second)
		if v := strings.Join(w.Violations(), "\n"); !strings.Contains(v, " "+tt.kind+": ") {
			t.Errorf("%s went unseen:\n%s", tt.kind, v)
		}
	}
}

// liar is an engine that tells something else about its routers than is so.
type liar struct {
	Engine
	lie func(*vrrp.RouterStatus)
}

// Status tells the lie.
func (l liar) Status() []vrrp.RouterStatus {
	all := l.Engine.Status()
	for i := range all {
		l.lie(&all[i])
	}
	return all
}

// lie lets a node's engine lie from now on, and the checker ask it again.
func (w *World) lie(name string, lie func(*vrrp.RouterStatus)) {
	n := w.byName[name]
	n.engine = liar{n.engine, lie}
	for _, g := range w.checker.groups {
		clear(g.explained)
	}
}

// stall delays a node's next tick without the world's knowledge.
func (w *World) stall(name string, d time.Duration) {
	n := w.byName[name]
	n.wake = never
	w.queue.plan(w.now+d, func() { n.step(&vrrp.Tick{}) })
}

// TestSettledWorldStaysSilent: violations come from spoiling alone.
func TestSettledWorldStaysSilent(t *testing.T) {
	t.Parallel()
	w := settled(t)
	w.Run(w.now + time.Hour)
	if v := w.Violations(); v != nil {
		t.Error(v)
	}
}

// TestViolationsAreBounded: one bug must not fill the memory.
func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	w := settled(t)
	w.byName["lb1"].kernel = nil
	w.Run(w.now + time.Minute)
	if n := len(w.Violations()); n > 2*maxViolations {
		t.Errorf("%d violations", n)
	}
}

// TestCommandsAreSeenAtOnce: a side of the network that had no master when it
// was healed has none to miss when it is cut off again, with nobody alive.
func TestCommandsAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	for _, name := range []string{"lb1", "lb2"} {
		w.Add(name, []vrrp.Config{{
			Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
			Version: 3, Priority: 100, AdvertInterval: 100 * time.Millisecond, Preempt: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")},
		}})
		w.Start(name, Start{})
	}
	w.Partition([]string{"lb1"}, []string{"lb2"})
	w.Run(100 * time.Millisecond)
	w.Heal()
	w.Kill("lb1")
	w.Kill("lb2")
	w.Run(5100 * time.Millisecond)
	w.Partition([]string{"lb1"}, []string{"lb2"})
	w.Run(10 * time.Second)
	if v := w.Violations(); v != nil {
		t.Error(v)
	}
}
