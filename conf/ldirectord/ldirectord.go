// Package ldirectord reads ldirectord.cf: it translates the file into vipd's own
// language, which package conf then reads, so that running the file and
// converting it cannot differ. The semantics are those of ldirectord 4.12, the
// program rather than its manual where the two disagree.
package ldirectord

import (
	"cmp"
	"errors"
	"io/fs"
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
	if cfg != nil {
		cfg.Files = files
	}
	return cfg, inOrder(append(diags, more...), files)
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
	t := &translator{report: &report{texts: map[string][]byte{}}, opts: o, doc: &conf.Document{}, names: map[string]bool{}}
	if services, err := o.Read("/etc/services"); err == nil {
		t.ports = parseServices(string(services))
	}
	var blocks []*block
	all := newBlock(conf.Origin{})
	for _, name := range files {
		text, err := o.Read(name)
		if err != nil {
			var path *fs.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			t.add(conf.Error, conf.CodeUnreadable, conf.Origin{File: name}, "", "read "+name+": "+err.Error())
			continue
		}
		t.texts[name] = text
		blocks = append(blocks, t.parse(name, string(text), all)...)
	}
	t.global(all, blocks)
	for _, b := range blocks {
		t.virtual(b, all)
	}
	return t.doc, t.texts, inOrder(t.diags, files)
}

// translator makes a document of blocks of directives.
type translator struct {
	*report
	opts  conf.Options
	doc   *conf.Document
	ports map[string]int // by "name/protocol"
	names map[string]bool
}
