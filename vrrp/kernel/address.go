package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AddressProtocol marks the addresses that vipd adds: IFA_PROTO, one octet
// that the kernel keeps with an address since Linux 5.18 and `ip -d address`
// prints. The kernel itself uses 1 to 3 (linux/if_addr.h); this is VRRP's IP
// protocol number.
const AddressProtocol = 112

// ifaProto is IFA_PROTO of linux/if_addr.h.
const ifaProto = 11

// address is one address as the kernel reports it.
type address struct {
	index     int // of the interface
	prefix    netip.Prefix
	proto     uint8
	secondary bool
	unusable  bool  // an IPv6 address that is tentative or a duplicate
	remaining int64 // seconds of lifetime left, vrrp.LifetimeForever if permanent
}

// decodeAddress reads the body of an RTM_NEWADDR or RTM_DELADDR message
// (rtnetlink(7)). It reports false for anything but IPv4
// and IPv6.
func decodeAddress(b []byte) (a address, ok bool, err error) {
	if len(b) < unix.SizeofIfAddrmsg {
		return address{}, false, errors.New("address message too short")
	}
	msg := nl.DeserializeIfAddrmsg(b)
	if msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 {
		return address{}, false, nil
	}
	attrs, err := nl.ParseRouteAttr(b[msg.Len():])
	if err != nil {
		return address{}, false, fmt.Errorf("parse address attributes: %w", err)
	}
	const undecided = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	a = address{
		index: int(msg.Index), remaining: vrrp.LifetimeForever,
		secondary: msg.Flags&unix.IFA_F_SECONDARY != 0,
		unusable:  msg.Family == unix.AF_INET6 && msg.Flags&undecided != 0,
	}
	for _, attr := range attrs {
		decodeAddressAttr(attr, int(msg.Prefixlen), &a)
	}
	return a, a.prefix.IsValid(), nil
}

func decodeAddressAttr(attr syscall.NetlinkRouteAttr, bits int, a *address) {
	switch attr.Attr.Type {
	case unix.IFA_ADDRESS:
		// Beside IFA_LOCAL it is the far end of a link to one peer.
		if ip, ok := netip.AddrFromSlice(attr.Value); ok && !a.prefix.IsValid() {
			a.prefix = netip.PrefixFrom(ip, bits)
		}
	case unix.IFA_LOCAL:
		if ip, ok := netip.AddrFromSlice(attr.Value); ok {
			a.prefix = netip.PrefixFrom(ip, bits)
		}
	case ifaProto:
		if len(attr.Value) == 1 {
			a.proto = attr.Value[0]
		}
	case unix.IFA_CACHEINFO:
		if len(attr.Value) >= unix.SizeofIfaCacheinfo {
			a.remaining = int64(nl.DeserializeIfaCacheInfo(attr.Value).Valid)
		}
	}
}

// addresses reads and changes addresses over one rtnetlink socket of its own.
// The kernel names that socket in the notices of the changes it caused.
type addresses struct {
	sock *nl.SocketHandle
	port uint32 // netlink port of the socket
}

// answerBound is how long the kernel may take to answer one request. It is
// generous: requests wait for a lock that the whole system shares.
var answerBound = unix.NsecToTimeval(int64(2 * time.Second))

func openAddresses() (*addresses, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	port, err := s.GetPid()
	if err == nil {
		err = errors.Join(s.SetSendTimeout(&answerBound), s.SetReceiveTimeout(&answerBound), s.SetExtAck(true))
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("set up rtnetlink socket: %w", err)
	}
	return &addresses{sock: &nl.SocketHandle{Socket: s}, port: port}, nil
}

func (a *addresses) close() { a.sock.Close() }

func (a *addresses) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: a.sock}
	return req
}

// dumpTries bounds the repetitions of a dump that changed under the reader.
const dumpTries = 10

// dump returns the bodies of all messages of one kind.
func (a *addresses) dump(get int, body nl.NetlinkRequestData, want uint16) (msgs [][]byte, err error) {
	for range dumpTries {
		req := a.request(get, unix.NLM_F_DUMP)
		req.AddData(body)
		if msgs, err = req.Execute(unix.NETLINK_ROUTE, want); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return msgs, err
		}
	}
	return nil, err
}

// list returns all addresses of the namespace.
func (a *addresses) list() ([]address, error) {
	msgs, err := a.dump(unix.RTM_GETADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC), unix.RTM_NEWADDR)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var all []address
	for _, m := range msgs {
		addr, ok, err := decodeAddress(m)
		if err != nil {
			return nil, fmt.Errorf("list addresses: %w", err)
		}
		if ok {
			all = append(all, addr)
		}
	}
	return all, nil
}

// index returns the index of the interface that has the name now, and
// errNoInterface when there is none.
func (a *addresses) index(name string) (int, error) {
	req := a.request(unix.RTM_GETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if errors.Is(err, unix.ENODEV) || err == nil && len(msgs) == 0 {
		return 0, errNoInterface
	}
	if err != nil {
		return 0, fmt.Errorf("look up interface %s: %w", name, err)
	}
	return int(nl.DeserializeIfInfomsg(msgs[0]).Index), nil
}

// add puts an address on an interface; it fails with EEXIST when it is there.
func (a *addresses) add(index int, p netip.Prefix, how manner) error {
	return a.set(unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, p, how)
}

// refresh renews the lifetime of an address. The kernel adds the address when
// it is missing, so the caller has to know that it is there.
func (a *addresses) refresh(index int, p netip.Prefix, how manner) error {
	return a.set(unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, p, how)
}

// ipv6Flags keep an IPv6 address out of duplicate address detection, which
// would make it unusable for a second, and out of the routing table: the
// host's own route of the same prefix would end with its lease. Every refresh
// has to repeat them.
const ipv6Flags = unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE

// set is RTM_NEWADDR, without a broadcast address unless one is given. An
// address with a preferred lifetime of zero is not chosen as source for
// connections of this host.
func (a *addresses) set(flags, index int, p netip.Prefix, how manner) error {
	lifetime := uint32(vrrp.LifetimeForever)
	if how.lease > 0 {
		lifetime = uint32(how.lease / time.Second)
	}
	req, msg := a.addressRequest(unix.RTM_NEWADDR, flags, index, p)
	msg.Scope = how.Scope
	far := p.Addr()
	if how.Peer.IsValid() {
		far = how.Peer
	}
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, far.AsSlice()))
	req.AddData(nl.NewRtAttr(ifaProto, nl.Uint8Attr(AddressProtocol)))
	if how.Label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(how.Label)))
	}
	if how.Broadcast.IsValid() {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, how.Broadcast.AsSlice()))
	}
	info := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Valid: lifetime, Prefered: lifetime}}
	if !how.asSource(p.Addr()) {
		info.Prefered = 0
	}
	if f := how.flags(p.Addr()); f != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(f)))
	}
	req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, info.Serialize()))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// flags are the kernel's flags of an address.
func (m *manner) flags(a netip.Addr) uint32 {
	f := m.Flags
	if m.noRoute {
		f |= unix.IFA_F_NOPREFIXROUTE
	}
	if a.Is6() {
		f |= ipv6Flags
	}
	if m.DetectDuplicates {
		f &^= unix.IFA_F_NODAD
	}
	return f
}

// asSource tells whether the host may choose an address as source.
func (m *manner) asSource(a netip.Addr) bool {
	return m.Source == vrrp.SourceAlways || m.Source == vrrp.SourceDefault && a.Is4()
}

// remove takes an address from an interface. That it or the interface is
// gone already is success.
func (a *addresses) remove(index int, p netip.Prefix) error {
	req, _ := a.addressRequest(unix.RTM_DELADDR, 0, index, p)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// addressRequest names an address by the interface and the local address; the
// message in the request may still be changed.
func (a *addresses) addressRequest(kind, flags, index int, p netip.Prefix) (*nl.NetlinkRequest, *nl.IfAddrmsg) {
	msg := nl.NewIfAddrmsg(unix.AF_INET)
	if p.Addr().Is6() {
		msg.Family = unix.AF_INET6
	}
	msg.Prefixlen = uint8(p.Bits())
	msg.Index = uint32(index)
	req := a.request(kind, flags|unix.NLM_F_ACK)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, p.Addr().AsSlice()))
	return req, msg
}
