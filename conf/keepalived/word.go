package keepalived

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a part of a line between blanks.
type word struct {
	text   string
	col    int  // from 1, in characters; 0 = unknown
	quoted bool // at least in part: then it is no brace
}

// splitter takes a line apart.
type splitter struct {
	text  string
	pos   int
	exact bool // columns are those of the source
	cur   strings.Builder
	start int
	inner bool // a word has begun
	quote bool // the word has a quoted part
	out   []word
}

// split takes a line apart into words. Quotes protect blanks and braces, a
// quoted part joins with its neighbours; a brace outside of quotes is a word of
// its own, except in "${…}". open is the quote that was not closed, or 0.
func split(text string, exact bool) (words []word, open rune) {
	s := &splitter{text: text, exact: exact}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '"' || c == '\'':
			s.begin()
			s.quote = true
			s.pos++
			if !s.quotedPart(c) {
				s.end()
				return s.out, rune(c)
			}
		case strings.HasPrefix(s.text[s.pos:], "${"):
			s.begin()
			s.reference()
		case c == '{' || c == '}':
			s.end()
			s.begin()
			s.cur.WriteByte(c)
			s.pos++
			s.end()
		default:
			r, size := utf8.DecodeRuneInString(s.text[s.pos:])
			if unicode.IsSpace(r) {
				s.end()
			} else {
				s.begin()
				s.cur.WriteString(s.text[s.pos : s.pos+size])
			}
			s.pos += size
		}
	}
	s.end()
	return s.out, 0
}

func (s *splitter) begin() {
	if !s.inner {
		s.inner, s.start = true, s.pos
	}
}

func (s *splitter) end() {
	if !s.inner {
		return
	}
	w := word{text: s.cur.String(), quoted: s.quote}
	if s.exact {
		w.col = utf8.RuneCountInString(s.text[:s.start]) + 1
	}
	s.out = append(s.out, w)
	s.cur.Reset()
	s.inner, s.quote = false, false
}

// reference copies "${…}" as it is: it refers to something undefined.
func (s *splitter) reference() {
	end := strings.IndexByte(s.text[s.pos:], '}')
	if end < 0 {
		end = len(s.text) - s.pos - 1
	}
	s.cur.WriteString(s.text[s.pos : s.pos+end+1])
	s.pos += end + 1
}

// quotedPart reads to the closing quote and reports whether there is one.
func (s *splitter) quotedPart(quote byte) bool {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == quote:
			return true
		case c == '\\' && s.pos < len(s.text):
			s.escape()
		default:
			s.cur.WriteByte(c)
		}
	}
	return false
}

// plainEscapes are single letters after a backslash.
var plainEscapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'E': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

// escape reads what follows a backslash.
func (s *splitter) escape() {
	rest := s.text[s.pos:]
	c := rest[0]
	s.pos++
	switch {
	case plainEscapes[c] != 0:
		s.cur.WriteByte(plainEscapes[c])
	case c == 'x' && s.digits(rest[1:], 2, 16):
	case c >= '0' && c <= '7':
		s.pos--
		s.digits(rest, 3, 8)
	case c == 'c' && len(rest) > 1:
		s.cur.WriteByte(rest[1] & 0x1f)
		s.pos++
	default:
		s.cur.WriteByte(c)
	}
}

// digits reads a character code of at most so many digits.
func (s *splitter) digits(text string, most, base int) bool {
	n := 0
	for n < len(text) && n < most {
		if _, err := strconv.ParseUint(text[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	code, err := strconv.ParseUint(text[:n], base, 16)
	if err != nil {
		return false
	}
	s.cur.WriteByte(byte(code))
	s.pos += n
	return true
}

// decomment cuts a comment off: from # or ! to the end of the line, except in
// quotes.
func decomment(text string) string {
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			// A quote that is never closed protects nothing.
			if strings.IndexByte(text[i+1:], c) >= 0 {
				quote = c
			}
		case c == '#' || c == '!':
			return text[:i]
		}
	}
	return text
}
