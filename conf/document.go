package conf

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Document is a configuration in vipd's own language that a program wrote: what
// a reader of another format translates to, and what Write makes of a model.
type Document struct {
	Blocks []*Block
	// Head are lines of comment on top of the file, without their "#".
	Head []string
	// Directors are those that the blocks name, when the document was composed.
	Directors []Director
}

// Block is one block of a Document. Its attributes and blocks stand in the
// order in which they were set.
type Block struct {
	Type   string
	Labels []string
	Attrs  []Attr
	Blocks []*Block
	Origin Origin
	Note   string // a comment that says what it is for
}

// Attr is one attribute of a Block. Value is a string, bool, int,
// time.Duration, []string, []int or Expr.
type Attr struct {
	Name   string
	Value  any
	Origin Origin
}

// Expr is the text of an expression.
type Expr string

// Origin is where in a foreign file something was written. The zero value is
// nowhere.
type Origin struct {
	File string
	Line int // from 1
}

// String returns "ldirectord.cf:41".
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Add appends a block and returns it.
func (d *Document) Add(typ string, labels ...string) *Block {
	b := &Block{Type: typ, Labels: labels}
	d.Blocks = append(d.Blocks, b)
	return b
}

// Add appends an inner block and returns it.
func (b *Block) Add(typ string, labels ...string) *Block {
	k := &Block{Type: typ, Labels: labels}
	b.Blocks = append(b.Blocks, k)
	return k
}

// At sets where the block was written and returns it.
func (b *Block) At(o Origin) *Block {
	b.Origin = o
	return b
}

// Set sets an attribute. A later value replaces an earlier one.
func (b *Block) Set(name string, value any) { b.SetAt(name, value, Origin{}) }

// SetAt sets an attribute that was written at o.
func (b *Block) SetAt(name string, value any, o Origin) {
	for i := range b.Attrs {
		if b.Attrs[i].Name == name {
			b.Attrs[i] = Attr{name, value, o}
			return
		}
	}
	b.Attrs = append(b.Attrs, Attr{name, value, o})
}

// Bytes returns the text of the document. Blocks that have an origin say so in
// a comment.
func (d *Document) Bytes() []byte {
	text, _ := d.render()
	return text
}

// Count returns how many blocks of each kind the document has, at any depth,
// settings of the daemon itself and what checks have in common aside.
func (d *Document) Count() map[string]int {
	count := map[string]int{}
	countBlocks(d.Blocks, count)
	return count
}

func countBlocks(blocks []*Block, count map[string]int) {
	for _, b := range blocks {
		switch b.Type {
		case "global", "ipvs", checkDefaultsBlock.name:
			continue
		case "dynamic":
			count[b.Labels[0]]++
		case "content":
		default:
			count[b.Type]++
		}
		countBlocks(b.Blocks, count)
	}
}

// printer writes a document and remembers the origin of each line.
type printer struct {
	strings.Builder
	lines []Origin
}

func (d *Document) render() ([]byte, []Origin) {
	p := &printer{}
	for _, line := range d.Head {
		p.line(Origin{}, strings.TrimRight("# "+oneLine(line), " "))
	}
	if len(d.Head) > 0 {
		p.line(Origin{}, "")
	}
	p.line(Origin{}, "version = 1")
	for _, b := range d.Blocks {
		p.line(Origin{}, "")
		p.block(b, "", Origin{})
	}
	return hclwrite.Format([]byte(p.String())), p.lines
}

func (p *printer) line(o Origin, text string) {
	p.WriteString(text + "\n")
	for range strings.Count(text, "\n") + 1 {
		p.lines = append(p.lines, o)
	}
}

func (p *printer) block(b *Block, indent string, outer Origin) {
	at := outer
	if b.Origin != (Origin{}) {
		at = b.Origin
	}
	header := indent + b.Type
	for _, l := range b.Labels {
		header += " " + valueText(l)
	}
	comment := ""
	switch {
	case b.Note != "":
		comment = "# " + oneLine(b.Note)
	case at != outer:
		comment = "# " + oneLine(Origin{path.Base(at.File), at.Line}.String())
	}
	if len(b.Attrs) == 0 && len(b.Blocks) == 0 {
		p.line(at, strings.TrimRight(header+" {} "+comment, " "))
		return
	}
	if comment != "" {
		p.line(at, indent+comment)
	}
	p.line(at, header+" {")
	for _, a := range b.Attrs {
		where := at
		if a.Origin != (Origin{}) {
			where = a.Origin
		}
		p.line(where, indent+"  "+a.Name+" = "+valueText(a.Value))
	}
	for i, k := range b.Blocks {
		if i == 0 && len(b.Attrs) > 0 || i > 0 && !(empty(k) && empty(b.Blocks[i-1])) {
			p.line(Origin{}, "")
		}
		p.block(k, indent+"  ", at)
	}
	p.line(at, indent+"}")
}

// empty reports whether a block takes one line, so that no blank line need set
// it apart.
func empty(b *Block) bool { return len(b.Attrs) == 0 && len(b.Blocks) == 0 }

// valueText writes a value as an expression.
func valueText(v any) string {
	if e, ok := v.(Expr); ok {
		return string(e)
	}
	return string(hclwrite.TokensForValue(valueOf(v)).Bytes())
}

func valueOf(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case int:
		return cty.NumberIntVal(int64(v))
	case time.Duration:
		return cty.StringVal(shortDuration(v))
	case []string:
		return tuple(v)
	case []int:
		return tuple(v)
	}
	panic(fmt.Sprintf("conf: a document cannot hold a %T", v))
}

func tuple[T any](list []T) cty.Value {
	var out []cty.Value
	for _, v := range list {
		out = append(out, valueOf(v))
	}
	return cty.TupleVal(out)
}

// objectKey writes a name as the key of an object.
func objectKey(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name
	}
	return valueText(name)
}
