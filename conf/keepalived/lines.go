package keepalived

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
)

// Limits: beyond them a file is not meant as it is.
const (
	maxLines   = 200_000 // after includes and repetitions
	maxInclude = 32      // files inside files
	maxFiles   = 10_000  // one that is included twice counts twice
	maxLength  = 64 << 10
)

// line is a line to parse, after everything that works on lines.
type line struct {
	text  string
	at    place // column 0
	exact bool  // text is that of the source
}

// preprocessor turns files into lines: comments, includes, conditions,
// definitions, repetitions.
type preprocessor struct {
	*report
	opts    conf.Options
	defs    map[string]definition
	out     []line
	stack   []string // files being read
	pending *definition
	demand  string // of include_check, in the letters of includes
	total   int
	read    int // files
	full    bool
	intn    func(int) int // a random number below
}

// file reads a file. at is where it is asked for.
func (p *preprocessor) file(name string, at place) {
	if len(p.stack) >= maxInclude || slices.Contains(p.stack, name) {
		p.errorf(at, "include_loop", "", "%s includes itself", name)
		return
	}
	if p.read++; p.read > maxFiles && !p.full {
		p.full = true
		p.errorf(at, "too_long", "", "more than %d files are included", maxFiles)
	}
	if p.full {
		return
	}
	text, err := p.opts.Read(name)
	if err != nil {
		where := at
		if at.file == "" {
			where = place{file: name}
		}
		p.errorf(where, codeUnreadable, "", "read configuration: %v", err)
		return
	}
	lines := strings.Split(string(text), "\n")
	if _, again := p.source[name]; !again {
		p.source[name] = lines
		p.files = append(p.files, name)
	}
	p.stack = append(p.stack, name)
	demand := p.demand
	for i, l := range lines {
		if strings.IndexByte(l, 0) >= 0 {
			p.errorf(place{file: name, line: i + 1}, "not_text", "", "%s is not a text file", name)
			break
		}
		p.line(line{text: strings.TrimRight(l, "\r"), at: place{file: name, line: i + 1}, exact: true})
	}
	p.stack, p.demand = p.stack[:len(p.stack)-1], demand
	if len(p.stack) == 0 && p.pending != nil {
		p.define(*p.pending)
		p.pending = nil
	}
}

// line does what is to be done with a line of a file.
func (p *preprocessor) line(l line) {
	if p.full {
		return
	}
	if p.total++; p.total > maxLines || len(l.text) > maxLength {
		p.full = true
		p.errorf(l.at, "too_long", "", "the configuration grows beyond %d lines, or a line beyond %d bytes", maxLines, maxLength)
		return
	}
	if p.continues(l) {
		return
	}
	plain := decomment(l.text)
	if plain != l.text {
		plain = strings.TrimRight(plain, " \t")
	}
	l.text = plain
	if strings.TrimSpace(l.text) == "" {
		return
	}
	l, wanted := p.condition(l)
	if !wanted || p.definition(l) {
		return
	}
	p.seed(l)
	p.includeCheck(l)
	p.expand(l)
}

// condition handles "@ID …" and "@^ID …": the line is for one node, or for all
// but one.
func (p *preprocessor) condition(l line) (line, bool) {
	text := strings.TrimLeft(l.text, " \t")
	if !strings.HasPrefix(text, "@") {
		return l, true
	}
	id, rest, _ := strings.Cut(strings.ReplaceAll(text[1:], "\t", " "), " ")
	id, not := strings.CutPrefix(id, "^")
	// Blanks instead of the condition keep the columns right.
	l.text = strings.Repeat(" ", len(l.text)-len(rest)) + l.text[len(l.text)-len(rest):]
	return l, (id == p.opts.Director) != not && strings.TrimSpace(rest) != ""
}

// expand substitutes, repeats and includes.
func (p *preprocessor) expand(l line) {
	for _, s := range p.substitute(l) {
		switch {
		case p.repeat(s):
		case p.include(s):
		default:
			p.out = append(p.out, s)
		}
	}
}

// includes are the words that ask for other files; those with a letter demand
// more of the files than that the pattern is well-formed.
var includes = map[string]string{"include": "", "includer": "r", "includem": "rm", "includew": "rw", "includeb": "rb", "includea": allDemands}

// include reads the files that an include line asks for.
func (p *preprocessor) include(l line) bool {
	words, _ := split(strings.TrimSpace(l.text), false)
	if len(words) == 0 {
		return false
	}
	demand, is := includes[words[0].text]
	if !is || words[0].quoted {
		return false
	}
	if len(words) < 2 {
		p.warnf(l.at, "missing_value", "", "%s needs a file name; it is ignored", words[0].text)
		return true
	}
	pattern := strings.TrimSpace(strings.TrimSpace(l.text)[len(words[0].text):])
	if words[1].quoted {
		pattern = words[1].text
	}
	demand += p.demand
	for _, one := range braces(pattern) {
		p.includePattern(one, demand, l)
	}
	return true
}

func (p *preprocessor) includePattern(pattern, demand string, l line) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(l.at.file), pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		p.file(pattern, l.at)
		return
	}
	names, err := p.opts.Glob(pattern)
	switch {
	case err != nil:
		p.errorf(l.at, codeUnreadable, "", "include %q: %v", pattern, err)
	case len(names) == 0 && strings.Contains(demand, "w"):
		p.errorf(l.at, codeUnreadable, "", "include %q: no file matches", pattern)
	case len(names) == 0:
		p.notef(l.at, "nothing_included", "", "include %q: no file matches", pattern)
	}
	for _, name := range names {
		p.file(name, l.at)
	}
}

// braces expands the first "{a,b}" of a pattern, and so on for the rest.
func braces(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	length := strings.IndexByte(pattern[max(open, 0):], '}')
	if open < 0 || length < 0 {
		return []string{pattern}
	}
	var out []string
	head, tail := pattern[:open], pattern[open+length+1:]
	for part := range strings.SplitSeq(pattern[open+1:open+length], ",") {
		for _, rest := range braces(tail) {
			if len(out) < maxInclude*maxInclude {
				out = append(out, head+part+rest)
			}
		}
	}
	return out
}
