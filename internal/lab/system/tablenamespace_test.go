//go:build !race

package system

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/kernel"
)

// testTableNamespace: the table is programmed in another network namespace than
// the one that the addresses are in and the checks are made from.
func testTableNamespace(t *testing.T) {
	b := newBalancer(t)
	front := *b
	front.lb = b.net.Host("front", "lan", "192.0.2.2/24")
	there := fmt.Sprintf("/proc/%d/ns/net", front.lb.Start("sleep", "1000").PID())
	v := b.lb.Vipd(services("", fmt.Sprintf("ipvs {\n  network_namespace = %q\n}\nconnection_sync {\n  interface = \"eth0\"\n  id = 51\n}\n", there)))
	front.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	if own := tableOf(b.lb); len(own) != 0 {
		t.Errorf("the director's own table: %v", own)
	}
	lab.WaitFor(t, "both sync daemons run", settle, func() error {
		if running := syncDaemons(t, front.lb); len(running) != 2 {
			return fmt.Errorf("%v", running)
		}
		return nil
	})
	b.webs[1].Stop()
	front.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 0})
	if st := b.status(v); st.Available != 1 || !st.RealServers[0].InKernel {
		t.Errorf("%d real servers are available, in the kernel: %t", st.Available, st.RealServers[0].InKernel)
	}
	b.dying(v) // the supervisor has to remove it
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
	if left := syncDaemons(t, front.lb); len(left) > 0 {
		t.Errorf("the stop left %v", left)
	}
}

// syncDaemons lists the connection sync daemons of a host.
func syncDaemons(t *testing.T, h *lab.Host) (all []ipvs.SyncDaemon) {
	t.Helper()
	err := h.Do(func() error {
		c, err := kernel.Open()
		if err != nil {
			return err
		}
		defer c.Close()
		all, err = c.SyncDaemons()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
