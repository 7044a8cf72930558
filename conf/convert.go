package conf

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/vipd/vipd/healthcheck"
)

// kind is a type of attribute.
type kind struct {
	name    string // in the reference page
	convert func(*conversion, cty.Value) (any, bool)
}

// conversion is one value on its way from HCL to Go.
type conversion struct {
	*report
	attr *attr
	expr hcl.Expression
	rng  hcl.Range
}

// durationName tells durations from other numbers with a range.
const durationName = "duration"

// Kinds of attributes and the Go types that their values get.
var (
	kindString    = kind{"text", toString}                    // string
	kindBool      = kind{"true or false", toBool}             // bool
	kindInt       = kind{"number", toInt}                     // int64
	kindDuration  = kind{durationName, toDuration}            // time.Duration
	kindWord      = kind{"word", toWord}                      // string
	kindIP        = kind{"address", toIP}                     // netip.Addr
	kindInterface = kind{"interface name", toInterface}       // string
	kindStrings   = kind{"list of texts", toStrings}          // []located[string]
	kindAddresses = kind{"list of addresses", toAddresses}    // []located[netip.Addr]
	kindGroup     = kind{"multicast address", toGroup}        // netip.Addr
	kindPrefixes  = kind{"list of addresses", toPrefixes}     // []located[netip.Prefix]
	kindInts      = kind{"list of numbers", toInts}           // []located[int64]
	kindShare     = kind{"number or share", toShare}          // ipvs.Share
	kindStatus    = kind{"number, text or list", toStatusSet} // string
	kindHex       = kind{"hexadecimal digits", toHex}         // string of the bytes
)

// wrong reports a value of the wrong type.
func (c *conversion) wrong(v cty.Value, want, hint string) (any, bool) {
	c.errorf("wrong_type", c.rng, hint, "%s must be %s, not %s", c.attr.name, want, typeName(v))
	return nil, false
}

// typeName describes a value's type for people.
func typeName(v cty.Value) string {
	t := v.Type()
	switch {
	case v.IsNull():
		return "null"
	case t == cty.String:
		return "a text"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "true or false"
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		return "a list"
	}
	return "an object"
}

func toString(c *conversion, v cty.Value) (any, bool) {
	if v.IsNull() || v.Type() != cty.String {
		return c.wrong(v, "a text", "")
	}
	s := v.AsString()
	if s == "" {
		c.errorf("empty", c.rng, "leave it out for the default", "%s is empty", c.attr.name)
		return nil, false
	}
	return s, true
}

func toBool(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.Bool {
		hint := ""
		if v.Type() == cty.String {
			hint = "write true or false without quotes"
		}
		return c.wrong(v, "true or false", hint)
	}
	return v.True(), true
}

func toInt(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.Number {
		hint := ""
		if v.Type() == cty.String {
			hint = "write it without quotes; tonumber() converts a text"
		}
		return c.wrong(v, "a number", hint)
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact && !v.AsBigFloat().IsInt() {
		c.errorf("wrong_type", c.rng, "", "%s must be a whole number", c.attr.name)
		return nil, false
	}
	if accuracy != big.Exact || n < c.attr.min || n > c.attr.max {
		c.errorf("out_of_range", c.rng, c.attr.hint, "%s %s is out of range: %s", c.attr.name, numberText(v), c.attr.limits())
		return nil, false
	}
	return n, true
}

// numberText writes a number. Its exact digits could be too many.
func numberText(v cty.Value) string {
	f, _ := v.AsBigFloat().Float64()
	if math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

func toDuration(c *conversion, v cty.Value) (any, bool) {
	if v.Type() == cty.Number {
		return c.wrong(v, "a duration", fmt.Sprintf(`write "%ss"`, numberText(v)))
	}
	if v.Type() != cty.String {
		return c.wrong(v, "a duration", `for example "1s" or "500ms"`)
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil {
		hint := `for example "1s", "500ms" or "1m30s"`
		if _, err := time.ParseDuration(v.AsString() + "s"); err == nil {
			hint = fmt.Sprintf("it needs a unit: %q", v.AsString()+"s")
		}
		c.errorf("bad_duration", c.rng, hint, "%s %q is not a duration", c.attr.name, v.AsString())
		return nil, false
	}
	if int64(d) < c.attr.min || int64(d) > c.attr.max {
		c.errorf("out_of_range", c.rng, "", "%s %s is out of range: %s", c.attr.name, v.AsString(), c.attr.limits())
		return nil, false
	}
	return d, true
}

// limits describes the range of a number or a duration.
func (a *attr) limits() string {
	if a.kind.name == durationName {
		return shortDuration(time.Duration(a.min)) + " to " + shortDuration(time.Duration(a.max))
	}
	if a.min == a.max {
		return fmt.Sprintf("only %d is known", a.min)
	}
	return fmt.Sprintf("%d to %d", a.min, a.max)
}

// shortDuration leaves out the zero units of time.Duration's form and prefers
// seconds to minutes and seconds.
func shortDuration(d time.Duration) string {
	if d < 10*time.Minute && d%time.Second == 0 && d%time.Minute != 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func toWord(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.String {
		return c.wrong(v, "a text", oneOf(c.attr.words))
	}
	s := v.AsString()
	if word, ok := c.attr.aliases[s]; ok {
		return word, true
	}
	for _, w := range c.attr.words {
		if w == s {
			return s, true
		}
	}
	c.errorf("unknown_word", c.rng, didYouMean(s, c.attr.words), "unknown %s %q", c.attr.name, s)
	return nil, false
}

func toIP(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.String {
		return c.wrong(v, "an address", `for example "192.0.2.10"`)
	}
	a, ok := c.address(c.rng, c.attr.name, v.AsString())
	return a, ok
}

func toInterface(c *conversion, v cty.Value) (any, bool) {
	if v.Type() != cty.String {
		return c.wrong(v, "an interface name", `for example "eth0"`)
	}
	if why := BadInterface(v.AsString()); why != "" {
		c.errorf("bad_interface", c.rng, "", "%q cannot be an interface name: %s", v.AsString(), why)
		return nil, false
	}
	return v.AsString(), true
}

// BadInterface says why a name cannot be an interface's, "" if it can
// (dev_valid_name in the kernel's net/core/dev.c).
func BadInterface(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > 15:
		return "it has more than 15 characters"
	case s == "." || s == "..":
		return "the kernel does not allow it"
	case strings.ContainsAny(s, "/: \t\n\v\f\r"):
		return `it contains "/", ":" or a space`
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return "it contains characters that are not printable ASCII"
	}
	return ""
}

// elements splits a list and finds where each element is written.
func (c *conversion) elements(v cty.Value, want, hint string) ([]located[cty.Value], bool) {
	t := v.Type()
	if v.IsNull() || !(t.IsTupleType() || t.IsListType() || t.IsSetType()) {
		c.wrong(v, want, hint)
		return nil, false
	}
	written, diags := hcl.ExprList(c.expr)
	var out []located[cty.Value]
	for i, e := range v.AsValueSlice() {
		rng := c.rng
		if !diags.HasErrors() && len(written) == v.LengthInt() {
			rng = written[i].Range()
		}
		out = append(out, located[cty.Value]{e, rng})
	}
	return out, true
}

func toStrings(c *conversion, v cty.Value) (any, bool) {
	hint := ""
	if v.Type() == cty.String {
		hint = fmt.Sprintf("write [%q]", v.AsString())
	}
	list, ok := c.elements(v, "a list of texts", hint)
	var out []located[string]
	for _, e := range list {
		if e.v.IsNull() || e.v.Type() != cty.String {
			c.errorf("wrong_type", e.rng, "", "%s must hold texts, not %s", c.attr.name, typeName(e.v))
			ok = false
			continue
		}
		out = append(out, located[string]{e.v.AsString(), e.rng})
	}
	return out, ok
}

func toPrefixes(c *conversion, v cty.Value) (any, bool) {
	hint := `for example ["192.0.2.10/24"]`
	if v.Type() == cty.String {
		hint = fmt.Sprintf("write [%q]", v.AsString())
	}
	list, ok := c.elements(v, "a list of addresses", hint)
	var out []located[netip.Prefix]
	for _, e := range list {
		if e.v.IsNull() || e.v.Type() != cty.String {
			c.errorf("wrong_type", e.rng, "", "%s must hold addresses, not %s", c.attr.name, typeName(e.v))
			ok = false
			continue
		}
		p, good := c.prefix(e.rng, e.v.AsString(), list)
		ok = ok && good
		out = append(out, located[netip.Prefix]{p, e.rng})
	}
	return out, ok
}

// toStatusSet writes numbers and ranges in the form of the checks.
func toStatusSet(c *conversion, v cty.Value) (any, bool) {
	list := []located[cty.Value]{{v, c.rng}}
	if t := v.Type(); t.IsTupleType() || t.IsListType() {
		list, _ = c.elements(v, "", "")
	}
	var parts []string
	ok := true
	for _, e := range list {
		switch {
		case e.v.IsNull() || (e.v.Type() != cty.Number && e.v.Type() != cty.String):
			c.errorf("wrong_type", e.rng, "", "%s must be a number, a text or a list of both, not %s", c.attr.name, typeName(e.v))
			ok = false
			continue
		case e.v.Type() == cty.Number:
			parts = append(parts, numberText(e.v))
		default:
			parts = append(parts, strings.ReplaceAll(e.v.AsString(), " ", ""))
		}
		if _, err := healthcheck.ParseStatusSet(parts[len(parts)-1]); err != nil {
			c.errorf("bad_status", e.rng, `for example 200 or "200-299"`, "%s: %v", c.attr.name, innermost(err))
			ok = false
		}
	}
	if ok && len(parts) == 0 {
		c.errorf("empty", c.rng, "leave it out for the default", "%s is empty", c.attr.name)
		ok = false
	}
	return strings.Join(parts, ","), ok
}

// toHex reads pairs of hexadecimal digits, with or without spaces.
func toHex(c *conversion, v cty.Value) (any, bool) {
	if v.IsNull() || v.Type() != cty.String {
		return c.wrong(v, "a text", `for example "0a 1b 2c"`)
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(v.AsString(), " ", ""))
	if err != nil {
		c.errorf("bad_hex", c.rng, `for example "0a 1b 2c"`, "%s %q is not an even number of hexadecimal digits", c.attr.name, v.AsString())
		return nil, false
	}
	return string(raw), true
}

// innermost leaves out the context of an error that its position shows.
func innermost(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return err
}
