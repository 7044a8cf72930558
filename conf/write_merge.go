package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// merged is a block of several nodes: parts holds each one's, nil for nodes
// that do not have it.
type merged struct {
	key   string
	parts []*Block
}

// mergeBlocks makes one list of blocks of those of several nodes. The order of
// each node is kept.
func mergeBlocks(names []string, lists [][]*Block) []*Block {
	var all []merged
	for i, list := range lists {
		all = mergeList(all, list, i, len(names))
	}
	var out []*Block
	for _, m := range all {
		out = append(out, m.block(names))
	}
	return out
}

// mergeList adds the blocks of node i by the longest common subsequence.
func mergeList(all []merged, list []*Block, i, nodes int) []merged {
	lengths := make([][]int, len(all)+1)
	for a := range lengths {
		lengths[a] = make([]int, len(list)+1)
	}
	for a := len(all) - 1; a >= 0; a-- {
		for b := len(list) - 1; b >= 0; b-- {
			lengths[a][b] = max(lengths[a+1][b], lengths[a][b+1])
			if all[a].key == blockKey(list[b]) {
				lengths[a][b] = lengths[a+1][b+1] + 1
			}
		}
	}
	var out []merged
	a, b := 0, 0
	for a < len(all) || b < len(list) {
		switch {
		case a < len(all) && b < len(list) && all[a].key == blockKey(list[b]):
			all[a].parts[i] = list[b]
			out = append(out, all[a])
			a, b = a+1, b+1
		case b == len(list) || a < len(all) && lengths[a+1][b] >= lengths[a][b+1]:
			out = append(out, all[a])
			a++
		default:
			m := merged{key: blockKey(list[b]), parts: make([]*Block, nodes)}
			m.parts[i] = list[b]
			out = append(out, m)
			b++
		}
	}
	return out
}

func blockKey(b *Block) string { return blockTitle(b.Type, b.Labels) }

// block makes one block of those of the nodes; a dynamic one when not all
// have it.
func (m merged) block(names []string) *Block {
	var have []string
	var parts []*Block
	for i, p := range m.parts {
		if p != nil {
			have, parts = append(have, names[i]), append(parts, p)
		}
	}
	one := mergeParts(have, parts)
	if len(have) == len(names) {
		return one
	}
	d := &Block{Type: "dynamic", Labels: []string{one.Type}, Origin: one.Origin}
	d.Set("for_each", Expr(fmt.Sprintf("contains(%s, director.name) ? [1] : []", valueText(have))))
	if len(one.Labels) > 0 {
		d.Set("labels", one.Labels)
	}
	content := d.Add("content")
	content.Attrs, content.Blocks = one.Attrs, one.Blocks
	return d
}

// mergeParts merges blocks of the same kind and labels.
func mergeParts(names []string, parts []*Block) *Block {
	if len(parts) == 1 {
		return parts[0]
	}
	out := &Block{Type: parts[0].Type, Labels: parts[0].Labels, Origin: parts[0].Origin}
	var keys []string
	var lists [][]*Block
	for _, p := range parts {
		lists = append(lists, p.Blocks)
		for _, a := range p.Attrs {
			if !slices.Contains(keys, a.Name) {
				keys = append(keys, a.Name)
			}
		}
	}
	for _, key := range keys {
		out.Attrs = append(out.Attrs, mergeAttr(key, names, parts))
	}
	out.Blocks = mergeBlocks(names, lists)
	return out
}

// mergeAttr writes a value that all nodes share as it is, others as a choice
// by the name of the director; null stands for the default.
func mergeAttr(key string, names []string, parts []*Block) Attr {
	var values []any
	same := true
	for _, p := range parts {
		var v any
		if i := slices.IndexFunc(p.Attrs, func(a Attr) bool { return a.Name == key }); i >= 0 {
			v = p.Attrs[i].Value
		}
		values = append(values, v)
		same = same && reflect.DeepEqual(v, values[0])
	}
	if same {
		return Attr{Name: key, Value: values[0]}
	}
	var choice []string
	for i, v := range values {
		text := "null"
		if v != nil {
			text = valueText(v)
		}
		choice = append(choice, objectKey(names[i])+" = "+text)
	}
	return Attr{Name: key, Value: Expr("{ " + strings.Join(choice, ", ") + " }[director.name]")}
}
