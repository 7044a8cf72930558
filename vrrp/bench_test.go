package vrrp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestSteadyStateAllocatesNothing: what happens a hundred times a second must
// not feed the garbage collector.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	good := spoil(3, nil)
	bad := spoil(3, faults[:1])
	losing := &vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: lower, Dst: group, TTL: 255, Payload: advertOf(51, 50, "192.0.2.100/24")}
	unknown := &vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: lower, Dst: group, TTL: 255, Payload: advertOf(99, 50, "192.0.2.100/24")}
	tests := []struct {
		name  string
		start func(*testing.T, ...vrrp.Config) *rig
		event vrrp.Event
	}{
		{"master's tick", newMaster, &vrrp.Tick{}},
		{"master hears a loser", newMaster, losing},
		{"backup hears its master", newBackup, good},
		{"backup passes a master over", newBackup, losing},
		{"dropped", newBackup, bad},
		{"unknown", newBackup, unknown},
	}
	for _, tt := range tests {
		g := tt.start(t, settings())
		g.step(tt.event)
		now, out := epoch.Add(g.now), g.out
		step := func() {
			if _, tick := tt.event.(*vrrp.Tick); tick {
				now = out.Next
			}
			out = g.e.Step(now, tt.event)
		}
		for range 20 {
			step()
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}

// exchange is a master and a backup: what one adverts, the other hears.
type exchange struct {
	master, backup *vrrp.Engine
	out            vrrp.Output // of the master
	heard          vrrp.Received
	adverts        int
}

func newExchange(all []vrrp.Config, groups ...vrrp.Group) *exchange {
	x := &exchange{master: vrrp.NewEngine(), backup: vrrp.NewEngine()}
	link := linkUp("eth0")
	link.Primary, link.LinkLocal = higher, higher6
	x.master.Step(epoch, link)
	x.out = x.master.Step(epoch, &vrrp.Configure{Routers: all, Groups: groups})
	x.backup.Step(epoch, linkUp("eth0"))
	for i := range all {
		all[i].Priority--
		if d := &all[i].Delivery; len(d.Peers) > 0 {
			d.Peers = []vrrp.Peer{{Address: higher}}
		}
	}
	x.backup.Step(epoch, &vrrp.Configure{Routers: all, Groups: groups})
	return x
}

// step lets the master act on its next deadline and the backup hear of it.
func (x *exchange) step() {
	now := x.out.Next
	x.out = x.master.Step(now, &vrrp.Tick{})
	for _, a := range x.out.Actions {
		advert, is := a.(*vrrp.SendAdvert)
		if !is || !advert.Dst.IsMulticast() && advert.Dst != ours {
			continue
		}
		x.adverts++
		p := &x.heard
		*p = vrrp.Received{
			Interface: "eth0", Family: advert.ID.Family, Src: advert.Src, Dst: advert.Dst, TTL: advert.TTL, Payload: advert.Payload, AH: advert.AH,
		}
		if p.AH {
			header := int(p.Payload[0]&0xf) * 4
			p.Header, p.Payload = p.Payload[:header], p.Payload[header:]
		}
		x.backup.Step(now, p)
	}
}

// exchanges are kinds of adverts.
var exchanges = []struct {
	name string
	edit func(*vrrp.Config)
}{
	{"version 3", func(*vrrp.Config) {}},
	{"version 2", version2},
	{"IPv6", ipv6},
	{"strict lease", lease(vrrp.LeaseStrict)},
	{"password", func(c *vrrp.Config) {
		c.Version, c.Auth = 2, vrrp.Auth{Type: vrrp.AuthPassword, Key: vrrp.Secret("s3cr3t")}
	}},
	{"authentication header", func(c *vrrp.Config) {
		c.Version, c.Auth = 2, vrrp.Auth{Type: vrrp.AuthHeader, Key: vrrp.Secret("s3cr3t")}
	}},
	{"HMAC", signed()},
	{"unicast", func(c *vrrp.Config) { c.Delivery.Peers = []vrrp.Peer{{Address: ours}, {Address: lower}} }},
	{"tracks", func(c *vrrp.Config) {
		c.Tracks = []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackScript, Name: "chk"}, Weight: -10}, {ID: vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth1"}}}
	}},
}

// TestAdvertAllocatesNothing: neither sending nor hearing one does, of whatever
// kind it is, alone or in a group.
func TestAdvertAllocatesNothing(t *testing.T) {
	for _, kind := range exchanges {
		for _, grouped := range []bool{false, true} {
			all := []vrrp.Config{settings(kind.edit, priority(200)), settings(kind.edit, priority(200), vrid(52), addresses("192.0.2.200/24"))}
			var groups []vrrp.Group
			if grouped {
				groups = []vrrp.Group{{Name: "g", Members: []vrrp.RouterID{all[0].ID, all[1].ID}}}
			}
			if all[1].ID.Family == vrrp.IPv6 {
				all[1].Addresses = prefixes("fe80::200/64")
			}
			x := newExchange(all, groups...)
			for range 200 {
				x.step()
			}
			x.adverts = 0
			n := testing.AllocsPerRun(200, x.step)
			if s := x.backup.Status()[1]; n != 0 || x.adverts < 200 || s.State != vrrp.StateBackup || s.Counters.AdvertsReceived < 100 {
				t.Errorf("%s, in a group %v: %v allocations, %d adverts, the backup is %s and heard %d", kind.name, grouped, n, x.adverts, s.State, s.Counters.AdvertsReceived)
			}
		}
	}
}

// BenchmarkExchange is the cost of an advert of each kind from one engine to
// another, and how many events that makes a second.
func BenchmarkExchange(b *testing.B) {
	for _, kind := range exchanges {
		b.Run(kind.name, func(b *testing.B) {
			x := newExchange([]vrrp.Config{settings(kind.edit, priority(200))})
			for range 100 {
				x.step()
			}
			x.adverts = 0
			b.ReportAllocs()
			steps := 0
			for b.Loop() {
				x.step()
				steps++
			}
			b.ReportMetric(float64(steps+x.adverts)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// many returns n routers at 10 ms, 255 on each interface.
func many(n int, p uint8) []vrrp.Config {
	all := make([]vrrp.Config, n)
	for i := range all {
		all[i] = settings(priority(p), interval(10*time.Millisecond))
		all[i].ID.Interface = fmt.Sprintf("eth%d", i/255)
		all[i].ID.VRID = uint8(i%255 + 1)
	}
	return all
}

func startMany(n int, p uint8) (*vrrp.Engine, vrrp.Output) {
	e := vrrp.NewEngine()
	for i := 0; i <= n/255; i++ {
		e.Step(epoch, linkUp(fmt.Sprintf("eth%d", i)))
	}
	return e, e.Step(epoch, &vrrp.Configure{Routers: many(n, p)})
}

// BenchmarkMasterAdvert is the cost of one advert among n masters at 10 ms.
func BenchmarkMasterAdvert(b *testing.B) {
	for _, n := range []int{1, 255, 1020} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e, out := startMany(n, 255)
			adverts := 0
			b.ReportAllocs()
			for b.Loop() {
				out = e.Step(out.Next, &vrrp.Tick{})
				adverts += len(out.Actions)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(adverts, 1)), "ns/action")
		})
	}
}

// BenchmarkBackupReceive is the cost of one received advert among n backups.
func BenchmarkBackupReceive(b *testing.B) {
	for _, n := range []int{1, 255, 1020} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e, _ := startMany(n, 100)
			packets := make([]vrrp.Received, n)
			for i, c := range many(n, 200) {
				a := vrrp.Advert{Version: 3, VRID: c.ID.VRID, Priority: 200, Interval: c.AdvertInterval, List: vrrp.AppendList(nil, c.Addresses)}
				path := vrrp.Path{Family: vrrp.IPv4, Src: higher, Dst: group}
				packets[i] = vrrp.Received{
					Interface: c.ID.Interface, Family: vrrp.IPv4, Src: higher, Dst: group, TTL: 255,
					Payload: vrrp.Encode(nil, &a, path, vrrp.ChecksumPseudo),
				}
			}
			b.ReportAllocs()
			i, now := 0, epoch
			for b.Loop() {
				now = now.Add(10 * time.Millisecond / time.Duration(n))
				e.Step(now, &packets[i])
				i = (i + 1) % n
			}
		})
	}
}
