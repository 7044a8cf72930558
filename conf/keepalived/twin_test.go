package keepalived

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/vipd/vipd/conf"
)

// unshown are the supported keywords that no twin shows, each row a pattern of
// paths with the reason.
var unshown = []struct{ pattern, why string }{
	{"global_defs/vrrp_iptables", "Debian's keepalived is built without iptables and ends with it"},
	{"vrrp_instance/virtual_ipaddress*/autojoin", "the kernel takes it for addresses of groups only, which nobody can hold"},
	{"global_defs/lvs_id", unknownThere},
	{"global_defs/set_supplementary_groups", unknownThere},
	{"global_defs/json_version", unknownThere},
	{"global_defs/*_dump_file", unknownThere},
	{"global_defs/vrrp_owner_ignore_adverts", unknownThere},
	{"vrrp_instance/owner_ignore_adverts", unknownThere},
	{"*/v3_checksum_as_v2", unknownThere},
	{"vrrp_instance/no_virtual_ipaddress", unknownThere},
	{"vrrp_instance/auth_hmac", unknownThere},
	{"vrrp_instance/auth_hmac/*", unknownThere},
	{"virtual_server/real_server/*/sni_name", unknownThere},
	{"global_defs/iproute_*_dir", unknownThere},
	{"net_namespace", besideOnly},
	{"net_namespace_ipvs", "no host of a case has a second namespace to put the table into"},
	{"instance", besideOnly},
	{"use_pid_dir", besideOnly},
	{"global_defs/data_use_instance", besideOnly},
	{"virtual_server/real_server/*/tls_compliant", unknownThere},
	{"virtual_server/real_server/*/url/tls_compliant", unknownThere},
	{"global_defs/vrrp_delay_after_boot", unknownThere},
	{"vrrp_instance/t*_expired*", unknownThere},
	{"*_rules/ip_proto", unknownThere},
	{"vrrp_instance/*_rules/ip_proto", unknownThere},
	{"*_r*es/type", unknownThere},
	{"vrrp_instance/*_r*es/type", unknownThere},
}

// unknownThere is the reason of words that the keepalived of the twins, 2.2.7,
// does not have.
const unknownThere = "keepalived 2.2.7 does not know it there"

// besideOnly is the reason of words about a machine as a whole, which more than
// one director of a case would use.
const besideOnly = "TestKeepalived_Places of internal/lab/system shows it beside keepalived"

// twins are the configurations that run under keepalived and vipd, by the name
// of their case: what each starts with and what it reloads.
func twins(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "twin", "*.txtar"))
	if err != nil || len(names) < 40 {
		t.Fatalf("%d twins, %v", len(names), err)
	}
	out := map[string]*txtar.Archive{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = archive
	}
	return out
}

// twinOptions are those of a director that has the files of a case and nothing else.
func twinOptions(archive *txtar.Archive) (o conf.Options, files map[string][]byte) {
	files = map[string][]byte{}
	for _, f := range archive.Files {
		files[f.Name] = bytes.ReplaceAll(f.Data, []byte("LAB/"), []byte("/lab/"))
	}
	o = outside()
	o.Hostname = "lb"
	o.Read = func(file string) ([]byte, error) {
		if text, is := files[filepath.Base(file)]; is {
			return text, nil
		}
		return nil, fs.ErrNotExist
	}
	o.Glob = func(pattern string) (out []string, err error) {
		for file := range files {
			if is, _ := filepath.Match(filepath.Base(pattern), file); is {
				out = append(out, file)
			}
		}
		return out, nil
	}
	return o, files
}

// mark notes the keywords that statements use, by their paths.
func mark(list []*statement, known []*keyword, prefix string, used map[string]bool) {
	for _, s := range list {
		k := find(known, s.name())
		if k == nil {
			continue
		}
		used[prefix+k.name] = true
		mark(s.kids, k.kids, prefix+k.name+"/", used)
		for _, word := range k.free {
			if slices.ContainsFunc(s.kids, func(kid *statement) bool { return kid.has(word.name) }) {
				used[prefix+k.name+"/"+word.name] = true
			}
		}
	}
}

// has reports whether a line of a list has a word, which may be the name of
// something such as "<ADDR>[/LEN]" or begin with its own, as "fwmark N".
func (s *statement) has(word string) bool {
	first, _, _ := strings.Cut(word, " ")
	return strings.HasPrefix(word, "<") || slices.Contains(append(s.args(), s.name()), first)
}

// shownBy are the names of the twins that start with each keyword or reload it,
// by the keyword's path. What stands in other files of a case, or in a comment,
// is not used.
func shownBy(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, archive := range twins(t) {
		used := map[string]bool{}
		o, files := twinOptions(archive)
		for _, f := range archive.Files {
			file, reloaded := strings.CutPrefix(f.Name, "reload ")
			file, _, _ = strings.Cut(file, ",")
			if f.Name != "keepalived.conf" && (!reloaded || files[file] == nil) {
				continue
			}
			r := newReport()
			p := &preprocessor{report: r, opts: setDefaults(o), defs: map[string]definition{}, intn: rand.IntN}
			p.file(file, place{})
			mark(parse(r, p.out), root, "", used)
		}
		for keyword := range used {
			out[keyword] = append(out[keyword], strings.TrimSuffix(filepath.Base(name), ".txtar"))
		}
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// whyUnshown is the pattern and the reason of a keyword that no twin shows; both
// are empty where none is known.
func whyUnshown(keyword string) (pattern, why string) {
	for _, row := range unshown {
		if is, _ := path.Match(row.pattern, keyword); is {
			return row.pattern, row.why
		}
	}
	return "", ""
}

// TestTwinsCoverKeywords: every supported keyword occurs in a configuration that
// runs under keepalived and vipd, or stands in the table of those that cannot.
func TestTwinsCoverKeywords(t *testing.T) {
	shown, needed := shownBy(t), map[string]bool{}
	for _, k := range Keywords() {
		if k.Status != Supported || len(shown[k.Path]) > 0 {
			continue
		}
		pattern, why := whyUnshown(k.Path)
		if why == "" {
			t.Errorf("%s is in no configuration of testdata/twin, and nothing says why", k.Path)
		}
		needed[pattern] = true
	}
	for _, row := range unshown {
		if !needed[row.pattern] {
			t.Errorf("%s is said to be in no twin, but all that it means is", row.pattern)
		}
	}
}
