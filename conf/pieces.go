package conf

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Sizes of pieces in bytes. The parser needs a hundred times the memory of
// what it reads at once, for tokens that are garbage right after.
const (
	pieceSize    = 16 << 10
	maxPieceSize = 2 << 20 // one block with all that is in it may have
)

// pieces takes a file apart between the blocks and attributes of its top
// level, so that a configuration with ten thousands of real servers is never
// in the parser as a whole.
type pieces struct {
	name string
	text []byte  // what is left
	at   hcl.Pos // where that begins
	size int     // of a piece, unless something larger is in it
	most int     // of that
	nest nesting // over all pieces
}

func newPieces(name string, text []byte) *pieces {
	return &pieces{name: name, text: text, at: hcl.InitialPos, size: pieceSize, most: maxPieceSize}
}

// blockEnd ends a block of the top level as everybody writes it.
var blockEnd = []byte("\n}\n")

// parseNext parses the next piece. why is not empty when the file cannot go on
// there: it says so, rng says where.
func (p *pieces) parseNext() (body *hclsyntax.Body, diags hcl.Diagnostics, rng hcl.Range, why string) {
	if body := p.parsePlain(); body != nil {
		return body, nil, rng, ""
	}
	piece, at, rng, why := p.next()
	if why != "" {
		return nil, nil, rng, why
	}
	file, diags := hclsyntax.ParseConfig(piece, p.name, at)
	return file.Body.(*hclsyntax.Body), diags, rng, ""
}

// parsePlain parses what ends like a block, without looking for the end of a
// piece first. A text that parses up to there means the same in the whole
// file, which is read from its begin to its end. It returns nil for anything
// that may be more than that.
func (p *pieces) parsePlain() *hclsyntax.Body {
	window := p.text[:min(p.size, len(p.text))]
	end := bytes.LastIndex(window, blockEnd)
	if end < 0 {
		return nil
	}
	return p.parseTo(end + len(blockEnd))
}

// parseTo parses so many bytes, which end a line, as parsePlain does.
func (p *pieces) parseTo(n int) *hclsyntax.Body {
	if !plain(p.text[:n]) {
		return nil
	}
	file, diags := hclsyntax.ParseConfig(p.text[:n], p.name, p.at)
	if len(diags) > 0 {
		return nil
	}
	p.skip(n)
	return file.Body.(*hclsyntax.Body)
}

// skip goes on after so many bytes, which end a line.
func (p *pieces) skip(n int) {
	p.at = hcl.Pos{Byte: p.at.Byte + n, Line: p.at.Line + bytes.Count(p.text[:n], []byte("\n")), Column: 1}
	p.text = p.text[n:]
}

// next returns the next piece and where it begins. why is not empty when the
// file cannot go on there: it says so, rng says where.
func (p *pieces) next() (piece []byte, at hcl.Pos, rng hcl.Range, why string) {
	for size := p.size; ; size *= 2 {
		if size > p.most {
			first := p.at
			return nil, first, hcl.Range{Filename: p.name, Start: first, End: first},
				fmt.Sprintf("what begins here does not end within %d MiB", p.most>>20)
		}
		window := p.text[:min(size, len(p.text))]
		last := len(window) == len(p.text)
		end, nest, rng, why := p.look(window, last)
		if why != "" {
			return nil, p.at, rng, why
		}
		if end.Byte == p.at.Byte {
			continue // nothing ends in this window
		}
		at, p.nest = p.at, nest
		piece, p.text, p.at = p.text[:end.Byte-at.Byte], p.text[end.Byte-at.Byte:], end
		return piece, at, hcl.Range{}, ""
	}
}

// look finds the last place in a window where nothing is open, and what makes
// the file unreasonable. It returns p.at when there is no such place.
func (p *pieces) look(window []byte, last bool) (end hcl.Pos, nest nesting, rng hcl.Range, why string) {
	tokens, _ := hclsyntax.LexConfig(window, p.name, p.at) // the parser reports the same again
	end, n := p.at, p.nest
	for i, t := range tokens {
		if opensComment(tokens[i:]) {
			break // its end is beyond the window
		}
		n.step(t.Type)
		if why := n.unreasonable(t); why != "" {
			return end, nest, t.Range, why
		}
		// The end of the window may change what the last two tokens seem to be.
		if n.open == 0 && endsLine(t) && i < len(tokens)-2 {
			end, nest = t.Range.End, n
		}
	}
	if last && len(tokens) > 0 {
		end, nest = tokens[len(tokens)-1].Range.End, n
		end.Byte = p.at.Byte + len(window)
	}
	return end, nest, rng, ""
}

// opensComment reports whether a comment begins that has no end.
func opensComment(tokens []hclsyntax.Token) bool {
	return len(tokens) > 1 && tokens[0].Type == hclsyntax.TokenSlash && tokens[1].Type == hclsyntax.TokenStar &&
		tokens[0].Range.End.Byte == tokens[1].Range.Start.Byte
}

// endsLine: a comment to the end of its line includes that.
func endsLine(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n"))
}

// parse parses a file piece by piece and reports what is wrong with it; nil
// when it is no configuration at all.
func (r *reader) parse(name string, text []byte) *hclsyntax.Body {
	d := &decoder{report: r.report}
	whole := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	unknown := 0
	for p := newPieces(name, text); len(p.text) > 0; {
		body, diags, rng, why := r.parseNext(p)
		if why != "" {
			r.errorf("unreasonable", rng, "", "%s", why)
			return nil
		}
		diags = append(diags, joinPiece(whole, body)...)
		if diags.HasErrors() {
			r.partial = true
			d.hclDiags("syntax", diags, nil)
		}
		for _, b := range body.Blocks {
			if rootBlock.child(b.Type) == nil {
				unknown++
			}
		}
		if r.errors > maxWritten || unknown > maxWritten {
			break // noise: the rest is not worth the memory
		}
	}
	return whole
}

// parseNext parses the next piece, or knows what is in it.
func (r *reader) parseNext(p *pieces) (*hclsyntax.Body, hcl.Diagnostics, hcl.Range, string) {
	if body := r.reuse.parse(p); body != nil {
		return body, nil, hcl.Range{}, ""
	}
	return p.parseNext()
}

// joinPiece adds a piece to the body that it is part of.
func joinPiece(whole, piece *hclsyntax.Body) (diags hcl.Diagnostics) {
	if whole.SrcRange.Filename == "" {
		whole.SrcRange = piece.SrcRange
	}
	whole.SrcRange, whole.EndRange = hcl.RangeBetween(whole.SrcRange, piece.SrcRange), piece.EndRange
	whole.Blocks = append(whole.Blocks, piece.Blocks...)
	for name, a := range piece.Attributes {
		first, again := whole.Attributes[name]
		if !again {
			whole.Attributes[name] = a
			continue
		}
		diags = append(diags, &hcl.Diagnostic{ // as the library words it within one body
			Severity: hcl.DiagError, Summary: "Attribute redefined", Subject: &a.NameRange,
			Detail: fmt.Sprintf("The argument %q was already set at %s.", name, first.NameRange.String()),
		})
	}
	return diags
}
