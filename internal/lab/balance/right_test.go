package balance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// testWithoutRight: a daemon that may not write the table says so and goes on
// with all that it may do.
func testWithoutRight(t *testing.T) {
	lab.Need(t, lab.Tool("setpriv"))
	n := newNetwork(t, "direct", false)
	v := n.lb.VipdUnder(fmt.Sprintf(`version = 1
virtual_server "web" {
  address = "%s"
  forward = "direct"
  check "tcp" {
    interval = "300ms"
    timeout  = "250ms"
  }
  real_server "%s" {}
  real_server "%s" {}
}
`, n.service(), n.addrs[0], n.addrs[1]), "setpriv", "--bounding-set", "-net_admin")
	v.WaitLog("CAP_NET_ADMIN is missing", 15*time.Second)
	v.WaitLog("program IPVS: list IPVS services: needs CAP_NET_ADMIN", 15*time.Second)
	v.WaitLog("tcp check of "+n.addrs[0]+":80: unknown to up", 15*time.Second)
	n.webs[0].Stop()
	v.WaitLog("tcp check of "+n.addrs[0]+":80: up to down", 15*time.Second)
	n.webs[0].Start()
	v.WaitLog("tcp check of "+n.addrs[0]+":80: down to up", 15*time.Second)
	if log := v.Log(); strings.Contains(log, "panic") || strings.Contains(log, "role checker ended") {
		t.Errorf("the daemon broke:\n%s", log)
	}
	v.Signal(15)
	if status, err := v.Wait(15 * time.Second); err != nil || status != 1 {
		t.Errorf("exit status %d, %v", status, err)
	}
	v.WaitLog("stop role checker: list IPVS services: needs CAP_NET_ADMIN", time.Second)
}
