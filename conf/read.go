package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// maxFileSize bounds one file: a hundred thousand real servers have room in it,
// each with a block of 300 bytes.
const maxFileSize = 32 << 20

// setDefaults puts the operating system's functions where none are given. It
// is used in this file alone.
func (o *Options) setDefaults() {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Read == nil {
		o.Read = ReadFile
	}
	if o.Glob == nil {
		o.Glob = filepath.Glob
	}
	if o.Program == nil {
		o.Program = CheckProgram
	}
	if o.Account == nil {
		o.Account = HasAccount
	}
}

// ReadFile reads a configuration file: at most one byte more than is allowed.
func ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

// file is one parsed file.
type file struct {
	name string
	body hcl.Body
}

// reader reads files and what they include, each once.
type reader struct {
	*report
	opts  Options
	reuse *reuse           // nil = parse everything
	ctx   *hcl.EvalContext // for include
	seen  map[string]bool
	out   []file
}

// read reads a file and what it includes. from is where it was asked for.
func (r *reader) read(name string, from hcl.Range) {
	if r.seen[filepath.Clean(name)] {
		return
	}
	r.seen[filepath.Clean(name)] = true
	text, err := r.opts.Read(name)
	if err != nil {
		r.unreadable(name, from, err)
		return
	}
	r.addFile(name, text)
	if !r.acceptable(name, text) {
		r.partial = true
		return
	}
	body := r.parse(name, text)
	if body == nil {
		r.partial = true
		return
	}
	r.out = append(r.out, file{name, body})
	r.include(name, body)
}

// unreadable reports a file that could not be read: at the include that names
// it, or without a position.
func (r *reader) unreadable(name string, from hcl.Range, err error) {
	r.partial = true
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if from.Filename == "" {
		r.addFile(name, nil)
		from.Filename = name
	}
	r.errorf(CodeUnreadable, from, "", "read %s: %v", name, err)
}

// acceptable refuses what is certainly no configuration before the parser
// spends time on it or, nested deeply, its stack.
func (r *reader) acceptable(name string, text []byte) bool {
	at := func(offset int) hcl.Range {
		p := r.text[name].position(offset)
		return hcl.Range{Filename: name, Start: p, End: p}
	}
	switch bad := firstNotText(text); {
	case len(bytes.TrimSpace(text)) == 0:
		r.errorf("empty_file", hcl.Range{Filename: name}, `a configuration begins with "version = 1"`, "the file is empty")
	case bad >= 0:
		r.errorf("not_text", at(bad), "a configuration is UTF-8 text", "the file contains a byte %#02x, which is no text", text[bad])
	case len(text) > maxFileSize:
		r.errorf("too_large", hcl.Range{Filename: name}, "spread it over several files", "the file is larger than %d MiB", maxFileSize>>20)
	case longLine(text) >= 0:
		r.errorf("unreasonable", at(longLine(text)), "", "a line of more than %d KiB", maxLine>>10)
	default:
		return true
	}
	return false
}

// firstNotText returns the offset of the first byte that cannot stand in a
// text file, or -1. A character cut off by the size limit is not one.
func firstNotText(text []byte) int {
	if utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 {
		return -1
	}
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == 0 || c == utf8.RuneError && size == 1 && !(len(text) > maxFileSize && len(text)-i < utf8.UTFMax) {
			return i
		}
		i += size
	}
	return -1
}

// maxLine bounds one line in bytes.
const maxLine = 256 << 10

// longLine returns the offset of the first line that is too long, or -1.
func longLine(text []byte) int {
	begin := 0
	for line := range bytes.Lines(text) {
		if len(line) > maxLine {
			return begin
		}
		begin += len(line)
	}
	return -1
}

// include reads what a file's include attribute names.
func (r *reader) include(name string, body hcl.Body) {
	only := &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "include"}}}
	content, _, _ := body.PartialContent(only)
	written, ok := content.Attributes["include"]
	if !ok {
		return
	}
	d := decoder{report: r.report, ctx: r.ctx}
	n := &node{spec: rootBlock, vals: map[string]val{}}
	for _, a := range rootBlock.attrs {
		if a.name == "include" {
			d.attribute(n, a, written)
		}
	}
	r.partial = r.partial || n.bad("include")
	for _, pattern := range get[[]located[string]](n, "include") {
		r.includePattern(filepath.Dir(name), pattern)
	}
}

func (r *reader) includePattern(dir string, pattern located[string]) {
	path := pattern.v
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if !strings.ContainsAny(path, `*?[\`) {
		r.read(path, pattern.rng)
		return
	}
	names, err := r.opts.Glob(path)
	if err != nil {
		r.partial = true
		r.errorf("bad_pattern", pattern.rng, "", "%v", fmt.Errorf("include %q: %w", pattern.v, err))
	}
	for _, name := range names {
		r.read(name, pattern.rng)
	}
}
