package keepalived

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// buildInstances builds the virtual routers.
func (r *reader) buildInstances(cfg *conf.Config) {
	names, ids := map[string]place{}, map[vrrp.RouterID]place{}
	held := map[netip.Addr]*instance{}
	for _, i := range r.instances {
		if prev, again := names[i.name]; again {
			r.errorf(i.at, "duplicate_name", "", "vrrp_instance %s is defined twice, first at %s", i.name, prev)
		}
		names[i.name] = i.at
		c, ok := r.instance(i)
		if !ok {
			continue
		}
		if prev, taken := ids[c.ID]; taken {
			r.errorf(i.vridAt, "duplicate_vrid", "each vrrp_instance on an interface needs its own", "virtual_router_id %d on %s is taken at %s", c.ID.VRID, c.ID.Interface, prev)
		}
		ids[c.ID] = i.vridAt
		r.shared(i, held)
		if n, any := r.notify(i.notify, or(first(i.notify.smtpAlert, r.global.smtpAlertVRRP, r.global.smtpAlert), false), cfg.Global.Mail != nil); any {
			cfg.Notify[i.name] = n
			c.TellLower = len(n.LowerPriority.Args) > 0
		}
		cfg.Routers = append(cfg.Routers, c)
	}
}

// shared notes the addresses of an instance, and tells of those that another one
// has, too.
func (r *reader) shared(i *instance, held map[netip.Addr]*instance) {
	for _, v := range slices.Concat(i.vips, i.excluded) {
		a := v.prefix.Addr()
		if other := held[a]; other == nil {
			held[a] = i
		} else if other != i {
			r.notef(v.at, "shared_address", "a vrrp_sync_group of both", "%s is an address of %s, too: when they have different masters, two directors hold it", a, other.name)
		}
	}
}

// basePriority is the configured one; without it `state MASTER` makes an owner
// of the addresses.
func (i *instance) basePriority() uint8 {
	if or(i.master, false) {
		return uint8(or(i.priority, vrrp.PriorityOwner))
	}
	return uint8(or(i.priority, vrrp.DefaultPriority))
}

// instance builds one virtual router.
func (r *reader) instance(i *instance) (vrrp.Config, bool) {
	c := vrrp.Config{
		Name:     i.name,
		ID:       vrrp.RouterID{Interface: or(first(i.iface, r.global.defaultInterface), ""), VRID: uint8(or(i.vrid, 0)), Family: family(i)},
		Priority: i.basePriority(), Preempt: or(i.preempt, true),
		HandOver: vrrp.HandOverGraceful, Peers: len(i.peers) > 0,
		DownAdverts:  uint8(or(first(i.downAdverts, r.global.downAdverts), 0)),
		PreemptDelay: or(i.preemptDelay, 0), StartDelay: or(r.global.startupDelay, 0),
		Paths: i.paths, NoAccept: !or(i.accept, true), IgnoreCarrier: or(i.ignoreCarrier, false),
	}
	switch {
	case i.vrid == nil:
		r.errorf(i.at, "missing_value", "virtual_router_id N, 1 to 255", "vrrp_instance %s has no virtual_router_id", i.name)
		return c, false
	case c.ID.Interface == "" && i.iface == nil:
		r.errorf(i.at, "missing_value", "interface NAME; default_interface in global_defs serves all", "vrrp_instance %s has no interface", i.name)
		return c, false
	}
	if i.iface == nil {
		r.needs(c.ID.Interface, i.at)
	}
	if !c.Preempt && or(i.master, false) {
		r.warnf(i.at, "no_effect", "state BACKUP", "nopreempt has no effect in %s: its state is MASTER", i.name)
		c.Preempt = true
	}
	r.version(i, &c)
	r.interval(i, &c)
	r.linkDelay(i, &c)
	r.held(i, &c)
	r.delivery(i, &c)
	c.Auth = r.auth(i, &c)
	c.Announce = announce(i.garp, r.global.garp, c.ID.Family)
	r.paced(&c)
	own := c.ID.Interface
	if c.IgnoreCarrier {
		own = "" // is tracked as any other
	}
	c.Tracks = r.resolve(i.tracks, own)
	r.interfaces(i.at, &c)
	c.Delivery.Buffer = r.receiveBuffer(i, &c)
	c.Deviations = r.deviations(i)
	if or(first(i.plainChecksum, r.global.plainChecksum), false) {
		c.Checksum = vrrp.ChecksumPlain
	}
	if or(first(i.strict, r.global.strict), false) {
		r.strict(i, &c)
	}
	return c, true
}

func (r *reader) deviations(i *instance) vrrp.Deviations {
	own, all := i.rules, r.global.rules
	return vrrp.Deviations{
		SilentToLower: or(first(own.noLower, all.noLower), false), AnswerHigher: or(first(own.sendHigher, all.sendHigher), false),
		DeafOwner: or(first(own.deafOwner, all.deafOwner), false), TrustMaster: or(first(own.skipCheck, all.skipCheck), false),
	}
}

// family is that of the first address.
func family(i *instance) vrrp.Family {
	for _, v := range append(slices.Clone(i.vips), i.excluded...) {
		if v.prefix.Addr().Is6() {
			return vrrp.IPv6
		}
		return vrrp.IPv4
	}
	if len(i.peers) > 0 && i.peers[0].Address.Is6() {
		return vrrp.IPv6
	}
	return vrrp.IPv4
}

func (r *reader) version(i *instance, c *vrrp.Config) {
	c.Version = uint8(or(first(i.version, r.global.version), 2))
	if c.ID.Family == vrrp.IPv6 {
		if i.version != nil && c.Version == 2 {
			r.warnf(i.at, "version_2_ipv6", "version 3", "%s has IPv6 addresses and uses version 3: version 2 knows IPv4 only", i.name)
		}
		c.Version = 3
	}
}

// Bounds of the interval: what the fields of the two versions can say.
const (
	maxV2Interval = 255 * time.Second
	maxV3Interval = 4095 * 10 * time.Millisecond
)

// interval rounds what the version cannot say, as keepalived does.
func (r *reader) interval(i *instance, c *vrrp.Config) {
	d := or(i.interval, vrrp.DefaultAdvertInterval)
	step, most := time.Second, maxV2Interval
	if c.Version == 3 {
		step, most = 10*time.Millisecond, maxV3Interval
	}
	rounded := min(max((d+step-1).Truncate(step), step), most)
	if rounded != d {
		r.warnf(i.intervalAt, "bad_interval", "", "advert_int %s: version %d knows steps of %s up to %s; %s is used", d, c.Version, step, most, rounded)
	}
	c.AdvertInterval = rounded
}

// held sets the addresses and how they are put on the host.
func (r *reader) held(i *instance, c *vrrp.Config) {
	same := func(v vip) bool {
		if v.prefix.Addr().Is4() == (c.ID.Family == vrrp.IPv4) {
			return true
		}
		r.errorf(v.at, "mixed_families", "put it into virtual_ipaddress_excluded, or a vrrp_instance of its own",
			"%s is of another family than the first address of %s: keepalived would skip it", v.prefix.Addr(), i.name)
		return false
	}
	taken := map[netip.Prefix]bool{}
	add := func(to *[]netip.Prefix, v vip) {
		if taken[v.prefix] {
			r.notef(v.at, "duplicate_address", "", "%s appears twice in %s; how it is put on the host, the first says", v.prefix, i.name)
			if to == &c.Addresses {
				*to = append(*to, v.prefix) // adverts list what is written
			}
			return
		}
		taken[v.prefix] = true
		*to = append(*to, v.prefix)
		if v.options != (vrrp.AddressOptions{}) {
			if v.options.Interface == c.ID.Interface {
				v.options.Interface = ""
			}
			v.options.Untracked = v.options.Untracked && v.options.Interface != ""
			if c.Options == nil {
				c.Options = map[netip.Prefix]vrrp.AddressOptions{}
			}
			if v.options != (vrrp.AddressOptions{}) {
				c.Options[v.prefix] = v.options
			}
		}
	}
	for _, v := range i.vips {
		if same(v) {
			add(&c.Addresses, v)
		}
	}
	for _, v := range i.excluded {
		add(&c.Excluded, v)
	}
	if len(i.vips) == 0 && !or(i.noVIP, false) {
		r.warnf(i.at, "no_addresses", "", "%s has no virtual address", i.name)
	}
	if i.vmac == nil && or(i.vmacBase, false) {
		r.warnf(i.at, "no_effect", "use_vmac", "vmac_xmit_base has no effect in %s without use_vmac", i.name)
	}
	if i.vmac != nil {
		c.VMAC = *i.vmac
		c.VMAC.FromBase = or(i.vmacBase, false)
		if c.VMAC.Name == "" {
			c.VMAC.Name = r.vmacName(c.ID)
		}
		r.vmacs[c.VMAC.Name] = true
	}
}

// vmacName is the name that keepalived gives to an interface without one:
// vrrp.VRID when it is free, for IPv6 then vrrp6.VRID, then vrrp1.VRID, …, with
// another word for vrrp if vmac_prefix says so.
func (r *reader) vmacName(id vrrp.RouterID) string {
	prefix := or(r.global.vmacPrefix, "vrrp")
	name := fmt.Sprintf("%s.%d", prefix, id.VRID)
	if id.Family == vrrp.IPv6 && r.vmacs[name] {
		name = fmt.Sprintf("%s6.%d", prefix, id.VRID)
	}
	for n := 1; r.vmacs[name]; n++ {
		name = fmt.Sprintf("%s%d.%d", prefix, n, id.VRID)
	}
	return name
}

// delivery sets how adverts travel.
func (r *reader) delivery(i *instance, c *vrrp.Config) {
	c.Delivery.Group = or(i.group, netip.Addr{})
	if g := first(i.group, map[vrrp.Family]*netip.Addr{vrrp.IPv4: r.global.group4, vrrp.IPv6: r.global.group6}[c.ID.Family]); g != nil {
		c.Delivery.Group = *g
	}
	if c.Delivery.Group == vrrp.GroupIPv4 || c.Delivery.Group == vrrp.GroupIPv6 {
		c.Delivery.Group = netip.Addr{}
	}
	if s := first(i.unicastFrom, i.multicastFrom); s != nil {
		c.Delivery.Source = *s
	}
	switch {
	case len(i.peers) > 0:
	case i.hasPeers && or(i.needPeers, false):
		c.Delivery.NeedPeers = true
		r.warnf(i.at, "no_peers", "", "%s has no usable unicast_peer: it will be at fault", i.name)
	case i.hasPeers:
		r.warnf(i.at, "no_peers", "", "%s has no usable unicast_peer: its adverts go to the group", i.name)
	}
	if len(i.peers) == 0 && !c.Delivery.NeedPeers {
		for _, word := range []string{"unicast_src_ip", "unicast_ttl", "check_unicast_src"} {
			if at, is := i.words[word]; is && !i.hasPeers {
				r.warnf(at, "no_peers", "unicast_peer { … }", "%s has %s and no unicast_peer: its adverts go to the group", i.name, word)
			}
		}
		return
	}
	c.Delivery.Group = netip.Addr{}
	for _, p := range i.peers {
		if p.Address.Is4() == (c.ID.Family == vrrp.IPv4) {
			c.Delivery.Peers = append(c.Delivery.Peers, p)
		} else {
			r.warnf(i.at, "mixed_families", "", "peer %s of %s is of another family than its addresses; it is ignored", p.Address, i.name)
		}
	}
	c.Delivery.TTL = uint8(or(i.ttl, 255))
	c.Delivery.CheckSource = or(first(i.checkSource, r.global.checkUnicastSource), false)
}

// interfaces finds names that no interface can have.
func (r *reader) interfaces(at place, c *vrrp.Config) {
	names := []string{}
	if c.ID.Interface != "" {
		names = append(names, c.ID.Interface)
	}
	for _, o := range c.Options {
		if o.Interface != "" {
			names = append(names, o.Interface)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if why := conf.BadInterface(name); why != "" {
			r.errorf(at, "bad_interface", "", "%q cannot be an interface name: %s", name, why)
		}
	}
}

// announce merges the settings of an instance with the global ones.
func announce(own, global garp, family vrrp.Family) vrrp.Announce {
	a := vrrp.Announce{
		Repeat: or(first(own.repeat, global.repeat), vrrp.DefaultGARPRepeat),
		Delay:  or(first(own.delay, global.delay), vrrp.DefaultGARPDelay),

		Refresh:       or(first(own.refresh, global.refresh), 0),
		RefreshRepeat: or(first(own.refreshRepeat, global.refreshRepeat), 1),
		LowerDelay:    or(first(own.lowerDelay, global.lowerDelay), vrrp.DefaultGARPDelay),
		Interval:      or(global.interval, 0),
	}
	if own.extra == nil {
		own.extra, own.extraAll = global.extra, global.extraAll
	}
	if a.Extra = or(own.extra, 0); a.Extra > 0 {
		a.ExtraAll = own.extraAll
	}
	if family == vrrp.IPv6 {
		a.Interval = or(first(global.naInterval, global.interval), 0)
	}
	if n := first(own.lowerRepeat, global.lowerRepeat); n != nil {
		a.LowerRepeat = cmp.Or(min(*n, 100), -1)
	} else if first(own.lowerDelay, global.lowerDelay) != nil {
		a.LowerRepeat = a.Repeat
	}
	if a.LowerRepeat <= 0 {
		a.LowerDelay = 0
	}
	if or(global.minimal, false) && first(own.repeat, global.repeat) == nil {
		a.Repeat, a.Delay = 1, 0
	}
	a.Repeat = min(max(a.Repeat, 1), 100)
	if a.RefreshRepeat = min(max(a.RefreshRepeat, 1), 100); a.Refresh == 0 {
		a.RefreshRepeat = 0
	}
	return a
}

// buildStatic builds what does not depend on any election.
func (r *reader) buildStatic(cfg *conf.Config) {
	cfg.Static.Paths = r.paths
	for _, v := range r.statics {
		if slices.Contains(cfg.Static.Addresses, v.prefix) {
			r.warnf(v.at, "duplicate_address", "", "static address %s appears twice; the first counts", v.prefix)
			continue
		}
		if v.options.Interface == "" {
			v.options.Interface = or(r.global.defaultInterface, "eth0")
		}
		v.options.Untracked = false // no election depends on it
		if cfg.Static.Options == nil {
			cfg.Static.Options = map[netip.Prefix]vrrp.AddressOptions{}
		}
		cfg.Static.Addresses = append(cfg.Static.Addresses, v.prefix)
		cfg.Static.Options[v.prefix] = v.options
	}
}
