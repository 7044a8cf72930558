package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// address reads an address that a host can have. what names it in
// messages.
func (r *report) address(rng hcl.Range, what, s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		r.errorf("bad_address", rng, addressHint(s), "%s %q is not an IP address", what, s)
		return netip.Addr{}, false
	}
	if a.Is4In6() {
		r.errorf("bad_address", rng, fmt.Sprintf("write %q", a.Unmap()), "%s %s is an IPv4 address in IPv6 form", what, a)
		return netip.Addr{}, false
	}
	if a.Zone() != "" {
		r.errorf("bad_address", rng, fmt.Sprintf("write %q", a.WithZone("")), "%s %s has a zone", what, a)
		return netip.Addr{}, false
	}
	if why := unusable(a); why != "" {
		r.errorf("bad_address", rng, "", "%s %s is %s", what, a, why)
		return netip.Addr{}, false
	}
	return a, true
}

// addressHint explains why a text is no address.
func addressHint(s string) string {
	switch {
	case s == "":
		return `for example "192.0.2.10"`
	case strings.Contains(s, "/"):
		return "no prefix length here"
	case strings.ContainsFunc(s, func(c rune) bool { return c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z' }):
		return "names are not looked up: a director must work without DNS"
	}
	return ""
}

// unusable says why an address cannot be a host's, "" if it can.
func unusable(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsMulticast():
		return "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address"
	}
	return ""
}

// endpoint reads "address:port". Without a port it takes port, unless that is
// 0.
func (r *report) endpoint(rng hcl.Range, what, s string, port uint16) (netip.AddrPort, bool) {
	if r.isURL(rng, what, s) {
		return netip.AddrPort{}, false
	}
	host, portText := splitEndpoint(s)
	a, ok := r.address(rng, what, host)
	switch {
	case !ok:
		return netip.AddrPort{}, false
	case portText == "" && port == 0:
		r.missingPort(rng, what, s)
		return netip.AddrPort{}, false
	case portText == "":
		return netip.AddrPortFrom(a, port), true
	}
	n, ok := r.port(rng, what, s, portText, 1)
	return netip.AddrPortFrom(a, n), ok
}

// isURL reports URLs where an address is expected.
func (r *report) isURL(rng hcl.Range, what, s string) bool {
	if !strings.Contains(s, "://") {
		return false
	}
	r.errorf("bad_address", rng, "write address and port alone; what to ask for is part of a check", "%s %q is a URL", what, s)
	return true
}

func (r *report) missingPort(rng hcl.Range, what, s string) {
	example := s + ":80"
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		example = netip.AddrPortFrom(a, 80).String()
	}
	r.errorf("missing_port", rng, fmt.Sprintf("for example %q", example), "%s %q has no port", what, s)
}

// port reads the port of an endpoint with its colon.
func (r *report) port(rng hcl.Range, what, whole, text string, least uint64) (uint16, bool) {
	n, err := strconv.ParseUint(text[1:], 10, 64)
	if err != nil || n < least || n > 65535 {
		r.errorf("bad_port", rng, "", "%s %q: port %q is not a number from 1 to 65535", what, whole, text[1:])
		return 0, false
	}
	return uint16(n), true
}

// splitEndpoint separates the port with its colon, also from a bracketed IPv6
// address. An IPv6 address without brackets has no port.
func splitEndpoint(s string) (host, port string) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, port, ok = strings.Cut(rest, "]")
		if ok && (port == "" || port[0] == ':') {
			return host, port
		}
		return s, ""
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.IndexByte(s, ':') != i {
		return s, ""
	}
	return s[:i], s[i:]
}

// prefix reads a virtual address with its prefix length. The other elements
// of the list serve for hints.
func (c *conversion) prefix(rng hcl.Range, s string, list []located[cty.Value]) (netip.Prefix, bool) {
	host, bits, hasBits := strings.Cut(s, "/")
	a, ok := c.address(rng, c.attr.name, host)
	if !ok {
		return netip.Prefix{}, false
	}
	if a.IsLoopback() {
		c.errorf("bad_address", rng, "", "%s %s is a loopback address", c.attr.name, a)
		return netip.Prefix{}, false
	}
	if !hasBits {
		hint := fmt.Sprintf(`write "%s/%d", with the prefix length of the interface's network, or "%s/%d" for the address alone`, a, likelyBits(a, list), a, a.BitLen())
		c.errorf("missing_prefix", rng, hint, "%s %q has no prefix length", c.attr.name, s)
		return netip.Prefix{}, false
	}
	n, err := strconv.ParseUint(bits, 10, 8)
	if err != nil || n < 1 || n > uint64(a.BitLen()) {
		c.errorf("bad_prefix", rng, "", "%s %q: prefix length %q is out of range: 1 to %d", c.attr.name, s, bits, a.BitLen())
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, int(n)), true
}

// likelyBits guesses the missing prefix length of a: that of a neighbour in
// the list, else the most common one.
func likelyBits(a netip.Addr, list []located[cty.Value]) int {
	for _, e := range list {
		if e.v.IsNull() || e.v.Type() != cty.String {
			continue
		}
		if p, err := netip.ParsePrefix(e.v.AsString()); err == nil && p.Addr().Is4() == a.Is4() {
			return p.Bits()
		}
	}
	if a.Is6() {
		return 64
	}
	return 24
}
