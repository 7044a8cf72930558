package system

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// unitPatience is how long the shipped units let a stop take (TimeoutStopSec)
// unless the daemon asks for more.
const unitPatience = 15 * time.Second

// A master of very many addresses leaves in time and leaves none of them, also
// when its successor announces next to nothing, so that nobody knows when it has
// put them up.
func TestStopOfManyAddresses(t *testing.T) {
	p := newPair(t)
	const count = 400
	var excluded []string
	for i := range count - 1 {
		excluded = append(excluded, fmt.Sprintf("\"10.1.%d.%d/32\"", i/250, i%250+1))
	}
	hcl := func(garp string) string {
		return fmt.Sprintf(`version = 1
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  advert_interval = "100ms"
  lease           = "heal"
  virtual_address = ["192.0.2.100/32"]
  excluded_address = [%s]
  garp { %s }
}
`, strings.Join(excluded, ", "), garp)
	}
	v1 := p.lb1.Vipd(hcl(""))
	have := func() int { return len(p.lb1.Addresses()) }
	lab.WaitFor(t, "all addresses are there", settle, func() error {
		if n := have(); n < count {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	p.lb2.Vipd(hcl("interval = \"10s\""))
	time.Sleep(time.Second)
	stopped := time.Now()
	v1.Signal(syscall.SIGTERM)
	status, err := v1.Wait(2 * unitPatience)
	took := time.Since(stopped)
	t.Logf("%d addresses: the stop took %v", count, took)
	if status != 0 || err != nil || took > unitPatience {
		t.Errorf("exit status %d, %v, after %v", status, err, took)
	}
	if n := have(); n > 1 {
		t.Errorf("%d addresses were left", n-1)
	}
	p.goodbye(p.lb1, stopped)
}
