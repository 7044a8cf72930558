package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

func TestPeerMemorySurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	m, err := openPeerMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := []vrrp.RouterID{{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, {Interface: "eth1", Family: vrrp.IPv4, VRID: 7}}
	for i, id := range append(ids, ids[0]) {
		if news := m.add(id); news != (i < len(ids)) {
			t.Errorf("peer %d is news: %v", i, news)
		}
	}
	if err := m.save(); err != nil {
		t.Fatal(err)
	}
	again, err := openPeerMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids, again.list()); diff != "" {
		t.Errorf("remembered peers (-want +got):\n%s", diff)
	}
}

func TestInstanceLock(t *testing.T) {
	dir := t.TempDir()
	lock, _, err := lockInstance(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := lockInstance(dir); err == nil {
		t.Error("two daemons got the same runtime directory")
	}
	unlockInstance(lock)
	lock, _, err = lockInstance(dir)
	if err != nil {
		t.Errorf("lock after the owner left: %v", err)
	}
	unlockInstance(lock)
}
