//go:build !race

package system

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// guide is a document whose commands are typed one after the other: blocks of
// lines that are indented by four blanks, as Markdown marks them.
type guide struct {
	*unit
	file   string
	blocks [][]string
	pieces []string // of configuration, in their order
}

// checkout is where the guides find bin/ and packaging/.
const checkout = "/checkout"

func (u *unit) guide(file string) *guide {
	u.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		u.t.Fatal(err)
	}
	g := &guide{unit: u, file: file}
	for _, found := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		g.pieces = append(g.pieces, found[1])
	}
	within := false
	for line := range strings.Lines(string(text)) {
		command, is := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		switch {
		case is && within:
			last := &g.blocks[len(g.blocks)-1]
			*last = append(*last, command)
		case is:
			g.blocks = append(g.blocks, []string{command})
		}
		within = is
	}
	return g
}

// next returns the lines of the next block, which begins with some words and has
// so many lines.
func (g *guide) next(begin string, lines int) []string {
	g.t.Helper()
	if len(g.blocks) == 0 {
		g.t.Fatalf("%s ends before %q", g.file, begin)
	}
	b := g.blocks[0]
	g.blocks = g.blocks[1:]
	if !strings.HasPrefix(b[0], begin) || len(b) != lines {
		g.t.Fatalf("%s says next\n%s\nwhere %d lines from %q on are tried", g.file, strings.Join(b, "\n"), lines, begin)
	}
	return b
}

// typed runs lines as they are, in the checkout.
func (g *guide) typed(lines ...string) string {
	g.t.Helper()
	return g.run("sh", "-ec", "cd "+checkout+"\n"+strings.Join(lines, "\n"))
}

// status runs a line that ends with another exit status than 0, which that is, and
// returns what it says.
func (g *guide) status(line, want string) string {
	g.t.Helper()
	out, err := g.sd.Run("sh", "-c", "cd "+checkout+"; "+line+"\necho status $?")
	if err != nil || !strings.HasSuffix(strings.TrimSpace(out), "status "+want) {
		g.t.Errorf("%s: want status %s: %v\n%s", line, want, err, out)
	}
	return out
}

// done checks that everything was tried.
func (g *guide) done() {
	g.t.Helper()
	for _, b := range g.blocks {
		g.t.Errorf("%s says, and nobody has tried it:\n%s", g.file, strings.Join(b, "\n"))
	}
}

// checkedOut are the files of a checkout after make build, by their place.
func checkedOut(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{checkout + "/bin/vipd": lab.Binary(t)}
	for _, unit := range []string{"vipd.service", "vipd-keepalived.service"} {
		shipped, err := filepath.Abs("../../../packaging/" + unit)
		if err != nil {
			t.Fatal(err)
		}
		files[checkout+"/packaging/"+unit] = shipped
	}
	return files
}
