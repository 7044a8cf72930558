package kernel

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp/runner"
)

func TestStore(t *testing.T) {
	s, err := openStore(t.TempDir() + "/run/vipd")
	must(t, err)
	got, err := s.load()
	if err != nil || got.Boot != "" {
		t.Errorf("load without a file: %+v, %v", got, err)
	}
	content := stored{
		Addresses: []storedAddress{{"eth0", vip(100)}}, Promote: map[string]string{"eth0": "0"},
	}
	must(t, s.save(content))
	got, err = s.load()
	must(t, err)
	content.Boot = s.boot
	if diff := cmp.Diff(content, got, comparing); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	later := &store{dir: s.dir, boot: "another boot"}
	if got, err := later.load(); err != nil || len(got.Addresses) != 0 {
		t.Errorf("load after a reboot: %+v, %v, want nothing", got, err)
	}
	must(t, os.WriteFile(s.path(), []byte("{half a fi"), 0o644))
	if _, err := s.load(); err == nil {
		t.Error("a damaged file was read without an error")
	}
}

// A damaged record is reported and does not keep the daemon from starting.
func TestOpenWithDamagedStore(t *testing.T) {
	if !namespaced(t) {
		return
	}
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/"+storeFile, []byte("noise"), 0o644))
	h := open(t, dir)
	defer h.Close()
	if h.happened(runner.AddressFailed) != 1 {
		t.Error("the damage was not reported")
	}
}

func TestSafety_3_5_NowCountsOnAndHasNoMonotonicPart(t *testing.T) {
	before := Now()
	if off := before.Sub(time.Now()).Abs(); off > time.Second {
		t.Errorf("Now is %v away from wall time", off)
	}
	if before != before.Round(0) {
		t.Error("Now carries a monotonic reading, which stops while suspended")
	}
	now := sinceBoot(Now())
	if diff := bootTime() - now; diff < 0 || diff > time.Second {
		t.Errorf("time since boot is off by %v", diff)
	}
}
