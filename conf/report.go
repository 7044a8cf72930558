package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// maxCollected bounds what a file of noise can cost.
const maxCollected = 1000

// report collects what is wrong while a configuration is read.
type report struct {
	diags  Diagnostics
	errors int
	files  []string // in reading order, which is the order of the output
	text   map[string]*source
	taken  map[place]bool // where errors were already reported
	broken map[line]bool  // lines with a syntax error
	// partial is set when a part of the input could not be understood, so that
	// nothing may be said about what seems to be absent.
	partial bool
}

// place is the start of a range.
type place struct {
	file string
	byte int
}

// line is a line of a file.
type line struct {
	file string
	line int
}

func newReport() *report {
	return &report{text: map[string]*source{}, taken: map[place]bool{}, broken: map[line]bool{}}
}

// addFile makes a file's text known for snippets.
func (r *report) addFile(name string, text []byte) {
	if _, known := r.text[name]; known {
		return
	}
	r.files = append(r.files, name)
	r.text[name] = newSource(text)
}

// errorf reports an error. A second error that starts at the same place is
// taken for a consequence of the first and dropped.
func (r *report) errorf(code string, rng hcl.Range, hint, format string, args ...any) {
	at := place{rng.Filename, rng.Start.Byte}
	if r.taken[at] || r.broken[line{rng.Filename, rng.Start.Line}] {
		return
	}
	r.taken[at] = true
	r.errors++
	r.add(Error, code, rng, hint, fmt.Sprintf(format, args...))
}

// syntaxf reports a syntax error. What else is said about that line is a
// consequence.
func (r *report) syntaxf(rng hcl.Range, hint, summary string) {
	r.errorf("syntax", rng, hint, "%s", summary)
	r.broken[line{rng.Filename, rng.Start.Line}] = rng.Start.Line > 0
}

// absent reports an error about something that is not there. When a part of
// the input was not understood, it might be there after all.
func (r *report) absent(code string, rng hcl.Range, hint, format string, args ...any) {
	if !r.partial {
		r.errorf(code, rng, hint, format, args...)
	}
}

// warnf reports something that works but is probably not meant.
func (r *report) warnf(code string, rng hcl.Range, hint, format string, args ...any) {
	r.add(Warning, code, rng, hint, fmt.Sprintf(format, args...))
}

// full reports whether nothing more is collected.
func (r *report) full() bool { return len(r.diags) >= maxCollected }

func (r *report) add(s Severity, code string, rng hcl.Range, hint, summary string) {
	if r.full() {
		return
	}
	d := Diagnostic{
		Severity: s, Code: code, File: rng.Filename, Line: rng.Start.Line, Col: rng.Start.Column,
		Summary: oneLine(summary), Hint: oneLine(hint),
	}
	if rng.Start.Line == rng.End.Line {
		d.EndCol = rng.End.Column
	}
	if src := r.text[rng.Filename]; src != nil {
		d.Snippet = src.snippet(rng.Start.Line)
	}
	r.diags = append(r.diags, d)
	if len(r.diags) == maxCollected {
		r.diags = append(r.diags, Diagnostic{
			Severity: Note, Code: "too_many", File: rng.Filename, Line: rng.Start.Line, Col: rng.Start.Column,
			Summary: "there are more problems; the rest is not looked at",
		})
	}
}

// sorted returns everything in source order.
func (r *report) sorted() Diagnostics {
	rank := map[string]int{}
	for i, f := range r.files {
		rank[f] = i
	}
	slices.SortStableFunc(r.diags, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Severity, b.Severity))
	})
	return slices.Compact(r.diags) // what several blocks have from one place is told once
}

// where names a position in a message about another one.
func where(rng hcl.Range) string {
	return fmt.Sprintf("%s:%d:%d", rng.Filename, rng.Start.Line, rng.Start.Column)
}

// oneLine keeps what a file contains from breaking the form of the output.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t' || c == '\r':
			return ' '
		case !unicode.IsPrint(c):
			return unicode.ReplacementChar
		}
		return c
	}, s)
}
