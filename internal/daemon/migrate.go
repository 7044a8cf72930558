package daemon

import (
	"os"
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

// Migrate converts files to vipd's own language. The text is read back and
// compared with what running the files would give. It is nil when the
// diagnostics hold an error; they also tell what has no equal.
func Migrate(files []string, format conf.Format) ([]byte, conf.Diagnostics) {
	from, names := newRecording(), newResolver()
	opt := Options{Files: files, Format: format}
	want, diags := loadConfig(opt, from, names)
	if want == nil {
		return nil, diags
	}
	if text, err := from.read(files[0]); format == "" && err == nil {
		format = conf.DetectFormat(text)
	}
	o := conf.Options{Director: want.Director, Hostname: from.host, Env: os.LookupEnv, Read: from.replay().read, Glob: from.glob, Resolve: names.lookUp}
	var doc *conf.Document
	if translate := translators[format]; translate != nil {
		doc, _, _ = translate(files, o)
	} else {
		doc = conf.Compose([]conf.Node{{Name: want.Director, Config: want}})
		annotate(doc, files, format, o)
	}
	doc.Head = append(doc.Head, "Converted by vipd migrate from "+strings.Join(files, ", ")+".")
	text := doc.Bytes()
	if !sameMeaning(text, want, o) {
		return nil, append(diags, notTheSame(files[0]))
	}
	return text, diags
}

// annotate adds where in files of another format the blocks of a document
// stand.
func annotate(doc *conf.Document, files []string, format conf.Format, o conf.Options) {
	if format == conf.FormatKeepalived {
		keepalived.Annotate(doc, files, o)
	}
}

// sameMeaning reads a text and compares it with a configuration, the names of
// the files aside.
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
	return got != nil && conf.Same(want, got)
}
