package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// muteTable is our table of nftables that keeps the kernel from speaking with
// the virtual MAC address of a router that is not master.
const muteTable = "vipd_vmac"

// Groups (ip-link(8), IFLA_GROUP) of the interfaces with a virtual MAC address:
// those that must be silent and those of masters. The tables stand while there
// are such interfaces at all; whether one of them speaks is a matter of its
// group alone, which changes at once and costs a take-over nothing.
const (
	mutedGroup  = 112
	masterGroup = 113
)

// muteOutput writes the tables, or removes them. A switch takes any frame with
// the virtual MAC address as news about the master's port. The kernel sends some
// by itself: reports of multicast memberships, when the interface comes up, when
// a querier asks and when addresses leave it. Only adverts pass, the last one
// with priority 0 among them. And it answers when a successor with the same MAC
// address announces itself by asking for the address: to itself, but a switch
// would send all to us until the successor's next advert.
func muteOutput(on bool) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	inet := &nftables.Table{Family: nftables.TableFamilyINet, Name: muteTable}
	twins := &nftables.Table{Family: nftables.TableFamilyARP, Name: muteTable}
	if !on {
		var errs []error
		for _, table := range []*nftables.Table{inet, twins} {
			c.DelTable(table)
			// Without the table, or without nftables, there is nothing to remove.
			if err := c.Flush(); err != nil && !nothingThere(err) {
				errs = append(errs, fmt.Errorf("remove nftables table %s: %w", muteTable, err))
			}
		}
		return errors.Join(errs...)
	}
	for _, table := range []*nftables.Table{inet, twins} {
		c.AddTable(table)
		c.DelTable(table)
		c.AddTable(table)
	}
	silent := muteChain(c, inet, nftables.ChainHookOutput)
	// meta oifgroup MUTED meta l4proto != vrrp meta l4proto != ah drop
	c.AddRule(&nftables.Rule{Table: inet, Chain: silent, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFGROUP, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mutedGroup)},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{protocol}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{protocolAH}},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	deaf := muteChain(c, twins, nftables.ChainHookRef(arpInput))
	// meta iifgroup MASTER arp saddr ether 00:00:5e:00:01:00/40 drop
	c.AddRule(&nftables.Rule{Table: twins, Chain: deaf, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFGROUP, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, masterGroup)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: arpSender, Len: uint32(len(virtualMAC))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: virtualMAC},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("write nftables table %s: %w", muteTable, err)
	}
	return nil
}

// arpInput is NF_ARP_IN of linux/netfilter_arp.h.
const arpInput = 0

// arpSender is where the hardware address of who sent an ARP packet is (RFC
// 826), and virtualMAC what those of virtual routers begin with (RFC 9568 §7.3).
const arpSender = 8

var virtualMAC = []byte{0x00, 0x00, 0x5e, 0x00, 0x01}

// muteChain adds a chain of a table, behind a hook.
func muteChain(c *nftables.Conn, table *nftables.Table, hook *nftables.ChainHook) *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	return c.AddChain(&nftables.Chain{
		Name: "virtual_mac", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityRaw, Policy: &policy,
	})
}

// mute takes the voice of an interface with a virtual MAC address, or gives
// it back. One that does not exist is made without a voice.
func mute(name string, on bool) error {
	link, err := netlink.LinkByName(name)
	if absent(err) {
		return nil
	}
	group := masterGroup
	if on {
		group = mutedGroup
	}
	if err == nil && link.Attrs().Group != uint32(group) {
		err = netlink.LinkSetGroup(link, group)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("set group of interface %s: %w", name, err)
	}
	return nil
}
