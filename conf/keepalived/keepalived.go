package keepalived

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
)

const codeUnreadable = conf.CodeUnreadable

// CodeBadProgram is the code of what is told about a program that will not run.
const CodeBadProgram = "bad_program"

// SearchPath are the directories where programs without a path are looked for.
var SearchPath = strings.Split("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ":")

// setDefaults completes the options: functions that are nil are those of the
// operating system.
func setDefaults(o conf.Options) conf.Options {
	if o.Director == "" {
		o.Director, _, _ = strings.Cut(o.Hostname, ".")
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
	if o.Program == nil {
		o.Program = conf.CheckProgram
	}
	if o.Account == nil {
		o.Account = conf.HasAccount
	}
	return o
}

// Load reads files as one configuration. The diagnostics hold everything that
// is to be said, in the order of the sources; when any of them is an error the
// configuration is nil. The director is what "@ID" lines are compared with, by
// default the first part of the host's name. Warnings are what keepalived remarks on, too; notes
// tell what is different here.
func Load(files []string, o conf.Options) (*conf.Config, conf.Diagnostics) {
	r, cfg := readFiles(files, o)
	if r.errors > 0 {
		cfg = nil
	}
	return cfg, r.sorted()
}

// readFiles reads files as far as they can be understood.
func readFiles(files []string, o conf.Options) (*reader, *conf.Config) {
	o = setDefaults(o)
	r := newReport()
	p := &preprocessor{report: r, opts: o, defs: map[string]definition{}, intn: rand.IntN}
	if o.AllFiles {
		p.demand = allDemands
	}
	for _, name := range files {
		p.file(name, place{})
	}
	in := newReader(r, o)
	in.walk(parse(r, p.out), root, nil)
	cfg := in.build()
	cfg.Files, cfg.Origins = r.files, in.origins()
	return in, cfg
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
