package conf

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// block is one kind of block of the language. The tree of blocks that starts
// at rootBlock is the only place where keys, types, ranges and defaults are
// written down: the loader decodes with it, the reference page is made of it.
type block struct {
	name   string
	labels []label
	help   string
	once   bool // at most one in its parent
	attrs  []*attr
	blocks []*block
	// byLabel holds further attributes that exist only below one value of the
	// first label, in the order of the reference page.
	byLabel []*variant
	// free accepts every attribute name (locals).
	free bool

	schema *hcl.BodySchema // for labels that add nothing
}

// label is one of the quoted words between a block's name and its brace.
type label struct{ name, help string }

// variant adds attributes to a block for one value of its first label.
type variant struct {
	label string
	help  string
	attrs []*attr
}

// attr is one attribute of a block.
type attr struct {
	name     string
	kind     kind
	required bool
	// def is the default as it would be written in a file, empty when there is
	// none or when it depends on something else, which defNote then says.
	def     string
	defNote string
	min     int64 // of whole numbers; nanoseconds of durations
	max     int64
	words   []string          // of kindWord
	aliases map[string]string // further words and what they mean
	help    string
	hint    string // what to do about a number that is out of range

	value any // def, converted
}

// variantFor returns the additions for a value of the first label, or nil.
func (b *block) variantFor(labels []string) *variant {
	if len(labels) == 0 {
		return nil
	}
	for _, v := range b.byLabel {
		if v.label == labels[0] {
			return v
		}
	}
	return nil
}

// attributes returns the attributes that a block with these labels may have.
func (b *block) attributes(labels []string) []*attr {
	v := b.variantFor(labels)
	if v == nil {
		return b.attrs
	}
	return append(slices.Clip(b.attrs), v.attrs...)
}

// keys returns the names of the attributes and blocks that may stand in a
// block with these labels.
func (b *block) keys(labels []string) []string {
	var names []string
	for _, a := range b.attributes(labels) {
		names = append(names, a.name)
	}
	for _, c := range b.blocks {
		names = append(names, c.name)
	}
	return names
}

// child returns the block kind of that name, or nil.
func (b *block) child(name string) *block {
	for _, c := range b.blocks {
		if c.name == name {
			return c
		}
	}
	return nil
}

// bodySchema is what the HCL library needs to split a body. Missing attributes
// are reported by the decoder, which points at the block's header.
func (b *block) bodySchema(labels []string) *hcl.BodySchema {
	if b.variantFor(labels) == nil && b.schema != nil {
		return b.schema
	}
	s := &hcl.BodySchema{}
	for _, a := range b.attributes(labels) {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: a.name})
	}
	for _, c := range b.blocks {
		h := hcl.BlockHeaderSchema{Type: c.name}
		for _, l := range c.labels {
			h.LabelNames = append(h.LabelNames, l.name)
		}
		s.Blocks = append(s.Blocks, h)
	}
	return s
}

// withDefaults completes a tree of blocks. It converts the written defaults, so that the
// page and the loader cannot disagree. A default that does not convert is a
// mistake in the table and panics when the program starts.
func withDefaults(b *block) *block {
	attrs := slices.Clone(b.attrs)
	for _, v := range b.byLabel {
		attrs = append(attrs, v.attrs...)
	}
	for _, a := range attrs {
		if a.def != "" && a.value == nil {
			a.value = a.parseDefault()
		}
	}
	for _, c := range b.blocks {
		withDefaults(c)
	}
	b.schema = b.bodySchema(nil)
	return b
}

// parseDefault reads a default with the same code that reads files.
func (a *attr) parseDefault() any {
	expr, diags := hclsyntax.ParseExpression([]byte(a.def), a.name, hcl.InitialPos)
	v := cty.DynamicVal
	if !diags.HasErrors() {
		v, diags = expr.Value(nil)
	}
	r := newReport()
	out, ok := a.kind.convert(&conversion{report: r, attr: a, expr: expr, rng: expr.Range()}, v)
	if diags.HasErrors() || !ok {
		panic("conf: default of " + a.name + " is not valid: " + a.def)
	}
	return out
}
