package conf

// documentName is the name under which a document is read.
const documentName = "\x00document"

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
		cfg.Files = nil
	}
	return cfg, diags
}

// toOrigin moves a diagnostic about a document to the foreign file.
func (x Diagnostic) toOrigin(lines []Origin, sources map[string]*source) Diagnostic {
	if x.File != documentName {
		return x
	}
	var o Origin
	if x.Line >= 1 && x.Line <= len(lines) {
		o = lines[x.Line-1]
	}
	x.File, x.Line, x.Col, x.EndCol, x.Snippet = o.File, o.Line, 0, 0, ""
	if s := sources[o.File]; s != nil {
		x.Snippet = s.snippet(o.Line)
	}
	return x
}
