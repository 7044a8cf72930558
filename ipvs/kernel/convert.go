package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	lib "github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"

	"github.com/vipd/vipd/ipvs"
)

// schedulerFlags are the service flags that the scheduler interprets.
const schedulerFlags = lib.ServiceSchedulerOpt1 | lib.ServiceSchedulerOpt2 | lib.ServiceSchedulerOpt3

// errFamilies is what the kernel would call EINVAL.
var errFamilies = errors.New("service and real server are of different address families: only tunnels can do that")

// toService returns the library's form of a service.
func toService(s ipvs.Service) (lib.Service, error) {
	out, err := toKey(s.Key)
	if err != nil {
		return lib.Service{}, fmt.Errorf("virtual service: %w", err)
	}
	bits := bitLen(out.Family)
	if s.Granularity < 0 || s.Granularity > bits {
		return lib.Service{}, fmt.Errorf("virtual service: persistence granularity /%d", s.Granularity)
	}
	out.Scheduler = s.Scheduler
	out.Flags = lib.Flags(s.SchedulerFlags) & schedulerFlags
	out.Netmask = toNetmask(s.Granularity, bits)
	if s.Persistent > 0 {
		out.Flags |= lib.ServicePersistent
		out.Timeout = uint32(s.Persistent / time.Second)
	}
	if s.OnePacket {
		out.Flags |= lib.ServiceOnePacket
	}
	return out, nil
}

// toKey returns a service that is only named.
func toKey(k ipvs.ServiceKey) (lib.Service, error) {
	if k.Mark != 0 {
		out := lib.Service{FWMark: k.Mark, Family: lib.INET}
		if k.IPv6() {
			out.Family = lib.INET6
		}
		return out, nil
	}
	a, err := unmap(k.Address)
	if err != nil {
		return lib.Service{}, err
	}
	return lib.Service{Address: a.Addr(), Port: a.Port(), Family: family(a.Addr()), Protocol: lib.Protocol(k.Protocol)}, nil
}

// fromKey is the inverse of toKey.
func fromKey(s lib.Service) ipvs.ServiceKey {
	if s.FWMark != 0 {
		return ipvs.MarkKey(s.FWMark, familyOf(s.Family == lib.INET6))
	}
	return ipvs.ServiceKey{Protocol: ipvs.Protocol(s.Protocol), Address: netip.AddrPortFrom(s.Address, s.Port)}
}

func bitLen(f lib.AddressFamily) int {
	if f == lib.INET6 {
		return 128
	}
	return 32
}

// toNetmask returns the persistence mask, which the kernel wants for every
// service: without it, it says EINVAL.
func toNetmask(granularity, bits int) netmask.Mask {
	if granularity == 0 {
		granularity = bits
	}
	return netmask.MaskFrom(granularity, bits)
}

// fromService is the inverse of toService. The library does not read the
// persistence engine.
func fromService(s lib.Service) ipvs.Service {
	out := ipvs.Service{
		Key:            fromKey(s),
		Scheduler:      s.Scheduler,
		OnePacket:      s.Flags&lib.ServiceOnePacket != 0,
		SchedulerFlags: ipvs.SchedulerFlags(s.Flags & schedulerFlags),
		Granularity:    fromNetmask(s.Netmask, bitLen(s.Family)),
	}
	if s.Flags&lib.ServicePersistent != 0 {
		out.Persistent = time.Duration(s.Timeout) * time.Second
	}
	return out
}

func fromNetmask(m netmask.Mask, full int) int {
	switch bits := m.Bits(); bits {
	case full:
		return 0
	case 0:
		return -1
	default:
		return bits
	}
}

// toDestination returns the library's form of a destination of a service.
func toDestination(d ipvs.Destination, svc lib.Service) (lib.Destination, error) {
	a, err := unmap(d.Address)
	if err != nil {
		return lib.Destination{}, fmt.Errorf("real server: %w", err)
	}
	if family(a.Addr()) != svc.Family && d.Forward != ipvs.Tunnel {
		return lib.Destination{}, errFamilies
	}
	if d.Weight < 0 || d.Weight > maxWeight {
		return lib.Destination{}, fmt.Errorf("real server: weight %d is outside 0..%d", d.Weight, maxWeight)
	}
	return lib.Destination{
		Address:        a.Addr(),
		Port:           a.Port(),
		Family:         family(a.Addr()),
		FwdMethod:      lib.ForwardType(d.Forward),
		Weight:         uint32(d.Weight),
		UpperThreshold: d.UpperThreshold,
		LowerThreshold: d.LowerThreshold,
		TunnelType:     lib.TunnelType(d.Tunnel.Type),
		TunnelPort:     d.Tunnel.Port,
		TunnelFlags:    lib.TunnelFlags(d.Tunnel.Flags),
	}, nil
}

// maxWeight is what ipvsadm accepts, too; the kernel's schedulers multiply it.
const maxWeight = 65535

// fromDestination is the inverse of toDestination.
func fromDestination(d lib.Destination) ipvs.Destination {
	return ipvs.Destination{
		Address:        netip.AddrPortFrom(d.Address, d.Port),
		Weight:         int(d.Weight),
		Forward:        ipvs.Forward(d.FwdMethod),
		UpperThreshold: d.UpperThreshold,
		LowerThreshold: d.LowerThreshold,
		Tunnel: ipvs.TunnelSettings{
			Type: ipvs.TunnelType(d.TunnelType), Port: d.TunnelPort, Flags: ipvs.TunnelFlags(d.TunnelFlags),
		},
	}
}

// unmap turns an IPv4-mapped address into IPv4 proper: of 16 bytes the kernel
// takes the first four and serves 0.0.0.0 without a word.
func unmap(a netip.AddrPort) (netip.AddrPort, error) {
	if !a.Addr().IsValid() {
		return a, errors.New("no address")
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

func family(a netip.Addr) lib.AddressFamily {
	if a.Is4() {
		return lib.INET
	}
	return lib.INET6
}
