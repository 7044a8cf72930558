package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/ipvs"
)

// maxGroup bounds the addresses of one range or network.
const maxGroup = 4096

// keys builds the services that a virtual_server stands for, where each is
// written.
func (b *builder) keys(n *node) []located[ipvs.ServiceKey] {
	var out []located[ipvs.ServiceKey]
	if n.known != nil {
		for k := range n.known.service.Keys() {
			out = append(out, located[ipvs.ServiceKey]{k, n.def})
		}
		return out
	}
	proto, _ := ipvs.ParseProtocol(get[string](n, "protocol"))
	add := func(rng hcl.Range, text string) {
		addrs, port, ok := b.virtualAddresses(rng, text)
		if !ok {
			return
		}
		if port == 0 && len(n.all("persistence")) == 0 {
			b.errorf("port_zero", rng, "add persistence {}, or name the port", "address %q: port 0 means every port and works with persistence only", text)
			return
		}
		for _, a := range addrs {
			key := ipvs.ServiceKey{Protocol: proto, Address: netip.AddrPortFrom(a, port)}
			out = append(out, located[ipvs.ServiceKey]{key, rng})
		}
	}
	if n.has("address") {
		add(n.at("address"), get[string](n, "address"))
	}
	for _, text := range get[[]located[string]](n, "addresses") {
		add(text.rng, text.v)
	}
	out = append(out, b.marks(n)...)
	if len(out) == 0 && !n.bad("address", "addresses", "fwmark", "fwmarks") && !n.has("address") && !n.has("addresses") {
		b.absent("missing_key", n.def, `address = "192.0.2.10:80", or fwmark = 1`, "%s has neither an address nor a firewall mark", n)
	}
	return out
}

// marks builds the services of firewall marks.
func (b *builder) marks(n *node) []located[ipvs.ServiceKey] {
	family := ipvs.IPv4
	if get[string](n, "family") == "ipv6" {
		family = ipvs.IPv6
	}
	var out []located[ipvs.ServiceKey]
	if n.has("fwmark") {
		out = append(out, located[ipvs.ServiceKey]{ipvs.MarkKey(uint32(get[int64](n, "fwmark")), family), n.at("fwmark")})
	}
	for _, m := range get[[]located[int64]](n, "fwmarks") {
		out = append(out, located[ipvs.ServiceKey]{ipvs.MarkKey(uint32(m.v), family), m.rng})
	}
	if n.has("family") && len(out) == 0 && !n.bad("fwmark", "fwmarks") {
		b.errorf("family_of_address", n.at("family"), "leave it out", "family is for firewall marks: an address has its own")
	}
	return out
}

// virtualAddresses reads "address:port", "first-last:port" or
// "network/bits:port".
func (b *builder) virtualAddresses(rng hcl.Range, text string) ([]netip.Addr, uint16, bool) {
	if b.isURL(rng, "address", text) {
		return nil, 0, false
	}
	host, portText := splitEndpoint(text)
	if _, err := strconv.ParseUint(text, 10, 32); err == nil {
		b.errorf("bad_address", rng, "fwmark = "+text, "address %q is a number: is it a firewall mark?", text)
		return nil, 0, false
	}
	addrs, ok := b.addressSet(rng, host)
	if !ok {
		return nil, 0, false
	}
	if portText == "" {
		b.missingPort(rng, "address", text)
		return nil, 0, false
	}
	port, ok := b.port(rng, "address", text, portText, 0)
	return addrs, port, ok
}

// addressSet reads one address, a range or a network.
func (b *builder) addressSet(rng hcl.Range, host string) ([]netip.Addr, bool) {
	if first, last, found := strings.Cut(host, "-"); found && netip.Addr.IsValid(parsed(first)) {
		return b.addressRange(rng, host, first, last)
	}
	if p, err := netip.ParsePrefix(host); err == nil {
		return b.network(rng, p)
	}
	a, ok := b.address(rng, "address", host)
	return []netip.Addr{a}, ok
}

func parsed(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// addressRange reads "192.0.2.1-9", "2001:db8::1-f" or two whole addresses.
func (b *builder) addressRange(rng hcl.Range, host, firstText, lastText string) ([]netip.Addr, bool) {
	first, ok := b.address(rng, "address", firstText)
	if !ok {
		return nil, false
	}
	last := parsed(lastText)
	if !last.IsValid() {
		if i := strings.LastIndexAny(firstText, ".:"); i >= 0 {
			last = parsed(firstText[:i+1] + lastText)
		}
	}
	if !last.IsValid() || last.Is4() != first.Is4() || last.Less(first) {
		b.errorf("bad_range", rng, `for example "192.0.2.10-20:80"`, "address range %q does not end after its begin", host)
		return nil, false
	}
	return b.upTo(rng, host, first, last)
}

// network lists the addresses that hosts of a network can have.
func (b *builder) network(rng hcl.Range, p netip.Prefix) ([]netip.Addr, bool) {
	if p != p.Masked() {
		b.errorf("bad_prefix", rng, fmt.Sprintf("write %q", p.Masked()), "network %s has bits set after its prefix", p)
		return nil, false
	}
	first, last := p.Addr(), p.Addr()
	for last.IsValid() && p.Contains(last.Next()) {
		if last = last.Next(); tooMany(first, last) {
			break
		}
	}
	if p.Addr().Is4() && p.Bits() < 31 && !tooMany(first, last) {
		first, last = first.Next(), last.Prev() // network and broadcast address
	}
	return b.upTo(rng, p.String(), first, last)
}

func (b *builder) upTo(rng hcl.Range, what string, first, last netip.Addr) ([]netip.Addr, bool) {
	var out []netip.Addr
	for a := first; a.IsValid() && !last.Less(a); a = a.Next() {
		if len(out) == maxGroup {
			b.errorf("range_too_large", rng, "use a firewall mark", "%q has more than %d addresses", what, maxGroup)
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

// tooMany reports whether a network is certainly larger than a group may be.
func tooMany(first, last netip.Addr) bool {
	a, b := first.As16(), last.As16()
	return a[13] != b[13] || int(b[14])<<8+int(b[15])-int(a[14])<<8-int(a[15]) > maxGroup+2
}
