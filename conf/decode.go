package conf

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decoder turns HCL bodies into nodes.
type decoder struct {
	*report
	ctx *hcl.EvalContext
}

// body decodes the inside of a block of kind spec.
func (d *decoder) body(spec *block, labels []string, def hcl.Range, body hcl.Body) *node {
	n := &node{spec: spec, labels: labels, def: def, vals: map[string]val{}}
	if spec.free {
		return n
	}
	content, diags := body.Content(spec.bodySchema(labels))
	d.hclDiags("syntax", diags, n)
	for _, a := range spec.attributes(labels) {
		if written, ok := content.Attributes[a.name]; ok {
			d.attribute(n, a, written)
		}
		if _, ok := n.vals[a.name]; a.required && !ok && spec != rootBlock {
			d.absent("missing_key", def, "", "%s has no %q", n, a.name)
		}
	}
	d.children(n, content.Blocks)
	return n
}

// attribute evaluates one attribute. null means "not written", so that an
// expression can leave the default in place.
func (d *decoder) attribute(n *node, a *attr, written *hcl.Attribute) {
	v := val{rng: written.Expr.Range(), expr: written.Expr, bad: true}
	value, ok := d.eval(written.Expr)
	if ok && value.IsNull() {
		return
	}
	if ok {
		c := conversion{report: d.report, attr: a, expr: written.Expr, rng: v.rng}
		v.v, ok = a.kind.convert(&c, value)
	}
	v.bad = !ok
	n.vals[a.name] = v
}

// eval evaluates an expression; false when it has no usable value, which has
// then been reported here or at what it refers to.
func (d *decoder) eval(expr hcl.Expression) (cty.Value, bool) {
	value, diags := expr.Value(d.ctx)
	d.hclDiags("expression", diags, nil)
	value, _ = value.UnmarkDeep()
	return value, !diags.HasErrors() && value.IsWhollyKnown()
}

// children decodes the blocks inside n.
func (d *decoder) children(n *node, blocks hcl.Blocks) {
	first := map[string]hcl.Range{}
	for _, b := range blocks {
		spec := n.spec.child(b.Type)
		if prev, again := first[b.Type]; again && spec.once {
			d.errorf("duplicate_block", b.DefRange, "", "%s stands twice in %s, first at %s", b.Type, inside(n), where(prev))
			continue
		}
		first[b.Type] = b.DefRange
		if !d.checkLabels(spec, b) {
			continue
		}
		kid := d.body(spec, b.Labels, b.DefRange, b.Body)
		kid.rngs = b.LabelRanges
		n.kids = append(n.kids, kid)
	}
}

// checkLabels judges the first label of blocks whose attributes depend on it.
func (d *decoder) checkLabels(spec *block, b *hcl.Block) bool {
	if len(spec.byLabel) == 0 || spec.variantFor(b.Labels) != nil {
		return true
	}
	var known []string
	for _, v := range spec.byLabel {
		known = append(known, v.label)
	}
	d.errorf("unknown_kind", b.LabelRanges[0], didYouMean(b.Labels[0], known), "unknown kind of %s %q", spec.name, b.Labels[0])
	return false
}

// inside names the block in "in …".
func inside(n *node) string {
	if n.spec == rootBlock {
		return "the configuration"
	}
	return n.String()
}

// hclDiags translates what the HCL library found into our words. n is the
// block whose keys were checked, nil for expressions.
func (d *decoder) hclDiags(code string, diags hcl.Diagnostics, n *node) {
	for _, x := range diags {
		rng := hcl.Range{}
		if x.Subject != nil {
			rng = *x.Subject
		}
		word := ""
		if src := d.text[rng.Filename]; src != nil {
			word = src.at(rng)
		}
		switch {
		case n != nil && (x.Summary == "Unsupported argument" || x.Summary == "Unsupported block type"):
			d.unknownKey(n, word, rng, x.Summary == "Unsupported block type")
		case x.Summary == "Unknown variable" || x.Summary == "Unsupported attribute":
			d.unknownVariable(x, word, rng)
		case d.errors > 0 && strings.Contains(x.Detail, "known"):
			// A value is unknown only because of an error that was reported.
		default:
			d.translated(code, x, rng)
		}
	}
}

// hclCodes gives codes to the messages of the library that are passed on.
var hclCodes = map[string]string{
	"Call to unknown function":      "unknown_function",
	"Error in function call":        "function_call",
	"Invalid function argument":     "function_call",
	"Not enough function arguments": "function_call",
	"Too many function arguments":   "function_call",
}

func (d *decoder) translated(code string, x *hcl.Diagnostic, rng hcl.Range) {
	if c, ok := hclCodes[x.Summary]; ok {
		code = c
	}
	if strings.HasPrefix(x.Summary, "Missing name for") || strings.HasPrefix(x.Summary, "Extraneous label for") {
		code = "labels"
	}
	d.errorf(code, rng, x.Detail, "%s", lowerFirst(x.Summary))
}

// unknownKey reports a key that the block does not have.
func (d *decoder) unknownKey(n *node, key string, rng hcl.Range, isBlock bool) {
	what := "key"
	if isBlock {
		what = "block"
	}
	d.errorf("unknown_key", rng, keyHint(n, key, isBlock), "unknown %s %q in %s", what, key, inside(n))
}

// keyHint finds out what was meant by an unknown key.
func keyHint(n *node, key string, isBlock bool) string {
	known := n.spec.keys(n.labels)
	for _, k := range known {
		if k == key && isBlock {
			return fmt.Sprintf("%q is no block: write %s = …", key, key)
		}
		if k == key {
			return fmt.Sprintf("%q is a block: write %s { … }", key, key)
		}
	}
	if here := nearest(key, known); here != "" {
		return fmt.Sprintf("did you mean %q?", here)
	}
	if ours, ok := otherWords[key]; ok {
		return "vipd calls it: " + ours
	}
	if there := elsewhere(key); there != "" {
		return there
	}
	return oneOf(known)
}

// unknownVariable reports a name in an expression that means nothing.
func (d *decoder) unknownVariable(x *hcl.Diagnostic, word string, rng hcl.Range) {
	name := strings.TrimLeft(word, ".")
	known := []string{"director", "directors", "local"}
	if strings.HasPrefix(word, ".") {
		known = memberNames(x.EvalContext)
	}
	hint := didYouMean(name, known)
	if name == "director" {
		hint = "it exists when the configuration has director blocks"
	}
	d.errorf("unknown_variable", rng, hint, "there is nothing called %q here", name)
}

// memberNames returns all names that may stand after a dot.
func memberNames(ctx *hcl.EvalContext) []string {
	var names []string
	for ; ctx != nil; ctx = ctx.Parent() {
		for _, v := range ctx.Variables {
			if v.IsKnown() && !v.IsNull() && v.Type().IsObjectType() {
				for name := range v.Type().AttributeTypes() {
					names = append(names, name)
				}
			}
		}
	}
	return sortedUnique(names)
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
