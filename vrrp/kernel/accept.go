package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// Filter says where packets are dropped: a table of nftables, which is ours
// alone, and the priority of its chain.
type Filter struct {
	Table    string
	Priority int32
}

// nothingThere tells whether nftables refused because it has no such table, or
// because the kernel has no nftables.
func nothingThere(err error) bool {
	for _, no := range []error{unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// RefuseTraffic drops packets to the addresses of routers that must not accept
// any, in place of what was dropped before. Neighbour discovery passes, as RFC
// 9568 §6.1 demands. The rules stand whoever is master: they mean nothing on a
// host without the addresses, and are there before the first of them is.
func RefuseTraffic(routers []vrrp.Config, f Filter) error {
	var four, six []nftables.SetElement
	for _, a := range refused(routers) {
		if a.Is4() {
			four = append(four, nftables.SetElement{Key: a.AsSlice()})
		} else {
			six = append(six, nftables.SetElement{Key: a.AsSlice()})
		}
	}
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: f.Table}
	if len(four)+len(six) == 0 {
		c.DelTable(table)
		// Without the table, or without nftables, nothing is dropped either.
		if err := c.Flush(); err != nil && !nothingThere(err) {
			return fmt.Errorf("remove nftables table %s: %w", f.Table, err)
		}
		return nil
	}
	// One transaction: at no time is there half a table.
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
	policy := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: "no_accept", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(f.Priority)), Policy: &policy,
	})
	if err := errors.Join(dropTo(c, chain, dropIPv4, four), dropTo(c, chain, dropIPv6, six)); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("write nftables table %s: %w", f.Table, err)
	}
	return nil
}

// refused returns the addresses that accept no packets, each once.
func refused(routers []vrrp.Config) []netip.Addr {
	all := make(map[netip.Addr]bool)
	for _, r := range routers {
		for _, p := range r.Held() {
			if r.NoAccept {
				all[p.Addr()] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), netip.Addr.Compare)
}

// dropFamily is how the destination of a packet of a family is found.
type dropFamily struct {
	set         string
	key         nftables.SetDatatype
	proto       byte // NFPROTO of linux/netfilter.h
	offset, len uint32
	discovery   bool // neighbour discovery passes
}

var (
	dropIPv4 = dropFamily{"addresses4", nftables.TypeIPAddr, unix.NFPROTO_IPV4, 16, 4, false}
	dropIPv6 = dropFamily{"addresses6", nftables.TypeIP6Addr, unix.NFPROTO_IPV6, 24, 16, true}
)

// dropTo adds the rules of one family.
func dropTo(c *nftables.Conn, chain *nftables.Chain, f dropFamily, addresses []nftables.SetElement) error {
	if len(addresses) == 0 {
		return nil
	}
	set := &nftables.Set{Table: chain.Table, Name: f.set, KeyType: f.key}
	if err := c.AddSet(set, addresses); err != nil {
		return fmt.Errorf("add nftables set %s: %w", f.set, err)
	}
	// meta nfproto F, F daddr @set
	match := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{f.proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.len},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}
	if f.discovery {
		c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: append(slices.Clone(match), acceptDiscovery...)})
	}
	c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: append(match, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})})
	return nil
}

// acceptDiscovery accepts neighbour solicitations and advertisements (RFC 4861
// §4.3, §4.4).
var acceptDiscovery = []expr.Any{
	&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
	&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
	&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
	&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{135}, ToData: []byte{136}},
	&expr.Verdict{Kind: expr.VerdictAccept},
}
