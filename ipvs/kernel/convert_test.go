package kernel

import (
	"net/netip"
	"testing"
	"time"

	lib "github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func TestConvertRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, e := range ipvstest.Tables().Draw(t, "table") {
			e.Service.OnePacket = rapid.Bool().Draw(t, "one-packet")
			e.Service.SchedulerFlags = rapid.SampledFrom([]ipvs.SchedulerFlags{0, 0x8, 0x38}).Draw(t, "flags")
			svc, err := toService(e.Service)
			if err != nil {
				t.Fatal(err)
			}
			svc.Flags |= lib.ServiceHashed // the kernel's own mark
			if back := fromService(svc); back != e.Service {
				t.Fatalf("service %+v became %+v", e.Service, back)
			}
			for _, d := range e.Destinations {
				d.Tunnel = ipvs.TunnelSettings{Type: 1, Port: rapid.Uint16().Draw(t, "port"), Flags: 2}
				dst, err := toDestination(d, svc)
				if err != nil {
					t.Fatal(err)
				}
				if back := fromDestination(dst); back != d {
					t.Fatalf("destination %+v became %+v", d, back)
				}
			}
		}
	})
}

func TestToService(t *testing.T) {
	for name, tt := range map[string]struct {
		in   ipvs.Service
		want lib.Service
	}{
		"plain": {
			in: ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip}, Scheduler: "rr"},
			want: lib.Service{Address: vip.Addr(), Port: 80, Family: lib.INET, Protocol: lib.TCP, Scheduler: "rr",
				Netmask: netmask.MaskFrom(32, 32)},
		},
		"IPv4-mapped": {
			in: ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("[::ffff:192.0.2.9]:80")}, Scheduler: "rr"},
			want: lib.Service{Address: vip.Addr(), Port: 80, Family: lib.INET, Protocol: lib.TCP, Scheduler: "rr",
				Netmask: netmask.MaskFrom(32, 32)},
		},
		"IPv6, persistent, one-packet": {
			in: ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("[2001:db8::9]:53")},
				Scheduler: "sh", Persistent: time.Minute, OnePacket: true, Granularity: 64, SchedulerFlags: 0x10},
			want: lib.Service{Address: netip.MustParseAddr("2001:db8::9"), Port: 53, Family: lib.INET6, Protocol: lib.UDP, Scheduler: "sh",
				Netmask: netmask.MaskFrom(64, 128), Timeout: 60,
				Flags: lib.ServicePersistent | lib.ServiceOnePacket | lib.ServiceSchedulerOpt2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := toService(tt.in)
			if err != nil || got != tt.want {
				t.Errorf("error %v\n got %+v\nwant %+v", err, got, tt.want)
			}
		})
	}
}

func TestFromService(t *testing.T) {
	base := lib.Service{Address: vip.Addr(), Port: 80, Family: lib.INET, Protocol: lib.TCP, Netmask: netmask.MaskFrom(32, 32)}
	for name, tt := range map[string]struct {
		change func(*lib.Service)
		want   ipvs.Service
	}{
		"a timeout without the flag is not persistence": {func(s *lib.Service) { s.Timeout = 360 }, ipvs.Service{}},
		"everybody shares a template": {func(s *lib.Service) { s.Netmask = netmask.MaskFrom(0, 32) },
			ipvs.Service{Granularity: -1}},
		"a mask with holes": {func(s *lib.Service) { s.Netmask = netmask.MaskFrom4([4]byte{255, 0, 255, 0}) },
			ipvs.Service{Granularity: -1}},
	} {
		in := base
		tt.change(&in)
		tt.want.Key = ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip}
		if got := fromService(in); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestStats(t *testing.T) {
	narrow := lib.Stats{Connections: 1, IncomingPackets: 2, OutgoingPackets: 3, IncomingBytes: 4, OutgoingBytes: 5}
	wide := lib.Stats{Connections: 1 << 32, IncomingPackets: 2 << 32, OutgoingPackets: 3 << 32, IncomingBytes: 4 << 32, OutgoingBytes: 5 << 32}
	conn := newConn()
	conn.services = []lib.ServiceExtended{{
		Service: lib.Service{Address: vip.Addr(), Port: 80, Family: lib.INET, Protocol: lib.TCP}, Stats: narrow, Stats64: wide,
	}, {
		Service: lib.Service{FWMark: 7, Family: lib.INET},
	}}
	conn.destinations = []lib.DestinationExtended{
		{Destination: lib.Destination{Address: netip.MustParseAddr("192.0.2.2"), Port: 80}},
		{Destination: lib.Destination{Address: one.Addr(), Port: 80}, ActiveConnections: 6, InactiveConnections: 7, PersistentConnections: 8, Stats: narrow},
	}
	_, got, err := newClient(dialer(conn), time.Minute).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	destinations := []ipvs.DestinationStats{
		{Address: one, Active: 6, Inactive: 7, Persistent: 8,
			Counters: ipvs.Counters{Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 4, BytesOut: 5}},
		{Address: netip.MustParseAddrPort("192.0.2.2:80")},
	}
	want := []ipvs.ServiceStats{{Key: ipvs.MarkKey(7, ipvs.IPv4), Destinations: destinations}, {
		Key:          ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip},
		Counters:     ipvs.Counters{Connections: 1 << 32, PacketsIn: 2 << 32, PacketsOut: 3 << 32, BytesIn: 4 << 32, BytesOut: 5 << 32},
		Destinations: destinations,
	}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("statistics (-want +got):\n%s", d)
	}
}
