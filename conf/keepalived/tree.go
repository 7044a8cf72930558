package keepalived

// statement is a keyword with its arguments and, perhaps, a block.
type statement struct {
	words []word
	at    place
	kids  []*statement
	block bool
	used  bool // a handler has looked at the block
}

// name is the keyword.
func (s *statement) name() string { return s.words[0].text }

// arg returns an argument, "" when there is none. The first one is 1.
func (s *statement) arg(i int) string {
	if i >= len(s.words) {
		return ""
	}
	return s.words[i].text
}

// args are the arguments.
func (s *statement) args() []string {
	var out []string
	for _, w := range s.words[1:] {
		out = append(out, w.text)
	}
	return out
}

// where is the place of a word; the keyword is 0.
func (s *statement) where(i int) place {
	at := s.at
	if i < len(s.words) && s.words[i].col > 0 {
		at.col = s.words[i].col
		at.end = at.col + len([]rune(s.words[i].text))
	}
	return at
}

// maxDepth bounds blocks inside blocks.
const maxDepth = 64

// parser makes statements of lines.
type treeParser struct {
	*report
	open []*statement // blocks, outermost first
	root statement
	last *statement // complete, could still get a block
}

// parse turns lines into statements.
func parse(r *report, lines []line) []*statement {
	p := &treeParser{report: r}
	p.open = []*statement{&p.root}
	for _, l := range lines {
		p.line(l)
	}
	for _, s := range p.open[1:] {
		p.warnf(s.where(0), "missing_brace", "add a }", "the block of %s is not closed", s.name())
	}
	return p.root.kids
}

func (p *treeParser) line(l line) {
	words, open := split(l.text, l.exact)
	if open != 0 {
		p.warnf(l.at, "missing_quote", "", "a quote (%c) is not closed", open)
	}
	var cur []word
	flush := func() {
		if len(cur) > 0 {
			p.last = &statement{words: cur, at: l.at}
			top := p.open[len(p.open)-1]
			top.kids = append(top.kids, p.last)
			cur = nil
		}
	}
	for _, w := range words {
		switch {
		case w.quoted:
			cur = append(cur, w)
		case w.text == "{":
			flush()
			p.begin(l, w)
		case w.text == "}":
			flush()
			p.end(l, w)
		default:
			cur = append(cur, w)
		}
	}
	flush()
}

// begin opens the block of the last statement.
func (p *treeParser) begin(l line, w word) {
	at := l.at
	at.col = w.col
	switch {
	case p.last == nil || p.last.block:
		p.warnf(at, "stray_brace", "", "there is nothing that this { could belong to")
		p.last = &statement{words: []word{{text: "{"}}, at: l.at, used: true}
	case len(p.open) > maxDepth:
		p.errorf(at, "too_deep", "", "more than %d blocks are open", maxDepth)
	}
	p.last.block = true
	p.open = append(p.open, p.last)
	p.last = nil
}

func (p *treeParser) end(l line, w word) {
	p.last = nil
	if len(p.open) == 1 {
		at := l.at
		at.col = w.col
		p.warnf(at, "stray_brace", "", "there is no open block that this } could close")
		return
	}
	p.open = p.open[:len(p.open)-1]
}
