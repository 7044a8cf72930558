package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

const (
	vip     = "192.0.2.100"
	service = vip + ":80"

	// pace is the time between two requests of the client.
	pace = 20 * time.Millisecond
	// most bounds every load: no act lasts as long.
	most = 3000

	// The check of the configuration below, and the longest time it takes to
	// notice a failure: the last success was just over, then `fall` probes.
	checkInterval = time.Second
	checkTimeout  = time.Second
	checkCount    = 2
	checkBound    = (checkCount+1)*checkInterval + checkTimeout + slack

	// advertInterval is VRRP's default. The times follow from RFC 9568 §6.1.
	advertInterval = time.Second

	// switchLoss is the most requests that a change of the VIP's owner may
	// cost: those of a fifth of a second.
	switchLoss = int(200 * time.Millisecond / pace)

	// slack allows for a slow guest with one CPU.
	slack = time.Second
)

// masterDown is the master-down interval of a backup.
func masterDown(priority int) time.Duration {
	return 3*advertInterval + time.Duration(256-priority)*advertInterval/256
}

// configuration is the one file of both directors. The real servers' weights
// are what the reload changes.
func configuration(weights [3]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `version = 1

director "lb1" {
  address  = "192.0.2.1"
  priority = 150
}
director "lb2" {
  address  = "192.0.2.2"
  priority = 100
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  priority        = director.priority
  advert_interval = "%s"
  virtual_address = ["%s/24"]
}

virtual_server "web" {
  address   = "%s"
  scheduler = "wrr"
  forward   = "direct"
  check "http" {
    path     = "/"
    expect   = "alive"
    interval = "%s"
    timeout  = "%s"
    fall     = %d
    rise     = %d
  }
`, advertInterval, vip, service, checkInterval, checkTimeout, checkCount, checkCount)
	for i, w := range weights {
		fmt.Fprintf(&b, "  real_server \"%s\" { weight = %d }\n", realAddress(i), w)
	}
	return b.String() + "}\n"
}

func realAddress(i int) string { return fmt.Sprintf("192.0.2.%d:80", 11+i) }

// stage is the network of the demo and those who act on it.
type stage struct {
	*program
	*report
	client *lab.Host
	lbs    [2]*lab.Host
	vipds  [2]*lab.Vipd
	reals  [3]*lab.Host
	webs   [3]*lab.WebServer
	owners *lab.Ownership
	wire   *lab.Capture
}

// newStage builds the network: one segment, all hosts on it. The real servers
// have the VIP on loopback, as direct routing wants it.
func newStage(p *program, r *report) *stage {
	l := lab.New(p)
	l.Bridge("lan", "192.0.2.0/24")
	s := &stage{program: p, report: r, client: l.Host("client", "lan", "192.0.2.50/24")}
	for i := range s.lbs {
		s.lbs[i] = l.Host(fmt.Sprintf("lb%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", i+1))
	}
	for i := range s.reals {
		s.reals[i] = l.Host(fmt.Sprintf("rs%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", 11+i))
		s.reals[i].ServeDirect(vip)
		s.webs[i] = s.reals[i].WebServer(":80", "alive\n")
	}
	s.owners = l.Ownership(vip, s.lbs[0], s.lbs[1])
	s.wire = s.client.Capture("eth0")
	return s
}

// status asks a daemon for its status.
func (s *stage) status(v *lab.Vipd) api.Status {
	var st api.Status
	if err := v.Status(&st); err != nil {
		s.Fatalf("status of %s: %v", v.Host.Name, err)
	}
	return st
}

// isIn returns nil when the daemon says that it is in one of the states.
func (s *stage) isIn(v *lab.Vipd, states ...vrrp.State) error {
	var st api.Status
	if err := v.Status(&st); err != nil {
		return err
	}
	if len(st.Instances) != 1 || !slices.Contains(states, st.Instances[0].State) {
		return fmt.Errorf("%s is not %v", v.Host.Name, states)
	}
	return nil
}

// weight returns nil when the kernel of lb has the weight for a real server.
func (s *stage) weight(lb *lab.Host, real, want int) error {
	v, err := lb.VirtualServer(service)
	if err != nil {
		return err
	}
	got, ok := v.Weights()[realAddress(real)]
	if !ok || got != want {
		return fmt.Errorf("weight of %s on %s is %d (present: %t), want %d", realAddress(real), lb.Name, got, ok, want)
	}
	return nil
}
