package conf

import (
	"regexp"
	"slices"
	"strconv"
)

// documentName is the name under which a document is read.
const documentName = "<document>"

// inDocument is a position in a message about another one.
var inDocument = regexp.MustCompile(documentName + `:(\d+):\d+`)

// LoadDocument reads a document as Load reads a file, so that a foreign file
// and what it is converted to cannot mean different things. Problems are
// reported at the place in the foreign file that the document says; texts are
// those files, for the lines that are shown.
func LoadDocument(d *Document, texts map[string][]byte, o Options) (*Config, Diagnostics) {
	o.setDefaults()
	text, lines := d.render()
	read := o.Read
	o.Read = func(name string) ([]byte, error) {
		if name == documentName {
			return text, nil
		}
		return read(name)
	}
	cfg, diags := Load([]string{documentName}, o)
	sources := map[string]*source{}
	for name, text := range texts {
		sources[name] = newSource(text)
	}
	for i := range diags {
		diags[i] = diags[i].toOrigin(lines, sources)
	}
	if cfg != nil {
		cfg.Files, cfg.Origins = nil, nil
	}
	// What stands once in the foreign file may be in many places of ours.
	return cfg, slices.Compact(diags)
}

// toOrigin moves a diagnostic about a document to the foreign file.
func (x Diagnostic) toOrigin(lines []Origin, sources map[string]*source) Diagnostic {
	if x.File != documentName {
		return x
	}
	origin := func(line int) (o Origin) {
		if line >= 1 && line <= len(lines) {
			o = lines[line-1]
		}
		return o
	}
	o := origin(x.Line)
	x.Summary = inDocument.ReplaceAllStringFunc(x.Summary, func(at string) string {
		line, _ := strconv.Atoi(inDocument.FindStringSubmatch(at)[1])
		return origin(line).String()
	})
	x.File, x.Line, x.Col, x.EndCol, x.Snippet = o.File, o.Line, 0, 0, ""
	if s := sources[o.File]; s != nil {
		x.Snippet = s.snippet(o.Line)
	}
	return x
}
