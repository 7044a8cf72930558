package conf

import (
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/vipd/vipd/ipvs"
)

func toInts(c *conversion, v cty.Value) (any, bool) {
	list, ok := c.elements(v, "a list of numbers", "")
	var out []located[int64]
	for _, e := range list {
		one := *c
		one.rng = e.rng
		n, good := toInt(&one, e.v)
		if ok = ok && good; good {
			out = append(out, located[int64]{n.(int64), e.rng})
		}
	}
	return out, ok
}

// toShare reads a number of real servers or a percentage of them.
func toShare(c *conversion, v cty.Value) (any, bool) {
	if v.Type() == cty.Number {
		n, _ := v.AsBigFloat().Int64()
		if !v.AsBigFloat().IsInt() || n < 0 || n > 1<<20 {
			return c.badShare(v.AsBigFloat().Text('f', -1))
		}
		return ipvs.Share{Count: int(n)}, true
	}
	if v.Type() != cty.String {
		return c.wrong(v, "a number or a share", `for example 1 or "50%"`)
	}
	text, percent := strings.CutSuffix(v.AsString(), "%")
	n, err := strconv.ParseUint(text, 10, 8)
	if !percent || err != nil || n > 100 {
		return c.badShare(v.AsString())
	}
	return ipvs.Share{Percent: int(n)}, true
}

func (c *conversion) badShare(s string) (any, bool) {
	c.errorf("bad_share", c.rng, `for example 1 or "50%"`, "%s %q is neither a number of real servers nor a share", c.attr.name, s)
	return nil, false
}
