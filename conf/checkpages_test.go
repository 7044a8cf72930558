package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/golden"
)

// Each kind of check has a page: what is said of it by hand, and between two
// marks what follows from the schema.
const (
	madeBegin = "<!-- begin: made from the schema -->\n"
	madeEnd   = "<!-- end: made from the schema -->\n"
)

// tried says against what each kind is tested, and by which test of package
// probe.
var tried = map[healthcheck.Kind][2]string{
	healthcheck.KindTCP:        {"servers of Go", "TestTCP"},
	healthcheck.KindHTTP:       {"nginx", "TestRealNginx"},
	healthcheck.KindHTTPS:      {"nginx", "TestRealNginx"},
	healthcheck.KindHTTPProxy:  {"tinyproxy", "TestRealTinyproxy"},
	healthcheck.KindGRPC:       {"etcd", "TestRealEtcd"},
	healthcheck.KindSMTP:       {"OpenSMTPD and, with TLS, Dovecot", "TestRealDovecot"},
	healthcheck.KindPOP3:       {"Dovecot", "TestRealDovecot"},
	healthcheck.KindIMAP:       {"Dovecot", "TestRealDovecot"},
	healthcheck.KindFTP:        {"vsftpd", "TestRealVsftpd"},
	healthcheck.KindNNTP:       {"sn", "TestRealNews"},
	healthcheck.KindDNS:        {"NSD", "TestRealNSD"},
	healthcheck.KindLDAP:       {"OpenLDAP", "TestRealOpenLDAP"},
	healthcheck.KindMySQL:      {"MariaDB", "TestRealMariaDB"},
	healthcheck.KindPostgreSQL: {"PostgreSQL", "TestRealPostgreSQL"},
	healthcheck.KindOracle:     {"packets of a listener", "TestTNS"},
	healthcheck.KindRADIUS:     {"FreeRADIUS", "TestRealFreeRADIUS"},
	healthcheck.KindSIP:        {"SIPp", "TestRealSIPp"},
	healthcheck.KindRedis:      {"Redis", "TestRealRedis"},
	healthcheck.KindUDP:        {"NSD", "TestRealNSD"},
	healthcheck.KindPing:       {"the kernel", "TestPing"},
	healthcheck.KindScript:     {"a plugin for Nagios", "TestRealNagiosPlugin"},
	healthcheck.KindFile:       {"files", "TestFile"},
	healthcheck.KindAgent:      {"the lines of HAProxy's documentation", "TestDialogues"},
	healthcheck.KindOn:         {"nothing", "TestOnAndOff"},
	healthcheck.KindOff:        {"nothing", "TestOnAndOff"},
}

// TestCheckPages: every kind has a page whose tables say what the loader does,
// and that says what goes on the wire and shows an example that loads. With
// -update the tables are written anew.
func TestCheckPages(t *testing.T) {
	pages := filepath.Join("..", "docs", "checks")
	for _, k := range checkKinds {
		t.Run(string(k.kind), func(t *testing.T) {
			file := filepath.Join(pages, string(k.kind)+".md")
			made(t, file, kindFacts(k))
			page := read(t, file)
			if !strings.HasPrefix(page, fmt.Sprintf("# Check `%s`\n", k.kind)) {
				t.Error("the page has another title")
			}
			_, wire, _ := strings.Cut(page, "\n## On the wire\n")
			wire, example, _ := strings.Cut(wire, "\n## Example\n")
			if len(strings.TrimSpace(wire)) < 40 {
				t.Error("the page does not say what goes on the wire")
			}
			_, example, _ = strings.Cut(example, "```hcl\n")
			example, _, _ = strings.Cut(example, "```")
			if !strings.Contains(example, fmt.Sprintf("check %q", k.kind)) {
				t.Errorf("the example has no check of this kind:\n%s", example)
			}
			c, diags := Load([]string{"page.hcl"}, memory{"page.hcl": "version = 1\n" + example}.options())
			if c == nil {
				t.Errorf("%s\n%s", example, text(t, diags))
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil || len(files) != len(checkKinds) {
		t.Errorf("%d pages of %d kinds: %v", len(files), len(checkKinds), err)
	}
	index := filepath.Join("..", "docs", "checks.md")
	made(t, index, kindIndex())
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(read(t, index), -1) {
		if c, diags := Load([]string{"page.hcl"}, memory{"page.hcl": "version = 1\n" + m[1]}.options()); c == nil {
			t.Errorf("%s\n%s", m[1], text(t, diags))
		}
	}
}

// TestKindsAreTried: the tests that the pages name exist.
func TestKindsAreTried(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "healthcheck", "probe", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		all.WriteString(read(t, f))
	}
	for kind, by := range tried {
		if !strings.Contains(all.String(), "func "+by[1]+"(") {
			t.Errorf("%s is tested by %s, which does not exist", kind, by[1])
		}
	}
}

// TestPagesNameKeys: what a page calls a key with a value is one.
func TestPagesNameKeys(t *testing.T) {
	for _, v := range inlineCheckBlock.byLabel {
		page := read(t, filepath.Join("..", "docs", "checks", v.label+".md"))
		_, page, _ = strings.Cut(page, madeEnd)
		known := slices.Concat(v.attrs, timingAttrs)
		for _, m := range regexp.MustCompile("`([a-z_]+) = ").FindAllStringSubmatch(page, -1) {
			if m[1] != "checktype" && !slices.ContainsFunc(known, func(a *attr) bool { return a.name == m[1] }) {
				t.Errorf("the page of %s calls %q a key", v.label, m[1])
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// made compares what stands between the marks of a file, or writes it.
func made(t *testing.T, file, want string) {
	t.Helper()
	before, rest, ok := strings.Cut(read(t, file), madeBegin)
	have, after, ok2 := strings.Cut(rest, madeEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of its generated part", file)
	}
	if golden.Update() {
		golden.Write(t, file, before+madeBegin+want+madeEnd+after)
	} else if have != want {
		t.Errorf("%s is not up to date: go test ./conf -run TestCheckPages -update", file)
	}
}

// kindFacts is what the schema knows of a kind.
func kindFacts(k checkKind) string {
	var b strings.Builder
	v := inlineCheckBlock.variantFor([]string{string(k.kind)})
	b.WriteString(k.help + "\n\n| | |\n|---|---|\n")
	row := func(what, text string) { fmt.Fprintf(&b, "| %s | %s |\n", what, text) }
	if k.kind.Local() {
		row("families", "no packet leaves this host")
	} else {
		row("families", "IPv4 and IPv6")
		row("TLS", tlsWords(k.kind.TLSModes()))
		port, from := "`address` and `port`, else those of the real server", "`source`, `source_port`, "
		if k.kind == healthcheck.KindPing {
			port, from = "`address`, else that of the real server", "`source`, "
		}
		row("asked", port)
		row("from", from+"`interface`, `fwmark`, else as the routing table says")
	}
	row("tested against", fmt.Sprintf("%s (`%s`)", tried[k.kind][0], tried[k.kind][1]))
	b.WriteString("\n## Keys\n\n")
	writeAttrs(&b, v.attrs)
	b.WriteString("And those that [every check has](../configuration.md#check-kind); what they mean for the verdict is told in [checks](../checks.md#timing-and-verdicts).\n")
	return b.String()
}

func tlsWords(modes []healthcheck.TLSMode) string {
	switch {
	case len(modes) == 1 && modes[0] == healthcheck.TLSOff:
		return "never"
	case len(modes) == 1:
		return "always"
	case len(modes) == 2:
		return "`tls = \"on\"`"
	}
	return "`tls = \"on\"` from the start, `tls = \"starttls\"` by the protocol's command"
}

// kindIndex lists the pages.
func kindIndex() string {
	var b strings.Builder
	b.WriteString("| kind | what it asks |\n|---|---|\n")
	for _, k := range checkKinds {
		fmt.Fprintf(&b, "| [`%s`](checks/%s.md) | %s |\n", k.kind, k.kind, k.help)
	}
	return b.String()
}
