package keepalived

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/golden"
)

// testdata is the folder of files that only tests read.
var testdata = filepath.Join("..", "..", "testdata", "keepalived")

// listed are the names of keepalived's keywords, each with how common it is.
func listed(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, "keywords.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for l := range strings.Lines(string(text)) {
		name, use, _ := strings.Cut(strings.TrimSpace(l), "\t")
		out[name] = use
	}
	return out
}

// TestKeywordsComplete compares the table with the list, both ways.
func TestKeywordsComplete(t *testing.T) {
	names := listed(t)
	table := map[string]Keyword{}
	for _, k := range Keywords() {
		if _, again := table[k.Path]; again {
			t.Errorf("%s is in the table twice", k.Path)
		}
		table[k.Path] = k
		// The old form of a mail check has a block with the settings of all checks.
		_, old := strings.CutPrefix(k.Path, "virtual_server/real_server/SMTP_CHECK/host/")
		if _, ok := names[k.Path]; !ok && !old {
			t.Errorf("%s is in the table, but keepalived does not know it", k.Path)
		}
		if k.Status != Supported && k.Why == "" {
			t.Errorf("%s is %s without a reason", k.Path, k.Status)
		}
	}
	for name := range names {
		if _, ok := table[name]; !ok {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// TestKeywordsSupported: no keyword of use core or common is less than supported,
// and of the rare ones at least four of five are.
func TestKeywordsSupported(t *testing.T) {
	count := map[string]map[Status]int{"core": {}, "common": {}, "rare": {}, "obsolete": {}}
	names := listed(t)
	for _, k := range Keywords() {
		use, is := names[k.Path]
		if !is {
			continue // the old form of a mail check
		}
		of, known := count[use]
		if !known {
			t.Fatalf("%s is of use %q", k.Path, use)
		}
		of[k.Status]++
		if (use == "core" || use == "common") && k.Status != Supported {
			t.Errorf("%s, which is %s, is %s: %s", k.Path, use, k.Status, k.Why)
		}
	}
	rare := count["rare"]
	if all := rare[Supported] + rare[Accepted] + rare[Rejected]; rare[Supported]*5 < all*4 {
		t.Errorf("%d of %d rare keywords are supported", rare[Supported], all)
	}
	if len(count["core"]) == 0 || len(count["common"]) == 0 || len(rare) == 0 {
		t.Errorf("the list has no classes of use: %v", count)
	}
}

// TestKeywordsPage keeps the page in step with the table.
func TestKeywordsPage(t *testing.T) {
	names, shown := listed(t), shownBy(t)
	count := map[[2]string]int{}
	var rows strings.Builder
	for _, k := range sortedKeywords() {
		count[[2]string{names[k.Path], string(k.Status)}]++
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |\n", k.Path, names[k.Path], k.Status, k.Why, compared(k, shown))
	}
	var page strings.Builder
	page.WriteString("# keepalived's keywords\n\n" +
		"What vipd makes of every keyword of keepalived.conf. This page is generated from the reader's tables: `go test ./conf/keepalived -run TestKeywordsPage -update`.\n\n" +
		"- *supported*: the same effect as in keepalived;\n" +
		"- *accepted*: no effect here, for the reason that is given; `vipd check` notes it;\n" +
		"- *rejected*: the file means something that vipd does not do; `vipd check` says where, and the daemon does not start with it.\n\n" +
		"The last column names cases of testdata/twin, up to three, that run under keepalived and under vipd with it, or says why none does.\n\n" +
		"| use | supported | accepted | rejected |\n|---|---|---|---|\n")
	for _, use := range []string{"core", "common", "rare", "obsolete"} {
		fmt.Fprintf(&page, "| %s | %d | %d | %d |\n", use, count[[2]string{use, "supported"}], count[[2]string{use, "accepted"}], count[[2]string{use, "rejected"}])
	}
	page.WriteString("\n| keyword | use | vipd | remark | compared |\n|---|---|---|---|---|\n" + rows.String())
	golden.Compare(t, filepath.Join("..", "..", "docs", "keepalived-keywords.md"), page.String())
}

// mostNamed is how many twins a row of the page names.
const mostNamed = 3

// compared says which twins show a supported keyword, or why none does.
func compared(k Keyword, shown map[string][]string) string {
	by := shown[k.Path]
	if k.Status != Supported {
		return ""
	}
	if len(by) == 0 {
		_, why := whyUnshown(k.Path)
		return "no: " + why
	}
	return "`" + strings.Join(by[:min(len(by), mostNamed)], "`, `") + "`"
}

func sortedKeywords() []Keyword {
	all := Keywords()
	slices.SortFunc(all, func(a, b Keyword) int { return cmp.Compare(a.Path, b.Path) })
	return all
}
