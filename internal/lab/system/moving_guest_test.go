//go:build !race

package system

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

const (
	otherVIP     = "192.0.2.101"
	otherService = otherVIP + ":80"
	mover        = `real_server "192.0.2.11:80" { weight = 3 }`
)

// twoServices is a configuration in which the first real server is in the first
// service, or else in the second.
func twoServices(first bool) string {
	second := `virtual_server "more" {
  address   = "` + otherService + `"
  scheduler = "rr"
  forward   = "direct"
  check "http" {
    interval = "200ms"
    timeout  = "2s"
    fall     = 2
    rise     = 1
  }
  real_server "192.0.2.12:80" { weight = 1 }
  %s
}
`
	web := strings.Replace(services("", ""), `["`+vip+`/24"]`, `["`+vip+`/24", "`+otherVIP+`/24"]`, 1)
	if first {
		return web + fmt.Sprintf(second, "")
	}
	return strings.Replace(web, mover, "", 1) + fmt.Sprintf(second, mover)
}

var loggedOp = regexp.MustCompile(`msg="([^"]+)" event=ipvs op=`)

// ops waits until the log from some place on has exactly these operations on the
// kernel's table.
func (b *balancer) ops(v *lab.Vipd, from int, want ...string) {
	b.t.Helper()
	lab.WaitFor(b.t, "the operations are logged", settle, func() error {
		var got []string
		for _, found := range loggedOp.FindAllStringSubmatch(v.Log()[from:], -1) {
			got = append(got, found[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// member is what the daemon says of a real server of a service.
func (b *balancer) member(v *lab.Vipd, service, address string) (rs api.RealServer) {
	b.t.Helper()
	lab.WaitFor(b.t, fmt.Sprintf("the status has %s of %s", address, service), settle, func() error {
		var st api.Status
		if err := v.Status(&st); err != nil {
			return err
		}
		for _, s := range st.Services {
			i := slices.IndexFunc(s.RealServers, func(rs api.RealServer) bool { return rs.Address.String() == address })
			if s.Name == service && i >= 0 {
				rs = s.RealServers[i]
				return nil
			}
		}
		return fmt.Errorf("it has %+v", st.Services)
	})
	return rs
}

// A real server moves to another service and back: one operation on each, nothing
// else is touched, and what the checks know of it goes along, so that a dead one
// never gets a connection there.
func testRealServerMoves(t *testing.T) {
	b := newBalancer(t)
	for _, rs := range b.reals {
		rs.ServeDirect(otherVIP)
	}
	v := b.start(twoServices(true))
	b.weights(otherService, map[string]int{"192.0.2.12:80": 1})
	var held *lab.HeldConn
	for backend := ""; backend != "rs2"; {
		held = b.client.Hold(service)
		var err error
		if backend, err = held.Ask(); err != nil {
			t.Fatal(err)
		}
	}
	b.webs[0].Stop()
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	before := b.member(v, "web", "192.0.2.11:80")
	v.WaitLog("set weight 0 on 192.0.2.11:80 of tcp 192.0.2.100:80", settle)
	from := len(v.Log())

	v.Reload(twoServices(false))
	b.weights(service, map[string]int{"192.0.2.12:80": 5})
	b.weights(otherService, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 1})
	b.ops(v, from, "add 192.0.2.11:80 to tcp 192.0.2.101:80 (weight 0, direct)", "remove 192.0.2.11:80 from tcp 192.0.2.100:80")
	if rs := b.member(v, "more", "192.0.2.11:80"); rs.Verdict != healthcheck.Down || !rs.Since.Equal(before.Since) {
		t.Errorf("it is %v since %v, was %v since %v", rs.Verdict, rs.Since, before.Verdict, before.Since)
	}
	from = len(v.Log())
	b.webs[0].Start()
	b.weights(otherService, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 1})
	b.ops(v, from, "set weight 3 on 192.0.2.11:80 of tcp 192.0.2.101:80 (was 0)")
	if by := b.answers(otherService, 4); by["rs1"] != 2 {
		t.Errorf("answers = %v, want 2 of rs1", by)
	}

	from = len(v.Log())
	v.Reload(twoServices(true))
	b.weights(otherService, map[string]int{"192.0.2.12:80": 1})
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	b.ops(v, from, "add 192.0.2.11:80 to tcp 192.0.2.100:80 (weight 3, direct)", "remove 192.0.2.11:80 from tcp 192.0.2.101:80")
	if backend, err := held.Ask(); err != nil || backend != "rs2" {
		t.Errorf("the connection beside it: %q, %v", backend, err)
	}
}
