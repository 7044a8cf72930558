package kernel

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeOrders are the flags that put a route among others (netlink(7)).
var routeOrders = map[vrrp.RouteOrder]int{
	vrrp.RouteOnly: unix.NLM_F_EXCL, vrrp.RouteAppend: unix.NLM_F_APPEND, vrrp.RoutePrepend: 0,
}

func tableOf(r vrrp.Route) uint32 { return cmp.Or(r.Table, unix.RT_TABLE_MAIN) }

// sendRoute asks the kernel to add or remove a route.
func sendRoute(kind, flags int, r vrrp.Route) error {
	msg := nl.NewRtMsg()
	if kind == unix.RTM_DELROUTE {
		msg = nl.NewRtDelMsg()
	} else {
		msg.Scope = scopeOf(r)
	}
	msg.Family, msg.Dst_len = netlinkFamily(r.Destination.Addr().Is6()), uint8(r.Destination.Bits())
	msg.Protocol, msg.Type, msg.Tos, msg.Table = protocolOf(r.Protocol), uint8(r.Type), r.TOS, unix.RT_TABLE_UNSPEC
	if r.OnLink {
		msg.Flags |= unix.RTNH_F_ONLINK
	}
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	a := attributes{}
	if r.Destination.Bits() > 0 {
		a.bytes(unix.RTA_DST, r.Destination.Masked().Addr().AsSlice())
	}
	if r.From.IsValid() {
		msg.Src_len = uint8(r.From.Bits())
		a.bytes(unix.RTA_SRC, r.From.Masked().Addr().AsSlice())
	}
	a.number(unix.RTA_TABLE, tableOf(r))
	if err := a.gateways(r); err != nil {
		return err
	}
	if r.Source.IsValid() {
		a.bytes(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	a.some(unix.RTA_PRIORITY, r.Metric)
	a.some(unix.RTA_FLOW, r.Realm)
	a.some(unix.RTA_EXPIRES, uint32(r.Expires/time.Second))
	if r.Preference != vrrp.PreferenceMedium {
		a.bytes(unix.RTA_PREF, []byte{uint8(r.Preference)})
	}
	a.tuning(r.MTU, r.Tuning)
	req.AddData(msg)
	for _, one := range a {
		req.AddData(one)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// scopeOf is how far a destination is: no farther than the link without a
// gateway.
func scopeOf(r vrrp.Route) uint8 {
	switch {
	case r.Scope != nil:
		return *r.Scope
	case r.Type == vrrp.RouteUnicast && !r.Via.IsValid() && len(r.Hops) == 0:
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// attributes are those of a message to the kernel.
type attributes []*nl.RtAttr

func (a *attributes) bytes(kind int, b []byte) { *a = append(*a, nl.NewRtAttr(kind, b)) }

func (a *attributes) number(kind int, n uint32) { a.bytes(kind, nl.Uint32Attr(n)) }

// some adds a number unless it is 0.
func (a *attributes) some(kind int, n uint32) {
	if n != 0 {
		a.number(kind, n)
	}
}

// gateways adds where packets go.
func (a *attributes) gateways(r vrrp.Route) error {
	six := r.Destination.Addr().Is6()
	if len(r.Hops) == 0 {
		index, err := indexOf(r.Interface)
		if err != nil {
			return err
		}
		a.some(unix.RTA_OIF, uint32(index))
		if r.Via.IsValid() {
			*a = append(*a, gateway(r.Via, six))
		}
		return nil
	}
	var hops []byte
	for _, h := range r.Hops {
		index, err := indexOf(h.Interface)
		if err != nil {
			return err
		}
		hop := &nl.RtNexthop{RtNexthop: unix.RtNexthop{Hops: uint8(max(0, h.Weight-1)), Ifindex: int32(index)}}
		if r.OnLink {
			hop.Flags |= unix.RTNH_F_ONLINK
		}
		if h.Via.IsValid() {
			hop.Children = append(hop.Children, gateway(h.Via, six))
		}
		hops = append(hops, hop.Serialize()...)
	}
	a.bytes(unix.RTA_MULTIPATH, hops)
	return nil
}

// gateway is an address that packets go to; that of another family has a form
// of its own (struct rtvia).
func gateway(via netip.Addr, six bool) *nl.RtAttr {
	if via.Is6() == six {
		return nl.NewRtAttr(unix.RTA_GATEWAY, via.AsSlice())
	}
	b := binary.NativeEndian.AppendUint16(nil, uint16(netlinkFamily(via.Is6())))
	return nl.NewRtAttr(unix.RTA_VIA, append(b, via.AsSlice()...))
}

// tuning adds RTA_METRICS.
func (a *attributes) tuning(mtu uint32, t vrrp.RouteTuning) {
	inner := attributes{}
	inner.some(unix.RTAX_LOCK, t.Locked)
	inner.some(unix.RTAX_MTU, mtu)
	inner.some(unix.RTAX_WINDOW, t.Window)
	inner.some(unix.RTAX_RTT, uint32(t.RTT*8/time.Millisecond))
	inner.some(unix.RTAX_RTTVAR, uint32(t.RTTVar*4/time.Millisecond))
	inner.some(unix.RTAX_SSTHRESH, t.SlowStartThreshold)
	inner.some(unix.RTAX_CWND, t.CongestionWindow)
	inner.some(unix.RTAX_ADVMSS, t.MSS)
	inner.some(unix.RTAX_REORDERING, t.Reordering)
	inner.some(unix.RTAX_HOPLIMIT, t.HopLimit)
	inner.some(unix.RTAX_INITCWND, t.InitialWindow)
	inner.some(unix.RTAX_RTO_MIN, uint32(t.MinRTO/time.Millisecond))
	inner.some(unix.RTAX_INITRWND, t.InitialReceive)
	for kind, set := range map[int]bool{
		unix.RTAX_FEATURES: t.ECN, unix.RTAX_QUICKACK: t.QuickACK, unix.RTAX_FASTOPEN_NO_COOKIE: t.NoFastOpenCookie,
	} {
		if set {
			inner.number(kind, 1)
		}
	}
	if t.Congestion != "" {
		inner.bytes(unix.RTAX_CC_ALGO, nl.ZeroTerminated(t.Congestion))
	}
	if len(inner) == 0 {
		return
	}
	all := nl.NewRtAttr(unix.RTA_METRICS, nil)
	for _, one := range inner {
		all.AddChild(one)
	}
	*a = append(*a, all)
}
