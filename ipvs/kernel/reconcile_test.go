package kernel

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

var (
	web     = ipvstest.MustTable("tcp 192.0.2.9:80 wlc", "192.0.2.1:80 3 direct", "192.0.2.2:80 3 direct")
	dns     = ipvstest.MustTable("udp 192.0.2.9:53 rr", "192.0.2.1:53 1 masquerade")
	foreign = ipvstest.MustTable("tcp 192.0.2.77:25 lc", "192.0.2.7:25 1 tunnel")
)

func join(tables ...ipvs.Table) ipvs.Table {
	var out ipvs.Table
	for _, t := range tables {
		out = append(out, t.Clone()...)
	}
	return out
}

// world is a kernel, a procfs and a place for the record.
type world struct {
	t      *testing.T
	kernel *ipvstest.Kernel
	proc   string
	path   string
}

func newWorld(t *testing.T, table ipvs.Table) *world {
	return &world{
		t: t, kernel: ipvstest.New(table), proc: fakeProc(t, "boot-1", "net:[1]", "0"),
		path: filepath.Join(t.TempDir(), "run/ipvs.json"),
	}
}

// start is a start of the daemon.
func (w *world) start() *Reconciler {
	w.t.Helper()
	r, err := newReconciler(w.kernel, w.path, w.proc)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// Reconcile makes the kernel hold want.
func (r *Reconciler) Reconcile(want ipvs.Table) ([]ipvs.Op, error) {
	rep, err := r.Verify(func(ipvs.Table) ipvs.Table { return want })
	return rep.Done, err
}

func (w *world) reconcile(r *Reconciler, want ipvs.Table) []ipvs.Op {
	w.t.Helper()
	ops, err := r.Reconcile(want)
	if err != nil {
		w.t.Fatal(err)
	}
	return ops
}

func (w *world) expect(want ipvs.Table) {
	w.t.Helper()
	if got, _ := w.kernel.Table(); !got.Equal(want) {
		w.t.Errorf("table\n got %+v\nwant %+v", got, want)
	}
}

// recorded reads what the file says is ours.
func recorded(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rec record
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range rec.Services {
		out = append(out, k.String())
	}
	return out
}

func TestReconcileAndRemove(t *testing.T) {
	w := newWorld(t, foreign)
	r := w.start()
	w.reconcile(r, join(web, dns))
	w.expect(join(foreign, web, dns))
	if ops := w.reconcile(r, join(web, dns)); len(ops) > 0 {
		t.Errorf("second pass: %v", ops)
	}
	w.reconcile(r, web)
	w.expect(join(foreign, web))
	if d := cmp.Diff([]string{"tcp 192.0.2.9:80"}, recorded(t, w.path)); d != "" {
		t.Errorf("record (-want +got):\n%s", d)
	}
	if err := r.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	w.expect(foreign)
	if _, err := os.Stat(w.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("record after a clean stop: %v", err)
	}
}

func TestReconcileRemovesWhatLeftTheFileWhileDown(t *testing.T) {
	w := newWorld(t, foreign)
	w.reconcile(w.start(), join(web, dns))
	w.reconcile(w.start(), web)
	w.expect(join(foreign, web))
}

func TestReconcileRecordOfAnotherTable(t *testing.T) {
	for name, proc := range map[string][2]string{
		"boot":              {"boot-2", "net:[1]"},
		"network namespace": {"boot-1", "net:[2]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile(w.start(), join(web, dns))
			w.proc = fakeProc(t, proc[0], proc[1], "0")
			w.reconcile(w.start(), web)
			w.expect(join(web, dns))
		})
	}
}

func TestReconcileAdopts(t *testing.T) {
	found := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 9 direct", "192.0.2.8:80 1 direct")
	w := newWorld(t, join(found, foreign))
	r := w.start()
	have, err := r.kernel.Table()
	if err != nil || !have.Equal(join(found, foreign)) {
		t.Errorf("have %+v, %v", have, err)
	}
	got, err := r.Update(func(have ipvs.Table) ipvs.Table {
		want := web.Clone() // with the kernel's weight where the checks know nothing yet
		d, _ := have.Find(web[0].Service.Key).Destination(one)
		want[0].Destinations[0].Weight = d.Weight
		return want
	})
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, op := range got {
		ops = append(ops, op.String())
	}
	if d := cmp.Diff([]string{
		"edit tcp 192.0.2.9:80: scheduler from rr to wlc",
		"add 192.0.2.2:80 to tcp 192.0.2.9:80 (weight 3, direct)",
		"remove 192.0.2.8:80 from tcp 192.0.2.9:80",
	}, ops); d != "" {
		t.Errorf("operations (-want +got):\n%s", d)
	}
	if err := r.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	w.expect(foreign)
}

// What stays is ours still: the next start removes it when nobody wants it.
func TestReconcileRemovesBut(t *testing.T) {
	foreign := ipvstest.MustTable("tcp 192.0.2.200:80 rr")
	w := newWorld(t, foreign)
	r := w.start()
	w.reconcile(r, join(web, dns))
	if err := r.RemoveBut(func(k ipvs.ServiceKey) bool { return k == dns[0].Service.Key }); err != nil {
		t.Fatal(err)
	}
	w.expect(join(foreign, dns))
	w.reconcile(w.start(), nil)
	w.expect(foreign)
}

// The record names a service before the kernel has it, and until the kernel
// has it no longer.
func TestReconcileWritesAhead(t *testing.T) {
	w := newWorld(t, nil)
	r := w.start()
	check := func(op ipvs.Op) error {
		if !strings.Contains(strings.Join(recorded(t, w.path), ","), op.Service.Key.String()) {
			t.Errorf("%s while the record says %q", op, recorded(t, w.path))
		}
		return nil
	}
	w.kernel.Refuse = check
	w.reconcile(r, web)
	w.reconcile(r, dns)
	w.reconcile(r, nil)
	if len(w.kernel.Ops()) != 7 {
		t.Errorf("operations %v", w.kernel.Ops())
	}
}

func TestReconcileGoesOnAfterRefusal(t *testing.T) {
	refused := errors.New("refused")
	for name, tt := range map[string]struct {
		refuse  ipvs.Kind
		service string
		want    ipvs.Table // in the kernel
		errors  int
	}{
		"add service: no destinations without it": {ipvs.AddService, "tcp 192.0.2.9:80", join(dns), 1},
		"add destination: its neighbours are set": {ipvs.AddDestination, "tcp 192.0.2.9:80",
			join(dns, ipvstest.MustTable("tcp 192.0.2.9:80 wlc")), 2},
		"another service": {ipvs.AddDestination, "udp 192.0.2.9:53",
			join(web, ipvstest.MustTable("udp 192.0.2.9:53 rr")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			r := w.start()
			w.kernel.Refuse = func(op ipvs.Op) error {
				if op.Kind == tt.refuse && op.Service.Key.String() == tt.service {
					return refused
				}
				return nil
			}
			ops, err := r.Reconcile(join(web, dns))
			if !errors.Is(err, refused) || strings.Count(err.Error(), "refused") != tt.errors {
				t.Errorf("error %v, want %d times %v", err, tt.errors, refused)
			}
			if d := cmp.Diff(len(w.kernel.Ops()), len(ops)); d != "" {
				t.Errorf("operations reported as done (-want +got):\n%s", d)
			}
			w.expect(tt.want)
			w.kernel.Refuse = nil
			w.reconcile(r, join(web, dns))
			w.expect(join(web, dns))
		})
	}
}

func TestReconcileKeepsOwningWhatItCouldNotRemove(t *testing.T) {
	w := newWorld(t, nil)
	r := w.start()
	w.reconcile(r, web)
	w.kernel.Refuse = func(ipvs.Op) error { return errors.New("refused") }
	if err := r.RemoveOurs(); err == nil {
		t.Error("nothing was removed, and no error")
	}
	w.kernel.Refuse = nil
	w.reconcile(w.start(), nil)
	w.expect(nil)
}

func TestReconcileUnreadableTable(t *testing.T) {
	w := newWorld(t, nil)
	r := w.start()
	w.kernel.Unreadable = ErrNoIPVS
	if ops, err := r.Reconcile(web); !errors.Is(err, ErrNoIPVS) || len(ops) > 0 {
		t.Errorf("operations %v, error %v", ops, err)
	}
	w.kernel.Unreadable = nil
	w.reconcile(r, web)
	w.expect(web)
}

func TestReconcileDamagedRecord(t *testing.T) {
	w := newWorld(t, foreign)
	w.reconcile(w.start(), web)
	if err := os.WriteFile(w.path, []byte(`{"version": 1, "services": ["tcp`), 0o644); err != nil {
		t.Fatal(err)
	}
	r := w.start()
	if _, err := r.Reconcile(web); !errors.Is(err, errRecord) {
		t.Errorf("first pass: %v", err)
	}
	w.reconcile(r, web)
	w.reconcile(w.start(), nil)
	w.expect(foreign)
}

func TestReconcileUnwritableRecord(t *testing.T) {
	w := newWorld(t, nil)
	if err := os.WriteFile(filepath.Dir(w.path), nil, 0o644); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	fresh, err := newRecord(w.proc)
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{kernel: w.kernel, path: w.path, proc: w.proc, rec: fresh, saved: true}
	if _, err := r.Reconcile(web); err == nil || !strings.Contains(err.Error(), "write runtime record") {
		t.Errorf("error %v", err)
	}
	w.expect(web) // it serves all the same
	if err := os.Remove(filepath.Dir(w.path)); err != nil {
		t.Fatal(err)
	}
	w.reconcile(r, web)
	if d := cmp.Diff([]string{"tcp 192.0.2.9:80"}, recorded(t, w.path)); d != "" {
		t.Errorf("record afterwards (-want +got):\n%s", d)
	}
}

func TestNewReconcilerUnreadableRecord(t *testing.T) {
	w := newWorld(t, nil)
	if err := os.MkdirAll(w.path, 0o755); err != nil { // a directory where the file should be
		t.Fatal(err)
	}
	if _, err := newReconciler(w.kernel, w.path, w.proc); err == nil {
		t.Error("no error")
	}
	if _, err := newReconciler(w.kernel, w.path, t.TempDir()); err == nil {
		t.Error("no error without procfs")
	}
}

// Killed at any operation and started again with any other configuration, the
// daemon leaves exactly what is wanted and what was foreign.
func TestReconcileSurvivesCrashes(t *testing.T) {
	type crash struct{}
	base := t.TempDir()
	proc := fakeProc(t, "boot-1", "net:[1]", "0")
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "ipvs.json")
		before := ipvstest.Tables().Draw(t, "before")
		k := ipvstest.New(before)
		ours := map[ipvs.ServiceKey]bool{}
		life := func(want ipvs.Table, ops int) {
			for _, e := range want {
				ours[e.Service.Key] = true
			}
			defer func() {
				if v := recover(); v != nil && v != (crash{}) {
					panic(v)
				}
			}()
			k.Refuse = func(ipvs.Op) error {
				if ops--; ops < 0 {
					panic(crash{})
				}
				return nil
			}
			r, err := newReconciler(k, path, proc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(want); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "crashes") {
			life(ipvstest.Tables().Draw(t, "want"), rapid.IntRange(0, 8).Draw(t, "operations"))
		}
		last := ipvstest.Tables().Draw(t, "last")
		life(last, 1<<20)
		expected := last.Clone()
		for _, e := range before {
			if !ours[e.Service.Key] {
				expected = append(expected, e)
			}
		}
		if got, _ := k.Table(); !got.Equal(expected) {
			t.Fatalf("table\n got %+v\nwant %+v", got, expected)
		}
	})
}
