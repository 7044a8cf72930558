package storm

import (
	"fmt"
	"strings"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// setup is what both directors of a pair run.
type setup struct {
	instances int
	interval  time.Duration
	// ordinary leaves vipd without its real-time priority.
	ordinary bool
	// checks is how many real servers the directors check, each with a TLS
	// handshake, as often as they can.
	checks int
}

// daemon is what is measured.
type daemon interface {
	String() string
	// start runs it on a host with a priority.
	start(h *lab.Host, s setup, priority int) *lab.Proc
}

type ours struct{}

func (ours) String() string { return "vipd" }

func (ours) start(h *lab.Host, s setup, _ int) *lab.Proc {
	var b strings.Builder
	b.WriteString("version = 1\ndirector \"lb1\" {\n  priority = 150\n}\ndirector \"lb2\" {\n  priority = 100\n}\n")
	if s.ordinary {
		b.WriteString("global {\n  realtime_priority = 0\n}\n")
	}
	for i := 1; i <= s.instances; i++ {
		fmt.Fprintf(&b, `vrrp_instance "i%d" {
  interface       = "eth0"
  vrid            = %d
  version         = 3
  priority        = director.priority
  advert_interval = "%v"
  virtual_address = ["10.0.1.%d/32"]
}
`, i, i, s.interval, i)
	}
	if s.checks > 0 {
		fmt.Fprintf(&b, "virtual_server \"web\" {\n  address = \"10.0.2.1:8443\"\n  forward = \"direct\"\n  check \"https\" {\n    interval = \"%v\"\n    timeout  = \"%v\"\n  }\n",
			checkInterval, checkInterval)
		for i := range s.checks {
			fmt.Fprintf(&b, "  real_server \"127.0.%d.%d:%d\" {}\n", 1+i/250, 1+i%250, targetPort)
		}
		b.WriteString("}\n")
	}
	return h.Vipd(b.String()).Proc
}

type keepalived struct{}

func (keepalived) String() string { return "keepalived" }

func (keepalived) start(h *lab.Host, s setup, priority int) *lab.Proc {
	var b strings.Builder
	b.WriteString("global_defs {\n  vrrp_version 3\n}\n")
	for i := 1; i <= s.instances; i++ {
		fmt.Fprintf(&b, `vrrp_instance i%d {
  state BACKUP
  interface eth0
  virtual_router_id %d
  priority %d
  advert_int %g
  virtual_ipaddress {
    10.0.1.%d/32
  }
}
`, i, i, priority, s.interval.Seconds(), i)
	}
	return h.KeepalivedWith(b.String())
}
