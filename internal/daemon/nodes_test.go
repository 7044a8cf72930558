package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// togetherCodes are what is told about several files.
var togetherCodes = []string{
	"vrid_clash", "other_interval", "other_auth", "other_addresses", "other_version", "same_priority", "other_preempt", "unreachable_peer",
	"unknown_peer", "weak_weight", "off_subnet", "alone", "other_vrid",
}

// nodeText is the file of one of two nodes in keepalived's language.
const nodeText = `vrrp_script web {
  script "/bin/true"
  weight -60
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass secret
  }
  track_script {
    web
  }
  virtual_ipaddress {
    192.0.2.100
  }
}
`

// nodeHCL is the same in vipd's own language.
const nodeHCL = `version = 1
track_script "web" {
  command = ["/bin/true"]
}
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 2
  priority        = 150
  advert_interval = "1s"
  virtual_address = ["192.0.2.100/32"]
  auth "password" {
    secret = "secret"
  }
  track "script" "web" {
    weight = -60
  }
}
`

// nodeCase is how the files of two nodes differ: words of both, and more words of
// the second, "old, new" with ";" between them.
type nodeCase struct {
	name, both, other string
	want              string // what is told, and what the line begins with
}

// keepalivedNodes and ownNodes are the same cases in two languages.
var (
	keepalivedNodes = []nodeCase{
		{"well", "", lower, ""},
		{"vrid clash", "", lower + "; 192.0.2.100, 192.0.2.200", "error vrid_clash virtual_router_id"},
		{"other vrid", "", lower + "; id 51, id 52", "error other_vrid virtual_router_id"},
		{"interval", "", lower + "; advert_int 1, advert_int 2", "error other_interval advert_int"},
		{"password", "", lower + "; secret, other", "error other_auth authentication"},
		{"way of authentication", "", lower + "; PASS, AH", "error other_auth authentication"},
		{"addresses", "", lower + "; 192.0.2.100, 192.0.2.100\n    192.0.2.101", "warning other_addresses virtual_ipaddress"},
		{"version", "authentication {\n    auth_type PASS\n    auth_pass secret\n  }, ", lower + "; advert_int 1, version 3", "error other_version version"},
		{"tie", "", "", "warning same_priority priority"},
		{"preempt", "", lower + "; advert_int 1, advert_int 1\n  nopreempt", "warning other_preempt nopreempt"},
		{"unreachable peer", "", lower + "; " + peers, "error unreachable_peer unicast_peer"},
		{"peers that do not meet", peers, lower + "; 192.0.2.2, 192.0.2.1", strangers("unicast_peer")},
		{"weight", "weight -60, weight -10", lower, "warning weak_weight track_script"},
		{"outside of every subnet", "192.0.2.100, 192.0.2.100\n    203.0.113.1", lower, "warning off_subnet virtual_ipaddress"},
		{"nobody takes over", "", lower + "; vrrp_instance web, vrrp_instance mail {\n  interface eth0\n  virtual_router_id 52\n  virtual_ipaddress {\n 192.0.2.101\n }\n}\nvrrp_instance web",
			"warning alone virtual_router_id"},
	}
	ownNodes = []nodeCase{
		{"well", "", lowerHCL, ""},
		{"vrid clash", "", lowerHCL + "; 192.0.2.100, 192.0.2.200", "error vrid_clash vrid"},
		{"other vrid", "", lowerHCL + "; = 51, = 52", "error other_vrid vrid"},
		{"interval", "", lowerHCL + `; "1s", "2s"`, "error other_interval advert_interval"},
		{"password", "", lowerHCL + `; "secret", "other"`, "error other_auth auth"},
		{"way of authentication", "", lowerHCL + `; "password", "ah"`, "error other_auth auth"},
		{"addresses", "", lowerHCL + `; 100/32", 100/32"` + "\x00" + ` "192.0.2.101/32"`, "warning other_addresses virtual_address"},
		{"version", "auth \"password\" {\n    secret = \"secret\"\n  }, ", lowerHCL + "; version         = 2, version = 3", "error other_version version"},
		{"tie", "", "", "warning same_priority priority"},
		{"preempt", "", lowerHCL + "; vrid , preempt = false\n  vrid ", "warning other_preempt preempt"},
		{"unreachable peer", "", lowerHCL + "; " + peersHCL, "error unreachable_peer unicast"},
		{"peers that do not meet", peersHCL, lowerHCL + "; 192.0.2.2, 192.0.2.1", strangers("unicast")},
		{"weight", "-60, -10", lowerHCL, "warning weak_weight track"},
		{"outside of every subnet", `100/32", 100/32"` + "\x00" + ` "203.0.113.1/32"`, lowerHCL, "warning off_subnet virtual_address"},
		{"nobody takes over", "", lowerHCL + "; vrrp_instance \"web\", vrrp_instance \"mail\" {\n  interface = \"eth0\"\n  vrid = 52\n  virtual_address = [\"192.0.2.101/32\"]\n}\nvrrp_instance \"web\"",
			"warning alone vrid"},
	}
)

const (
	lower    = "priority 150, priority 100"
	lowerHCL = "= 150, = 100"
	peers    = "advert_int 1, advert_int 1\n  unicast_src_ip 192.0.2.2\n  unicast_peer {\n    192.0.2.9\n  }"
	peersHCL = "vrid , source = \"192.0.2.2\"\n  unicast {\n    peers = [\"192.0.2.9\"]\n  }\n  vrid "
)

// strangers is what is told of two nodes that both send to a third.
func strangers(word string) string {
	one := "warning unknown_peer " + word + ", error unreachable_peer " + word
	return one + ", " + one
}

// TestCheckNodes: what keeps the files of two nodes from being one cluster, each
// file well by itself, and which line says it.
func TestCheckNodes(t *testing.T) {
	for _, language := range []struct {
		name, text, ending string
		cases              []nodeCase
	}{{"keepalived", nodeText, ".conf", keepalivedNodes}, {"own", nodeHCL, ".hcl", ownNodes}} {
		for _, c := range language.cases {
			t.Run(language.name+" "+c.name, func(t *testing.T) {
				first := changed(language.text, c.both)
				checkNodes(t, c, language.ending, first, changed(first, c.other))
			})
		}
	}
}

func checkNodes(t *testing.T, c nodeCase, ending string, texts ...string) {
	t.Helper()
	dir := t.TempDir()
	var files []NodeFile
	for i, text := range texts {
		name := fmt.Sprintf("lb%d", i+1)
		file := filepath.Join(dir, name+ending)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, NodeFile{name, file})
	}
	diags := CheckNodes(files, "", map[string][]netip.Prefix{"eth0": {netip.MustParsePrefix("192.0.2.0/24")}})
	var told []string
	for _, d := range diags {
		if slices.Contains(togetherCodes, d.Code) {
			told = append(told, d.Severity.String()+" "+d.Code+" "+firstWord(t, d.File, d.Line))
		}
	}
	if got := strings.Join(slices.Compact(told), ", "); got != c.want || diags.HasErrors() != strings.Contains(c.want, "error") {
		t.Errorf("%q, want %q: %v", got, c.want, diags)
	}
}

// firstWord is what a line of a file begins with.
func firstWord(t *testing.T, file string, line int) string {
	t.Helper()
	text, err := os.ReadFile(file)
	lines := strings.Split(string(text), "\n")
	if err != nil || line < 1 || line > len(lines) {
		t.Fatalf("line %d of %s: %v", line, file, err)
	}
	return strings.Fields(lines[line-1] + " ?")[0]
}

// changed replaces words of a text; a comma in the new ones is written as NUL.
func changed(text, edits string) string {
	for edit := range strings.SplitSeq(edits, "; ") {
		if old, words, is := strings.Cut(edit, ", "); is {
			text = strings.ReplaceAll(text, old, strings.ReplaceAll(words, "\x00", ","))
		}
	}
	return text
}
