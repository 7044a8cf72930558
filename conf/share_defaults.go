package conf

import (
	"reflect"
	"slices"
)

// least is how many keys several checks must have in common for those to be
// written once.
const least = 2

// shareDefaults moves what all checks of one kind of a virtual server have in
// common into its check_defaults.
func (d *Document) shareDefaults() {
	for _, b := range d.Blocks {
		if b.Type != serverBlock.name || !plainChecks(b) {
			continue
		}
		var kinds []string
		checks := map[string][]*Block{}
		for _, c := range checksWithin(b) {
			kind := c.Labels[0]
			if checks[kind] == nil {
				kinds = append(kinds, kind)
			}
			checks[kind] = append(checks[kind], c)
		}
		at := firstCheck(b)
		for _, kind := range kinds {
			if shared := commonDefaults(kind, checks[kind]); shared != nil {
				b.Blocks = slices.Insert(b.Blocks, at, shared)
				at++
			}
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

// commonDefaults takes what all checks of a kind say out of them; nil when that is
// too little.
func commonDefaults(kind string, checks []*Block) *Block {
	if len(checks) < 2 {
		return nil
	}
	shared := &Block{Type: checkDefaultsBlock.name, Labels: []string{kind}}
	may := checkDefaultsBlock.attributes(shared.Labels)
	for _, a := range checks[0].Attrs {
		known := slices.ContainsFunc(may, func(d *attr) bool { return d.name == a.Name })
		differs := slices.ContainsFunc(checks, func(c *Block) bool {
			b := c.attr(a.Name)
			return b == nil || !reflect.DeepEqual(a.Value, b.Value)
		})
		if known && !differs {
			shared.Attrs = append(shared.Attrs, a)
		}
	}
	if len(shared.Attrs) < least {
		return nil
	}
	for _, c := range checks {
		c.Attrs = slices.DeleteFunc(c.Attrs, func(a Attr) bool { return shared.attr(a.Name) != nil })
	}
	return shared
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
