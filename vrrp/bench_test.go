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
