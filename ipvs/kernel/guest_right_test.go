package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// withoutRightEnv makes the test binary do what a process without
// CAP_NET_ADMIN tries, in the directory that it names.
const withoutRightEnv = "VIPD_TEST_WITHOUT_RIGHT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(withoutRightEnv); dir != "" {
		tryWithoutRight(dir)
		return
	}
	os.Exit(m.Run())
}

// readable is a kernel whose table may be read, whatever else is refused.
type readable struct {
	*Client
	table ipvs.Table
}

// Table returns what was there before the right was lost.
func (k readable) Table() (ipvs.Table, error) { return k.table.Clone(), nil }

// beforeLoss is the table that tryWithoutRight finds.
func beforeLoss() ipvs.Table {
	return ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct", "192.0.2.2:80 1 direct", "udp 192.0.2.9:53 rr", "192.0.2.1:53 1 direct")
}

// tryWithoutRight prints what every kind of write comes to.
func tryWithoutRight(dir string) {
	say := func(err error) { fmt.Println(err) }
	c, err := Open()
	if err != nil {
		say(err)
		return
	}
	defer c.Close()
	_, err = c.Table()
	say(err)
	r, err := NewReconciler(readable{c, beforeLoss()}, filepath.Join(dir, "ipvs.json"))
	if err != nil {
		say(err)
		return
	}
	r.rec = r.rec.withServices(map[ipvs.ServiceKey]bool{ipvstest.MustKey("udp 192.0.2.9:53"): true})
	done, err := r.Reconcile(ipvstest.MustTable("tcp 192.0.2.9:80 wlc", "192.0.2.1:80 5 direct", "192.0.2.3:80 1 direct", "tcp 192.0.2.9:81 rr", "192.0.2.1:81 1 direct"))
	say(err)
	fmt.Println(len(done), "done")
	say(c.StartSync(ipvs.SyncDaemon{State: ipvs.SyncMaster, SyncSettings: ipvs.SyncSettings{Interface: "lo", ID: 1}}))
	say(r.SetTimeouts(c, ipvs.Timeouts{TCP: time.Minute}))
	fmt.Println("alive")
}

// Without CAP_NET_ADMIN the kernel refuses everything: each object is named
// with the likely cause, all of them are tried, and nothing changes.
func testWithoutRight(t *testing.T, d *director) {
	lab.Need(t, lab.Tool("setpriv"))
	d.reconcile(beforeLoss())
	before := d.saved()
	cmd := exec.Command("setpriv", "--bounding-set", "-net_admin", os.Args[0])
	cmd.Env = append(os.Environ(), withoutRightEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput() // in the namespace of this thread
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const cause = "needs CAP_NET_ADMIN: netlink receive: operation not permitted"
	for _, want := range []string{
		"list IPVS services: " + cause,
		"edit tcp 192.0.2.9:80: scheduler from rr to wlc: " + cause,
		"set weight 5 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 1): " + cause,
		"add 192.0.2.3:80 to tcp 192.0.2.9:80 (weight 1, direct): " + cause,
		"remove 192.0.2.2:80 from tcp 192.0.2.9:80: " + cause,
		"add tcp 192.0.2.9:81 (rr): " + cause,
		"remove udp 192.0.2.9:53: " + cause,
		"0 done", "start connection sync master", "alive",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), cause); n != 9 {
		t.Errorf("%d refusals, want 9:\n%s", n, out)
	}
	d.expect(before...)
}
