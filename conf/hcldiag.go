package conf

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// hclDiags translates what the HCL library found into our words. n is the
// block whose keys were checked, nil for expressions and plain syntax.
func (d *decoder) hclDiags(code string, diags hcl.Diagnostics, n *node) {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Compare(subject(a).Start.Byte, subject(b).Start.Byte)
	})
	for _, x := range diags {
		if d.full() {
			d.errors++ // also those that are not looked at
			return
		}
		d.hclDiag(code, x, n)
	}
}

// subject is where the problem is.
func subject(x *hcl.Diagnostic) hcl.Range {
	if x.Subject == nil {
		return hcl.Range{}
	}
	return *x.Subject
}

func (d *decoder) hclDiag(code string, x *hcl.Diagnostic, n *node) {
	rng, word := subject(x), ""
	if src := d.text[rng.Filename]; src != nil {
		word = src.at(rng)
	}
	labelled := labelProblem(n, x)
	switch {
	case n != nil && x.Summary == "Unsupported argument":
		d.unknownKey(n, word, rng, false)
	case n != nil && x.Summary == "Unsupported block type":
		d.unknownKey(n, word, rng, true)
	case labelled != nil:
		d.wrongLabels(labelled, rng)
	case x.Summary == "Unknown variable" || x.Summary == "Unsupported attribute":
		d.unknownVariable(x, word, rng)
	case x.Summary == "Call to unknown function":
		d.errorf("unknown_function", rng, didYouMean(word, functionNames(d.ctx)), "there is no function called %q", word)
	case strings.Contains(x.Summary, "function"):
		d.errorf("function_call", rng, "", "%s", functionProblem(x))
	case x.Summary == "Attribute redefined":
		d.errorf("duplicate_key", rng, "", "key %q appears twice%s", word, firstAt(x.Detail))
	case d.errors > 0 && strings.Contains(x.Detail, "not known"):
		// A value is unknown only because of an error that was reported.
	case code == "syntax":
		d.syntaxf(rng, x.Detail, lowerFirst(x.Summary))
	default:
		d.errorf(code, rng, x.Detail, "%s", lowerFirst(x.Summary))
	}
}

// labelSummary finds the block's name in "Missing LABEL for BLOCK" and
// "Extraneous label for BLOCK".
var labelSummary = regexp.MustCompile(`^(?:Missing|Extraneous) \w+ for (\w+)$`)

// labelProblem returns the kind of block in n that has too few or too many
// labels, nil when the problem is another one.
func labelProblem(n *node, x *hcl.Diagnostic) *block {
	m := labelSummary.FindStringSubmatch(x.Summary)
	if n == nil || m == nil {
		return nil
	}
	return n.spec.child(m[1])
}

// previousPosition finds "FILE:LINE,COLUMN-…" in a message of the library.
var previousPosition = regexp.MustCompile(`set at (.+):(\d+),(\d+)-`)

func firstAt(detail string) string {
	m := previousPosition.FindStringSubmatch(detail)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(", first at %s:%s:%s", m[1], m[2], m[3])
}

// functionProblem is the core of a message about a function call.
func functionProblem(x *hcl.Diagnostic) string {
	text := strings.TrimSuffix(x.Detail, ".")
	rest, failed := strings.CutPrefix(text, `Call to function "`)
	name, why, ok := strings.Cut(rest, `" failed: `)
	if !failed || !ok {
		return lowerFirst(text)
	}
	return name + ": " + why
}

// wrongLabels reports a block with too few or too many labels.
func (d *decoder) wrongLabels(b *block, rng hcl.Range) {
	header := b.name
	for _, l := range b.labels {
		header += fmt.Sprintf(" %q", strings.ToUpper(l.name))
	}
	count := "one label"
	if len(b.labels) > 1 {
		count = fmt.Sprintf("%d labels", len(b.labels))
	}
	d.errorf("labels", rng, "write "+header+" { … }", "%s takes %s", b.name, count)
}

// unknownKey reports a key that the block does not have.
func (d *decoder) unknownKey(n *node, key string, rng hcl.Range, isBlock bool) {
	what := "key"
	if isBlock {
		what = "block"
	}
	hint, meant := keyHint(n, key, isBlock)
	n.meant[meant] = true
	d.errorf("unknown_key", rng, hint, "unknown %s %q in %s", what, key, inside(n))
}

// keyHint finds out which key was meant by an unknown one.
func keyHint(n *node, key string, isBlock bool) (hint, meant string) {
	known := n.spec.keys(n.labels)
	if slices.Contains(known, key) && isBlock {
		return fmt.Sprintf("%q is no block: write %s = …", key, key), key
	}
	if slices.Contains(known, key) {
		return fmt.Sprintf("%q is a block: write %s { … }", key, key), key
	}
	if hint, ours := translate(key); hint != "" {
		return hint, ours
	}
	if here := nearest(key, known); here != "" {
		return fmt.Sprintf("did you mean %q?", here), here
	}
	if there := elsewhere(key); there != "" {
		return there, ""
	}
	return oneOf(known), ""
}

// unknownVariable reports a name in an expression that means nothing.
func (d *decoder) unknownVariable(x *hcl.Diagnostic, word string, rng hcl.Range) {
	name := strings.TrimLeft(word, ".")
	known := []string{"director", "directors", "local"}
	if strings.HasPrefix(word, ".") {
		known = memberNames(x.EvalContext)
	}
	hint := didYouMean(name, known)
	switch {
	case name == "director" || name == "directors":
		hint = "it exists when the configuration has director blocks"
	case name == "local":
		hint = "include is read before anything else: it may use env() and other functions"
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

func functionNames(ctx *hcl.EvalContext) []string {
	var names []string
	for ; ctx != nil; ctx = ctx.Parent() {
		for name := range ctx.Functions {
			names = append(names, name)
		}
	}
	return sortedUnique(names)
}
