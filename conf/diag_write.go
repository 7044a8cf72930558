package conf

import (
	"fmt"
	"io"
	"strings"
)

// maxWritten is how many diagnostics Write shows before it only counts.
const maxWritten = 100

// Write prints the diagnostics for people: position, severity, summary, the
// source line with the place marked, and the hint. At most 100 are printed,
// then how many more there are.
func (d Diagnostics) Write(w io.Writer) error {
	var b strings.Builder
	for _, x := range d[:min(len(d), maxWritten)] {
		x.write(&b)
	}
	if more := len(d) - maxWritten; more > 0 {
		fmt.Fprintf(&b, "… and %d more\n", more)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write diagnostics: %w", err)
	}
	return nil
}

func (x Diagnostic) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s%s: %s [%s]\n", x.position(), x.Severity, x.Summary, x.Code)
	x.writeSnippet(b)
	if x.Hint != "" {
		b.WriteString("       hint: " + x.Hint + "\n")
	}
}

// writeSnippet prints the source line and marks the columns that are meant.
func (x Diagnostic) writeSnippet(b *strings.Builder) {
	if x.Snippet == "" {
		return
	}
	fmt.Fprintf(b, "%5d | %s\n", x.Line, x.Snippet)
	line := []rune(x.Snippet)
	if x.Col < 1 || x.Col > len(line)+1 {
		return // cut off
	}
	b.WriteString("      | ")
	for _, r := range line[:x.Col-1] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	end := min(max(x.EndCol, x.Col+1), max(len(line)+1, x.Col+1))
	b.WriteString(strings.Repeat("^", end-x.Col) + "\n")
}

// position returns what stands before the severity: "file:line:column: ".
func (x Diagnostic) position() string {
	switch {
	case x.File == "":
		return ""
	case x.Line == 0:
		return x.File + ": "
	}
	if x.Col == 0 {
		return fmt.Sprintf("%s:%d: ", x.File, x.Line)
	}
	return fmt.Sprintf("%s:%d:%d: ", x.File, x.Line, x.Col)
}
