package keepalived

import (
	"regexp"
	"strconv"
	"strings"
)

var repetition = regexp.MustCompile(`^\s*~(SEQx?|LST)\((.*)$`)

// repeat handles "~SEQ(name,start,step,end) TEXT" and "~LST(name,value…) TEXT":
// the text, once for every value. It reports whether the line is one of them.
func (p *preprocessor) repeat(l line) bool {
	m := repetition.FindStringSubmatch(l.text)
	if m == nil {
		return false
	}
	args, text, ok := arguments(m[2])
	if !ok || len(args) < 2 || strings.TrimSpace(text) == "" {
		p.errorf(l.at, "bad_repetition", "~SEQ(name, start, step, end) text, or ~LST(name, value, …) text", "the repetition is not understood")
		return true
	}
	for i := range args {
		args[i] = p.replaceAll(args[i], l)
	}
	if m[1] == "LST" {
		p.list(args, text, l)
	} else {
		p.sequence(args, text, m[1] == "SEQx", l)
	}
	return true
}

// replaceAll substitutes in an argument.
func (p *preprocessor) replaceAll(text string, l line) string {
	lines := p.substitute(line{text: text, at: l.at})
	if len(lines) == 0 {
		return text
	}
	return strings.TrimSpace(lines[0].text)
}

// arguments splits at commas that are not inside braces, up to the closing
// parenthesis; rest follows that.
func arguments(text string) (args []string, rest string, ok bool) {
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '{' || c == '(':
			depth++
		case c == '}', c == ')' && depth > 0:
			depth--
		case c == ',' && depth == 0:
			args = append(args, strings.TrimSpace(text[start:i]))
			start = i + 1
		case c == ')':
			return append(args, strings.TrimSpace(text[start:i])), strings.TrimLeft(text[i+1:], " \t"), true
		}
	}
	return nil, "", false
}

// sequence repeats a text for a range of numbers.
func (p *preprocessor) sequence(args []string, text string, hex bool, l line) {
	var n []int
	for _, a := range args[1:] {
		v, err := strconv.ParseInt(a, 0, 32)
		if err != nil {
			p.errorf(l.at, "bad_repetition", "", "%q is not a number", a)
			return
		}
		n = append(n, int(v))
	}
	first, step, last := 1, 1, n[len(n)-1]
	if len(n) > 1 {
		first = n[0]
	}
	if last < first {
		step = -1
	}
	if len(n) > 2 {
		step = n[1]
	}
	if len(n) > 3 || step == 0 || (last-first)*step < 0 {
		p.errorf(l.at, "bad_repetition", "~SEQ(name, start, step, end)", "the sequence has no end")
		return
	}
	base := 10
	if hex {
		base = 16
	}
	for v := first; v*sign(step) <= last*sign(step) && !p.full; v += step {
		p.once(l, text, map[string]string{args[0]: strconv.FormatInt(int64(v), base)})
	}
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// list repeats a text for each value, or each set of values.
func (p *preprocessor) list(args []string, text string, l line) {
	names := set(args[0])
	for _, a := range args[1:] {
		values := set(a)
		if len(values) != len(names) {
			p.errorf(l.at, "bad_repetition", "", "%s does not have a value for each of %s", a, args[0])
			return
		}
		defs := map[string]string{}
		for i, name := range names {
			defs[name] = values[i]
		}
		p.once(l, text, defs)
	}
}

// set takes "{a,b}" apart; another text is a set of one.
func set(text string) []string {
	inner, is := strings.CutPrefix(text, "{")
	if !is {
		return []string{text}
	}
	parts := strings.Split(strings.TrimSuffix(inner, "}"), ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// once processes the text with the values of one round.
func (p *preprocessor) once(l line, text string, values map[string]string) {
	if p.total++; p.total > maxLines {
		if !p.full {
			p.errorf(l.at, "too_long", "", "the configuration grows beyond %d lines", maxLines)
		}
		p.full = true
		return
	}
	hidden := map[string]definition{}
	for name, v := range values {
		if d, ok := p.defs[name]; ok {
			hidden[name] = d
		}
		p.defs[name] = definition{name: name, lines: []string{v}}
	}
	one := line{text: text, at: l.at}
	if repetition.MatchString(text) {
		// The names of the outer round are fixed before the inner one begins.
		one.text = p.fix(text, values)
	}
	p.expand(one)
	for name := range values {
		delete(p.defs, name)
	}
	for name, d := range hidden {
		p.defs[name] = d
	}
}

// fix replaces the names of a round in a text that repeats itself.
func (p *preprocessor) fix(text string, values map[string]string) string {
	for name, v := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", v)
		text = regexp.MustCompile(`\$`+regexp.QuoteMeta(name)+`([\s,)]|$)`).ReplaceAllString(text, v+"$1")
	}
	return text
}
