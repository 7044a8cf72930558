package conf

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/vrrp"
)

// scopes are the words for route scopes (linux/rtnetlink.h).
var scopes = map[string]uint8{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// maxLabel is what fits into IFA_LABEL (IFNAMSIZ and its end).
const maxLabel = 15

// addressOptions builds how the addresses of an instance are put on the host.
func (b *builder) addressOptions(n *node, c *vrrp.Config) {
	for _, p := range get[[]located[netip.Prefix]](n, "excluded_address") {
		c.Excluded = append(c.Excluded, p.v)
	}
	first := map[netip.Prefix]hcl.Range{}
	for _, k := range n.all("address") {
		p, err := netip.ParsePrefix(k.labels[0])
		if err != nil || !slices.Contains(c.Held(), p) {
			if !n.bad("virtual_address", "excluded_address") {
				b.errorf("unknown_address", k.rngs[0], "", "%q is not an address of %s", k.labels[0], n)
			}
			continue
		}
		if prev, again := first[p]; again {
			b.errorf("duplicate_block", k.rngs[0], "", "address %s has a block already, at %s", p, where(prev))
			continue
		}
		first[p] = k.rngs[0]
		if c.Options == nil {
			c.Options = make(map[netip.Prefix]vrrp.AddressOptions)
		}
		o := b.addressOption(k, p)
		if o.Untracked = !get[bool](k, "track"); o.Untracked && o.Interface == "" && !k.bad("interface") {
			b.warnf("no_effect", k.at("track"), "", "%s: the instance's own interface always counts", p.Addr())
		}
		c.Options[p] = o
	}
}

func (b *builder) addressOption(k *node, p netip.Prefix) vrrp.AddressOptions {
	o := vrrp.AddressOptions{
		Interface: get[string](k, "interface"), Label: get[string](k, "label"), Scope: scopes[get[string](k, "scope")],
		Broadcast: get[netip.Addr](k, "broadcast"), Peer: get[netip.Addr](k, "peer"),
	}
	if k.has("as_source") {
		o.Source = map[bool]vrrp.SourceUse{true: vrrp.SourceAlways, false: vrrp.SourceNever}[get[bool](k, "as_source")]
	}
	if o.DetectDuplicates = get[bool](k, "detect_duplicates"); o.DetectDuplicates && p.Addr().Is4() {
		b.errorf("no_effect", k.at("detect_duplicates"), "", "%s: the kernel looks for duplicates of IPv6 addresses only", p.Addr())
	}
	for _, flag := range get[[]located[string]](k, "flags") {
		bit, known := vrrp.AddressFlags[flag.v]
		if !known {
			b.errorf("unknown_flag", flag.rng, didYouMean(flag.v, slices.Sorted(maps.Keys(vrrp.AddressFlags))), "there is no flag %q", flag.v)
		}
		o.Flags |= bit
	}
	for _, name := range []string{"label", "broadcast"} {
		if k.has(name) && p.Addr().Is6() {
			b.errorf("no_effect", k.at(name), "", "%s: IPv6 addresses have no %s", p.Addr(), name)
		}
	}
	for name, a := range map[string]netip.Addr{"broadcast": o.Broadcast, "peer": o.Peer} {
		if a.IsValid() && a.Is4() != p.Addr().Is4() && !(name == "broadcast" && p.Addr().Is6()) {
			b.errorf("mixed_families", k.at(name), "", "%s %s is of another family than %s", name, a, p.Addr())
		}
	}
	if len(o.Label) > maxLabel {
		b.errorf("bad_label", k.at("label"), "", "label %q has more than %d characters", o.Label, maxLabel)
	}
	return o
}

// vmac gives each virtual router of an instance its interface.
func (b *builder) vmac(n *node, c *vrrp.Config, names map[string]*node) {
	blocks := n.all("vmac")
	if len(blocks) == 0 {
		return
	}
	k := blocks[0]
	name, written := get[string](k, "name"), k.has("name")
	switch {
	case !written && c.ID.Family == vrrp.IPv6:
		name = fmt.Sprintf("vrrp6.%d", c.ID.VRID)
	case !written:
		name = fmt.Sprintf("vrrp.%d", c.ID.VRID)
	case c.ID.Family == vrrp.IPv6 && slices.ContainsFunc(b.addressesOf(n), func(p netip.Prefix) bool { return p.Addr().Is4() }):
		name += "6"
	}
	if why := BadInterface(name); why != "" && !k.bad("name") {
		b.errorf("bad_interface", k.at("name"), "", "%q cannot be an interface name: %s", name, why)
	}
	if prev := names[name]; prev != nil && !n.bad("vrid") {
		b.errorf("duplicate_vmac", k.at("name"), "name = \""+strings.Replace(name, "vrrp", "vmac", 1)+"\"", "interface %s is that of %s at %s already", name, prev, where(prev.def))
	}
	names[name] = n
	c.VMAC = vrrp.VMAC{Name: name, FromBase: get[string](k, "transmit") == "base"}
}
