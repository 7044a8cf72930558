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

// mutedGroup is the group (ip-link(8), IFLA_GROUP) of the interfaces that must
// be silent. The table stands while there are such interfaces at all; whether
// one of them speaks is a matter of its group alone, which changes at once and
// costs a take-over nothing.
const mutedGroup = 112

// muteOutput writes the table, or removes it. A switch takes any frame with the
// virtual MAC address as news about the master's port. The kernel sends some by
// itself: reports of multicast memberships, when the interface comes up, when a
// querier asks and when addresses leave it. Only adverts pass, the last one
// with priority 0 among them.
func muteOutput(on bool) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: muteTable}
	if !on {
		c.DelTable(table)
		// Without the table, or without nftables, there is nothing to remove.
		if err := c.Flush(); err != nil && !nothingThere(err) {
			return fmt.Errorf("remove nftables table %s: %w", muteTable, err)
		}
		return nil
	}
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
	policy := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: "silent", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput,
		Priority: nftables.ChainPriorityRaw, Policy: &policy,
	})
	// meta oifgroup G meta l4proto != vrrp meta l4proto != ah drop
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFGROUP, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mutedGroup)},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{protocol}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{protocolAH}},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("write nftables table %s: %w", muteTable, err)
	}
	return nil
}

// mute takes the voice of an interface with a virtual MAC address, or gives
// it back. One that does not exist is made without a voice.
func mute(name string, on bool) error {
	link, err := netlink.LinkByName(name)
	if absent(err) {
		return nil
	}
	group := 0
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
