package keepalived

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// definition is a named text, of one line or of several.
type definition struct {
	name  string
	lines []string
}

var (
	definitionLine = regexp.MustCompile(`^\s*\$([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)
	// A name without braces ends at a blank.
	reference = regexp.MustCompile(`\$\{(_[A-Z]+)((?:\s+[^\s{}]+)*)\s*\}|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)(?:\s|$)`)
)

// maxSubstitutions bounds definitions that refer to each other.
const maxSubstitutions = 1000

// definition takes note of "$NAME=VALUE" and reports whether the line is one.
func (p *preprocessor) definition(l line) bool {
	m := definitionLine.FindStringSubmatch(l.text)
	if m == nil {
		return false
	}
	d := definition{name: m[1]}
	value, more := strings.CutSuffix(strings.TrimRight(m[2], " \t"), `\`)
	if value = strings.TrimSpace(value); value != "" || !more {
		d.lines = append(d.lines, value)
	}
	if more {
		p.pending = &d
		return true
	}
	p.define(d)
	return true
}

func (p *preprocessor) define(d definition) { p.defs[d.name] = d }

// continues adds a line to a definition that is still open.
func (p *preprocessor) continues(l line) bool {
	if p.pending == nil {
		return false
	}
	// A comment hides the text of a line, but not that another one follows.
	text, more := strings.CutSuffix(strings.TrimRight(l.text, " \t"), `\`)
	if text = strings.TrimRight(decomment(text), " \t"); text != "" {
		p.pending.lines = append(p.pending.lines, text)
	}
	if !more {
		p.define(*p.pending)
		p.pending = nil
	}
	return true
}

// substitute replaces the references in a line. A definition of several lines
// makes several lines of it.
func (p *preprocessor) substitute(l line) []line {
	todo, done := []line{l}, []line(nil)
	for n := 0; len(todo) > 0; n++ {
		cur := todo[0]
		todo = todo[1:]
		if n > maxSubstitutions || len(cur.text) > maxLength {
			p.errorf(l.at, "definition_loop", "", "the definitions that this line uses have no end")
			return nil
		}
		if n > 0 && p.definition(cur) {
			continue // the value of a definition has definitions of its own
		}
		next, changed := p.substituteFirst(cur)
		if changed {
			todo = append(next, todo...)
		} else {
			done = append(done, cur)
		}
	}
	return done
}

// substituteFirst replaces the first reference whose value is known. The
// names of a repetition are its own business.
func (p *preprocessor) substituteFirst(l line) ([]line, bool) {
	if strings.HasPrefix(strings.TrimSpace(l.text), "~") {
		return nil, false
	}
	for _, m := range reference.FindAllStringSubmatchIndex(l.text, -1) {
		sub := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return l.text[m[2*i]:m[2*i+1]]
		}
		start, end := m[0], m[1]
		name := sub(3)
		if sub(4) != "" {
			name, end = sub(4), m[9]
		}
		value, known := []string{""}, false
		switch d, defined := p.defs[name]; {
		case sub(1) != "" && !p.has(sub(1)):
			value[0], known = p.builtin(sub(1), strings.Fields(sub(2)), l)
		case sub(1) != "":
			value, known = p.defs[sub(1)].lines, true
		case defined:
			value, known = d.lines, true
		}
		if known {
			return splice(l, start, end, value), true
		}
	}
	return nil, false
}

func (p *preprocessor) has(name string) bool { _, ok := p.defs[name]; return ok }

// splice puts the lines of a value in the place of a reference.
func splice(l line, start, end int, value []string) []line {
	var out []line
	for i, v := range value {
		one := line{at: l.at, text: v}
		if i == 0 {
			one.text = l.text[:start] + one.text
		}
		if i == len(value)-1 {
			one.text += l.text[end:]
		}
		out = append(out, one)
	}
	return out
}

// builtin returns the value of a name that is always defined.
func (p *preprocessor) builtin(name string, args []string, l line) (string, bool) {
	switch {
	case name == "_PWD":
		return filepath.Dir(l.at.file), true
	case name == "_INSTANCE":
		return p.opts.Director, true
	case name == "_HASH":
		return "#", true
	case name == "_BANG":
		return "!", true
	case name == "_RANDOM":
		return p.random(args), true
	case name == "_ENV" && len(args) == 1:
		value, set := p.opts.Env(args[0])
		if !set {
			p.warnf(l.at, "no_such_variable", "", "there is no environment variable %s", args[0])
		}
		return value, true
	}
	return "", false
}

// random returns a number between two bounds, by default 0 to 32767.
func (p *preprocessor) random(bounds []string) string {
	limits := [2]int{0, 32767}
	for i := range min(len(bounds), 2) {
		if n, err := strconv.Atoi(bounds[i]); err == nil {
			limits[i] = n
		}
	}
	if limits[1] < limits[0] {
		return strconv.Itoa(limits[0])
	}
	return fmt.Sprint(limits[0] + p.intn(limits[1]-limits[0]+1))
}

var seedLine = regexp.MustCompile(`^\s*random_seed\s+([0-9]+)\s*$`)

// seed takes note of random_seed: what follows is the same every time.
func (p *preprocessor) seed(l line) {
	if m := seedLine.FindStringSubmatch(l.text); m != nil {
		if n, err := strconv.ParseUint(m[1], 10, 64); err == nil {
			p.intn = rand.New(rand.NewPCG(n, n)).IntN
		}
	}
}
