package system

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

const (
	vip = "192.0.2.100"
	// interval keeps the tests short; the lease of the two directors below is
	// the shortest there is, 5 s.
	interval = 100 * time.Millisecond
	lease    = 5 * time.Second
	// slack is what a busy machine may add to a time of the protocol.
	slack = 2 * time.Second
	// settle bounds waits that are not claims.
	settle = 20 * time.Second
	// takeover is the longest time until a backup replaces a dead master, or
	// a better one preempts after its start, with the hold before it.
	takeover = 8*interval + slack
)

// pair is two directors with one configuration, lb1 the better one.
type pair struct {
	t      *testing.T
	net    *lab.Lab
	lb1    *lab.Host
	lb2    *lab.Host
	wire   *lab.Capture
	owners *lab.Ownership
	client *lab.Host // pings the VIP, made when it is first needed
	// virtual is set when frames do not show which host sent them.
	virtual bool
}

func newPair(t *testing.T) *pair {
	t.Helper()
	t.Parallel()
	return pairOn(t)
}

// pairOn is newPair for tests that run one after the other.
func pairOn(t *testing.T) *pair {
	t.Helper()
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	p := &pair{t: t, net: l, lb1: l.Host("lb1", "lan", "192.0.2.1/24"), lb2: l.Host("lb2", "lan", "192.0.2.2/24")}
	p.wire = l.Host("witness", "lan", "192.0.2.3/24").Capture("eth0")
	p.owners = l.Ownership(vip, p.lb1, p.lb2)
	return p
}

const directors = `version = 1
director "lb1" {
  address  = "192.0.2.1"
  priority = 150
}
director "lb2" {
  address  = "192.0.2.2"
  priority = 100
}
`

// config is the configuration of both directors; extra goes into its instance.
func config(extra ...string) string {
	return directors + fmt.Sprintf(`vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  priority        = director.priority
  advert_interval = "%s"
  virtual_address = ["%s/24"]
  %s
}
`, interval, vip, strings.Join(extra, "\n  "))
}

// start starts both directors and waits until lb1 is master alone.
func (p *pair) start() (v1, v2 *lab.Vipd) {
	p.t.Helper()
	v1, v2 = p.lb1.Vipd(config()), p.lb2.Vipd(config())
	p.ownedBy(p.lb1, settle)
	for _, v := range []*lab.Vipd{v1, v2} {
		p.instance(v)
	}
	return v1, v2
}

// ownedBy waits until the host alone has the VIP.
func (p *pair) ownedBy(h *lab.Host, within time.Duration) time.Duration {
	p.t.Helper()
	return lab.WaitFor(p.t, h.Name+" alone has the VIP", within, func() error { return p.owners.Only(h) })
}

// steady checks for a while that the host alone has the VIP.
func (p *pair) steady(h *lab.Host, during time.Duration) {
	p.t.Helper()
	lab.Steady(p.t, h.Name+" alone has the VIP", during, func() error { return p.owners.Only(h) })
}

// status is what a daemon says of itself, as soon as it answers.
func (p *pair) status(v *lab.Vipd) (st api.Status) {
	p.t.Helper()
	lab.WaitFor(p.t, "vipd of "+v.Host.Name+" tells its status", settle, func() error { return v.Status(&st) })
	return st
}

// instance is what a daemon says of its only instance, as soon as it has one.
func (p *pair) instance(v *lab.Vipd) (in api.Instance) {
	p.t.Helper()
	lab.WaitFor(p.t, "vipd of "+v.Host.Name+" has one instance", settle, func() error {
		all := p.status(v).Instances
		if len(all) != 1 {
			return fmt.Errorf("it has %d", len(all))
		}
		in = all[0]
		return nil
	})
	return in
}

// state waits until a daemon says that it is in a state, and returns why.
func (p *pair) state(v *lab.Vipd, want vrrp.State) (in api.Instance) {
	p.t.Helper()
	lab.WaitFor(p.t, fmt.Sprintf("%s is %v", v.Host.Name, want), settle, func() error {
		if in = p.instance(v); in.State != want {
			return fmt.Errorf("it is %v (%v)", in.State, in.LastReason)
		}
		return nil
	})
	return in
}

// unmoved checks that a daemon's instance has made no transition since before.
func (p *pair) unmoved(v *lab.Vipd, before api.Instance) {
	p.t.Helper()
	after := p.instance(v)
	if after.State != before.State || !after.Since.Equal(before.Since) || after.Counters.BecameMaster != before.Counters.BecameMaster {
		p.t.Errorf("%s is %v since %v (%v), was %v since %v", v.Host.Name, after.State, after.Since, after.LastReason, before.State, before.Since)
	}
}

// zeros counts the adverts with priority 0 that a host sent.
func (p *pair) zeros(h *lab.Host, since time.Time) int {
	n := 0
	for _, a := range p.wire.Adverts(h, since) {
		if a.Priority == 0 {
			n++
		}
	}
	return n
}

// goodbye waits for an advert with priority 0, which the witness may see
// after its sender has ended.
func (p *pair) goodbye(h *lab.Host, since time.Time) {
	p.t.Helper()
	lab.WaitFor(p.t, h.Name+" says good-bye", slack, func() error {
		if p.zeros(h, since) == 0 {
			return errors.New("no advert with priority 0")
		}
		return nil
	})
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
