package keepalived

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vipd/vipd/conf"
)

const (
	// maxCollected bounds what a file of noise can cost.
	maxCollected = 1000
	// maxSnippet is how much of a line is shown, in characters.
	maxSnippet = 160
)

// place is where something stands.
type place struct {
	file string
	line int // from 1; 0 = the file as a whole
	col  int // from 1; 0 = unknown
	end  int // column after it
}

// String returns the form that messages use for another place.
func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// report collects remarks.
type report struct {
	diags  conf.Diagnostics
	source map[string][]string // lines of the files that were read
	files  []string
	errors int
}

func newReport() *report { return &report{source: map[string][]string{}} }

// errorf reports what keeps the configuration from being used.
func (r *report) errorf(at place, code, hint, format string, args ...any) {
	r.errors++
	r.add(conf.Error, at, code, hint, format, args...)
}

// warnf reports what keepalived remarks on, too, and runs in spite of.
func (r *report) warnf(at place, code, hint, format string, args ...any) {
	r.add(conf.Warning, at, code, hint, format, args...)
}

// notef reports what is different here.
func (r *report) notef(at place, code, hint, format string, args ...any) {
	r.add(conf.Note, at, code, hint, format, args...)
}

// optional calls read and reports whether it found no error. Its errors become
// warnings: what it reads is left out, as keepalived does, unless it is something
// that vipd does not have.
func (r *report) optional(read func()) bool {
	begin, errors := len(r.diags), r.errors
	read()
	good := r.errors == errors
	for i := begin; i < len(r.diags); i++ {
		if d := &r.diags[i]; d.Severity == conf.Error && d.Code != codeNotSupported {
			d.Severity, d.Summary = conf.Warning, d.Summary+"; it is left out, as keepalived does"
			r.errors--
		}
	}
	return good
}

// codeNotSupported is of what keepalived has and vipd does not.
const codeNotSupported = "not_supported"

func (r *report) add(s conf.Severity, at place, code, hint, format string, args ...any) {
	if len(r.diags) > maxCollected {
		return
	}
	if len(r.diags) == maxCollected {
		r.diags = append(r.diags, conf.Diagnostic{
			Severity: conf.Note, Code: "too_many", File: at.file, Line: at.line,
			Summary: "there are more problems; the rest is not shown",
		})
		return
	}
	r.diags = append(r.diags, conf.Diagnostic{
		Severity: s, Code: code, File: at.file, Line: at.line, Col: at.col, EndCol: at.end,
		Summary: printable(fmt.Sprintf(format, args...)), Hint: printable(hint), Snippet: r.snippet(at),
	})
}

// snippet is the line of the source.
func (r *report) snippet(at place) string {
	lines := r.source[at.file]
	if at.line < 1 || at.line > len(lines) {
		return ""
	}
	text := strings.TrimRight(lines[at.line-1], " \t\r")
	if utf8.RuneCountInString(text) > maxSnippet {
		text = string([]rune(text)[:maxSnippet]) + "…"
	}
	return printable(text)
}

// printable keeps what a file contains from breaking the form of the output.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
