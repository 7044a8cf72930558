package keepalived

import (
	"cmp"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// effect says how a keyword shows that it does something.
type effect struct {
	line, beside, instead, around string
	test                          string // that shows it instead
	none                          string // why there is none, in keepalived neither
}

// effects reads the file of them, by pattern of the keyword's path.
func effects(t *testing.T) map[string]effect {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, "effects.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]effect{}
	for l := range strings.Lines(string(text)) {
		l = strings.TrimRight(l, "\n")
		if strings.HasPrefix(l, "#") {
			continue
		}
		f := append(strings.Split(l, "\t"), "", "", "", "")
		for i := range f {
			f[i] = strings.ReplaceAll(f[i], "; ", "\n")
		}
		e := effect{line: f[1], beside: f[2], instead: f[3], around: f[4]}
		if name, is := strings.CutPrefix(e.line, "test "); is {
			e = effect{test: name}
		}
		if why, is := strings.CutPrefix(e.line, "none "); is {
			e = effect{none: why}
		}
		if _, again := out[f[0]]; again {
			t.Errorf("%s is there twice", f[0])
		}
		out[f[0]] = e
	}
	return out
}

// effectOf finds the entry of a keyword: its own before one for several.
func effectOf(all map[string]effect, keyword string) (string, effect, bool) {
	if e, ok := all[keyword]; ok {
		return keyword, e, true
	}
	words := strings.Split(keyword, "/")
	for pattern, e := range all {
		list, word, _ := strings.Cut(pattern, "/")
		switch {
		case !strings.HasPrefix(pattern, "*"):
		case strings.HasPrefix(pattern, "*/") && words[0] == "virtual_server" && strings.HasSuffix(keyword, pattern[1:]):
			// "*/url/path" is not for "*/path" alone, and the reverse.
			if nested := slices.Contains(words, "url"); nested == strings.Contains(pattern, "url/") {
				return pattern, e, true
			}
		case list != "*":
			block, own, _ := strings.Cut(strings.TrimPrefix(keyword, "vrrp_instance/"), "/")
			if fits, _ := path.Match(list, block); fits && own == word {
				return pattern, e, true
			}
		}
	}
	return "", effect{}, false
}

// surroundings are the blocks that a line stands in, with what is needed for a
// configuration. The line comes last and overrides.
var surroundings = map[string]string{
	"":            "LINE\n",
	"SSL":         "SSL {\nLINE\n}\n",
	"garp_group":  "garp_group {\nLINE\n}\n",
	"global_defs": "global_defs {\nLINE\n}\n",
	"track_file":  "track_file t {\nLINE\n}\n", "vrrp_track_file": "vrrp_track_file t {\nLINE\n}\n",
	"virtual_server":                             "virtual_server 192.0.2.80 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nLINE\nreal_server 198.51.100.1 80 {\nTCP_CHECK {\n}\n}\n}\n",
	"virtual_server/real_server":                 "virtual_server 192.0.2.80 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 198.51.100.1 80 {\nLINE\nTCP_CHECK {\n}\n}\n}\n",
	"virtual_server/real_server/FILE_CHECK":      "track_file t {\nfile /t\n}\ntrack_file u {\nfile /u\n}\n" + serviceWith("FILE_CHECK {\nLINE\n}"),
	"virtual_server/real_server/MISC_CHECK":      serviceWith("MISC_CHECK {\nmisc_path /bin/true\nLINE\n}"),
	"virtual_server/real_server/HTTP_GET/url":    serviceWith("HTTP_GET {\nurl {\nLINE\n}\n}"),
	"virtual_server/real_server/SSL_GET/url":     serviceWith("SSL_GET {\nurl {\nLINE\n}\n}"),
	"virtual_server/real_server/SMTP_CHECK/host": serviceWith("SMTP_CHECK {\nhost {\nLINE\n}\n}"),
	"virtual_server_group":                       "virtual_server_group g {\n192.0.2.81 80\nLINE\n}\nvirtual_server group g {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 198.51.100.1 80 {\n}\n}\n",
	"vrrp_instance":                              instanceAround("LINE"),
	"vrrp_instance/auth_hmac":                    instanceAround("auth_hmac {\nLINE\n}"),
	"vrrp_instance/authentication":               instanceAround("authentication {\nLINE\n}"),
	"vrrp_instance/unicast_peer":                 instanceAround("unicast_peer {\n192.0.2.66\nLINE\n}"),
	"vrrp_instance/virtual_ipaddress":            "vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\nLINE\n}\n}\n",
	"vrrp_instance/virtual_ipaddress_excluded":   instanceAround("virtual_ipaddress_excluded {\nLINE\n}"),
	"vrrp_instance/virtual_routes":               instanceAround("virtual_routes {\nLINE\n}"),
	"vrrp_instance/virtual_rules":                instanceAround("virtual_rules {\nLINE\n}"),
	"static_ipaddress":                           "static_ipaddress {\nLINE\n}\n",
	"static_routes":                              "static_routes {\nLINE\n}\n",
	"static_rules":                               "static_rules {\nLINE\n}\n",
	"vrrp_script":                                "vrrp_script s {\nscript /bin/true\nLINE\n}\n",
	"vrrp_sync_group":                            instanceAround("") + strings.NewReplacer("_instance a", "_instance b", "id 5", "id 6", "2.1/24", "2.2/24").Replace(instanceAround("")) + "vrrp_sync_group g {\ngroup {\na\n}\nLINE\n}\n",
	"vrrp_track_process":                         "vrrp_track_process p {\nprocess haproxy -W\nLINE\n}\n",
}

func instanceAround(line string) string {
	return "vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\n" + line + "\nvirtual_ipaddress {\n192.0.2.1/24\n}\n}\n"
}

// shorthands of the file.
var shorthands = strings.NewReplacer(
	"MAIL", "notification_email {\na@example.com\n}\nsmtp_server 192.0.2.25\nrouter_id r",
	"KEY1", strings.Repeat("a", 32), "KEY2", strings.Repeat("b", 32),
	"ROUTE", "198.51.100.0/24 dev eth0", "RULE6", "table 9 preference 9", "RULE", "from 192.0.2.0/24 table 9 preference 9",
)

// surround makes a whole configuration of a line in a block.
func surround(block, line, beside, around string) string {
	text := surroundings[block]
	if kind, is := strings.CutPrefix(block, "virtual_server/real_server/"); text == "" && is {
		text = serviceWith(kind + " {\nLINE\n}")
	}
	before, after := "", ""
	word, rest, _ := strings.Cut(around, " ")
	switch word {
	case "":
	case "instance":
		after = instanceAround(rest)
	case "instance6":
		after = strings.ReplaceAll(instanceAround(rest), "192.0.2.1/24", "2001:db8::1/64")
	case "service":
		after = serviceWith(rest + " {\n}")
	case "mail":
		before = "global_defs {\nMAIL\n}\n"
	case "tracked":
		before = "vrrp_script s {\nscript /bin/true\n}\nvrrp_track_process p {\nprocess x\n}\ntrack_file t {\nfile /t\n}\n"
	case "HTTP":
		text = strings.ReplaceAll(text, "TCP_CHECK", "HTTP_GET")
	default:
		after = around + "\n"
	}
	return shorthands.Replace(before + strings.ReplaceAll(text, "LINE", beside+"\n"+line) + after)
}

// TestSupportedHasEffect: what is called supported changes the model, or names
// the test that shows what it does.
func TestSupportedHasEffect(t *testing.T) {
	all, used := effects(t), map[string]bool{}
	var tests []string
	keywords := Keywords()
	for _, k := range keywords {
		// A block is proven by what is in it.
		inside := slices.ContainsFunc(keywords, func(o Keyword) bool { return strings.HasPrefix(o.Path, k.Path+"/") })
		pattern, e, known := effectOf(all, k.Path)
		switch {
		case k.Status != Supported || inside && !known || k.Path == "global_defs" || strings.Count(k.Path, "/") == 2 && strings.HasSuffix(k.Path, "_CHECK"):
			continue
		case !known:
			t.Errorf("%s: nothing shows that it has an effect", k.Path)
			continue
		}
		used[pattern] = true
		if e.none != "" {
			if k.Why != e.none {
				t.Errorf("%s has no effect, because %s; its remark is %q", k.Path, e.none, k.Why)
			}
			continue
		}
		if e.test != "" {
			tests = append(tests, e.test)
			continue
		}
		block := path.Dir(strings.ReplaceAll(k.Path, "[/", "["))
		if block == "." {
			block = ""
		}
		with, without := surround(block, e.line, e.beside, e.around), surround(block, e.instead, e.beside, e.around)
		if written(t, usable(t, with)) == written(t, usable(t, without)) {
			t.Errorf("%s: these make the same model:\n%s\n%s", k.Path, with, without)
		}
	}
	for pattern := range all {
		if !used[pattern] {
			t.Errorf("%s: no keyword is that", cmp.Or(pattern, "an empty line"))
		}
	}
	areTests(t, tests)
}

// areTests reports names that no test of this module has.
func areTests(t *testing.T, names []string) {
	t.Helper()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := exec.Command("grep", "-rqF", "--include=*_test.go", "func "+name+"(", filepath.Join("..", "..")).Run(); err != nil {
			t.Errorf("there is no test %s: %v", name, err)
		}
	}
}
