package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/conf/ldirectord"
)

// translator says what files of another format mean in vipd's own language.
type translator func([]string, conf.Options) (*conf.Document, map[string][]byte, conf.Diagnostics)

// translators are the formats that are translated before they are read.
var translators = map[conf.Format]translator{
	conf.FormatLdirectord: ldirectord.Translate,
}

// Migration says how files are converted.
type Migration struct {
	Format conf.Format // "" = by content
	// Elsewhere keeps programs that do not exist here: the files are of another
	// machine.
	Elsewhere bool
}

// Converted is what a migration made. Text is nil when the diagnostics hold an
// error; they also tell what has no equal.
type Converted struct {
	Text []byte
	// Blocks counts what was carried over, by kind of block.
	Blocks      map[string]int
	Diagnostics conf.Diagnostics
}

// program judges programs: nil where the usual rules are meant.
func (m Migration) program() func(string) error {
	if !m.Elsewhere {
		return nil
	}
	return func(path string) error {
		_, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && !slices.Contains(keepalived.SearchPath, filepath.Dir(path)) {
			return nil
		}
		return conf.CheckProgram(path)
	}
}

// account judges users: nil where those of this machine are meant. Nobody knows
// whether the other one has the user that runs programs if none is named.
func (m Migration) account() func(string) bool {
	if !m.Elsewhere {
		return nil
	}
	return func(name string) bool { return name != keepalived.UsualScriptUser || conf.HasAccount(name) }
}

// Migrate converts files to vipd's own language. The text is read back and
// compared with what running the files would give.
func (m Migration) Migrate(files []string) Converted {
	from, names, format := newRecording(), newResolver(), m.Format
	opt := Options{Files: files, Format: format, Program: m.program(), Account: m.account()}
	want, diags := loadConfig(opt, from, names)
	if want == nil {
		return Converted{Diagnostics: diags}
	}
	if text, err := from.read(files[0]); format == "" && err == nil {
		format = conf.DetectFormat(text)
	}
	o := conf.Options{Director: want.Director, Hostname: from.host, Env: os.LookupEnv, Read: from.replay().read, Glob: from.glob, Resolve: names.lookUp, Program: opt.Program}
	var doc *conf.Document
	if translate := translators[format]; translate != nil {
		doc, _, _ = translate(files, o)
	} else {
		doc = conf.Compose([]conf.Node{{Name: want.Director, Config: want}})
		annotate(doc, files, format, o)
	}
	doc.ShareChecks()
	doc.Head = append(doc.Head, "Converted by vipd migrate from "+strings.Join(files, ", ")+".")
	text := doc.Bytes()
	if !sameMeaning(text, want, o) {
		return Converted{Diagnostics: append(diags, notTheSame(files[0]))}
	}
	return Converted{text, doc.Count(), lostPrograms(diags)}
}

// lostPrograms makes warnings of what is told of programs that do not exist: who
// converts a file loses them for good.
func lostPrograms(diags conf.Diagnostics) conf.Diagnostics {
	for i := range diags {
		if d := &diags[i]; d.Code == keepalived.CodeBadProgram && d.Severity == conf.Note {
			d.Severity, d.Hint = conf.Warning, "vipd migrate --elsewhere keeps the programs of another machine"
		}
	}
	return diags
}

// annotate adds where in files of another format the blocks of a document
// stand.
func annotate(doc *conf.Document, files []string, format conf.Format, o conf.Options) {
	if format == conf.FormatKeepalived {
		keepalived.Annotate(doc, files, o)
	}
}

// sameMeaning reads a text and compares it with a configuration, the names of
// files and checks aside.
func sameMeaning(text []byte, want *conf.Config, o conf.Options) bool {
	const name = "converted.hcl"
	read := o.Read
	o.Read = func(n string) ([]byte, error) {
		if n == name {
			return text, nil
		}
		return read(n)
	}
	got, _ := conf.Load([]string{name}, o)
	return got != nil && conf.SameInEffect(want, got)
}
