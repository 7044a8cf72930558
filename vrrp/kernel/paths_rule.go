package kernel

import (
	"encoding/binary"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ruleInvert is FIB_RULE_INVERT of linux/fib_rules.h.
const ruleInvert = 2

// sendRule asks the kernel to add or remove a rule. The header is that of a
// route message, with the action in place of the type.
func sendRule(kind, flags int, r vrrp.Rule) error {
	msg := nl.NewRtMsg()
	msg.Family, msg.Scope, msg.Protocol = netlinkFamily(r.Family == vrrp.IPv6), unix.RT_SCOPE_UNIVERSE, unix.RTPROT_UNSPEC
	msg.Type, msg.Tos, msg.Table = uint8(r.Action), r.TOS, unix.RT_TABLE_UNSPEC
	if r.NotMatch {
		msg.Flags |= ruleInvert
	}
	a := attributes{}
	if r.From.IsValid() {
		msg.Src_len = uint8(r.From.Bits())
		a.bytes(unix.FRA_SRC, r.From.Masked().Addr().AsSlice())
	}
	if r.To.IsValid() {
		msg.Dst_len = uint8(r.To.Bits())
		a.bytes(unix.FRA_DST, r.To.Masked().Addr().AsSlice())
	}
	a.rule(r)
	a.match(r)
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.AddData(msg)
	for _, one := range a {
		req.AddData(one)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// rule adds what a rule does.
func (a *attributes) rule(r vrrp.Rule) {
	a.some(unix.FRA_PRIORITY, r.Priority)
	a.some(unix.FRA_TABLE, r.Table)
	a.some(unix.FRA_GOTO, r.Goto)
	a.some(unix.FRA_FLOW, r.Realm)
	a.bytes(unix.FRA_PROTOCOL, []byte{protocolOf(r.Protocol)})
	if r.L3Master {
		a.bytes(unix.FRA_L3MDEV, []byte{1})
	}
	if r.MinPrefix > 0 {
		a.number(unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.MinPrefix)-1)
	}
	a.some(unix.FRA_SUPPRESS_IFGROUP, r.NotGroup)
}

// match adds which packets a rule is for.
func (a *attributes) match(r vrrp.Rule) {
	if r.In != "" {
		a.bytes(unix.FRA_IIFNAME, nl.ZeroTerminated(r.In))
	}
	if r.Out != "" {
		a.bytes(unix.FRA_OIFNAME, nl.ZeroTerminated(r.Out))
	}
	if r.Mask > 0 {
		a.number(unix.FRA_FWMARK, r.Mark)
		a.number(unix.FRA_FWMASK, r.Mask)
	}
	if r.TunnelID > 0 {
		a.bytes(unix.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunnelID))
	}
	if r.IPProtocol > 0 {
		a.bytes(unix.FRA_IP_PROTO, []byte{r.IPProtocol})
	}
	for kind, p := range map[int]vrrp.PortRange{unix.FRA_SPORT_RANGE: r.SourcePorts, unix.FRA_DPORT_RANGE: r.DestinationPorts} {
		if p != (vrrp.PortRange{}) {
			a.bytes(kind, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p.First), p.Last))
		}
	}
	if r.Users.Set {
		a.bytes(unix.FRA_UID_RANGE, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, r.Users.First), r.Users.Last))
	}
}
