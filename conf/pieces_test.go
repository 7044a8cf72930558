package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"pgregory.net/rapid"
)

// outline lists everything that a body holds, with its place.
func outline(b *hclsyntax.Body) []string {
	var out []string
	for name, a := range b.Attributes {
		out = append(out, fmt.Sprintf("%v %s = %T %v", a.SrcRange, name, a.Expr, a.Expr.Range()))
	}
	for _, k := range b.Blocks {
		out = append(out, fmt.Sprintf("%v %s %q", k.Range(), k.Type, k.Labels))
		out = append(out, outline(k.Body)...)
	}
	return sortedUnique(out)
}

// TestPieces: a file parsed piece by piece is the file parsed as a whole.
func TestPieces(t *testing.T) {
	var good []string
	for _, s := range seeds(t) {
		refused := func(d Diagnostic) bool { return d.Code == "syntax" || d.Code == "unreasonable" || d.Code == "not_text" }
		if _, diags := loadBytes(s); !slices.ContainsFunc(diags, refused) {
			good = append(good, strings.ReplaceAll(string(s), "version", "# v"))
		}
	}
	good = append(good, "x {\n  a = <<E\n}\n}\nE\n}\n", "/*\n}\n*/\n", "# }\n\n\n", "y {\n  a = \"${[\n1]}\"\n}\n", "z {}\r\n", "w {\n  a = [ # [\n  ]\n}")
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(good), 1, 20).Draw(t, "texts"), "\n")
		whole, diags := hclsyntax.ParseConfig([]byte(text), "f", hcl.InitialPos)
		if diags.HasErrors() { // attributes of the top level that come again
			t.Skip(diags)
		}
		p, got := newPieces("f", []byte(text)), &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
		p.size = rapid.SampledFrom([]int{1, 30, 200, 4096}).Draw(t, "size")
		for len(p.text) > 0 {
			body, diags, _, why := p.parseNext()
			if why != "" || len(diags) > 0 {
				t.Fatalf("%s, %v, before\n%s", why, diags, p.text)
			}
			if diags := joinPiece(got, body); len(diags) > 0 {
				t.Fatal(diags)
			}
		}
		if diff := cmp.Diff(outline(whole.Body.(*hclsyntax.Body)), outline(got)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestPiecesFindWhatComesAgain: an attribute in two pieces of a file.
func TestPiecesFindWhatComesAgain(t *testing.T) {
	input := "version = 1\n" + strings.Repeat("# a long comment\n", pieceSize/10) + "version = 1\n"
	_, diags := Load([]string{"f"}, Options{Read: func(string) ([]byte, error) { return []byte(input), nil }})
	if got := text(t, diags); !strings.Contains(got, `key "version" appears twice, first at f:1:1`) {
		t.Error(got)
	}
}

// TestTooLarge: sizes beyond which a file is refused at once.
func TestTooLarge(t *testing.T) {
	for want, input := range map[string]string{
		"the file is larger than 32 MiB": strings.Repeat("# comment\n", maxFileSize/10+1),
		"a line of more than 256 KiB":    "version = 1\n# " + strings.Repeat("x", maxLine),
	} {
		_, diags := Load([]string{"f"}, Options{Read: func(string) ([]byte, error) { return []byte(input), nil }})
		if got := text(t, diags); !strings.Contains(got, want) || len(diags) != 1 {
			t.Errorf("%d diagnostics, want %q:\n%.300s", len(diags), want, got)
		}
	}
	p := newPieces("f", []byte("version = 1\na {\n"+strings.Repeat("  b = 1\n", 3000)+"}\n"))
	p.size, p.most = 1000, 10000
	if _, _, _, why := p.parseNext(); why != "" {
		t.Error(why)
	}
	if _, _, rng, why := p.parseNext(); !strings.Contains(why, "does not end within") || rng.Start.Line != 2 {
		t.Errorf("%q at %v", why, rng)
	}
}

// BenchmarkLoad loads 1,000 virtual servers with ten real servers each.
func BenchmarkLoad(b *testing.B) {
	var input strings.Builder
	input.WriteString("version = 1\n")
	for i := range 1000 {
		fmt.Fprintf(&input, "virtual_server \"s%d\" {\n  address = \"10.1.%d.%d:80\"\n  forward = \"masquerade\"\n", i, i>>8, i&255)
		for j := range 10 {
			fmt.Fprintf(&input, "  real_server \"10.%d.%d.%d\" { weight = 1 }\n", 2+j, i>>8, i&255)
		}
		input.WriteString("}\n")
	}
	b.ReportAllocs()
	for b.Loop() {
		cfg, diags := Load([]string{"f"}, Options{Read: func(string) ([]byte, error) { return []byte(input.String()), nil }})
		if cfg == nil {
			b.Fatal(diags)
		}
	}
}
