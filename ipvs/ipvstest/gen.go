package ipvstest

import (
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
)

// Addresses draws from six addresses of 10.0.third.0/24, port 80.
func Addresses(third byte) *rapid.Generator[netip.AddrPort] {
	return rapid.Custom(func(t *rapid.T) netip.AddrPort {
		a := netip.AddrFrom4([4]byte{10, 0, third, rapid.ByteRange(1, 6).Draw(t, "host")})
		return netip.AddrPortFrom(a, 80)
	})
}

// Forwards draws a forwarding method.
func Forwards() *rapid.Generator[ipvs.Forward] {
	return rapid.SampledFrom([]ipvs.Forward{ipvs.Masquerade, ipvs.Direct, ipvs.Tunnel})
}

// Keys draws the key of a service: mostly an address, sometimes a mark.
func Keys() *rapid.Generator[ipvs.ServiceKey] {
	return rapid.Custom(func(t *rapid.T) ipvs.ServiceKey {
		if rapid.IntRange(0, 4).Draw(t, "mark") == 0 {
			return ipvs.MarkKey(rapid.Uint32Range(1, 2).Draw(t, "number"), ipvs.IPv4)
		}
		return ipvs.ServiceKey{
			Protocol: rapid.SampledFrom([]ipvs.Protocol{ipvs.TCP, ipvs.UDP}).Draw(t, "protocol"),
			Address:  Addresses(1).Draw(t, "address"),
		}
	})
}

func genEntry() *rapid.Generator[ipvs.Entry] {
	return rapid.Custom(func(t *rapid.T) ipvs.Entry {
		return ipvs.Entry{
			Service: ipvs.Service{
				Key:         Keys().Draw(t, "key"),
				Scheduler:   rapid.SampledFrom(ipvs.Schedulers[:3]).Draw(t, "scheduler"),
				Persistent:  time.Duration(rapid.IntRange(0, 1).Draw(t, "persistent")) * time.Minute,
				Granularity: rapid.SampledFrom([]int{0, 24}).Draw(t, "granularity"),
			},
			Destinations: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) ipvs.Destination {
				return ipvs.Destination{
					Address:        Addresses(2).Draw(t, "address"),
					Weight:         rapid.IntRange(0, 3).Draw(t, "weight"),
					Forward:        Forwards().Draw(t, "forward"),
					UpperThreshold: rapid.SampledFrom([]uint32{0, 9}).Draw(t, "threshold"),
				}
			}), 0, 6, func(d ipvs.Destination) netip.AddrPort { return d.Address }).Draw(t, "destinations"),
		}
	})
}

// Tables draws tables from few addresses, so that two of them overlap.
func Tables() *rapid.Generator[ipvs.Table] {
	return rapid.Map(
		rapid.SliceOfNDistinct(genEntry(), 0, 6, func(e ipvs.Entry) ipvs.ServiceKey { return e.Service.Key }),
		func(e []ipvs.Entry) ipvs.Table { return e },
	)
}
