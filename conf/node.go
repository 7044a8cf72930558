package conf

import "github.com/hashicorp/hcl/v2"

// node is one decoded block: values of the right type and range, still
// without meaning.
type node struct {
	spec   *block
	labels []string
	rngs   []hcl.Range // of the labels
	def    hcl.Range   // the block's header
	vals   map[string]val
	kids   []*node
	// meant are keys that were probably meant by unknown ones, so that they are
	// not reported as missing too.
	meant map[string]bool
	// text is that of a virtual server which may be remembered by it, and known
	// what one is known to become: it has no values then.
	text  string
	known *knownServer
}

// val is the value of one attribute.
type val struct {
	v    any
	rng  hcl.Range // of the value
	expr hcl.Expression
	bad  bool // written, but not usable; already reported
}

// located is an element of a list.
type located[T any] struct {
	v   T
	rng hcl.Range
}

// get returns the value of an attribute: as written, else its default, else
// the zero value.
func get[T any](n *node, name string) T {
	if v, ok := n.vals[name]; ok && !v.bad {
		t, _ := v.v.(T)
		return t
	}
	for _, a := range n.spec.attributes(n.labels) {
		if a.name == name {
			t, _ := a.value.(T)
			return t
		}
	}
	var zero T
	return zero
}

// has reports whether the attribute is written and usable.
func (n *node) has(name string) bool {
	v, ok := n.vals[name]
	return ok && !v.bad
}

// written reports whether the attribute is written, usable or not.
func (n *node) written(name string) bool {
	_, ok := n.vals[name]
	return ok
}

// bad reports whether any of the attributes is written but not usable, so
// that nothing can be concluded from it.
func (n *node) bad(names ...string) bool {
	for _, name := range names {
		if n.vals[name].bad {
			return true
		}
	}
	return false
}

// lacks reports whether a required attribute is not written, which has been
// reported.
func (n *node) lacks(name string) bool {
	for _, a := range n.spec.attributes(n.labels) {
		if a.name == name {
			return a.required && !n.has(name)
		}
	}
	return false
}

// at returns where the attribute's value is, or the block's header when it is
// not written.
func (n *node) at(name string) hcl.Range {
	if v, ok := n.vals[name]; ok {
		return v.rng
	}
	return n.def
}

// all returns the child blocks of that name.
func (n *node) all(name string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.spec.name == name {
			out = append(out, k)
		}
	}
	return out
}

// one returns the child block of that name, or an empty one that has all
// defaults.
func (n *node) one(name string) *node {
	if kids := n.all(name); len(kids) > 0 {
		return kids[0]
	}
	return &node{spec: n.spec.child(name), def: n.def}
}

// String names the block in messages.
func (n *node) String() string { return blockTitle(n.spec.name, n.labels) }

func blockTitle(name string, labels []string) string {
	for _, l := range labels {
		name += ` "` + l + `"`
	}
	return name
}
