package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestReloadUnchanged touches nothing.
func TestReloadUnchanged(t *testing.T) {
	t.Parallel()
	for _, start := range []func(*testing.T, ...vrrp.Config) *rig{newMaster, newBackup} {
		g := start(t, settings())
		g.sleep(300 * time.Millisecond)
		before := g.status()
		next := g.out.Next
		g.step(configure(settings()))
		g.seen()
		if after := g.status(); after.Deadline != before.Deadline || after.State != before.State || g.out.Next != next {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
	}
}

// TestReloadMasterInPlace changes every attribute and keeps mastership.
func TestReloadMasterInPlace(t *testing.T) {
	t.Parallel()
	const vip, other = "192.0.2.100/24", "192.0.2.101/24"
	tests := []struct {
		name string
		edit func(*vrrp.Config)
		want []string
		next time.Duration // next advert
	}{
		{"priority", priority(90), nil, 700 * time.Millisecond},
		{"to owner", priority(255), nil, 700 * time.Millisecond},
		{"preempt", noPreempt, nil, 700 * time.Millisecond},
		{"name", func(c *vrrp.Config) { c.Name = "other" }, nil, 700 * time.Millisecond},
		{"version", version2, nil, 700 * time.Millisecond},
		{"checksum", func(c *vrrp.Config) { c.Checksum = vrrp.ChecksumPlain }, nil, 700 * time.Millisecond},
		{"shorter interval", interval(200 * time.Millisecond), []string{"hold 192.0.2.100/24 5s"}, 200 * time.Millisecond},
		{"longer interval", interval(10 * time.Second), []string{"hold 192.0.2.100/24 42s"}, 700 * time.Millisecond},
		{"lease off", lease(vrrp.LeaseOff), []string{"report lease_mode (heal → off)", "hold 192.0.2.100/24 permanent"}, 700 * time.Millisecond},
		{"address added", addresses(vip, other), []string{"hold 192.0.2.100/24,192.0.2.101/24 6s", "announce 192.0.2.101/24 x5"}, 700 * time.Millisecond},
		{"address replaced", addresses(other), []string{"release 192.0.2.100/24", "hold 192.0.2.101/24 6s", "announce 192.0.2.101/24 x5"}, 700 * time.Millisecond},
		{"prefix length", addresses("192.0.2.100/32"), []string{"release 192.0.2.100/24", "hold 192.0.2.100/32 6s", "announce 192.0.2.100/32 x5"}, 700 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newMaster(t, settings())
			g.wait(300 * time.Millisecond)
			g.log = nil
			g.step(configure(settings(tt.edit)))
			g.seen(tt.want...)
			g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
			g.timer(tt.next)
			for g.deadline() > 0 {
				g.tick()
				if sent := g.out.Actions[0]; sent != nil {
					if _, ok := sent.(*vrrp.SendAdvert); ok {
						break
					}
				}
			}
			if a, c := decodeSent(t, g), settings(tt.edit); a.Priority != c.Priority || a.Version != c.Version ||
				a.Interval != c.AdvertInterval || string(a.List) != string(vrrp.AppendList(nil, c.Addresses)) {
				t.Errorf("the next advert says %+v", a)
			}
		})
	}
}

// TestReloadReordersAddresses without touching any.
func TestReloadReordersAddresses(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(addresses("192.0.2.100/24", "192.0.2.101/24")))
	g.step(configure(settings(addresses("192.0.2.101/24", "192.0.2.100/24"))))
	g.seen()
}

// TestReloadBackupTimer keeps the master-down timer true to the settings.
func TestReloadBackupTimer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		version uint8
		edit    func(*vrrp.Config)
		want    time.Duration
	}{
		{"priority raised", 3, priority(150), vrrp.MasterDownInterval(3, 150, time.Second) - time.Second},
		{"priority lowered", 2, priority(50), vrrp.MasterDownInterval(2, 50, time.Second) - time.Second},
		{"v3 obeys the master's interval", 3, interval(10 * time.Second), fullDown - time.Second},
		{"v2 listens afresh", 2, interval(10 * time.Second), vrrp.MasterDownInterval(2, 100, 10*time.Second)},
		{"addresses", 3, addresses("192.0.2.100/24", "192.0.2.9/24"), fullDown - time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version := func(c *vrrp.Config) { c.Version = tt.version }
			g := newBackup(t, settings(version))
			g.sleep(time.Second)
			g.step(configure(settings(version, tt.edit)))
			g.seen()
			g.timer(tt.want)
			g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
		})
	}
}

// TestReloadPriorityWhileSkewRuns shifts the skew alone.
func TestReloadPriorityWhileSkewRuns(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 0)
	g.step(configure(settings(priority(150))))
	g.timer(vrrp.SkewTime(3, 150, time.Second))
}

// TestReloadToAndFromOwner does what the new role demands.
func TestReloadToAndFromOwner(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.step(configure(settings(priority(255))))
	g.seen(
		"advert v3 priority 255 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"backup → master address_owner",
	)
	g.step(configure(settings(priority(100))))
	g.seen()
	g.advert(higher, 200)
	g.inState(vrrp.StateBackup, vrrp.ReasonHigherPriority)
}

// TestReloadRemoves: routers leave and start in one step, releases first, so
// that an address may move from one router to another.
func TestReloadRemoves(t *testing.T) {
	t.Parallel()
	second := settings(vrid(52), addresses("192.0.2.200/24"))
	third := settings(vrid(53), addresses("192.0.2.200/24"), priority(255))
	g := newMaster(t, settings(), second)
	g.until(10 * time.Second)
	g.log = nil
	g.step(configure(third, settings(addresses("192.0.2.99/24"))))
	g.seen(
		"eth0/ipv4/52 advert v3 priority 0 from 192.0.2.2",
		"eth0/ipv4/52 advert v3 priority 0 from 192.0.2.2",
		"eth0/ipv4/52 release 192.0.2.200/24",
		"eth0/ipv4/52 master → initialize removed",
		"release 192.0.2.100/24",
		"hold 192.0.2.99/24 6s",
		"announce 192.0.2.99/24 x5",
		"eth0/ipv4/53 advert v3 priority 255 from 192.0.2.2",
		"eth0/ipv4/53 hold 192.0.2.200/24 6s",
		"eth0/ipv4/53 announce 192.0.2.200/24 x5",
		"eth0/ipv4/53 initialize → master address_owner",
	)
	if names := len(g.e.Status()); names != 2 {
		t.Errorf("%d routers", names)
	}
}

// TestConfigureCopies: the caller may reuse what it passed.
func TestConfigureCopies(t *testing.T) {
	t.Parallel()
	c := settings()
	g := newMaster(t, c)
	c.Addresses[0] = prefixes("203.0.113.1/24")[0]
	g.wait(time.Second)
	if a := decodeSent(t, g); a.Addresses(vrrp.IPv4)[0].String() != "192.0.2.100" {
		t.Errorf("adverts %v", a.Addresses(vrrp.IPv4))
	}
}

// TestManyRouters: one engine serves instances independently of each other.
func TestManyRouters(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings(), settings(vrid(52), addresses("192.0.2.200/24"), priority(255)))
	g.advert(higher, 200)
	states := g.e.Status()
	if states[0].State != vrrp.StateBackup || states[1].State != vrrp.StateMaster {
		t.Errorf("%v, %v", states[0].State, states[1].State)
	}
	g.packet(higher, func(p *vrrp.Received) { p.Payload = advertOf(99, 1, "192.0.2.1/24") })
	g.packet(lower, func(p *vrrp.Received) { p.Payload = advertOf(99, 1, "192.0.2.1/24") })
	if drops := g.e.InterfaceDrops(); len(drops) != 1 || drops[0].Interface != "eth0" ||
		drops[0].Dropped[vrrp.DropUnknownVRID] != 1 || drops[0].Dropped[vrrp.DropChecksum] != 1 {
		t.Errorf("%+v", drops)
	}
}
