package ipvs_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/ipvs"
)

var eth1 = ipvs.SyncSettings{Interface: "eth1", ID: 51}

func states(ds []ipvs.SyncDaemon) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.State.String())
	}
	return out
}

// A new master goes on receiving for KeepBackup; a director that starts as
// master has nobody to hear.
func TestSafety_2_8_SyncFollower(t *testing.T) {
	cfg := ipvs.SyncConfig{Follow: "web", SyncSettings: eth1}
	var f ipvs.SyncFollower
	for i, step := range []struct {
		at     time.Duration
		master bool
		want   []string
		next   time.Duration
	}{
		{0, false, []string{"backup"}, 0},
		{time.Second, true, []string{"master", "backup"}, 4 * time.Second},
		{3 * time.Second, true, []string{"master", "backup"}, 4 * time.Second},
		{4 * time.Second, true, []string{"master"}, 0},
		{5 * time.Second, false, []string{"backup"}, 0},
		{6 * time.Second, true, []string{"master", "backup"}, 9 * time.Second},
		{7 * time.Second, false, []string{"backup"}, 0},
	} {
		got, next := f.Want(epoch.Add(step.at), cfg, step.master)
		want := time.Time{}
		if step.next > 0 {
			want = epoch.Add(step.next)
		}
		if diff := cmp.Diff(step.want, states(got)); diff != "" || !next.Equal(want) {
			t.Errorf("step %d: next %s, want %s\n%s", i, next, want, diff)
		}
	}
	var started ipvs.SyncFollower
	if got, next := started.Want(epoch, cfg, true); len(got) != 1 || got[0].State != ipvs.SyncMaster || !next.IsZero() {
		t.Errorf("start as master: %v, %s", got, next)
	}
}

func TestSyncBoth(t *testing.T) {
	for _, cfg := range []ipvs.SyncConfig{{SyncSettings: eth1}, {Follow: "web", Both: true, SyncSettings: eth1}} {
		for _, master := range []bool{false, true} {
			var f ipvs.SyncFollower
			if got, next := f.Want(epoch, cfg, master); len(got) != 2 || !next.IsZero() {
				t.Errorf("%+v, master %t: %v, %s", cfg, master, got, next)
			}
		}
	}
}

func TestDiffSync(t *testing.T) {
	running := ipvs.SyncDaemon{State: ipvs.SyncBackup, SyncSettings: ipvs.SyncSettings{
		Interface: "eth1", ID: 51, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1, MaxLen: 1460}}
	want := func(change ...func(*ipvs.SyncDaemon)) []ipvs.SyncDaemon {
		d := ipvs.SyncDaemon{State: ipvs.SyncBackup, SyncSettings: eth1}
		for _, f := range change {
			f(&d)
		}
		return []ipvs.SyncDaemon{d}
	}
	for name, tt := range map[string]struct {
		want    []ipvs.SyncDaemon
		restart bool
	}{
		"the kernel's defaults": {want(), false},
		"other id":              {want(func(d *ipvs.SyncDaemon) { d.ID = 52 }), true},
		"other interface":       {want(func(d *ipvs.SyncDaemon) { d.Interface = "eth2" }), true},
		"other port":            {want(func(d *ipvs.SyncDaemon) { d.Port = 8849 }), true},
		"other group":           {want(func(d *ipvs.SyncDaemon) { d.Group = netip.MustParseAddr("224.0.0.82") }), true},
		"other ttl":             {want(func(d *ipvs.SyncDaemon) { d.TTL = 2 }), true},
		"other length":          {want(func(d *ipvs.SyncDaemon) { d.MaxLen = 500 }), true},
		"same length":           {want(func(d *ipvs.SyncDaemon) { d.MaxLen = 1460 }), false},
	} {
		stop, start := ipvs.DiffSync([]ipvs.SyncDaemon{running}, tt.want, nil)
		if (len(stop) == 1) != tt.restart || (len(start) == 1) != tt.restart {
			t.Errorf("%s: stop %v, start %v", name, stop, start)
		}
	}
	if stop, start := ipvs.DiffSync(nil, want(), nil); len(stop) != 0 || len(start) != 1 {
		t.Errorf("from nothing: stop %v, start %v", stop, start)
	}
	if stop, start := ipvs.DiffSync([]ipvs.SyncDaemon{running}, nil, nil); len(stop) != 1 || len(start) != 0 {
		t.Errorf("to nothing: stop %v, start %v", stop, start)
	}
}

// A length that the interface cuts short looks the same for many settings:
// what was asked for tells that it changed.
func TestDiffSyncAsked(t *testing.T) {
	daemon := func(maxLen uint16) ipvs.SyncDaemon {
		return ipvs.SyncDaemon{State: ipvs.SyncMaster, SyncSettings: ipvs.SyncSettings{Interface: "eth1", ID: 7, MaxLen: maxLen}}
	}
	have := []ipvs.SyncDaemon{daemon(500)}
	for _, tt := range []struct {
		want, asked uint16
		restart     bool
	}{{500, 500, false}, {1000, 1000, false}, {1000, 500, true}, {0, 500, true}, {400, 500, true}} {
		stop, start := ipvs.DiffSync(have, []ipvs.SyncDaemon{daemon(tt.want)}, []ipvs.SyncDaemon{daemon(tt.asked)})
		if len(stop) != len(start) || len(stop) == 1 != tt.restart {
			t.Errorf("%+v: stop %v, start %v", tt, stop, start)
		}
	}
}
