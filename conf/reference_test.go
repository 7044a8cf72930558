package conf

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/golden"
)

const (
	pageBegin = "<!-- The part below is made from the schema: go test ./conf -run TestReference -update -->\n"
	pageEnd   = "<!-- end of the part made from the schema -->\n"
)

var page = filepath.Join("..", "docs", "configuration.md")

func readPage(t *testing.T) (before, generated, after string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), pageBegin)
	generated, after, ok2 := strings.Cut(rest, pageEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of its generated part", page)
	}
	return before, generated, after
}

// TestReference: the tables of docs/configuration.md say what the loader
// does. With -update they are written anew.
func TestReference(t *testing.T) {
	before, generated, after := readPage(t)
	want := reference()
	if golden.Update() {
		golden.Write(t, page, before+pageBegin+want+pageEnd+after)
		return
	}
	if generated != want {
		t.Errorf("%s is not up to date: go test ./conf -run TestReference -update", page)
	}
}

// TestReferenceExamples loads every piece of configuration on the page.
func TestReferenceExamples(t *testing.T) {
	before, _, after := readPage(t)
	pieces := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(before+after, -1)
	if len(pieces) == 0 {
		t.Fatal("no examples")
	}
	for _, p := range pieces {
		body := p[1]
		if !strings.Contains(body, "version = 1") {
			body = "version = 1\n" + body
		}
		o := memory{"page.hcl": body}.options()
		if c, diags := Load([]string{"page.hcl"}, o); c == nil {
			t.Errorf("%s\n%s", body, text(t, diags))
		}
	}
}

// TestReferenceKeys: what the text of the page calls a key is one.
func TestReferenceKeys(t *testing.T) {
	before, _, after := readPage(t)
	known := map[string]bool{}
	var walk func(b *block)
	walk = func(b *block) {
		known[b.name] = true
		for _, v := range append(b.byLabel, &variant{attrs: b.attrs}) {
			for _, a := range v.attrs {
				known[a.name] = true
			}
		}
		for _, c := range b.blocks {
			walk(c)
		}
	}
	walk(rootBlock)
	text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(before+after, "")
	for _, m := range regexp.MustCompile("`([a-z_]+)(?: =[^`]*| \"[^`]*| \\{[^`]*)`").FindAllStringSubmatch(text, -1) {
		if !known[m[1]] && m[1] != "dynamic" {
			t.Errorf("the page calls %q a key", m[1])
		}
	}
}

// reference makes the tables.
func reference() string {
	var b strings.Builder
	writeBlock(&b, rootBlock, "## ", nil)
	b.WriteString("## Functions\n\n")
	for _, name := range slices.Sorted(maps.Keys(functions(nil))) {
		fmt.Fprintf(&b, "`%s` ", name)
	}
	b.WriteString("\n\n")
	return b.String()
}

func writeBlock(b *strings.Builder, spec *block, level string, path []string) {
	title := "Top level"
	if spec.name != "" {
		title = "`" + header(spec) + "`"
	}
	b.WriteString(level + title + "\n\n")
	if len(path) > 0 {
		fmt.Fprintf(b, "In `%s`. ", strings.Join(path, "` › `"))
	}
	b.WriteString(spec.help)
	if spec.once {
		b.WriteString(" At most once.")
	}
	b.WriteString("\n\n")
	for _, l := range spec.labels {
		fmt.Fprintf(b, "- %s: %s\n", strings.ToUpper(l.name), l.help)
	}
	if len(spec.labels) > 0 {
		b.WriteString("\n")
	}
	if spec == inlineCheckBlock && len(path) > 1 || spec == namedCheckBlock || spec == checkDefaultsBlock {
		return // told at the first place
	}
	writeAttrs(b, spec.attrs)
	for _, v := range spec.byLabel {
		fmt.Fprintf(b, "`%s \"%s\"`: %s\n\n", spec.name, v.label, v.help)
		writeAttrs(b, v.attrs)
	}
	if spec.name != "" {
		path = append(path, spec.name)
	}
	for _, c := range spec.blocks {
		writeBlock(b, c, level[:len(level)-1]+"# ", slices.Clone(path))
	}
}

func header(spec *block) string {
	h := spec.name
	for _, l := range spec.labels {
		h += fmt.Sprintf(" %q", strings.ToUpper(l.name))
	}
	return h
}

func writeAttrs(b *strings.Builder, attrs []*attr) {
	if len(attrs) == 0 {
		return
	}
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, a := range attrs {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.name, values(a), defaultText(a), a.help)
	}
	b.WriteString("\n")
}

// values describes what may be written.
func values(a *attr) string {
	switch {
	case len(a.words) > 0:
		quoted := make([]string, len(a.words))
		for i, w := range a.words {
			quoted[i] = fmt.Sprintf("`%q`", w)
		}
		return strings.Join(quoted, ", ")
	case a.kind.name == kindInt.name && a.min == a.max:
		return fmt.Sprint(a.min)
	case a.kind.name == kindInt.name || a.kind.name == durationName:
		return a.kind.name + ", " + a.limits()
	}
	return a.kind.name
}

func defaultText(a *attr) string {
	switch {
	case a.required:
		return "required"
	case a.def != "":
		return "`" + a.def + "`"
	case a.defNote != "":
		return a.defNote
	}
	return "none"
}
