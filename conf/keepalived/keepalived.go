package keepalived

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
)

const codeUnreadable = conf.CodeUnreadable

// Options say for whom a configuration is read. Functions that are nil are
// those of the operating system.
type Options struct {
	// ConfigID is what "@ID" lines are compared with; empty = the first part
	// of Hostname.
	ConfigID string
	Hostname string
	Env      func(name string) (string, bool)
	Read     func(name string) ([]byte, error)
	Glob     func(pattern string) ([]string, error) // sorted
	// LookPath finds a program; Program tells why one will not run.
	LookPath func(name string) (string, error)
	Program  func(path string) error
}

func (o *Options) setDefaults() {
	if o.ConfigID == "" {
		o.ConfigID, _, _ = strings.Cut(o.Hostname, ".")
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Read == nil {
		o.Read = os.ReadFile
	}
	if o.Glob == nil {
		o.Glob = filepath.Glob
	}
	if o.LookPath == nil {
		o.LookPath = exec.LookPath
	}
	if o.Program == nil {
		o.Program = conf.CheckProgram
	}
}

// Load reads files as one configuration. The diagnostics hold everything that
// is to be said, in the order of the sources; when any of them is an error the
// configuration is nil. Warnings are what keepalived remarks on, too; notes
// tell what is different here.
func Load(files []string, o Options) (*conf.Config, conf.Diagnostics) {
	o.setDefaults()
	r := newReport()
	p := &preprocessor{report: r, opts: o, defs: map[string]definition{}}
	for _, name := range files {
		p.file(name, place{})
	}
	in := newReader(r, o)
	in.walk(parse(r, p.out), root, nil)
	cfg := in.build()
	cfg.Files = r.files
	if r.errors > 0 {
		cfg = nil
	}
	return cfg, r.sorted()
}

// sorted returns everything in the order of the sources.
func (r *report) sorted() conf.Diagnostics {
	rank := map[string]int{}
	for i, f := range r.files {
		rank[f] = i
	}
	slices.SortStableFunc(r.diags, func(a, b conf.Diagnostic) int {
		if a.File != b.File {
			return rank[a.File] - rank[b.File]
		}
		return a.Line - b.Line
	})
	return r.diags
}
