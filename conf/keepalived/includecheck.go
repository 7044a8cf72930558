package keepalived

import "strings"

// includeDemands are what include_check can demand of an include: that files
// are readable, that a name matches, that a pattern does, that every part of a
// list in braces does.
var includeDemands = map[string]string{"readable": "r", "match": "rm", "wildcard_match": "rw", "brace_match": "rb"}

// allDemands is include_check alone.
const allDemands = "rmwb"

// includeCheck notes what later includes of this file, and of those that it
// includes, must be like. The statement itself goes on to the table.
func (p *preprocessor) includeCheck(l line) {
	words, _ := split(l.text, false)
	if len(words) == 0 || words[0].text != "include_check" || words[0].quoted {
		return
	}
	var options []string
	for _, w := range words[1:] {
		options = append(options, strings.FieldsFunc(w.text, func(c rune) bool { return c == ',' })...)
	}
	if len(options) == 0 {
		p.demand = allDemands
		return
	}
	if !strings.ContainsAny(options[0][:1], "+-") {
		p.demand = ""
	}
	for _, o := range options {
		letters, known := includeDemands[strings.TrimLeft(o, "+-")]
		switch {
		case !known:
			p.warnf(l.at, "bad_value", "readable, match, wildcard_match, brace_match", "include_check %q is not understood; it is ignored", o)
		case o[0] == '-':
			p.demand = strings.Map(func(c rune) rune {
				if strings.ContainsRune(letters[len(letters)-1:], c) {
					return -1
				}
				return c
			}, p.demand)
		default:
			p.demand += letters
		}
	}
}
