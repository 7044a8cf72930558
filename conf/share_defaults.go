package conf

import (
	"reflect"
	"slices"
)

// least is how many keys several checks must have in common for those to be
// written once.
const least = 2

// shareDefaults moves what all checks of a virtual server have in common into its
// check_defaults.
func (d *Document) shareDefaults() {
	for _, b := range d.Blocks {
		if b.Type != serverBlock.name || !plainChecks(b) {
			continue
		}
		checks := checksWithin(b)
		if len(checks) < 2 {
			continue
		}
		if common := commonDefaults(checks); len(common) >= least {
			shared := &Block{Type: checkDefaultsBlock.name, Attrs: common}
			for _, c := range checks {
				c.Attrs = slices.DeleteFunc(c.Attrs, func(a Attr) bool { return shared.attr(a.Name) != nil })
			}
			b.Blocks = slices.Insert(b.Blocks, firstCheck(b), shared)
		}
	}
}

// plainChecks reports whether a virtual server has no check_defaults yet, and no
// checks or real servers that only some directors have.
func plainChecks(b *Block) bool {
	return !slices.ContainsFunc(b.Blocks, func(k *Block) bool {
		return k.Type == "dynamic" || k.Type == checkDefaultsBlock.name ||
			slices.ContainsFunc(k.Blocks, func(c *Block) bool { return k.Type == realServerBlock.name && c.Type == "dynamic" })
	})
}

// checksWithin are the checks of a virtual server and of its real servers.
func checksWithin(b *Block) (all []*Block) {
	for _, k := range b.Blocks {
		switch k.Type {
		case inlineCheckBlock.name:
			all = append(all, k)
		case realServerBlock.name:
			all = append(all, checksWithin(k)...)
		}
	}
	return all
}

// firstCheck is the index of the first check or real server.
func firstCheck(b *Block) int {
	return slices.IndexFunc(b.Blocks, func(k *Block) bool { return k.Type == inlineCheckBlock.name || k.Type == realServerBlock.name })
}

// commonDefaults are what check_defaults can say and all checks do.
func commonDefaults(checks []*Block) (common []Attr) {
	for _, a := range checks[0].Attrs {
		known := slices.ContainsFunc(checkDefaultsBlock.attrs, func(d *attr) bool { return d.name == a.Name })
		all := !slices.ContainsFunc(checks, func(c *Block) bool {
			b := c.attr(a.Name)
			return b == nil || !reflect.DeepEqual(a.Value, b.Value)
		})
		if known && all {
			common = append(common, a)
		}
	}
	return common
}

// attr finds an attribute of a block, nil when it has none of that name.
func (b *Block) attr(name string) *Attr {
	for i := range b.Attrs {
		if b.Attrs[i].Name == name {
			return &b.Attrs[i]
		}
	}
	return nil
}
