package conf

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of nesting. The parser of the HCL library is recursive without a
// bound: a megabyte of opening brackets would end the process by a stack
// overflow, which cannot be recovered from.
const (
	maxDepth = 200 // brackets, braces, quotes and templates that are open
	maxChain = 200 // unary operators, or conditionals, in one expression
	// The cost of these is quadratic in the parser.
	maxControls = 10000 // template directives "%{…}" in one file
	maxLiterals = 10000 // lines of one text
)

// hugeExponent finds numbers that need a hundred megabytes to be written out.
var hugeExponent = regexp.MustCompile(`[eE][+-]?0*[0-9]{4}`)

// nesting follows the structure of a file over its tokens.
type nesting struct {
	open     int // anything
	brackets int // ( and [, inside which a new line ends nothing
	chain    int
	controls int
	literals int // in a row
}

// unreasonable tells why a file cannot be meant as it is, up to the token t,
// and would be a danger to the parser; "" if it is not so.
func (n *nesting) unreasonable(t hclsyntax.Token) string {
	switch {
	case n.open > maxDepth:
		return fmt.Sprintf("more than %d brackets, braces or quotes are open", maxDepth)
	case n.chain > maxChain:
		return fmt.Sprintf("more than %d operators in a row", maxChain)
	case t.Type == hclsyntax.TokenNumberLit && hugeExponent.Match(t.Bytes):
		return "a number with more than three digits of exponent"
	case n.literals > maxLiterals:
		return fmt.Sprintf("a text of more than %d lines", maxLiterals)
	case n.controls > maxControls:
		return fmt.Sprintf("more than %d template directives", maxControls)
	}
	return ""
}

// plain reports whether a short text is reasonable, without taking it apart:
// brackets inside of texts and comments count, too.
func plain(text []byte) bool {
	open, chain := 0, 0
	for _, c := range text {
		switch c {
		case '{', '[', '(':
			open++
		case '}', ']', ')':
			open--
		case '!', '-', '?':
			chain++
		case '\n':
			chain = 0
		case '<', '%', '$': // perhaps a heredoc, a directive, a template
			return false
		}
		if open > maxDepth/2 || chain > maxChain {
			return false
		}
	}
	return !hugeExponent.Match(text)
}

func (n *nesting) step(t hclsyntax.TokenType) {
	if t == hclsyntax.TokenStringLit {
		n.literals++
		return
	}
	n.literals = 0
	switch t {
	case hclsyntax.TokenOParen, hclsyntax.TokenOBrack:
		n.open++
		n.brackets++
	case hclsyntax.TokenCParen, hclsyntax.TokenCBrack:
		n.open = max(n.open-1, 0)
		n.brackets = max(n.brackets-1, 0)
	case hclsyntax.TokenOBrace, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
		n.open++
	case hclsyntax.TokenTemplateControl:
		n.open++
		n.controls++
	case hclsyntax.TokenCBrace, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		n.open = max(n.open-1, 0)
	case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
		n.chain++
	case hclsyntax.TokenComma:
		n.chain = 0
	case hclsyntax.TokenNewline:
		if n.brackets == 0 {
			n.chain = 0
		}
	}
}
