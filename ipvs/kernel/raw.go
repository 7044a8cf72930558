package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

// Numbers of linux/ip_vs.h for what the library does not say: persistence
// engines and connection sync daemons.
const (
	familyName    = "IPVS"
	familyVersion = 1

	cmdNewService, cmdSetService, cmdDelService, cmdGetService = 1, 2, 3, 4
	cmdNewDestination, cmdSetDestination, cmdDelDestination    = 5, 6, 7
	cmdNewDaemon, cmdDelDaemon, cmdGetDaemon                   = 9, 10, 11

	attrService, attrDestination, attrDaemon = 1, 2, 3

	svcFamily, svcProtocol, svcAddress, svcPort, svcMark = 1, 2, 3, 4, 5
	svcScheduler, svcFlags, svcTimeout, svcNetmask       = 6, 7, 8, 9
	svcEngine                                            = 11

	dstAddress, dstPort, dstForward, dstWeight   = 1, 2, 3, 4
	dstUpper, dstLower, dstFamily                = 5, 6, 11
	dstTunnelType, dstTunnelPort, dstTunnelFlags = 13, 14, 15
)

// raw is a generic netlink connection to IPVS of its own, with deadlines.
type raw struct {
	nl     *netlink.Conn
	conn   *genetlink.Conn // on top of nl
	family uint16
	limit  time.Duration // per command; 0 = none
}

// openRaw connects to the IPVS of the calling thread's network namespace.
func openRaw(limit time.Duration) (*raw, error) {
	nl, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return nil, err
	}
	conn := genetlink.NewConn(nl)
	f, err := conn.GetFamily(familyName)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &raw{nl: nl, conn: conn, family: f.ID, limit: limit}, nil
}

// execute sends one command and returns the answers.
func (r *raw) execute(cmd uint8, flags netlink.HeaderFlags, attrs func(*netlink.AttributeEncoder)) ([]genetlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	if attrs != nil {
		attrs(ae)
	}
	data, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	if err := r.setDeadline(); err != nil {
		return nil, err
	}
	msg := genetlink.Message{Header: genetlink.Header{Command: cmd, Version: familyVersion}, Data: data}
	return r.conn.Execute(msg, r.family, netlink.Request|flags)
}

func (r *raw) setDeadline() error {
	if r.limit <= 0 {
		return nil
	}
	return r.conn.SetDeadline(time.Now().Add(r.limit))
}

// rawRequest makes one call of the raw connection. A connection that failed
// by anything but the kernel's own error number is closed: a late answer must
// not be taken for the next one's.
func rawRequest[T any](c *Client, call func(*raw) (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	if c.closed {
		return none, os.ErrClosed
	}
	if c.raw == nil {
		r, err := c.dialRaw(c.limit)
		if errors.Is(err, unix.ENOENT) {
			return none, fmt.Errorf("open IPVS: %w", ErrNoIPVS)
		}
		if err != nil {
			return none, fmt.Errorf("open IPVS: %w", explain(err))
		}
		c.raw = r
	}
	out, err := call(c.raw)
	if err != nil && !fromKernel(err) {
		c.raw.conn.Close()
		c.raw = nil
	}
	return out, err
}

// writeService adds or edits a service with a persistence engine.
func (r *raw) writeService(cmd uint8, s ipvs.Service) error {
	svc, err := toService(s)
	if err != nil {
		return err
	}
	_, err = r.execute(cmd, netlink.Acknowledge, func(ae *netlink.AttributeEncoder) {
		ae.Nested(attrService, func(n *netlink.AttributeEncoder) error {
			encodeKey(n, svc)
			encodeService(n, svc, s.Engine)
			return nil
		})
	})
	return err
}

// engines returns the persistence engines of the services that have one.
func (r *raw) engines() (map[ipvs.ServiceKey]string, error) {
	msgs, err := r.execute(cmdGetService, netlink.Dump, nil)
	if err != nil {
		return nil, err
	}
	out := map[ipvs.ServiceKey]string{}
	for _, m := range msgs {
		ad, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return nil, err
		}
		for ad.Next() {
			if ad.Type() != attrService {
				continue
			}
			ad.Nested(func(n *netlink.AttributeDecoder) error {
				if key, engine := decodeEngine(n); engine != "" {
					out[key] = engine
				}
				return nil
			})
		}
		if err := ad.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decodeEngine reads the key and the engine of one service.
func decodeEngine(n *netlink.AttributeDecoder) (ipvs.ServiceKey, string) {
	var key ipvs.ServiceKey
	var engine string
	var address []byte
	var port uint16
	inet6 := false
	for n.Next() {
		switch n.Type() {
		case svcFamily:
			inet6 = n.Uint16() == unix.AF_INET6
		case svcProtocol:
			key.Protocol = ipvs.Protocol(n.Uint16())
		case svcAddress:
			address = n.Bytes()
		case svcPort:
			if b := n.Bytes(); len(b) == 2 {
				port = uint16(b[0])<<8 | uint16(b[1])
			}
		case svcMark:
			key.Mark = n.Uint32()
		case svcEngine:
			engine = n.String()
		}
	}
	if key.Mark != 0 {
		return ipvs.MarkKey(key.Mark, familyOf(inet6)), engine
	}
	if !inet6 && len(address) > 4 {
		address = address[:4]
	}
	if a, ok := netip.AddrFromSlice(address); ok {
		key.Address = netip.AddrPortFrom(a, port)
	}
	return key, engine
}

func familyOf(inet6 bool) ipvs.Family {
	if inet6 {
		return ipvs.IPv6
	}
	return ipvs.IPv4
}
