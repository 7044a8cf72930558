//go:build !race

package system

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// hanging is a web server of a host that answers nothing before it is released.
func hanging(t *testing.T, h *lab.Host) (release func()) {
	t.Helper()
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = net.Listen("tcp", ":80")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released })}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return release
}

// A better director that starts does not preempt onto an empty table: only when
// the first round of checks is done and the table is programmed. It says so.
func testSafety_4_5_StartGate(t *testing.T) {
	p := pairOn(t)
	rs := p.net.Host("rs1", "lan", "192.0.2.11/24")
	rs.ServeDirect(vip)
	release := hanging(t, rs)
	p.lb2.Vipd(config())
	p.ownedBy(p.lb2, settle)

	v := p.lb1.Vipd(config() + `virtual_server "web" {
  address   = "` + service + `"
  scheduler = "rr"
  forward   = "direct"
  check "http" {
    interval = "200ms"
    timeout  = "20s"
    rise     = 1
  }
  real_server "192.0.2.11:80" { weight = 3 }
}
`)
	in := p.state(v, vrrp.StateBackup)
	p.steady(p.lb2, 3*time.Second) // eight times what the carrier has to be stable for
	if in = p.instance(v); !in.PreemptHeld || in.State != vrrp.StateBackup {
		t.Errorf("lb1 is %v, held back %v", in.State, in.PreemptHeld)
	}
	if out, err := vipctl(t, v, "explain", "web"); err != nil || !strings.Contains(out, "it waits with preempting 192.0.2.2 (100 < 150) until") {
		t.Errorf("explain says %v\n%s", err, out)
	}
	release()
	lab.WaitFor(t, "lb1 has the VIP and its table", settle, func() error {
		if err := p.owners.Only(p.lb1); err != nil {
			return err
		}
		s, err := p.lb1.VirtualServer(service)
		if err == nil && fmt.Sprint(s.Weights()) != fmt.Sprint(map[string]int{"192.0.2.11:80": 3}) {
			err = errors.New("its table is not complete")
		}
		return err
	})
}
