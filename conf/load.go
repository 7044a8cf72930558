package conf

import (
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/zclconf/go-cty/cty"
)

// Options say for whom a configuration is read. Functions that are nil are
// those of the operating system.
type Options struct {
	Director string // name of the director that this machine is; empty = by Hostname
	Hostname string
	Env      func(name string) (string, bool)
	Read     func(name string) ([]byte, error)
	Glob     func(pattern string) ([]string, error) // of include, sorted
	// Resolve looks up the addresses of a real server's host name. Without it
	// names are an error.
	Resolve func(host string) ([]netip.Addr, error)
	// AllFiles demands that every include of a keepalived.conf names files that
	// are there and readable, as its include_check does.
	AllFiles bool
	// Program tells why a program will not or must not be run, nil if it can.
	Program func(path string) error
	// Account tells whether the machine knows a user, "USER" or "USER:GROUP".
	Account func(name string) bool
	// Interfaces are those of the machine in a network namespace, "" being the one
	// that the daemon is started in. Without it interfaces are not looked for.
	Interfaces func(namespace string) []string
	// MailHost tells why a mail server is not known by its name. Without it names
	// are not looked up.
	MailHost func(host string) error
	// Known is what earlier loads of vipd's own language have left; this one takes
	// from it and leaves in it. nil = every load begins with nothing.
	Known *Known
}

// Load reads files in vipd's own language as one configuration and returns
// this director's share of it, with all defaults filled in. The diagnostics
// hold every problem of all files, in source order; when any of them is an
// error the configuration is nil.
func Load(files []string, o Options) (*Config, Diagnostics) {
	o.setDefaults()
	if o.Known != nil {
		if cfg, diags, ok := load(files, o, newReuse(o.Known)); ok {
			return cfg, diags
		}
		fresh := &Known{}
		cfg, diags, _ := load(files, o, newReuse(fresh))
		if cfg != nil {
			*o.Known = *fresh
		}
		return cfg, diags
	}
	cfg, diags, _ := load(files, o, nil)
	return cfg, diags
}

// load is Load with what is known. It returns false when that does not hold, or
// when it takes the files alone to tell what is wrong with them.
func load(files []string, o Options, u *reuse) (*Config, Diagnostics, bool) {
	if u != nil {
		o = u.watch(o)
	}
	r := newReport()
	d := &decoder{report: r, reuse: u, ctx: &hcl.EvalContext{
		Variables: map[string]cty.Value{}, Functions: functions(o.Env),
	}}
	in := &reader{report: r, opts: o, reuse: u, ctx: d.ctx, seen: map[string]bool{}}
	for _, name := range files {
		in.read(name, hcl.Range{})
	}
	if len(files) == 0 {
		r.errorf("no_files", hcl.Range{}, "", "no configuration file is given")
	}
	b := &builder{decoder: d, opts: o, cfg: &Config{Files: r.files}}
	b.build(in.out)
	ok := u.settle(r)
	if r.errors > 0 {
		return nil, r.sorted(), ok
	}
	return b.cfg, r.sorted(), ok
}

// early are the parts that expressions everywhere else may refer to; they are
// decoded first.
var early = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: localsBlock.name},
	{Type: directorBlock.name, LabelNames: []string{directorBlock.labels[0].name}},
}}

// build decodes the files and builds the configuration.
func (b *builder) build(files []file) {
	s := newScope(b.decoder)
	var directors hcl.Blocks
	for _, f := range files {
		content, _, diags := f.body.PartialContent(early)
		b.hclDiags("structure", diags, &node{spec: rootBlock, meant: map[string]bool{}})
		for _, block := range content.Blocks {
			if block.Type == localsBlock.name {
				s.add(block.Body)
			} else {
				directors = append(directors, block)
			}
		}
	}
	s.evaluate(false)
	b.directors(b.early(directors))
	for name, v := range b.directorValues() {
		b.ctx.Variables[name] = v
	}
	s.evaluate(true)
	b.reuse.scope(b.ctx.Variables)
	b.root(b.decodeRoot(files, len(directors)))
}

// early decodes the director blocks.
func (b *builder) early(blocks hcl.Blocks) []*node {
	root := &node{spec: rootBlock}
	b.children(root, blocks)
	return root.kids
}

// decodeRoot decodes everything, all files as one. Blocks that were decoded
// early must not come out of a dynamic block: nothing could refer to them.
func (b *builder) decodeRoot(files []file, directors int) *node {
	root := &node{spec: rootBlock, vals: map[string]val{}, meant: map[string]bool{}}
	var blocks hcl.Blocks
	for _, f := range files {
		content, diags := dynblock.Expand(f.body, b.ctx).Content(rootBlock.bodySchema(nil))
		b.hclDiags("structure", diags, root)
		b.version(root, content.Attributes["version"])
		for _, block := range content.Blocks {
			switch block.Type {
			case localsBlock.name:
			case directorBlock.name:
				if directors--; directors < 0 {
					b.errorf("dynamic_director", block.DefRange, "", "director blocks cannot come from a dynamic block")
				}
			default:
				blocks = append(blocks, block)
			}
		}
	}
	if _, ok := root.vals["version"]; !ok && len(files) > 0 {
		start := hcl.Range{Filename: files[0].name, Start: hcl.InitialPos, End: hcl.InitialPos}
		b.absent("missing_version", start, `write "version = 1" on top`, "the configuration has no version")
	}
	b.children(root, blocks)
	return root
}

// version decodes a file's version.
func (b *builder) version(root *node, written *hcl.Attribute) {
	if written == nil {
		return
	}
	for _, a := range rootBlock.attrs {
		if a.name == "version" {
			b.attribute(root, a, written)
		}
	}
}
