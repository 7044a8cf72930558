package conf

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// maxSnippet is how much of a line is shown, in characters.
const maxSnippet = 160

// source is the text of one file, addressed by line.
type source struct {
	text  []byte
	start []int // of each line
}

func newSource(text []byte) *source {
	s := &source{text: text, start: []int{0}}
	for i, c := range text {
		if c == '\n' {
			s.start = append(s.start, i+1)
		}
	}
	return s
}

// snippet returns a line (from 1) without its end, made printable, cut when it
// is very long; empty when there is no such line.
func (s *source) snippet(line int) string {
	if line < 1 || line > len(s.start) {
		return ""
	}
	text := s.text[s.start[line-1]:]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	const most = maxSnippet * 4 // bytes of that many characters
	out := []rune(strings.ToValidUTF8(string(text[:min(len(text), most)]), string(unicode.ReplacementChar)))
	out = []rune(strings.TrimRight(string(out), " \t\r"))
	for i, c := range out {
		if c != '\t' && !unicode.IsPrint(c) {
			out[i] = unicode.ReplacementChar
		}
	}
	if len(out) > maxSnippet {
		out = append(out[:maxSnippet], '…')
	}
	return string(out)
}

// at returns the text of a range, empty when it is out of bounds.
func (s *source) at(rng hcl.Range) string {
	if rng.Start.Byte < 0 || rng.End.Byte > len(s.text) || rng.Start.Byte > rng.End.Byte {
		return ""
	}
	return string(s.text[rng.Start.Byte:rng.End.Byte])
}

// position returns the HCL position of a byte. The column counts bytes: it is
// for places where the text is broken.
func (s *source) position(offset int) hcl.Pos {
	line := 1
	for line < len(s.start) && s.start[line] <= offset {
		line++
	}
	return hcl.Pos{Line: line, Column: offset - s.start[line-1] + 1, Byte: offset}
}
