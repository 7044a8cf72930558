package conf

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// Node is one director's configuration among those that Write puts into one
// file.
type Node struct {
	Name   string // of its director block; empty for a file of one node without directors
	Config *Config
}

// Write returns the text of one file in vipd's own language for all nodes.
// Reading it as one of them gives that node's configuration, positions aside.
// What differs between nodes becomes an expression or a dynamic block. Nodes
// whose configurations know of no directors get a director block each.
func Write(nodes []Node) []byte {
	d := Compose(nodes)
	d.shareDefaults()
	return d.Bytes()
}

// Compose is Write before repetition is taken out and the text is made.
func Compose(nodes []Node) *Document {
	directors := directorsOf(nodes)
	var names []string
	var lists [][]*Block
	for _, n := range nodes {
		w := &writer{cfg: n.Config, priority: vrrpDefault(directors, n.Name)}
		names = append(names, n.Name)
		lists = append(lists, w.blocks())
	}
	d := &Document{Directors: directors}
	for _, x := range directors {
		b := newMaker(directorBlock, x.Name)
		b.set("address", x.Address)
		b.set("priority", int(x.Priority))
		d.Blocks = append(d.Blocks, b.Block)
	}
	d.Blocks = append(d.Blocks, mergeBlocks(names, lists)...)
	return d
}

// directorsOf lists the directors that the configurations know, then the
// nodes that are not among them.
func directorsOf(nodes []Node) []Director {
	var all []Director
	known := func(name string) bool {
		return slices.ContainsFunc(all, func(d Director) bool { return d.Name == name })
	}
	for _, n := range nodes {
		for _, d := range n.Config.Directors {
			if !known(d.Name) {
				all = append(all, d)
			}
		}
	}
	for _, n := range nodes {
		if n.Name != "" && !known(n.Name) {
			all = append(all, Director{Name: n.Name, Priority: commonPriority(n.Config)})
		}
	}
	return all
}

// commonPriority is the priority that most instances have, the first one's among
// equals, 0 without instances.
func commonPriority(c *Config) (best uint8) {
	count := map[uint8]int{}
	for _, r := range c.Routers {
		count[r.Priority]++
	}
	for _, r := range c.Routers {
		if count[r.Priority] > count[best] {
			best = r.Priority
		}
	}
	return best
}

// maker builds a block of the language: it knows the keys and leaves out what
// is the default anyway.
type maker struct {
	*Block
	spec *block
}

func newMaker(spec *block, labels ...string) maker {
	return maker{&Block{Type: spec.name, Labels: labels}, spec}
}

// child adds an inner block.
func (m maker) child(name string, labels ...string) maker {
	spec := m.spec.child(name)
	if spec == nil {
		panic(fmt.Sprintf("conf: block %s has no block %s", m.spec.name, name))
	}
	k := newMaker(spec, labels...)
	m.Blocks = append(m.Blocks, k.Block)
	return k
}

// prune removes inner blocks of a name that say nothing.
func (m maker) prune(names ...string) {
	m.Blocks = slices.DeleteFunc(m.Blocks, func(b *Block) bool {
		return slices.Contains(names, b.Type) && len(b.Attrs) == 0 && len(b.Blocks) == 0
	})
}

// attr finds a key. One that the language does not have is a mistake here.
func (m maker) attr(name string) *attr {
	for _, a := range m.spec.attributes(m.Labels) {
		if a.name == name {
			return a
		}
	}
	panic(fmt.Sprintf("conf: block %s has no key %s", blockTitle(m.spec.name, m.Labels), name))
}

// set sets a key unless the value is the default, or zero where there is no
// default.
func (m maker) set(name string, v any) {
	a := m.attr(name)
	v = written(v)
	want := a.value
	if want == nil {
		want = reflect.Zero(reflect.TypeOf(v)).Interface()
	}
	if n, ok := want.(int64); ok {
		want = int(n)
	}
	if reflect.DeepEqual(v, want) || reflect.ValueOf(v).Kind() == reflect.Slice && reflect.ValueOf(v).Len() == 0 {
		return
	}
	m.force(name, v)
}

// force sets a key whatever its default is.
func (m maker) force(name string, v any) {
	m.attr(name)
	m.Set(name, written(v))
}

// option sets a key that has a value of its own for "not said".
func (m maker) option(name string, v *bool) {
	if v != nil {
		m.force(name, *v)
	}
}

// programs writes programs under their keys, and who runs them: one user for all
// of them if that can be said, else for each of them that names one.
func (m maker) programs(keys []string, all ...Program) {
	var users []string
	for i, p := range all {
		m.set(keys[i], p.Args)
		if len(p.Args) > 0 && !slices.Contains(users, p.User) {
			users = append(users, p.User)
		}
	}
	if len(users) == 1 {
		m.set("user", users[0])
		return
	}
	for i, p := range all {
		if p.User != "" {
			m.child(programBlock.name, keys[i]).set("user", p.User)
		}
	}
}

// written is the form of a value in documents.
func written(v any) any {
	switch v := v.(type) {
	case netip.Addr:
		if !v.IsValid() {
			return ""
		}
		return v.String()
	case netip.Prefix:
		if !v.IsValid() {
			return ""
		}
		return v.String()
	case []netip.Prefix:
		return textsOf(v)
	case []netip.Addr:
		return textsOf(v)
	case time.Duration, string, bool, int, []string, []int, Expr:
		return v
	}
	r := reflect.ValueOf(v)
	if r.CanUint() {
		return int(r.Uint())
	}
	panic(fmt.Sprintf("conf: cannot write a %T", v))
}

func textsOf[T fmt.Stringer](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

// wordsOf are the names of the bits that are set, sorted.
func wordsOf(table map[string]uint32, bits uint32) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if bits&table[name] != 0 {
			out = append(out, name)
		}
	}
	return out
}

// word is the key of a table whose value is v.
func word[V comparable](table map[string]V, v V) string {
	for name, have := range table {
		if have == v {
			return name
		}
	}
	return ""
}
