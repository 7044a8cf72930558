package conf

import (
	"fmt"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
)

func toAddresses(c *conversion, v cty.Value) (any, bool) {
	hint := `for example ["192.0.2.2"]`
	if v.Type() == cty.String {
		hint = fmt.Sprintf("write [%q]", v.AsString())
	}
	list, ok := c.elements(v, "a list of addresses", hint)
	var out []located[netip.Addr]
	for _, e := range list {
		if e.v.IsNull() || e.v.Type() != cty.String {
			c.errorf("wrong_type", e.rng, "", "%s must hold addresses, not %s", c.attr.name, typeName(e.v))
			ok = false
			continue
		}
		a, good := c.address(e.rng, c.attr.name, e.v.AsString())
		ok = ok && good
		out = append(out, located[netip.Addr]{a, e.rng})
	}
	return out, ok
}

func toGroup(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.String {
		return c.wrong(v, "a multicast address", `for example "224.0.0.18"`)
	}
	a, err := netip.ParseAddr(v.AsString())
	if err != nil || !a.IsMulticast() || a.Zone() != "" {
		c.errorf("bad_group", c.rng, `for example "224.0.0.18" or "ff02::12"`, "%s %q is not a multicast address", c.attr.name, v.AsString())
		return nil, false
	}
	return a, true
}
