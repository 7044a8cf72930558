package kernel

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func texts(ops []ipvs.Op) []string {
	var out []string
	for _, o := range ops {
		out = append(out, o.String())
	}
	return out
}

// What others do to our services is seen, told as what they did and undone;
// their own services are listed and left alone.
func TestVerifyFindsDrift(t *testing.T) {
	w := newWorld(t, foreign)
	r := w.start()
	want := func(ipvs.Table) ipvs.Table { return web.Clone() }
	first, err := r.Verify(want)
	if err != nil || len(first.Drift) > 0 || len(first.Done) == 0 {
		t.Fatalf("first pass: %+v, %v", first, err)
	}
	svc := web[0].Service
	dst := web[0].Destinations[0]
	heavy := dst
	heavy.Weight = 77
	for name, tt := range map[string]struct {
		op         ipvs.Op
		did, redid string
	}{
		"weight": {ipvs.Op{Kind: ipvs.SetWeight, Service: svc, Destination: heavy},
			"set weight 77 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 3)", "set weight 3 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 77)"},
		"destination": {ipvs.Op{Kind: ipvs.RemoveDestination, Service: svc, Destination: dst},
			"remove 192.0.2.1:80 from tcp 192.0.2.9:80", "add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 3, direct)"},
	} {
		if err := w.kernel.Apply(tt.op); err != nil {
			t.Fatal(err)
		}
		got, err := r.Verify(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{tt.did}, texts(got.Drift)); diff != "" {
			t.Errorf("%s: drift (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{tt.redid}, texts(got.Done)); diff != "" {
			t.Errorf("%s: repair (-want +got):\n%s", name, diff)
		}
		if len(got.Foreign) != len(foreign) || got.Foreign[0] != foreign[0].Service.Key {
			t.Errorf("%s: foreign %v", name, got.Foreign)
		}
	}
	quiet, err := r.Verify(want)
	if err != nil || len(quiet.Drift)+len(quiet.Done) > 0 {
		t.Errorf("nothing changed: %+v, %v", quiet, err)
	}
}

// A weight that the checks do not know yet is the one that we left, not the
// one that somebody else has put there.
func TestVerifyDoesNotAdoptDrift(t *testing.T) {
	w := newWorld(t, nil)
	r := w.start()
	if _, err := r.Reconcile(web); err != nil {
		t.Fatal(err)
	}
	heavy := web[0].Destinations[0]
	heavy.Weight = 77
	if err := w.kernel.Apply(ipvs.Op{Kind: ipvs.SetWeight, Service: web[0].Service, Destination: heavy}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(func(have ipvs.Table) ipvs.Table { return have.Clone() }); err != nil {
		t.Fatal(err)
	}
	w.expect(web)
}

// An update reads nothing; after a refusal it reads again.
func TestUpdateReadsOnlyWhenItMust(t *testing.T) {
	w := newWorld(t, nil)
	r := w.start()
	if _, err := r.Reconcile(web); err != nil {
		t.Fatal(err)
	}
	w.kernel.Unreadable = errors.New("must not be read")
	other := web.Clone()
	other[0].Destinations[0].Weight = 9
	ops, err := r.Update(func(ipvs.Table) ipvs.Table { return other.Clone() })
	if err != nil || len(ops) != 1 {
		t.Fatalf("%v, %v", ops, err)
	}
	w.kernel.Refuse = func(ipvs.Op) error { return errors.New("no") }
	if _, err := r.Update(func(ipvs.Table) ipvs.Table { return web.Clone() }); err == nil {
		t.Error("a refusal is no error")
	}
	w.kernel.Refuse = nil
	if _, err := r.Update(func(ipvs.Table) ipvs.Table { return web.Clone() }); !errors.Is(err, w.kernel.Unreadable) {
		t.Errorf("after a refusal: %v", err)
	}
	w.kernel.Unreadable = nil
	if _, err := r.Update(func(ipvs.Table) ipvs.Table { return web.Clone() }); err != nil {
		t.Fatal(err)
	}
	w.expect(web)
}

// timeoutKernel has timeouts beside its table.
type timeoutKernel struct {
	*ipvstest.Kernel
	now  ipvs.Timeouts
	sets int
}

func (k *timeoutKernel) Timeouts() (ipvs.Timeouts, error) { return k.now, nil }
func (k *timeoutKernel) SetTimeouts(t ipvs.Timeouts) error {
	k.now = t.Over(k.now)
	k.sets++
	return nil
}

func TestTimeouts(t *testing.T) {
	before := ipvs.Timeouts{TCP: 900e9, TCPFin: 120e9, UDP: 300e9}
	want := ipvs.Timeouts{TCP: 60e9, UDP: 10e9}
	k := &timeoutKernel{Kernel: ipvstest.New(nil), now: before}
	w := newWorld(t, nil)
	r, err := newReconciler(k, w.path, w.proc)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.SetTimeouts(k, want); err != nil {
			t.Fatal(err)
		}
	}
	if k.now != want.Over(before) || k.sets != 1 {
		t.Errorf("timeouts %+v after %d calls", k.now, k.sets)
	}
	if r, err = newReconciler(k, w.path, w.proc); err != nil { // after a crash
		t.Fatal(err)
	}
	if err := r.RemoveOurs(); err != nil || k.now != before {
		t.Errorf("afterwards %+v, %v", k.now, err)
	}
	k.now = ipvs.Timeouts{TCP: 1e9}
	if err := r.SetTimeouts(k, ipvs.Timeouts{}); err != nil || k.now.TCP != 1e9 {
		t.Errorf("what was never ours: %+v, %v", k.now, err)
	}
}
