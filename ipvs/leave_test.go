package ipvs_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/ipvs"
)

func draining(c *ipvs.Config) { c.Drain = 30 * time.Second }

// without leaves one real server out.
func without(gone netip.AddrPort) func(*ipvs.Config) {
	return func(c *ipvs.Config) {
		c.RealServers = slices.DeleteFunc(slices.Clone(c.RealServers), func(rs ipvs.RealServer) bool { return rs.Address == gone })
	}
}

// A real server that is configured no more keeps its connections until they
// end, or until its time is up.
func TestDrainOfRemoved(t *testing.T) {
	s := newStory(t, web(draining))
	s.all(ipvs.Up, one, two)
	s.after(0)
	s.pool.Configure(web(draining, without(one)))
	d := s.after(time.Second)
	s.expect(d, weights{one: 0, two: 5})
	if len(d.Leaving) != 1 || d.Leaving[0].Reason != ipvs.ReasonLeaving || d.Available != 1 || d.Weight != 5 {
		t.Errorf("leaving %v, %d available with weight %d", d.Leaving, d.Available, d.Weight)
	}
	if want := s.in.Now.Add(30 * time.Second); !d.Next.Equal(want) {
		t.Errorf("next look at %s, want %s", d.Next, want)
	}
	s.expect(s.after(29*time.Second), weights{one: 0, two: 5})
	s.expect(s.after(time.Second), weights{two: 5})
	s.expect(s.after(time.Second), weights{two: 5})
}

func TestDrainEndsWithTheLastConnection(t *testing.T) {
	s := newStory(t, web(draining))
	s.all(ipvs.Up, one, two)
	busy := true
	var announced []ipvs.ServiceKey // before the decision
	s.in.Idle = func(k ipvs.ServiceKey, a netip.AddrPort) bool {
		if !slices.Contains(announced, k) {
			t.Errorf("%v is asked about, announced were %v", k, announced)
		}
		return a == one && !busy
	}
	s.after(0)
	s.pool.Configure(web(draining, without(one)))
	if got := slices.Collect(s.pool.Leaving()); len(got) > 0 {
		t.Errorf("%v have destinations that drain before any does", got)
	}
	d := s.after(0)
	announced = slices.Collect(s.pool.Leaving())
	if !d.Next.After(s.in.Now) || d.Next.After(s.in.Now.Add(2*time.Second)) {
		t.Errorf("next look at %s, now it is %s", d.Next, s.in.Now)
	}
	s.expect(s.after(5*time.Second), weights{one: 0, two: 5})
	busy = false
	s.expect(s.after(time.Second), weights{two: 5})
}

// It is back before it has gone: as if nothing had been.
func TestDrainTakenBack(t *testing.T) {
	s := newStory(t, web(draining))
	s.all(ipvs.Up, one, two)
	s.after(0)
	s.pool.Configure(web(draining, without(one)))
	s.after(time.Second)
	s.pool.Configure(web(draining))
	s.expect(s.after(time.Second), weights{one: 3, two: 5})
	s.pool.Configure(web(draining, without(one)))
	s.expect(s.after(29*time.Second), weights{one: 0, two: 5}) // its time begins anew
}

// Without drain, and for the fallback, nothing changes.
func TestNoDrain(t *testing.T) {
	s := newStory(t, web())
	s.all(ipvs.Up, one, two)
	s.after(0)
	s.pool.Configure(web(without(one)))
	s.expect(s.after(time.Second), weights{two: 5})

	s = newStory(t, web(draining))
	s.all(ipvs.Down, one, two)
	s.expect(s.after(0), weights{one: 0, two: 0, sorry: 1})
	s.all(ipvs.Up, one, two)
	s.expect(s.after(time.Second), weights{one: 3, two: 5})
}

// Checks that a reload changed have no verdict yet: the last one stands. A real
// server that was found dead and is not in the table must not come back.
func TestLastVerdictStands(t *testing.T) {
	s := newStory(t, web(abrupt))
	s.verdict[one], s.verdict[two] = ipvs.Down, ipvs.Up
	s.expect(s.after(0), weights{two: 5})
	s.all(ipvs.Unknown, one, two)
	s.pool.Configure(web(abrupt))
	s.expect(s.after(time.Second), weights{two: 5})
	s.verdict[one] = ipvs.Up
	s.expect(s.after(time.Second), weights{one: 3, two: 5})
}
