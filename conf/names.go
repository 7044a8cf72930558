package conf

import "github.com/hashicorp/hcl/v2"

// DirectorNames returns the names of the director blocks in the files, in
// their order; none when they cannot be read at all.
func DirectorNames(files []string, o Options) []string {
	o.setDefaults()
	r := newReport()
	d := &decoder{report: r, ctx: &hcl.EvalContext{Functions: functions(o.Env)}}
	in := &reader{report: r, opts: o, ctx: d.ctx, seen: map[string]bool{}}
	for _, name := range files {
		in.read(name, hcl.Range{})
	}
	var names []string
	for _, f := range in.out {
		content, _, _ := f.body.PartialContent(early)
		for _, b := range content.Blocks {
			if b.Type == directorBlock.name {
				names = append(names, b.Labels[0])
			}
		}
	}
	return names
}
