package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
)

func openRecord(t *testing.T, dir string) *Record {
	t.Helper()
	r, err := OpenRecord(dir)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func second(id vrrp.RouterID) vrrp.Config {
	return vrrp.Config{ID: id, AdvertInterval: time.Second}
}

// What one process writes, the next one reads, while it is fresh.
func TestSafety_4_1_RecordFreshness(t *testing.T) {
	dir := t.TempDir()
	supervisor := openRecord(t, dir)
	supervisor.Begin()
	first := openRecord(t, dir)
	now := Now()
	left := vrrp.RouterID{Interface: "bond0.100", Family: vrrp.IPv4, VRID: 255}
	first.Sent(routerA, now.Add(-time.Minute))
	first.Sent(routerA, now)
	first.Sent(left, now)
	first.Left(left)
	next := openRecord(t, dir)
	tests := []struct {
		name string
		c    vrrp.Config
		at   time.Duration
		want bool
	}{
		{"at once", second(routerA), 0, true},
		{"just before a backup may take over", second(routerA), 3*time.Second - 1, true},
		{"when a backup may take over", second(routerA), 3 * time.Second, false},
		{"shorter interval", vrrp.Config{ID: routerA, AdvertInterval: 100 * time.Millisecond}, 300 * time.Millisecond, false},
		{"from the future", second(routerA), -1, false},
		{"left", second(left), 0, false},
		{"never master", second(vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv6, VRID: 1}), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := next.fresh(tt.c, now.Add(tt.at)); got != tt.want {
				t.Errorf("fresh = %v, want %v", got, tt.want)
			}
		})
	}
	// A new supervisor's roles prove nothing by what came before, nor by what
	// a role of the old one writes.
	openRecord(t, dir).Begin()
	first.Sent(routerA, now)
	if openRecord(t, dir).fresh(second(routerA), now) {
		t.Error("an advert under another supervisor is fresh")
	}
}

func TestSafety_4_1_RecordOfAnotherBootIsEmpty(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	r.Sent(routerA, Now())
	path := filepath.Join(dir, recordFile)
	b, err := os.ReadFile(path)
	must(t, err)
	b[bootOffset] ^= 1
	must(t, os.WriteFile(path, b, 0o644))
	if openRecord(t, dir).fresh(second(routerA), Now()) {
		t.Error("an advert of another boot is fresh")
	}
}

// Damage costs the memory, nothing else.
func TestRecordDamaged(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty": nil, "noise": []byte("not a record at all"), "too long": make([]byte, 2*recordSize),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, recordFile), content, 0o644))
			r := openRecord(t, dir)
			r.Sent(routerA, Now())
			if !openRecord(t, dir).fresh(second(routerA), Now()) {
				t.Error("record does not work after damage")
			}
		})
	}
}

func TestRecordIsFull(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	now := Now()
	id := func(i int) vrrp.RouterID {
		return vrrp.RouterID{Interface: fmt.Sprintf("eth%d", i/255), Family: vrrp.IPv4, VRID: uint8(i%255 + 1)}
	}
	for i := range slotCount + 1 {
		r.Sent(id(i), now)
	}
	next := openRecord(t, dir)
	if !next.fresh(second(id(slotCount-1)), now) || next.fresh(second(id(slotCount)), now) {
		t.Errorf("want the first %d routers remembered and no more", slotCount)
	}
	next.Left(id(slotCount)) // unknown: nothing happens
}

// A full record forgets routers that are not master, those without numbers first;
// what an earlier life wrote proves nothing any more.
func TestFullRecordForgets(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	r.Begin()
	now := Now()
	id := func(i int) vrrp.RouterID {
		return vrrp.RouterID{Interface: fmt.Sprintf("veth%d", i/255), Family: vrrp.IPv4, VRID: uint8(i%255 + 1)}
	}
	const numbered, newer, left = 0, 1, 2 // and masters behind them
	r.Counted(id(numbered), 7)
	r.Counted(id(newer), 8)
	for i := left; i < slotCount; i++ {
		r.Sent(id(i), now)
	}
	r.Left(id(left))
	r.Sent(id(slotCount), now)   // in the place of left
	r.Sent(id(slotCount+1), now) // of numbered
	next := openRecord(t, dir)
	for i, want := range map[int]bool{left: false, left + 1: true, slotCount: true, slotCount + 1: true} {
		if got := next.fresh(second(id(i)), now); got != want {
			t.Errorf("router %d is fresh: %v, want %v", i, got, want)
		}
	}
	if diff := cmp.Diff(map[vrrp.RouterID]uint64{id(newer): 8}, next.Sequences()); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	// All are of an earlier life now.
	next.Begin()
	for i := range slotCount {
		next.Sent(id(slotCount+2+i), now)
	}
	if last := openRecord(t, dir); !last.fresh(second(id(2*slotCount+1)), now) || last.fresh(second(id(left+1)), now) {
		t.Error("want the routers of this life, and no others")
	}
}

func TestRecordWritesCostNoMemory(t *testing.T) {
	r := openRecord(t, t.TempDir())
	now := Now()
	r.Sent(routerA, now)
	if n := testing.AllocsPerRun(100, func() { r.Sent(routerA, now) }); n != 0 {
		t.Errorf("%v allocations for an advert, want 0", n)
	}
}

// A restarted role resumes where its adverts are young and its addresses are.
func TestResume(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	dir := t.TempDir()
	h := open(t, dir)
	record := openRecord(t, dir)
	record.Begin()
	h.Links().Hold(lease(1, 60, vip(100)))
	must(t, h.Links().Flush(patience))
	other := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 2}
	owner := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 3}
	now := Now()
	for _, id := range []vrrp.RouterID{routerA, other, owner} {
		record.Sent(id, now)
	}
	must(t, h.Close())

	routers := []vrrp.Config{
		{ID: routerA, AdvertInterval: time.Second, Addresses: []netip.Prefix{vip(100)}},
		{ID: other, AdvertInterval: time.Second, Addresses: []netip.Prefix{vip(100), vip(101)}}, // one is missing
		{ID: owner, AdvertInterval: time.Second, Addresses: []netip.Prefix{vip(1)}},             // the host's own
	}
	next := openRecord(t, dir)
	want := map[vrrp.RouterID]bool{routerA: true, owner: true}
	if diff := cmp.Diff(want, next.Resume(routers, now.Add(time.Second))); diff != "" {
		t.Errorf("resume (-want +got):\n%s", diff)
	}
	if got := next.Resume(routers, now.Add(3*time.Second)); len(got) != 0 {
		t.Errorf("resume after three intervals: %v, want none", got)
	}
}
