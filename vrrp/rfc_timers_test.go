package vrrp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
)

// TestRFC9568_6_1_TimersExact checks worked values to the nanosecond.
func TestRFC9568_6_1_TimersExact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		version, priority uint8
		interval          time.Duration
		skew, down        time.Duration
	}{
		{2, 100, time.Second, 609375 * time.Microsecond, 3609375 * time.Microsecond},
		{3, 100, time.Second, 609375 * time.Microsecond, 3609375 * time.Microsecond},
		{3, 100, 100 * time.Millisecond, 60937500, 360937500},
		{3, 100, 10 * time.Millisecond, 6093750, 36093750},
		{3, 255, 10 * time.Millisecond, 39062, 30039062},
		{3, 1, 40950 * time.Millisecond, 40790039062, 163640039062},
		{2, 254, time.Second, 7812500, 3007812500},
		{2, 255, time.Second, 3906250, 3003906250},
	}
	for _, tt := range tests {
		if got := vrrp.SkewTime(tt.version, tt.priority, tt.interval); got != tt.skew {
			t.Errorf("skew of v%d priority %d at %v: %v, want %v", tt.version, tt.priority, tt.interval, got, tt.skew)
		}
		if got := vrrp.MasterDownInterval(tt.version, tt.priority, tt.interval); got != tt.down {
			t.Errorf("master-down of v%d priority %d at %v: %v, want %v", tt.version, tt.priority, tt.interval, got, tt.down)
		}
	}
}

// TestRFC3768_6_1_SkewIsIndependentOfInterval separates the two versions.
func TestRFC3768_6_1_SkewIsIndependentOfInterval(t *testing.T) {
	t.Parallel()
	if got := vrrp.MasterDownInterval(2, 100, 10*time.Second); got != 30609375*time.Microsecond {
		t.Errorf("version 2: %v", got)
	}
	if got := vrrp.MasterDownInterval(3, 100, 10*time.Second); got != 36093750*time.Microsecond {
		t.Errorf("version 3: %v", got)
	}
}

// TestRFC9568_6_1_SkewOrdersBackups is what skew is for: of two backups the
// better one always fires first, and skew is never zero.
func TestRFC9568_6_1_SkewOrdersBackups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]uint8{2, 3}).Draw(t, "version")
		a := rapid.Uint8Range(1, 254).Draw(t, "priority")
		step := 10 * time.Millisecond * time.Duration(rapid.IntRange(1, 4095).Draw(t, "interval"))
		better := vrrp.SkewTime(version, a+1, step)
		if skew := vrrp.SkewTime(version, a, step); better <= 0 || skew <= better {
			t.Fatalf("priority %d waits %v, priority %d waits %v", a, skew, a+1, better)
		}
	})
}

// TestRFC9568_6_1_MasterDownCountsFromLastAdvert runs the timer out.
func TestRFC9568_6_1_MasterDownCountsFromLastAdvert(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    vrrp.Config
		want time.Duration
	}{
		{"version 2", settings(version2), 3609375 * time.Microsecond},
		{"version 3", settings(), 3609375 * time.Microsecond},
		{"version 3 at 10 ms", settings(interval(10 * time.Millisecond)), 36093750},
		{"version 2 at 10 s", settings(version2, interval(10*time.Second)), 30609375 * time.Microsecond},
	} {
		g := newBackup(t, tt.c)
		g.timer(tt.want)
		g.until(g.now + tt.want - 1)
		if s := g.status().State; s != vrrp.StateBackup {
			t.Errorf("%s: %v a nanosecond too early", tt.name, s)
		}
		g.until(g.now + 1)
		g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	}
}

// TestRFC9568_6_1_LearnedInterval: the master's interval rules in version 3.
func TestRFC9568_6_1_LearnedInterval(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 200 * time.Millisecond })
	g.seen("report interval_differ peer 192.0.2.3 (interval differs from ours)")
	g.timer(vrrp.MasterDownInterval(3, 100, 200*time.Millisecond))
	if got := g.status().MasterInterval; got != 200*time.Millisecond {
		t.Errorf("learned %v", got)
	}
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 40950 * time.Millisecond })
	g.timer(vrrp.MasterDownInterval(3, 100, 40950*time.Millisecond))
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 40950 * time.Millisecond })
	g.seen("report interval_differ peer 192.0.2.3 (interval differs from ours)")
}

// TestRFC9568_6_1_OwnIntervalAsMaster: what was learned ends with mastership.
func TestRFC9568_6_1_OwnIntervalAsMaster(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 200 * time.Millisecond })
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	g.timer(time.Second)
	if a := decodeSent(t, g); a.Interval != time.Second {
		t.Errorf("adverts an interval of %v", a.Interval)
	}
}

// decodeSent decodes the only advert of the last step.
func decodeSent(t *testing.T, g *rig) vrrp.Advert {
	t.Helper()
	for _, a := range g.out.Actions {
		if s, ok := a.(*vrrp.SendAdvert); ok {
			a, reason := vrrp.Decode(s.Payload, vrrp.Path{Family: vrrp.IPv4, Src: s.Src, Dst: s.Dst})
			if reason != "" {
				t.Fatalf("sent an advert that is rejected for %q", reason)
			}
			return a
		}
	}
	t.Fatal("no advert was sent")
	return vrrp.Advert{}
}
