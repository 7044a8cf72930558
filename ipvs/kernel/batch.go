package kernel

import (
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nlenc"

	lib "github.com/cloudflare/ipvs"

	"github.com/vipd/vipd/ipvs"
)

// BatchSize is how many operations Batch takes at most: some 150 bytes each,
// far from the kernel's bound of one message, and few enough that the others
// are not kept from the table for long.
const BatchSize = 128

// Batch carries out operations in order with one request and one answer. An
// error means that some of them may not have been carried out; the kernel does
// not make up for it. Apply tells which and why: all operations can be applied
// once more.
func (c *Client) Batch(ops []ipvs.Op) error {
	_, err := rawRequest(c, func(r *raw) (struct{}, error) { return struct{}{}, r.batch(ops) })
	return err
}

// batch asks for an acknowledgement of the last operation only. The kernel
// answers those that it refuses before.
func (r *raw) batch(ops []ipvs.Op) error {
	msgs := make([]netlink.Message, 0, len(ops))
	for _, o := range ops {
		cmd, data, err := encodeOp(o)
		if err != nil {
			return err
		}
		body, err := genetlink.Message{Header: genetlink.Header{Command: cmd, Version: familyVersion}, Data: data}.MarshalBinary()
		if err != nil {
			return err
		}
		msgs = append(msgs, netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(r.family), Flags: netlink.Request},
			Data:   body,
		})
	}
	msgs[len(msgs)-1].Header.Flags |= netlink.Acknowledge
	if err := r.setDeadline(); err != nil {
		return err
	}
	if _, err := r.nl.SendMessages(msgs); err != nil {
		return err
	}
	if _, err := r.nl.Receive(); err != nil {
		return errMoreAnswers{err}
	}
	return nil
}

// errMoreAnswers is a refusal within a batch. It hides the kernel's error
// number: the connection holds the answers to what came after it, and must not
// be used again.
type errMoreAnswers struct{ refusal error }

// Error returns the text of the refusal.
func (e errMoreAnswers) Error() string { return e.refusal.Error() }

// commands of operations.
var commands = [...]uint8{
	ipvs.AddService: cmdNewService, ipvs.EditService: cmdSetService, ipvs.RemoveService: cmdDelService,
	ipvs.AddDestination: cmdNewDestination, ipvs.SetWeight: cmdSetDestination, ipvs.EditDestination: cmdSetDestination,
	ipvs.RemoveDestination: cmdDelDestination,
}

// encodeOp returns the command of an operation and its attributes.
func encodeOp(o ipvs.Op) (cmd uint8, data []byte, err error) {
	svc, err := toService(o.Service)
	if err != nil {
		return 0, nil, err
	}
	cmd = commands[o.Kind]
	ae := netlink.NewAttributeEncoder()
	ae.Nested(attrService, func(n *netlink.AttributeEncoder) error {
		encodeKey(n, svc)
		if cmd == cmdNewService || cmd == cmdSetService {
			encodeService(n, svc, o.Service.Engine)
		}
		return nil
	})
	if cmd >= cmdNewDestination && cmd <= cmdDelDestination {
		dst, err := toDestination(o.Destination, svc)
		if err != nil {
			return 0, nil, err
		}
		ae.Nested(attrDestination, func(n *netlink.AttributeEncoder) error {
			encodeDestination(n, dst)
			return nil
		})
	}
	data, err = ae.Encode()
	return cmd, data, err
}

// encodeKey writes what names a service.
func encodeKey(n *netlink.AttributeEncoder, svc lib.Service) {
	n.Uint16(svcFamily, uint16(svc.Family))
	if svc.FWMark != 0 {
		n.Uint32(svcMark, svc.FWMark)
		return
	}
	n.Uint16(svcProtocol, uint16(svc.Protocol))
	n.Bytes(svcAddress, svc.Address.AsSlice())
	n.Bytes(svcPort, bigEndian(svc.Port))
}

// encodeService writes the rest of a service.
func encodeService(n *netlink.AttributeEncoder, svc lib.Service, engine string) {
	n.String(svcScheduler, svc.Scheduler)
	n.Bytes(svcFlags, append(nlenc.Uint32Bytes(uint32(svc.Flags)), 0xff, 0xff, 0xff, 0xff))
	n.Uint32(svcTimeout, svc.Timeout)
	if svc.Netmask.Is4() {
		n.Bytes(svcNetmask, svc.Netmask.AsSlice())
	} else {
		n.Uint32(svcNetmask, uint32(svc.Netmask.Bits()))
	}
	if engine != "" {
		n.String(svcEngine, engine)
	}
}

func encodeDestination(n *netlink.AttributeEncoder, d lib.Destination) {
	n.Uint16(dstFamily, uint16(d.Family))
	n.Bytes(dstAddress, d.Address.AsSlice())
	n.Bytes(dstPort, bigEndian(d.Port))
	n.Uint32(dstForward, uint32(d.FwdMethod))
	n.Uint32(dstWeight, d.Weight)
	n.Uint32(dstUpper, d.UpperThreshold)
	n.Uint32(dstLower, d.LowerThreshold)
	n.Uint8(dstTunnelType, uint8(d.TunnelType))
	n.Bytes(dstTunnelPort, bigEndian(d.TunnelPort))
	n.Uint16(dstTunnelFlags, uint16(d.TunnelFlags))
}

func bigEndian(port uint16) []byte { return []byte{byte(port >> 8), byte(port)} }
