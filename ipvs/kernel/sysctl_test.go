package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// template reads the sysctl of the fake procfs.
func (w *world) template() string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.proc, "sys/net/ipv4/vs", expireTemplates))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (w *world) setTemplate(value string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.proc, "sys/net/ipv4/vs", expireTemplates), []byte(value), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) expire(r *Reconciler, needed bool) {
	w.t.Helper()
	want := map[string]string{}
	if needed {
		want["net.ipv4.vs."+expireTemplates] = "1"
	}
	if err := r.SetSysctls(want); err != nil {
		w.t.Fatal(err)
	}
}

func TestSysctl(t *testing.T) {
	for name, tt := range map[string]struct {
		before string
		run    func(*world, *Reconciler)
		after  string
	}{
		"needed":               {"0", func(w *world, r *Reconciler) { w.expire(r, true) }, "1"},
		"needed again":         {"0", func(w *world, r *Reconciler) { w.expire(r, true); w.expire(r, true) }, "1"},
		"never needed":         {"0", func(w *world, r *Reconciler) { w.expire(r, false) }, "0"},
		"no longer needed":     {"0", func(w *world, r *Reconciler) { w.expire(r, true); w.expire(r, false) }, "0"},
		"set before us stays":  {"1", func(w *world, r *Reconciler) { w.expire(r, true); w.expire(r, false) }, "1"},
		"turned off by others": {"0", func(w *world, r *Reconciler) { w.expire(r, true); w.setTemplate("0"); w.expire(r, true) }, "1"},
		"changed by others stays": {"0", func(w *world, r *Reconciler) {
			w.expire(r, true)
			w.setTemplate("2")
			w.expire(r, false)
		}, "2"},
		"given back on a clean stop": {"0", func(w *world, r *Reconciler) {
			w.expire(r, true)
			if err := r.RemoveOurs(); err != nil {
				w.t.Fatal(err)
			}
		}, "0"},
		"given back after a crash": {"0", func(w *world, r *Reconciler) {
			w.expire(r, true)
			r = w.start()
			w.expire(r, true)
			w.expire(r, false)
		}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.setTemplate(tt.before)
			tt.run(w, w.start())
			if got := w.template(); got != tt.after {
				t.Errorf("%s, want %s", got, tt.after)
			}
		})
	}
}

func TestSysctlWithoutIPVS(t *testing.T) {
	w := newWorld(t, nil)
	if err := os.RemoveAll(filepath.Join(w.proc, "sys/net")); err != nil {
		t.Fatal(err)
	}
	r := w.start()
	if err := r.SetSysctls(nil); err != nil {
		t.Errorf("not needed: %v", err)
	}
	if err := r.SetSysctls(map[string]string{"net.ipv4.vs." + expireTemplates: "1"}); err == nil || !strings.Contains(err.Error(), "net.ipv4.vs.expire_quiescent_template") {
		t.Errorf("needed: %v", err)
	}
}

// TestSysctlGoesWithItsInterface: a variable of an interface that is gone is
// neither an error for ever nor one of ours any more.
func TestSysctlGoesWithItsInterface(t *testing.T) {
	w := newWorld(t, nil)
	const name = "net.ipv4.conf.veth7.send_redirects"
	dir := filepath.Join(w.proc, "sys/net/ipv4/conf/veth7")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "send_redirects"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := w.start()
	if err := r.SetSysctls(map[string]string{name: "0"}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := r.SetSysctls(map[string]string{}); err != nil {
		t.Errorf("without the interface: %v", err)
	}
	if _, ours := r.rec.Sysctls[name]; ours {
		t.Error("the variable is still recorded as ours")
	}
}
