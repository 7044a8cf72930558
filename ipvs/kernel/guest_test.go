package kernel

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
)

// TestGuest runs against real ip_vs, each subtest in a network namespace of
// its own, with ipvsadm as the witness.
func TestGuest(t *testing.T) {
	lab.Need(t, lab.Tool("ipvsadm"), lab.Tool("ip"))
	if !lab.Guest(t) {
		return
	}
	for name, test := range map[string]func(*testing.T, *director){
		"Services":              testServices,
		"Schedulers":            testSchedulers,
		"NoScheduler":           testNoScheduler,
		"Adoption":              testAdoption,
		"AdoptionOfExtras":      testAdoptionOfExtras,
		"Foreign":               testForeign,
		"LeftWhileDown":         testLeftWhileDown,
		"EditInPlace":           testEditInPlace,
		"AnyTable":              testAnyTable,
		"ApplyToleratesOthers":  testApplyToleratesOthers,
		"ManyServices":          testManyServices,
		"Quiescent":             testQuiescent,
		"Removal":               testRemoval,
		"SchedulerUnderTraffic": testSchedulerUnderTraffic,
		"PersistenceTemplates":  testPersistenceTemplates,
		"Stats":                 testStats,
		"Everything":            testEverything,
		"PersistenceEngine":     testPersistenceEngine,
		"Drift":                 testDrift,
		"SyncDaemons":           testSyncDaemons,
		"Timeouts":              testTimeouts,
		"Refusals":              testRefusals,
		"WithoutRight":          testWithoutRight,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDirector(t)) })
	}
}

// director is a network namespace with an empty IPVS table. Its methods, and
// sockets made by the test, stay on the test's thread.
type director struct {
	t      *testing.T
	client *Client
	rec    *Reconciler
	record string
}

func newDirector(t *testing.T) *director {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the subtest
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	d := &director{t: t, record: filepath.Join(t.TempDir(), "ipvs.json")}
	d.run("ip", "link", "set", "lo", "up")
	for _, a := range []string{"192.0.2.1/32", "192.0.2.2/32", "192.0.2.9/32"} {
		d.run("ip", "address", "add", a, "dev", "lo")
	}
	if d.client, err = Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.client.Close() })
	d.restart()
	return d
}

// restart replaces the reconciler, as a start of the daemon does.
func (d *director) restart() {
	d.t.Helper()
	var err error
	if d.rec, err = NewReconciler(d.client, d.record); err != nil {
		d.t.Fatal(err)
	}
}

func (d *director) run(name string, args ...string) string {
	d.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ipvsadm runs one ipvsadm command per line.
func (d *director) ipvsadm(lines ...string) {
	d.t.Helper()
	for _, l := range lines {
		d.run("ipvsadm", strings.Fields(l)...)
	}
}

// reconcile applies a table and returns the operations. Afterwards there must
// be nothing left to do.
func (d *director) reconcile(want ipvs.Table) []string {
	d.t.Helper()
	ops, err := d.rec.Reconcile(want)
	if err != nil {
		d.t.Fatal(err)
	}
	var out []string
	for _, op := range ops {
		out = append(out, op.String())
	}
	if again, err := d.rec.Reconcile(want); err != nil || len(again) > 0 {
		d.t.Errorf("not settled: %v, %v", again, err)
	}
	return out
}

// saved returns the table in ipvsadm's words, sorted.
func (d *director) saved() []string {
	d.t.Helper()
	var out []string
	for l := range strings.Lines(d.run("ipvsadm", "-S", "-n")) {
		out = append(out, strings.TrimSpace(l))
	}
	slices.Sort(out)
	return out
}

// expect compares the kernel's table with lines of ipvsadm -S -n.
func (d *director) expect(want ...string) {
	d.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, d.saved()); diff != "" {
		d.t.Errorf("ipvsadm -S -n (-want +got):\n%s", diff)
	}
}

// expectOps compares operations as logged.
func (d *director) expectOps(got []string, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("operations (-want +got):\n%s", diff)
	}
}
