package matrix

import (
	"fmt"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// watched is how long the consequences of a fault are looked at: longer than a
// lease and the way back after it.
var watched = 12 * time.Second

const (
	patience = 30 * time.Second
	// pace is the time between two requests of the client.
	pace = 5 * time.Millisecond
	// attempts is how often a cell is measured while the machine is disturbed.
	attempts = 2
)

// cell is one fault of one daemon.
type cell struct {
	t       *testing.T
	daemon  daemon
	fault   fault
	net     *lab.Lab
	lbs     [2]*lab.Host
	subject subject
	owners  *lab.Ownership
	memory  string // cgroup of the master's daemon, if it has one
}

// result is what a cell measured from the fault on.
type result struct {
	Holders string        // who had the VIP when
	Both    time.Duration // two had it
	Nobody  time.Duration
	Sent    int
	Lost    int
	Before  string // IPVS table of the broken director
	After   string
	Silence time.Duration // without an advert of anybody
	// Normal is when the broken director was last seen different from before:
	// ownership, processes, table. It is watched when it never was as before.
	Normal time.Duration
}

// disturbed tells whether the client could not keep its pace: the machine had
// other work.
func (r *result) disturbed() bool { return r.Sent < int(watched/pace)*85/100 }

// undisturbed is measure, again if the machine had no time for it.
func undisturbed(t *testing.T, d daemon, f fault) (best result) {
	for n := range attempts {
		var r result
		ran := t.Run(fmt.Sprintf("attempt %d", n+1), func(t *testing.T) { r = measure(t, d, f) })
		if r.Sent > best.Sent {
			best = r
		}
		if !ran || r.Sent == 0 || f.busy || !r.disturbed() {
			break
		}
	}
	return best
}

// measure runs a cell: two directors, two real servers, a client.
func measure(t *testing.T, d daemon, f fault) result {
	const calm = 3 * time.Second // a daemon has its spare process by then
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	client := l.Host("client", "lan", "192.0.2.50/24")
	for i := range 2 {
		rs := l.Host(fmt.Sprintf("rs%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", 11+i))
		rs.ServeDirect(vip)
		rs.WebServer(":80", "alive\n")
	}
	c := &cell{t: t, daemon: d, fault: f, net: l}
	for i := range c.lbs {
		c.lbs[i] = l.Host(fmt.Sprintf("lb%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", i+1))
	}
	c.lbs[0].SmallDisk("2m")
	c.owners = l.Ownership(vip, c.lbs[0], c.lbs[1])
	wire := client.Capture("eth0")
	var wrap []string
	if f.wrap != nil {
		wrap = f.wrap(c)
	}
	c.subject = d.start(c.lbs[0], 150, wrap...)
	d.start(c.lbs[1], 100)
	lab.WaitFor(t, "lb1 alone has the VIP", patience, func() error { return c.owners.Only(c.lbs[0]) })
	if lab.HasIPVS() {
		lab.WaitFor(t, "lb1 serves", patience, c.serving)
	}
	lab.Steady(t, "lb1 alone has the VIP", calm, func() error { return c.owners.Only(c.lbs[0]) })

	r := result{Before: table(c.lbs[0])}
	load := client.Ping(vip, pace)
	time.Sleep(20 * pace)
	// Not by the wall clock, which a fault may set.
	began := time.Now()
	ill := c.observe(began, r.Before)
	f.do(c)
	time.Sleep(watched - time.Since(began))
	ended := time.Now()
	sent, lost := load.Stop()
	r.After, r.Sent, r.Lost, r.Silence = table(c.lbs[0]), sent, len(lost), wire.Silence(began, c.lbs[:]...)
	c.account(&r, began, ended)
	r.Normal = max(r.Normal, ill())
	return r
}

// glance is how often processes and table of the broken director are looked at.
const glance = 200 * time.Millisecond

// observe begins to look whether the processes and the table of the broken
// director are as before; the function that it returns ends that and tells until
// when they were not.
func (c *cell) observe(began time.Time, before string) func() time.Duration {
	stop, until := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(glance)
		defer tick.Stop()
		var last time.Duration
		for {
			if !c.whole() || table(c.lbs[0]) != before {
				last = time.Since(began)
			}
			select {
			case <-stop:
				until <- last
				return
			case <-tick.C:
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-until
	}
}

// whole tells whether all parts of the broken director's daemon run.
func (c *cell) whole() bool {
	all, err := c.subject.parts()
	for _, pid := range all {
		if !lab.Runs(pid) {
			return false
		}
	}
	return err == nil && len(all) == 3
}

// serving returns nil when both real servers are in the master's table.
func (c *cell) serving() error {
	v, err := c.lbs[0].VirtualServer(service)
	if err != nil {
		return err
	}
	up := 0
	for _, w := range v.Weights() {
		if w > 0 {
			up++
		}
	}
	if up != 2 {
		return fmt.Errorf("%d real servers", up)
	}
	return nil
}

// table tells how many services and serving real servers a director has.
func table(h *lab.Host) string {
	if !lab.HasIPVS() {
		return "–"
	}
	services, up := 0, 0
	for _, v := range h.IPVS() {
		services++
		for _, w := range v.Weights() {
			if w > 0 {
				up++
			}
		}
	}
	return fmt.Sprintf("%d/%d", services, up)
}

// account sums up who had the VIP between two times.
func (c *cell) account(r *result, began, ended time.Time) {
	all := c.owners.Tenures(began, ended)
	for _, n := range all {
		switch len(n.Hosts) {
		case 0:
			r.Nobody += n.End.Sub(n.Start)
		case 2:
			r.Both += n.End.Sub(n.Start)
		}
		r.Normal = n.Start.Sub(began)
	}
	r.Holders = lab.Story(all)
}
