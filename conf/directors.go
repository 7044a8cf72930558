package conf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// directors builds the director blocks and chooses this machine's.
func (b *builder) directors(nodes []*node) {
	names := b.names()
	addresses := map[netip.Addr]hcl.Range{}
	priorities := map[int64]*node{}
	for _, n := range nodes {
		if !names.add(n) {
			continue
		}
		d := Director{Name: n.labels[0], Address: get[netip.Addr](n, "address"), Priority: uint8(get[int64](n, "priority"))}
		b.cfg.Directors = append(b.cfg.Directors, d)
		if prev, again := addresses[d.Address]; again && d.Address.IsValid() {
			b.errorf("duplicate_address", n.at("address"), "", "%s has the address of another director, %s at %s", n, d.Address, where(prev))
		}
		addresses[d.Address] = n.at("address")
		if prev := priorities[int64(d.Priority)]; prev != nil && d.Priority > 0 {
			b.warnf("same_priority", n.at("priority"), "give each director its own; with equal ones the higher address wins",
				"%s has priority %d like %s", n, d.Priority, prev)
		}
		priorities[int64(d.Priority)] = n
	}
	if len(nodes) > 0 {
		b.chooseDirector(nodes[0].def)
	}
}

// chooseDirector finds the director of this machine: by Options.Director, by
// the whole host name, by its first part.
func (b *builder) chooseDirector(at hcl.Range) {
	var names []string
	for _, d := range b.cfg.Directors {
		names = append(names, d.Name)
	}
	wanted, how := b.opts.Director, "--director"
	matches := []func(string) bool{func(n string) bool { return n == wanted }}
	if wanted == "" {
		wanted, how = b.opts.Hostname, "the host name"
		matches = []func(string) bool{
			func(n string) bool { return strings.EqualFold(n, wanted) },
			func(n string) bool { return strings.EqualFold(short(n), short(wanted)) },
		}
	}
	for _, match := range matches {
		for _, d := range b.cfg.Directors {
			if match(d.Name) {
				b.cfg.Director, b.director = d.Name, d
				return
			}
		}
	}
	b.partialDirector = true
	b.errorf("unknown_director", at, fmt.Sprintf("the directors are %s; --director NAME chooses one", strings.Join(names, ", ")),
		"no director is called %q (%s)", wanted, how)
}

// short returns a host name up to its first dot.
func short(name string) string {
	s, _, _ := strings.Cut(name, ".")
	return s
}

// directorValues makes director and directors for expressions. When no
// director could be chosen they are unknown, so that no expression that uses
// them is reported as well.
func (b *builder) directorValues() map[string]cty.Value {
	if len(b.cfg.Directors) == 0 {
		return nil
	}
	if b.partialDirector {
		return map[string]cty.Value{"director": cty.DynamicVal, "directors": cty.DynamicVal}
	}
	all := map[string]cty.Value{}
	for _, d := range b.cfg.Directors {
		all[d.Name] = directorValue(d)
	}
	return map[string]cty.Value{"director": all[b.cfg.Director], "directors": cty.ObjectVal(all)}
}

// directorValue is a director in expressions. What is not given is null.
func directorValue(d Director) cty.Value {
	address, priority := cty.NullVal(cty.String), cty.NullVal(cty.Number)
	if d.Address.IsValid() {
		address = cty.StringVal(d.Address.String())
	}
	if d.Priority > 0 {
		priority = cty.NumberUIntVal(uint64(d.Priority))
	}
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(d.Name), "address": address, "priority": priority,
	})
}
