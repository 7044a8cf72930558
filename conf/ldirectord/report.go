package ldirectord

import (
	"fmt"
	"strings"

	"github.com/vipd/vipd/conf"
)

// report collects what is to be said about files.
type report struct {
	diags conf.Diagnostics
	texts map[string][]byte
}

func (r *report) add(s conf.Severity, code string, at conf.Origin, hint, summary string) {
	d := conf.Diagnostic{Severity: s, Code: code, File: at.File, Line: at.Line, Summary: summary, Hint: hint}
	if lines := strings.Split(string(r.texts[at.File]), "\n"); at.Line >= 1 && at.Line <= len(lines) {
		d.Snippet = printable(lines[at.Line-1])
	}
	r.diags = append(r.diags, d)
}

func (r *report) errorf(code string, at conf.Origin, hint, format string, args ...any) {
	r.add(conf.Error, code, at, hint, printable(fmt.Sprintf(format, args...)))
}

// warnf tells of something that works differently here.
func (r *report) warnf(code string, at conf.Origin, hint, format string, args ...any) {
	r.add(conf.Warning, code, at, hint, printable(fmt.Sprintf(format, args...)))
}

// notef tells of something that needs no equal here.
func (r *report) notef(at conf.Origin, format string, args ...any) {
	r.add(conf.Note, "no_effect", at, "", printable(fmt.Sprintf(format, args...)))
}

// maxShown bounds what is shown of a line, in bytes.
const maxShown = 200

func printable(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, " \t\r"), "\uFFFD")
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f {
			return '\uFFFD'
		}
		return c
	}, s)
}
