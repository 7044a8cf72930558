//go:build !race

package system

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// testTableNamespace: the table is programmed in another network namespace than
// the one that the addresses are in and the checks are made from.
func testTableNamespace(t *testing.T) {
	b := newBalancer(t)
	front := *b
	front.lb = b.net.Host("front", "lan", "192.0.2.2/24")
	there := fmt.Sprintf("/proc/%d/ns/net", front.lb.Start("sleep", "1000").PID())
	v := b.lb.Vipd(services("", fmt.Sprintf("ipvs {\n  network_namespace = %q\n}\n", there)))
	front.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	if own := tableOf(b.lb); len(own) != 0 {
		t.Errorf("the director's own table: %v", own)
	}
	b.webs[1].Stop()
	front.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 0})
	if st := b.status(v); st.Available != 1 || !st.RealServers[0].InKernel {
		t.Errorf("%d real servers are available, in the kernel: %t", st.Available, st.RealServers[0].InKernel)
	}
	v.Signal(syscall.SIGTERM)
	lab.WaitFor(t, "the table is empty after the stop", settle, func() error {
		if len(tableOf(front.lb)) > 0 {
			return errStillThere
		}
		if v.Running() {
			return errors.New("the daemon runs")
		}
		return nil
	})
}
