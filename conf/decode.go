package conf

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decoder turns HCL bodies into nodes.
type decoder struct {
	*report
	reuse *reuse // nil = decode everything
	ctx   *hcl.EvalContext
}

// body decodes the inside of a block of kind spec.
func (d *decoder) body(spec *block, labels []string, def hcl.Range, body hcl.Body) *node {
	n := &node{spec: spec, labels: labels, def: def, vals: map[string]val{}, meant: map[string]bool{}}
	if spec.free {
		return n
	}
	content, diags := body.Content(spec.bodySchema(labels))
	d.hclDiags("structure", diags, n)
	for _, a := range spec.attributes(labels) {
		if written, ok := content.Attributes[a.name]; ok {
			d.attribute(n, a, written)
		}
		if _, ok := n.vals[a.name]; a.required && !ok && spec != rootBlock && !n.meant[a.name] {
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
	usable := !diags.HasErrors() && value.IsWhollyKnown()
	if !usable && d.errors == 0 {
		d.errorf("expression", expr.Range(), "", "the value of this expression is not known")
	}
	return value, usable
}

// children decodes the blocks inside n.
func (d *decoder) children(n *node, blocks hcl.Blocks) {
	first := map[string]hcl.Range{}
	for _, b := range blocks {
		spec := n.spec.child(b.Type)
		if prev, again := first[b.Type]; again && spec.once {
			d.errorf("duplicate_block", b.DefRange, "", "%s appears twice in %s, first at %s", b.Type, inside(n), where(prev))
			continue
		}
		first[b.Type] = b.DefRange
		if !d.checkLabels(spec, b) {
			continue
		}
		kid := d.child(spec, b)
		kid.rngs = b.LabelRanges
		n.kids = append(n.kids, kid)
	}
}

// child decodes one block, unless it is a virtual server that is known.
func (d *decoder) child(spec *block, b *hcl.Block) *node {
	if spec != serverBlock {
		return d.body(spec, b.Labels, b.DefRange, b.Body)
	}
	text, known := d.reuse.textAt(b.TypeRange)
	if known != nil {
		return &node{spec: spec, labels: b.Labels, def: b.DefRange, text: text, known: known}
	}
	before := d.noise()
	n := d.body(spec, b.Labels, b.DefRange, b.Body)
	if d.noise() == before {
		n.text = text
	}
	return n
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
	hint := laterKinds[spec.name+" "+b.Labels[0]]
	if hint == "" {
		hint = didYouMean(b.Labels[0], known)
	}
	d.errorf("unknown_kind", b.LabelRanges[0], hint, "unknown kind of %s %q", spec.name, b.Labels[0])
	return false
}

// inside names the block in "in …".
func inside(n *node) string {
	if n.spec == rootBlock {
		return "the configuration"
	}
	return n.String()
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
