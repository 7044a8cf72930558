package keepalived

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
)

// preprocess returns the lines that a text becomes.
func preprocess(t *testing.T, text string) []string {
	t.Helper()
	o := setDefaults(conf.Options{
		Hostname: "lb1.example.com",
		Env:      func(name string) (string, bool) { return "of " + name, true },
		Read:     func(string) ([]byte, error) { return []byte(text), nil },
	})
	p := &preprocessor{report: newReport(), opts: o, defs: map[string]definition{}, intn: rand.IntN}
	p.file("/etc/keepalived/keepalived.conf", place{})
	if len(p.diags) > 0 {
		t.Errorf("%s", remarks(t, p.diags))
	}
	var out []string
	for _, l := range p.out {
		out = append(out, strings.TrimSpace(l.text))
	}
	return out
}

func TestLines(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"comments", "a # b\n! c\nd ! e\n\"f # g\" # h", "a|d|\"f # g\""},
		{"conditions", "@lb1 a\n@lb2 b\n@^lb1 c\n@^lb2 d", "a|d"},
		{"definition", "$A=1 2\nx $A y${A}z\nx $A/24 $B ${B}", "x 1 2 y1 2z|x $A/24 $B ${B}"},
		{"late substitution", "$A=$B\n$B=1\nx $A", "x 1"},
		{"redefinition", "$A=1\nx $A\n$A=2\nx $A", "x 1|x 2"},
		{"several lines", "$A= \\\n  b ${N} { \\\n # no \\\n c \\\n }\n$N=7\n$A\nend", "b 7 {|c|}|end"},
		{"builtin", "x ${_PWD} ${_INSTANCE} ${_HASH}${_BANG} ${_ENV HOME}", "x /etc/keepalived lb1 #! of HOME"},
		{"sequence", "~SEQ(N, 1, 2, 5) a$N b${N}c $N", "a1 b1c 1|a3 b3c 3|a5 b5c 5"},
		{"down", "~SEQ(N, 3, 1) ${N}", "3|2|1"},
		{"from one", "~SEQ(N, 2) ${N}", "1|2"},
		{"hexadecimal", "~SEQx(N, 9, 11) ${N}", "9|a|b"},
		{"list", "~LST(N, a, b) x $N", "x a|x b"},
		{"list of sets", "~LST({A,B}, {1,2}, {3,4}) ${A}-${B}", "1-2|3-4"},
		{"nested", "~SEQ(A, 2) ~LST(B, x, y) ${A}${B}", "1x|1y|2x|2y"},
		{"bounds defined", "$E=2\n~SEQ(A, 1, $E) ${A}", "1|2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, strings.Join(preprocess(t, tt.text), "|")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	tests := []struct{ text, want string }{
		{`a  b	c`, "a|b|c"},
		{`a{b}c`, "a|{|b|}|c"},
		{`"a b"'c d'e {f`, "a bc de|{|f"},
		{`x ${Y}z {`, "x|${Y}z|{"},
		{`"\x41\102\t\cA\q\\"`, "AB\t\x01q\\"},
		{`"{" }`, "{|}"},
	}
	for _, tt := range tests {
		words, open := split(tt.text, true)
		var got []string
		for _, w := range words {
			got = append(got, w.text)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "|")); diff != "" || open != 0 {
			t.Errorf("%s: open %q (-want +got):\n%s", tt.text, open, diff)
		}
	}
	if _, open := split(`a "b`, true); open != '"' {
		t.Errorf("an open quote goes unnoticed: %q", open)
	}
}

// TestInclude reads relative to the including file, with patterns and braces.
func TestInclude(t *testing.T) {
	files := map[string]string{
		"/k/keepalived.conf": "include sub/{a,b}.conf\ninclude sub/*.inc\n",
		"/k/sub/a.conf":      "one\ninclude c.conf\n", "/k/sub/b.conf": "two\n", "/k/sub/c.conf": "three\n", "/k/sub/d.inc": "four\n",
	}
	o := setDefaults(conf.Options{
		Read: func(name string) ([]byte, error) { return []byte(files[name]), nil },
		Glob: func(string) ([]string, error) { return []string{"/k/sub/d.inc"}, nil },
	})
	p := &preprocessor{report: newReport(), opts: o, defs: map[string]definition{}, intn: rand.IntN}
	p.file("/k/keepalived.conf", place{})
	var got []string
	for _, l := range p.out {
		got = append(got, l.at.String()+" "+l.text)
	}
	want := []string{"/k/sub/a.conf:1 one", "/k/sub/c.conf:1 three", "/k/sub/b.conf:1 two", "/k/sub/d.inc:1 four"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzLoad: no panic, no hang, and a configuration exactly when there is no
// error.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.1 }\n}",
		"$A= \\\n x ${A} \\\n}\n$A", "~SEQ(N,1,9) ~LST({A,B},{1,2}) ${A}", "@a \"b\\x", "include x", "virtual_server group a { }",
		"virtual_server_group a { 192.0.2.0/8 80\n::1-ffff }", "static_routes { default nexthop via 192.0.2.1 }",
		"static_routes { default nexthop }",
		"include *", // all files of a directory include all of them
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := outside()
		o.Read = func(string) ([]byte, error) { return []byte(text), nil }
		o.Interfaces = func(string) []string { return []string{"lo", "eth0"} }
		o.MailHost = func(string) error { return os.ErrNotExist }
		c, diags := Load([]string{"keepalived.conf"}, o)
		if (c == nil) != diags.HasErrors() {
			t.Errorf("configuration is nil: %v, errors: %v", c == nil, diags.HasErrors())
		}
		for _, d := range diags {
			if d.Severity == conf.Error && (d.File == "" || d.Line == 0) {
				t.Errorf("no place: %+v", d)
			}
		}
		if c != nil {
			writtenAndRead(t, "fuzz", c)
		}
	})
}
