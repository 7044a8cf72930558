package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/vipd/vipd/vrrp"
)

const (
	// maxVIPs is what the count field of an advert can say (RFC 9568 §5.2.4).
	// An advert of so many IPv4 addresses has 1056 octets and fits every MTU.
	maxVIPs = 255
	// manyVIPs is where refreshing the leases begins to be a load for every
	// listener of rtnetlink.
	manyVIPs = 256
	// maxV3Interval is the largest value of the 12-bit field of VRRPv3.
	maxV3Interval = 4095 * 10 * time.Millisecond
)

// instances builds the virtual routers.
func (b *builder) instances(nodes []*node, tracks *trackSet) {
	names := b.names()
	ids := map[vrrp.RouterID]*node{}
	vips := map[netip.Addr]ownedAddress{}
	vmacs := map[string]*node{}
	for _, n := range nodes {
		names.add(n)
		c := b.instance(n)
		c.Tracks = tracks.tracks(n)
		b.notifyInstance(n)
		b.origins(n)
		c.TellLower = len(b.cfg.Notify[n.labels[0]].LowerPriority.Args) > 0
		b.checkTracks(n, c)
		b.checkInterval(n, c)
		b.checkPriority(n, c)
		b.checkAddresses(n, vips)
		b.checkGroup(n)
		for _, c := range split(c) {
			b.delivery(n, &c)
			b.vmac(n, &c, vmacs)
			b.checkTaken(n, c, ids)
			b.cfg.Routers = append(b.cfg.Routers, c)
		}
	}
	if len(vips) > manyVIPs {
		b.warnf("many_addresses", nodes[0].def, "", "%d virtual addresses on one director: refreshing their leases is a load for every program that listens to address changes", len(vips))
	}
}

// origins notes where an instance and what it says stand.
func (b *builder) origins(n *node) {
	if b.cfg.Origins == nil {
		b.cfg.Origins = map[Place]Origin{}
	}
	note := func(key string, at hcl.Range) {
		b.cfg.Origins[Place{n.labels[0], key}] = Origin{File: at.Filename, Line: at.Start.Line}
	}
	note("", n.def)
	for _, a := range n.spec.attributes(n.labels) {
		if n.has(a.name) {
			note(a.name, n.at(a.name))
		}
	}
	for _, k := range n.spec.blocks {
		for _, inner := range n.all(k.name) {
			note(k.name, inner.def)
		}
	}
}

// checkTaken finds two virtual routers with one identity.
func (b *builder) checkTaken(n *node, c vrrp.Config, ids map[vrrp.RouterID]*node) {
	prev := ids[c.ID]
	if prev == nil {
		ids[c.ID] = n
		return
	}
	if !n.bad("interface", "vrid") && n.has("interface") && n.has("vrid") {
		b.errorf("duplicate_vrid", n.at("vrid"), "each vrrp_instance on an interface needs its own", "vrid %d on %s is taken by %s at %s",
			c.ID.VRID, c.ID.Interface, prev, where(prev.at("vrid")))
	}
}

// split makes a virtual router for each family of the addresses, that of the
// first one when there are none. Link-local addresses come first (RFC 9568
// §5.2.9).
func split(c vrrp.Config) []vrrp.Config {
	var all []vrrp.Config
	for _, f := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		one := c
		one.ID.Family = f
		one.Addresses, one.Excluded = ofFamily(c.Addresses, f), ofFamily(c.Excluded, f)
		slices.SortStableFunc(one.Addresses, func(a, b netip.Prefix) int { return linkLocalFirst(a) - linkLocalFirst(b) })
		if len(one.Addresses) == len(c.Addresses) {
			one.Excluded = c.Excluded // of both families
		} else if f == vrrp.IPv6 {
			one.Paths = vrrp.Paths{} // they follow the IPv4 router
		}
		if len(one.Addresses) > 0 || len(c.Addresses) == 0 && f == vrrp.IPv4 {
			all = append(all, one)
		}
	}
	return all
}

func ofFamily(all []netip.Prefix, f vrrp.Family) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is4() != (f == vrrp.IPv4) })
}

func linkLocalFirst(p netip.Prefix) int {
	if p.Addr().Is6() && !p.Addr().IsLinkLocalUnicast() {
		return 1
	}
	return 0
}

func (b *builder) instance(n *node) vrrp.Config {
	c := vrrp.Config{
		Name:           n.labels[0],
		ID:             vrrp.RouterID{Interface: get[string](n, "interface"), VRID: uint8(get[int64](n, "vrid"))},
		Priority:       uint8(get[int64](n, "priority")),
		AdvertInterval: get[time.Duration](n, "advert_interval"),
		Preempt:        get[bool](n, "preempt"),
		Lease:          leaseModes[get[string](n, "lease")],
		Peers:          len(b.cfg.Directors) >= 2,
	}
	if get[string](n, "hand_over") == "graceful" {
		c.HandOver = vrrp.HandOverGraceful
	}
	if get[string](n, "checksum") == "plain" {
		c.Checksum = vrrp.ChecksumPlain
	}
	if c.Priority == 0 {
		c.Priority = b.defaultPriority()
	}
	c.Version = b.protocolVersion(n)
	c.Auth = b.auth(n, c)
	b.rules(n, &c)
	for _, p := range get[[]located[netip.Prefix]](n, "virtual_address") {
		c.Addresses = append(c.Addresses, p.v)
	}
	b.addressOptions(n, &c)
	c.Paths = b.paths(n)
	garp := n.one("garp")
	c.Announce = vrrp.Announce{
		Repeat: int(get[int64](garp, "repeat")), Delay: get[time.Duration](garp, "delay"),
		Refresh: get[time.Duration](garp, "refresh"), Interval: get[time.Duration](garp, "interval"), Pace: get[string](garp, "pace"),
	}
	c.Announce.Extra, c.Announce.ExtraAll = get[time.Duration](garp, "extra"), get[bool](garp, "extra_all")
	if c.Announce.LowerRepeat = int(get[int64](garp, "lower_repeat")); c.Announce.LowerRepeat > 0 {
		c.Announce.LowerDelay = get[time.Duration](garp, "lower_delay")
	}
	if c.Announce.Refresh > 0 {
		c.Announce.RefreshRepeat = int(get[int64](garp, "refresh_repeat"))
	}
	for _, name := range get[[]located[string]](garp, "interfaces") {
		if why := BadInterface(name.v); why != "" {
			b.errorf("bad_interface", name.rng, "", "%q cannot be an interface name: %s", name.v, why)
		}
		c.Announce.Interfaces = append(c.Announce.Interfaces, name.v)
	}
	return c
}

// protocolVersion is what is written, else the one that keepalived users expect,
// unless the addresses need the other.
func (b *builder) protocolVersion(n *node) uint8 {
	six := slices.ContainsFunc(b.addressesOf(n), func(p netip.Prefix) bool { return p.Addr().Is6() })
	version := uint8(get[int64](n, "version"))
	switch {
	case version == 0 && six:
		return 3
	case version == 0:
		return 2
	case version == 2 && six:
		b.errorf("version_2_ipv6", n.at("version"), "version = 3", "%s has IPv6 addresses: VRRP version 2 knows IPv4 only", n)
	}
	return version
}

var leaseModes = map[string]vrrp.LeaseMode{
	"auto": vrrp.LeaseAuto, "heal": vrrp.LeaseHeal, "strict": vrrp.LeaseStrict, "off": vrrp.LeaseOff,
}

// defaultPriority is the director's, else the one keepalived users expect.
func (b *builder) defaultPriority() uint8 {
	if b.director.Priority > 0 {
		return b.director.Priority
	}
	return vrrp.DefaultPriority
}

// checkInterval judges the interval by what the protocol's version can say.
func (b *builder) checkInterval(n *node, c vrrp.Config) {
	if n.bad("advert_interval", "version") {
		return
	}
	at, d := n.at("advert_interval"), c.AdvertInterval
	switch {
	case c.Version == 2 && d%time.Second != 0:
		b.errorf("bad_interval", at, "version = 3 allows steps of 10ms", "advert_interval %s: VRRP version 2 knows whole seconds only", d)
	case c.Version == 3 && d > maxV3Interval:
		b.errorf("out_of_range", at, "", "advert_interval %s is out of range for VRRP version 3: 10ms to 40.95s", d)
	case c.Version == 3 && d%(10*time.Millisecond) != 0:
		b.errorf("bad_interval", at, "", "advert_interval %s: VRRP version 3 knows steps of 10ms only", d)
	case c.Lease == vrrp.LeaseStrict && d < time.Second:
		b.errorf("strict_interval", n.at("lease"), `use an advert_interval of "1s" or more, or lease = "heal"`,
			"lease \"strict\" needs an advert_interval of at least 1s, not %s", d)
	}
	if c.Version == 2 && n.has("checksum") {
		b.warnf("no_effect", n.at("checksum"), "", "checksum has no effect in VRRP version 2")
	}
}

// checkPriority finds priorities that make an election end by chance.
func (b *builder) checkPriority(n *node, c vrrp.Config) {
	if n.bad("priority") || b.partialDirector {
		return
	}
	if c.Priority == vrrp.PriorityOwner && !c.Preempt && !n.bad("preempt") {
		b.warnf("no_effect", n.at("preempt"), "", "preempt = false has no effect: the owner of the addresses (priority 255) always preempts")
	}
	if len(b.cfg.Directors) < 2 {
		return
	}
	hint := "priority = director.priority"
	_, literal := n.vals["priority"].expr.(*hclsyntax.LiteralValueExpr)
	switch {
	case literal:
		b.warnf("same_priority", n.at("priority"), hint, "all directors have priority %d in %s: the highest address wins", c.Priority, n)
	case !n.has("priority") && !b.anyPriority():
		b.warnf("same_priority", n.def, "give each director block a priority", "no director has a priority: in %s all have %d and the highest address wins", n, c.Priority)
	}
}

// anyPriority reports whether any director has a priority of its own.
func (b *builder) anyPriority() bool {
	return slices.ContainsFunc(b.cfg.Directors, func(d Director) bool { return d.Priority > 0 })
}

// ownedAddress is where a virtual address is written first, and in what.
type ownedAddress struct {
	at hcl.Range
	in *node
}

// checkAddresses judges the virtual addresses together. vips are those of all
// instances.
func (b *builder) checkAddresses(n *node, vips map[netip.Addr]ownedAddress) {
	list := slices.Concat(b.advertisedOnce(n), get[[]located[netip.Prefix]](n, "excluded_address"))
	if n.has("virtual_address") && len(b.addressesOf(n)) == 0 {
		b.warnf("no_addresses", n.at("virtual_address"), "", "%s has no virtual address: its election is for programs only", n)
	}
	b.checkFamilies(n)
	for _, p := range list {
		a := p.v.Addr()
		if a.IsLinkLocalUnicast() && a.Is6() {
			a = a.WithZone(get[string](n, "interface")) // unique on its link only
		}
		switch prev, again := vips[a]; {
		case again && prev.in == n:
			b.errorf("duplicate_address", p.rng, "", "virtual address %s appears twice, first at %s", a, where(prev.at))
			continue
		case again:
			b.warnf("shared_address", p.rng, "a vrrp_sync_group of both", "virtual address %s is one of %s, too, at %s: when they have different masters, two directors hold it",
				a, prev.in, where(prev.at))
			continue
		}
		vips[a] = ownedAddress{p.rng, n}
		b.checkHostPart(p)
		if a == b.director.Address && get[int64](n, "priority") != vrrp.PriorityOwner {
			b.warnf("own_address", p.rng, "priority = 255 on the director that owns it", "%s is this director's own address, but its priority is not 255", a)
		}
	}
}

// advertisedOnce is the list of an instance's adverts with each address once.
func (b *builder) advertisedOnce(n *node) []located[netip.Prefix] {
	seen := map[netip.Prefix]bool{}
	return slices.DeleteFunc(slices.Clone(get[[]located[netip.Prefix]](n, "virtual_address")), func(p located[netip.Prefix]) bool {
		again := seen[p.v]
		if seen[p.v] = true; again {
			b.warnf("repeated_address", p.rng, "once, unless a keepalived of this cluster has it twice", "virtual address %s appears twice: adverts list it twice", p.v.Addr())
		}
		return again
	})
}

// checkFamilies judges the virtual addresses of each family.
func (b *builder) checkFamilies(n *node) {
	var four, six, local int
	for _, p := range b.addressesOf(n) {
		switch {
		case p.Addr().Is4():
			four++
		case p.Addr().IsLinkLocalUnicast():
			local++
			fallthrough
		default:
			six++
		}
	}
	if most := max(four, six); most > maxVIPs {
		b.warnf("too_many_addresses", n.at("virtual_address"), "name the others in excluded_address, or spread them over several vrrp_instance blocks",
			"%s has %d virtual addresses, an advert carries at most %d: the others are held, but not advertised", n, most, maxVIPs)
	}
	if six > 0 && local == 0 && !n.bad("virtual_address") {
		b.warnf("no_link_local", n.at("virtual_address"), fmt.Sprintf("add one to the list, the same on all directors: \"fe80::%x/64\"", get[int64](n, "vrid")),
			"%s has no link-local address: RFC 9568 demands that every IPv6 virtual router has one, which its hosts use as gateway", n)
	}
}

// checkHostPart finds addresses that name a network instead of a host.
func (b *builder) checkHostPart(p located[netip.Prefix]) {
	if p.v.Bits() > 30 || p.v.Addr().Is6() {
		return
	}
	a := p.v.Addr().As4()
	host := (uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])) << p.v.Bits()
	what := ""
	switch host {
	case 0:
		what = "network"
	case ^uint32(0) << p.v.Bits():
		what = "broadcast"
	}
	if what != "" {
		b.warnf("network_address", p.rng, fmt.Sprintf("a host address, or %s/32", p.v.Addr()), "%s is the %s address of %s", p.v.Addr(), what, p.v.Masked())
	}
}
