// Package ldirectord reads ldirectord.cf: it translates the file into vipd's own
// language, which package conf then reads, so that running the file and
// converting it cannot differ. The semantics are those of ldirectord 4.12, the
// program rather than its manual where the two disagree.
package ldirectord

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/vipd/vipd/conf"
)

// Load reads files as one configuration, as conf.Load does. The diagnostics
// tell with their lines what is wrong, what is different here (warnings) and
// what has no effect (notes).
func Load(files []string, o conf.Options) (*conf.Config, conf.Diagnostics) {
	doc, texts, diags := Translate(files, o)
	if diags.HasErrors() {
		return nil, diags
	}
	cfg, more := conf.LoadDocument(doc, texts, o)
	files = append(slices.Clone(files), executed(files, texts)...)
	if cfg != nil {
		cfg.Files = files
	}
	return cfg, inOrder(append(diags, more...), files)
}

// executed are the files that others name, of all that were read.
func executed(files []string, texts map[string][]byte) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(texts)), func(name string) bool { return slices.Contains(files, name) })
}

// inOrder sorts by file and line.
func inOrder(diags conf.Diagnostics, files []string) conf.Diagnostics {
	slices.SortStableFunc(diags, func(a, b conf.Diagnostic) int {
		return cmp.Or(cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Summary, b.Summary))
	})
	return diags
}

// Translate returns what files say in vipd's own language, and their texts.
// With an error among the diagnostics the document is incomplete.
func Translate(files []string, o conf.Options) (*conf.Document, map[string][]byte, conf.Diagnostics) {
	if o.Read == nil {
		o.Read = os.ReadFile
	}
	t := &translator{
		report: &report{texts: map[string][]byte{}}, opts: o, doc: &conf.Document{}, daemon: &conf.Block{Type: "global"}, names: map[string]bool{},
	}
	if services, err := o.Read("/etc/services"); err == nil {
		t.ports = parseServices(string(services))
	}
	all := newBlock(conf.Origin{})
	var blocks []*block
	for _, name := range files {
		blocks = append(blocks, t.file(name, all, conf.Origin{File: name})...)
	}
	t.global(all, blocks)
	for _, b := range blocks {
		t.virtual(b, all)
	}
	t.execute(all)
	if len(t.daemon.Attrs)+len(t.daemon.Blocks) > 0 {
		t.doc.Blocks = slices.Insert(t.doc.Blocks, 0, t.daemon)
	}
	return t.doc, t.texts, inOrder(t.diags, append(slices.Clone(files), executed(files, t.texts)...))
}

// file reads a file's global directives into all and returns its virtual
// servers. at is where the file is asked for.
func (t *translator) file(name string, all *block, at conf.Origin) []*block {
	text, err := t.opts.Read(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		t.add(conf.Error, conf.CodeUnreadable, at, "", "read "+name+": "+err.Error())
		return nil
	}
	t.texts[name] = text
	return t.parse(name, string(text), all)
}

// homes are where ldirectord looks for a configuration by its name, before it
// takes the name for a path.
var homes = []string{"/etc/ha.d/", "/etc/ha.d/conf/"}

// execute adds the virtual servers of the files that all names, which ldirectord
// runs a copy of itself for: each with the global directives of its own file,
// except for those that concern the daemon as a whole.
func (t *translator) execute(all *block) {
	for _, named := range all.executes {
		name := named.text
		for _, home := range homes {
			if _, err := t.opts.Read(home + named.text); err == nil {
				name = home + named.text
				break
			}
		}
		if _, again := t.texts[name]; again {
			continue // ldirectord starts no second one of a configuration that runs
		}
		its := newBlock(named.at)
		blocks := t.file(name, its, named.at)
		t.guest(its, all, blocks)
		for _, b := range blocks {
			t.virtual(b, its)
		}
		t.execute(its)
	}
}

// translator makes a document of blocks of directives.
type translator struct {
	*report
	opts      conf.Options
	doc       *conf.Document
	daemon    *conf.Block    // what is global
	ports     map[string]int // by "name/protocol"
	names     map[string]bool
	mails     *route // of the daemon; nil = no mails
	keepTable bool   // the table stays at the end
}
