package vrrp_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

// announcements runs a fresh master for a minute and returns when it announced
// and how often each address.
func announcements(t *testing.T, c vrrp.Config) map[time.Duration]int {
	t.Helper()
	g := newMaster(t, c)
	start := g.now
	got := map[time.Duration]int{}
	for g.now < start+time.Minute {
		for _, a := range g.out.Actions {
			if a, ok := a.(*vrrp.Gratuitous); ok {
				got[g.now-start] += a.Repeat
			}
		}
		g.tick()
	}
	return got
}

// TestSafety_2_5_Announcements: at once, early, soon, after the configured delay, and
// when the predecessor's lease has ended for certain.
func TestSafety_2_5_Announcements(t *testing.T) {
	t.Parallel()
	const early, soon = 250 * time.Millisecond, time.Second
	tests := []struct {
		name string
		edit func(*vrrp.Config)
		want map[time.Duration]int
	}{
		{"defaults", func(*vrrp.Config) {}, map[time.Duration]int{0: 5, early: 1, soon: 1, 5 * time.Second: 5, 6500 * time.Millisecond: 5}},
		{"lease off", lease(vrrp.LeaseOff), map[time.Duration]int{0: 5, early: 1, soon: 1, 5 * time.Second: 5}},
		{"no second block", func(c *vrrp.Config) { c.Announce.Delay = 0 }, map[time.Duration]int{0: 5, early: 1, soon: 1, 6500 * time.Millisecond: 5}},
		{"late second block", func(c *vrrp.Config) { c.Announce = vrrp.Announce{Repeat: 2, Delay: 20 * time.Second} },
			map[time.Duration]int{0: 2, early: 1, soon: 1, 6500 * time.Millisecond: 2, 20 * time.Second: 2}},
		{"virtual MAC", func(c *vrrp.Config) { c.VMAC.Name = "eth0" },
			map[time.Duration]int{0: 5, 10 * time.Millisecond: 1, 50 * time.Millisecond: 1, 100 * time.Millisecond: 1, early: 1, soon: 1, 5 * time.Second: 5, 6500 * time.Millisecond: 5}},
		{"strict", lease(vrrp.LeaseStrict), map[time.Duration]int{0: 5, early: 1, soon: 1, 2500 * time.Millisecond: 5, 5 * time.Second: 5}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, announcements(t, settings(tt.edit))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestAnnouncementsEndWithMastership: a backup must not claim an address.
func TestAnnouncementsEndWithMastership(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.advert(higher, 200)
	g.log = nil
	g.until(g.now + fullDown - 1)
	g.seen()
}

// A lasting master announces again and again when asked to.
func TestAnnounceRefresh(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(lease(vrrp.LeaseOff), func(c *vrrp.Config) {
		c.Announce = vrrp.Announce{Repeat: 5, Refresh: 10 * time.Second, RefreshRepeat: 2}
	}))
	start := g.now
	var at []time.Duration
	for g.now < start+35*time.Second {
		g.log = nil
		g.tick()
		if slices.Contains(g.log, "announce 192.0.2.100/24 x2") {
			at = append(at, g.now-start)
		}
	}
	if want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}; !slices.Equal(at, want) {
		t.Errorf("refreshed at %v, want %v", at, want)
	}
	g.step(&vrrp.Stop{})
	if !g.out.Next.IsZero() {
		t.Errorf("still something due at %v", g.out.Next)
	}
}

// TestKeepalived_GARPExtra: addresses whose virtual MAC no advert shows, or all,
// are announced again and again, and after a succession, too.
func TestKeepalived_GARPExtra(t *testing.T) {
	t.Parallel()
	vmac := func(c *vrrp.Config) { c.VMAC = vrrp.VMAC{Name: "eth0", FromBase: true} }
	plain := func(*vrrp.Config) {}
	for _, tt := range []struct {
		name  string
		edit  func(*vrrp.Config)
		extra vrrp.Announce
		want  int
	}{
		{"adverts show it", plain, vrrp.Announce{Extra: 10 * time.Second}, 0},
		{"all", plain, vrrp.Announce{Extra: 10 * time.Second, ExtraAll: true}, 5},
		{"virtual MAC behind the base", vmac, vrrp.Announce{Extra: 10 * time.Second}, 5},
		{"off", vmac, vrrp.Announce{}, 0},
	} {
		got := 0
		for at := range announcements(t, settings(tt.edit, func(c *vrrp.Config) {
			c.Announce.Extra, c.Announce.ExtraAll = tt.extra.Extra, tt.extra.ExtraAll
		})) {
			if at >= 10*time.Second && at < time.Minute {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("%s: %d announcements in 50 s, want %d", tt.name, got, tt.want)
		}
	}
}
