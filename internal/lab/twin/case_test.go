package twin

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// testCase is one file of testdata/twin: prose; the files that the director
// has (sections whose names contain a dot); and steps with the state that the
// original leaves behind (all other sections). A section "STEP, vipd" holds the
// state under vipd where it differs; the prose then names the reasons, as rows
// of the table of differences: "Differs: lease, order."
type testCase struct {
	path    string
	archive *txtar.Archive
	files   map[string]string
	steps   []step
	differs []string
	// daemons are those that run the case: the original, vipd and vipd with what
	// `vipd migrate` makes of the file. With make twin all of them do, but where
	// the prose says "Not converted:" and why. Else the guest has no time for all:
	// vipd leaves the state that its original has left when it was recorded. Where
	// the prose says "Beside its original." that one runs, too, and the converted
	// file where it says "Converted too.".
	daemons []string
	// only is the option that starts one part of keepalived alone.
	only string
	// processes is set where the prose says "Compares processes.": by pid files,
	// which only keepalived's command line names.
	processes bool
}

// step is something that happens to the director.
type step struct {
	verb string
	args []string
	want map[string][]string // state by daemon
}

const vipdSuffix = ", vipd"

// Options that start one part of keepalived alone.
const (
	onlyRouters  = "--vrrp"
	onlyCheckers = "--check"
)

// What the prose of a case may say of it.
const (
	convertedLine = "Converted too."
	originalLine  = "Not converted: "
	besideLine    = "Beside its original."
	processesLine = "Compares processes."
)

var differsLine = regexp.MustCompile(`(?m)^Differs: (.*)\.$`)

// name is the name of the file without its ending.
func (c *testCase) name() string {
	return strings.TrimSuffix(filepath.Base(c.path), ".txtar")
}

// needsIPVS reports whether the configuration has virtual servers.
func (c *testCase) needsIPVS() bool {
	return c.original() == ldirectord || strings.Contains(c.files[keepalivedConf], "virtual_server") ||
		strings.Contains(c.files[keepalivedConf], "lvs_sync_daemon")
}

// original is the daemon that the configuration was written for.
func (c *testCase) original() string {
	if _, is := c.files[ldirectordConf]; is {
		return ldirectord
	}
	return keepalived
}

// ownText is the text of a file for a daemon: vipd's is another one where a file
// "NAME.vipd" says so, with words that the original of today no longer knows.
func (c *testCase) ownText(name, text, daemon string) string {
	if own, has := c.files[name+"."+vipd]; has && daemon != c.original() {
		return own
	}
	return text
}

// readCases reads all cases of a folder.
func readCases(t *testing.T, dir string) []*testCase {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("find cases in %s: %d, %v", dir, len(names), err)
	}
	var out []*testCase
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCase(name, text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, c)
	}
	return out
}

func parseCase(path string, text []byte) (*testCase, error) {
	c := &testCase{path: path, archive: txtar.Parse(text), files: map[string]string{}}
	if m := differsLine.FindSubmatch(c.archive.Comment); m != nil {
		c.differs = strings.Split(string(m[1]), ", ")
	}
	said := func(line string) bool { return bytes.Contains(c.archive.Comment, []byte(line)) }
	c.processes = said(processesLine)
	for _, f := range c.archive.Files {
		words := strings.Fields(f.Name)
		if len(words) == 1 && strings.Contains(f.Name, ".") {
			c.files[f.Name] = string(f.Data)
			continue
		}
		state := splitLines(string(f.Data))
		if name, ours := strings.CutSuffix(f.Name, vipdSuffix); ours {
			if len(c.steps) == 0 || c.steps[len(c.steps)-1].name() != name {
				return nil, fmt.Errorf("section %q does not follow section %q", f.Name, name)
			}
			c.steps[len(c.steps)-1].want[vipd] = state
			continue
		}
		c.steps = append(c.steps, step{verb: words[0], args: words[1:], want: map[string][]string{c.original(): state, vipd: state}})
	}
	c.daemons = []string{vipd}
	if !c.needsIPVS() {
		c.only = onlyRouters
	}
	if everything || update || !c.needsIPVS() || said(besideLine) {
		c.daemons = append(c.daemons, c.original())
	}
	if said(convertedLine) || everything && !said(originalLine) && !c.processes {
		c.daemons = append(c.daemons, converted)
	}
	if !slices.ContainsFunc(c.steps, func(s step) bool { return s.verb == "start" }) {
		return nil, fmt.Errorf("nothing starts")
	}
	return c, nil
}

func (s step) name() string { return strings.Join(append([]string{s.verb}, s.args...), " ") }

// different reports whether vipd's state after the step is another one.
func (s step) different(original string) bool { return !slices.Equal(s.want[original], s.want[vipd]) }

// save writes the case with the states that were seen.
func (c *testCase) save() error {
	var kept []txtar.File
	for _, f := range c.archive.Files {
		if _, is := c.files[f.Name]; is {
			kept = append(kept, f)
		}
	}
	section := func(name string, state []string) {
		kept = append(kept, txtar.File{Name: name, Data: []byte(strings.Join(append(slices.Clone(state), ""), "\n"))})
	}
	for _, s := range c.steps {
		section(s.name(), s.want[c.original()])
		if s.different(c.original()) {
			section(s.name()+vipdSuffix, s.want[vipd])
		}
	}
	c.archive.Files = kept
	text := txtar.Format(c.archive)
	if before, err := os.ReadFile(c.path); err == nil && bytes.Equal(before, text) {
		return nil
	}
	return os.WriteFile(c.path, text, 0o644)
}

// splitLines returns the lines that are not empty.
func splitLines(text string) []string {
	out := []string{}
	for l := range strings.Lines(text) {
		if l = strings.TrimRight(l, " \n"); l != "" {
			out = append(out, l)
		}
	}
	return out
}
